//! Values that the EKS API refuses, refused in YAML too: by the definitions, else by the operator. Each has a good one beside
//! it.

use serde_json::{Value, json};

use crate::environment::run;

const ROLE: &str = "arn:aws:iam::000000000000:role/path/my-role";
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/my-key";

/// A bad spec, what is said of it, and a good one.
type Row = (Value, &'static str, Value);

fn tags(count: usize) -> Value {
    (0..count).map(|at| (format!("key-{at}"), json!("value"))).collect::<serde_json::Map<_, _>>().into()
}

fn texts(count: usize, text: impl Fn(usize) -> String) -> Value {
    (0..count).map(text).collect::<Vec<_>>().into()
}

/// What is wrong with tags, under this field.
fn of_tags(field: &str) -> Vec<Row> {
    let with = |tags: Value| json!({field: tags});
    let of = |key: &str, value: &str| json!({field: {key: value}});
    vec![
        (of("aws:x", "y"), "the prefix aws: is reserved", of("my:aws:x", "y")),
        (of("AWS:x", "y"), "the prefix aws: is reserved", of("awsx", "y")),
        (with(tags(51)), "50", with(tags(50))),
        (of(&"k".repeat(129), ""), "1 to 128 characters", of(&"k".repeat(128), "")),
        (of("", "x"), "1 to 128 characters", with(Value::Null)),
        (of("k", &"v".repeat(257)), "256", of("k", &"v".repeat(256))),
    ]
}

/// What is wrong with labels of node groups.
fn of_labels() -> Vec<Row> {
    let of = |key: &str| json!({"labels": {key: "x"}});
    vec![
        (of("kubernetes.io/role"), "are reserved", of("example.com/kubernetes.io")),
        (of("eks.amazonaws.com/nodegroup"), "are reserved", of("team")),
        (json!({"labels": tags(51)}), "50", json!({"labels": tags(50)})),
    ]
}

fn of_clusters() -> Vec<Row> {
    let sources = |all: &[&str]| json!({"publicAccessSources": all});
    let many = |count| json!({"publicAccessSources": texts(count, |at| format!("203.0.113.{at}/32"))});
    let access = |public: Value, private: Value| json!({"publicAccess": public, "privateAccess": private});
    let service = |role: &str| json!({"serviceRole": role});
    let admin = |mode: &str| json!({"accessConfig": {"bootstrapClusterCreatorAdminPermissions": false, "authenticationMode": mode}});
    let mut rows = vec![
        (
            json!({"subnets": ["foo", "subnet-2"]}),
            "must be the id of a subnet, such as subnet-0a1b2c3d",
            json!({"subnets": ["subnet-1", "subnet-2"]}),
        ),
        (json!({"subnets": ["subnet-1"]}), "one subnet is too few", json!({"subnets": []})),
        (json!({"securityGroups": ["default"]}), "such as sg-0a1b2c3d", json!({"securityGroups": ["sg-1"]})),
        (
            json!({"securityGroups": texts(5, |at| format!("sg-{at}"))}),
            "at most 4 items",
            json!({"securityGroups": texts(4, |at| format!("sg-{at}"))}),
        ),
        (service("foo bar"), "must be the name or the ARN of an IAM role", service("my-role")),
        (service("arn:aws:iam::1:role/r"), "must be the name or the ARN of an IAM role", service(ROLE)),
        (service("arn:aws:s3:::bucket"), "must be the name or the ARN of an IAM role", service("path/to/role")),
        (json!({"kmsKey": "my-key"}), "must be the ARN of a KMS key", json!({"kmsKey": KEY})),
        (access(json!(false), json!(false)), "can't both be false", access(json!(false), json!(true))),
        (access(json!(false), json!(false)), "can't both be false", access(json!(false), Value::Null)),
        (sources(&["10.0.0.0/8", "10.0.0.0/8"]), "a CIDR block twice", sources(&["10.0.0.0/8", "10.0.0.0/9"])),
        (many(41), "at most 40 items", many(40)),
        (json!({"loggingTypes": ["kubelet"]}), "loggingTypes", json!({"loggingTypes": ["api", "audit"]})),
        (admin("CONFIG_MAP"), "can be false only with authenticationMode", admin("API")),
        (admin(""), "can be false only with authenticationMode", admin("API_AND_CONFIG_MAP")),
        (
            json!({"controlPlaneEgressMode": "NONE"}),
            "must be AWS_MANAGED",
            json!({"controlPlaneEgressMode": "CUSTOMER_ROUTED"}),
        ),
        (
            json!({"controlPlaneScalingConfig": {"tier": "tier-3xl"}}),
            "must be standard, tier-xl",
            json!({"controlPlaneScalingConfig": {"tier": "tier-xl"}}),
        ),
        (
            json!({"kubeApiServerConfig": {"eventTtl": "9m"}}),
            "from 10m to 60m",
            json!({"kubeApiServerConfig": {"eventTtl": "1h"}}),
        ),
        (
            json!({"kubeApiServerConfig": {"serviceNodePortRange": {"minPort": 80}}}),
            "greater than or equal to 10260",
            json!({"kubeApiServerConfig": {"serviceNodePortRange": {"minPort": 30000}}}),
        ),
    ];
    rows.extend(of_tags("tags"));
    rows
}

/// What node groups are asked, whose spec is made from these fields; of inline ones all has to be in Rancher's words.
fn of_inline() -> Vec<Row> {
    let mut rows = vec![
        (json!({"subnets": ["foo"]}), "must be the id of a subnet", json!({"subnets": ["subnet-1"]})),
        (json!({"nodeRole": "foo bar"}), "must be the name or the ARN", json!({"nodeRole": "my-role"})),
        (json!({"nodeRole": "arn:aws:iam::1:role/r"}), "must be the name or the ARN", json!({"nodeRole": ROLE})),
        (json!({"instanceType": "t3 medium"}), "such as t3.medium", json!({"instanceType": "m5.large"})),
        (json!({"instanceType": "t3.huge"}), "such as t3.medium", json!({"instanceType": "u-6tb1.112xlarge"})),
        (json!({"spotInstanceTypes": [""]}), "such as t3.medium", json!({"spotInstanceTypes": ["t3.large"]})),
        (json!({"diskSize": 0}), "greater than or equal to 1", json!({"diskSize": 1})),
        (json!({"diskSize": 16385}), "less than or equal to 16384", json!({"diskSize": 16384})),
    ];
    rows.extend(of_tags("tags"));
    rows.extend(of_tags("resourceTags"));
    rows.extend(of_labels());
    let inline = |mut entry: Value| {
        entry["nodegroupName"] = "a".into();
        json!({"nodeGroups": [entry]})
    };
    rows.into_iter().map(|(bad, words, good)| (inline(bad), words, inline(good))).collect()
}

fn of_nodegroups() -> Vec<Row> {
    let types = |count| json!({"instanceTypes": vec!["t3.medium"; count]});
    let template = |version: &str| json!({"launchTemplate": {"id": "lt-1", "version": version}});
    let groups = |id: &str| json!({"remoteAccess": {"ec2SshKey": "key", "sourceSecurityGroups": [id]}});
    let custom = |more: Value| json!({"amiType": "CUSTOM", "launchTemplate": more});
    let block = |more: Value| json!({"capacityType": "CAPACITY_BLOCK", "launchTemplate": more});
    let pool = |min: i32, most: i32| json!({"warmPoolConfig": {"minSize": min, "maxGroupPreparedCapacity": most}});
    let repair = |more: Value| json!({"nodeRepairConfig": more});
    let mut rows = vec![
        (json!({"subnets": ["foo"]}), "must be the id of a subnet", json!({"subnets": ["subnet-1"]})),
        (json!({"nodeRole": "foo bar"}), "must be the name or the ARN", json!({"nodeRole": "my-role"})),
        (json!({"nodeRole": "arn:aws:iam::1:role/r"}), "must be the name or the ARN", json!({"nodeRole": ROLE})),
        (json!({"instanceTypes": ["t3 medium"]}), "such as t3.medium", json!({"instanceTypes": ["t3.medium"]})),
        (json!({"instanceTypes": ["nonsense"]}), "such as t3.medium", json!({"instanceTypes": []})),
        (types(21), "at most 20 items", types(20)),
        (json!({"amiType": "UBUNTU"}), "must be an AMI type of EKS", json!({"amiType": "BOTTLEROCKET_x86_64"})),
        (json!({"amiType": ""}), "must be an AMI type of EKS", json!({"amiType": null})),
        (json!({"capacityType": "CHEAP"}), "ON_DEMAND", json!({"capacityType": "SPOT"})),
        (custom(Value::Null), "means the image of a launch template", custom(json!({"id": "lt-1"}))),
        (block(Value::Null), "needs a launch template", block(json!({"name": "mine"}))),
        (json!({"launchTemplate": {"version": "1"}}), "name or its id", json!({"launchTemplate": {"id": "lt-1"}})),
        (template("newest"), "$Latest or $Default", template("$Latest")),
        (template("0"), "must be the number of a version", template("7")),
        (groups("default"), "such as sg-0a1b2c3d", groups("sg-1")),
        (json!({"diskSize": 0}), "greater than or equal to 1", json!({"diskSize": 1})),
        (json!({"diskSize": 16385}), "less than or equal to 16384", json!({"diskSize": 16384})),
        (pool(3, 2), "must not be greater", pool(3, -1)),
        (pool(-1, 2), "greater than or equal to 0", pool(2, 2)),
        (
            repair(json!({"maxParallelNodesRepairedCount": 1, "maxParallelNodesRepairedPercentage": 1})),
            "give either",
            repair(json!({"maxParallelNodesRepairedCount": 1, "maxUnhealthyNodeThresholdPercentage": 1})),
        ),
    ];
    rows.extend(of_tags("tags"));
    rows.extend(of_labels());
    let of_demo = |mut spec: Value| {
        spec["clusterName"] = "demo".into();
        spec
    };
    rows.into_iter().map(|(bad, words, good)| (of_demo(bad), words, of_demo(good))).collect()
}

#[tokio::test]
async fn what_the_api_refuses_is_refused_in_yaml_too() {
    run("values", async |env| {
        env.stop().await;
        let kinds =
            [("EKSClusterConfig", of_clusters()), ("EKSClusterConfig", of_inline()), ("Nodegroup", of_nodegroups())];
        for (kind, rows) in kinds {
            for (at, (bad, words, good)) in rows.into_iter().enumerate() {
                let refused = env.try_apply(kind, "bad", bad.clone()).await.expect_err(&bad.to_string());
                assert!(refused.contains(words), "{bad}: {refused}");
                let name = format!("good-{}-{at}", good["nodeGroups"].is_array());
                let taken = env.try_apply(kind, &name, good.clone()).await;
                assert!(taken.is_ok(), "{good}: {taken:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_definition_can_not_say_the_operator_says() {
    run("unsaid", async |env| {
        env.cluster("far", json!({"kmsKey": "arn:aws:kms:eu-west-1:000000000000:key/1", "region": "us-east-1"})).await;
        let why = env.reason("EKSClusterConfig", "far", "InvalidSpec").await;
        assert!(why.contains("isn't in the cluster's region us-east-1"), "{why}");
        env.cluster("demo", json!({"kmsKey": KEY})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        let arm = json!({"clusterName": "demo", "instanceTypes": ["t4g.small"]});
        env.try_apply("Nodegroup", "arm", arm).await.unwrap();
        let why = env.reason("Nodegroup", "arm", "InvalidSpec").await;
        assert!(why.contains("AL2023_x86_64_STANDARD doesn't run on the instance type t4g.small"), "{why}");
        let fits = json!({"clusterName": "demo", "instanceTypes": ["t4g.small"], "amiType": "AL2023_ARM_64_STANDARD"});
        env.try_apply("Nodegroup", "fits", fits).await.unwrap();
        env.phase("Nodegroup", "fits", "Active").await;
    })
    .await;
}
