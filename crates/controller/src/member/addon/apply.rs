//! Carries a step of an addon out: helm runs outside of the reconcile.

use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use kube::{Api, Client};

use super::install;
use super::plan::Action;
use crate::context::Context;
use crate::error::Error;
use crate::jobs::Work;
use crd::Addon;
use crd::addon::ResolveConflicts;
use helm::Release;
use provider::ClusterId;

/// Carries a step out. Of a release that `is_there` others may have changed something.
pub fn apply(
    addon: &Addon,
    id: &ClusterId,
    release: &Release,
    action: Action,
    is_there: bool,
    ctx: &Context,
) -> Result<(), Error> {
    let Action::Install { interrupted } = action else { return Ok(()) };
    let Some((client, kubeconfig)) = ctx.children.client(id).zip(ctx.children.kubeconfig(id)?) else { return Ok(()) };
    let (helm, release) = (ctx.helm.clone(), release.clone());
    let doing = doing("installing", addon, id);
    let resolve = addon.spec.resolve_conflicts.unwrap_or(ResolveConflicts::None);
    tracing::info!(addon = addon.spec.addon_name, chart = release.chart.version, "installing the addon");
    ctx.jobs.start(
        &addon.metadata,
        Work::Install,
        || (),
        move |_| async move {
            if let Some(secret) = interrupted {
                forget(&client, &release.namespace, &secret).await.map_err(|e| failed(&doing, &e))?;
            }
            if !is_there {
                return helm.apply(&release, None, kubeconfig).await.map_err(|e| failed(&doing, &e));
            }
            install::update(&helm, &client, &release, resolve, kubeconfig).await.map_err(|e| failed(&doing, &e))
        },
    );
    Ok(())
}

/// Starts to take the addon's release out of the cluster.
pub fn uninstall(addon: &Addon, id: &ClusterId, ctx: &Context) -> Result<(), Error> {
    let Some(kubeconfig) = ctx.children.kubeconfig(id)? else { return Ok(()) };
    let (helm, name) = (ctx.helm.clone(), addon.spec.addon_name.clone());
    let namespace = addon.spec.namespace().to_owned();
    let doing = doing("removing", addon, id);
    ctx.jobs.start(
        &addon.metadata,
        Work::Uninstall,
        || (),
        move |_| async move { helm.remove(&name, &namespace, kubeconfig).await.map_err(|e| failed(&doing, &e)) },
    );
    Ok(())
}

/// Removes helm's record of work that nobody does any more: helm would refuse to begin anything else.
async fn forget(client: &Client, namespace: &str, secret: &str) -> Result<(), kube::Error> {
    match Api::<Secret>::namespaced(client.clone(), namespace).delete(secret, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        done => done.map(|_| ()),
    }
}

fn doing(verb: &str, addon: &Addon, id: &ClusterId) -> String {
    format!("{verb} addon {} of cluster {id}", addon.spec.addon_name)
}

fn failed(doing: &str, error: &impl std::fmt::Display) -> provider::Error {
    provider::Error::Engine { doing: doing.to_owned(), why: error.to_string() }
}
