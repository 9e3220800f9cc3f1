//! How long a cluster may be without use.

use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;

use crd::EKSClusterConfig;

/// Idle time that the spec allows.
pub fn after(cluster: &EKSClusterConfig) -> Option<Duration> {
    let text = cluster.spec.hibernate_after.as_deref().filter(|_| !cluster.spec.imported)?;
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::cluster;

    #[test]
    fn durations_are_seconds_minutes_or_hours() {
        for (text, seconds) in [("30s", Some(30)), ("45m", Some(2700)), ("2h", Some(7200)), ("", None), ("h", None)] {
            assert_eq!(
                after(&cluster(json!({"hibernateAfter": text}), json!(null))),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
