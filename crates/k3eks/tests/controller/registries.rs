//! Container registries of nodes: given, taken from Secrets, and kept while a Secret is missing.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::environment::{Environment, run};

async fn login(env: &Environment, password: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "type": "kubernetes.io/basic-auth",
        "stringData": {"username": "robot", "password": password},
    });
    let api = Api::<Secret>::namespaced(env.client.clone(), &env.namespace);
    api.patch("login", &PatchParams::apply("somebody").force(), &Patch::Apply(&secret)).await.unwrap();
}

/// The nodes were last given this password for the mirror; empty for none.
async fn given(env: &Environment, password: &str, complete: bool) {
    let id = env.id("demo");
    env.world_until(&format!("nodes to have the password {password:?}"), |world| {
        let Some(all) = world.registries(&id).filter(|all| all.complete == complete) else { return false };
        let config = all.configs.get("mirror.example");
        config.and_then(|config| config.credentials.as_ref()).map_or("", |who| who.password.as_str()) == password
    })
    .await;
}

#[tokio::test]
async fn a_secret_reaches_nodes_when_it_comes_changes_and_goes() {
    run("registries", async |env| {
        let registries = json!({
            "mirrors": [{"registry": "docker.io", "endpoints": ["https://mirror.example"]}],
            "configs": [{"registry": "mirror.example", "authSecretRef": {"name": "login"}}],
        });
        env.cluster("demo", json!({"registries": registries})).await;
        let message = env.reason("EKSClusterConfig", "demo", "RegistriesNotReady").await;
        assert!(message.contains("/login doesn't exist; create it: kubectl"), "{message}");
        given(env, "", false).await;
        login(env, "one").await;
        given(env, "one", true).await;
        env.reason("EKSClusterConfig", "demo", "Ready").await;
        login(env, "two").await;
        given(env, "two", true).await;
        let api = Api::<Secret>::namespaced(env.client.clone(), &env.namespace);
        api.delete("login", &DeleteParams::default()).await.unwrap();
        env.reason("EKSClusterConfig", "demo", "RegistriesNotReady").await;
        given(env, "", false).await;
        env.merge("EKSClusterConfig", "demo", json!({"spec": {"registries": Value::Null}})).await;
        env.reason("EKSClusterConfig", "demo", "Ready").await;
        let id = env.id("demo");
        let empty =
            |world: &crate::fake_provider::World| world.registries(&id).is_some_and(|all| all.mirrors.is_empty());
        env.world_until("nodes without mirrors", empty).await;
    })
    .await;
}
