//! What the command line says where the cluster that it asks isn't the one, or there is none: sentences, once, without what Rust prints
//! for itself.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use axum::Router;
use axum::http::StatusCode;

fn k3eks(kubeconfig: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3eks"));
    command.args(args).env("KUBECONFIG", kubeconfig).env("HOME", "/nonexistent");
    command.env_remove("KUBERNETES_SERVICE_HOST").output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[test]
fn a_kubeconfig_that_is_missing_is_said_once() {
    let missing = Path::new("/nonexistent/kubeconfig");
    for args in [&["status"][..], &["kubeconfig", "demo"], &["logs", "demo"], &["wake", "demo"], &["verify", "demo"]] {
        let output = k3eks(missing, args);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!((said.lines().count(), said.matches("set KUBECONFIG").count()), (1, 1), "{said}");
        assert_eq!(said.matches("/nonexistent/kubeconfig").count(), 1, "{said}");
        assert!(!said.contains("in-cluster") && !said.contains("Some("), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_s_kubeconfig_is_said_to_be_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    // What an API server answers of kinds that it doesn't have.
    let router = Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, clusters: [{{name: a, cluster: {{server: '{server}'}}}}], users: [{{name: a, user: {{}}}}], contexts: [{{name: a, context: {{cluster: a, user: a}}}}]}}"
    );
    std::fs::write(&file, text).unwrap();
    for args in [&["status"][..], &["kubeconfig", "demo"], &["wake", "demo"], &["verify", "demo"]] {
        let output = tokio::task::block_in_place(|| k3eks(&file, args));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("isn't the management cluster's") && said.lines().count() == 1, "{said}");
        assert!(!said.contains("ApiError") && !said.contains("Status {"), "{said}");
    }
}
