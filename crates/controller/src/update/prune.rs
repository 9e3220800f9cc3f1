//! Updates that ended long ago go: each counts as a record of its account, and would for as long as its cluster lives.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};

use crate::context::Context;
use crd::update::{Update, UpdateState};

/// Removes what ended before this process began to look, of every cluster.
pub async fn all(ctx: &Context) {
    ctx.all_listed().await;
    let mut clusters: HashMap<(Option<String>, String), Vec<Arc<Update>>> = HashMap::new();
    for update in ctx.stores.updates.state() {
        clusters.entry((update.namespace(), update.spec.cluster_name.clone())).or_default().push(update);
    }
    for updates in clusters.into_values() {
        remove(ctx, updates, None).await;
    }
}

/// Removes what isn't kept any more now that `ended` has ended.
pub async fn after(ctx: &Context, ended: &Update) {
    let mut updates = ctx.stores.updates.state();
    updates.retain(|u| u.spec.cluster_name == ended.spec.cluster_name && u.namespace() == ended.namespace());
    remove(ctx, updates, Some(&ended.name_any())).await;
}

async fn remove(ctx: &Context, updates: Vec<Arc<Update>>, ended: Option<&str>) {
    for update in surplus(updates, ctx.settings.keep_updates, ended) {
        let api = Api::<Update>::namespaced(ctx.client.clone(), &update.namespace().unwrap_or_default());
        let only_this_one = Preconditions { uid: update.uid(), resource_version: None };
        let params = DeleteParams { preconditions: Some(only_this_one), ..DeleteParams::default() };
        match api.delete(&update.name_any(), &params).await {
            Ok(_) => tracing::debug!(update = %update.name_any(), "removed an update that ended long ago"),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => tracing::warn!(update = %update.name_any(), %error, "removing an update that ended long ago"),
        }
    }
}

/// Of one cluster's updates those that have ended and aren't among the `keep` newest of these. The watch may not know yet that `ended`
/// is one of them.
fn surplus(mut updates: Vec<Arc<Update>>, keep: usize, ended: Option<&str>) -> Vec<Arc<Update>> {
    updates.retain(|update| update.state() != UpdateState::InProgress || Some(update.name_any().as_str()) == ended);
    updates.retain(|update| update.metadata.deletion_timestamp.is_none());
    updates.sort_by_cached_key(|update| {
        let made = update.metadata.creation_timestamp.as_ref().map(|time| time.0);
        Reverse((made, update.spec.generation, update.name_any()))
    });
    updates.split_off(keep.min(updates.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::update::{UpdateSpec, UpdateStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    fn update(name: &str, second: i64, state: UpdateState) -> Arc<Update> {
        let mut update = Update::new(name, UpdateSpec::default());
        update.metadata.creation_timestamp = Timestamp::from_second(second).ok().map(Time);
        update.status = Some(UpdateStatus { state, errors: Vec::new() });
        Arc::new(update)
    }

    fn names(updates: Vec<Arc<Update>>, keep: usize, ended: Option<&str>) -> Vec<String> {
        surplus(updates, keep, ended).iter().map(|update| update.name_any()).collect()
    }

    #[test]
    fn the_newest_that_ended_stay_and_none_goes_that_goes_on() {
        let all = vec![
            update("old", 1, UpdateState::Successful),
            update("slow", 2, UpdateState::InProgress),
            update("failed", 3, UpdateState::Failed),
            update("cancelled", 4, UpdateState::Cancelled),
            update("new", 5, UpdateState::Successful),
        ];
        assert_eq!(names(all.clone(), 4, None), [""; 0]);
        assert_eq!(names(all.clone(), 2, None), ["failed", "old"]);
        assert_eq!(names(all.clone(), 4, Some("slow")), ["old"], "the watch comes later");
        assert_eq!(names(all, 0, None), ["new", "cancelled", "failed", "old"]);
    }
}
