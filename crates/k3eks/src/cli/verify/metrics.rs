//! Metrics: metrics.k8s.io, which `kubectl top` and autoscalers ask, knows every node.

use std::time::Duration;

use kube::ResourceExt;
use serde::Deserialize;
use text::{counted, sentence};

use super::environment::Environment;
use super::finding::Outcome;

/// How long figures may take: they are gathered every 15 s, and of a new node only after a while.
const PATIENCE: Duration = Duration::from_secs(80);

#[derive(Deserialize)]
struct Figures {
    items: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    metadata: kube::core::ObjectMeta,
}

/// Asks for the nodes' figures until there are some of all that are ready.
pub async fn check(env: &Environment) -> Outcome {
    let wanted: Vec<String> = env.workers().iter().map(|node| node.name_any()).collect();
    if wanted.is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    let begun = tokio::time::Instant::now();
    loop {
        let found = match nodes(env).await {
            Ok(known) => {
                let missing: Vec<&str> =
                    wanted.iter().filter(|node| !known.contains(node)).map(String::as_str).collect();
                if missing.is_empty() {
                    return Outcome::ok(format!("metrics.k8s.io has figures of {}", counted(wanted.len(), "node")));
                }
                format!("no figures of {}", missing.join(", "))
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Outcome::skipped(
                    "the cluster has no metrics.k8s.io: aws eks create-addon --addon-name metrics-server installs it",
                );
            }
            Err(error) => sentence(&error),
        };
        if begun.elapsed() > PATIENCE {
            return Outcome::fails(
                format!("{found}, after {} s", PATIENCE.as_secs()),
                "metrics.k8s.io has figures of every node that takes pods",
                "kubectl get apiservice v1beta1.metrics.k8s.io; kubectl -n kube-system logs deploy/metrics-server",
            );
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

async fn nodes(env: &Environment) -> Result<Vec<String>, kube::Error> {
    let request = http::Request::get("/apis/metrics.k8s.io/v1beta1/nodes").body(Vec::new());
    let figures: Figures = env.child.request(request.map_err(kube::Error::HttpError)?).await?;
    Ok(figures.items.into_iter().filter_map(|figure| figure.metadata.name).collect())
}
