//! What every provider has to keep, as one suite that runs against any of them.
//!
//! In goes a provider and what to make of it; the first promise that it doesn't keep comes out. The suite makes the
//! cluster, lives through its life, and deletes it. What a provider says that it can't do ([`Capabilities`]) must be
//! refused; all else must work.

mod life;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{
    Capabilities, ClusterId, ClusterProvider, DesiredCluster, DesiredNodegroup, Error, NodeRegistries, Progress,
    PublicEndpoint, Resources,
};

/// What the suite makes of a provider.
#[derive(Clone, Debug)]
pub struct Subject {
    /// A cluster that doesn't exist yet. Where the provider counts use, its endpoint has to be counted.
    pub cluster: DesiredCluster,
    /// A node group of it, with at least one node.
    pub nodegroup: DesiredNodegroup,
    /// How long it may take until the provider sees what it did itself.
    pub patience: Duration,
}

impl Subject {
    /// A cluster of one server with two nodes, in the provider's image for this version.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`]
    pub fn small(provider: &dyn ClusterProvider, version: &str, patience: Duration) -> Result<Self, Error> {
        let id = ClusterId { namespace: "default".into(), name: "demo".into() };
        let image = provider.image(version)?;
        let cluster = DesiredCluster {
            id: id.clone(),
            eks_name: "demo".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            version: version.into(),
            image: image.clone(),
            servers: 1,
            service_cidr: "10.100.0.0/16".into(),
            placement: None,
            tls_names: Vec::new(),
            public_endpoint: PublicEndpoint {
                counted: provider.capabilities().use_counter,
                ..PublicEndpoint::default()
            },
            control_plane: None,
            endpoint_id: String::new(),
            import: None,
        };
        let nodegroup = DesiredNodegroup {
            cluster: id,
            name: "workers".into(),
            desired: 2,
            image,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            resources: Resources { cpus: 1, memory_mib: 1024 },
            zones: Vec::new(),
            authorities: Vec::new(),
        };
        Ok(Self { cluster, nodegroup, patience })
    }
}

/// A promise that the provider didn't keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

/// Runs the whole suite. Nothing of the cluster is left if it succeeds.
///
/// # Errors
/// The first promise that was broken.
pub async fn run(provider: &dyn ClusterProvider, subject: &Subject) -> Result<(), Broken> {
    let run = Run { provider, subject, can: provider.capabilities(), progress: Progress::new().0 };
    run.names()?;
    run.versions()?;
    run.nothing_is_there().await?;
    run.is_created_once().await?;
    run.is_reached().await?;
    run.has_nodes().await?;
    run.can_what_it_says().await?;
    run.stops_and_starts().await?;
    run.is_deleted().await
}

/// One run of the suite.
struct Run<'a> {
    provider: &'a dyn ClusterProvider,
    subject: &'a Subject,
    can: Capabilities,
    progress: Progress,
}

/// Fails unless `kept`.
fn promise(kept: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if kept { Ok(()) } else { Err(Broken(what())) }
}

/// Fails where a call failed.
fn works<T>(doing: &str, ended: Result<T, Error>) -> Result<T, Broken> {
    ended.map_err(|error| Broken(format!("{doing} fails: {error}")))
}

impl Run<'_> {
    fn names(&self) -> Result<(), Broken> {
        let id = &self.subject.cluster.id;
        let other = ClusterId { name: format!("{}-other", id.name), ..id.clone() };
        let name = |id: &ClusterId| self.provider.cluster_name(id);
        promise(!self.provider.name().is_empty(), || "the provider has no name".into())?;
        promise(!name(id).is_empty() && name(id) == name(id), || format!("cluster {id} has no name that stays"))?;
        promise(name(id) != name(&other), || format!("clusters {id} and {other} have one name"))?;
        promise(self.can == self.provider.capabilities(), || "what the provider can do changes".into())
    }

    fn versions(&self) -> Result<(), Broken> {
        let cluster = &self.subject.cluster;
        let image = works("asking for the image of a known version", self.provider.image(&cluster.version))?;
        promise(image == cluster.image, || format!("{} is run by {image}, not {}", cluster.version, cluster.image))?;
        match self.provider.image("0.0") {
            Err(Error::UnknownVersion { version, known }) => {
                promise(version == "0.0" && known.contains(&cluster.version), || {
                    format!("an unknown version is refused without the known ones: {version}, {known}")
                })
            }
            other => Err(Broken(format!("an unknown version isn't refused as such: {other:?}"))),
        }
    }

    /// What the provider says that it can do works, and all else is refused.
    async fn can_what_it_says(&self) -> Result<(), Broken> {
        let (provider, plan) = (self.provider, &self.subject.cluster);
        let found = self.honest("authorities", self.can.authorities, provider.authority(plan).await)?;
        promise(!self.can.authorities || found.flatten().is_some(), || {
            "a cluster has no certificate authority".into()
        })?;
        let pending = self.honest("configure", self.can.configure, provider.configure_cluster(plan).await)?;
        promise(pending != Some(true), || "settings that didn't change need a restart".into())?;
        let used = self.honest("use_counter", self.can.use_counter, provider.used(&plan.id).await)?;
        promise(!self.can.use_counter || used.flatten().is_some(), || "nobody counts the use of a cluster".into())?;
        let led = provider.lead_pods(&plan.id, "169.254.170.23", ("127.0.0.1", 9)).await;
        self.honest("pod_credentials", self.can.pod_credentials, led)?;
        let none = NodeRegistries { complete: true, ..NodeRegistries::default() };
        self.honest("registries", self.can.registries, provider.set_registries(&plan.id, &none).await)?;
        self.honest("import", self.can.import, provider.release_cluster(plan).await)?;
        if !self.can.upgrade {
            self.honest("upgrade", false, provider.upgrade_cluster(plan, &self.progress).await)?;
        }
        Ok(())
    }

    /// The answer of what the provider can do; `None` where it said that it can't, and refused.
    fn honest<T>(&self, what: &str, can: bool, ended: Result<T, Error>) -> Result<Option<T>, Broken> {
        match ended {
            Err(Error::Unsupported { provider, .. }) if !can => {
                promise(provider == self.provider.name(), || format!("{what} is refused in the name of {provider}"))?;
                Ok(None)
            }
            Ok(_) if !can => Err(Broken(format!("{what} isn't a capability and isn't refused"))),
            ended => works(what, ended).map(Some),
        }
    }
}
