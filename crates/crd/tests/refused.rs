//! What definitions refuse at `kubectl apply`: texts of another form, too many of something, tags that EKS doesn't take.
#![allow(clippy::unwrap_used, clippy::panic)]

use k3eks_crd::definitions;
use k3eks_crd::forms::{self, Form};
use serde_json::{Value, json};

/// The schema of a field of a kind's spec; `[]` are the entries of a list.
fn field(kind: &str, path: &str) -> Value {
    let definition = definitions().into_iter().find(|d| d.spec.names.kind == kind).unwrap();
    let schema = json!(definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema);
    let mut pointer = "/properties/spec".to_owned();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let name = part.trim_end_matches("[]");
        pointer.extend(["/properties/", name]);
        if name.len() < part.len() {
            pointer.push_str("/items");
        }
    }
    schema.pointer(&pointer).unwrap_or_else(|| panic!("{kind} has {path}")).clone()
}

/// The rules of a field, each with its words.
fn rules(field: &Value) -> Vec<(String, String)> {
    let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
    let rules = field["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.map(|rule| (text(rule, "rule"), text(rule, "message"))).collect()
}

#[test]
fn a_text_of_another_form_is_refused_in_words() {
    let rows: [(&str, &str, &Form); 30] = [
        ("EKSClusterConfig", "subnets[]", &forms::SUBNET),
        ("EKSClusterConfig", "securityGroups[]", &forms::SECURITY_GROUP),
        ("EKSClusterConfig", "serviceRole", &forms::ROLE),
        ("EKSClusterConfig", "kmsKey", &forms::KMS_KEY),
        ("EKSClusterConfig", "controlPlaneEgressMode", &forms::EGRESS_MODE),
        ("EKSClusterConfig", "controlPlaneScalingConfig.tier", &forms::TIER),
        ("EKSClusterConfig", "computeConfig.nodePools[]", &forms::NODE_POOL),
        ("EKSClusterConfig", "computeConfig.nodeRoleArn", &forms::ROLE_ARN),
        ("EKSClusterConfig", "connectorConfig.roleArn", &forms::ROLE_ARN),
        ("EKSClusterConfig", "connectorConfig.provider", &forms::CONNECTED),
        ("EKSClusterConfig", "outpostConfig.controlPlanePlacement.spreadLevel", &forms::SPREAD),
        ("EKSClusterConfig", "outpostConfig.etcdPlacement.spreadLevel", &forms::SPREAD),
        ("EKSClusterConfig", "kubeApiServerConfig.eventTtl", &forms::EVENT_TTL),
        ("EKSClusterConfig", "kubeSchedulerConfig.nodeResourcesFit.scoringStrategy.type", &forms::SCORING),
        ("EKSClusterConfig", "kubeSchedulerConfig.nodeResourcesFit.scoringStrategy.resources[].name", &forms::SCORED),
        (
            "EKSClusterConfig",
            "kubeControllerManagerConfig.horizontalPodAutoscalerControllerConfig.horizontalPodAutoscalerSyncPeriod",
            &forms::SYNC_PERIOD,
        ),
        ("EKSClusterConfig", "nodeGroups[].subnets[]", &forms::SUBNET),
        ("EKSClusterConfig", "nodeGroups[].nodeRole", &forms::ROLE),
        ("EKSClusterConfig", "nodeGroups[].instanceType", &forms::INSTANCE_TYPE),
        ("EKSClusterConfig", "nodeGroups[].spotInstanceTypes[]", &forms::INSTANCE_TYPE),
        ("Nodegroup", "subnets[]", &forms::SUBNET),
        ("Nodegroup", "nodeRole", &forms::ROLE),
        ("Nodegroup", "instanceTypes[]", &forms::INSTANCE_TYPE),
        ("Nodegroup", "amiType", &forms::AMI_TYPE),
        ("Nodegroup", "remoteAccess.sourceSecurityGroups[]", &forms::SECURITY_GROUP),
        ("Nodegroup", "launchTemplate.version", &forms::TEMPLATE_VERSION),
        ("Nodegroup", "updateConfig.updateStrategy", &forms::UPDATE_STRATEGY),
        ("Nodegroup", "nodeRepairConfig.nodeRepairConfigOverrides[].repairAction", &forms::REPAIR_ACTION),
        ("Nodegroup", "warmPoolConfig.poolState", &forms::POOL_STATE),
        ("FargateProfile", "subnets[]", &forms::SUBNET),
    ];
    for (kind, path, form) in rows {
        let field = field(kind, path);
        let matches = format!("self.matches(r'{}')", form.pattern);
        let found = rules(&field).into_iter().find(|(rule, _)| rule.ends_with(&matches));
        let (_, words) = found.unwrap_or_else(|| panic!("{kind} {path}: {field}"));
        assert_eq!(words, form.words, "{kind} {path}");
        assert_eq!(field["maxLength"], json!(form.most), "{kind} {path}");
    }
    for (path, form) in [
        ("serviceRole", &forms::ROLE),
        ("kmsKey", &forms::KMS_KEY),
        ("nodeGroups[].nodeRole", &forms::ROLE),
        ("nodeGroups[].instanceType", &forms::INSTANCE_TYPE),
    ] {
        let empty = format!("self == '' || self.matches(r'{}')", form.pattern);
        assert!(rules(&field("EKSClusterConfig", path)).iter().any(|(rule, _)| *rule == empty), "{path} takes nothing");
    }
}

#[test]
fn there_are_no_more_of_anything_than_eks_takes() {
    for (kind, path, key, value) in [
        ("EKSClusterConfig", "subnets", "maxItems", 200),
        ("EKSClusterConfig", "securityGroups", "maxItems", 4),
        ("EKSClusterConfig", "publicAccessSources", "maxItems", 40),
        ("EKSClusterConfig", "remoteNetworkConfig.remoteNodeNetworks", "maxItems", 1),
        ("EKSClusterConfig", "remoteNetworkConfig.remotePodNetworks[].cidrs", "maxItems", 15),
        ("EKSClusterConfig", "outpostConfig.outpostArns", "minItems", 1),
        ("EKSClusterConfig", "outpostConfig.outpostArns", "maxItems", 1),
        ("EKSClusterConfig", "nodeGroups[].subnets", "maxItems", 200),
        ("EKSClusterConfig", "nodeGroups[].spotInstanceTypes", "maxItems", 20),
        ("EKSClusterConfig", "nodeGroups[].diskSize", "minimum", 1),
        ("EKSClusterConfig", "nodeGroups[].diskSize", "maximum", 16384),
        ("EKSClusterConfig", "kubeApiServerConfig.serviceNodePortRange.minPort", "minimum", 10260),
        ("EKSClusterConfig", "kubeApiServerConfig.serviceNodePortRange.maxPort", "maximum", 32767),
        ("EKSClusterConfig", "nodeGroups[].labels", "maxProperties", 50),
        ("EKSClusterConfig", "registries.mirrors", "maxItems", 32),
        ("EKSClusterConfig", "registries.mirrors[].endpoints", "minItems", 1),
        ("EKSClusterConfig", "registries.mirrors[].endpoints", "maxItems", 8),
        ("EKSClusterConfig", "registries.mirrors[].endpoints[]", "maxLength", 256),
        ("EKSClusterConfig", "registries.mirrors[].registry", "maxLength", 128),
        ("EKSClusterConfig", "registries.mirrors[].rewrites", "maxProperties", 16),
        ("EKSClusterConfig", "registries.configs", "maxItems", 32),
        ("EKSClusterConfig", "registries.configs[].registry", "maxLength", 128),
        ("Nodegroup", "labels", "maxProperties", 50),
        ("Nodegroup", "taints", "maxItems", 50),
        ("Nodegroup", "subnets", "maxItems", 200),
        ("Nodegroup", "instanceTypes", "maxItems", 20),
        ("Nodegroup", "diskSize", "minimum", 1),
        ("Nodegroup", "diskSize", "maximum", 16384),
        ("Nodegroup", "warmPoolConfig.minSize", "minimum", 0),
        ("Nodegroup", "warmPoolConfig.maxGroupPreparedCapacity", "minimum", -1),
        ("Nodegroup", "nodeRepairConfig.maxUnhealthyNodeThresholdPercentage", "maximum", 100),
    ] {
        let field = field(kind, path);
        assert_eq!(field[key].as_f64(), Some(f64::from(value)), "{key} of {kind} {path}: {field}");
    }
}

#[test]
fn tags_are_held_to_what_eks_takes_wherever_they_are() {
    for (kind, path) in [
        ("EKSClusterConfig", "tags"),
        ("EKSClusterConfig", "nodeGroups[].tags"),
        ("EKSClusterConfig", "nodeGroups[].resourceTags"),
        ("Nodegroup", "tags"),
        ("FargateProfile", "tags"),
        ("Addon", "tags"),
        ("AccessEntry", "tags"),
        ("Capability", "tags"),
        ("IdentityProviderConfig", "tags"),
        ("PodIdentityAssociation", "tags"),
        ("EksAnywhereSubscription", "tags"),
    ] {
        let tags = field(kind, path);
        assert_eq!(tags["maxProperties"], json!(50), "{kind} {path}");
        assert_eq!(tags["additionalProperties"]["maxLength"], json!(256), "{kind} {path}");
        let rules = rules(&tags);
        let has =
            |part: &str, words: &str| rules.iter().any(|(rule, said)| rule.contains(part) && said.contains(words));
        assert!(has("size(key) <= 128", "1 to 128 characters"), "{kind} {path}: {rules:?}");
        for word in ["aws:", "AWS:", "Aws:"] {
            assert!(
                has(&format!("!key.startsWith('{word}')"), "the prefix aws: is reserved"),
                "{kind} {path}: {rules:?}"
            );
        }
    }
    let labels = field("Nodegroup", "labels");
    assert!(rules(&labels).iter().all(|(_, words)| !words.contains("tag")), "labels are no tags");
}

#[test]
fn what_contradicts_itself_is_refused_in_words() {
    for (kind, path, part, words) in [
        (
            "EKSClusterConfig",
            "",
            "dyn(self.publicAccess) == false",
            "publicAccess and privateAccess can't both be false",
        ),
        ("EKSClusterConfig", "", "size(self.subnets) != 1", "one subnet is too few"),
        ("EKSClusterConfig", "publicAccessSources", "exists_one", "twice"),
        ("EKSClusterConfig", "accessConfig", "API_AND_CONFIG_MAP", "can be false only with authenticationMode"),
        ("EKSClusterConfig", "nodeGroups[].labels", "eks.amazonaws.com/", "are reserved"),
        ("EKSClusterConfig", "registries.configs[]", "caConfigMapRef", "give either caSecretRef or caConfigMapRef"),
        ("EKSClusterConfig", "registries.mirrors[].registry", "[*]", "must be the host of a registry"),
        ("EKSClusterConfig", "registries.mirrors[].endpoints[]", "https?", "must be a URL without a user"),
        ("Nodegroup", "labels", "eks.amazonaws.com/", "are reserved"),
        ("Nodegroup", "", "'CUSTOM'", "means the image of a launch template"),
        ("Nodegroup", "", "'CAPACITY_BLOCK'", "needs a launch template"),
        ("Nodegroup", "launchTemplate", "has(self.name) || has(self.id)", "name or its id"),
        ("Nodegroup", "nodeRepairConfig", "maxParallelNodesRepairedPercentage", "give either"),
        ("Nodegroup", "nodeRepairConfig.nodeRepairConfigOverrides[]", "repairAction", "needs nodeMonitoringCondition"),
        ("Nodegroup", "warmPoolConfig", "self.minSize <= self.maxGroupPreparedCapacity", "must not be greater"),
    ] {
        let rules = rules(&field(kind, path));
        let found = rules.iter().any(|(rule, said)| rule.contains(part) && said.contains(words));
        assert!(found, "{kind} {path}: {words} is not among {rules:?}");
    }
}

#[test]
fn every_list_whose_entries_have_rules_has_an_end() {
    let mut endless = Vec::new();
    for definition in definitions() {
        let schema = json!(definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema);
        find_endless(&schema["properties"]["spec"], &definition.spec.names.kind, &mut endless);
    }
    assert_eq!(
        endless,
        Vec::<String>::new(),
        "their cost is without an end, and the API server refuses the definition"
    );
}

fn find_endless(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        find_endless(property, &format!("{path}.{name}"), found);
    }
    if !schema["items"].is_null() {
        if schema["items"].to_string().contains("x-kubernetes-validations") && schema["maxItems"].is_null() {
            found.push(path.to_owned());
        }
        find_endless(&schema["items"], &format!("{path}[]"), found);
    }
}

#[test]
fn entries_for_registries_merge_by_the_registry() {
    for path in ["registries.mirrors", "registries.configs"] {
        let list = field("EKSClusterConfig", path);
        assert_eq!(list["x-kubernetes-list-type"], "map", "{path}");
        assert_eq!(list["x-kubernetes-list-map-keys"], json!(["registry"]), "{path}");
        assert!(list["items"]["required"].as_array().unwrap().contains(&json!("registry")), "{path}");
    }
}
