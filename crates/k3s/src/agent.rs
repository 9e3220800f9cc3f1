//! What a k3s agent is started with.

use std::collections::BTreeMap;

/// What is particular about a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent<'a> {
    /// Labels that it registers with.
    pub labels: BTreeMap<&'a str, &'a str>,
    /// Taints that it registers with, as `key=value:Effect`.
    pub taints: &'a [String],
    /// Its instance, such as `aws:///us-east-1a/i-0123`. It can't change later.
    pub provider_id: Option<String>,
    /// Resources of the machine that pods don't get, such as `cpu=6,memory=1Ki`.
    pub reserved: Option<String>,
}

/// The command line of `k3s`, the subcommand first.
pub fn arguments(agent: &Agent<'_>) -> Vec<String> {
    let labels = agent.labels.iter().map(|(key, value)| format!("--node-label={key}={value}"));
    let taints = agent.taints.iter().map(|taint| format!("--node-taint={taint}"));
    let provider_id = agent.provider_id.iter().map(|id| format!("--kubelet-arg=provider-id={id}"));
    let reserved = agent.reserved.iter().map(|reserved| format!("--kubelet-arg=system-reserved={reserved}"));
    std::iter::once("agent".to_owned()).chain(labels).chain(taints).chain(provider_id).chain(reserved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_without_anything_particular_has_no_arguments() {
        assert_eq!(arguments(&Agent::default()), ["agent"]);
    }

    #[test]
    fn labels_come_in_order_then_taints_then_the_kubelets_settings() {
        let agent = Agent {
            labels: BTreeMap::from([("b", "2"), ("a", "1")]),
            taints: &["gpu=true:NoSchedule".to_owned()],
            provider_id: Some("aws:///us-east-1a/i-0".to_owned()),
            reserved: Some("cpu=1".to_owned()),
        };
        let expected = [
            "agent",
            "--node-label=a=1",
            "--node-label=b=2",
            "--node-taint=gpu=true:NoSchedule",
            "--kubelet-arg=provider-id=aws:///us-east-1a/i-0",
            "--kubelet-arg=system-reserved=cpu=1",
        ];
        assert_eq!(arguments(&agent), expected);
    }
}
