//! What insights are made from, gathered from the child cluster.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use regex::Regex;

use super::health;
use crate::cluster::validate;
use crate::context::Context;
use crd::insights::InsightStatus;
use crd::{Addon, EKSClusterConfig, Phase};
use provider::ClusterId;

/// The longest wait for the child's answers.
const ANSWER: Duration = Duration::from_secs(10);
/// How a line of the API server's metrics begins that tells of a deprecated API.
const DEPRECATED: &str = "apiserver_requested_deprecated_apis{";
/// More of them than Kubernetes has; a child may say anything.
const MOST_DEPRECATED: usize = 1000;

/// What is known of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Kubernetes minor version that runs, such as `1.35`.
    pub version: String,
    /// How the cluster itself stands, and why.
    pub health: (InsightStatus, String),
    /// Addons: name and version.
    pub addons: Vec<(String, Option<String>)>,
    /// What the child says; `None` for a cluster that is a record.
    pub child: Option<Child>,
}

/// What a child cluster says.
#[derive(Clone, Debug, Default)]
pub struct Child {
    /// Its nodes.
    pub nodes: Vec<NodeVersions>,
    /// Deprecated APIs that were asked for.
    pub deprecated: Vec<DeprecatedUse>,
    /// Preferred version of each API group.
    pub preferred: HashMap<String, String>,
}

/// A node's versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeVersions {
    /// Name of the node.
    pub name: String,
    /// Version of its kubelet.
    pub kubelet: String,
    /// Version of its kube-proxy: of k3s, which contains both, where the node doesn't say.
    pub kube_proxy: String,
}

/// A deprecated API that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeprecatedUse {
    /// API group; empty for the core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Resource.
    pub resource: String,
    /// Kubernetes minor version that doesn't have it any more.
    pub removed: String,
}

/// Gathers everything, or says what is in the way.
pub async fn gather(cluster: &EKSClusterConfig, id: &ClusterId, ctx: &Context) -> Result<Facts, String> {
    let status = cluster.status.clone().unwrap_or_default();
    if status.active_since.is_none() {
        return Err("the cluster hasn't been Active yet".into());
    }
    let addons = Api::<Addon>::namespaced(ctx.client.clone(), &id.namespace);
    let addons =
        addons.list(&ListParams::default()).await.map_err(|e| format!("listing addons: {}", text::sentence(&e)))?;
    let addons = addons.items.into_iter().filter(|addon| addon.spec.cluster_name == id.name);
    let has_api_server = ctx.providers.of(cluster).is_some_and(|p| p.capabilities().api_server);
    let child = if has_api_server {
        if status.phase == Some(Phase::Stopped) {
            return Err("the cluster is stopped: its API server can't be asked".into());
        }
        let client = ctx.children.client(id).ok_or("the cluster's API server can't be reached")?;
        let asked = tokio::time::timeout(ANSWER, ask(&client)).await;
        let child = asked.map_err(|_| "the cluster's API server takes too long to answer".to_owned())?;
        Some(child.map_err(|e| format!("asking the cluster's API server: {}", text::sentence(&e)))?)
    } else {
        None
    };
    let wanted = || validate::wanted_version(cluster, &ctx.settings.default_version).to_owned();
    Ok(Facts {
        version: status.version.unwrap_or_else(wanted),
        health: health::of(cluster),
        addons: addons.map(|addon| (addon.spec.addon_name, addon.spec.addon_version)).collect(),
        child,
    })
}

async fn ask(client: &Client) -> Result<Child, kube::Error> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    let request = http::Request::get("/metrics").body(Vec::new()).map_err(kube::Error::HttpError)?;
    let mut lines = client.request_stream(request).await?.lines();
    let mut metrics = Vec::new();
    // A cluster that is used much has metrics of many megabytes.
    while let Some(line) = lines.try_next().await.map_err(|error| kube::Error::Service(error.into()))? {
        if line.starts_with(DEPRECATED) && metrics.len() < MOST_DEPRECATED {
            metrics.push(line);
        }
    }
    let groups = client.list_api_groups().await?.groups;
    let preferred = groups.into_iter().filter_map(|g| Some((g.name, g.preferred_version?.version)));
    Ok(Child {
        nodes: nodes.items.iter().map(versions).collect(),
        deprecated: deprecated(metrics.iter().map(String::as_str)),
        preferred: preferred.collect(),
    })
}

fn versions(node: &Node) -> NodeVersions {
    let info = node.status.as_ref().and_then(|s| s.node_info.clone()).unwrap_or_default();
    let said = Some(info.kube_proxy_version).filter(|version| !version.is_empty());
    NodeVersions {
        name: node.name_any(),
        kube_proxy: said.unwrap_or_else(|| info.kubelet_version.clone()),
        kubelet: info.kubelet_version,
    }
}

/// Which APIs were asked for although a version of Kubernetes to come won't have them, from the API server's metrics.
fn deprecated<'m>(metrics: impl Iterator<Item = &'m str>) -> Vec<DeprecatedUse> {
    // The pattern is a constant, and a test uses it.
    #[allow(clippy::unwrap_used)]
    static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(\w+)="([^"]*)""#).unwrap());
    let lines = metrics.filter_map(|line| line.strip_prefix(DEPRECATED));
    let mut all: Vec<DeprecatedUse> = lines
        .filter_map(|line| {
            let labels: HashMap<&str, &str> =
                LABEL.captures_iter(line).map(|c| c.extract()).map(|(_, [name, value])| (name, value)).collect();
            let label = |name: &str| labels.get(name).map(|value| (*value).to_owned());
            Some(DeprecatedUse {
                group: label("group")?,
                version: label("version")?,
                resource: label("resource")?,
                removed: label("removed_release").filter(|release| !release.is_empty())?,
            })
        })
        .collect();
    all.sort_by(|a, b| (&a.group, &a.version, &a.resource).cmp(&(&b.group, &b.version, &b.resource)));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deprecated_apis_that_will_be_removed_are_found() {
        let metrics = "# HELP apiserver_requested_deprecated_apis x\n\
            apiserver_requested_deprecated_apis{group=\"flowcontrol.apiserver.k8s.io\",removed_release=\"1.34\",resource=\"flowschemas\",subresource=\"\",version=\"v1beta3\"} 1\n\
            apiserver_requested_deprecated_apis{group=\"flowcontrol.apiserver.k8s.io\",removed_release=\"1.34\",resource=\"flowschemas\",subresource=\"status\",version=\"v1beta3\"} 1\n\
            apiserver_requested_deprecated_apis{group=\"\",removed_release=\"\",resource=\"componentstatuses\",subresource=\"\",version=\"v1\"} 1\n\
            apiserver_request_total{code=\"200\"} 3\n";
        let found = deprecated(metrics.lines());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].resource.as_str(), found[0].removed.as_str()), ("flowschemas", "1.34"));
    }
}
