//! Metrics of the process, in Prometheus's text format. Labels come from closed lists only.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Labels with the kind of a resource.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Kind {
    /// `cluster` or `nodegroup`.
    pub kind: &'static str,
}

/// Labels of a failed reconcile.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Failure {
    /// `cluster` or `nodegroup`.
    pub kind: &'static str,
    /// Category of the error.
    pub category: &'static str,
}

/// Labels of a step of long work.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Step {
    /// What was done: `create`, `api-ready`, `delete`, `add-nodes`, …
    pub step: &'static str,
    /// `ok` or `error`.
    pub result: &'static str,
}

/// Labels of a count by phase.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByPhase {
    /// The phase.
    pub phase: &'static str,
}

/// Labels of a count of nodes.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByReadiness {
    /// `ready` or `not-ready`.
    pub state: &'static str,
}

/// Labels of a request to the management cluster's API.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Method {
    /// `GET` (watches too), `PATCH`, …
    pub method: &'static str,
}

/// Every metric of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Reconciles by kind.
    pub reconciles: Family<Kind, Counter>,
    /// Failed reconciles by kind and category.
    pub errors: Family<Failure, Counter>,
    /// Seconds that a reconcile took.
    pub reconcile_seconds: Family<Kind, Histogram>,
    /// Seconds that a step of long work took.
    pub provision_seconds: Family<Step, Histogram>,
    /// Mutating calls to the management cluster's API.
    pub writes: Family<Kind, Counter>,
    /// Requests to the management cluster's API, Events and the Lease among them.
    pub kubernetes_requests: Family<Method, Counter>,
    /// Clusters by phase.
    pub clusters: Family<ByPhase, Gauge>,
    /// Nodes of node groups by readiness.
    pub nodes: Family<ByReadiness, Gauge>,
    /// Long work that waits or runs.
    pub queue_depth: Gauge,
    /// 1 in the replica that leads.
    pub leader: Gauge<u64, AtomicU64>,
    /// Clusters of which containers exist but no resource.
    pub orphans: Gauge,
}

fn quick() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 8))
}

fn slow() -> Histogram {
    Histogram::new(exponential_buckets(0.25, 2.0, 11))
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("k3eks"),
            reconciles: Family::default(),
            errors: Family::default(),
            reconcile_seconds: Family::new_with_constructor(quick),
            provision_seconds: Family::new_with_constructor(slow),
            writes: Family::default(),
            kubernetes_requests: Family::default(),
            clusters: Family::default(),
            nodes: Family::default(),
            queue_depth: Gauge::default(),
            leader: Gauge::default(),
            orphans: Gauge::default(),
        };
        let m = &mut metrics;
        let r = &mut m.registry;
        r.register("reconciles", "Reconciles by kind", m.reconciles.clone());
        r.register("reconcile_errors", "Failed reconciles by kind and category", m.errors.clone());
        r.register("reconcile_duration_seconds", "Seconds that a reconcile took", m.reconcile_seconds.clone());
        r.register("provision_duration_seconds", "Seconds that a step of long work took", m.provision_seconds.clone());
        r.register("api_writes", "Mutating calls to the management cluster's API", m.writes.clone());
        r.register("kubernetes_requests", "Requests to the management cluster's API", m.kubernetes_requests.clone());
        r.register("clusters", "Clusters by phase", m.clusters.clone());
        r.register("nodes", "Nodes of node groups by readiness", m.nodes.clone());
        r.register("queue_depth", "Long work that waits or runs", m.queue_depth.clone());
        r.register("orphans", "Clusters of which containers exist but no resource", m.orphans.clone());
        r.register("leader", "1 in the replica that leads", m.leader.clone());
        Arc::new(metrics)
    }

    /// Notes how long a step of long work took.
    pub fn step(&self, step: &'static str, ok: bool, took: Duration) {
        let result = if ok { "ok" } else { "error" };
        self.provision_seconds.get_or_create(&Step { step, result }).observe(took.as_secs_f64());
    }

    /// Counts a request to the management cluster's API.
    pub fn request(&self, method: &str) {
        const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        let method = METHODS.into_iter().find(|m| *m == method).unwrap_or("other");
        self.kubernetes_requests.get_or_create(&Method { method }).inc();
    }

    /// Everything in Prometheus's text form.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
