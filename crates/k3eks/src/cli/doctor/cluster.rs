//! Checks the management cluster: definitions, operator, clusters; and the EKS API.

use std::time::Duration;

use axum::body::Body;
use crd::conditions::Reason;
use crd::{EKSClusterConfig, Nodegroup, definitions};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use super::super::find::{self, Place};
use super::finding::Finding;

/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// What to do where the kubeconfig leads to a cluster that isn't the management cluster.
const ANOTHER: &str = "set KUBECONFIG to the management cluster's; to install k3eks in this one: helm upgrade --install k3eks-crd charts/k3eks-crd -n k3eks-system --create-namespace, then charts/k3eks";
/// Most bytes of the API's answer.
const LARGEST: usize = 64 * 1024;

/// The management cluster, the definitions, the operator, the clusters.
pub async fn management(place: &Place) -> Vec<Finding> {
    const WHAT: &str = "management cluster";
    const MEND: &str =
        "set KUBECONFIG to that of a running cluster; `make up` makes one and says where its kubeconfig is";
    let asked = async {
        let client = find::management().await.map_err(|e| text::sentence(e.as_ref()))?;
        let version = tokio::time::timeout(ANSWER, client.apiserver_version()).await;
        let version = version.map_err(|_| "it takes too long to answer".to_owned())?;
        let version = version.map_err(|e| text::sentence(&e))?;
        Ok::<_, String>((client, version.git_version))
    };
    let (client, version) = match asked.await {
        Ok(both) => both,
        Err(error) => return vec![Finding::problem(WHAT, format!("can't be reached: {error}"), MEND)],
    };
    let mut found = vec![Finding::well(WHAT, format!("{version} answers"))];
    match missing(&client).await {
        Ok(missing) if missing.len() == definitions().len() => {
            found.push(Finding::problem(
                WHAT,
                "has nothing of k3eks: it may be a child cluster, or another one",
                ANOTHER,
            ));
            return found;
        }
        missing => found.push(installed(missing)),
    }
    found.push(operator(&client).await);
    found.extend(registry(&client).await);
    found.push(clusters(&client, place).await);
    found
}

/// Missing definitions.
async fn missing(client: &Client) -> Result<Vec<String>, kube::Error> {
    let there = Api::<CustomResourceDefinition>::all(client.clone()).list_metadata(&ListParams::default()).await?;
    let there: Vec<String> = there.iter().map(ResourceExt::name_any).collect();
    Ok(definitions().iter().map(ResourceExt::name_any).filter(|name| !there.contains(name)).collect())
}

fn installed(missing: Result<Vec<String>, kube::Error>) -> Finding {
    const WHAT: &str = "definitions";
    const MEND: &str = "helm upgrade --install k3eks-crd charts/k3eks-crd -n k3eks-system --create-namespace";
    match missing {
        Ok(missing) if missing.is_empty() => Finding::well(WHAT, format!("all {} are installed", definitions().len())),
        Ok(missing) => Finding::problem(WHAT, format!("{} are missing", missing.join(", ")), MEND),
        Err(error) => Finding::note(
            WHAT,
            format!("can't be listed: {}", text::sentence(&error)),
            "use a kubeconfig that may list them",
        ),
    }
}

async fn operator(client: &Client) -> Finding {
    const WHAT: &str = "operator";
    let ours = ListParams::default().labels("app.kubernetes.io/name=k3eks");
    let found = Api::<Deployment>::all(client.clone()).list(&ours).await;
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            return Finding::note(
                WHAT,
                format!("can't be looked for: {}", text::sentence(&error)),
                "use a kubeconfig that may list Deployments",
            );
        }
    };
    let Some(deployment) = found.items.first() else {
        let mend = "helm upgrade --install k3eks charts/k3eks -n k3eks-system, or k3eks operator on this host";
        return Finding::note(WHAT, "isn't installed in the cluster; run it elsewhere", mend);
    };
    ready(WHAT, deployment)
}

/// The container registry. Nothing is said where there is none.
async fn registry(client: &Client) -> Option<Finding> {
    let ours = ListParams::default().labels("app.kubernetes.io/name=k3eks-registry");
    let found = Api::<Deployment>::all(client.clone()).list(&ours).await.ok()?;
    Some(ready("container registry", found.items.first()?))
}

fn ready(what: &'static str, deployment: &Deployment) -> Finding {
    let (namespace, name) = (deployment.namespace().unwrap_or_default(), deployment.name_any());
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
    if ready > 0 {
        return Finding::well(what, format!("{ready} of {namespace}/{name} ready"));
    }
    let mend = format!(
        "kubectl -n {namespace} describe deploy/{name}; kubectl -n {namespace} logs deploy/{name} --all-containers"
    );
    Finding::problem(what, format!("no pod of {namespace}/{name} is ready"), mend)
}

async fn clusters(client: &Client, place: &Place) -> Finding {
    const WHAT: &str = "clusters";
    let all = match place.api::<EKSClusterConfig>(client).list(&ListParams::default()).await {
        Ok(all) => all,
        Err(error) => {
            return Finding::problem(
                WHAT,
                format!("can't be listed: {}", text::sentence(&error)),
                "install the definitions, or ask for the right to list them",
            );
        }
    };
    let groups = match place.api::<Nodegroup>(client).list(&ListParams::default()).await {
        Ok(groups) => groups.items,
        Err(error) => {
            let says = format!("the node groups can't be listed: {}", text::sentence(&error));
            return Finding::problem(WHAT, says, "install the definitions, or ask for the right to list them");
        }
    };
    let name = |meta: &ObjectMeta| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}", part(&meta.namespace), part(&meta.name))
    };
    let clusters = all.iter().map(|c| ("cluster", &c.metadata, c.status.as_ref().map(|s| s.conditions.as_slice())));
    let nodegroups =
        groups.iter().map(|g| ("node group", &g.metadata, g.status.as_ref().map(|s| s.conditions.as_slice())));
    let unwell: Vec<String> = clusters
        .chain(nodegroups)
        .filter(|(_, _, conditions)| conditions.is_some_and(is_in_trouble))
        .map(|(kind, meta, _)| format!("{kind} {}", name(meta)))
        .collect();
    if unwell.is_empty() {
        let says = format!("{}; node groups: {}; none of them in trouble", all.items.len(), groups.len());
        return Finding::well(WHAT, says);
    }
    Finding::note(WHAT, format!("in trouble: {}", unwell.join(", ")), "k3eks status says why")
}

/// Whether a resource isn't Ready, although no work on it goes on.
fn is_in_trouble(conditions: &[Condition]) -> bool {
    const GOING_ON: [Reason; 5] =
        [Reason::Queued, Reason::Creating, Reason::Updating, Reason::Deleting, Reason::WaitingForCluster];
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    ready.is_some_and(|ready| ready.status != "True" && !GOING_ON.iter().any(|r| r.as_str() == ready.reason))
}

/// The EKS API. Where no endpoint was named it may well be nowhere.
pub async fn api(named: Option<&str>) -> Finding {
    const WHAT: &str = "EKS API";
    let endpoint = named.unwrap_or("http://127.0.0.1:4566");
    let url = format!("{}/_k3eks/health", endpoint.trim_end_matches('/'));
    let mend = "`make up` publishes it on port 4566; elsewhere: kubectl -n k3eks-system port-forward svc/k3eks-eks 4566; AWS_ENDPOINT_URL names another one";
    if url.starts_with("https://") {
        return Finding::note(
            WHAT,
            format!("{endpoint} isn't asked over HTTPS"),
            "curl it: the path is /_k3eks/health",
        );
    }
    let asked = async {
        let request = http::Request::get(&url).body(Body::empty()).map_err(|e| e.to_string())?;
        let client = HttpClient::builder(TokioExecutor::new()).build_http();
        let answer = tokio::time::timeout(ANSWER, client.request(request)).await;
        let answer = answer.map_err(|_| "it takes too long".to_owned())?.map_err(|e| text::sentence(&e))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|_| "its answer is too long".to_owned())?;
        Ok::<_, String>((head.status, serde_json::from_slice::<Value>(&body.to_bytes()).unwrap_or_default()))
    };
    match asked.await {
        Ok((status, said)) if status.is_success() && said["auth"] == "permissive" => Finding::note(
            WHAT,
            format!(
                "answers at {endpoint}, permissive: it checks no credentials, and anyone who reaches it rules all clusters"
            ),
            "helm upgrade with api.auth=strict and api.keysSecret ends that; docs/security.md says what permissive means",
        ),
        Ok((status, _)) if status.is_success() => Finding::well(WHAT, format!("answers at {endpoint}")),
        Ok((status, _)) => Finding::problem(WHAT, format!("{url} answers {status}"), mend),
        Err(error) if named.is_some() => Finding::problem(WHAT, format!("doesn't answer at {endpoint}: {error}"), mend),
        Err(error) => Finding::note(WHAT, format!("doesn't answer at {endpoint}: {error}"), mend),
    }
}
