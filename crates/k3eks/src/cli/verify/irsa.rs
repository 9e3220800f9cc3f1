//! IAM roles for service accounts: a pod gets a token and variables, and STS gives it credentials for them.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::json;
use text::sentence;

use super::environment::{Environment, create};
use super::finding::Outcome;
use super::sign_in::without_identity;
use super::task::Task;

const ACCOUNT: &str = "irsa";
const LIMIT: Duration = Duration::from_secs(60);

/// The log of a pod that was admitted while the webhook was unreachable.
const EARLY: &str = "AWS_ROLE_ARN isn't set in the pod";

/// Says what is missing; never what it got.
const SCRIPT: &str = r#"[ -n "$AWS_ROLE_ARN" ] || { echo "AWS_ROLE_ARN isn't set in the pod"; exit 1; }
[ -s "$AWS_WEB_IDENTITY_TOKEN_FILE" ] || { echo "there is no token at AWS_WEB_IDENTITY_TOKEN_FILE ($AWS_WEB_IDENTITY_TOKEN_FILE)"; exit 1; }
form="Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=k3eks-verify&RoleArn=$AWS_ROLE_ARN&WebIdentityToken=$(cat "$AWS_WEB_IDENTITY_TOKEN_FILE")"
for try in 1 2 3 4 5 6; do
  said=$(timeout 5 wget -q -O- --post-data "$form" "$AWS_ENDPOINT_URL_STS/" 2>&1)
  case $said in *AccessKeyId*) exit 0 ;; esac
  sleep 1
done
case $said in *ecretAccessKey*) said= ;; esac
echo "STS at ${AWS_ENDPOINT_URL_STS:-(AWS_ENDPOINT_URL_STS isn't set)} gives no credentials for the pod's token: $said"
exit 1"#;

/// Has a pod take the role that its service account names.
pub async fn check(env: &Environment) -> Outcome {
    if let Some(outcome) = without_identity(env).await {
        return outcome;
    }
    if env.workers().is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT, "annotations": {"eks.amazonaws.com/role-arn": env.role}}});
    if let Err(error) = create(&env.api::<ServiceAccount>(), account).await {
        return Outcome::fails(
            format!("making a service account: {}", sentence(error.as_ref())),
            "a service account",
            "k3eks logs shows what the API server says",
        );
    }
    let task = Task { name: "irsa", script: SCRIPT, account: Some(ACCOUNT), node: None, claim: None };
    match task.run_once_equipped(env, LIMIT, EARLY).await {
        Ok(ended) if ended.well => Outcome::ok(format!("a pod has credentials of {}", env.role)),
        Ok(ended) => Outcome::fails(
            ended.said,
            "AWS_ROLE_ARN, a token, and credentials from STS in a pod whose service account has eks.amazonaws.com/role-arn",
            "kubectl get mutatingwebhookconfiguration pod-identity-webhook; kubectl -n k3eks-system logs deploy/k3eks-api; --role names a role that the API knows",
        ),
        Err(outcome) => outcome,
    }
}
