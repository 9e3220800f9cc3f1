//! Changes that take time: how one begins, and DescribeUpdate, ListUpdates, CancelUpdate.
//!
//! An Update* operation changes the spec and answers with an Update, whose state the operator's controllers write. Its
//! id is made from the changed object's uid and new generation, so that the controllers and the API name it alike.

use std::sync::Arc;

use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::token::Stamp;
use super::{Api, Cx};
use crate::crd::EKSClusterConfig;
use crate::crd::names::Identity;
use crate::crd::update::{Update, UpdateParam, UpdateSpec, UpdateState};
use crate::eks::convert::cluster::wire_status;
use crate::eks::convert::update::{self, Change};
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;
use crate::eks::store::{Kind, Store, StoreError};

/// What an update changes: the cluster, or something that belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub nodegroup_name: Option<String>,
    pub addon_name: Option<String>,
    pub capability_name: Option<String>,
}

impl Target {
    /// A node group.
    pub fn nodegroup(name: &str) -> Self {
        Self { nodegroup_name: Some(name.to_owned()), ..Self::default() }
    }

    /// An addon.
    pub fn addon(name: &str) -> Self {
        Self { addon_name: Some(name.to_owned()), ..Self::default() }
    }

    /// A capability.
    pub fn capability(name: &str) -> Self {
        Self { capability_name: Some(name.to_owned()), ..Self::default() }
    }

    fn is_of(&self, update: &Update) -> bool {
        let spec = &update.spec;
        self.nodegroup_name == spec.nodegroup_name
            && self.addon_name == spec.addon_name
            && self.capability_name == spec.capability_name
    }

    /// What it is called in messages.
    fn words(&self, cluster: &str) -> String {
        match (&self.nodegroup_name, &self.addon_name, &self.capability_name) {
            (Some(name), ..) => format!("nodegroup {name}"),
            (_, Some(name), _) => format!("addon {name}"),
            (.., Some(name)) => format!("capability {name}"),
            _ => format!("cluster {cluster}"),
        }
    }

    /// Names in an exception what it is about.
    fn name(&self, error: ApiError, cluster: &str) -> ApiError {
        let error = error.cluster(cluster);
        let error = self.nodegroup_name.iter().fold(error, |error, name| error.nodegroup(name));
        self.addon_name.iter().fold(error, |error, name| error.addon(name))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ById {
    name: String,
    update_id: String,
    #[serde(flatten)]
    target: Target,
}

#[derive(Deserialize)]
struct OfTarget {
    name: String,
    #[serde(flatten)]
    target: Target,
}

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry.on("DescribeUpdate", describe).on("ListUpdates", list).on("CancelUpdate", cancel)
}

/// The updates of a target, in no order.
fn of_target(store: &Store, cluster: &EKSClusterConfig, target: &Target) -> Vec<Arc<Update>> {
    let (namespace, name) = (cluster.namespace(), cluster.name_any());
    let mut all = store.list::<Update>();
    all.retain(|update| update.spec.cluster_name == name && update.namespace() == namespace && target.is_of(update));
    all
}

/// The update of the target that is under way.
pub(super) fn under_way(store: &Store, cluster: &EKSClusterConfig, target: &Target) -> Option<Arc<Update>> {
    of_target(store, cluster, target).into_iter().find(|update| update.state() == UpdateState::InProgress)
}

/// The cluster's update that this very request made before.
pub(super) fn made_by(store: &Store, cluster: &EKSClusterConfig, stamp: &Stamp) -> Option<Arc<Update>> {
    of_target(store, cluster, &Target::default()).into_iter().find(|update| stamp.made(&**update))
}

/// One request for a change.
pub(super) struct Request<'a, K> {
    /// Cluster that is changed, or that what is changed belongs to.
    pub cluster: &'a EKSClusterConfig,
    /// Which of them is changed.
    pub target: Target,
    /// The object that is changed.
    pub object: &'a Arc<K>,
    /// The request.
    pub stamp: Stamp,
}

impl<K: Kind> Request<'_, K> {
    /// Carries the change out and answers with its update. `decide` changes an object and says in EKS's words what
    /// changed, or refuses; it sees the newest version, and may run several times.
    pub async fn begin(
        self,
        cx: &Cx,
        decide: impl Fn(&mut K) -> Result<Change, ApiError> + Send + Sync,
    ) -> Result<Value, ApiError> {
        let store = &cx.state.store;
        let cluster_name = Identity::of(self.cluster).name;
        // One at a time, so that two requests don't both find that nothing is under way.
        let _turn = cx.state.turn.lock().await;
        if let Some(answer) = self.repeated(store)? {
            return Ok(answer);
        }
        let named = |error: ApiError| self.target.name(error, &cluster_name);
        if !matches!(wire_status(self.cluster, false), "ACTIVE" | "UPDATING") {
            return Err(named(ApiError::invalid_request(format!("Cluster '{cluster_name}' is not in ACTIVE status"))));
        }
        let change = decide(&mut K::clone(self.object)).map_err(named)?;
        if let Some(other) = under_way(store, self.cluster, &self.target) {
            let (words, id) = (self.target.words(&cluster_name), other.name_any());
            let text = format!("Cannot {} because {words} currently has update {id} in progress", change.kind);
            return Err(named(ApiError::resource_in_use(text)));
        }
        let (changed, _) = store.change(self.object, |object| decide(object).map(|_| ())).await.map_err(named)?;
        let spec = UpdateSpec {
            cluster_name: self.cluster.name_any(),
            nodegroup_name: self.target.nodegroup_name.clone(),
            addon_name: self.target.addon_name.clone(),
            capability_name: self.target.capability_name.clone(),
            type_: change.kind.to_owned(),
            params: change.params,
            ..UpdateSpec::default()
        };
        let mut update = Update::of(&*changed, self.cluster, spec);
        update.metadata.annotations = Some(self.stamp.annotations());
        match store.create(&update).await {
            // A controller was faster and made the same one.
            Err(StoreError::Exists) => Ok(answer(&update)),
            made => Ok(answer(&*made?)),
        }
    }

    /// The answer to a request that was carried out before.
    fn repeated(&self, store: &Store) -> Result<Option<Value>, ApiError> {
        let earlier = of_target(store, self.cluster, &self.target);
        match earlier.iter().find(|update| self.stamp.same_token(&***update)) {
            Some(update) if self.stamp.made(&**update) => Ok(Some(answer(update))),
            Some(_) => Err(ApiError::invalid_parameter("The clientRequestToken was used for another request already")),
            None => Ok(None),
        }
    }
}

/// The update that stands for a change of something that belongs to the cluster and is in force at once.
pub(super) async fn done<K: Kind>(
    cx: &Cx,
    cluster: &EKSClusterConfig,
    object: &K,
    type_: &str,
    params: Vec<UpdateParam>,
) -> Result<Value, ApiError> {
    let spec = UpdateSpec { cluster_name: cluster.name_any(), type_: type_.into(), params, ..UpdateSpec::default() };
    let mut made = Update::of(object, cluster, spec);
    // The cluster's own generation is what the update is measured by, and it has been seen.
    made.spec.generation = 0;
    match cx.state.store.create(&made).await {
        Ok(made) => Ok(update::describe(&made)),
        Err(StoreError::Exists) => Ok(update::describe(&made)),
        Err(error) => Err(error.into()),
    }
}

/// The update that stands for the deletion of `object`: its generation after the last one.
pub(super) async fn done_by_deletion<K: Kind>(
    cx: &Cx,
    cluster: &EKSClusterConfig,
    object: &K,
    type_: &str,
    params: Vec<UpdateParam>,
) -> Result<Value, ApiError> {
    let mut last = object.clone();
    last.meta_mut().generation = Some(object.meta().generation.unwrap_or_default() + 1);
    done(cx, cluster, &last, type_, params).await
}

fn answer(update: &Update) -> Value {
    json!({"update": update::describe(update)})
}

fn find(cx: &Cx, cluster: &EKSClusterConfig, input: &ById) -> Result<Arc<Update>, ApiError> {
    let found = cx.state.store.get::<Update>(&cluster.namespace().unwrap_or_default(), &input.update_id);
    found.filter(|update| update.spec.cluster_name == cluster.name_any() && input.target.is_of(update)).ok_or_else(
        || {
            let error = ApiError::resource_not_found(format!("No update found for ID: {}", input.update_id));
            input.target.name(error, &input.name)
        },
    )
}

async fn describe(cx: Cx, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    Ok(answer(&*find(&cx, &cluster, &input)?))
}

async fn list(cx: Cx, input: OfTarget) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    let updates = of_target(&cx.state.store, &cluster, &input.target);
    let page = cx.page(updates.iter().map(|update| update.name_any()).collect(), String::clone);
    Ok(json!({"updateIds": page.items, "nextToken": page.next_token}))
}

async fn cancel(cx: Cx, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    let update = find(&cx, &cluster, &input)?;
    let ask = |update: &mut Update| {
        if update.spec.cancel != Some(true) && update.state() != UpdateState::InProgress {
            let text = format!("Update {} is not in progress and can not be cancelled", update.name_any());
            return Err(ApiError::invalid_state(text).cluster(&input.name));
        }
        update.spec.cancel = Some(true);
        Ok(())
    };
    let (asked, _) = cx.state.store.change(&update, ask).await?;
    Ok(answer(&asked))
}
