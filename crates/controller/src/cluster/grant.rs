//! Grants the EKS API read access to a cluster's kubeconfig. The API has no other rights on Secrets. The grant goes
//! with the cluster.

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::owned_access::{apply, own_or_none};
use crate::context::Context;
use crate::error::Error;
use crate::service_account::ServiceAccount;
use crd::{EKSClusterConfig, keys};

/// Annotation of a kubeconfig Secret: the service account that may read it.
pub const READER: &str = "k3eks.io/reader";

/// Lets `reader` read the kubeconfig Secret, and nothing else. `metadata` makes the metadata of an owned object.
pub async fn write(
    cluster: &EKSClusterConfig,
    reader: &ServiceAccount,
    metadata: impl Fn(&str) -> Value,
    ctx: &Context,
) -> Result<(), Error> {
    let namespace = cluster.namespace().unwrap_or_default();
    let secret = format!("{}{}", cluster.name_any(), keys::KUBECONFIG_SUFFIX);
    let (role, binding) = objects(&secret, reader, metadata(&secret));
    apply::<Role>(ctx, &namespace, &secret, role).await?;
    apply::<RoleBinding>(ctx, &namespace, &secret, binding).await
}

/// Revokes the grant: the Secret of that name now belongs to somebody else.
pub async fn withdraw(
    cluster: &EKSClusterConfig,
    metadata: impl Fn(&str) -> Value,
    ctx: &Context,
) -> Result<(), Error> {
    let namespace = cluster.namespace().unwrap_or_default();
    let secret = format!("{}{}", cluster.name_any(), keys::KUBECONFIG_SUFFIX);
    match own_or_none::<Role>(ctx, &namespace, &secret, cluster).await {
        Ok(true) => {
            let nothing = json!({"metadata": metadata(&secret), "rules": []});
            apply::<Role>(ctx, &namespace, &secret, nothing).await
        }
        Ok(false) | Err(Error::Taken { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn objects(secret: &str, reader: &ServiceAccount, metadata: Value) -> (Value, Value) {
    let reads = json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]});
    let subject = json!({"kind": "ServiceAccount", "name": reader.name, "namespace": reader.namespace});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": secret});
    (
        json!({"metadata": metadata, "rules": [reads]}),
        json!({"metadata": metadata, "roleRef": role, "subjects": [subject]}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leave_is_given_to_one_account_for_one_secret() {
        let reader: ServiceAccount = "k3eks-system/k3eks-api".parse().unwrap();
        let (role, binding) = objects("demo-kubeconfig", &reader, json!({"name": "demo-kubeconfig"}));
        assert_eq!(role["rules"].as_array().map(Vec::len), Some(1));
        assert_eq!(role["rules"][0]["verbs"], json!(["get"]));
        assert_eq!(role["rules"][0]["resourceNames"], json!(["demo-kubeconfig"]));
        assert_eq!(binding["roleRef"]["name"], "demo-kubeconfig");
        let subject = json!({"kind": "ServiceAccount", "name": "k3eks-api", "namespace": "k3eks-system"});
        assert_eq!(binding["subjects"], json!([subject]));
    }
}
