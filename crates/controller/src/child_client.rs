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
pub enum Way {
    /// The public endpoint.
    Published,
    /// The address on the clusters' network.
    Network,
    /// The operator's own way, which no rule for the public endpoint closes.
    Aside,
}

/// Routes that may be open to this operator, in the order of attempts.
pub const fn ways(by_network: bool, guarded: bool) -> &'static [Way] {
    match (by_network, guarded) {
        (true, _) => &[Way::Network],
        (false, true) => &[Way::Aside, Way::Published],
        (false, false) => &[Way::Published],
    }
}

/// A client on the first route whose API server is ready, and that route; else why none is.
pub async fn first(access: &Access, ways: &[Way]) -> Result<(Client, Way), String> {
    let mut problem = String::new();
    for way in ways {
        let client = client(access, *way).await.map_err(|e| e.to_string())?;
        let request = http::Request::get("/readyz").body(Vec::new()).map_err(|e| e.to_string())?;
        match client.request_text(request).await {
            Ok(_) => return Ok((client, *way)),
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
async fn client(access: &Access, way: Way) -> Result<Client, Error> {
    let mut config = Config::from_custom_kubeconfig(on(access, way)?, &KubeConfigOptions::default())
        .await
        .map_err(|e| unusable(access, e.to_string()))?;
    config.connect_timeout = Some(ANSWER);
    bounded::client(config, CHILD).map_err(|e| unusable(access, text::sentence(&e)))
}

/// The kubeconfig for `access` on this route, as text.
pub fn kubeconfig(access: &Access, way: Way) -> Result<String, Error> {
    yaml::write(&on(access, way)?).map_err(|_| unusable(access, "it can't be written as YAML".into()))
}

/// The kubeconfig for `access` on this route.
fn on(access: &Access, way: Way) -> Result<Kubeconfig, Error> {
    let mut kubeconfig = kubeconfig::read(&access.kubeconfig).map_err(|why| unusable(access, why))?;
    let route = match way {
        Way::Published => None,
        Way::Network => access.internal.as_ref(),
        Way::Aside => access.direct.as_ref(),
    };
    if let Some((address, port)) = route {
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("https://{address}:{port}"));
            cluster.tls_server_name = Some("kubernetes".into());
        }
    }
    Ok(kubeconfig)
}

fn unusable(access: &Access, why: String) -> Error {
    Error::Kubeconfig { cluster: access.endpoint.clone(), why }
}
