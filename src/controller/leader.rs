//! Leader election by Lease: one replica works, the others wait for it to go.

use std::time::Duration;

use kube::Client;
use kube_leader_election::{Error as LeaseError, LeaseLock, LeaseLockParams, LeaseLockResult};
use tokio_util::sync::CancellationToken;

use crate::words;

/// Name of the Lease.
const LEASE: &str = "k3eks-operator";
/// How long a leader that falls silent is still taken for alive.
const TTL: Duration = Duration::from_secs(15);
/// Between two renewals, or two looks at another's lease.
const TICK: Duration = Duration::from_secs(3);

/// The longest wait for an answer, so that there is time for another try.
const ANSWER: Duration = Duration::from_secs(5);

/// Our hold on the Lease.
pub struct Leadership {
    lock: LeaseLock,
    holder: String,
}

impl Leadership {
    /// For the replica `holder`; the Lease is in `namespace`.
    pub fn new(client: Client, namespace: &str, holder: &str) -> Self {
        let params = LeaseLockParams { lease_name: LEASE.into(), holder_id: holder.into(), lease_ttl: TTL };
        Self { lock: LeaseLock::new(client, namespace, params), holder: holder.to_owned() }
    }

    /// Asks for the lease, or for more of it, but not for ever: others may have it by the time a slow answer comes.
    async fn ask(&self) -> Result<LeaseLockResult, LeaseError> {
        let slow = |_| LeaseError::AcquireLease(kube::Error::Service("the API server doesn't answer".into()));
        let asked = tokio::time::timeout(ANSWER, self.lock.try_acquire_or_renew()).await;
        match asked.map_err(slow)?? {
            // A renewal and a takeover may cross.
            LeaseLockResult::Acquired(lease)
                if lease.spec.as_ref().and_then(|s| s.holder_identity.as_ref()) != Some(&self.holder) =>
            {
                Ok(LeaseLockResult::NotAcquired(lease))
            }
            answer => Ok(answer),
        }
    }

    /// Waits until this replica leads; false where `shutdown` came first. Taking over from another is confirmed by a
    /// second look, since two candidates may see the same lease expire.
    pub async fn acquire(&self, shutdown: &CancellationToken) -> bool {
        let mut seen = 0;
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return false,
            }
            match self.ask().await {
                Ok(LeaseLockResult::Acquired(lease)) => {
                    let fresh = lease.spec.and_then(|s| s.lease_transitions).unwrap_or_default() == 0;
                    seen += 1;
                    if fresh || seen > 1 {
                        return true;
                    }
                    tick.reset_after(Duration::from_millis(500));
                }
                Ok(LeaseLockResult::NotAcquired(_)) => seen = 0,
                Err(error) => {
                    seen = 0;
                    tracing::warn!(error = words::sentence(&error), lease = LEASE, "asking for leadership");
                }
            }
        }
    }

    /// Renews for as long as the work goes on. Returns true where leadership was lost; never returns after `shutdown`,
    /// so that the work under way can end and leadership be released by [`Self::release`].
    pub async fn hold(&self, shutdown: &CancellationToken) -> bool {
        let mut tick = tokio::time::interval(TICK);
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return std::future::pending().await,
            }
            // The lease runs from then, not from the answer.
            let asked = tokio::time::Instant::now();
            match self.ask().await {
                Ok(LeaseLockResult::Acquired(_)) => renewed = asked,
                Ok(LeaseLockResult::NotAcquired(_)) => {
                    tracing::error!(lease = LEASE, "another replica leads now");
                    return true;
                }
                Err(error) => {
                    tracing::warn!(error = words::sentence(&error), lease = LEASE, "renewing leadership");
                    if renewed.elapsed() + TICK > TTL {
                        tracing::error!(lease = LEASE, "leadership couldn't be renewed in time");
                        return true;
                    }
                }
            }
        }
    }

    /// Gives leadership up.
    pub async fn release(&self) {
        if let Err(error) = self.lock.step_down().await {
            tracing::warn!(error = words::sentence(&error), lease = LEASE, "giving up leadership");
        }
    }
}
