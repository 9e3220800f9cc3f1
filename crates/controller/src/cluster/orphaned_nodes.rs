//! Orphaned Node objects: their node group was deleted while the cluster didn't run.

use super::observe::Observed;
use crd::names::nodegroup_name;

/// Names of Node objects without a node group and without a machine. A Ready node has a machine.
pub fn of(seen: &Observed) -> Option<Vec<String>> {
    let (nodes, world) = (seen.child.nodes.as_ref()?, seen.world.as_ref().ok()?);
    let has_group = |group: &str| seen.nodegroups.iter().any(|known| nodegroup_name(known) == group);
    let strays = nodes.iter().filter(|(name, node)| {
        node.nodegroup.as_deref().is_some_and(|group| !has_group(group))
            && !node.ready
            && !world.nodes.iter().any(|machine| machine.name == **name)
    });
    let strays: Vec<String> = strays.map(|(name, _)| name.clone()).collect();
    let imported = seen.plan.as_ref().is_ok_and(|plan| plan.import.is_some());
    (!imported && !strays.is_empty()).then_some(strays)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::child_nodes::ChildNode;
    use crate::fixtures::{machines, seen_cluster};
    use provider::MachineState::Running;

    #[test]
    fn a_node_goes_when_neither_a_machine_nor_a_group_is_left_of_it() {
        let node = |group: Option<&str>, ready| ChildNode {
            nodegroup: group.map(str::to_owned),
            ready,
            since: None,
            marks: crd::nodegroup::NodeMarks::default(),
        };
        let mut seen = seen_cluster();
        let all = [
            ("server", node(None, false)),
            ("lost", node(Some("gone"), false)),
            ("elsewhere", node(Some("gone"), true)),
            ("going", node(Some("gone"), false)),
        ];
        seen.child.nodes =
            Some(all.map(|(name, node)| (name.to_owned(), node)).into_iter().collect::<BTreeMap<_, _>>());
        seen.world.as_mut().unwrap().nodes = machines(&[("going", Running)]);
        assert_eq!(of(&seen), Some(vec!["lost".to_owned()]));
        seen.child.nodes.as_mut().unwrap().remove("lost");
        assert_eq!(of(&seen), None);
    }
}
