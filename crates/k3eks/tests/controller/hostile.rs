//! A cluster whose API server means no good.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::environment::run;

/// An API server that says that it is well, and answers every other question without an end.
async fn flooding() -> String {
    let version = json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0", "gitCommit": "", "gitTreeState": "",
        "buildDate": "", "goVersion": "", "compiler": "", "platform": ""});
    let flood = || async {
        let block = Bytes::from(vec![b'a'; 64 * 1024]);
        Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(block.clone())))
    };
    let app = Router::new()
        .route("/readyz", get(|| async { "ok" }))
        .route("/version", get(|| async move { axum::Json(version) }))
        .fallback(flood);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn one_that_answers_without_an_end_is_out_of_reach_and_others_do_not_notice() {
    run("hostile", async |env| {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {
                "server": flooding().await, "certificate-authority-data": STANDARD.encode("none"),
            }}],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        });
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": "theirs"}, "stringData": {"value": kubeconfig.to_string()},
        }))
        .unwrap();
        let secrets = Api::<Secret>::namespaced(env.client.clone(), &env.namespace);
        secrets.create(&PostParams::default(), &secret).await.unwrap();
        env.cluster("flooding", json!({"imported": true, "kubeconfigSecret": "theirs"})).await;
        let why = env.reason("EKSClusterConfig", "flooding", "Unreachable").await;
        assert!(why.contains("longer than") && why.contains("bytes"), "{why}");
        env.cluster("other", json!({})).await;
        env.phase("EKSClusterConfig", "other", "Active").await;
    })
    .await;
}
