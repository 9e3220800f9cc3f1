//! An addon in its cluster: a chart that is installed, or a part of k3s that does the same job.

mod apply;
mod conflicts;
mod desired;
mod install;
mod observe;
mod plan;
mod stand_in;

use std::time::Duration;

use kube::ResourceExt;
use serde_json::Value;

use super::health::{self, Kind, MemberHealth, Removal};
use crate::cluster::validate;
use crate::context::Context;
use crate::error::Error;
use crate::jobs::{Turn, Work};
use crd::addon_catalogue::{self, Offer};
use crd::member::is_left_behind;
use crd::{Addon, EKSClusterConfig, FargateProfile, keys};

pub use desired::release;

/// The longest wait for all answers of the child's API server to one look.
const PATIENCE: Duration = Duration::from_secs(10);

impl Kind for Addon {
    async fn assess(&self, cluster: &EKSClusterConfig, ctx: &Context) -> Result<MemberHealth, Error> {
        let (offer, configuration) = match wanted(self, cluster, ctx) {
            Ok(wanted) => wanted,
            Err(why) => return Ok(MemberHealth::Refused(why)),
        };
        if !runs_kubernetes(cluster, ctx) {
            return Ok(MemberHealth::Record);
        }
        if let Some(older) = older(self, cluster, ctx) {
            let text = format!("addon {} of this cluster is resource {older} already; delete this one", offer.name);
            return Ok(MemberHealth::Refused(text));
        }
        let release = desired::release(self, offer, &configuration, version(cluster, ctx));
        if release.is_none() && offer.stands_in.is_none() {
            return Ok(stand_in::recorded(&offer.name));
        }
        let id = validate::id(cluster);
        let child = ctx.children.view(&id);
        let Some(client) = ctx.children.client(&id).filter(|_| child.ready) else {
            return Ok(health::out_of_reach(&child));
        };
        let profiles = ctx.stores.members.of::<FargateProfile>(&id);
        let has_place = |namespace: &str| stand_in::has_place(cluster, &child, &profiles, namespace);
        let serves = ctx.nodegroups_of(&id).is_empty();
        // In an imported cluster nothing is changed.
        let release = release.filter(|_| !cluster.spec.imported);
        if let Some(release) = release {
            let seen = observe::observe(self, offer, &release, &client, ctx);
            match stand_in::answer(PATIENCE, seen).await {
                Ok(Some(seen)) => {
                    let plan = plan::plan(&seen, &release);
                    apply::apply(self, &id, &release, plan.action, seen.record.is_some(), ctx)?;
                    let lacks_pods = match &plan.health {
                        MemberHealth::Working | MemberHealth::Impaired(_) | MemberHealth::Starting(..) => true,
                        MemberHealth::Failed(issue) => issue.code == health::FEWER_REPLICAS,
                        _ => false,
                    };
                    let homeless = || stand_in::homeless(&release.namespace, &release.name, serves);
                    return Ok(if lacks_pods && !has_place(&release.namespace) { homeless() } else { plan.health });
                }
                // A part of k3s does it.
                Ok(None) => {}
                Err(unreachable) => return Ok(unreachable),
            }
        }
        let Some(part) = &offer.stands_in else { return Ok(stand_in::recorded(&offer.name)) };
        let replicas = stand_in::replicas(part, &configuration).filter(|_| !cluster.spec.imported);
        let Some(name) = &part.deployment else { return Ok(stand_in::every_node(&child)) };
        let found = stand_in::answer(stand_in::ANSWER, stand_in::deployment(&client, name, replicas)).await;
        let found = found.unwrap_or_else(|unreachable| unreachable);
        Ok(if has_place(stand_in::NAMESPACE) { found } else { stand_in::homeless(stand_in::NAMESPACE, name, serves) })
    }

    /// Addons with a chart leave a release in their cluster; also where its provider is off.
    fn leaves_something(&self, cluster: &EKSClusterConfig, ctx: &Context) -> bool {
        let has_chart = addon_catalogue::find(&self.spec.addon_name).is_some_and(|offer| offer.chart.is_some());
        let is_record = ctx.providers.of(cluster).is_some_and(|provider| !provider.capabilities().api_server);
        has_chart && !is_record && !cluster.spec.imported && older(self, cluster, ctx).is_none()
    }

    async fn remove(&self, cluster: Option<&EKSClusterConfig>, ctx: &Context) -> Result<Option<Removal>, Error> {
        let uid = self.uid().unwrap_or_default();
        let Some(cluster) = cluster.filter(|cluster| is_to_be_removed(self, cluster, ctx)) else {
            ctx.jobs.cancel(&uid);
            return Ok(None);
        };
        let job = ctx.jobs.view(&uid);
        match job.turn(Work::Uninstall) {
            Turn::Finished => return Ok(None),
            Turn::Mine(_) => return Ok(Some(Removal::UnderWay("removing it from the cluster".into()))),
            Turn::Other(_) => {
                ctx.jobs.cancel(&uid);
                return Ok(Some(Removal::UnderWay("stopping work in progress".into())));
            }
            Turn::Failed(error) if ctx.jobs.wait(&uid, self.metadata.generation.unwrap_or_default()).is_some() => {
                return Ok(Some(Removal::Failed(plan::issue(&error.to_string()))));
            }
            Turn::Failed(_) | Turn::Free => {}
        }
        let id = validate::id(cluster);
        let child = ctx.children.view(&id);
        if !child.ready {
            let why = if child.problem.is_empty() { "it is stopped, or hasn't answered yet" } else { &child.problem };
            let way_out =
                "start it, or annotate the addon with k3eks.io/preserve=true to leave in it what was installed";
            return Ok(Some(Removal::Failed(plan::issue(&format!("The cluster can't be reached: {why}; {way_out}")))));
        }
        apply::uninstall(self, &id, ctx)?;
        Ok(Some(Removal::UnderWay("removing it from the cluster".into())))
    }
}

/// The catalogue's entry and the configuration; else why the addon can't be, and what to do.
fn wanted(addon: &Addon, cluster: &EKSClusterConfig, ctx: &Context) -> Result<(&'static Offer, Value), String> {
    let spec = &addon.spec;
    let (offer, _) = addon_catalogue::resolve(&spec.addon_name, None, version(cluster, ctx))
        .map_err(|why| format!("{why}; delete the addon"))?;
    // One that is for another version of Kubernetes may have fitted before the cluster was upgraded.
    if let Some(version) = spec.addon_version.as_ref().filter(|v| !offer.versions.iter().any(|o| o.version == **v)) {
        let known: Vec<&str> = offer.versions.iter().map(|o| o.version.as_str()).collect();
        return Err(format!(
            "{} has no version {version}; set spec.addonVersion to one of {}",
            offer.name,
            known.join(", ")
        ));
    }
    let configuration = spec.configuration_values.as_deref().map(|text| offer.configuration(text)).transpose();
    let configuration = configuration.map_err(|why| format!("{why}; correct spec.configurationValues"))?;
    Ok((offer, configuration.unwrap_or_default()))
}

/// Name of an older resource for the same addon of the cluster.
fn older(addon: &Addon, cluster: &EKSClusterConfig, ctx: &Context) -> Option<String> {
    let age = |one: &Addon| (one.creation_timestamp(), one.uid());
    let all = ctx.stores.members.of::<Addon>(&validate::id(cluster));
    let other = all.iter().find(|one| one.spec.addon_name == addon.spec.addon_name && age(one) < age(addon))?;
    Some(other.name_any())
}

/// Kubernetes minor version that the cluster runs, or is to run.
fn version<'c>(cluster: &'c EKSClusterConfig, ctx: &'c Context) -> &'c str {
    let running = cluster.status.as_ref().and_then(|status| status.version.as_deref());
    running.unwrap_or_else(|| validate::wanted_version(cluster, &ctx.settings.default_version))
}

fn runs_kubernetes(cluster: &EKSClusterConfig, ctx: &Context) -> bool {
    ctx.providers.of(cluster).is_some_and(|provider| provider.capabilities().api_server)
}

/// Whether its release is taken out of the cluster when the addon goes: not out of one that goes as well, nor out of another
/// one of the same name.
fn is_to_be_removed(addon: &Addon, cluster: &EKSClusterConfig, ctx: &Context) -> bool {
    let is_preserved = addon.annotations().get(keys::ANNOTATION_PRESERVE).is_some_and(|value| value == "true");
    let is_other = is_left_behind(addon, cluster);
    !is_preserved && !is_other && cluster.metadata.deletion_timestamp.is_none() && addon.leaves_something(cluster, ctx)
}
