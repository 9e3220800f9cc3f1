//! Carries out the actions of a node group's plan.

use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::drain::Patience;
use super::observe::Observed;
use super::plan::{NodegroupAction, Plan};
use super::{drain, labels_taints, validate};
use crate::context::Context;
use crate::decision::Applied;
use crate::error::Error;
use crate::jobs::Work;
use crate::status::finalizer;
use crd::Nodegroup;
use provider::{self, ClusterProvider, Progress};

/// Carries out the next action. Long work is only started here.
pub async fn apply(group: &Nodegroup, seen: &Observed, plan: &Plan, ctx: &Arc<Context>) -> Applied {
    Applied { upkeep: Ok(()), next: act(group, seen, plan.next.clone(), ctx).await }
}

async fn act(group: &Nodegroup, seen: &Observed, action: NodegroupAction, ctx: &Arc<Context>) -> Result<(), Error> {
    let (key, id) = (group.uid().unwrap_or_default(), validate::cluster_id(group));
    match action {
        NodegroupAction::Nothing | NodegroupAction::LookAgain => Ok(()),
        NodegroupAction::AddFinalizer => finalizer(&ctx.client, group, true).await.map(drop),
        NodegroupAction::Finish => {
            ctx.jobs.forget(&key);
            finalizer(&ctx.client, group, false).await.map(drop)
        }
        NodegroupAction::Cancel => {
            ctx.jobs.cancel(&key);
            Ok(())
        }
        NodegroupAction::AddNodes(plan, count) => {
            start(group, seen, Work::AddNodes, ctx, move |provider, progress| async move {
                provider.create_nodes(&plan, count, &progress).await
            });
            Ok(())
        }
        NodegroupAction::RemoveNodes(names) => {
            start(group, seen, Work::RemoveNodes, ctx, move |provider, _| async move {
                provider.delete_nodes(&id, &names).await
            });
            Ok(())
        }
        NodegroupAction::Drain(names, patience) => {
            drain_some(group, seen, names, (Vec::new(), 0), patience, ctx);
            Ok(())
        }
        NodegroupAction::DrainLeastBusy { sure, among, count } => {
            drain_some(group, seen, sure, (among, count), drain::SCALE_DOWN, ctx);
            Ok(())
        }
        NodegroupAction::MarkNodes(changes) => match ctx.children.client(&id) {
            Some(client) => labels_taints::apply(&client, &changes).await,
            None => Ok(()),
        },
        NodegroupAction::DeleteNodeObjects(names) => ctx.children.delete_nodes(&id, &names).await,
    }
}

/// Begins to drain and remove `sure` and the least busy of others.
fn drain_some(
    group: &Nodegroup,
    seen: &Observed,
    mut names: Vec<String>,
    (among, count): (Vec<String>, usize),
    patience: Patience,
    ctx: &Arc<Context>,
) {
    let id = validate::cluster_id(group);
    // Where no API server answers, there is no way to move or count pods.
    let client = ctx.children.client(&id).filter(|_| ctx.children.view(&id).ready);
    if client.is_none() && !patience.force && seen.has_api_server {
        return;
    }
    start(group, seen, Work::Drain, ctx, move |provider, progress| async move {
        match &client {
            Some(client) if count > 0 => names.extend(drain::least_busy(client, among, count).await?),
            _ => names.extend(among.into_iter().take(count)),
        }
        if let Some(client) = client {
            progress.tell(1, 2, format!("evicting the pods of {}", names.join(", ")));
            drain::drain(&client, &names, patience, |what| progress.tell(1, 2, what)).await?;
        }
        progress.tell(2, 2, format!("removing {}", names.join(", ")));
        provider.delete_nodes(&id, &names).await
    });
}

/// Starts long work for the group. Its outcome feeds the metrics and the back-off.
fn start<F, Fut>(group: &Nodegroup, seen: &Observed, work: Work, ctx: &Arc<Context>, job: F)
where
    F: FnOnce(Arc<dyn ClusterProvider>, Progress) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), provider::Error>> + Send + 'static,
{
    let provider = seen.cluster.as_deref().and_then(|cluster| ctx.providers.of(cluster));
    let Some(provider) = provider.cloned() else { return };
    let (me, wake) = (ObjectRef::from_obj(group), ctx.wake.nodegroups.clone());
    // After shutdown there is no receiver, which is fine.
    let wake = move || drop(wake.send(me.clone()));
    ctx.jobs.start(&group.metadata, work, wake, move |progress| job(provider, progress));
}
