//! Changes of node groups: UpdateNodegroupConfig, UpdateNodegroupVersion.

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RequestContext;
use super::nodegroups::{facts, find, newest_template};
use super::token::Stamp;
use super::updates::{Request, Target};
use crate::convert::nodegroup::{template_version, wire_status};
use crate::convert::nodegroup_change::{self, UpdateNodegroupConfig};
use crate::convert::update::Change;
use crate::error::EksError;
use crate::rules::nodegroup::{UPDATE_CONFIG, UPDATE_VERSION, custom_takes_no_version, not_newer, template_form};
use crate::rules::{check, labels_taints};
use aws::error::ApiError;
use crd::keys::ANNOTATION_FORCE;
use crd::names::minor;
use crd::nodegroup::LaunchTemplate;
use crd::{Nodegroup, NodegroupSpec};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateVersion {
    cluster_name: String,
    nodegroup_name: String,
    version: Option<String>,
    release_version: Option<String>,
    launch_template: Option<LaunchTemplate>,
    #[serde(default)]
    force: bool,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

pub(super) async fn update_config(cx: RequestContext, request: UpdateNodegroupConfig) -> Result<Value, ApiError> {
    let (cluster, group) = find(&cx, &request.cluster_name, &request.nodegroup_name)?;
    let stamp = Stamp::new("UpdateNodegroupConfig", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let target = Target::nodegroup(&request.nodegroup_name);
    let facts = facts(&cx.state, &cluster);
    let named = |error: ApiError| error.cluster(&request.cluster_name).nodegroup(&request.nodegroup_name);
    labels_taints::labels(&request.labels.add_or_update_labels).map_err(named)?;
    labels_taints::taints(&request.taints.add_or_update_taints).map_err(named)?;
    let begin = Request { cluster: &cluster, target, object: &group, stamp };
    begin
        .begin(&cx, |group| {
            check_state(group)?;
            let change = nodegroup_change::apply(&request, &mut group.spec)?;
            check(UPDATE_CONFIG, &group.spec, &facts)?;
            Ok(change)
        })
        .await
}

pub(super) async fn update_version(cx: RequestContext, request: UpdateVersion) -> Result<Value, ApiError> {
    let (cluster, group) = find(&cx, &request.cluster_name, &request.nodegroup_name)?;
    let stamp = Stamp::new("UpdateNodegroupVersion", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let target = Target::nodegroup(&request.nodegroup_name);
    let facts = facts(&cx.state, &cluster);
    let newest =
        request.launch_template.as_ref().map_or(1, |wanted| newest_template(&cx.state.store, &cluster, wanted));
    let begin = Request { cluster: &cluster, target, object: &group, stamp };
    begin
        .begin_again(&cx, back, |group| {
            check_state(group)?;
            let annotations = group.annotations_mut();
            annotations.remove(ANNOTATION_FORCE);
            if request.force {
                annotations.insert(ANNOTATION_FORCE.to_owned(), "true".to_owned());
            }
            let runs = group.status.as_ref().and_then(|status| status.version.clone());
            let change = upgrade(&request, &mut group.spec, runs.as_deref(), &facts.cluster_version, newest)?;
            check(UPDATE_VERSION, &group.spec, &facts)?;
            Ok(change)
        })
        .await
}

/// The version goes back to the one that runs: after an update that failed the spec has one that wasn't reached.
fn back(group: &mut Nodegroup) {
    let runs = group.status.as_ref().and_then(|status| status.version.clone());
    if group.spec.version.is_some() && runs.is_some() {
        group.spec.version = runs;
    }
}

/// Nodes that are only coming, or going, can't be changed.
fn check_state(group: &Nodegroup) -> Result<(), ApiError> {
    if matches!(wire_status(group, false), "CREATING" | "DELETING") {
        let text = "Nodegroup cannot be updated as it is currently not in Active State";
        return Err(ApiError::resource_in_use(text));
    }
    Ok(())
}

/// Brings the group to the version and the launch template that are asked for: the cluster's version where the request
/// names neither.
fn upgrade(
    request: &UpdateVersion,
    spec: &mut NodegroupSpec,
    runs: Option<&str>,
    cluster_version: &str,
    newest: u64,
) -> Result<Change, ApiError> {
    let before = spec.clone();
    let mut change = Change::new("VersionUpdate");
    if let Some(wanted) = &request.launch_template {
        retemplate(wanted, newest, spec, &mut change)?;
    }
    custom_takes_no_version(spec, request.version.as_deref(), request.release_version.as_deref())?;
    let custom = spec.ami_type.as_deref() == Some("CUSTOM");
    let neither = request.launch_template.is_none() && request.release_version.is_none();
    let implied = (neither && !custom).then(|| cluster_version.to_owned());
    if let Some(version) = request.version.clone().or(implied) {
        not_newer(&version, cluster_version)?;
        let present = runs.or(spec.version.as_deref()).unwrap_or(cluster_version);
        if minor(&version) < minor(present) {
            let text = format!("Unsupported Kubernetes minor version update from {present} to {version}");
            return Err(ApiError::invalid_parameter(text));
        }
        if version != present {
            // A release belongs to the version before.
            spec.release_version = None;
        }
        change.push("Version", &version);
        spec.version = Some(version);
    }
    if let Some(release) = &request.release_version {
        change.push("ReleaseVersion", release);
        spec.release_version = Some(release.clone());
    }
    if *spec == before {
        return Err(ApiError::invalid_parameter("No changes needed for the node group version provided"));
    }
    Ok(change)
}

/// A group keeps its template and gets another version of it.
fn retemplate(
    wanted: &LaunchTemplate,
    newest: u64,
    spec: &mut NodegroupSpec,
    change: &mut Change,
) -> Result<(), ApiError> {
    template_form(wanted)?;
    let Some(present) = &mut spec.launch_template else {
        let text = "A launch template can not be given to a node group that was created without one.";
        return Err(ApiError::invalid_request(text));
    };
    let other = |wanted: &Option<String>, present: &Option<String>| matches!((wanted, present), (Some(wanted), Some(present)) if !wanted.is_empty() && wanted != present);
    if other(&wanted.id, &present.id) || other(&wanted.name, &present.name) {
        let text = "The launch template of a node group can not be changed, only its version can.";
        return Err(ApiError::invalid_request(text));
    }
    let version = template_version(wanted.version.as_deref(), newest);
    change.push_some("LaunchTemplateName", wanted.name.as_ref());
    change.push("LaunchTemplateVersion", &version);
    present.version = Some(version);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(version: &str) -> NodegroupSpec {
        NodegroupSpec { version: Some(version.into()), ..NodegroupSpec::default() }
    }

    fn to(version: Option<&str>) -> UpdateVersion {
        UpdateVersion { version: version.map(str::to_owned), ..UpdateVersion::default() }
    }

    #[test]
    fn a_group_follows_its_cluster_where_nothing_is_named() {
        let mut group = spec("1.34");
        let change = upgrade(&to(None), &mut group, None, "1.35", 1).unwrap();
        assert_eq!((group.version.as_deref(), change.params[0].value.as_str()), (Some("1.35"), "1.35"));
        assert!(
            upgrade(&to(None), &mut group, None, "1.35", 1).unwrap_err().message().starts_with("No changes needed")
        );
    }

    #[test]
    fn a_version_that_was_not_reached_can_be_asked_for_again() {
        let mut group = Nodegroup::new("g", spec("1.35"));
        group.status = serde_json::from_value(serde_json::json!({"version": "1.34"})).unwrap();
        back(&mut group);
        assert!(upgrade(&to(Some("1.35")), &mut group.spec, Some("1.34"), "1.35", 1).is_ok());
        let mut follows = Nodegroup { spec: NodegroupSpec::default(), ..group };
        back(&mut follows);
        assert_eq!(follows.spec.version, None);
    }

    #[test]
    fn only_nodes_that_are_there_are_changed() {
        let refused = |status: serde_json::Value| {
            let mut group = Nodegroup::new("g", spec("1.35"));
            group.status = serde_json::from_value(status).unwrap();
            check_state(&group).err().map(|error| error.code())
        };
        let in_use = Some(aws::error::ErrorCode::RESOURCE_IN_USE);
        assert_eq!((refused(Value::Null), refused(serde_json::json!({"phase": "Creating"}))), (in_use, in_use));
        assert_eq!(refused(serde_json::json!({"phase": "Active"})), None);
        let issue = serde_json::json!({"code": "NodeCreationFailure", "message": "m"});
        assert_eq!(refused(serde_json::json!({"phase": "Active", "issues": [issue]})), None, "degraded");
    }

    #[test]
    fn a_group_is_never_newer_than_its_cluster_and_never_goes_back() {
        assert!(upgrade(&to(Some("1.36")), &mut spec("1.34"), None, "1.35", 1).is_err());
        assert!(upgrade(&to(Some("1.31")), &mut spec("1.34"), None, "1.35", 1).is_err());
        assert!(upgrade(&to(Some("1.35")), &mut spec("1.31"), None, "1.35", 1).is_ok());
    }

    #[test]
    fn a_group_keeps_its_template_and_gets_another_version_of_it() {
        let template =
            |id: &str, version: &str| LaunchTemplate { id: Some(id.into()), version: Some(version.into()), name: None };
        let mut group = NodegroupSpec { launch_template: Some(template("lt-1", "1")), ..spec("1.35") };
        let request = |id, version| UpdateVersion { launch_template: Some(template(id, version)), ..to(None) };
        upgrade(&request("lt-1", "2"), &mut group, None, "1.35", 1).unwrap();
        assert_eq!(group.launch_template, Some(template("lt-1", "2")));
        assert!(upgrade(&request("lt-2", "2"), &mut group, None, "1.35", 1).is_err());
        assert!(upgrade(&request("lt-1", "2"), &mut spec("1.35"), None, "1.35", 1).is_err());
    }
}
