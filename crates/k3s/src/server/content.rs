//! What is in the files of a server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use provider::{IdentityWebhooks, OidcProvider};

/// The text of a file.
pub fn written(content: &Value) -> String {
    // k3d takes text of one line for the name of a file.
    format!("# Written by k3eks.\n{content}\n")
}

/// Audit policy: who did what to which object, if the audit log is on. Never request bodies.
pub fn audit(on: bool) -> Value {
    let level = if on { "Metadata" } else { "None" };
    json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": level}]})
}

/// How the API server keeps Secrets: encrypted with this key, of 32 bytes in base64, where there is one.
pub fn encryption(key: Option<&str>) -> Value {
    let mut providers = vec![json!({"identity": {}})];
    if let Some(key) = key {
        providers.insert(0, json!({"secretbox": {"keys": [{"name": "k3eks", "secret": key}]}}));
    }
    let resources = json!([{"resources": ["secrets"], "providers": providers}]);
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources})
}

/// Kubeconfig of the token review webhook.
pub fn webhook(identity: &IdentityWebhooks, token_file: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "k3eks", "cluster": {
            "server": identity.review_url,
            "certificate-authority-data": STANDARD.encode(&identity.ca_pem),
            "tls-server-name": identity.server_name,
        }}],
        "users": [{"name": "k3eks", "user": {"tokenFile": token_file}}],
        "contexts": [{"name": "k3eks", "context": {"cluster": "k3eks", "user": "k3eks"}}],
        "current-context": "k3eks",
    })
}

/// The API server's configuration for admission.
pub fn admission(webhooks_file: &str) -> Value {
    let webhooks = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": webhooks_file,
    });
    let plugins = json!([{"name": "MutatingAdmissionWebhook", "configuration": webhooks}]);
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins})
}

/// Kubeconfig with the API server's credentials for the identity service, and for no other webhook.
pub fn admission_webhooks(identity: &IdentityWebhooks, token_file: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config",
        "users": [{"name": identity.server_name, "user": {"tokenFile": token_file}}],
    })
}

/// The API server's configuration of OIDC providers.
pub fn authentication(providers: &[OidcProvider]) -> Value {
    let jwt: Vec<Value> = providers.iter().map(authenticator).collect();
    json!({"apiVersion": "apiserver.config.k8s.io/v1beta1", "kind": "AuthenticationConfiguration", "jwt": jwt})
}

fn authenticator(provider: &OidcProvider) -> Value {
    let (claim, prefix) = (&provider.username.claim, &provider.username.prefix);
    let mut jwt = json!({
        "issuer": {"url": provider.issuer_url, "audiences": [provider.client_id]},
        "claimMappings": {"username": {"claim": claim, "prefix": prefix}},
    });
    if let Some(ca) = &provider.certificate_authority {
        jwt["issuer"]["certificateAuthority"] = ca.as_str().into();
    }
    if let Some(groups) = &provider.groups {
        jwt["claimMappings"]["groups"] = json!({"claim": groups.claim, "prefix": groups.prefix});
    }
    let rules = provider.required_claims.iter().map(|(claim, value)| json!({"claim": claim, "requiredValue": value}));
    let rules: Vec<Value> = rules.collect();
    if !rules.is_empty() {
        jwt["claimValidationRules"] = rules.into();
    }
    jwt
}
