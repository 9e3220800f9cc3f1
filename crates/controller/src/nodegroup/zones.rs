//! In which zones a group's nodes are: as in AWS, a subnet is in one zone. Synchronous, no client.

use crd::names::{self, Identity};
use crd::{EKSClusterConfig, Nodegroup, keys};
use provider::Zone;

/// A region's zones.
const ZONES: [&str; 3] = ["a", "b", "c"];

/// The zones that the group's nodes are spread over: those of its subnets, in their order; all where the group has no subnets.
pub fn of(group: &Nodegroup, cluster: &EKSClusterConfig) -> Vec<Zone> {
    let own = if group.spec.subnets.is_empty() { &cluster.spec.subnets } else { &group.spec.subnets };
    let generated = Identity::of(cluster).network().subnets;
    let known = if cluster.spec.subnets.is_empty() { &generated } else { &cluster.spec.subnets };
    let mut zones: Vec<&str> = Vec::new();
    for zone in own.iter().map(|subnet| zone(subnet, known)) {
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    let zones = if zones.is_empty() { ZONES.as_slice() } else { zones.as_slice() };
    zones.iter().map(|zone| labelled(format!("{}{zone}", cluster.spec.region))).collect()
}

fn labelled(name: String) -> Zone {
    let id = names::zone_id(&name).map(|id| (keys::NODE_ZONE_ID.to_owned(), id));
    let labels = [(keys::NODE_ZONE.to_owned(), name.clone())].into_iter().chain(id).collect();
    Zone { name, labels }
}

/// The zone of a subnet. The cluster's own are in different ones, as EKS asks for; where another is, its id alone decides, so that it
/// is in the same zone for all groups.
fn zone(subnet: &str, known: &[String]) -> &'static str {
    let number = known.iter().position(|other| other == subnet).unwrap_or_else(|| {
        let digest = names::digest(&["zone", subnet]);
        digest.bytes().map(usize::from).sum()
    });
    ZONES[number % ZONES.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{active, cluster, nodegroup};

    fn zones(cluster_subnets: Value, own: Value) -> Vec<String> {
        let cluster = cluster(json!({"subnets": cluster_subnets}), active());
        let zones = of(&nodegroup(json!({"subnets": own}), Value::Null), &cluster);
        zones.into_iter().map(|zone| zone.name).collect()
    }

    #[test]
    fn a_subnet_is_in_one_zone() {
        let three = || json!(["s-1", "s-2", "s-3"]);
        assert_eq!(zones(three(), json!(["s-2"])), ["us-east-1b"]);
        assert_eq!(zones(three(), json!(["s-3", "s-1"])), ["us-east-1c", "us-east-1a"]);
        assert_eq!(zones(three(), json!([])), ["us-east-1a", "us-east-1b", "us-east-1c"], "the cluster's");
        assert_eq!(zones(json!(["s-1", "s-2"]), json!([])), ["us-east-1a", "us-east-1b"]);
        assert_eq!(zones(json!(["1", "2", "3", "4"]), json!(["1", "4"])), ["us-east-1a"], "two of one zone");
    }

    #[test]
    fn a_subnet_that_is_not_the_cluster_s_is_in_the_same_zone_for_all_groups() {
        let of_one = |subnet: &str| zones(json!([]), json!([subnet]));
        for subnet in ["subnet-1", "subnet-0a1b2c3d4e5f60718", "x"] {
            let zone = of_one(subnet);
            assert_eq!(zone.len(), 1);
            assert!(zones(json!([]), json!(["other", subnet])).contains(&zone[0]), "{subnet}");
        }
        let found: std::collections::BTreeSet<_> = (0..20).map(|n| of_one(&format!("subnet-{n}"))).collect();
        assert_eq!(found.len(), 3, "they don't crowd in one zone");
    }

    #[test]
    fn a_group_of_a_cluster_without_subnets_is_in_all_zones() {
        assert_eq!(zones(json!([]), json!([])), ["us-east-1a", "us-east-1b", "us-east-1c"]);
    }
}
