//! Packet filter rules in the server's container that restrict the public endpoint. They are set before k3s starts.
//!
//! Containers on the cluster's network, nodes included, always get through, and so does the operator, by its own port.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::archive::File;
use provider::PublicEndpoint;

/// Port of a server for the operator: leads to the API server, past the packet filter.
pub const OPERATOR_PORT: u16 = 6445;
/// k3d runs every script of this kind whenever the container starts.
pub const SCRIPT: &str = "/bin/k3d-entrypoint-k3eks-endpoint.sh";
/// The chain of rules whose counters say how much the public endpoint is used.
pub const USED: &str = "K3EKS-USED";
/// The chain of rules that keep others out.
const ENDPOINT: &str = "K3EKS-ENDPOINT";
/// Addresses of pods, which k3s takes from here.
const PODS: &str = "10.42.0.0/16";

/// The script that sets the rules, or takes them away where there are to be none.
pub fn script(endpoint: &PublicEndpoint) -> File {
    let mut content = HEAD.to_owned();
    content += &if endpoint.counted { counting() } else { empty(USED) };
    content += &if endpoint.is_open() { empty(ENDPOINT) } else { closed(&endpoint.sources) };
    File::program(SCRIPT, content)
}

/// Packets that came in by the public endpoint, from what `iptables -nvxL` says of the chain [`USED`].
pub fn packets(table: &str) -> u64 {
    let counted = table.lines().filter(|line| line.contains("/* used */"));
    counted.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// Refuse like a closed port: at once.
const REFUSE: &str = "REJECT --reject-with tcp-reset";

/// Definitions for the parts below. Behind Docker's proxy, traffic from this host comes from the network's gateway.
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

/// Skips traffic that doesn't use the public endpoint: this container, the operator, pods.
fn inside(chain: &str) -> String {
    format!(
        "new {chain}
old=\"PREROUTING -p tcp --dport {OPERATOR_PORT} -j REDIRECT --to-ports 6443\"
rules -t nat -D $old 2>/dev/null || true
for gateway in $gateways; do
  once nat PREROUTING -p tcp -s \"$gateway\" --dport {OPERATOR_PORT} -j REDIRECT --to-ports 6443
done
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
    inside(USED)
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

fn closed(sources: &[Ipv4Net]) -> String {
    let this_machine = Ipv4Addr::LOCALHOST;
    let here = if sources.iter().any(|source| source.contains(&this_machine)) { "RETURN" } else { REFUSE };
    let sources: Vec<String> = sources.iter().map(Ipv4Net::to_string).collect();
    inside(ENDPOINT)
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
mod tests;
