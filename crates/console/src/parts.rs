//! Node groups and addons of a new cluster. The EKS API takes them only once the cluster exists; here they become
//! resources at once, as with YAML, so that nobody has to wait at the page.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::view;
use aws::error::ApiError;
use aws::events::EventLog;
use aws::metrics::{Exchange, Observer, user_agent};
use aws::sigv4::Caller;
use crd::addon::AddonSpec;
use crd::names::{Identity, nodegroup_name, nodegroup_resource};
use crd::{Addon, EKSClusterConfig, Nodegroup, member};
use eks::convert::cluster::version;
use eks::convert::nodegroup::{CreateNodegroup, spec};
use eks::error::EksError;
use eks::extra_routes::AppState;
use eks::operations::Quotas;
use eks::rules::check;
use eks::rules::nodegroup::{CREATE, FORM, Facts};
use store::StoreError;

/// The largest body that is read.
const LARGEST: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parts {
    /// As CreateNodegroup has them.
    #[serde(default)]
    node_groups: Vec<Map<String, Value>>,
    #[serde(default)]
    addons: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    addon_name: String,
    addon_version: Option<String>,
}

/// Tells of what is made as of the calls that would have made it, for whoever asks later who made what.
struct Calls<'a> {
    events: &'a EventLog,
    caller: &'a Caller,
    agent: Option<String>,
    /// Name of the cluster in EKS.
    cluster: &'a str,
}

impl Calls<'_> {
    /// `made` says whether it was made, was there already, or why it wasn't made.
    fn tell(&self, operation: &str, mut input: Map<String, Value>, made: &Result<bool, ApiError>) {
        if matches!(made, Ok(false)) {
            return;
        }
        input.insert("clusterName".into(), self.cluster.into());
        let refused = made.as_ref().err();
        let call = Exchange::on_behalf(
            eks::model::eks().operation(operation),
            self.caller,
            self.agent.clone(),
            Value::Object(input),
            refused,
        );
        self.events.observe(&call);
    }
}

/// Adds node groups and addons to a cluster of the caller's account and region. What is there already under the same name stays.
pub async fn add(
    State(app): State<Arc<AppState>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let agent = user_agent(request.headers());
    let (caller, body) = app.caller_with(request, LARGEST).await?;
    let store = &app.api.store;
    let cluster = store.cluster(&caller, &name)?;
    if cluster.spec.imported || cluster.metadata.deletion_timestamp.is_some() {
        let why = "The cluster is imported, or it is being deleted: nothing can be added to it";
        return Err(ApiError::invalid_request(why).cluster(&name));
    }
    let parts: Parts = serde_json::from_slice(&body.bytes)
        .map_err(|why| ApiError::invalid_parameter(format!("The body must have nodeGroups and addons: {why}")))?;
    let _lock = app.api.lock_cluster(Identity::of(&cluster)).await;
    let facts = Facts {
        account: Identity::of(&cluster).account,
        cluster_version: version(&cluster, &app.api.settings.default_version).to_owned(),
        quotas: app.api.settings.quotas,
    };
    let asked = parts.node_groups.clone();
    // All are looked at before the first one is made.
    let groups: Vec<CreateNodegroup> = parts
        .node_groups
        .into_iter()
        .enumerate()
        .map(|(at, one)| group(at, one, &cluster, &facts))
        .collect::<Result<_, _>>()?;
    let there: BTreeSet<String> = store.members::<Nodegroup>(&cluster).iter().map(|one| nodegroup_name(one)).collect();
    check_quota(&facts.quotas, there.clone(), &groups).map_err(|error| error.cluster(&name))?;
    let calls = Calls { events: &app.events, caller: &caller, agent, cluster: &name };
    for (at, (wanted, input)) in groups.iter().zip(asked).enumerate() {
        if there.contains(name_of(wanted)) {
            continue;
        }
        let made = add_group(&app, &cluster, wanted, &facts).await;
        calls.tell("CreateNodegroup", input, &made);
        made.map_err(|error| located(&format!("nodeGroups[{at}]."), error))?;
    }
    for wanted in &parts.addons {
        let made = add_addon(&app, &cluster, wanted).await;
        calls.tell("CreateAddon", wanted.input(), &made);
        made?;
    }
    Ok(Json(json!({"changed": view::key(&cluster)})))
}

impl Wanted {
    /// As CreateAddon has it.
    fn input(&self) -> Map<String, Value> {
        let version = self.addon_version.as_ref().map(|version| ("addonVersion".to_owned(), json!(version)));
        [("addonName".to_owned(), json!(self.addon_name))].into_iter().chain(version).collect()
    }
}

/// A node group that may be: what EKS checks of one holds here as well. A refusal says which group it is about.
fn group(
    at: usize,
    mut wanted: Map<String, Value>,
    cluster: &EKSClusterConfig,
    facts: &Facts,
) -> Result<CreateNodegroup, ApiError> {
    wanted.insert("clusterName".into(), cluster.name_any().into());
    let group: CreateNodegroup = serde_json::from_value(Value::Object(wanted))
        .map_err(|why| ApiError::invalid_parameter(format!("nodeGroups[{at}]: {why}")))?;
    let checked = check(FORM, &group.spec, facts).and_then(|()| check(CREATE, &group.spec, facts));
    checked.map_err(|error| located(&format!("nodeGroups[{at}]: "), error))?;
    Ok(group)
}

/// The refusal, with the place that it is about before it.
fn located(place: &str, error: ApiError) -> ApiError {
    ApiError::invalid_parameter(format!("{place}{}", error.message())).with_code(error.code())
}

fn name_of(group: &CreateNodegroup) -> &str {
    group.spec.nodegroup_name.as_deref().unwrap_or_default()
}

/// The quota holds here as for CreateNodegroup; `there` are the node groups that there are.
fn check_quota(quotas: &Quotas, there: BTreeSet<String>, wanted: &[CreateNodegroup]) -> Result<(), ApiError> {
    let mut all = there;
    all.extend(wanted.iter().map(|group| name_of(group).to_owned()));
    if !wanted.is_empty() && all.len() > quotas.nodegroups {
        let text = format!("You've reached your quota of {} node groups in this cluster.", quotas.nodegroups);
        return Err(ApiError::limit_exceeded(text));
    }
    Ok(())
}

/// Makes the resource that CreateNodegroup would make. Whether it wasn't there.
async fn add_group(
    app: &AppState,
    cluster: &EKSClusterConfig,
    wanted: &CreateNodegroup,
    facts: &Facts,
) -> Result<bool, ApiError> {
    let name = name_of(wanted);
    let resource = nodegroup_resource(&cluster.name_any(), name);
    let mut group = Nodegroup::new(&resource, spec(wanted, cluster, &facts.cluster_version, 1));
    group.metadata.namespace = cluster.namespace();
    let other = member::other_name(cluster, "nodegroup", &[name]);
    match app.api.store.create_member(cluster, group, other, |found| nodegroup_name(found) == name).await {
        Ok(_) => Ok(true),
        Err(StoreError::Exists) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn add_addon(app: &AppState, cluster: &EKSClusterConfig, wanted: &Wanted) -> Result<bool, ApiError> {
    let name = &wanted.addon_name;
    let mut addon = Addon::new(
        "",
        AddonSpec {
            cluster_name: cluster.name_any(),
            addon_name: name.clone(),
            addon_version: wanted.addon_version.clone(),
            ..AddonSpec::default()
        },
    );
    addon.metadata = member::metadata(cluster, "addon", name);
    let other = member::other_name(cluster, "addon", &[name]);
    match app.api.store.create_member(cluster, addon, other, |found| found.spec.addon_name == *name).await {
        Ok(_) => Ok(true),
        Err(StoreError::Exists) => Ok(false),
        Err(error) => Err(ApiError::from(error).addon(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::error::ErrorCode;

    fn facts() -> Facts {
        Facts {
            account: "000000000000".into(),
            cluster_version: "1.35".into(),
            quotas: Quotas { nodegroups: 3, nodes: 5, ..Quotas::default() },
        }
    }

    fn wanted(at: usize, group: Value) -> Result<CreateNodegroup, ApiError> {
        let Value::Object(group) = group else { panic!("{group} is no map") };
        super::group(at, group, &EKSClusterConfig::new("c", crd::EKSClusterConfigSpec::default()), &facts())
    }

    #[test]
    fn a_group_has_all_that_create_nodegroup_gives_one() {
        let group = wanted(
            0,
            json!({
                "nodegroupName": "a", "nodeRole": "arn:aws:iam::000000000000:role/n", "instanceTypes": ["t3.small"],
                "scalingConfig": {"minSize": 0, "desiredSize": 1, "maxSize": 2}, "labels": {"team": "web"},
                "taints": [{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}],
            }),
        )
        .unwrap();
        let cluster = EKSClusterConfig::new("c", crd::EKSClusterConfigSpec::default());
        let made = json!(spec(&group, &cluster, "1.35", 1));
        assert_eq!((&made["clusterName"], &made["version"]), (&json!("c"), &json!("1.35")));
        assert_eq!(made["taints"], json!([{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}]));
    }

    #[test]
    fn a_refusal_says_which_group_it_is_about() {
        let said = |group: Value| wanted(1, group).unwrap_err().message().to_owned();
        let reserved = said(json!({"nodegroupName": "a", "labels": {"kubernetes.io/os": "x"}}));
        assert!(reserved.starts_with("nodeGroups[1]: Label cannot contain reserved prefixes"), "{reserved}");
        let sizes = json!({"minSize": 1, "desiredSize": 1, "maxSize": 6});
        let many = said(json!({"nodegroupName": "a", "scalingConfig": sizes}));
        assert!(many.starts_with("nodeGroups[1]: ") && many.contains("quota"), "{many}");
        assert!(said(json!({"nodegroupName": 1})).starts_with("nodeGroups[1]: invalid type"));
    }

    #[test]
    fn there_are_no_more_than_the_quota_allows() {
        let group = |name: &str| wanted(0, json!({"nodegroupName": name})).unwrap();
        let add = |wanted: &[CreateNodegroup]| {
            let there = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
            check_quota(&facts().quotas, there, wanted).map_err(|error| error.code())
        };
        assert_eq!(add(&[]), Ok(()));
        assert_eq!(add(&[group("b"), group("c")]), Ok(()));
        assert_eq!(add(&[group("c"), group("d")]), Err(ErrorCode::RESOURCE_LIMIT_EXCEEDED));
    }

    #[test]
    fn what_is_made_is_told_as_a_call_and_what_was_there_is_not() {
        let events = EventLog::new(10);
        let caller = Caller {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            access_key_id: None,
            principal_arn: "arn:aws:iam::000000000000:root".into(),
            identity_arn: "arn:aws:iam::000000000000:root".into(),
            verified: false,
        };
        let calls = Calls { events: &events, caller: &caller, agent: Some("browser".into()), cluster: "Shop" };
        let addon = |name: &str| Wanted { addon_name: name.into(), addon_version: Some("v1".into()) }.input();
        calls.tell("CreateAddon", addon("coredns"), &Ok(true));
        calls.tell("CreateAddon", addon("vpc-cni"), &Ok(false));
        calls.tell("CreateNodegroup", Map::new(), &Err(ApiError::invalid_request("not so")));
        let told = events.about("000000000000", "Shop");
        let told = told.iter().map(|call| (&call["eventName"], &call["requestParameters"], &call["errorMessage"]));
        let made = json!({"clusterName": "Shop", "addonName": "coredns", "addonVersion": "v1"});
        let refused = json!({"clusterName": "Shop"});
        let (addon, group, why) = (json!("CreateAddon"), json!("CreateNodegroup"), json!("not so"));
        assert_eq!(told.collect::<Vec<_>>(), [(&addon, &made, &Value::Null), (&group, &refused, &why)]);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        assert!(serde_json::from_value::<Parts>(json!({"nodegroups": []})).is_err());
    }
}
