//! Certificate authorities: made, trusted, signing, gone back to, and gone.

use serde_json::{Value, json};

use crate::environment::{Environment, condition, run};

/// The cluster trusts these, the first of which signs, and is Ready.
async fn trusts(env: &Environment, signer: &str, others: &[&str]) -> Value {
    let all = |o: Option<&Value>| {
        let Some(o) = o else { return false };
        let authority = &o["status"]["certificateAuthority"];
        let mut wanted = vec![signer];
        wanted.extend(others);
        authority["signer"] == signer
            && authority["trusted"] == json!(wanted)
            && condition(o, "Ready")["status"] == "True"
    };
    env.until(&format!("{signer} to sign beside {others:?}"), "EKSClusterConfig", "demo", all).await
}

/// The resource of the certificate authority that the cluster was made with.
async fn first(env: &Environment) -> String {
    let all = env.all("CertificateAuthority").await;
    let first = all.iter().find(|one| one["spec"]["certificateAuthorityId"].is_string()).unwrap();
    first["metadata"]["name"].as_str().unwrap().to_owned()
}

async fn sign(env: &Environment, name: &str) {
    env.merge("EKSClusterConfig", "demo", json!({"spec": {"certificateAuthority": name}})).await;
}

#[tokio::test]
async fn one_is_trusted_then_signs_and_the_old_one_goes_when_no_node_needs_it() {
    run("authorities", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 2).await;
        env.phase("Nodegroup", "own", "Active").await;
        let (id, before) = (env.id("demo"), env.world.nodes_of(&env.id("demo"), "own"));
        env.try_apply("CertificateAuthority", "next", json!({"clusterName": "demo"})).await.unwrap();
        env.phase("CertificateAuthority", "next", "Active").await;
        let old = first(env).await;
        trusts(env, &old, &["next"]).await;
        env.phase("CertificateAuthority", &old, "Active").await;
        assert_eq!(env.world.nodes_of(&id, "own"), before, "nodes know who signs");

        sign(env, "next").await;
        trusts(env, "next", &[&old]).await;
        let other = |world: &crate::fake_provider::World| {
            let now = world.nodes_of(&id, "own");
            now.len() == 2 && now.iter().all(|node| !before.contains(node))
        };
        env.world_until("all nodes to be others", other).await;
        env.phase("Nodegroup", "own", "Active").await;
        let after = env.world.nodes_of(&id, "own");
        sign(env, &old).await;
        trusts(env, &old, &["next"]).await;
        env.delete("CertificateAuthority", "next").await;
        trusts(env, &old, &[]).await;
        let now = env.world.nodes_of(&id, "own");
        assert!(now.iter().all(|node| !after.contains(node)), "the one that went had certified these");
        assert_eq!(env.world.count("certify_cluster"), 4);
    })
    .await;
}

#[tokio::test]
async fn all_of_it_asked_at_once_is_done_in_order_through_a_restart() {
    run("authorities-at-once", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 1).await;
        env.phase("Nodegroup", "own", "Active").await;
        let id = env.id("demo");
        let before = env.world.nodes_of(&id, "own");
        env.try_apply("CertificateAuthority", "next", json!({"clusterName": "demo"})).await.unwrap();
        sign(env, "next").await;
        env.until("the old one's resource", "EKSClusterConfig", "demo", |o| {
            o.is_some_and(|o| {
                o["status"]["certificateAuthority"]["trusted"].as_array().is_some_and(|all| all.len() == 2)
            })
        })
        .await;
        env.delete("CertificateAuthority", &first(env).await).await;
        env.kill().await;
        env.start();
        trusts(env, "next", &[]).await;
        assert!(
            env.world.nodes_of(&id, "own").iter().all(|node| !before.contains(node)),
            "the old one was kept until they had gone"
        );
        env.delete("CertificateAuthority", "next").await;
        let message = env.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("names next"), "{message}");
        env.merge("EKSClusterConfig", "demo", json!({"spec": {"certificateAuthority": null}})).await;
        env.until("a cluster that keeps it", "EKSClusterConfig", "demo", |o| {
            o.is_some_and(|o| condition(o, "Ready")["status"] == "True")
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn made_before_its_cluster_one_gets_its_key_and_the_cluster_s_own_follows_one_that_got_lost() {
    run("authorities-early", async |env| {
        env.try_apply("CertificateAuthority", "early", json!({"clusterName": "demo"})).await.unwrap();
        env.cluster("demo", json!({})).await;
        env.phase("CertificateAuthority", "early", "Active").await;
        let old = first(env).await;
        trusts(env, &old, &["early"]).await;
        sign(env, "early").await;
        trusts(env, "early", &[&old]).await;

        env.try_apply("CertificateAuthority", "third", json!({"clusterName": "demo"})).await.unwrap();
        let told = env.until("why it waits", "CertificateAuthority", "third", |o| {
            o.is_some_and(|o| condition(o, "Ready")["message"].as_str().is_some_and(|m| m.contains("delete one")))
        });
        assert_eq!(told.await["status"]["phase"], "Creating");
        env.delete("CertificateAuthority", "third").await;

        env.delete("CertificateAuthority", "early").await;
        env.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        env.merge("EKSClusterConfig", "demo", json!({"spec": {"certificateAuthority": null}})).await;
        trusts(env, &old, &[]).await;
    })
    .await;
}
