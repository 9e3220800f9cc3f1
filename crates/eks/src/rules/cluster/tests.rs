use k8s_openapi::jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::*;
use crate::rules::check;

/// Versions with the days of their support: 1.31 is in extended support on this day.
fn today() -> Date {
    date(2026, 1, 1)
}

fn request(change: &Value) -> CreateCluster {
    let mut request = json!({"name": "c", "roleArn": "arn:aws:iam::000000000000:role/r", "resourcesVpcConfig": {}});
    request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(request).unwrap()
}

fn refusal(change: &Value) -> Option<String> {
    let versions: Vec<String> = (24..=34).map(|minor| format!("1.{minor}")).collect();
    let facts = Facts {
        account: "000000000000",
        region: "us-east-1",
        versions: &versions,
        default_version: "1.33",
        today: today(),
    };
    check(CREATE, &request(change), &facts).err().map(|error| error.message().to_owned())
}

/// Each request is refused with these words, next to one that is accepted.
#[test]
fn what_is_wrong_is_told_and_what_is_right_is_taken() {
    let vpc = |config: Value| json!({"resourcesVpcConfig": config});
    let access = |mode: Value, admin: bool| json!({"accessConfig": {"authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": admin}});
    let key = |arn: &str| json!({"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": arn}}]});
    let support = |version: &str| json!({"version": version, "upgradePolicy": {"supportType": "STANDARD"}});
    let outposts =
        |arns: Value| json!({"outpostConfig": {"outpostArns": arns, "controlPlaneInstanceType": "m5.large"}});
    for (wrong, words, right) in [
        (json!({"tags": {"AWS:x": "1"}}), "Tag keys must not begin with aws:", json!({"tags": {"my-aws:x": "1"}})),
        (
            json!({"version": "9.99"}),
            "unsupported Kubernetes version 9.99: choose one of 1.",
            json!({"version": "1.32"}),
        ),
        (json!({"roleArn": "admin"}), "Invalid Role Arn", json!({"roleArn": "arn:aws:iam::000000000000:role/path/r"})),
        (json!({"roleArn": "arn:aws:iam::1:user/u"}), "Invalid Role Arn", json!({})),
        (json!({"roleArn": "arn:aws:iam::000000000000:role/foo bar"}), "Invalid Role Arn", json!({})),
        (json!({"roleArn": "arn:aws:iam::111111111111:role/r"}), "pass role", json!({})),
        (
            vpc(json!({"subnetIds": ["subnet-a"]})),
            "at least two different AZs",
            vpc(json!({"subnetIds": ["subnet-a", "subnet-b"]})),
        ),
        (
            vpc(json!({"subnetIds": ["subnet-a", "nosub"]})),
            "The subnet ID 'nosub' does not exist",
            vpc(json!({"subnetIds": []})),
        ),
        (vpc(json!({"securityGroupIds": ["default"]})), "The security group 'default' does not exist", json!({})),
        (
            vpc(json!({"securityGroupIds": ["sg-1", "sg-2", "sg-3", "sg-4", "sg-5"]})),
            "At most 4 security groups",
            vpc(json!({"securityGroupIds": ["sg-1", "sg-2", "sg-3", "sg-4"]})),
        ),
        (
            vpc(json!({"endpointPublicAccess": false})),
            "Private and public endpoint access cannot be false",
            vpc(json!({"endpointPublicAccess": false, "endpointPrivateAccess": true})),
        ),
        (
            access(Value::Null, false),
            "bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP",
            access(Value::Null, true),
        ),
        (access(json!("CONFIG_MAP"), false), "must be true", access(json!("API"), false)),
        (json!({"encryptionConfig": [{"resources": ["pods"]}]}), "only resource", json!({"encryptionConfig": []})),
        (json!({"encryptionConfig": [{"resources": ["secrets"]}]}), "provider.keyArn", json!({})),
        (key("alias/mine"), "not the ARN of a KMS key", key("arn:aws:kms:us-east-1:1:key/11111111")),
        (key("arn:aws:iam::1:role/r"), "not the ARN of a KMS key", key("arn:aws:kms:us-east-1:1:alias/mine")),
        (key("arn:aws:kms:eu-west-1:1:key/1"), "not in the cluster's region us-east-1", json!({})),
        (support("1.31"), "1.31 is in extended support", support("1.33")),
        (outposts(json!(["a", "b"])), "exactly one", outposts(json!(["a"]))),
    ] {
        let said = refusal(&wrong).unwrap_or_else(|| panic!("{wrong} was taken"));
        assert!(said.contains(words), "{wrong}: {said}");
        assert_eq!(refusal(&right), None, "{right}");
    }
}

#[test]
fn who_may_use_the_endpoint_is_told_in_blocks() {
    let refusal = |blocks: &[&str]| refusal(&json!({"resourcesVpcConfig": {"publicAccessCidrs": blocks}}));
    let text = "The following CIDRs are invalid in publicAccessCidrs: [invalid-block, 203.0.113.500/32]";
    assert_eq!(refusal(&["203.0.113.5/32", "invalid-block", "203.0.113.500/32"]).unwrap(), text);
    for wrong in ["203.0.113.0/33", "203.0.113.5", "1.2.3.4/32,5.6.7.8/32", ""] {
        assert!(refusal(&[wrong]).is_some(), "{wrong}");
    }
    assert_eq!(refusal(&["203.0.113.5/32", "0.0.0.0/0", "2001:db8::/32"]), None);
    let twice = "The CIDR 203.0.113.5/32 is there twice in publicAccessCidrs";
    assert_eq!(refusal(&["203.0.113.5/32", "0.0.0.0/0", "203.0.113.5/32"]).unwrap(), twice);
    let many: Vec<String> = (0..41).map(|n| format!("203.0.113.{n}/32")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(refusal(&many).is_some() && refusal(&many[..40]).is_none());
}

#[test]
fn services_are_in_a_private_network_of_a_certain_size() {
    let refusal = |cidr: &str| refusal(&json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": cidr}}));
    for wrong in [
        "172.200.0.0/16",
        "192.169.0.0/16",
        "10.300.0.0/16",
        "10.96.0.0/25",
        "10.0.0.0/8",
        "100.64.0.0/16",
        "172.15.0.0/16",
        "10.100.0.1/16",
        "10.100.0.0",
        "fd00::/108",
    ] {
        assert!(refusal(wrong).is_some(), "{wrong}");
    }
    for right in ["10.100.0.0/16", "172.16.0.0/12", "172.31.0.0/24", "192.168.0.0/16"] {
        assert_eq!(refusal(right), None, "{right}");
    }
    let both = json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv6"}});
    assert!(super::tests::refusal(&both).is_some());
    assert_eq!(super::tests::refusal(&json!({"kubernetesNetworkConfig": {"ipFamily": "ipv6"}})), None);
}

/// A request for Auto Mode, with changes.
fn auto(compute: Value, change: &Value) -> Value {
    let mut request = json!({
        "accessConfig": {"authenticationMode": "API"}, "bootstrapSelfManagedAddons": false, "computeConfig": compute,
        "storageConfig": {"blockStorage": {"enabled": true}},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": true}},
    });
    request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    request
}

#[test]
fn auto_mode_is_on_or_off_as_a_whole() {
    let role = "arn:aws:iam::000000000000:role/auto";
    let on = || json!({"enabled": true, "nodePools": ["general-purpose", "system"], "nodeRoleArn": role});
    let off = json!({"enabled": false});
    let all_off = json!({"computeConfig": off, "storageConfig": {"blockStorage": off},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": off}});
    for right in [
        auto(on(), &json!({})),
        auto(json!({"enabled": true}), &json!({})),
        auto(json!({"enabled": true, "nodePools": []}), &json!({"version": "1.29"})),
        auto(on(), &json!({"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}})),
        all_off,
        json!({"computeConfig": {"enabled": false}}),
    ] {
        assert_eq!(refusal(&right), None, "{right}");
    }
    let whole = "all either fully enabled or fully disabled";
    for (wrong, words) in [
        (auto(on(), &json!({"storageConfig": null})), whole),
        (auto(on(), &json!({"storageConfig": {"blockStorage": {"enabled": false}}})), whole),
        (auto(on(), &json!({"kubernetesNetworkConfig": null})), whole),
        (auto(Value::Null, &json!({})), whole),
        (auto(on(), &json!({"accessConfig": {"authenticationMode": "CONFIG_MAP"}})), "API_AND_CONFIG_MAP"),
        (auto(on(), &json!({"accessConfig": null})), "API_AND_CONFIG_MAP"),
        (auto(on(), &json!({"version": "1.28"})), "1.29"),
        (auto(on(), &json!({"bootstrapSelfManagedAddons": true})), "bootstrapSelfManagedAddons must be set to false"),
        (auto(on(), &json!({"bootstrapSelfManagedAddons": null})), "bootstrapSelfManagedAddons must be set to false"),
        (auto(json!({"enabled": true, "nodeRoleArn": role}), &json!({})), "nodePool value(s) must be provided"),
        (auto(json!({"enabled": true, "nodePools": ["system"]}), &json!({})), "nodePool list cannot be populated"),
        (auto(json!({"enabled": true, "nodePools": ["mine"], "nodeRoleArn": role}), &json!({})), "general-purpose"),
        (auto(json!({"enabled": true, "nodePools": ["system"], "nodeRoleArn": "r"}), &json!({})), "IAM role"),
        (json!({"computeConfig": {"enabled": false, "nodePools": ["system"], "nodeRoleArn": role}}), "disabled"),
    ] {
        let said = refusal(&wrong).unwrap_or_else(|| panic!("{wrong} was taken"));
        assert!(said.contains(words), "{wrong}: {said}");
    }
}

#[test]
fn hybrid_nodes_have_networks_of_their_own() {
    let remote = |nodes: &[&str], pods: &[&str], change: Value| {
        let list = |cidrs: &[&str]| if cidrs.is_empty() { json!([]) } else { json!([{"cidrs": cidrs}]) };
        let mut request = json!({"accessConfig": {"authenticationMode": "API"},
            "remoteNetworkConfig": {"remoteNodeNetworks": list(nodes), "remotePodNetworks": list(pods)}});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refusal(&request)
    };
    let plain = || json!({});
    assert_eq!(remote(&["10.200.0.0/16"], &["10.201.0.0/16"], plain()), None);
    assert_eq!(remote(&["100.64.0.0/16"], &[], plain()), None);
    assert_eq!(remote(&[], &[], json!({"accessConfig": null})), None);
    let many: Vec<String> = (0..16).map(|n| format!("192.168.{n}.0/24")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(remote(&many[..15], &[], plain()), None);
    for (said, words) in [
        (remote(&["10.200.0.0/16"], &[], json!({"accessConfig": null})), "API_AND_CONFIG_MAP or API"),
        (remote(&["10.200.0.0/16"], &[], json!({"kubernetesNetworkConfig": {"ipFamily": "ipv6"}})), "ipv4"),
        (remote(&[], &["10.201.0.0/16"], plain()), "remoteNodeNetworks must be specified"),
        (remote(&["8.8.8.0/24"], &[], plain()), "must be within"),
        (remote(&["word"], &[], plain()), "not a valid IPv4 CIDR"),
        (remote(&["10.200.0.0/16"], &["10.200.4.0/24"], plain()), "overlaps with remote node network 10.200.0.0/16"),
        (remote(&["10.200.0.0/16", "10.200.1.0/24"], &[], plain()), "overlaps"),
        (remote(&["10.100.0.0/16"], &[], plain()), "overlaps with service CIDR 10.100.0.0/16"),
        (remote(&many, &[], plain()), "at most 15"),
    ] {
        assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{words}: {said:?}");
    }
}
