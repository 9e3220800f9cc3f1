//! The finalizer of members that leave something in their cluster.

use kube::{Api, Client, ResourceExt};

use super::health::Kind;
use crate::context::Context;
use crate::error::Error;
use crate::status;
use crd::Addon;
use crd::member::has_finalizer;
use provider::ClusterId;

/// How often an addon's finalizer is taken away that others change at the same time.
const TRIES: usize = 5;

/// Lets the member go.
pub async fn release<K: Kind>(member: &K, ctx: &Context) -> Result<(), Error> {
    status::finalizer(&ctx.client, member, false).await?;
    ctx.jobs.forget(&member.uid().unwrap_or_default());
    Ok(())
}

/// Lets the addons of a cluster go that is gone: an operator that is uninstalled after its last cluster would leave them
/// with a finalizer that nobody takes away.
pub async fn release_all(id: &ClusterId, ctx: &Context) -> Result<(), Error> {
    for addon in ctx.stores.members.with_deleted::<Addon>(id) {
        release_now(&addon, &ctx.client).await?;
        ctx.jobs.forget(&addon.uid().unwrap_or_default());
    }
    Ok(())
}

/// Lets an addon go as it is now: what is changed meanwhile isn't held again once its cluster goes, so it is only read
/// again.
async fn release_now(addon: &Addon, client: &Client) -> Result<(), Error> {
    let (namespace, name) = (addon.namespace().unwrap_or_default(), addon.name_any());
    let api = Api::<Addon>::namespaced(client.clone(), &namespace);
    for _ in 0..TRIES {
        let found = api.get_opt(&name).await;
        let found = found.map_err(Error::kubernetes(format!("reading Addon {namespace}/{name}")))?;
        let Some(found) = found.filter(|found| found.uid() == addon.uid() && has_finalizer(found)) else {
            return Ok(());
        };
        if status::finalizer(client, &found, false).await? {
            return Ok(());
        }
    }
    Err(Error::Contended { doing: format!("taking the finalizer away from Addon {namespace}/{name}") })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Method, Request, Response};
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// An API server where the first `conflicts` changes of the addon come too late.
    fn server(conflicts: usize) -> Client {
        let patches = Arc::new(AtomicUsize::new(0));
        let service = tower::service_fn(move |request: Request<Body>| {
            let held = patches.load(Ordering::SeqCst) <= conflicts;
            let late = request.method() == Method::PATCH && patches.fetch_add(1, Ordering::SeqCst) < conflicts;
            async move {
                let (code, body) = if late {
                    let why = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409});
                    (409, why)
                } else {
                    (200, serde_json::to_value(addon(held)).unwrap())
                };
                Ok::<_, std::convert::Infallible>(
                    Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap(),
                )
            }
        });
        Client::new(service, "default")
    }

    fn addon(held: bool) -> Addon {
        let finalizers = if held { vec![crd::keys::FINALIZER] } else { Vec::new() };
        let object = json!({
            "apiVersion": "k3eks.io/v1alpha1", "kind": "Addon", "spec": {"clusterName": "demo", "addonName": "cert-manager"},
            "metadata": {"name": "a", "namespace": "default", "uid": "u", "finalizers": finalizers},
        });
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn an_addon_that_others_change_is_let_go_or_the_error_says_so() {
        release_now(&addon(true), &server(TRIES - 1)).await.unwrap();
        let error = release_now(&addon(true), &server(TRIES)).await.unwrap_err();
        assert!(matches!(&error, Error::Contended { doing } if doing.contains("Addon default/a")), "{error}");
    }
}
