use std::convert::Infallible;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use kube::Config;
use kube::config::KubeConfigOptions;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crd::{keys, kubeconfig};

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
    // With PROPTEST_CASES there are more of them.
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

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

/// A management cluster that has nothing but the kubeconfig Secret of some clusters, as it is at the moment, and one of them.
fn management(kubeconfig: &Arc<Mutex<String>>) -> Store {
    let kubeconfig = Arc::clone(kubeconfig);
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let text = kubeconfig.lock().clone();
        let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let answer = if request.uri().path().ends_with("/secrets/c-kubeconfig") {
            let owner =
                |uid| json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "name": "c", "uid": uid});
            let owners = ["1", "2", "3"].map(owner);
            json!({"metadata": {"name": "c-kubeconfig", "ownerReferences": owners}, "data": {keys::KUBECONFIG_KEY: STANDARD.encode(text)}})
        } else if request.uri().path().ends_with("/eksclusterconfigs") {
            json!({"metadata": {"resourceVersion": "1"}, "items": [cluster("2")]})
        } else {
            json!({"metadata": {"resourceVersion": "0"}, "items": []})
        };
        let silence = futures::stream::pending::<Result<Vec<u8>, Infallible>>();
        let body = if watch { Body::from_stream(silence) } else { Body::from(answer.to_string()) };
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    Store::start(Client::new(service, "default"), "default", None, CancellationToken::new())
}

/// A cluster that is up.
fn cluster(uid: &str) -> EKSClusterConfig {
    serde_json::from_value(json!({
        "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig",
        "metadata": {"name": "c", "namespace": "default", "uid": uid, "resourceVersion": "1"}, "spec": {},
        "status": {"endpoint": "https://c", "kubeconfigSecret": "c-kubeconfig"},
    }))
    .unwrap()
}

/// Answers one request: with a service account whoever has the token `next`, with 401 everybody else.
async fn answer(mut from: TcpStream) -> std::io::Result<()> {
    let mut asked = vec![0; 16 * 1024];
    let length = from.read(&mut asked).await?;
    let known = String::from_utf8_lossy(&asked[..length]).to_lowercase().contains("bearer next");
    let (status, body) = if known {
        ("200 OK", json!({"metadata": {"name": "app"}}))
    } else {
        (
            "401 Unauthorized",
            json!({"kind": "Status", "status": "Failure", "reason": "Unauthorized", "message": "", "code": 401}),
        )
    };
    let body = body.to_string();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    from.write_all(text.as_bytes()).await
}

#[tokio::test]
async fn another_way_in_is_found_where_the_one_that_was_known_leads_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            tokio::spawn(answer(from));
        }
    });
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = |to: std::net::SocketAddr, token: &str| {
        json!({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{to}")}}], "users": [{"name": "u", "user": {"token": token}}]})
        .to_string()
    };
    let kubeconfig = Arc::new(Mutex::new(String::new()));
    let store = management(&kubeconfig);
    let cluster = cluster("1");
    let children = ChildReader::new(false);
    let asked = async || children.service_account(&store, &cluster, "default", "app").await;
    for known in [way(nowhere, "next"), way(here, "last"), way(silent.local_addr().unwrap(), "next")] {
        *kubeconfig.lock() = known;
        asked().await.unwrap_err();
        // The endpoint in the status stays what it was.
        *kubeconfig.lock() = way(here, "next");
        assert_eq!(asked().await.unwrap().unwrap().name_any(), "app");
        children.clients.forget(&cluster);
    }
}

#[tokio::test]
async fn of_clusters_that_are_gone_no_client_is_kept() {
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let kubeconfig = json!({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{nowhere}")}}], "users": [{"name": "u", "user": {"token": "t"}}]});
    let store = management(&Arc::new(Mutex::new(kubeconfig.to_string())));
    store.filled().await;
    let children = ChildReader::new(false);
    for (uid, kept) in [("2", vec!["2"]), ("1", vec!["1", "2"]), ("3", vec!["2", "3"])] {
        children.clients.of(&store, &cluster(uid), |_| {}).await.unwrap();
        assert_eq!(children.clients.kept(), kept.into_iter().map(str::to_owned).collect());
    }
}
