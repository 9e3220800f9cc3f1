//! The provider that runs nothing: every plan is fulfilled at once. For tests of the API and of scale.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{
    Access, Capabilities, ClusterId, ClusterObservation, ClusterProvider, DesiredCluster, DesiredNodegroup, Error,
    MachineState, NodeObservation, Progress, ServerObservation,
};

/// Records only.
#[derive(Debug)]
pub struct Metadata {
    changes: broadcast::Sender<ClusterId>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { changes: broadcast::channel(1).0 }
    }
}

#[async_trait]
impl ClusterProvider for Metadata {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::RECORDS
    }

    fn observe_cluster(&self, plan: &DesiredCluster) -> Result<ClusterObservation, Error> {
        let server = ServerObservation {
            name: self.cluster_name(&plan.id),
            state: MachineState::Running,
            image: plan.image.clone(),
        };
        Ok(ClusterObservation { servers: vec![server], ..ClusterObservation::default() })
    }

    fn observe_nodes(&self, plan: &DesiredNodegroup) -> Result<Vec<NodeObservation>, Error> {
        Ok((0..plan.desired)
            .map(|n| NodeObservation {
                name: format!("{}-{n}", plan.name.to_ascii_lowercase()),
                state: MachineState::Running,
                image: plan.image.clone(),
                certified_by: None,
            })
            .collect())
    }

    fn cluster_name(&self, id: &ClusterId) -> String {
        id.to_string()
    }

    fn image(&self, version: &str) -> Result<String, Error> {
        let known = || kubernetes_versions::all().iter().rev().map(|known| known.name.as_str()).collect::<Vec<_>>();
        kubernetes_versions::find(version)
            .map(kubernetes_versions::Version::image)
            .ok_or_else(|| Error::UnknownVersion { version: version.to_owned(), known: known().join(", ") })
    }

    async fn create_cluster(&self, _: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        Ok(())
    }

    async fn start_cluster(&self, _: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        Ok(())
    }

    async fn stop_cluster(&self, _: &ClusterId) -> Result<(), Error> {
        Ok(())
    }

    async fn upgrade_cluster(&self, _: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        Ok(())
    }

    async fn access(&self, _: &DesiredCluster) -> Result<Option<Access>, Error> {
        Ok(None)
    }

    async fn delete_cluster(&self, _: &ClusterId) -> Result<(), Error> {
        Ok(())
    }

    async fn create_nodes(&self, _: &DesiredNodegroup, _: usize, _: &Progress) -> Result<(), Error> {
        Ok(())
    }

    async fn delete_nodes(&self, _: &ClusterId, _: &[String]) -> Result<(), Error> {
        Ok(())
    }

    fn changes(&self) -> broadcast::Receiver<ClusterId> {
        self.changes.subscribe()
    }
}
