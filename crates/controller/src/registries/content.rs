//! What is in the Secrets and ConfigMaps of registries. Synchronous, no client.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;

use provider::{Credentials, fingerprints};

const DOCKER_CONFIG: &str = "kubernetes.io/dockerconfigjson";
const BASIC_AUTH: &str = "kubernetes.io/basic-auth";
/// Names of Docker Hub in files of `docker login`.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The file that `docker login` writes.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

impl Auth {
    fn credentials(self) -> Option<Credentials> {
        if let (Some(username), Some(password)) = (self.username, self.password) {
            return Some(Credentials { username, password });
        }
        let both = String::from_utf8(STANDARD.decode(self.auth?.trim()).ok()?).ok()?;
        let (username, password) = both.split_once(':')?;
        Some(Credentials { username: username.into(), password: password.into() })
    }
}

/// The credentials for `registry`.
///
/// # Errors
/// What is wrong with the Secret, without a word of what is in it.
pub fn credentials(secret: &Secret, registry: &str) -> Result<Credentials, String> {
    let text = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| format!("has no key {key}"))?;
        String::from_utf8(bytes.0.clone()).map_err(|_| format!("has no text in its key {key}"))
    };
    match secret.type_.as_deref() {
        Some(BASIC_AUTH) => Ok(Credentials { username: text("username")?, password: text("password")? }),
        Some(DOCKER_CONFIG) => docker_config(&text(".dockerconfigjson")?, registry),
        other => Err(format!(
            "is of type {}; make it anew with type {DOCKER_CONFIG} or {BASIC_AUTH}",
            other.unwrap_or("Opaque")
        )),
    }
}

fn docker_config(text: &str, registry: &str) -> Result<Credentials, String> {
    let config: DockerConfig =
        serde_json::from_str(text).map_err(|_| "has no configuration of Docker's in .dockerconfigjson".to_owned())?;
    let servers: Vec<String> = config.auths.keys().map(|server| host(server).to_owned()).collect();
    let found = config.auths.into_iter().find(|(server, _)| is_same(host(server), registry));
    let (_, auth) =
        found.ok_or_else(|| format!("has no credentials for {registry}, only for: {}", servers.join(", ")))?;
    auth.credentials().ok_or_else(|| format!("has neither a user and a password nor auth for {registry}"))
}

/// The host, with its port, of a server in a file of `docker login`, which may be a URL.
fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn is_same(one: &str, other: &str) -> bool {
    one == other || (DOCKER_HUB.contains(&one) && DOCKER_HUB.contains(&other))
}

/// The certificates in a text, and nothing else of it.
///
/// # Errors
/// What is wrong with the text.
pub fn certificates(text: &str) -> Result<String, String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut all = String::new();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        within |= line == BEGIN;
        if within {
            all.push_str(line);
            all.push('\n');
        }
        within &= line != END;
    }
    if within || fingerprints(&all).is_empty() { Err("has no certificate in PEM".into()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(type_: &str, data: Value) -> Secret {
        serde_json::from_value(json!({"type": type_, "stringData": null, "data": data})).unwrap()
    }

    fn docker(config: &Value) -> Secret {
        secret(DOCKER_CONFIG, json!({".dockerconfigjson": STANDARD.encode(config.to_string())}))
    }

    fn said(found: Result<Credentials, String>) -> Result<(String, String), String> {
        found.map(|who| (who.username, who.password))
    }

    #[test]
    fn credentials_are_read_from_both_kinds_of_secrets() {
        let expected = Ok(("robot".to_owned(), "a:b".to_owned()));
        let encoded = |text: &str| STANDARD.encode(text);
        let basic = secret(BASIC_AUTH, json!({"username": encoded("robot"), "password": encoded("a:b")}));
        assert_eq!(said(credentials(&basic, "r")), expected);
        for (server, registry) in [
            ("r:5000", "r:5000"),
            ("https://r/v2/", "r"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "registry-1.docker.io"),
        ] {
            let plain = json!({"auths": {server: {"username": "robot", "password": "a:b"}}});
            assert_eq!(said(credentials(&docker(&plain), registry)), expected, "{server}");
            let auth = json!({"auths": {"x": {}, server: {"auth": encoded("robot:a:b")}}});
            assert_eq!(said(credentials(&docker(&auth), registry)), expected, "{server}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_what_is_in_it() {
        let rows = [
            (secret("Opaque", json!({})), "is of type Opaque; make it anew"),
            (secret(BASIC_AUTH, json!({"username": ""})), "has no key password"),
            (secret(BASIC_AUTH, json!({"username": "/w==", "password": ""})), "has no text in its key username"),
            (docker(&json!("hush")), "has no configuration of Docker's"),
            (docker(&json!({"auths": {"a": {"auth": "hush"}}})), "has no credentials for r, only for: a"),
            (docker(&json!({"auths": {"r": {"auth": "hush"}}})), "has neither a user and a password nor auth for r"),
        ];
        for (secret, expected) in rows {
            let why = said(credentials(&secret, "r")).unwrap_err();
            assert!(why.starts_with(expected) && !why.contains("hush"), "{why}");
        }
    }

    #[test]
    fn of_a_text_with_certificates_nothing_else_is_taken() {
        let made = || rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem();
        let (one, two) = (made(), made());
        let text = format!("# Ours\n{one}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n{two}");
        let all = certificates(&text.replace('\n', "\r\n")).unwrap();
        assert_eq!(fingerprints(&all), fingerprints(&format!("{one}{two}")));
        assert!(!all.contains("PRIVATE") && !all.contains("Ours") && !all.contains('\r'));
        for bad in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", &one[..80]] {
            assert!(certificates(bad).is_err(), "{bad}");
        }
    }
}
