//! Addons on clusters: create, describe, list, update, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::RequestContext;
use super::addon_associations::{self, Wanted};
use super::ready::{check_ready, wake};
use super::record_wait::{self, wait_until_in_force};
use super::token::Stamp;
use super::updates::{Request, Target, under_way};
use crate::convert::cluster::version as cluster_version;
use crate::convert::member::{changing_status, created, gone, issues, modified};
use crate::convert::update::Change;
use crate::error::EksError;
use crate::rules::addon::{self, Association, CREATE, FORM, Facts, UPDATE};
use crate::rules::check;
use aws::error::ApiError;
use crd::addon::{AddonSpec, NamespaceConfig, ResolveConflicts};
use crd::addon_catalogue;
use crd::names::Identity;
use crd::{Addon, EKSClusterConfig, Member, keys, member};
use store::{Store, identity};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    cluster_name: String,
    addon_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deletion {
    cluster_name: String,
    addon_name: String,
    #[serde(default)]
    preserve: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
}

/// What CreateAddon and UpdateAddon ask for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    cluster_name: String,
    addon_name: String,
    addon_version: Option<String>,
    service_account_role_arn: Option<String>,
    resolve_conflicts: Option<ResolveConflicts>,
    configuration_values: Option<String>,
    pod_identity_associations: Option<Vec<Wanted>>,
    namespace_config: Option<NamespaceConfig>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

/// ARN of an addon.
pub(super) fn arn(addon: &Addon, cluster: &EKSClusterConfig) -> String {
    addon.arn_in(&Identity::of(cluster), "addon", &format!("{}/{}", addon.eks_name(), addon.arn_id()))
}

fn answer(cx: &RequestContext, addon: &Addon, cluster: &EKSClusterConfig) -> Value {
    let spec = &addon.spec;
    let kubernetes = cluster_version(cluster, &cx.state.settings.default_version);
    let default = || addon_catalogue::resolve(&spec.addon_name, None, kubernetes).map(|(_, version)| version).ok();
    let offer = addon_catalogue::find(&spec.addon_name);
    let updating = under_way(&cx.state.store, cluster, &Target::addon(&spec.addon_name)).is_some();
    json!({"addon": {
        "addonName": spec.addon_name,
        "clusterName": Identity::of(cluster).name,
        "status": changing_status(addon, updating),
        "addonVersion": spec.addon_version.as_deref().or_else(default),
        "health": {"issues": issues(addon)},
        "addonArn": arn(addon, cluster),
        "createdAt": created(addon.meta()),
        "modifiedAt": modified(addon),
        "serviceAccountRoleArn": spec.service_account_role_arn,
        "tags": spec.tags,
        "publisher": "eks",
        "owner": offer.map(|offer| &offer.owner),
        "configurationValues": spec.configuration_values,
        "podIdentityAssociations": addon_associations::arns(&cx.state.store, addon, cluster),
        "namespaceConfig": {"namespace": Some(spec.namespace()).filter(|namespace| !namespace.is_empty())},
    }})
}

fn find(cx: &RequestContext, cluster: &str, name: &str) -> Result<(Arc<EKSClusterConfig>, Arc<Addon>), ApiError> {
    let found = cx.state.store.cluster(&cx.caller, cluster)?;
    let addon = cx.state.store.member::<Addon>(&found, name).ok_or_else(|| {
        let text = format!("No addon: {name} found in cluster: {cluster}");
        ApiError::resource_not_found(text).cluster(cluster).addon(name)
    })?;
    Ok((found, addon))
}

impl Asked {
    /// What is asked for, as a spec: of an update only what it names.
    fn spec(&self, cluster: &EKSClusterConfig) -> AddonSpec {
        AddonSpec {
            cluster_name: cluster.name_any(),
            addon_name: self.addon_name.clone(),
            addon_version: self.addon_version.clone(),
            service_account_role_arn: self.service_account_role_arn.clone(),
            resolve_conflicts: self.resolve_conflicts,
            configuration_values: self.configuration_values.clone(),
            namespace_config: self.namespace_config.clone(),
            tags: self.tags.clone(),
        }
    }

    /// Refuses associations that the addon can't have. Gives the version that it gets if the request names none.
    fn check_associations(&self, spec: &AddonSpec, facts: &Facts) -> Result<&'static str, ApiError> {
        let (offer, version) = addon::resolve(spec, facts)?;
        let wanted = self.pod_identity_associations.iter().flatten();
        let wanted: Vec<_> =
            wanted.map(|one| Association { service_account: &one.service_account, role_arn: &one.role_arn }).collect();
        addon::associations(offer, version, &wanted, &facts.account)?;
        Ok(version)
    }
}

/// What rules know besides a request about an addon of this cluster.
fn facts(cx: &RequestContext, cluster: &EKSClusterConfig) -> Facts {
    let kubernetes = cluster_version(cluster, &cx.state.settings.default_version).to_owned();
    Facts { account: Identity::of(cluster).account, kubernetes }
}

/// An addon that is only coming, or going, isn't changed.
fn check_state(cx: &RequestContext, cluster: &EKSClusterConfig, addon: &Addon) -> Result<(), ApiError> {
    let updating = under_way(&cx.state.store, cluster, &Target::addon(&addon.spec.addon_name)).is_some();
    let status = changing_status(addon, updating);
    if matches!(status, "CREATING" | "DELETING") {
        let name = addon.eks_name();
        let text = format!("Addon {name} cannot be updated as it is currently in {status} state");
        return Err(ApiError::resource_in_use(text));
    }
    Ok(())
}

pub(super) async fn create(cx: RequestContext, request: Asked) -> Result<Value, ApiError> {
    let (cluster, made) = accept(&cx, &request).await?;
    let made = wait_until_in_force(&cx.state, &cluster, made).await;
    Ok(answer(&cx, &made, &cluster))
}

/// Makes the resource, or finds the one that this very request made before.
async fn accept(cx: &RequestContext, request: &Asked) -> Result<(Arc<EKSClusterConfig>, Arc<Addon>), ApiError> {
    let store = &cx.state.store;
    let named = |error: ApiError| error.cluster(&request.cluster_name).addon(&request.addon_name);
    let stamp = Stamp::new("CreateAddon", &cx.caller, request.client_request_token.as_deref(), request)?;
    let wanted = request.pod_identity_associations.as_deref().unwrap_or_default();
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let (asked, facts) = (request.spec(&cluster), facts(cx, &cluster));
    check(FORM, &asked, &facts).map_err(named)?;
    if let Some(found) = store.member::<Addon>(&cluster, &request.addon_name) {
        if !stamp.made(&*found) {
            return Err(named(ApiError::resource_in_use("Addon already exists.")));
        }
        if stamp.made_lately(&*found) {
            associate(store, &cluster, &found, wanted).await.map_err(named)?;
        }
        return Ok((cluster, found));
    }
    check_ready(&cluster).map_err(named)?;
    check(CREATE, &asked, &facts).map_err(named)?;
    let version = request.check_associations(&asked, &facts).map_err(named)?;
    let spec = AddonSpec { addon_version: Some(version.to_owned()), ..asked };
    addon_associations::check_free(store, &cluster, None, spec.namespace(), wanted).map_err(named)?;
    let mut addon = Addon::new("", spec);
    addon.metadata = member::metadata(&cluster, "addon", &request.addon_name);
    addon.metadata.annotations = Some(stamp.annotations());
    let other = member::other_name(&cluster, "addon", &[&request.addon_name]);
    wake(store, &cluster).await.map_err(named)?;
    let made = store.create_member(&cluster, addon, other, |found| found.spec.addon_name == request.addon_name).await;
    let made = made.map_err(|error| named(error.into()))?;
    associate(store, &cluster, &made, wanted).await.map_err(named)?;
    Ok((cluster, made))
}

/// Gives the addon the associations that are wanted, and no others.
async fn associate(
    store: &Store,
    cluster: &EKSClusterConfig,
    addon: &Addon,
    wanted: &[Wanted],
) -> Result<(), ApiError> {
    addon_associations::set(store, cluster, addon, addon.spec.namespace(), wanted).await
}

pub(super) async fn describe(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, addon) = find(&cx, &input.cluster_name, &input.addon_name)?;
    Ok(answer(&cx, &addon, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let all = cx.state.store.members::<Addon>(&cluster);
    let page = cx.page(all.iter().map(|addon| addon.eks_name()).collect(), String::clone);
    Ok(json!({"addons": page.items, "nextToken": page.next_token}))
}

/// Brings the spec to what is asked for, and says what that is.
fn apply(asked: &Asked, spec: &mut AddonSpec) -> Change {
    let mut change = Change::new("AddonUpdate");
    let params = [
        ("AddonVersion", &asked.addon_version, &mut spec.addon_version),
        ("ServiceAccountRoleArn", &asked.service_account_role_arn, &mut spec.service_account_role_arn),
        ("ConfigurationValues", &asked.configuration_values, &mut spec.configuration_values),
    ];
    for (name, wanted, present) in params {
        if let Some(value) = wanted {
            change.push(name, value);
            *present = Some(value.clone());
        }
    }
    if let Some(value) = asked.resolve_conflicts {
        change.push("ResolveConflicts", &value);
        spec.resolve_conflicts = Some(value);
    }
    change.push_some("PodIdentityAssociations", asked.pod_identity_associations.as_ref());
    change
}

/// The same word about conflicts is a change each time: others may have changed something since.
/// Until it is written again, the annotation has it, so that nothing else is carried out in between.
fn back(asked: &Asked, addon: &mut Addon) {
    let same = asked.resolve_conflicts.filter(|wanted| addon.spec.resolve_conflicts == Some(*wanted));
    let Some(word) = same.map(ResolveConflicts::as_str) else { return };
    let last = addon.annotations_mut().entry(keys::ANNOTATION_RESOLVE.to_owned()).or_default();
    if !last.starts_with(word) {
        word.clone_into(last);
    }
    addon.spec.resolve_conflicts = None;
}

pub(super) async fn update(cx: RequestContext, request: Asked) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let (cluster, addon) = find(&cx, &request.cluster_name, &request.addon_name)?;
    let named = |error: ApiError| error.cluster(&request.cluster_name).addon(&request.addon_name);
    let stamp = Stamp::new("UpdateAddon", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let (asked, facts) = (request.spec(&cluster), facts(&cx, &cluster));
    check(FORM, &asked, &facts).map_err(named)?;
    check(UPDATE, &asked, &facts).map_err(named)?;
    request.check_associations(&asked, &facts).map_err(named)?;
    check_state(&cx, &cluster, &addon).map_err(named)?;
    if let Some(wanted) = &request.pod_identity_associations {
        addon_associations::check_free(store, &cluster, Some(&addon), addon.spec.namespace(), wanted).map_err(named)?;
    }
    let target = Target::addon(&request.addon_name);
    let begin = Request { cluster: &cluster, target, object: &addon, stamp };
    let now = Timestamp::now().to_string();
    let decide = |addon: &mut Addon| {
        let asked = request.resolve_conflicts.map(|wanted| format!("{} {now}", wanted.as_str()));
        addon.annotations_mut().extend(asked.map(|asked| (keys::ANNOTATION_RESOLVE.to_owned(), asked)));
        Ok(apply(&request, &mut addon.spec))
    };
    let answer = begin.begin_again(&cx, |addon| back(&request, addon), decide).await?;
    if let Some(wanted) = &request.pod_identity_associations {
        associate(store, &cluster, &addon, wanted).await.map_err(named)?;
    }
    Ok(answer)
}

/// With `preserve` what the addon installed stays in the cluster.
pub(super) async fn delete(cx: RequestContext, input: Deletion) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let (cluster, addon) = find(&cx, &input.cluster_name, &input.addon_name)?;
    let last = answer(&cx, &gone(&*addon), &cluster);
    addon_associations::set(store, &cluster, &addon, "", &[]).await?;
    // One that sleeps has to be awake for that.
    wake(store, &cluster).await?;
    let preserve = |addon: &mut Addon| {
        addon.annotations_mut().extend(input.preserve.then(|| (keys::ANNOTATION_PRESERVE.into(), "true".into())));
        Ok(())
    };
    let (addon, _) = store.change(&addon, preserve).await?;
    store.delete(&addon).await?;
    record_wait::wait_until_gone(&cx.state, &cluster, &*addon).await;
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(more: Value) -> Asked {
        let mut all = json!({"clusterName": "c", "addonName": "coredns"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn the_same_word_about_conflicts_is_a_change_and_no_other_request_in_between() {
        let request = asked(json!({"resolveConflicts": "OVERWRITE"}));
        let backed = |resolve: ResolveConflicts, last: Option<&str>| {
            let mut addon = Addon::new("a", AddonSpec { resolve_conflicts: Some(resolve), ..AddonSpec::default() });
            addon.annotations_mut().extend(last.map(|last| (keys::ANNOTATION_RESOLVE.to_owned(), last.to_owned())));
            back(&request, &mut addon);
            (addon.spec.resolve_conflicts, addon.annotations().get(keys::ANNOTATION_RESOLVE).cloned())
        };
        for (last, between) in
            [(None, "OVERWRITE"), (Some("NONE 1"), "OVERWRITE"), (Some("OVERWRITE 1"), "OVERWRITE 1")]
        {
            assert_eq!(backed(ResolveConflicts::Overwrite, last), (None, Some(between.to_owned())));
        }
        assert_eq!(backed(ResolveConflicts::Preserve, None), (Some(ResolveConflicts::Preserve), None));
    }

    #[test]
    fn an_update_changes_only_what_it_names() {
        let mut spec = AddonSpec {
            addon_version: Some("v1".into()),
            service_account_role_arn: Some("r".into()),
            ..AddonSpec::default()
        };
        let change = apply(&asked(json!({"addonVersion": "v2", "resolveConflicts": "OVERWRITE"})), &mut spec);
        assert_eq!((spec.addon_version.as_deref(), spec.service_account_role_arn.as_deref()), (Some("v2"), Some("r")));
        let params: Vec<_> = change.params.iter().map(|p| (p.type_.as_str(), p.value.as_str())).collect();
        assert_eq!(params, [("AddonVersion", "v2"), ("ResolveConflicts", "OVERWRITE")]);
    }
}
