//! Clients of a child cluster's API server, by the first route that works.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::error::Error;
use crd::kubeconfig;
use limits::bounded;
use provider::Access;

/// The largest answer here is a page of nodes. Parsed, it takes many times its size, and many clusters may be hostile.
/// A page has some 20,000 values, and few pages exceed the share that each answer has for itself.
const CHILD: bounded::Limits =
    bounded::Limits { answer: 4 * 1024 * 1024, event: 1024 * 1024, values: 100_000, together: 32 * 1024 * 1024 };

/// The longest wait for one answer.
pub const ANSWER: Duration = Duration::from_secs(5);

/// A route to an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The public endpoint.
    PublicEndpoint,
    /// The address on the clusters' network.
    ClusterNetwork,
    /// A route of the operator alone, which no rule for the public endpoint closes.
    Direct,
}

/// Routes that may be open to this operator, in the order of attempts.
pub const fn routes(by_network: bool, guarded: bool) -> &'static [Route] {
    match (by_network, guarded) {
        (true, _) => &[Route::ClusterNetwork],
        (false, true) => &[Route::Direct, Route::PublicEndpoint],
        (false, false) => &[Route::PublicEndpoint],
    }
}

/// A client on the first route whose API server is ready, and that route; else why none is.
pub async fn first_ready(access: &Access, routes: &[Route]) -> Result<(Client, Route), String> {
    let mut problem = String::new();
    for route in routes {
        let client = client(access, *route).await.map_err(|e| e.to_string())?;
        let request = http::Request::get("/readyz").body(Vec::new()).map_err(|e| e.to_string())?;
        match client.request_text(request).await {
            Ok(_) => return Ok((client, *route)),
            Err(error) => problem = format!("the API server isn't ready: {}", why(&error)),
        }
    }
    Err(problem)
}

/// What an API server did wrong.
pub fn why(error: &kube::Error) -> String {
    bounded::too_much(error).map_or_else(|| text::sentence(error), |why| why.to_string())
}

/// A client for `access`; on the clusters' network the certificate is checked against a name that every API server has.
async fn client(access: &Access, route: Route) -> Result<Client, Error> {
    let mut config = Config::from_custom_kubeconfig(kubeconfig_for(access, route)?, &KubeConfigOptions::default())
        .await
        .map_err(|e| unusable(access, e.to_string()))?;
    config.connect_timeout = Some(ANSWER);
    bounded::client(config, CHILD).map_err(|e| unusable(access, text::sentence(&e)))
}

/// The kubeconfig for `access` on this route, as text.
pub fn kubeconfig(access: &Access, route: Route) -> Result<String, Error> {
    yaml::write(&kubeconfig_for(access, route)?).map_err(|_| unusable(access, "it can't be written as YAML".into()))
}

/// The kubeconfig for `access` on this route.
fn kubeconfig_for(access: &Access, route: Route) -> Result<Kubeconfig, Error> {
    let mut kubeconfig = kubeconfig::read(&access.kubeconfig).map_err(|why| unusable(access, why))?;
    let address = match route {
        Route::PublicEndpoint => None,
        Route::ClusterNetwork => access.internal.as_ref(),
        Route::Direct => access.direct.as_ref(),
    };
    if let Some((host, port)) = address {
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("https://{host}:{port}"));
            cluster.tls_server_name = Some("kubernetes".into());
        }
    }
    Ok(kubeconfig)
}

fn unusable(access: &Access, why: String) -> Error {
    Error::Kubeconfig { cluster: access.endpoint.clone(), why }
}
