//! UpdateNodegroupConfig: what a request does to the spec, and the change in EKS's words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::update::Change;
use aws::error::ApiError;
use crd::NodegroupSpec;
use crd::nodegroup::{NodeRepairConfig, Taint, UpdateConfig, WarmPoolConfig};

/// What UpdateNodegroupConfig asks for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateNodegroupConfig {
    /// Name of the cluster.
    pub cluster_name: String,
    /// Name of the node group.
    pub nodegroup_name: String,
    /// Labels to add and to remove.
    #[serde(default)]
    pub labels: Labels,
    /// Taints to add and to remove.
    #[serde(default)]
    pub taints: Taints,
    /// Sizes; what isn't given stays.
    #[serde(default)]
    pub scaling_config: Scaling,
    /// How many nodes may be away.
    pub update_config: Option<UpdateConfig>,
    /// Whether nodes that die are replaced.
    pub node_repair_config: Option<NodeRepairConfig>,
    /// Nodes that stand by.
    pub warm_pool_config: Option<WarmPoolConfig>,
    /// Token of the request.
    #[serde(skip_serializing)]
    pub client_request_token: Option<String>,
}

/// Labels to add and to remove.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Labels {
    /// Labels that are to be there.
    pub add_or_update_labels: BTreeMap<String, String>,
    /// Keys that are to go.
    pub remove_labels: Vec<String>,
}

/// Taints to add and to remove.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taints {
    /// Taints that are to be there.
    pub add_or_update_taints: Vec<Taint>,
    /// Taints that are to go.
    pub remove_taints: Vec<Taint>,
}

/// Sizes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scaling {
    /// Fewest nodes.
    pub min_size: Option<i32>,
    /// Most nodes.
    pub max_size: Option<i32>,
    /// Nodes wanted.
    pub desired_size: Option<i32>,
}

/// Makes the change, or says that there is none. The sizes still have to be checked.
pub fn apply(request: &UpdateNodegroupConfig, spec: &mut NodegroupSpec) -> Result<Change, ApiError> {
    let before = spec.clone();
    let mut change = Change::new("ConfigUpdate");
    scale(&request.scaling_config, spec, &mut change);
    label(&request.labels, spec, &mut change)?;
    taint(&request.taints, spec, &mut change)?;
    if let Some(config) = &request.update_config {
        let strategy = spec.update_config.take().and_then(|present| present.update_strategy);
        let strategy = config.update_strategy.clone().or(strategy);
        spec.update_config = Some(UpdateConfig { update_strategy: strategy, ..config.clone() });
        change.push_some("MaxUnavailable", config.max_unavailable.as_ref());
        change.push_some("MaxUnavailablePercentage", config.max_unavailable_percentage.as_ref());
        change.push_some("UpdateStrategy", config.update_strategy.as_ref());
    }
    if let Some(config) = &request.node_repair_config {
        spec.node_repair_config = Some(config.clone());
        change.push_some("NodeRepairEnabled", config.enabled.as_ref());
        change.push("NodeRepairConfig", config);
    }
    if let Some(config) = &request.warm_pool_config {
        spec.warm_pool_config = Some(config.clone());
        change.push_some("WarmPoolEnabled", config.enabled.as_ref());
        change.push_some("WarmPoolMinSize", config.min_size.as_ref());
        change.push_some("WarmPoolMaxGroupPreparedCapacity", config.max_group_prepared_capacity.as_ref());
        change.push_some("WarmPoolState", config.pool_state.as_ref());
        change.push_some("WarmPoolReuseOnScaleIn", config.reuse_on_scale_in.as_ref());
    }
    if *spec == before {
        return Err(ApiError::invalid_parameter("No changes needed for the node group config provided"));
    }
    Ok(change)
}

fn scale(wanted: &Scaling, spec: &mut NodegroupSpec, change: &mut Change) {
    let sizes = &mut spec.scaling_config;
    let parts = [
        ("MinSize", wanted.min_size, &mut sizes.min_size),
        ("MaxSize", wanted.max_size, &mut sizes.max_size),
        ("DesiredSize", wanted.desired_size, &mut sizes.desired_size),
    ];
    for (name, wanted, present) in parts {
        if let Some(wanted) = wanted {
            *present = wanted;
            change.push(name, &wanted);
        }
    }
}

fn label(wanted: &Labels, spec: &mut NodegroupSpec, change: &mut Change) -> Result<(), ApiError> {
    let both = wanted.remove_labels.iter().find(|key| wanted.add_or_update_labels.contains_key(*key));
    if let Some(key) = both {
        return Err(ApiError::invalid_parameter(format!("Label {key} can not be added and removed at once")));
    }
    if !wanted.add_or_update_labels.is_empty() {
        spec.labels.extend(wanted.add_or_update_labels.clone());
        change.push("LabelsToAdd", &wanted.add_or_update_labels);
    }
    if !wanted.remove_labels.is_empty() {
        spec.labels.retain(|key, _| !wanted.remove_labels.contains(key));
        change.push("LabelsToRemove", &wanted.remove_labels);
    }
    Ok(())
}

/// Key and effect identify a taint.
fn taint(wanted: &Taints, spec: &mut NodegroupSpec, change: &mut Change) -> Result<(), ApiError> {
    let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
    let both =
        wanted.remove_taints.iter().find(|gone| wanted.add_or_update_taints.iter().any(|added| same(added, gone)));
    if let Some(Taint { key, .. }) = both {
        return Err(ApiError::invalid_parameter(format!("Taint {key} can not be added and removed at once")));
    }
    for taint in &wanted.remove_taints {
        spec.taints.retain(|present| !same(present, taint));
    }
    for taint in &wanted.add_or_update_taints {
        match spec.taints.iter_mut().find(|present| same(present, taint)) {
            Some(present) => present.value.clone_from(&taint.value),
            None => spec.taints.push(taint.clone()),
        }
    }
    if !wanted.add_or_update_taints.is_empty() {
        change.push("TaintsToAdd", &wanted.add_or_update_taints);
    }
    if !wanted.remove_taints.is_empty() {
        change.push("TaintsToRemove", &wanted.remove_taints);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn applied(spec: &mut NodegroupSpec, change: Value) -> Result<Change, String> {
        let mut request = json!({"clusterName": "c", "nodegroupName": "g"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let request: UpdateNodegroupConfig = serde_json::from_value(request).unwrap();
        apply(&request, spec).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn deltas_are_applied_and_the_second_time_changes_nothing() {
        let mut spec =
            NodegroupSpec { labels: BTreeMap::from([("old".into(), "1".into())]), ..NodegroupSpec::default() };
        let request = json!({
            "labels": {"addOrUpdateLabels": {"new": "2"}, "removeLabels": ["old"]},
            "taints": {"addOrUpdateTaints": [{"key": "k", "value": "v", "effect": "NO_SCHEDULE"}]},
            "scalingConfig": {"maxSize": 5},
            "updateConfig": {"maxUnavailablePercentage": 50},
        });
        let change = applied(&mut spec, request.clone()).unwrap();
        let names: Vec<_> = change.params.iter().map(|param| param.type_.as_str()).collect();
        assert_eq!(names, ["MaxSize", "LabelsToAdd", "LabelsToRemove", "TaintsToAdd", "MaxUnavailablePercentage"]);
        assert_eq!(spec.labels, BTreeMap::from([("new".into(), "2".into())]));
        assert_eq!((spec.taints.len(), spec.scaling_config.max_size, spec.scaling_config.desired_size), (1, 5, 2));
        assert!(applied(&mut spec, request).unwrap_err().starts_with("No changes needed"));
    }

    #[test]
    fn a_taint_with_another_effect_is_another_taint() {
        let mut spec = NodegroupSpec::default();
        for effect in ["NO_SCHEDULE", "NO_EXECUTE"] {
            let add = json!({"taints": {"addOrUpdateTaints": [{"key": "k", "effect": effect}]}});
            applied(&mut spec, add).unwrap();
        }
        assert_eq!(spec.taints.len(), 2);
        applied(&mut spec, json!({"taints": {"removeTaints": [{"key": "k", "effect": "NO_EXECUTE"}]}})).unwrap();
        assert_eq!(spec.taints.len(), 1);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let mut spec = NodegroupSpec::default();
        assert!(
            applied(&mut spec, json!({"labels": {"addOrUpdateLabels": {"a": "1"}, "removeLabels": ["a"]}})).is_err()
        );
        let taint = json!([{"key": "k", "effect": "NO_SCHEDULE"}]);
        assert!(applied(&mut spec, json!({"taints": {"addOrUpdateTaints": taint, "removeTaints": taint}})).is_err());
        assert!(applied(&mut spec, json!({})).is_err());
    }
}
