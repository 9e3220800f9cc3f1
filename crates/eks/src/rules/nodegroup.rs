//! What EKS checks of node groups.
//!
//! Rules are asked of the spec that a request makes, so that a change is held to the same as a creation: a smaller `maxSize`
//! is refused where `maxUnavailable` would be above it.

mod facts;
mod machines;

pub use facts::Facts;
pub use machines::{custom_takes_no_version, not_newer, template_form};

use super::instances::{self, System};
use super::{Verdict, invalid, labels_taints, roles, values};
use aws::error::ApiError;
use crd::NodegroupSpec;
use crd::forms;
use crd::nodegroup::{NodeRepairConfig, NodeRepairOverride};

/// Longest name of a node group.
const NAME: usize = 63;
/// Nodes that may be away during an update.
const MAX_UNAVAILABLE: i32 = 100;

type Rule = fn(&NodegroupSpec, &Facts) -> Verdict;

/// What a new node group is asked before anybody looks whether its name is taken.
pub const FORM: &[Rule] = &[node_role];

/// What a new node group is asked.
pub const CREATE: &[Rule] = &[
    name,
    tags,
    subnets,
    new_sizes,
    nodes,
    machines::disk_of_template,
    machines::disk,
    machines::access_of_template,
    machines::template,
    machines::custom_without_template,
    machines::custom_version,
    machines::version_of_cluster,
    machines::ami_for_version,
    machines::release,
    machines::instance_types,
    machines::instances_of_ami,
    machines::capacity_block,
    remote_access,
    node_labels,
    node_taints,
    update_config,
    repair,
    warm_pool,
];

/// What a node group is asked whose settings were changed.
pub const UPDATE_CONFIG: &[Rule] = &[changed_sizes, nodes, taint_count, update_config, repair, warm_pool];

/// What a node group is asked that gets another version.
pub const UPDATE_VERSION: &[Rule] = &[machines::ami_for_version, machines::release];

/// `nodeRole` is the ARN of a role, and of one of the cluster's account.
fn node_role(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    spec.node_role.iter().try_for_each(|role| roles::passed(role, &facts.account))
}

/// `nodegroupName` has at most 63 characters, letters, digits, `-` and `_`, the first a letter or digit.
fn name(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let name = spec.nodegroup_name.as_deref().unwrap_or_default();
    if name.len() > NAME {
        return invalid("nodegroupName can't be longer than 63 characters!");
    }
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !first || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return invalid(format!(
            "The nodegroupName {name} must begin with a letter or digit and have only letters, digits, hyphens and underscores"
        ));
    }
    Ok(())
}

fn tags(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    values::tags(&spec.tags)
}

/// `subnets` can be there.
fn subnets(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    values::subnet_ids(&spec.subnets)
}

/// `minSize` <= `desiredSize` <= `maxSize`, in a new group.
fn new_sizes(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let sizes = &spec.scaling_config;
    if sizes.min_size > sizes.desired_size {
        return invalid("minSize can't be greater than desiredSize");
    }
    if sizes.desired_size > sizes.max_size {
        return invalid("desiredSize can't be greater than maxSize");
    }
    Ok(())
}

/// The same of a change, with other words.
fn changed_sizes(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let (min, desired, max) =
        (spec.scaling_config.min_size, spec.scaling_config.desired_size, spec.scaling_config.max_size);
    if min > desired {
        return invalid(format!("Minimum capacity {min} can't be greater than desired size {desired}"));
    }
    if desired > max {
        return invalid(format!("desired capacity {desired} can't be greater than max size {max}"));
    }
    Ok(())
}

/// `maxSize` is within the quota.
fn nodes(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    let quota = facts.quotas.nodes;
    if spec.scaling_config.max_size > quota {
        let text = format!("You've reached your quota of {quota} nodes in a managed node group.");
        return Err(ApiError::limit_exceeded(text));
    }
    Ok(())
}

/// `remoteAccess.sourceSecurityGroups` are ids of security groups.
fn remote_access(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let groups = spec.remote_access.iter().flat_map(|access| &access.source_security_groups);
    if groups.into_iter().any(|group| !forms::SECURITY_GROUP.fits(group)) {
        return invalid("One or more security groups in remote-access is not valid!");
    }
    Ok(())
}

fn node_labels(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    labels_taints::labels(&spec.labels)
}

fn node_taints(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    labels_taints::taints(&spec.taints)
}

/// A change brings a group to 50 taints at most; what it adds is asked alone, since others may come from YAML.
fn taint_count(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    labels_taints::taint_count(&spec.taints)
}

/// `updateConfig` has one of `maxUnavailable` and `maxUnavailablePercentage`; the first is 1 to `maxSize`, and 100 at most.
fn update_config(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let Some(config) = &spec.update_config else { return Ok(()) };
    match (config.max_unavailable, config.max_unavailable_percentage) {
        (Some(_), Some(_)) => invalid("Only one of maxUnavailable and maxUnavailablePercentage can be specified"),
        (None, None) => invalid("Either maxUnavailable or maxUnavailablePercentage must be specified in updateConfig"),
        (Some(nodes), None) if nodes < 1 || nodes > spec.scaling_config.max_size => {
            invalid("max-unavailable must be within the range 1 and max size of the node group")
        }
        (Some(nodes), None) if nodes > MAX_UNAVAILABLE => {
            invalid(format!("max-unavailable can't be greater than {MAX_UNAVAILABLE}"))
        }
        _ => Ok(()),
    }
}

/// `nodeRepairConfig` has its limits as counts or as percentages, and overrides that are complete.
fn repair(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let Some(config) = &spec.node_repair_config else { return Ok(()) };
    let NodeRepairConfig {
        max_unhealthy_node_threshold_count: unhealthy,
        max_unhealthy_node_threshold_percentage: unhealthy_share,
        max_parallel_nodes_repaired_count: parallel,
        max_parallel_nodes_repaired_percentage: parallel_share,
        ..
    } = config;
    for (count, share, name) in [
        (unhealthy, unhealthy_share, "maxUnhealthyNodeThreshold"),
        (parallel, parallel_share, "maxParallelNodesRepaired"),
    ] {
        if count.is_some() && share.is_some() {
            return invalid(format!("Only one of {name}Count and {name}Percentage can be specified"));
        }
    }
    let overrides = config.node_repair_config_overrides.iter().flatten();
    let complete = |one: &NodeRepairOverride| {
        one.node_monitoring_condition.is_some()
            && one.node_unhealthy_reason.is_some()
            && one.min_repair_wait_time_mins.is_some()
            && one.repair_action.is_some()
    };
    if !overrides.into_iter().all(complete) {
        return invalid(
            "nodeRepairConfigOverrides must each have nodeMonitoringCondition, nodeUnhealthyReason, minRepairWaitTimeMins and repairAction",
        );
    }
    Ok(())
}

/// `warmPoolConfig` agrees with itself, and asks nothing that Bottlerocket can't do.
fn warm_pool(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    let Some(pool) = &spec.warm_pool_config else { return Ok(()) };
    let prepared = pool.max_group_prepared_capacity;
    if prepared.is_some_and(|most| most < -1) {
        return invalid("warmPoolConfig.maxGroupPreparedCapacity can't be less than -1");
    }
    if let (Some(fewest), Some(most)) = (pool.min_size, prepared.filter(|most| *most >= 0))
        && fewest > most
    {
        return invalid("warmPoolConfig.minSize can't be greater than warmPoolConfig.maxGroupPreparedCapacity");
    }
    let system = instances::ami(machines::ami_type(spec, &facts.cluster_version)).map(|ami| ami.system);
    let more = pool.pool_state.as_deref() == Some("HIBERNATED") || pool.reuse_on_scale_in == Some(true);
    if system == Some(System::Bottlerocket) && more {
        return invalid("poolState HIBERNATED and reuseOnScaleIn are not supported for Bottlerocket AMIs");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
