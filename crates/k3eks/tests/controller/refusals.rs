//! What the API server refuses by the definitions, in words that a person can act on.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::Role;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::environment::run;

#[tokio::test]
async fn what_cannot_be_changed_is_refused_with_a_sentence() {
    run("immutable", async |env| {
        env.stop().await;
        let before = json!({"displayName": "a", "region": "us-east-1", "accountID": "000000000000", "ipFamily": "ipv4",
            "serviceRole": "r", "provider": "metadata",
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/16"}, "kmsKey": "arn:aws:kms:us-east-1:000000000000:key/1", "secretsEncryption": true});
        env.cluster("demo", before.clone()).await;
        for (field, value) in [
            ("displayName", json!("b")),
            ("region", json!("eu-west-1")),
            ("accountID", json!("111111111111")),
            ("imported", json!(true)),
            ("ipFamily", json!("ipv6")),
            ("serviceRole", json!("other")),
            ("provider", json!("k3d")),
            ("kubernetesNetworkConfig", json!({"serviceIpv4Cidr": "10.1.0.0/16"})),
            ("kmsKey", json!("arn:aws:kms:us-east-1:000000000000:key/2")),
            ("secretsEncryption", json!(false)),
        ] {
            let mut after = before.clone();
            after[field] = value;
            let refusal = env.try_apply("EKSClusterConfig", "demo", after).await.expect_err(field);
            assert!(refusal.contains(field) && refusal.contains("can't be"), "{field}: {refusal}");
        }
        let mut without = before.clone();
        without.as_object_mut().unwrap().remove("displayName");
        let refusal = env.try_apply("EKSClusterConfig", "demo", without).await.unwrap_err();
        assert!(refusal.contains("displayName can't be changed"), "leaving it out is a change: {refusal}");
        env.cluster("demo", before).await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_changed_of_a_node_group_is_refused_with_a_sentence() {
    run("fixed", async |env| {
        env.stop().await;
        let before = json!({"clusterName": "demo", "nodegroupName": "a", "instanceTypes": ["t3.medium"],
            "capacityType": "SPOT", "diskSize": 20, "subnets": ["subnet-1"], "nodeRole": "r",
            "amiType": "AL2023_x86_64_STANDARD"});
        env.try_apply("Nodegroup", "own", before.clone()).await.unwrap();
        for (field, value) in [
            ("clusterName", json!("other")),
            ("nodegroupName", json!("b")),
            ("instanceTypes", json!(["m5.large"])),
            ("capacityType", json!("ON_DEMAND")),
            ("diskSize", json!(30)),
            ("subnets", json!(["subnet-2"])),
            ("nodeRole", json!("other")),
            ("amiType", json!("AL2023_ARM_64_STANDARD")),
        ] {
            let mut after = before.clone();
            after[field] = value;
            let refusal = env.try_apply("Nodegroup", "own", after).await.expect_err(field);
            assert!(refusal.contains(&format!("{field} can't be changed")), "{field}: {refusal}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_value_is_refused_with_what_is_wrong() {
    run("bad", async |env| {
        env.stop().await;
        let sizes = |min: i32, max: i32, desired: i32| {
            json!({"clusterName": "demo", "scalingConfig": {"minSize": min, "maxSize": max, "desiredSize": desired}})
        };
        let inline = |entry: Value| json!({"nodeGroups": [entry]});
        for (kind, spec, words) in [
            ("Nodegroup", sizes(2, 3, 1), "minSize must not be greater than desiredSize"),
            ("Nodegroup", sizes(0, 2, 3), "desiredSize must not be greater than maxSize"),
            ("Nodegroup", sizes(0, 500, 3), "less than or equal to 450"),
            ("Nodegroup", json!({"clusterName": "demo", "nodegroupName": "-a"}), "nodegroupName"),
            ("Nodegroup", json!({"clusterName": "demo", "version": "1.35.5"}), "version"),
            ("Nodegroup", json!({}), "clusterName"),
            ("EKSClusterConfig", json!({"kubernetesVersion": "v1.35"}), "kubernetesVersion"),
            ("EKSClusterConfig", json!({"kubernetesVersion": "latest"}), "kubernetesVersion"),
            ("EKSClusterConfig", json!({"displayName": "no spaces"}), "displayName"),
            ("EKSClusterConfig", json!({"displayName": "x".repeat(101)}), "displayName"),
            ("EKSClusterConfig", json!({"accountID": "12"}), "accountID"),
            ("EKSClusterConfig", json!({"region": "nowhere"}), "region"),
            ("EKSClusterConfig", json!({"loggingTypes": ["kubelet"]}), "loggingTypes"),
            ("EKSClusterConfig", json!({"provider": "kind"}), "provider"),
            ("EKSClusterConfig", json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "8.8.0.0/16"}}), "172.16.0.0/12"),
            ("EKSClusterConfig", json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.200.0.0/16"}}), "172.16.0.0/12"),
            ("EKSClusterConfig", json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.300.0.0/16"}}), "172.16.0.0/12"),
            ("EKSClusterConfig", json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.96.0.0/25"}}), "between /24 and /12"),
            ("EKSClusterConfig", json!({"kubernetesVersion": "1.99"}), "kubernetesVersion"),
            ("EKSClusterConfig", inline(json!({"nodegroupName": "a", "version": "1.99"})), "version"),
            ("EKSClusterConfig", json!({"publicAccessSources": ["10.0.0.0/8", "300.1.1.1/33"]}), "must be a CIDR block"),
            ("EKSClusterConfig", json!({"publicAccessSources": ["everybody"]}), "must be a CIDR block"),
            ("EKSClusterConfig", json!({"publicAccessSources": ["2001:db8::/129"]}), "must be a CIDR block"),
            ("EKSClusterConfig", inline(json!({"nodegroupName": "a", "minSize": 3})), "minSize must not be greater"),
            ("EKSClusterConfig", inline(json!({"nodegroupName": "a", "desiredSize": 5})), "desiredSize must not be greater"),
            ("EKSClusterConfig", inline(json!({"desiredSize": 1})), "nodegroupName"),
            ("EKSClusterConfig", json!({"nodeGroups": [{"nodegroupName": "a"}, {"nodegroupName": "a"}]}), "every nodegroupName"),
        ] {
            let refused = env.try_apply(kind, "bad", spec.clone()).await.expect_err(&spec.to_string());
            assert!(refused.contains(words), "{spec}: {refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn nulls_as_rancher_writes_them_are_taken() {
    run("nulls", async |env| {
        let spec = json!({
            "amazonCredentialSecret": null, "displayName": null, "ipFamily": null, "kubernetesVersion": null, "tags": null,
            "secretsEncryption": null, "kmsKey": null, "publicAccess": null, "privateAccess": null,
            "ebsCSIDriver": null, "publicAccessSources": null, "loggingTypes": null, "subnets": null,
            "securityGroups": null, "serviceRole": null, "nodeGroups": [{
                "nodegroupName": "a", "gpu": null, "arm": null, "imageId": null, "diskSize": null, "instanceType": null,
                "labels": null, "ec2SshKey": null, "desiredSize": null, "maxSize": null, "minSize": null,
                "subnets": null, "tags": null, "resourceTags": null, "userData": null, "version": null,
                "launchTemplate": null, "requestSpotInstances": null, "spotInstanceTypes": null, "nodeRole": null,
            }],
        });
        env.cluster("demo", spec.clone()).await;
        env.phase("Nodegroup", "demo-a", "Active").await;
        env.cluster("demo", spec).await;
    })
    .await;
}

#[tokio::test]
async fn empty_texts_as_rancher_writes_them_say_nothing() {
    run("empty", async |env| {
        let spec = json!({
            "amazonCredentialSecret": "", "displayName": "", "region": "", "accountID": "", "ipFamily": "",
            "kubernetesVersion": "", "kmsKey": "", "secretsEncryption": false, "serviceRole": "", "provider": "", "state": "",
            "hibernateAfter": "", "certificateAuthority": "", "kubeconfigSecret": "",
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": ""}, "accessConfig": {"authenticationMode": ""},
            "publicAccessSources": ["203.0.113.5/32", "2001:db8::/32", "0.0.0.0/0"],
            "nodeGroups": [{
                "nodegroupName": "a", "imageId": "", "instanceType": "", "ec2SshKey": "", "userData": "", "version": "",
                "launchTemplate": {"id": "", "name": "", "version": 1}, "nodeRole": "",
            }],
        });
        env.cluster("demo", spec.clone()).await;
        env.phase("Nodegroup", "demo-a", "Active").await;
        let group = env.get("Nodegroup", "demo-a").await.unwrap();
        for field in ["nodeRole", "remoteAccess", "launchTemplate", "instanceTypes"] {
            assert_eq!(group["spec"][field], Value::Null, "{field} of {group}");
        }
        // What was empty may be left out, and be said once it was empty.
        let mut later = spec;
        let fields = later.as_object_mut().unwrap();
        fields.retain(|_, value| *value != json!(""));
        fields.insert("region".into(), json!("us-east-1"));
        fields.insert("kmsKey".into(), json!("arn:aws:kms:us-east-1:000000000000:key/1"));
        fields.insert("secretsEncryption".into(), json!(true));
        env.try_apply("EKSClusterConfig", "demo", later).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nobody_is_let_read_a_secret_that_only_has_the_name_of_a_clusters() {
    run("planted", async |env| {
        let theirs: Secret = serde_json::from_value(json!({
            "metadata": {"name": "demo-kubeconfig"}, "type": "cluster.x-k8s.io/secret", "stringData": {"value": "theirs"},
        }))
        .unwrap();
        let secrets = Api::<Secret>::namespaced(env.client.clone(), &env.namespace);
        let roles = Api::<Role>::namespaced(env.client.clone(), &env.namespace);
        secrets.create(&PostParams::default(), &theirs).await.unwrap();
        env.cluster("demo", json!({})).await;
        let why = env.reason("EKSClusterConfig", "demo", "NameTaken").await;
        assert!(why.contains("demo-kubeconfig exists and isn't cluster demo's"), "{why}");
        let cluster = env.get("EKSClusterConfig", "demo").await.unwrap();
        assert_eq!(cluster["status"]["kubeconfigSecret"], Value::Null, "{}", cluster["status"]);
        assert!(roles.get_opt("demo-kubeconfig").await.unwrap().is_none(), "there is leave to read it");
        let kept = secrets.get("demo-kubeconfig").await.unwrap().data.unwrap();
        assert_eq!(kept["value"].0, b"theirs");
        // Once it is gone the cluster has its own.
        secrets.delete("demo-kubeconfig", &DeleteParams::default()).await.unwrap();
        let named = |cluster: Option<&Value>| cluster.is_some_and(|c| c["status"]["kubeconfigSecret"] == "demo-kubeconfig");
        env.until("the kubeconfig's name", "EKSClusterConfig", "demo", named).await;
        assert_eq!(roles.get("demo-kubeconfig").await.unwrap().rules.map(|rules| rules.len()), Some(1));
        // Another one in its place can't be read by the leave that there was.
        env.stop().await;
        secrets.delete("demo-kubeconfig", &DeleteParams::default()).await.unwrap();
        secrets.create(&PostParams::default(), &theirs).await.unwrap();
        env.start();
        env.reason("EKSClusterConfig", "demo", "NameTaken").await;
        assert_eq!(roles.get("demo-kubeconfig").await.unwrap().rules.unwrap_or_default(), []);
    })
    .await;
}
