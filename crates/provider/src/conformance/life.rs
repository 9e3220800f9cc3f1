//! What a cluster lives through, from nothing to nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout};

use super::{Broken, Run, promise, works};
use crate::{ClusterId, ClusterObservation, DesiredNodegroup, NodeObservation, fingerprints};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

impl Run<'_> {
    pub(super) async fn nothing_is_there(&self) -> Result<(), Broken> {
        let access =
            works("asking for access before there is a cluster", self.provider.access(&self.subject.cluster).await)?;
        promise(access.is_none(), || "there is access to a cluster that isn't there".into())?;
        if self.can.api_server {
            promise(self.seen()?.servers.is_empty(), || "servers are there before they were made".into())?;
        }
        promise(!self.is_listed()?, || "a cluster is listed before it was made".into())
    }

    pub(super) async fn is_created_once(&self) -> Result<(), Broken> {
        let plan = &self.subject.cluster;
        let mut changes = self.provider.changes();
        works("making a cluster", self.provider.create_cluster(plan, &self.progress).await)?;
        self.announced(&mut changes).await?;
        self.until("a cluster that was made runs", || Ok(self.runs(&self.seen()?))).await?;
        let before = self.seen()?;
        works("making a cluster again", self.provider.create_cluster(plan, &self.progress).await)?;
        self.until("a cluster that was made twice runs", || Ok(self.runs(&self.seen()?))).await?;
        let after = self.seen()?;
        let names = |seen: &ClusterObservation| -> BTreeSet<String> {
            seen.servers.iter().map(|server| server.name.clone()).collect()
        };
        promise(names(&before) == names(&after), || format!("made again, {before:?} became {after:?}"))?;
        promise(after.servers.iter().all(|server| server.image == plan.image), || {
            format!("servers don't run image {}: {after:?}", plan.image)
        })?;
        promise(self.is_listed()? == self.can.api_server, || "the list of clusters is wrong once it was made".into())
    }

    pub(super) async fn is_reached(&self) -> Result<(), Broken> {
        let access = works("asking for access", self.provider.access(&self.subject.cluster).await)?;
        promise(access.is_some() == self.can.api_server, || format!("access to a cluster that runs is {access:?}"))?;
        let Some(access) = access else { return Ok(()) };
        promise(access.kubeconfig.contains(&access.endpoint), || {
            format!("the kubeconfig doesn't lead to endpoint {}", access.endpoint)
        })?;
        promise(!fingerprints(&access.ca_pem).is_empty(), || "its certificate authority can't be read".into())?;
        promise(!format!("{access:?}").contains(&access.kubeconfig), || "logs would show the kubeconfig".into())
    }

    pub(super) async fn has_nodes(&self) -> Result<(), Broken> {
        let (group, wanted) = (&self.subject.nodegroup, self.subject.nodegroup.desired);
        let mut changes = self.provider.changes();
        works("adding nodes", self.provider.create_nodes(group, wanted, &self.progress).await)?;
        self.announced(&mut changes).await?;
        self.until("nodes that were added run", || {
            let nodes = self.nodes(group)?;
            Ok(nodes.len() == wanted && nodes.iter().all(NodeObservation::runs))
        })
        .await?;
        let nodes = self.nodes(group)?;
        let names: BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        promise(names.len() == wanted, || format!("nodes share names: {nodes:?}"))?;
        promise(nodes.iter().all(|node| node.image == group.image), || format!("nodes have other images: {nodes:?}"))?;
        let other = DesiredNodegroup { name: format!("{}-other", group.name), desired: 0, ..group.clone() };
        promise(self.nodes(&other)?.is_empty(), || "another group has its nodes".into())?;
        let first: Vec<String> = nodes.into_iter().take(1).map(|node| node.name).collect();
        for doing in ["removing a node", "removing a node again"] {
            works(doing, self.provider.delete_nodes(&group.cluster, &first).await)?;
        }
        if !self.can.api_server {
            return Ok(());
        }
        self.until("a node that was removed is gone", || {
            let nodes = self.nodes(group)?;
            Ok(nodes.len() + 1 == wanted && nodes.iter().all(|node| !first.contains(&node.name)))
        })
        .await
    }

    pub(super) async fn stops_and_starts(&self) -> Result<(), Broken> {
        let plan = &self.subject.cluster;
        if !self.can.stop {
            return self.honest("stop", false, self.provider.stop_cluster(&plan.id).await).map(drop);
        }
        let (before, nodes) = (self.seen()?, self.nodes(&self.subject.nodegroup)?.len());
        for doing in ["stopping a cluster", "stopping a cluster again"] {
            works(doing, self.provider.stop_cluster(&plan.id).await)?;
        }
        if self.can.api_server {
            self.until("a cluster that was stopped rests", || Ok(!self.seen()?.has_quorum(plan.servers))).await?;
        }
        let kept = self.seen()?.servers.len() == before.servers.len();
        promise(kept && self.nodes(&self.subject.nodegroup)?.len() == nodes, || "what was stopped isn't kept".into())?;
        for doing in ["starting a cluster", "starting a cluster again"] {
            works(doing, self.provider.start_cluster(plan, &self.progress).await)?;
        }
        self.until("a cluster that was started runs", || Ok(self.runs(&self.seen()?))).await
    }

    pub(super) async fn is_deleted(&self) -> Result<(), Broken> {
        let plan = &self.subject.cluster;
        let mut changes = self.provider.changes();
        works("deleting a cluster", self.provider.delete_cluster(&plan.id).await)?;
        self.announced(&mut changes).await?;
        works("deleting a cluster again", self.provider.delete_cluster(&plan.id).await)?;
        if self.can.api_server {
            self.until("a cluster that was deleted is gone", || {
                Ok(self.seen()?.servers.is_empty() && self.nodes(&self.subject.nodegroup)?.is_empty())
            })
            .await?;
        }
        self.nothing_is_there().await
    }

    fn seen(&self) -> Result<ClusterObservation, Broken> {
        works("looking at a cluster", self.provider.observe_cluster(&self.subject.cluster))
    }

    fn nodes(&self, group: &DesiredNodegroup) -> Result<Vec<NodeObservation>, Broken> {
        works("looking at nodes", self.provider.observe_nodes(group))
    }

    fn is_listed(&self) -> Result<bool, Broken> {
        Ok(works("listing clusters", self.provider.clusters())?.contains(&self.subject.cluster.id))
    }

    /// A record has one server, whatever was asked for.
    fn runs(&self, seen: &ClusterObservation) -> bool {
        seen.runs(if self.can.api_server { self.subject.cluster.servers } else { 1 })
    }

    /// Waits until the provider has told of the cluster. Of records there is nothing to tell.
    async fn announced(&self, changes: &mut Receiver<ClusterId>) -> Result<(), Broken> {
        let told = async {
            loop {
                match changes.recv().await {
                    Ok(id) if id == self.subject.cluster.id => return true,
                    Err(RecvError::Lagged(_)) => return true,
                    Err(RecvError::Closed) => return false,
                    Ok(_) => {}
                }
            }
        };
        if !self.can.api_server {
            return Ok(());
        }
        let told = timeout(self.subject.patience, told).await.unwrap_or(false);
        promise(told, || "a change isn't announced".into())
    }

    /// Looks until it holds, or patience is at an end.
    async fn until(&self, what: &str, holds: impl Fn() -> Result<bool, Broken>) -> Result<(), Broken> {
        let begun = Instant::now();
        while !holds()? {
            promise(begun.elapsed() < self.subject.patience, || {
                format!("it doesn't come true that {what}; now there is {:?}", self.seen())
            })?;
            sleep(LOOK).await;
        }
        Ok(())
    }
}
