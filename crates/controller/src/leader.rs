//! Leader election by Lease: one replica works, the others wait for it to go.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Name of the Lease.
const LEASE: &str = "k3eks-operator";
/// How long a silent leader keeps the Lease.
const TTL: Duration = Duration::from_secs(15);
/// Between two renewals, or two looks at another's lease.
const TICK: Duration = Duration::from_secs(3);
/// The longest wait for an answer, so that there is time for another try.
const ANSWER: Duration = Duration::from_secs(5);

/// Our hold on the Lease.
pub struct Leadership {
    leases: Api<Lease>,
    holder: String,
}

/// Another replica's lease when it last changed, by this machine's clock: clocks may differ.
struct Seen {
    version: Option<String>,
    at: Instant,
}

/// Whether a lease has been at `version` for too long.
fn silent(seen: &mut Option<Seen>, version: Option<&String>, now: Instant) -> bool {
    match seen {
        Some(seen) if seen.version.as_ref() == version => now.duration_since(seen.at) > TTL,
        _ => {
            *seen = Some(Seen { version: version.cloned(), at: now });
            false
        }
    }
}

/// Holder of a lease; a released lease has none.
fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

impl Leadership {
    /// For the replica `holder`; the Lease is in `namespace`.
    pub fn new(client: Client, namespace: &str, holder: &str) -> Self {
        Self { leases: Api::namespaced(client, namespace), holder: holder.to_owned() }
    }

    /// The lease as this replica's own, from `now` on.
    fn ours(&self, lease: Option<&Lease>, now: Timestamp) -> Value {
        let now = MicroTime(now);
        let mut spec = json!({"holderIdentity": self.holder, "leaseDurationSeconds": TTL.as_secs(), "renewTime": &now});
        if lease.and_then(holder) != Some(&self.holder) {
            let before = lease.and_then(|lease| lease.spec.as_ref()?.lease_transitions);
            spec["acquireTime"] = json!(now);
            spec["leaseTransitions"] = json!(before.map_or(0, |before| before.saturating_add(1)));
        }
        spec
    }

    /// Writes `spec`; returns false if `lease` was changed since it was read.
    async fn write(&self, lease: &Lease, spec: Value) -> Result<bool, kube::Error> {
        let patch =
            Patch::Merge(json!({"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}));
        match self.leases.patch(LEASE, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(true),
            // It was removed, or written.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Acquires a free lease or renews our own. Returns the holder.
    async fn take(&self, seen: &mut Option<Seen>) -> Result<bool, kube::Error> {
        loop {
            let Some(lease) = self.leases.get_opt(LEASE).await? else {
                let spec = self.ours(None, Timestamp::now());
                let made = serde_json::from_value(json!({"metadata": {"name": LEASE}, "spec": spec}));
                match self.leases.create(&PostParams::default(), &made.map_err(kube::Error::SerdeError)?).await {
                    Err(kube::Error::Api(status)) if status.code == 409 => continue,
                    made => return made.map(|_| true),
                }
            };
            let other = holder(&lease).is_some_and(|holder| holder != self.holder);
            if other && !silent(seen, lease.metadata.resource_version.as_ref(), Instant::now()) {
                return Ok(false);
            }
            if self.write(&lease, self.ours(Some(&lease), Timestamp::now())).await? {
                return Ok(true);
            }
        }
    }

    /// Acquires or renews with a time limit: after a slow answer another replica may hold the lease.
    async fn ask(&self, seen: &mut Option<Seen>) -> Result<bool, kube::Error> {
        let slow = |_| kube::Error::Service("the API server doesn't answer".into());
        tokio::time::timeout(ANSWER, self.take(seen)).await.map_err(slow)?
    }

    /// Waits until this replica leads; false where `shutdown` came first.
    pub async fn acquire(&self, shutdown: &CancellationToken) -> bool {
        let mut seen = None;
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return false,
            }
            match self.ask(&mut seen).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = text::sentence(&error), lease = LEASE, "asking for leadership"),
            }
        }
    }

    /// Renews the lease. Returns true when leadership is lost. Never returns after `shutdown`, so that work can end
    /// before [`Self::release`].
    pub async fn hold(&self, shutdown: &CancellationToken) -> bool {
        let mut seen = None;
        let mut tick = tokio::time::interval(TICK);
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return std::future::pending().await,
            }
            // The lease runs from then, not from the answer.
            let asked = Instant::now();
            match self.ask(&mut seen).await {
                Ok(true) => renewed = asked,
                Ok(false) => {
                    tracing::error!(lease = LEASE, "another replica leads now");
                    return true;
                }
                Err(error) => {
                    tracing::warn!(error = text::sentence(&error), lease = LEASE, "renewing leadership");
                    if renewed.elapsed() + TICK > TTL {
                        tracing::error!(lease = LEASE, "leadership couldn't be renewed in time");
                        return true;
                    }
                }
            }
        }
    }

    /// Releases the lease, so that the next replica needn't wait.
    pub async fn release(&self) {
        if let Err(error) = self.give_up().await {
            tracing::warn!(error = text::sentence(&error), lease = LEASE, "giving up leadership");
        }
    }

    async fn give_up(&self) -> Result<(), kube::Error> {
        let lease = self.leases.get_opt(LEASE).await?;
        if let Some(lease) = lease.filter(|lease| holder(lease) == Some(&self.holder)) {
            self.write(&lease, json!({"holderIdentity": ""})).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_silent_once_its_lease_has_not_changed_for_long_by_our_own_clock() {
        let (start, mut seen) = (Instant::now(), None);
        let [one, two] = ["1", "2"].map(str::to_owned);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!silent(&mut seen, Some(&one), after(0)), "it has only been seen");
        assert!(!silent(&mut seen, Some(&one), after(15)));
        assert!(!silent(&mut seen, Some(&two), after(16)), "it was renewed");
        assert!(!silent(&mut seen, Some(&two), after(31)));
        assert!(silent(&mut seen, Some(&two), after(32)));
    }
}
