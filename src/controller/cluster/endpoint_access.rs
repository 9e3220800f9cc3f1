//! Who reaches the API server by its public endpoint: packet filter rules inside the server's container, set before k3s starts.
//!
//! Containers on the cluster's own network, its nodes among them, always do; so does this operator, by a port of its own.

use ipnet::IpNet;

use super::hibernation;
use crate::controller::decision::Problem;
use crate::crd::EKSClusterConfig;
use crate::crd::conditions::Reason;
use crate::provider::{FileKind, OPERATOR_PORT, ServerFile};

/// k3d runs every script of this kind whenever the container starts.
const SCRIPT: &str = "/bin/k3d-entrypoint-k3eks-endpoint.sh";
/// Addresses of pods, which k3s takes from here.
const PODS: &str = "10.42.0.0/16";

/// What is wrong with the CIDR blocks, if anything is.
pub fn check(cluster: &EKSClusterConfig) -> Result<(), Problem> {
    for cidr in &cluster.spec.public_access_sources {
        if cidr.parse::<IpNet>().is_err() {
            let text = format!(
                "publicAccessSources: {cidr:?} isn't a CIDR block; write an address and a length, such as 203.0.113.0/24"
            );
            return Err(Problem::stalled(Reason::InvalidSpec, text));
        }
    }
    Ok(())
}

/// The script that sets the rules, or takes them away where everybody is let in and nobody asks how much the endpoint is used.
pub fn script(cluster: &EKSClusterConfig) -> ServerFile {
    let spec = &cluster.spec;
    let sources = spec.public_access_sources.iter().filter_map(|cidr| cidr.parse::<IpNet>().ok());
    let sources: Vec<IpNet> = if spec.public_access == Some(false) {
        Vec::new()
    } else if spec.public_access_sources.is_empty() {
        vec![IpNet::default()]
    } else {
        sources.filter(|source| matches!(source, IpNet::V4(_))).collect()
    };
    let open = sources.iter().any(|source| source.prefix_len() == 0);
    let counted = hibernation::after(cluster).is_some();
    let mut content = HEAD.to_owned();
    content += &if counted { counting() } else { empty("K3EKS-USED") };
    content += &if open { empty("K3EKS-ENDPOINT") } else { closed(&sources) };
    ServerFile { path: SCRIPT.to_owned(), content, kind: FileKind::Script { needed: counted || !open } }
}

/// As a port that nobody listens on would: at once.
const REFUSE: &str = "REJECT --reject-with tcp-reset";

/// What the parts below use. By Docker's proxy, what comes from this machine has the network's gateway for its source.
const HEAD: &str = "#!/bin/sh
# Written by k3eks: who may use the public endpoint, and how much it is used.
set -e
rules() { iptables -w 10 \"$@\"; }
new() { rules -N \"$1\" 2>/dev/null || rules -F \"$1\"; }
once() {
  table=$1 chain=$2
  shift 2
  rules -t \"$table\" -C \"$chain\" \"$@\" 2>/dev/null || rules -t \"$table\" -I \"$chain\" \"$@\"
}
gateways=$(ip -4 route show default | sed -n 's/.* via \\([0-9.]*\\).*/\\1/p')
networks() { ip -4 route show scope link | sed -n 's/^\\([0-9.]*\\/[0-9]*\\) .*/\\1/p'; }
";

/// What never comes by the public endpoint leaves the chain: this container itself, this operator, pods.
fn inside(chain: &str) -> String {
    format!(
        "new {chain}
once nat PREROUTING -p tcp --dport {OPERATOR_PORT} -j REDIRECT --to-ports 6443
rules -A {chain} -i lo -j RETURN
rules -A {chain} -m conntrack --ctorigdstport {OPERATOR_PORT} -j RETURN
rules -A {chain} -s {PODS} -j RETURN
"
    )
}

fn empty(chain: &str) -> String {
    format!("rules -F {chain} 2>/dev/null || true\n")
}

/// Rules without an effect, whose counters tell.
fn counting() -> String {
    inside("K3EKS-USED")
        + "for gateway in $gateways; do
  rules -A K3EKS-USED -s \"$gateway\" -m comment --comment used
  rules -A K3EKS-USED -s \"$gateway\" -j RETURN
done
for network in $(networks); do
  rules -A K3EKS-USED -s \"$network\" -j RETURN
done
rules -A K3EKS-USED -m comment --comment used
once filter INPUT -p tcp --dport 6443 -j K3EKS-USED
"
}

fn closed(sources: &[IpNet]) -> String {
    let this_machine = std::net::IpAddr::from([127, 0, 0, 1]);
    let here = if sources.iter().any(|source| source.contains(&this_machine)) { "RETURN" } else { REFUSE };
    let sources: Vec<String> = sources.iter().map(IpNet::to_string).collect();
    inside("K3EKS-ENDPOINT")
        + &format!(
            "for source in {sources}; do
  rules -A K3EKS-ENDPOINT -s \"$source\" -j RETURN
done
for gateway in $gateways; do
  rules -A K3EKS-ENDPOINT -p tcp -s \"$gateway\" -j {here}
done
for network in $(networks); do
  rules -A K3EKS-ENDPOINT -s \"$network\" -j RETURN
done
rules -A K3EKS-ENDPOINT -p tcp -j {REFUSE}
once filter INPUT -p tcp --dport 6443 -j K3EKS-ENDPOINT
",
            sources = sources.join(" ")
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(spec: serde_json::Value) -> EKSClusterConfig {
        let object = json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a"}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    fn needed(spec: serde_json::Value) -> Option<String> {
        let file = script(&of(spec));
        (file.kind == FileKind::Script { needed: true }).then_some(file.content)
    }

    #[test]
    fn nobody_is_kept_out_unless_that_is_asked_for() {
        for open in
            [json!({}), json!({"publicAccess": true}), json!({"publicAccessSources": ["10.0.0.0/8", "0.0.0.0/0"]})]
        {
            assert_eq!(needed(open), None);
        }
    }

    #[test]
    fn this_machine_is_a_source_like_others() {
        let from = |cidr: &str| needed(json!({"publicAccessSources": [cidr]})).unwrap();
        assert!(from("127.0.0.0/8").contains("-s \"$gateway\" -j RETURN"));
        assert!(from("203.0.113.0/24").contains("-s \"$gateway\" -j REJECT"));
        assert!(from("203.0.113.0/24").contains("for source in 203.0.113.0/24; do"));
    }

    #[test]
    fn use_is_counted_where_somebody_wants_to_know() {
        let script = needed(json!({"hibernateAfter": "30m"})).unwrap();
        assert!(script.contains("--comment used") && !script.contains("REJECT"));
    }

    #[test]
    fn without_public_access_no_source_is_let_in() {
        let script = needed(json!({"publicAccess": false, "publicAccessSources": ["0.0.0.0/0"]})).unwrap();
        assert!(script.contains("for source in ; do") && script.contains("-s \"$gateway\" -j REJECT"));
    }

    #[test]
    fn nothing_but_a_cidr_block_gets_into_the_script() {
        let evil = json!({"publicAccessSources": ["10.0.0.0/8; rm -rf /", "$(reboot)/8"]});
        assert!(check(&of(evil.clone())).is_err());
        let script = needed(evil).unwrap();
        assert!(!script.contains("rm -rf") && !script.contains("reboot"));
        assert!(check(&of(json!({"publicAccessSources": ["10.0.0.0/8", "2001:db8::/32"]}))).is_ok());
    }
}
