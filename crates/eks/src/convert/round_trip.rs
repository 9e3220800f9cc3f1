//! What is asked for is what is described, for every member that both have; and every answer fits the model.

use kube::ResourceExt;
use serde_json::{Value, json};

use super::{cluster, nodegroup, update};
use crate::model;
use aws::output;
use crd::update::{Update, UpdateSpec};
use crd::{EKSClusterConfig, EKSClusterConfigStatus, Nodegroup, NodegroupStatus, Phase};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// Checks the answer against the model and gives back one member of it.
fn shaped(operation: &str, member: &str, value: Value) -> Value {
    let model = model::eks();
    let output = model.operation(operation).unwrap().output;
    let (mut value, faults) = output::shape(model, output, json!({member: value}));
    assert!(faults.is_empty(), "{faults:?}");
    value[member].take()
}

/// Everything in `asked` is in `answered`, but for the members named.
fn assert_answered(asked: &Value, answered: &Value, except: &[&str]) {
    match asked {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !except.contains(&name.as_str())) {
                let answer = answered.get(name).unwrap_or_else(|| panic!("{name} is missing"));
                assert_answered(value, answer, except);
            }
        }
        _ => assert_eq!(asked, answered),
    }
}

/// A request with every member that the model knows for it, so that a new one is not forgotten.
fn complete(operation: &str, request: &Value) {
    let model = model::eks();
    let members = model.members(model.operation(operation).unwrap().input);
    let missing: Vec<_> = members.iter().map(|m| &m.name).filter(|name| request.get(name).is_none()).collect();
    assert!(missing.is_empty(), "the test's request lacks {missing:?}");
}

fn create_cluster() -> Value {
    json!({
        "name": "Demo_1",
        "version": "1.35",
        "roleArn": ROLE,
        "resourcesVpcConfig": {
            "subnetIds": ["subnet-1", "subnet-2"],
            "securityGroupIds": ["sg-1"],
            "endpointPublicAccess": true,
            "endpointPrivateAccess": true,
            "publicAccessCidrs": ["10.0.0.0/8"],
            "controlPlaneEgressMode": "CUSTOMER_ROUTED",
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": "10.20.0.0/16",
            "ipFamily": "ipv4",
            "elasticLoadBalancing": {"enabled": true, "gatewayApi": {"crds": {"managed": true}}},
        },
        "logging": {"clusterLogging": [
            {"types": ["api", "audit", "authenticator", "controllerManager", "scheduler"], "enabled": true},
        ]},
        "clientRequestToken": "token",
        "tags": {"a": "b"},
        "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:us-east-1:000000000000:key/1"}}],
        "outpostConfig": {
            "outpostArns": ["arn:aws:outposts:us-east-1:000000000000:outpost/op-1"],
            "controlPlaneInstanceType": "m5.large",
            "controlPlanePlacement": {"groupName": "g", "spreadLevel": "host"},
            "etcdInstanceType": "m5.large",
            "etcdPlacement": {"spreadLevel": "rack"},
        },
        "accessConfig": {"bootstrapClusterCreatorAdminPermissions": false, "authenticationMode": "API"},
        "bootstrapSelfManagedAddons": false,
        "upgradePolicy": {"supportType": "STANDARD"},
        "zonalShiftConfig": {"enabled": true},
        "remoteNetworkConfig": {
            "remoteNodeNetworks": [{"cidrs": ["10.1.0.0/16"]}],
            "remotePodNetworks": [{"cidrs": ["10.2.0.0/16"]}],
        },
        "computeConfig": {"enabled": true, "nodePools": ["system"], "nodeRoleArn": ROLE},
        "storageConfig": {"blockStorage": {"enabled": true}},
        "deletionProtection": true,
        "controlPlaneScalingConfig": {"tier": "tier-xl"},
        "kubeApiServerConfig": {"eventTtl": "30m", "serviceNodePortRange": {"minPort": 30000, "maxPort": 31000}},
        "kubeSchedulerConfig": {"nodeResourcesFit": {"scoringStrategy": {
            "type": "MostAllocated", "resources": [{"name": "cpu", "weight": 2}],
        }}},
        "kubeControllerManagerConfig": {
            "podGcControllerConfig": {"terminatedPodGcThreshold": 100},
            "horizontalPodAutoscalerControllerConfig": {"horizontalPodAutoscalerSyncPeriod": "10s"},
        },
    })
}

fn cluster_of(request: &Value) -> EKSClusterConfig {
    let request: cluster::CreateCluster = serde_json::from_value(request.clone()).unwrap();
    let spec = cluster::spec(&request, "000000000000", "us-east-1");
    // Through text, as the management cluster would have it.
    let spec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
    EKSClusterConfig::new("demo", spec)
}

#[test]
fn everything_that_is_asked_of_a_cluster_is_answered() {
    let request = create_cluster();
    complete("CreateCluster", &request);
    let cluster = cluster_of(&request);
    assert_eq!(cluster.spec.bootstrap_self_managed_addons, Some(false));
    let answer = shaped("DescribeCluster", "cluster", cluster::describe(&cluster, false, "1.35"));
    // The answer has no member for the addons; the token stands in an annotation that the handler sets.
    assert_answered(&request, &answer, &["bootstrapSelfManagedAddons", "clientRequestToken"]);
}

#[test]
fn a_cluster_that_works_has_all_that_clients_read() {
    let request = json!({"name": "c", "roleArn": ROLE, "resourcesVpcConfig": {}});
    let mut cluster = cluster_of(&request);
    cluster.metadata.creation_timestamp = serde_json::from_value(json!("2026-01-02T03:04:05Z")).unwrap();
    cluster.status = Some(EKSClusterConfigStatus {
        phase: Some(Phase::Active),
        endpoint: Some("https://127.0.0.1:16443".into()),
        certificate_authority: serde_json::from_value(json!({"data": "Q0E=", "id": "ca-1"})).unwrap(),
        version: Some("1.35".into()),
        ..EKSClusterConfigStatus::default()
    });
    let answer = shaped("DescribeCluster", "cluster", cluster::describe(&cluster, false, "1.30"));
    let text = |path: &str| answer.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}")).to_owned();
    assert_eq!(answer["createdAt"], 1_767_323_045.0);
    assert_eq!((text("/status"), text("/version")), ("ACTIVE".into(), "1.35".into()));
    assert_eq!(text("/arn"), "arn:aws:eks:us-east-1:000000000000:cluster/c");
    assert_eq!(
        (text("/endpoint"), text("/certificateAuthority/data")),
        ("https://127.0.0.1:16443".into(), "Q0E=".into())
    );
    assert_eq!(answer["certificateAuthority"]["active"], json!({"id": "ca-1", "activatedBy": "CUSTOMER"}));
    assert!(text("/identity/oidc/issuer").starts_with("https://"));
    assert!(text("/resourcesVpcConfig/vpcId").starts_with("vpc-0"));
    assert!(text("/resourcesVpcConfig/clusterSecurityGroupId").starts_with("sg-0"));
    assert_eq!(answer["resourcesVpcConfig"]["publicAccessCidrs"], json!(["0.0.0.0/0"]));
    assert_eq!(answer["resourcesVpcConfig"]["subnetIds"].as_array().unwrap().len(), 2);
    assert_eq!(
        (text("/accessConfig/authenticationMode"), text("/upgradePolicy/supportType")),
        ("CONFIG_MAP".into(), "EXTENDED".into())
    );
    assert_eq!(text("/kubernetesNetworkConfig/serviceIpv4Cidr"), "10.100.0.0/16");
    assert_eq!(text("/platformVersion"), "eks.local");
    assert_eq!((&answer["health"]["issues"], &answer["tags"]), (&json!([]), &json!({})));
}

#[test]
fn whoever_describes_a_cluster_that_sleeps_is_told_how_it_comes_back() {
    let mut cluster = cluster_of(&json!({"name": "c", "roleArn": ROLE, "resourcesVpcConfig": {}}));
    let condition = json!({"type": "Ready", "status": "True", "reason": "Sleeping", "message": "asleep: k3eks wake c",
        "lastTransitionTime": "2024-01-01T00:00:00Z"});
    cluster.status = serde_json::from_value(json!({"phase": "Stopped", "conditions": [condition]})).unwrap();
    let answer = shaped("DescribeCluster", "cluster", cluster::describe(&cluster, false, "1.30"));
    assert_eq!(answer["status"], "PENDING");
    let issue = json!({"code": "ClusterUnreachable", "message": "asleep: k3eks wake c", "resourceIds": []});
    assert_eq!(answer["health"]["issues"], json!([issue]));
}

#[test]
fn the_state_of_a_cluster_is_told_in_ekss_words() {
    let mut cluster = cluster_of(&json!({"name": "c", "roleArn": ROLE, "resourcesVpcConfig": {}}));
    let mut word = |phase: Option<Phase>, updating| {
        cluster.status = Some(EKSClusterConfigStatus { phase, ..EKSClusterConfigStatus::default() });
        cluster::wire_status(&cluster, updating)
    };
    assert_eq!((word(None, false), word(Some(Phase::Creating), false)), ("CREATING", "CREATING"));
    assert_eq!((word(Some(Phase::Active), false), word(Some(Phase::Active), true)), ("ACTIVE", "UPDATING"));
    assert_eq!((word(Some(Phase::Updating), false), word(Some(Phase::Failed), true)), ("UPDATING", "FAILED"));
    cluster.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-02T03:04:05Z")).unwrap();
    assert_eq!(cluster::wire_status(&cluster, false), "DELETING");
}

fn create_nodegroup() -> Value {
    json!({
        "clusterName": "Demo_1",
        "nodegroupName": "Workers",
        "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 3},
        "diskSize": 40,
        "subnets": ["subnet-9"],
        "instanceTypes": ["m5.large", "m5a.large"],
        "amiType": "BOTTLEROCKET_x86_64",
        "remoteAccess": {"ec2SshKey": "key", "sourceSecurityGroups": ["sg-2"]},
        "nodeRole": ROLE,
        "labels": {"team": "a"},
        "taints": [{"key": "dedicated", "value": "x", "effect": "PREFER_NO_SCHEDULE"}],
        "tags": {"a": "b"},
        "clientRequestToken": "token",
        "launchTemplate": {"id": "lt-1", "version": "2"},
        "updateConfig": {"maxUnavailablePercentage": 40, "updateStrategy": "MINIMAL"},
        "nodeRepairConfig": {
            "enabled": true,
            "maxUnhealthyNodeThresholdCount": 2,
            "maxParallelNodesRepairedPercentage": 10,
            "nodeRepairConfigOverrides": [{
                "nodeMonitoringCondition": "Ready", "nodeUnhealthyReason": "x",
                "minRepairWaitTimeMins": 5, "repairAction": "Reboot",
            }],
        },
        "capacityType": "SPOT",
        "version": "1.34",
        "releaseVersion": "1.34.1-20260101",
        "warmPoolConfig": {
            "enabled": true, "minSize": 1, "maxGroupPreparedCapacity": 2, "poolState": "STOPPED", "reuseOnScaleIn": true,
        },
    })
}

fn nodegroup_of(request: &Value, cluster: &EKSClusterConfig) -> Nodegroup {
    let request: nodegroup::CreateNodegroup = serde_json::from_value(request.clone()).unwrap();
    let spec = nodegroup::spec(&request, cluster, "1.35", 1);
    let spec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
    Nodegroup::new("demo-workers", spec)
}

#[test]
fn everything_that_is_asked_of_a_node_group_is_answered() {
    let cluster = cluster_of(&create_cluster());
    let request = create_nodegroup();
    complete("CreateNodegroup", &request);
    let group = nodegroup_of(&request, &cluster);
    assert_eq!(group.spec.cluster_name, "demo", "the resource's name, not the cluster's");
    let answer = nodegroup::describe(&group, &cluster, false, "1.35");
    let answer = shaped("DescribeNodegroup", "nodegroup", answer);
    assert_answered(&request, &answer, &["clientRequestToken"]);
    assert!(answer["resources"]["autoScalingGroups"][0]["name"].as_str().unwrap().starts_with("eks-Workers-"));
}

#[test]
fn a_node_group_keeps_the_version_that_its_cluster_had() {
    let cluster = cluster_of(&create_cluster());
    let request = json!({"clusterName": "Demo_1", "nodegroupName": "g", "subnets": [], "nodeRole": ROLE});
    let group = nodegroup_of(&request, &cluster);
    assert_eq!(group.spec.version.as_deref(), Some("1.35"));
    let answer = shaped("DescribeNodegroup", "nodegroup", nodegroup::describe(&group, &cluster, false, "1.36"));
    assert_eq!((&answer["version"], &answer["instanceTypes"]), (&json!("1.35"), &json!(["t3.medium"])));
    assert_eq!(answer["scalingConfig"], json!({"minSize": 1, "maxSize": 2, "desiredSize": 2}));
    assert_eq!((&answer["diskSize"], &answer["subnets"]), (&json!(20), &json!(["subnet-1", "subnet-2"])));
}

#[test]
fn what_is_wrong_with_a_node_group_is_told() {
    let cluster = cluster_of(&create_cluster());
    let mut group = nodegroup_of(&create_nodegroup(), &cluster);
    group.status = Some(NodegroupStatus {
        phase: Some(Phase::Failed),
        issues: serde_json::from_value(json!([{"code": "NodeCreationFailure", "message": "m", "resourceIds": ["n"]}]))
            .unwrap(),
        ..NodegroupStatus::default()
    });
    let answer = shaped("DescribeNodegroup", "nodegroup", nodegroup::describe(&group, &cluster, false, "1.35"));
    assert_eq!(answer["status"], "CREATE_FAILED");
    assert_eq!(answer["health"]["issues"][0]["code"], "NodeCreationFailure");
    if let Some(status) = &mut group.status {
        status.active_since = Some("2026-01-02T03:04:05Z".into());
    }
    assert_eq!(nodegroup::wire_status(&group, false), "DEGRADED");
}

#[test]
fn an_update_fits_the_model_in_every_state() {
    let cluster = cluster_of(&create_cluster());
    for state in ["InProgress", "Successful", "Failed", "Cancelled"] {
        let spec = UpdateSpec { cluster_name: "demo".into(), type_: "VersionUpdate".into(), ..UpdateSpec::default() };
        let mut update = Update::of(&cluster, &cluster, UpdateSpec { cancel: Some(true), ..spec });
        update.status =
            serde_json::from_value(json!({"state": state, "errors": [{"code": "Unknown", "message": "m"}]})).unwrap();
        let answer = shaped("DescribeUpdate", "update", update::describe(&update));
        assert_eq!((&answer["status"], &answer["id"]), (&json!(state), &json!(update.name_any())));
    }
}
