//! Changes that take time: how one begins, and DescribeUpdate, ListUpdates, CancelUpdate.
//!
//! An Update* operation changes the spec and answers with an Update, whose state the operator's controllers write. Its
//! id is made from the changed object's uid and new generation, so that the controllers and the API name it alike.

use std::sync::Arc;

use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::RequestContext;
use super::ready::{check_ready, is_stopped, wake};
use super::record_wait::wait_until;
use super::token::Stamp;
use crate::convert::update::{self, Change};
use crate::error::EksError;
use aws::error::ApiError;
use crd::member::is_left_behind;
use crd::names::{self, Identity};
use crd::update::{Update, UpdateParam, UpdateSpec, UpdateState};
use crd::{Addon, Capability, EKSClusterConfig, Nodegroup};
use store::{Kind, Store, StoreError};

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

    /// How many things it names: an update is of one, and of the cluster where it names none.
    fn named(&self) -> usize {
        [&self.nodegroup_name, &self.addon_name, &self.capability_name].into_iter().flatten().count()
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
pub(super) struct ById {
    name: String,
    update_id: String,
    #[serde(flatten)]
    target: Target,
}

#[derive(Deserialize)]
pub(super) struct OfTarget {
    name: String,
    #[serde(flatten)]
    target: Target,
}

/// The updates of a target, in no order.
fn of_target(store: &Store, cluster: &EKSClusterConfig, target: &Target) -> Vec<Arc<Update>> {
    let (namespace, name) = (cluster.namespace(), cluster.name_any());
    let mut all = store.list::<Update>();
    all.retain(|update| update.spec.cluster_name == name && update.namespace() == namespace && target.is_of(update));
    all.retain(|update| !is_left_behind(&**update, cluster));
    all
}

/// The update of the target that is under way.
pub(super) fn under_way(store: &Store, cluster: &EKSClusterConfig, target: &Target) -> Option<Arc<Update>> {
    of_target(store, cluster, target).into_iter().find(|update| update.state() == UpdateState::InProgress)
}

/// Refuses `what` while an update of the target is under way.
pub(super) fn idle(store: &Store, cluster: &EKSClusterConfig, target: &Target, what: &str) -> Result<(), ApiError> {
    let Some(other) = under_way(store, cluster, target) else { return Ok(()) };
    let name = Identity::of(cluster).name;
    let (words, id) = (target.words(&name), other.name_any());
    let text = format!("Cannot {what} because {words} currently has update {id} in progress");
    Err(target.name(ApiError::resource_in_use(text), &name))
}

/// The target's update that this very request made before.
pub(super) fn made_by(
    store: &Store,
    cluster: &EKSClusterConfig,
    target: &Target,
    stamp: &Stamp,
) -> Option<Arc<Update>> {
    of_target(store, cluster, target).into_iter().find(|update| stamp.made(&**update))
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
        cx: &RequestContext,
        decide: impl Fn(&mut K) -> Result<Change, ApiError> + Send + Sync,
    ) -> Result<Value, ApiError> {
        self.begin_again(cx, |_| (), decide).await
    }

    /// As [`begin`](Self::begin), from what `back` makes of the object: after an update that failed the spec still asks for
    /// what wasn't reached, and goes back to what runs, so that asking again is a change.
    pub async fn begin_again(
        self,
        cx: &RequestContext,
        back: impl Fn(&mut K) + Send + Sync,
        decide: impl Fn(&mut K) -> Result<Change, ApiError> + Send + Sync,
    ) -> Result<Value, ApiError> {
        let api = &cx.state;
        let update = self.begun(cx, back, decide).await?;
        let ended = |update: Arc<Update>| update.state() != UpdateState::InProgress;
        wait_until(api, self.cluster, |store| store.now(&*update).is_none_or(ended)).await;
        Ok(answer(&api.store.now(&*update).unwrap_or(update)))
    }

    /// Writes the change down, and gives its update.
    async fn begun(
        &self,
        cx: &RequestContext,
        back: impl Fn(&mut K) + Send + Sync,
        decide: impl Fn(&mut K) -> Result<Change, ApiError> + Send + Sync,
    ) -> Result<Arc<Update>, ApiError> {
        let store = &cx.state.store;
        let cluster_name = Identity::of(self.cluster).name;
        // One at a time, so that two requests don't both find that nothing is under way.
        let _lock = cx.state.lock_cluster(Identity::of(self.cluster)).await;
        if let Some(update) = self.repeated(store)? {
            return Ok(update);
        }
        let named = |error: ApiError| self.target.name(error, &cluster_name);
        let decide = |object: &mut K| {
            let change = decide(object)?;
            if object.meta().deletion_timestamp.is_some() {
                let words = self.target.words(&cluster_name);
                return Err(ApiError::resource_in_use(format!(
                    "Cannot {} because {words} is being deleted",
                    change.kind
                )));
            }
            Ok(change)
        };
        let from = |object: &mut K| {
            back(object);
            decide(object)
        };
        let change = self.check(store, from).map_err(named)?;
        if self.target != Target::default() {
            wake(store, self.cluster).await.map_err(named)?;
        }
        let returned = |object: &mut K| {
            back(object);
            Ok(())
        };
        let (object, _) = store.change(self.object, returned).await.map_err(named)?;
        let (changed, written) = store.change(&object, |object| decide(object).map(|_| ())).await.map_err(named)?;
        self.record(store, &*changed, change, written).await
    }

    /// What the change comes to, or why it can't begin now. Both resources may have changed since they were found.
    fn check(&self, store: &Store, decide: impl Fn(&mut K) -> Result<Change, ApiError>) -> Result<Change, ApiError> {
        let cluster = store.now(self.cluster).ok_or(StoreError::Missing)?;
        let object = store.now(&**self.object).ok_or(StoreError::Missing)?;
        let decided = decide(&mut K::clone(&object));
        if let Err(refusal) = check_ready(&cluster) {
            // Nor does it wait for an update that waits for the cluster's start.
            let kept = decided.ok().filter(|change| is_stopped(&cluster) && change.is_only_kept());
            return kept.ok_or(refusal);
        }
        let change = decided?;
        idle(store, self.cluster, &self.target, change.kind)?;
        Ok(change)
    }

    /// Makes the update that stands for the change.
    async fn record(&self, store: &Store, changed: &K, change: Change, written: bool) -> Result<Arc<Update>, ApiError> {
        let spec = UpdateSpec {
            cluster_name: self.cluster.name_any(),
            nodegroup_name: self.target.nodegroup_name.clone(),
            addon_name: self.target.addon_name.clone(),
            capability_name: self.target.capability_name.clone(),
            type_: change.kind.to_owned(),
            params: change.params,
            ..UpdateSpec::default()
        };
        let mut update = Update::of(changed, self.cluster, spec);
        if !written {
            // The spec was so already, and its generation's id may be that of an earlier update.
            let parts = [changed.uid().unwrap_or_default(), update.spec.generation.to_string(), self.stamp.mark()];
            update.metadata.name = Some(names::uuid_like(&names::digest(&parts.each_ref().map(String::as_str))));
        }
        update.metadata.annotations = Some(self.stamp.annotations());
        Ok(make(store, update).await?)
    }

    /// The update of a request that was carried out before.
    fn repeated(&self, store: &Store) -> Result<Option<Arc<Update>>, ApiError> {
        let earlier = of_target(store, self.cluster, &self.target);
        match earlier.iter().find(|update| self.stamp.same_token(&***update)) {
            Some(update) if self.stamp.made(&**update) => Ok(Some(Arc::clone(update))),
            Some(_) => Err(ApiError::invalid_parameter("The clientRequestToken was used for another request already")),
            None => Ok(None),
        }
    }
}

/// The update that stands for a change of something that belongs to the cluster and is in force at once.
pub(super) async fn done<K: Kind>(
    cx: &RequestContext,
    cluster: &EKSClusterConfig,
    object: &K,
    type_: &str,
    params: Vec<UpdateParam>,
) -> Result<Value, ApiError> {
    let spec = UpdateSpec { cluster_name: cluster.name_any(), type_: type_.into(), params, ..UpdateSpec::default() };
    let mut made = Update::of(object, cluster, spec);
    // The cluster's own generation is what the update is measured by, and it has been seen.
    made.spec.generation = 0;
    Ok(update::describe(&*make(&cx.state.store, made).await?))
}

/// Makes the update, unless it is there already: a controller may have been faster, or the request came again.
pub(super) async fn make(store: &Store, update: Update) -> Result<Arc<Update>, StoreError> {
    match store.create(&update).await {
        Err(StoreError::Exists) => {
            let found = store.fetch(&update.namespace().unwrap_or_default(), &update.name_any()).await?;
            Ok(found.unwrap_or_else(|| Arc::new(update)))
        }
        made => made,
    }
}

/// The update that stands for the deletion of `object`: its generation after the last one.
pub(super) async fn done_by_deletion<K: Kind>(
    cx: &RequestContext,
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

/// An update is of one thing, which is there.
fn check_target(cx: &RequestContext, cluster: &EKSClusterConfig, target: &Target) -> Result<(), ApiError> {
    let store = &cx.state.store;
    let name = Identity::of(cluster).name;
    if target.named() > 1 {
        let text = "Only one of nodegroupName, addonName and capabilityName can be specified";
        return Err(target.name(ApiError::invalid_parameter(text), &name));
    }
    let there = match target {
        Target { nodegroup_name: Some(name), .. } => store.member::<Nodegroup>(cluster, name).is_some(),
        Target { addon_name: Some(name), .. } => store.member::<Addon>(cluster, name).is_some(),
        Target { capability_name: Some(name), .. } => store.member::<Capability>(cluster, name).is_some(),
        _ => true,
    };
    let missing = || match target {
        Target { nodegroup_name: Some(group), .. } => format!("No node group found for name: {group}."),
        Target { addon_name: Some(addon), .. } => format!("No addon: {addon} found in cluster: {name}"),
        _ => format!("No {} found in cluster: {name}", target.words(&name)),
    };
    let missing = || ApiError::resource_not_found(missing());
    if there { Ok(()) } else { Err(target.name(missing(), &name)) }
}

fn find(cx: &RequestContext, cluster: &EKSClusterConfig, input: &ById) -> Result<Arc<Update>, ApiError> {
    check_target(cx, cluster, &input.target)?;
    let found = cx.state.store.get::<Update>(&cluster.namespace().unwrap_or_default(), &input.update_id);
    let is_it = |update: &Arc<Update>| {
        update.spec.cluster_name == cluster.name_any()
            && input.target.is_of(update)
            && !is_left_behind(&**update, cluster)
    };
    found.filter(is_it).ok_or_else(|| {
        let error = ApiError::resource_not_found(format!("No update found for ID: {}", input.update_id));
        input.target.name(error, &input.name)
    })
}

pub(super) async fn describe(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    Ok(answer(&*find(&cx, &cluster, &input)?))
}

pub(super) async fn list(cx: RequestContext, input: OfTarget) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    check_target(&cx, &cluster, &input.target)?;
    let updates = of_target(&cx.state.store, &cluster, &input.target);
    let page = cx.page(updates.iter().map(|update| update.name_any()).collect(), String::clone);
    Ok(json!({"updateIds": page.items, "nextToken": page.next_token}))
}

pub(super) async fn cancel(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
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
