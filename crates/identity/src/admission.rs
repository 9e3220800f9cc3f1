//! Mutates new pods of a child cluster, so that AWS SDKs in them find credentials. Source: the annotations and defaults
//! of amazon-eks-pod-identity-webhook.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::ResourceExt;
use kube::core::admission::{AdmissionRequest, AdmissionResponse};
use serde_json::{Value, json};

use super::{IdentityState, pod_identity};
use crd::EKSClusterConfig;
use crd::identity_service::{ADDRESS, POD_ADDRESS, POD_IDENTITY_AUDIENCE, nth_address};
use crd::names::{Identity, is_object_name};

/// Prefix of the annotations.
const PREFIX: &str = "eks.amazonaws.com/";
/// Default lifetime of a token, in seconds.
const TOKEN_LIFE: i64 = 86_400;
/// Shortest lifetime of a token that Kubernetes allows, in seconds.
const SHORTEST: i64 = 600;

/// What is injected into a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Injection {
    /// Environment variables of each container.
    variables: Vec<(&'static str, String)>,
    /// Name of the volume with the token.
    volume: &'static str,
    /// Where it is mounted.
    folder: &'static str,
    /// The token's file.
    file: &'static str,
    /// The token's audience.
    audience: String,
    /// The token's life, in seconds.
    life: i64,
}

/// Answers the admission of a pod.
pub async fn admit(
    state: &IdentityState,
    namespace: &str,
    name: &str,
    request: &AdmissionRequest<Pod>,
) -> AdmissionResponse {
    let response = AdmissionResponse::from(request);
    let Some(cluster) = state.api.store.get::<EKSClusterConfig>(namespace, name) else { return response };
    let Some(pod) = &request.object else { return response };
    let space = request.namespace.clone().or_else(|| pod.namespace()).unwrap_or_default();
    let account = pod.spec.as_ref().and_then(|s| s.service_account_name.clone()).unwrap_or_else(|| "default".into());
    // The caller isn't authenticated, and both become a part of a URL.
    if !is_object_name(&space) || !is_object_name(&account) {
        return response.deny("the pod's namespace or service account isn't a name");
    }
    let injection = if pod_identity::association(state, &cluster, &space, &account).is_some() {
        Some(for_pod_identity(&cluster, pod))
    } else {
        match state.children.service_account(&state.api.store, &cluster, &space, &account).await {
            Ok(found) => found.and_then(|found| for_irsa(&cluster, &found, pod)),
            Err(refusal) => {
                tracing::warn!(resource = %format!("{namespace}/{name}"), %refusal, "a pod was admitted without a look at its service account");
                return response;
            }
        }
    };
    let Some(injection) = injection else { return response };
    match patch(pod, &injection) {
        Ok(patch) if patch.0.is_empty() => response,
        Ok(patch) => {
            let plain = AdmissionResponse::from(request);
            response.with_patch(patch).unwrap_or(plain)
        }
        Err(error) => {
            tracing::error!(%error, "a pod can't be changed");
            response
        }
    }
}

/// Region variables, for IRSA and Pod Identity alike.
fn region(cluster: &EKSClusterConfig) -> [(&'static str, String); 2] {
    let region = Identity::of(cluster).region;
    [("AWS_DEFAULT_REGION", region.clone()), ("AWS_REGION", region)]
}

/// For EKS Pod Identity.
fn for_pod_identity(cluster: &EKSClusterConfig, pod: &Pod) -> Injection {
    let mut variables: Vec<_> = vec![("AWS_STS_REGIONAL_ENDPOINTS", "regional".to_owned())];
    variables.extend(region(cluster));
    variables.extend([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{POD_ADDRESS}/v1/credentials")),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token".to_owned(),
        ),
        ("AWS_ENDPOINT_URL_STS", sts_url(cluster)),
    ]);
    Injection {
        variables,
        volume: "eks-pod-identity-token",
        folder: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
        file: "eks-pod-identity-token",
        audience: POD_IDENTITY_AUDIENCE.into(),
        life: life([pod.annotations()]),
    }
}

/// For IRSA (IAM roles for service accounts); `None` for a service account without a role.
fn for_irsa(cluster: &EKSClusterConfig, account: &ServiceAccount, pod: &Pod) -> Option<Injection> {
    let annotation = |name: &str| account.annotations().get(&format!("{PREFIX}{name}")).cloned();
    let role = annotation("role-arn")?;
    let regional = annotation("sts-regional-endpoints").is_none_or(|text| text == "true");
    let mut variables: Vec<_> =
        regional.then(|| ("AWS_STS_REGIONAL_ENDPOINTS", "regional".to_owned())).into_iter().collect();
    variables.extend(region(cluster));
    variables.extend([
        ("AWS_ROLE_ARN", role),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token".to_owned()),
        ("AWS_ENDPOINT_URL_STS", sts_url(cluster)),
    ]);
    Some(Injection {
        variables,
        volume: "aws-iam-token",
        folder: "/var/run/secrets/eks.amazonaws.com/serviceaccount",
        file: "token",
        audience: annotation("audience").unwrap_or_else(|| super::sts::AUDIENCE.into()),
        life: life([pod.annotations(), account.annotations()]),
    })
}

/// Where pods of the cluster find STS.
fn sts_url(cluster: &EKSClusterConfig) -> String {
    let address = nth_address(cluster.spec.service_cidr(), ADDRESS);
    format!("http://{}", address.unwrap_or_default())
}

/// Lifetime of a token, from the first of these annotations that is set.
fn life<const N: usize>(annotations: [&BTreeMap<String, String>; N]) -> i64 {
    let key = format!("{PREFIX}token-expiration");
    let set = annotations.into_iter().find_map(|all| all.get(&key)?.parse::<i64>().ok());
    set.unwrap_or(TOKEN_LIFE).max(SHORTEST)
}

/// The patch of the pod.
fn patch(pod: &Pod, injection: &Injection) -> Result<json_patch::Patch, serde_json::Error> {
    let before = serde_json::to_value(pod)?;
    let mut after = before.clone();
    let skipped = pod.annotations().get(&format!("{PREFIX}skip-containers")).cloned().unwrap_or_default();
    let skipped: Vec<&str> = skipped.split(',').map(str::trim).collect();
    let mut injected = false;
    for list in ["initContainers", "containers"] {
        let containers = after["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default();
            if !skipped.contains(&name) {
                inject(container, injection);
                injected = true;
            }
        }
    }
    if injected {
        add(
            &mut after["spec"]["volumes"],
            "name",
            injection.volume,
            json!({
                "name": injection.volume,
                "projected": {"sources": [{"serviceAccountToken": {
                    "audience": injection.audience, "expirationSeconds": injection.life, "path": injection.file}}]},
            }),
        );
    }
    Ok(json_patch::diff(&before, &after))
}

/// Adds the injection to a container, whose own settings win.
fn inject(container: &mut Value, injection: &Injection) {
    let own = |container: &Value, name: &str| {
        container["env"].as_array().is_some_and(|all| all.iter().any(|variable| variable["name"] == name))
    };
    // A container that has credentials of its own keeps them.
    let own_credentials = [
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ];
    if own_credentials.iter().any(|name| own(container, name)) {
        return;
    }
    for (name, value) in &injection.variables {
        add(&mut container["env"], "name", name, json!({"name": name, "value": value}));
    }
    let mount = json!({"name": injection.volume, "mountPath": injection.folder, "readOnly": true});
    add(&mut container["volumeMounts"], "mountPath", injection.folder, mount);
}

/// Adds `item` to a list, unless one with the same `key` is there.
fn add(list: &mut Value, key: &str, value: &str, item: Value) {
    if !list.is_array() {
        *list = json!([]);
    }
    if let Some(items) = list.as_array_mut()
        && !items.iter().any(|known| known[key] == value)
    {
        items.push(item);
    }
}

#[cfg(test)]
mod tests;
