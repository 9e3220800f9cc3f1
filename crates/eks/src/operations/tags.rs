//! Tags of everything that has an ARN: TagResource, UntagResource, ListTagsForResource.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{RequestContext, access_entries, addons, capabilities, fargate_profiles, idp_configs, subscriptions};
use crate::rules::values;
use arn::{EksArn, EksResource, NamedKind};
use aws::error::ApiError;
use crd::most::TAGS;
use crd::names::{self, Identity};
use crd::{
    AccessEntry, Addon, Capability, EKSClusterConfig, EksAnywhereSubscription, FargateProfile, IdentityProviderConfig,
    Nodegroup, PodIdentityAssociation,
};
use store::{Kind, Store};

type Tags = BTreeMap<String, String>;

/// A kind whose objects carry tags.
pub(super) trait Tagged: Kind {
    /// The tags.
    fn tags(&mut self) -> &mut Tags;
}

macro_rules! tagged {
    ($($kind:ty),* $(,)?) => {
        $(impl Tagged for $kind {
            fn tags(&mut self) -> &mut Tags { &mut self.spec.tags }
        })*
    };
}

tagged!(
    EKSClusterConfig,
    Nodegroup,
    FargateProfile,
    PodIdentityAssociation,
    AccessEntry,
    IdentityProviderConfig,
    EksAnywhereSubscription,
    Addon,
    Capability
);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    resource_arn: String,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    tag_keys: Vec<String>,
}

pub(super) async fn tag(cx: RequestContext, input: Input) -> Result<Value, ApiError> {
    values::tags(&input.tags).map_err(|error| ApiError::bad_request(error.message()))?;
    let more = |tags: &mut Tags| {
        tags.extend(input.tags.clone());
        if tags.len() > TAGS {
            return Err(ApiError::bad_request(format!("A resource can have at most {TAGS} tags")));
        }
        Ok(())
    };
    edit(&cx, &input.resource_arn, more).await?;
    Ok(Value::Null)
}

pub(super) async fn untag(cx: RequestContext, input: Input) -> Result<Value, ApiError> {
    let keys = input.tag_keys.iter().map(|key| (key.clone(), String::new())).collect();
    values::tags(&keys).map_err(|error| ApiError::bad_request(error.message()))?;
    let fewer = |tags: &mut Tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    edit(&cx, &input.resource_arn, fewer).await?;
    Ok(Value::Null)
}

pub(super) async fn list(cx: RequestContext, input: Input) -> Result<Value, ApiError> {
    let tags = edit(&cx, &input.resource_arn, |_| Ok(())).await?;
    Ok(json!({"tags": tags}))
}

/// Changes the tags of what the ARN names and gives back what they are then.
async fn edit(
    cx: &RequestContext,
    arn: &str,
    change: impl Fn(&mut Tags) -> Result<(), ApiError> + Send + Sync,
) -> Result<Tags, ApiError> {
    let store = &cx.state.store;
    let missing = || ApiError::tag_target_not_found(format!("No resource found for ARN: {arn}"));
    let parsed: EksArn = arn.parse().map_err(|error| ApiError::bad_request(format!("{error}")))?;
    if parsed.account != cx.caller.account || parsed.region != cx.caller.region {
        return Err(missing());
    }
    if let EksResource::Subscription(id) = &parsed.resource {
        return write(store, &subscriptions::by_id(store, id).ok_or_else(missing)?, change).await;
    }
    let name = parsed.cluster_name().ok_or_else(missing)?;
    let cluster = store.cluster(&cx.caller, name).map_err(|_| missing())?;
    match &parsed.resource {
        EksResource::Cluster(_) => write(store, &cluster, change).await,
        EksResource::Named(NamedKind::Nodegroup, group) => {
            let found = store.member::<Nodegroup>(&cluster, &group.name);
            // A group that was made anew has another ARN.
            let same = |found: &Arc<Nodegroup>| names::nodegroup_arn(&Identity::of(&cluster), found) == arn;
            write(store, &found.filter(same).ok_or_else(missing)?, change).await
        }
        EksResource::Named(NamedKind::FargateProfile, profile) => {
            let found = store.member::<FargateProfile>(&cluster, &profile.name);
            let found = found.filter(|found| fargate_profiles::arn(found, &cluster) == arn);
            write(store, &found.ok_or_else(missing)?, change).await
        }
        EksResource::Named(NamedKind::Addon, addon) => {
            let found = store.member::<Addon>(&cluster, &addon.name);
            let found = found.filter(|found| addons::arn(found, &cluster) == arn);
            write(store, &found.ok_or_else(missing)?, change).await
        }
        EksResource::Named(NamedKind::Capability, capability) => {
            let found = store.member::<Capability>(&cluster, &capability.name);
            let found = found.filter(|found| capabilities::arn(found, &cluster) == arn);
            write(store, &found.ok_or_else(missing)?, change).await
        }
        EksResource::Named(NamedKind::IdentityProviderConfig, config) => {
            let found = store.member::<IdentityProviderConfig>(&cluster, &config.name);
            let found = found.filter(|found| idp_configs::arn(found, &cluster) == arn);
            write(store, &found.ok_or_else(missing)?, change).await
        }
        EksResource::PodIdentityAssociation { id, .. } => {
            let found = store.member::<PodIdentityAssociation>(&cluster, id);
            write(store, &found.ok_or_else(missing)?, change).await
        }
        EksResource::AccessEntry { .. } => {
            let all = store.members::<AccessEntry>(&cluster);
            let found = all.into_iter().find(|entry| access_entries::arn(entry, &cluster) == arn);
            write(store, &found.ok_or_else(missing)?, change).await
        }
        EksResource::Subscription(_) => Err(missing()),
    }
}

async fn write<K: Tagged>(
    store: &Store,
    object: &Arc<K>,
    change: impl Fn(&mut Tags) -> Result<(), ApiError> + Send + Sync,
) -> Result<Tags, ApiError> {
    let (changed, _) = store.change(object, |object| change(object.tags())).await?;
    Ok(K::clone(&changed).tags().clone())
}
