//! Files and arguments of a cluster's servers.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::endpoint_access;
use crate::identity_service::IdentityService;
use crd::cluster::LoggingType;
use crd::identity_service::{self as service, nth_address};
use crd::names::{self, Identity, minor};
use crd::{EKSClusterConfig, IdentityProviderConfig};
use provider::{ClusterId, DesiredCluster, FileKind, ServerFile, ServerSettings};

/// The API server's configuration for tokens.
const WEBHOOK: &str = "/etc/k3eks/token-webhook.yaml";
/// The API server's configuration for admission, which refers to the next file.
const ADMISSION: &str = "/etc/k3eks/admission.yaml";
/// Credentials for admission webhooks.
const ADMISSION_WEBHOOKS: &str = "/etc/k3eks/admission-webhooks.yaml";
/// The token by which the identity service knows the API server.
pub const WEBHOOK_TOKEN: &str = "/etc/k3eks/webhook-token";
/// The key that tokens of service accounts are signed with.
pub const SIGNING: &str = "/etc/k3eks/service-account.key";
/// How the API server keeps Secrets.
const ENCRYPTION: &str = "/etc/k3eks/encryption.yaml";
/// Audit policy.
const AUDIT: &str = "/etc/k3eks/audit-policy.yaml";
/// Its audit log, where the node's own `logs` endpoint shows it.
const AUDIT_LOG: &str = "/var/log/k3eks/audit.log";
/// The public keys that they are checked with.
pub const CHECKING: &str = "/etc/k3eks/service-account.pub";
/// The API server's configuration for tokens of OIDC providers, which it reads again whenever it changes.
const AUTHENTICATION: &str = "/etc/k3eks/authentication.yaml";
/// The first minor version of Kubernetes that reads [`AUTHENTICATION`] without being told to.
const STRUCTURED: u32 = 30;
/// How long the API server caches the owner of a token.
const REMEMBERED: &str = "1s";
/// Default audiences of service account tokens: EKS's, then those of k3s.
const AUDIENCES: &str = "https://kubernetes.default.svc,https://kubernetes.default.svc.cluster.local,k3s";

/// What the servers of `plan` are started with.
pub fn settings(
    plan: &DesiredCluster,
    cluster: &EKSClusterConfig,
    wanted: Option<&IdentityService>,
    providers: &[Arc<IdentityProviderConfig>],
) -> ServerSettings {
    let mut settings = ServerSettings::default();
    if let Some(dns) = nth_address(&plan.service_cidr, service::DNS) {
        settings.arguments.push(format!("--cluster-dns={dns}"));
    }
    for argument in [
        format!("audit-policy-file={AUDIT}"),
        format!("audit-log-path={AUDIT_LOG}"),
        "audit-log-maxsize=10".to_owned(),
        "audit-log-maxbackup=2".to_owned(),
        format!("encryption-provider-config={ENCRYPTION}"),
        // k3s says so itself, but not where it is given a configuration of who is who.
        "anonymous-auth=false".to_owned(),
    ] {
        settings.arguments.push(format!("--kube-apiserver-arg={argument}"));
    }
    settings.files.push(file(AUDIT, &audit(cluster.spec.logging_types.contains(&LoggingType::Audit))));
    settings.endpoint = endpoint_access::endpoint(cluster);
    let identity = Identity::of(cluster);
    let Some((wanted, address)) = wanted.zip(nth_address(&plan.service_cidr, service::ADDRESS)) else {
        return settings;
    };
    let mut argument = |text: String| settings.arguments.push(format!("--kube-apiserver-arg={text}"));
    let issuer = identity.oidc_issuer();
    argument(format!("authentication-token-webhook-config-file={WEBHOOK}"));
    argument("authentication-token-webhook-version=v1".into());
    argument(format!("authentication-token-webhook-cache-ttl={REMEMBERED}"));
    argument(format!("admission-control-config-file={ADMISSION}"));
    argument(format!("service-account-issuer={issuer}"));
    argument(format!("service-account-jwks-uri={issuer}/keys"));
    argument(format!("api-audiences={AUDIENCES}"));
    argument(format!("service-account-signing-key-file={SIGNING}"));
    argument(format!("service-account-key-file={CHECKING}"));
    settings.arguments.push(format!("--kube-controller-manager-arg=service-account-private-key-file={SIGNING}"));
    settings.files.push(file(WEBHOOK, &webhook(&plan.id, &address, &wanted.ca_pem)));
    settings.files.push(file(ADMISSION, &admission()));
    settings.files.push(file(ADMISSION_WEBHOOKS, &admission_webhooks()));
    if is_structured(&plan.version) {
        settings.arguments.push(format!("--kube-apiserver-arg=authentication-config={AUTHENTICATION}"));
        let jwt: Vec<Value> = providers.iter().map(|provider| authenticator(provider)).collect();
        settings.files.push(ServerFile { kind: FileKind::Watched, ..file(AUTHENTICATION, &authentication(&jwt)) });
    }
    settings
}

/// Whether the API server of this version reads [`AUTHENTICATION`].
pub fn is_structured(version: &str) -> bool {
    minor(version).is_some_and(|minor| minor >= STRUCTURED)
}

/// An OIDC provider, as the API server is told of it. Defaults are EKS's: names get the issuer before them, unless they are
/// e-mail addresses or the prefix is `-`.
fn authenticator(config: &IdentityProviderConfig) -> Value {
    let spec = &config.spec;
    let claim = spec.username_claim.as_deref().unwrap_or("sub");
    let prefix = match spec.username_prefix.as_deref() {
        Some("-") => String::new(),
        Some(prefix) => prefix.to_owned(),
        None if claim == "email" => String::new(),
        None => format!("{}#", spec.issuer_url),
    };
    let mut jwt = json!({
        "issuer": {"url": spec.issuer_url, "audiences": [spec.client_id]},
        "claimMappings": {"username": {"claim": claim, "prefix": prefix}},
    });
    if let Some(ca) = &spec.certificate_authority {
        jwt["issuer"]["certificateAuthority"] = ca.as_str().into();
    }
    if let Some(groups) = &spec.groups_claim {
        jwt["claimMappings"]["groups"] =
            json!({"claim": groups, "prefix": spec.groups_prefix.as_deref().unwrap_or("")});
    }
    let rules = spec.required_claims.iter().map(|(claim, value)| json!({"claim": claim, "requiredValue": value}));
    let rules: Vec<Value> = rules.collect();
    if !rules.is_empty() {
        jwt["claimValidationRules"] = rules.into();
    }
    jwt
}

/// Digest of the configuration that `plan` and the spec ask for.
pub fn digest(plan: &DesiredCluster, cluster: &EKSClusterConfig) -> String {
    let mut parts: Vec<&str> = plan.server.files.iter().flat_map(|f| [f.path.as_str(), f.content.as_str()]).collect();
    let endpoint = format!("{:?}", plan.server.endpoint);
    parts.push(&endpoint);
    parts.push(if is_encrypted(cluster) { "encrypted" } else { "plain" });
    names::digest(&parts)
}

/// Whether Secrets are to be kept encrypted.
pub fn is_encrypted(cluster: &EKSClusterConfig) -> bool {
    cluster.spec.secrets_encryption == Some(true)
}

/// A file that the servers read when they start.
pub fn file(path: &str, content: &Value) -> ServerFile {
    // k3d takes text of one line for the name of a file.
    ServerFile { path: path.to_owned(), content: format!("# Written by k3eks.\n{content}\n"), kind: FileKind::Read }
}

/// Audit policy: who did what to which object, if the audit log is on. Never request bodies.
fn audit(on: bool) -> Value {
    let level = if on { "Metadata" } else { "None" };
    json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": level}]})
}

/// How the API server keeps Secrets: encrypted with this key, of 32 bytes in base64, where there is one.
pub fn encryption(key: Option<&str>) -> ServerFile {
    let mut providers = vec![json!({"identity": {}})];
    if let Some(key) = key {
        providers.insert(0, json!({"secretbox": {"keys": [{"name": "k3eks", "secret": key}]}}));
    }
    let resources = json!([{"resources": ["secrets"], "providers": providers}]);
    file(
        ENCRYPTION,
        &json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources}),
    )
}

/// The API server's configuration of OIDC providers.
fn authentication(jwt: &[Value]) -> Value {
    json!({"apiVersion": "apiserver.config.k8s.io/v1beta1", "kind": "AuthenticationConfiguration", "jwt": jwt})
}

/// Kubeconfig of the token review webhook.
fn webhook(id: &ClusterId, address: &str, ca_pem: &str) -> Value {
    let server = format!("https://{address}{}", service::review_path(&id.namespace, &id.name));
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "k3eks", "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(ca_pem),
            "tls-server-name": service::SERVER_NAME,
        }}],
        "users": [{"name": "k3eks", "user": {"tokenFile": WEBHOOK_TOKEN}}],
        "contexts": [{"name": "k3eks", "context": {"cluster": "k3eks", "user": "k3eks"}}],
        "current-context": "k3eks",
    })
}

/// The API server's configuration for admission.
fn admission() -> Value {
    let webhooks = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": ADMISSION_WEBHOOKS,
    });
    let plugins = json!([{"name": "MutatingAdmissionWebhook", "configuration": webhooks}]);
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins})
}

/// Kubeconfig with the API server's credentials for the identity service, and for no other webhook.
fn admission_webhooks() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config",
        "users": [{"name": service::SERVER_NAME, "user": {"tokenFile": WEBHOOK_TOKEN}}],
    })
}

#[cfg(test)]
mod tests;
