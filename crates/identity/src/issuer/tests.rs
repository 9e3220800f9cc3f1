use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use proptest::sample::Index;
use rcgen::KeyPair;
use serde_json::Map;

use super::*;

const ISSUER: &str = "https://oidc.eks.us-east-1.amazonaws.com/id/AB";

struct Signer {
    pair: KeyPair,
}

impl Signer {
    fn new() -> Self {
        Self { pair: KeyPair::generate().unwrap() }
    }

    fn keys(&self) -> String {
        let raw = self.pair.public_key_raw();
        let (x, y) = (BASE64.encode(&raw[1..33]), BASE64.encode(&raw[33..65]));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": x, "y": y}]})
            .to_string()
    }

    fn token(&self, changes: Value) -> String {
        let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        jsonwebtoken::encode(&header, &claims(changes), &key).unwrap()
    }
}

fn claims(changes: Value) -> Map<String, Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": ISSUER, "sub": "system:serviceaccount:default:app", "aud": ["sts.amazonaws.com"], "exp": now + 600, "nbf": now - 5,
        "kubernetes.io": {"pod": {"name": "p", "uid": "u"}},
    });
    for (key, value) in changes.as_object().unwrap() {
        claims[key] = value.clone();
    }
    claims.as_object().unwrap().clone()
}

fn good(token: &str, keys: &str) -> Result<Claims, AuthError> {
    verify(token, keys, ISSUER, "sts.amazonaws.com")
}

#[test]
fn a_good_token_tells_its_service_account_and_pod() {
    let signer = Signer::new();
    let token = signer.token(json!({}));
    let claims = good(&token, &signer.keys()).unwrap();
    assert_eq!(claims.service_account(), Some(("default", "app")));
    assert_eq!(claims.kubernetes.pod.unwrap().name, "p");
    assert_eq!(unchecked_issuer(&token).as_deref(), Some(ISSUER));
}

#[test]
fn a_wrong_audience_issuer_time_or_key_is_refused() {
    let signer = Signer::new();
    let keys = signer.keys();
    let refused = |changes| good(&signer.token(changes), &keys).unwrap_err().0;
    assert!(refused(json!({"aud": ["other"]})).contains("isn't for"));
    assert!(refused(json!({"exp": 1000})).contains("expired"));
    assert!(refused(json!({"nbf": 4_000_000_000_u64})).contains("is invalid"));
    assert!(refused(json!({"iss": "https://evil.example"})).contains("is invalid"));
    assert!(good(&Signer::new().token(json!({})), &keys).unwrap_err().0.contains("signature"));
    assert!(good(&signer.token(json!({})), r#"{"keys": []}"#).unwrap_err().0.contains("doesn't have"));
}

#[test]
fn the_key_says_how_it_signs_and_not_the_token() {
    let signer = Signer::new();
    let keys = signer.keys();
    let body = BASE64.encode(json!(claims(json!({}))).to_string());
    let none = format!("{}.{body}.", BASE64.encode(r#"{"alg":"none","kid":"k"}"#));
    assert!(good(&none, &keys).is_err());
    // The public key, which everybody knows, as if it were a secret that both sides share.
    let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::HS256) };
    for secret in [signer.pair.public_key_raw().to_vec(), keys.clone().into_bytes()] {
        let token = jsonwebtoken::encode(&header, &claims(json!({})), &EncodingKey::from_secret(&secret)).unwrap();
        assert!(good(&token, &keys).unwrap_err().0.contains("another algorithm"));
    }
}

proptest! {
    // With PROPTEST_CASES there are more of them.
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_that_was_changed_is_refused(at in any::<Index>(), cut in 0..3_usize, text in "[A-Za-z0-9_.=-]{0,2}") {
        thread_local!(static SIGNER: Signer = Signer::new());
        let (token, keys) = SIGNER.with(|signer| (signer.token(json!({})), signer.keys()));
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..(at + cut).min(token.len()), &text);
        prop_assert!(changed == token || good(&changed, &keys).is_err(), "{}", changed);
    }

    #[test]
    fn what_nobody_signed_is_refused(alg in "none|None|HS256|RS256|ES256|PS256|", kid in prop::option::of("k|[ -~]{0,9}"), tail in "[A-Za-z0-9_-]{0,90}") {
        thread_local!(static SIGNER: Signer = Signer::new());
        let mut header = json!({"alg": alg});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let text = [header.to_string(), json!(claims(json!({}))).to_string()].map(|part| BASE64.encode(part)).join(".");
        let token = format!("{text}.{tail}");
        prop_assert!(good(&token, &SIGNER.with(Signer::keys)).is_err());
        let _ = unchecked_issuer(&tail);
    }
}
