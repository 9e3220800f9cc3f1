use serde_json::{Value, json};

use super::*;
use crate::rules::check;
use crate::settings::Quotas;
use aws::error::ErrorCode;

fn facts(version: &str) -> Facts {
    Facts { account: "000000000000".into(), cluster_version: version.into(), quotas: Quotas::default() }
}

fn asked(rules: &[Rule], version: &str, change: &Value) -> Option<(ErrorCode, String)> {
    let mut spec = json!({"clusterName": "c", "nodegroupName": "g"});
    spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let spec: NodegroupSpec = serde_json::from_value(spec).unwrap();
    check(rules, &spec, &facts(version)).err().map(|error| (error.code(), error.message().to_owned()))
}

/// What CreateNodegroup says on a cluster of 1.33; empty where it takes the request.
fn created(change: Value) -> String {
    asked(CREATE, "1.33", &change).map(|(_, text)| text).unwrap_or_default()
}

#[test]
fn a_disk_is_no_larger_than_a_volume() {
    for gib in [1, 20, 16_384] {
        assert_eq!(created(json!({"diskSize": gib})), "", "{gib}");
    }
    for gib in [0, -1, 16_385] {
        assert_eq!(created(json!({"diskSize": gib})), "diskSize must be between 1 and 16384", "{gib}");
    }
}

#[test]
fn sizes_agree_and_stay_within_the_quota() {
    let of = |rules, min, max, desired| {
        let sizes = json!({"scalingConfig": {"minSize": min, "maxSize": max, "desiredSize": desired}});
        asked(rules, "1.33", &sizes).map(|(_, text)| text).unwrap_or_default()
    };
    assert_eq!((of(CREATE, 1, 3, 2), of(UPDATE_CONFIG, 0, 1, 0)), (String::new(), String::new()));
    assert_eq!(of(CREATE, 3, 4, 2), "minSize can't be greater than desiredSize");
    assert_eq!(of(CREATE, 1, 2, 3), "desiredSize can't be greater than maxSize");
    assert_eq!(of(UPDATE_CONFIG, 3, 4, 2), "Minimum capacity 3 can't be greater than desired size 2");
    assert_eq!(of(UPDATE_CONFIG, 1, 2, 3), "desired capacity 3 can't be greater than max size 2");
    assert!(of(CREATE, 1, 451, 1).contains("quota") && of(UPDATE_CONFIG, 1, 451, 1).contains("quota"));
}

#[test]
fn no_more_nodes_are_away_than_there_may_be() {
    let of = |rules, max: i32, config: Value| {
        let spec = json!({"scalingConfig": {"minSize": 1, "maxSize": max, "desiredSize": 1}, "updateConfig": config});
        asked(rules, "1.33", &spec)
    };
    for rules in [CREATE, UPDATE_CONFIG] {
        for good in
            [json!({"maxUnavailable": 3}), json!({"maxUnavailablePercentage": 100, "updateStrategy": "MINIMAL"})]
        {
            assert_eq!(of(rules, 3, good.clone()), None, "{good}");
        }
        let (code, text) = of(rules, 1, json!({"maxUnavailable": 2})).unwrap();
        assert_eq!(code, ErrorCode::INVALID_PARAMETER);
        assert_eq!(text, "max-unavailable must be within the range 1 and max size of the node group");
        for bad in [
            json!({}),
            json!({"maxUnavailable": 1, "maxUnavailablePercentage": 1}),
            json!({"maxUnavailable": 101}),
            json!({"updateStrategy": "DEFAULT"}),
        ] {
            assert!(of(rules, 200, bad.clone()).is_some(), "{bad}");
        }
    }
}

#[test]
fn a_launch_template_takes_over() {
    let template = json!({"id": "lt-1"});
    assert_eq!(created(json!({"launchTemplate": template})), "");
    assert_eq!(created(json!({"launchTemplate": {"name": "x", "version": "$Latest"}})), "");
    assert_eq!(
        created(json!({"launchTemplate": template, "instanceTypes": ["t3.large"]})),
        "",
        "EKS takes it, whatever is documented"
    );
    let disk = "Disk size must be specified within the launch template.";
    let access = "Remote access configuration cannot be specified with a launch template.";
    let named = "Either provide launch template ID or launch template name in the request.";
    assert_eq!(created(json!({"launchTemplate": template, "diskSize": 5, "remoteAccess": {}})), disk);
    assert_eq!(created(json!({"launchTemplate": {}, "diskSize": 5})), disk, "before the template's own form");
    assert_eq!(created(json!({"launchTemplate": {}, "remoteAccess": {}})), access, "before the template's own form");
    assert_eq!(created(json!({"launchTemplate": {"id": "lt-1", "name": "x"}})), named);
    assert_eq!(created(json!({"launchTemplate": {"version": "1"}})), named);
    assert_eq!(created(json!({"launchTemplate": {"id": "", "name": "x"}})), "", "an empty text is none");
    for bad in ["latest", "0", "-1", "1.0"] {
        assert!(
            created(json!({"launchTemplate": {"id": "lt-1", "version": bad}}))
                .starts_with("Invalid launch template version"),
            "{bad}"
        );
    }
}

#[test]
fn an_image_of_one_s_own_is_a_launch_template_s_and_brings_its_version() {
    let custom = |mut more: Value| {
        more["amiType"] = json!("CUSTOM");
        created(more)
    };
    assert!(custom(json!({})).starts_with("Launch template details can't be null"));
    assert_eq!(custom(json!({"launchTemplate": {"name": "x"}, "instanceTypes": ["t4g.small", "t3.small"]})), "");
    assert!(
        custom(json!({"launchTemplate": {"name": "x"}, "version": "1.33"}))
            .starts_with("You cannot specify a kubernetes version")
    );
    assert!(
        custom(json!({"launchTemplate": {"name": "x"}, "releaseVersion": "1.33.1-20250101"}))
            .contains("releaseVersion")
    );
}

#[test]
fn subnets_are_those_that_can_be_there() {
    assert_eq!(created(json!({"subnets": ["subnet-0a1b", "subnet-1"]})), "");
    for wrong in ["nosub", "subnet-", "Subnet-1", "subnet-a b", "sg-1", ""] {
        let said = created(json!({"subnets": ["subnet-1", wrong]}));
        assert_eq!(said, format!("The subnet ID '{wrong}' does not exist"));
    }
}

#[test]
fn a_new_group_has_its_cluster_s_version_and_a_release_of_it() {
    assert_eq!(created(json!({"version": "1.33", "releaseVersion": "1.33.4-20250904"})), "");
    for other in ["1.34", "1.32"] {
        assert!(created(json!({"version": other})).contains("equal to Cluster kubernetes version 1.33"), "{other}");
    }
    let unsupported = "unsupported Kubernetes version latest: the cluster's is 1.33";
    assert_eq!(created(json!({"version": "latest"})), unsupported);
    let wrong = "Requested release version 1.32.9-20250920 is not valid for kubernetes version 1.33.";
    assert_eq!(created(json!({"releaseVersion": "1.32.9-20250920"})), wrong);
    assert_ne!(created(json!({"releaseVersion": "1.3"})), "");
    assert_eq!(created(json!({"amiType": "BOTTLEROCKET_x86_64", "releaseVersion": "1.49.0-713f44ce"})), "");
    assert_eq!(created(json!({"amiType": "WINDOWS_CORE_2022_x86_64", "releaseVersion": "1.33-2025.09.10"})), "");
    assert_ne!(created(json!({"amiType": "WINDOWS_CORE_2022_x86_64", "releaseVersion": "1.32-2025.09.10"})), "");
    for (type_, release) in [
        ("AL2023_x86_64_STANDARD", "1.33.4"),
        ("AL2023_x86_64_STANDARD", "1.33.x-20250904"),
        ("AL2023_x86_64_STANDARD", "1.33.4-20251304"),
        ("AL2023_x86_64_STANDARD", "1.33.4-20200101"),
        ("WINDOWS_CORE_2022_x86_64", "1.33-20250910"),
        ("BOTTLEROCKET_x86_64", "1.49"),
        ("BOTTLEROCKET_x86_64", "1.49.0-latest"),
    ] {
        let said = created(json!({"amiType": type_, "releaseVersion": release}));
        assert_eq!(said, format!("Requested release version {release} is not valid for kubernetes version 1.33."));
    }
    let updated = json!({"version": "1.33", "releaseVersion": "1.32.9-20250920"});
    assert_eq!(asked(UPDATE_VERSION, "1.33", &updated).unwrap().1, wrong);
}

#[test]
fn amazon_linux_2_ends_with_1_32() {
    let words = "AMI Type AL2_x86_64 is only supported for kubernetes versions 1.32 or earlier";
    assert_eq!(created(json!({"amiType": "AL2_x86_64"})), words);
    assert_eq!(asked(CREATE, "1.32", &json!({"amiType": "AL2_x86_64"})), None);
    let upgraded = json!({"amiType": "AL2_x86_64", "version": "1.33"});
    assert_eq!(asked(UPDATE_VERSION, "1.33", &upgraded).unwrap().1, words, "nor does a group get there");
}

#[test]
fn an_ami_runs_on_the_instance_types() {
    let wrong = "[t4g.medium] is not a valid instance type for requested amiType AL2023_x86_64_STANDARD";
    assert_eq!(created(json!({"instanceTypes": ["t4g.medium"]})), wrong);
    assert_eq!(created(json!({"instanceTypes": ["t4g.medium"], "amiType": "AL2023_ARM_64_STANDARD"})), "");
    let old = asked(CREATE, "1.29", &json!({"instanceTypes": ["t3.large", "t4g.small"]})).unwrap().1;
    assert_eq!(old, "[t4g.small] is not a valid instance type for requested amiType AL2_x86_64");
    assert!(created(json!({"amiType": "AL2023_ARM_64_STANDARD"})).starts_with("[t3.medium]"), "the default");
    assert_eq!(
        created(json!({"amiType": "AL2023_ARM_64_STANDARD", "launchTemplate": {"id": "lt-1"}})),
        "",
        "it may name one"
    );
    assert!(
        created(json!({"amiType": "AL2023_x86_64_NVIDIA", "instanceTypes": ["m5.large"]})).starts_with("[m5.large]")
    );
    assert_eq!(created(json!({"amiType": "AL2023_x86_64_NVIDIA", "instanceTypes": ["g5.xlarge"]})), "");
    let unknown = "The following supplied instance types do not exist: [t3.enormous, x]";
    assert_eq!(created(json!({"instanceTypes": ["t3.small", "t3.enormous", "x"]})), unknown);
    assert!(created(json!({"instanceTypes": vec!["t3.small"; 21]})).contains("at most 20"));
    assert_eq!(created(json!({"instanceTypes": vec!["t3.small"; 20], "capacityType": "SPOT"})), "");
}

#[test]
fn names_roles_tags_and_access_are_well_formed() {
    for (good, bad) in [
        (json!({"nodegroupName": "A_b-1"}), json!({"nodegroupName": "-a"})),
        (json!({"nodegroupName": "x".repeat(63)}), json!({"nodegroupName": "x".repeat(64)})),
        (json!({"nodegroupName": "a"}), json!({"nodegroupName": "a b"})),
        (json!({"tags": {"a": "1"}}), json!({"tags": {"aws:a": "1"}})),
        (
            json!({"remoteAccess": {"ec2SshKey": "k", "sourceSecurityGroups": ["sg-0a1"]}}),
            json!({"remoteAccess": {"ec2SshKey": "k", "sourceSecurityGroups": ["all"]}}),
        ),
        (
            json!({"capacityType": "CAPACITY_BLOCK", "launchTemplate": {"id": "lt-1"}}),
            json!({"capacityType": "CAPACITY_BLOCK"}),
        ),
        (json!({"labels": {"team": "a"}}), json!({"labels": {"eks.amazonaws.com/nodegroup": "a"}})),
        (
            json!({"taints": [{"key": "a", "effect": "NO_SCHEDULE"}]}),
            json!({"taints": [{"key": "k8s.io/a", "effect": "NO_SCHEDULE"}]}),
        ),
    ] {
        assert_eq!(created(good.clone()), "", "{good}");
        assert_ne!(created(bad.clone()), "", "{bad}");
    }
    let role = |arn: &str| asked(FORM, "1.33", &json!({"nodeRole": arn})).map(|(code, _)| code);
    assert_eq!(role("arn:aws:iam::000000000000:role/r"), None);
    assert_eq!(role("arn:aws:iam::111122223333:role/r"), Some(ErrorCode::ACCESS_DENIED));
    assert_eq!(role("r"), Some(ErrorCode::INVALID_PARAMETER));
}

#[test]
fn repair_and_warm_pools_agree_with_themselves() {
    let complete = json!({"nodeMonitoringCondition": "c", "nodeUnhealthyReason": "r", "minRepairWaitTimeMins": 5, "repairAction": "Reboot"});
    let bottlerocket = |pool: Value| json!({"amiType": "BOTTLEROCKET_x86_64", "warmPoolConfig": pool});
    for (good, bad) in [
        (
            json!({"nodeRepairConfig": {"maxUnhealthyNodeThresholdCount": 1, "maxParallelNodesRepairedPercentage": 1}}),
            json!({"nodeRepairConfig": {"maxUnhealthyNodeThresholdCount": 1, "maxUnhealthyNodeThresholdPercentage": 1}}),
        ),
        (
            json!({"nodeRepairConfig": {"maxParallelNodesRepairedCount": 1}}),
            json!({"nodeRepairConfig": {"maxParallelNodesRepairedCount": 1, "maxParallelNodesRepairedPercentage": 1}}),
        ),
        (
            json!({"nodeRepairConfig": {"nodeRepairConfigOverrides": [complete]}}),
            json!({"nodeRepairConfig": {"nodeRepairConfigOverrides": [{"repairAction": "Reboot"}]}}),
        ),
        (
            json!({"warmPoolConfig": {"minSize": 1, "maxGroupPreparedCapacity": -1, "poolState": "HIBERNATED"}}),
            json!({"warmPoolConfig": {"minSize": 2, "maxGroupPreparedCapacity": 1}}),
        ),
        (
            json!({"warmPoolConfig": {"maxGroupPreparedCapacity": 0}}),
            json!({"warmPoolConfig": {"maxGroupPreparedCapacity": -2}}),
        ),
        (bottlerocket(json!({"poolState": "STOPPED"})), bottlerocket(json!({"poolState": "HIBERNATED"}))),
        (bottlerocket(json!({"reuseOnScaleIn": false})), bottlerocket(json!({"reuseOnScaleIn": true}))),
    ] {
        for rules in [CREATE, UPDATE_CONFIG] {
            assert_eq!(asked(rules, "1.33", &good), None, "{good}");
            assert_eq!(asked(rules, "1.33", &bad).unwrap().0, ErrorCode::INVALID_PARAMETER, "{bad}");
        }
    }
}
