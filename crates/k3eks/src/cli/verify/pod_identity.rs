//! EKS Pod Identity: a pod whose service account has an association gets credentials at the address that AWS SDKs ask.

use std::time::Duration;

use crd::PodIdentityAssociation;
use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::json;
use text::sentence;

use super::environment::{Environment, create};
use super::finding::Outcome;
use super::sign_in::without_identity;
use super::task::Task;

const ACCOUNT: &str = "pod-identity";
const LIMIT: Duration = Duration::from_secs(45);
/// What a pod says that was made too early: the association is seen a moment after it was made.
const EARLY: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI isn't set in the pod";

/// Says what is missing; never what it got.
const SCRIPT: &str = r#"[ -n "$AWS_CONTAINER_CREDENTIALS_FULL_URI" ] || { echo "AWS_CONTAINER_CREDENTIALS_FULL_URI isn't set in the pod"; exit 1; }
[ -s "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" ] || { echo "there is no token at AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ($AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)"; exit 1; }
for try in 1 2 3 4 5; do
  said=$(timeout 5 wget -q -O- --header "Authorization: $(cat "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")" "$AWS_CONTAINER_CREDENTIALS_FULL_URI" 2>&1)
  case $said in *AccessKeyId*) exit 0 ;; esac
  sleep 1
done
case $said in *ecretAccessKey*) said= ;; esac
echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI gives no credentials for the pod's token: $said"
exit 1"#;

/// Has a pod take the role that an association gives it.
pub async fn check(env: &Environment) -> Outcome {
    if let Some(outcome) = without_identity(env).await {
        return outcome;
    }
    if env.workers().is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    if let Err(error) = associate(env).await {
        return Outcome::fails(
            format!("making an association: {}", sentence(error.as_ref())),
            "a PodIdentityAssociation in the management cluster",
            "use a kubeconfig that may make one",
        );
    }
    let task = Task { name: "pod-identity", script: SCRIPT, account: Some(ACCOUNT), node: None, claim: None };
    match task.run_once_equipped(env, LIMIT, EARLY).await {
        Ok(ended) if ended.well => Outcome::ok(format!("a pod has credentials of {}", env.role)),
        Ok(ended) => Outcome::fails(
            ended.said,
            "credentials at 169.254.170.23 in a pod whose service account has an association",
            "kubectl -n kube-system get service k3eks-identity -o yaml; kubectl -n k3eks-system logs deploy/k3eks-api; --role names a role that the API knows",
        ),
        Err(outcome) => outcome,
    }
}

async fn associate(env: &Environment) -> anyhow::Result<()> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    create(&env.api::<ServiceAccount>(), account).await?;
    let association = json!({
        "apiVersion": "k3eks.io/v1alpha1", "kind": "PodIdentityAssociation",
        "metadata": {"name": env.namespace, "labels": env.labels()},
        "spec": {"clusterName": env.name(), "namespace": env.namespace, "serviceAccount": ACCOUNT, "roleArn": env.role},
    });
    create::<PodIdentityAssociation>(&env.associations(), association).await
}
