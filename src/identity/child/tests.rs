use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn named(of: &'static str, content: &'static [&'static str]) -> impl Strategy<Value = Vec<Value>> {
    let one = ("[ab]", prop::sample::select(content))
        .prop_map(move |(name, text)| json!({"name": name, of: serde_json::from_str::<Value>(text).unwrap()}));
    prop::collection::vec(one, 0..4)
}

const USERS: &[&str] = &[
    r#"{"token": "t"}"#,
    r#"{"tokenFile": "/t"}"#,
    r#"{"client-certificate": "/c"}"#,
    r#"{"client-key": "/k"}"#,
    r#"{"exec": {"command": "sh"}}"#,
    r#"{"auth-provider": {"name": "gcp", "config": {}}}"#,
    "{}",
];
const CLUSTERS: &[&str] =
    &[r#"{"server": "https://x"}"#, r#"{"server": "https://x", "certificate-authority": "/ca"}"#, "{}"];
const CONTEXTS: &[&str] =
    &[r#"{"cluster": "a", "user": "a"}"#, r#"{"cluster": "b", "user": "a"}"#, r#"{"cluster": "a", "user": "b"}"#];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_kubeconfig_that_is_used_reaches_out(
        users in named("user", USERS), clusters in named("cluster", CLUSTERS), contexts in named("context", CONTEXTS),
        current in "[ab]",
    ) {
        let text = json!({"current-context": current, "users": users, "clusters": clusters, "contexts": contexts});
        let Ok(kubeconfig) = kubeconfig::read(&text.to_string()) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()));
        // What kube makes of it must not be what we didn't look at.
        if let Ok(config) = read {
            let user = config.auth_info;
            prop_assert!(user.exec.is_none() && user.auth_provider.is_none() && user.token_file.is_none(), "{}", text);
            prop_assert!(user.client_certificate.is_none() && user.client_key.is_none(), "{}", text);
        }
    }
}
