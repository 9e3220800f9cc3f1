//! What a k3s server is started with.

mod content;

use provider::{ControlPlane, DesiredCluster, ServerKeys};

/// A file of a server. `Debug` leaves its content out: it may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Full path.
    pub path: &'static str,
    /// What is in it.
    pub content: String,
    /// How the server notices a change.
    pub kind: FileKind,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// How a server notices a change of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// It reads the file when it starts.
    Read,
    /// It notices by itself when the file changes.
    Watched,
}

/// The API server's configuration for tokens.
const WEBHOOK: &str = "/etc/k3eks/token-webhook.yaml";
/// The API server's configuration for admission, which refers to the next file.
const ADMISSION: &str = "/etc/k3eks/admission.yaml";
/// Credentials for admission webhooks.
const ADMISSION_WEBHOOKS: &str = "/etc/k3eks/admission-webhooks.yaml";
/// The token by which the identity service knows the API server.
const WEBHOOK_TOKEN: &str = "/etc/k3eks/webhook-token";
/// The key that tokens of service accounts are signed with.
const SIGNING: &str = "/etc/k3eks/service-account.key";
/// The public keys that they are checked with.
const CHECKING: &str = "/etc/k3eks/service-account.pub";
/// How the API server keeps Secrets.
const ENCRYPTION: &str = "/etc/k3eks/encryption.yaml";
/// Audit policy.
const AUDIT: &str = "/etc/k3eks/audit-policy.yaml";
/// Its audit log, where the node's own `logs` endpoint shows it.
const AUDIT_LOG: &str = "/var/log/k3eks/audit.log";
/// The API server's configuration for tokens of OIDC providers, which it reads again whenever it changes.
const AUTHENTICATION: &str = "/etc/k3eks/authentication.yaml";
/// How long the API server caches the owner of a token.
const REMEMBERED: &str = "1s";
/// Default audiences of service account tokens: EKS's, then those of k3s.
const AUDIENCES: &str = "https://kubernetes.default.svc,https://kubernetes.default.svc.cluster.local,k3s";

/// The arguments of `k3s server`. `names` are those that its certificate has to have.
pub fn arguments(plan: &DesiredCluster, names: &[String]) -> Vec<String> {
    // EKS has no metrics server either, until somebody installs one.
    let mut all = vec!["--disable=traefik,metrics-server".to_owned(), format!("--service-cidr={}", plan.service_cidr)];
    all.extend(plan.control_plane.iter().flat_map(control_plane));
    all.extend(names.iter().map(|name| format!("--tls-san={name}")));
    all
}

fn control_plane(wanted: &ControlPlane) -> Vec<String> {
    let mut all: Vec<String> = wanted.dns.iter().map(|dns| format!("--cluster-dns={dns}")).collect();
    let api_server = |text: String| format!("--kube-apiserver-arg={text}");
    let always = [
        format!("audit-policy-file={AUDIT}"),
        format!("audit-log-path={AUDIT_LOG}"),
        "audit-log-maxsize=10".to_owned(),
        "audit-log-maxbackup=2".to_owned(),
        format!("encryption-provider-config={ENCRYPTION}"),
        // k3s says so itself, but not where it is given a configuration of who is who.
        "anonymous-auth=false".to_owned(),
    ];
    all.extend(always.map(api_server));
    let Some(identity) = &wanted.identity else { return all };
    let issuer = &identity.issuer;
    let signed_in = [
        format!("authentication-token-webhook-config-file={WEBHOOK}"),
        "authentication-token-webhook-version=v1".to_owned(),
        format!("authentication-token-webhook-cache-ttl={REMEMBERED}"),
        format!("admission-control-config-file={ADMISSION}"),
        format!("service-account-issuer={issuer}"),
        format!("service-account-jwks-uri={issuer}/keys"),
        format!("api-audiences={AUDIENCES}"),
        format!("service-account-signing-key-file={SIGNING}"),
        format!("service-account-key-file={CHECKING}"),
    ];
    all.extend(signed_in.map(api_server));
    all.push(format!("--kube-controller-manager-arg=service-account-private-key-file={SIGNING}"));
    all.extend(identity.providers.as_ref().map(|_| api_server(format!("authentication-config={AUTHENTICATION}"))));
    all
}

/// The files that the arguments name: none of a cluster without settings, and no keys where they aren't known.
pub fn files(plan: &DesiredCluster) -> Vec<File> {
    let Some(wanted) = &plan.control_plane else { return Vec::new() };
    let mut all = vec![file(AUDIT, content::written(&content::audit(wanted.audited)))];
    if let Some(identity) = &wanted.identity {
        all.push(file(WEBHOOK, content::written(&content::webhook(identity, WEBHOOK_TOKEN))));
        all.push(file(ADMISSION, content::written(&content::admission(ADMISSION_WEBHOOKS))));
        all.push(file(ADMISSION_WEBHOOKS, content::written(&content::admission_webhooks(identity, WEBHOOK_TOKEN))));
        let providers = identity.providers.iter().map(|all| content::written(&content::authentication(all)));
        all.extend(providers.map(|text| File { kind: FileKind::Watched, ..file(AUTHENTICATION, text) }));
    }
    all.extend(wanted.keys.iter().flat_map(|keys| key_files(wanted, keys)));
    all
}

fn key_files(wanted: &ControlPlane, keys: &ServerKeys) -> [File; 4] {
    let encryption = content::encryption(wanted.encrypted.then_some(keys.encryption.as_str()));
    [
        file(SIGNING, keys.signing.clone()),
        file(CHECKING, keys.checking.clone()),
        // k3d takes text of one line for the name of a file; the API server leaves out what is around the token.
        file(WEBHOOK_TOKEN, format!("\n{}\n", keys.webhook_token)),
        file(ENCRYPTION, content::written(&encryption)),
    ]
}

/// A file that the servers read when they start.
fn file(path: &'static str, content: String) -> File {
    File { path, content, kind: FileKind::Read }
}

#[cfg(test)]
mod tests;
