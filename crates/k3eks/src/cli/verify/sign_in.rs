//! Sign-in: the API server takes a token that is signed with the credentials of the environment, as `aws eks get-token` makes it.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use arn::dns_suffix;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crd::EKSClusterConfig;
use crd::identity_service;
use crd::names::Identity;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Service;
use kube::api::PostParams;
use kube::config::AuthInfo;
use kube::{Api, Client};
use text::sentence;

use super::environment::{Environment, client};
use super::finding::Outcome;

/// How long a token is refused before that is believed: a new cluster may not be known everywhere yet, and a service that
/// was just started may not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the presigned request says it is good, as the aws CLI has it.
const EXPIRES: Duration = Duration::from_secs(60);

/// Why a cluster has no identities, or `None`.
pub async fn without_identity(env: &Environment) -> Option<Outcome> {
    if let Some(outcome) = elsewhere(&env.cluster) {
        return Some(outcome);
    }
    let api = Api::<Service>::namespaced(env.child.clone(), identity_service::NAMESPACE);
    match api.get_opt(identity_service::SERVICE).await {
        Ok(Some(_)) => None,
        Ok(None) => {
            Some(Outcome::skipped("the cluster was made without the identity service (the operator's --identity-host)"))
        }
        Err(error) => Some(Outcome::fails(
            format!("looking for the identity service: {}", sentence(&error)),
            "an answer from the API server",
            "k3eks logs shows what the API server says",
        )),
    }
}

/// Why a cluster is shown no token, whatever its server says: a token is good at every cluster of the same name in EKS.
fn elsewhere(cluster: &EKSClusterConfig) -> Option<Outcome> {
    cluster.spec.imported.then(|| Outcome::skipped("the cluster was imported, and signs its users in as it always did"))
}

/// Signs in, and asks the API server who that is.
pub async fn check(env: &Environment) -> Outcome {
    if let Some(outcome) = without_identity(env).await {
        return outcome;
    }
    let Some(credentials) = credentials() else {
        return Outcome::skipped("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY aren't set");
    };
    let key = credentials.access_key_id().to_owned();
    let token = match token(&Identity::of(&env.cluster), credentials, SystemTime::now()) {
        Ok(token) => token,
        Err(error) => {
            return Outcome::fails(
                format!("{error:#}"),
                "a signed token",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            );
        }
    };
    let begun = tokio::time::Instant::now();
    loop {
        let refused = match who(env, token.clone()).await {
            Ok(name) => return Outcome::ok(format!("the token of access key {key} is {name}")),
            Err(error) => error,
        };
        if begun.elapsed() > PATIENCE {
            return Outcome::fails(
                format!("the API server refuses the token of access key {key}: {}", sentence(refused.as_ref())),
                "it takes the token, as that of an access entry or of the cluster's creator",
                "aws eks create-access-entry for the principal of aws sts get-caller-identity; kubectl -n k3eks-system logs deploy/k3eks-api says why a token is refused",
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn credentials() -> Option<Credentials> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let session = given("AWS_SESSION_TOKEN");
    Some(Credentials::new(given("AWS_ACCESS_KEY_ID")?, given("AWS_SECRET_ACCESS_KEY")?, session, None, "environment"))
}

/// A presigned question to STS for the cluster's name.
fn token(cluster: &Identity, credentials: Credentials, now: SystemTime) -> anyhow::Result<String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&cluster.region)
        .name("sts")
        .time(now)
        .settings(settings);
    let params = params.build().context("signing a token")?.into();
    let host = format!("sts.{}.{}", cluster.region, dns_suffix(&cluster.region));
    let mut url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let headers = [("x-k8s-aws-id", cluster.name.as_str())].into_iter();
    let request = SignableRequest::new("GET", &url, headers, SignableBody::Bytes(b"")).context("signing a token")?;
    let (signature, _) = sign(request, &params).context("signing a token")?.into_parts();
    for (name, value) in signature.params() {
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        // Writing to a String doesn't fail.
        let _ = write!(url, "&{name}={value}");
    }
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url)))
}

/// Who the bearer of the token is to the API server.
async fn who(env: &Environment, token: String) -> anyhow::Result<String> {
    let mut kubeconfig = env.kubeconfig.clone();
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = Some(AuthInfo { token: Some(token.clone().into()), ..AuthInfo::default() });
    }
    whoami(client(kubeconfig).await?).await
}

async fn whoami(client: Client) -> anyhow::Result<String> {
    let review = Api::<SelfSubjectReview>::all(client.clone());
    match review.create(&PostParams::default(), &SelfSubjectReview::default()).await {
        Ok(review) => {
            let user = review.status.and_then(|status| status.user_info).and_then(|user| user.username);
            Ok(user.unwrap_or_default())
        }
        // Before Kubernetes 1.28 nobody can ask who they are; but only who is known may ask what they may do.
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
                .header("content-type", "application/json")
                .body(br#"{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"nonResourceAttributes":{"path":"/version","verb":"get"}}}"#.to_vec())?;
            client.request_text(request).await?;
            Ok("known to the API server".into())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use aws::sigv4::Key;
    use identity::token::check;

    use super::*;

    #[test]
    fn an_imported_cluster_is_shown_no_token() {
        let cluster = |imported| {
            let spec = crd::EKSClusterConfigSpec { imported, ..Default::default() };
            EKSClusterConfig::new("c", spec)
        };
        assert!(elsewhere(&cluster(true)).is_some() && elsewhere(&cluster(false)).is_none());
    }

    #[test]
    fn the_token_is_one_that_the_identity_service_takes() {
        let cluster = Identity { account: "000000000000".into(), region: "eu-west-1".into(), name: "demo".into() };
        let credentials = Credentials::new("AKIA1", "secret", None, None, "test");
        let token = token(&cluster, credentials, SystemTime::now()).unwrap();
        let key = Arc::new(Key::new("AKIA1", "secret", "000000000000", "arn:aws:iam::000000000000:user/u"));
        let keys = HashMap::from([("AKIA1".to_owned(), key)]);
        let who = check(&token, "demo", &keys, &[], SystemTime::now()).unwrap();
        assert_eq!(who.identity, "arn:aws:iam::000000000000:user/u");
        assert!(check(&token, "another", &keys, &[], SystemTime::now()).is_err());
    }
}
