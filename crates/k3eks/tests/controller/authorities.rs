//! Certificate authorities: made, trusted, signing, gone back to, and gone.

use serde_json::{Value, json};

use crate::bed::{Bed, condition, run};

/// The cluster trusts these, the first of which signs, and is Ready.
async fn trusts(bed: &Bed, signer: &str, others: &[&str]) -> Value {
    let all = |o: Option<&Value>| {
        let Some(o) = o else { return false };
        let authority = &o["status"]["certificateAuthority"];
        let mut wanted = vec![signer];
        wanted.extend(others);
        authority["signer"] == signer
            && authority["trusted"] == json!(wanted)
            && condition(o, "Ready")["status"] == "True"
    };
    bed.until(&format!("{signer} to sign beside {others:?}"), "EKSClusterConfig", "demo", all).await
}

/// The resource of the certificate authority that the cluster was made with.
async fn first(bed: &Bed) -> String {
    let all = bed.all("CertificateAuthority").await;
    let first = all.iter().find(|one| one["spec"]["certificateAuthorityId"].is_string()).unwrap();
    first["metadata"]["name"].as_str().unwrap().to_owned()
}

async fn sign(bed: &Bed, name: &str) {
    bed.merge("EKSClusterConfig", "demo", json!({"spec": {"certificateAuthority": name}})).await;
}

#[tokio::test]
async fn one_is_trusted_then_signs_and_the_old_one_goes_when_no_node_needs_it() {
    run("authorities", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 2).await;
        bed.phase("Nodegroup", "own", "Active").await;
        let (id, before) = (bed.id("demo"), bed.world.nodes_of(&bed.id("demo"), "own"));
        bed.try_apply("CertificateAuthority", "next", json!({"clusterName": "demo"})).await.unwrap();
        bed.phase("CertificateAuthority", "next", "Active").await;
        let old = first(bed).await;
        trusts(bed, &old, &["next"]).await;
        bed.phase("CertificateAuthority", &old, "Active").await;
        assert_eq!(bed.world.nodes_of(&id, "own"), before, "nodes know who signs");

        sign(bed, "next").await;
        trusts(bed, "next", &[&old]).await;
        let other = |world: &crate::world::World| {
            let now = world.nodes_of(&id, "own");
            now.len() == 2 && now.iter().all(|node| !before.contains(node))
        };
        bed.world_until("all nodes to be others", other).await;
        bed.phase("Nodegroup", "own", "Active").await;
        let after = bed.world.nodes_of(&id, "own");
        sign(bed, &old).await;
        trusts(bed, &old, &["next"]).await;
        bed.delete("CertificateAuthority", "next").await;
        trusts(bed, &old, &[]).await;
        let now = bed.world.nodes_of(&id, "own");
        assert!(now.iter().all(|node| !after.contains(node)), "the one that went had certified these");
        assert_eq!(bed.world.count("certify_cluster"), 4);
    })
    .await;
}

#[tokio::test]
async fn all_of_it_asked_at_once_is_done_in_order_through_a_restart() {
    run("authorities-at-once", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 1).await;
        bed.phase("Nodegroup", "own", "Active").await;
        let id = bed.id("demo");
        let before = bed.world.nodes_of(&id, "own");
        bed.try_apply("CertificateAuthority", "next", json!({"clusterName": "demo"})).await.unwrap();
        sign(bed, "next").await;
        bed.until("the old one's resource", "EKSClusterConfig", "demo", |o| {
            o.is_some_and(|o| {
                o["status"]["certificateAuthority"]["trusted"].as_array().is_some_and(|all| all.len() == 2)
            })
        })
        .await;
        bed.delete("CertificateAuthority", &first(bed).await).await;
        bed.kill().await;
        bed.start();
        trusts(bed, "next", &[]).await;
        assert!(
            bed.world.nodes_of(&id, "own").iter().all(|node| !before.contains(node)),
            "the old one was kept until they had gone"
        );
        bed.delete("CertificateAuthority", "next").await;
        let message = bed.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("names next"), "{message}");
        bed.merge("EKSClusterConfig", "demo", json!({"spec": {"certificateAuthority": null}})).await;
        bed.until("a cluster that keeps it", "EKSClusterConfig", "demo", |o| {
            o.is_some_and(|o| condition(o, "Ready")["status"] == "True")
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn made_before_its_cluster_one_gets_its_key_and_the_cluster_s_own_follows_one_that_got_lost() {
    run("authorities-early", async |bed| {
        bed.try_apply("CertificateAuthority", "early", json!({"clusterName": "demo"})).await.unwrap();
        bed.cluster("demo", json!({})).await;
        bed.phase("CertificateAuthority", "early", "Active").await;
        let old = first(bed).await;
        trusts(bed, &old, &["early"]).await;
        sign(bed, "early").await;
        trusts(bed, "early", &[&old]).await;

        bed.try_apply("CertificateAuthority", "third", json!({"clusterName": "demo"})).await.unwrap();
        let told = bed.until("why it waits", "CertificateAuthority", "third", |o| {
            o.is_some_and(|o| condition(o, "Ready")["message"].as_str().is_some_and(|m| m.contains("delete one")))
        });
        assert_eq!(told.await["status"]["phase"], "Creating");
        bed.delete("CertificateAuthority", "third").await;

        bed.delete("CertificateAuthority", "early").await;
        bed.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        bed.merge("EKSClusterConfig", "demo", json!({"spec": {"certificateAuthority": null}})).await;
        trusts(bed, &old, &[]).await;
    })
    .await;
}
