//! The custom resources as users write them: descriptions, columns, Rancher's fields, and YAML that survives unchanged.
#![allow(clippy::unwrap_used, clippy::panic)]

use k3eks_crd::{EKSClusterConfig, Nodegroup, definitions};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

/// Rancher's fields of `spec`, with their types.
const SPEC: [(&str, &str); 18] = [
    ("amazonCredentialSecret", "string"),
    ("displayName", "string"),
    ("region", "string"),
    ("ipFamily", "string"),
    ("imported", "boolean"),
    ("kubernetesVersion", "string"),
    ("tags", "map of string"),
    ("secretsEncryption", "boolean"),
    ("kmsKey", "string"),
    ("publicAccess", "boolean"),
    ("privateAccess", "boolean"),
    ("ebsCSIDriver", "boolean"),
    ("publicAccessSources", "list of string"),
    ("loggingTypes", "list of string"),
    ("subnets", "list of string"),
    ("securityGroups", "list of string"),
    ("serviceRole", "string"),
    ("nodeGroups", "list of object"),
];

/// Rancher's fields of an entry of `spec.nodeGroups`.
const NODE_GROUP: [(&str, &str); 20] = [
    ("gpu", "boolean"),
    ("arm", "boolean"),
    ("imageId", "string"),
    ("nodegroupName", "string"),
    ("diskSize", "integer"),
    ("instanceType", "string"),
    ("labels", "map of string"),
    ("ec2SshKey", "string"),
    ("desiredSize", "integer"),
    ("maxSize", "integer"),
    ("minSize", "integer"),
    ("subnets", "list of string"),
    ("tags", "map of string"),
    ("resourceTags", "map of string"),
    ("userData", "string"),
    ("version", "string"),
    ("launchTemplate", "object"),
    ("requestSpotInstances", "boolean"),
    ("spotInstanceTypes", "list of string"),
    ("nodeRole", "string"),
];

/// Rancher's fields of an inline launch template.
const LAUNCH_TEMPLATE: [(&str, &str); 3] = [("id", "string"), ("name", "string"), ("version", "integer")];

/// Rancher's fields of `status`.
const STATUS: [(&str, &str); 11] = [
    ("phase", "string"),
    ("virtualNetwork", "string"),
    ("subnets", "list of string"),
    ("securityGroups", "list of string"),
    ("managedLaunchTemplateID", "string"),
    ("managedLaunchTemplateVersions", "map of string"),
    ("templateVersionsToDelete", "list of string"),
    ("networkFieldsSource", "string"),
    ("failureMessage", "string"),
    ("generatedNodeRole", "string"),
    ("completedUpdateIDs", "list of string"),
];

fn definition(kind: &str) -> CustomResourceDefinition {
    definitions().into_iter().find(|d| d.spec.names.kind == kind).unwrap_or_else(|| panic!("kind {kind} is defined"))
}

/// The schema of the only version, as JSON.
fn schema(definition: &CustomResourceDefinition) -> Value {
    assert_eq!(definition.spec.versions.len(), 1);
    json!(definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema)
}

/// Calls `see` with the path and the schema of every field below `schema`.
fn fields(path: &str, schema: &Value, see: &mut impl FnMut(&str, &Value)) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        see(&path, field);
        fields(&path, field, see);
    }
    fields_of_items(path, &schema["items"], see);
    fields_of_items(path, &schema["additionalProperties"], see);
}

fn fields_of_items(path: &str, schema: &Value, see: &mut impl FnMut(&str, &Value)) {
    if schema.is_object() {
        fields(&format!("{path}[]"), schema, see);
    }
}

fn type_of(field: &Value) -> String {
    match field["type"].as_str().unwrap_or("nothing") {
        "array" => format!("list of {}", field["items"]["type"].as_str().unwrap_or("nothing")),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", field["additionalProperties"]["type"].as_str().unwrap_or("nothing"))
        }
        plain => plain.to_owned(),
    }
}

fn columns(definition: &CustomResourceDefinition) -> Vec<(String, String)> {
    let columns = definition.spec.versions[0].additional_printer_columns.iter().flatten();
    columns.filter(|c| c.priority.unwrap_or_default() == 0).map(|c| (c.name.clone(), c.json_path.clone())).collect()
}

fn expected(columns: &[(&str, &str)]) -> Vec<(String, String)> {
    columns.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect()
}

#[test]
fn every_field_of_every_kind_has_a_description() {
    let (mut seen, mut without) = (0, Vec::new());
    for definition in definitions() {
        fields(&definition.spec.names.kind, &schema(&definition), &mut |path, field| {
            // Every object has these; Kubernetes describes them itself.
            let common = ["apiVersion", "kind", "metadata"]
                .iter()
                .any(|f| path == format!("{}.{f}", definition.spec.names.kind));
            seen += 1;
            if !common && field["description"].as_str().is_none_or(|d| d.trim().is_empty()) {
                without.push(path.to_owned());
            }
        });
    }
    assert!(seen > 100, "only {seen} fields were found");
    assert_eq!(without, Vec::<String>::new(), "fields without a description");
}

#[test]
fn digests_in_a_status_say_that_they_are_no_secrets() {
    let status = &schema(&definition("EKSClusterConfig"))["properties"]["status"]["properties"];
    let says = status["webhookTokens"]["description"].as_str().unwrap();
    assert!(says.starts_with("No secrets: SHA-256 digests"), "{says}");
}

#[test]
fn every_description_begins_with_a_short_sentence_and_breaks_no_lines() {
    let mut long = Vec::new();
    for definition in definitions() {
        // Kubernetes describes the conditions of the status itself.
        fields(&definition.spec.names.kind, &schema(&definition)["properties"]["spec"], &mut |path, field| {
            let text = field["description"].as_str().unwrap_or_default();
            let first = text.split_once(". ").map_or(text, |(first, _)| first);
            if first.len() > 120 || text.contains('\n') {
                long.push(format!("{path}: {text}"));
            }
        });
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn every_field_of_a_spec_says_its_default_and_whether_it_can_be_changed() {
    let mut silent = Vec::new();
    for definition in definitions() {
        let schema = schema(&definition);
        for (name, field) in schema["properties"]["spec"]["properties"].as_object().unwrap() {
            let text = field["description"].as_str().unwrap_or_default();
            let default = text.contains("Default:") || text.contains("Required.");
            let mutability = ["Mutable", "Immutable", "Can be"].iter().any(|word| text.contains(word));
            if !default || !mutability {
                silent.push(format!("{}.spec.{name}: {text}", definition.spec.names.kind));
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn a_cluster_prints_what_people_look_for() {
    let definition = definition("EKSClusterConfig");
    assert_eq!((definition.spec.group.as_str(), definition.spec.versions[0].name.as_str()), ("eks.cattle.io", "v1"));
    assert!(definition.spec.names.short_names.iter().flatten().any(|n| n == "eks"));
    assert_eq!(
        columns(&definition),
        expected(&[
            ("PHASE", ".status.phase"),
            ("VERSION", ".status.version"),
            ("ENDPOINT", ".status.endpoint"),
            ("NODES", ".status.nodes.summary"),
            ("AGE", ".metadata.creationTimestamp"),
            ("STATUS", r#".status.conditions[?(@.type=="Ready")].message"#),
        ])
    );
}

#[test]
fn a_node_group_prints_its_sizes_and_can_be_scaled() {
    let definition = definition("Nodegroup");
    assert!(definition.spec.names.short_names.iter().flatten().any(|n| n == "ng"));
    let columns = columns(&definition);
    for column in expected(&[("DESIRED", ".spec.scalingConfig.desiredSize"), ("READY", ".status.readyReplicas")]) {
        assert!(columns.contains(&column), "{column:?} is not among {columns:?}");
    }
    let scale = definition.spec.versions[0].subresources.as_ref().unwrap().scale.as_ref().unwrap();
    assert_eq!(scale.spec_replicas_path, ".spec.scalingConfig.desiredSize");
    assert_eq!(scale.status_replicas_path, ".status.replicas");
    assert_eq!(scale.label_selector_path.as_deref(), Some(".status.selector"));
}

#[test]
fn every_kind_is_namespaced_and_has_a_status_of_its_own() {
    // Nothing stands behind a subscription: its state follows from its dates.
    for definition in definitions().into_iter().filter(|d| d.spec.names.kind != "EksAnywhereSubscription") {
        let kind = &definition.spec.names.kind;
        assert_eq!(definition.spec.scope, "Namespaced", "{kind}");
        assert!(definition.spec.versions[0].subresources.as_ref().is_some_and(|s| s.status.is_some()), "{kind}");
    }
}

#[test]
fn a_resource_that_nobody_has_looked_at_yet_is_not_taken_for_healthy() {
    let mut seen = 0;
    for definition in definitions() {
        let status = &schema(&definition)["properties"]["status"]["properties"];
        if status["conditions"].is_object() {
            seen += 1;
            assert_eq!(status["observedGeneration"]["default"], json!(-1), "{}", definition.spec.names.kind);
            assert_eq!(status["conditions"]["x-kubernetes-list-map-keys"], json!(["type"]));
        }
    }
    assert!(seen >= 2, "clusters and node groups have conditions");
}

#[test]
fn rancher_s_fields_are_there_with_rancher_s_types() {
    let schema = schema(&definition("EKSClusterConfig"));
    let spec = &schema["properties"]["spec"]["properties"];
    let group = &spec["nodeGroups"]["items"]["properties"];
    let same = |place: &str, table: &[(&str, &str)], properties: &Value| {
        for (name, wanted) in table {
            assert_eq!(type_of(&properties[name]), *wanted, "{place}.{name}");
        }
    };
    same("spec", &SPEC, spec);
    same("spec.nodeGroups[]", &NODE_GROUP, group);
    same("spec.nodeGroups[].launchTemplate", &LAUNCH_TEMPLATE, &group["launchTemplate"]["properties"]);
    same("status", &STATUS, &schema["properties"]["status"]["properties"]);
    assert_eq!(spec["nodeGroups"]["items"]["required"], json!(["nodegroupName"]), "nothing else is required");
    assert_eq!(schema["properties"]["spec"]["required"], Value::Null, "a cluster needs no field at all");
}

/// Every field of a cluster, in the YAML that users have.
const FULL: &str = include_str!("crd/full.yaml");

#[test]
fn a_cluster_with_every_field_survives_reading_and_writing() {
    let written: Value = yaml::read(FULL).unwrap();
    let spec = written["spec"].as_object().unwrap();
    for (name, _) in SPEC {
        assert!(spec.contains_key(name), "the example lacks spec.{name}");
    }
    for (name, _) in NODE_GROUP {
        assert!(written["spec"]["nodeGroups"][0].get(name).is_some(), "the example lacks nodeGroups[0].{name}");
    }
    for (name, _) in STATUS {
        assert!(written["status"].get(name).is_some(), "the example lacks status.{name}");
    }
    let read: EKSClusterConfig = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(json!(read), written);
}

#[test]
fn nulls_as_rancher_writes_them_are_allowed_and_mean_the_default() {
    let schema = schema(&definition("EKSClusterConfig"));
    let spec = &schema["properties"]["spec"]["properties"];
    let cluster: EKSClusterConfig = serde_json::from_value(json!({
        "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "demo"},
        "spec": {
            "ipFamily": null, "kubernetesVersion": null, "kmsKey": null, "publicAccess": null, "nodeGroups": null,
            "tags": null, "publicAccessSources": null, "loggingTypes": null, "subnets": null, "securityGroups": null,
        },
    }))
    .unwrap();
    assert_eq!(cluster.spec.node_groups, None);
    assert!(cluster.spec.tags.is_empty() && cluster.spec.subnets.is_empty() && cluster.spec.logging_types.is_empty());
    // A field with a default needs no mark: the API server drops its null and fills in the default.
    let nullable = |field: &Value| field["nullable"] == json!(true) || !field["default"].is_null();
    for (name, _) in SPEC {
        assert!(nullable(&spec[name]), "spec.{name} refuses null");
    }
    for (name, _) in NODE_GROUP.iter().filter(|(name, _)| *name != "nodegroupName") {
        assert!(nullable(&spec["nodeGroups"]["items"]["properties"][name]), "spec.nodeGroups[].{name} refuses null");
    }
}

/// The maps under `schema` that refuse null, each with its path.
fn maps_that_refuse_null(schema: &Value, path: &str, found: &mut Vec<String>) {
    if !schema["additionalProperties"].is_null() && schema["nullable"] != json!(true) {
        found.push(path.into());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        maps_that_refuse_null(field, &format!("{path}.{name}"), found);
    }
    if !schema["items"].is_null() {
        maps_that_refuse_null(&schema["items"], &format!("{path}[]"), found);
    }
}

/// Server-side apply leaves null where a map's last key is no longer applied.
#[test]
fn every_map_of_a_spec_may_be_null() {
    let mut found = Vec::new();
    for definition in definitions() {
        let spec = &schema(&definition)["properties"]["spec"];
        maps_that_refuse_null(spec, &definition.spec.names.kind, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
    let group: Nodegroup = serde_json::from_value(json!({
        "apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": "demo"},
        "spec": {"clusterName": "demo", "labels": null, "taints": null, "tags": null},
    }))
    .unwrap();
    assert!(group.spec.labels.is_empty() && group.spec.taints.is_empty() && group.spec.tags.is_empty());
}

#[test]
fn null_node_groups_stay_apart_from_none_at_all() {
    let read = |spec: Value| -> EKSClusterConfig {
        serde_json::from_value(json!({
            "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "demo"}, "spec": spec,
        }))
        .unwrap()
    };
    assert_eq!(read(json!({})).spec.node_groups, None);
    assert_eq!(read(json!({"nodeGroups": null})).spec.node_groups, None);
    let none = read(json!({"nodeGroups": []}));
    assert_eq!(none.spec.node_groups, Some(Vec::new()));
    assert_eq!(json!(none)["spec"]["nodeGroups"], json!([]), "an empty list isn't lost in writing");
}

#[test]
fn a_node_group_with_every_field_survives_reading_and_writing() {
    let spec = json!({
        "clusterName": "demo", "nodegroupName": "Workers_1",
        "scalingConfig": {"minSize": 0, "maxSize": 5, "desiredSize": 3},
        "diskSize": 30, "subnets": ["subnet-1"], "instanceTypes": ["m5.large", "m6i.large"],
        "amiType": "AL2023_x86_64_STANDARD",
        "remoteAccess": {"ec2SshKey": "key", "sourceSecurityGroups": ["sg-1"]},
        "nodeRole": "arn:aws:iam::000000000000:role/node", "labels": {"team": "a"},
        "taints": [{"key": "dedicated", "value": "batch", "effect": "NO_SCHEDULE"},
                   {"key": "old", "effect": "NO_EXECUTE"}, {"key": "slow", "effect": "PREFER_NO_SCHEDULE"}],
        "tags": {"cost": "x"}, "launchTemplate": {"name": "t", "version": "2"},
        "updateConfig": {"maxUnavailable": 2, "updateStrategy": "MINIMAL"}, "nodeRepairConfig": {"enabled": true},
        "capacityType": "SPOT", "version": "1.35", "releaseVersion": "1.35.5-20260101",
        "warmPoolConfig": {"enabled": true, "minSize": 1, "maxGroupPreparedCapacity": 3, "poolState": "STOPPED",
                           "reuseOnScaleIn": true},
    });
    let schema = schema(&definition("Nodegroup"));
    for name in schema["properties"]["spec"]["properties"].as_object().unwrap().keys() {
        assert!(spec.get(name).is_some(), "the example lacks spec.{name}");
    }
    let group: Nodegroup = serde_json::from_value(json!({
        "apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": "workers"}, "spec": spec,
    }))
    .unwrap();
    assert_eq!(json!(group)["spec"], spec);
}

/// Every place of `schema` where a text may be left out, as a JSON pointer; `0` is the first entry of a list.
fn optional_texts(schema: &Value, at: &str, found: &mut Vec<String>) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match property["type"].as_str() {
            Some("string") if !required.contains(&json!(name)) => found.push(at),
            Some("object") => optional_texts(property, &at, found),
            Some("array") => optional_texts(&property["items"], &format!("{at}/0"), found),
            _ => {}
        }
    }
}

/// A spec with this value at the pointer, and what is required beside it.
fn spec_with(schema: &Value, pointer: &str, value: &Value) -> Value {
    let (name, rest) = pointer[1..].split_once('/').unwrap_or((&pointer[1..], ""));
    let filler = |schema: &Value| match schema["type"].as_str() {
        Some("array") => json!([]),
        Some("integer") => json!(1),
        Some("boolean") => json!(false),
        _ => json!("x"),
    };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut spec: serde_json::Map<String, Value> =
        required.map(|name| (name.to_owned(), filler(&schema["properties"][name]))).collect();
    let property = &schema["properties"][name];
    let inner = match rest {
        "" => value.clone(),
        _ if property["type"] == "array" => json!([spec_with(&property["items"], &rest[1..], value)]),
        _ => spec_with(property, &format!("/{rest}"), value),
    };
    spec.insert(name.to_owned(), inner);
    Value::Object(spec)
}

#[test]
fn an_empty_text_is_none_wherever_there_may_be_one() {
    let schema = &schema(&definition("EKSClusterConfig"))["properties"]["spec"];
    let mut texts = Vec::new();
    optional_texts(schema, "", &mut texts);
    for known in ["/kmsKey", "/serviceRole", "/ipFamily", "/nodeGroups/0/nodeRole", "/nodeGroups/0/launchTemplate/id"] {
        assert!(texts.iter().any(|text| text == known), "{known} is among {texts:?}");
    }
    for text in &texts {
        let read = |value: Value| -> k3eks_crd::EKSClusterConfigSpec {
            let spec = spec_with(schema, text, &value);
            serde_json::from_value(spec.clone()).unwrap_or_else(|error| panic!("{spec}: {error}"))
        };
        assert_eq!(read(json!("")), read(Value::Null), "{text}");
        let property = schema.pointer(&property_of(text)).unwrap();
        assert!(property["minLength"].as_u64().is_none_or(|length| length == 0), "{text}");
        assert!(property["enum"].as_array().is_none_or(|words| words.contains(&json!(""))), "{text}");
        assert!(property["pattern"].as_str().is_none_or(|pattern| pattern.starts_with("^$|")), "{text}");
    }
}

#[test]
fn nobody_is_shown_a_regular_expression() {
    let all = serde_json::to_string(&k3eks_crd::definitions()).unwrap();
    assert!(!all.contains(r#""pattern":"#), "give each pattern its words in crates/crd/src/in_words.rs");
    assert!(all.contains("must be a Kubernetes minor version such as 1.35; k3eks knows none before 1.24"));
}

/// Where in the schema the property at this place of a spec is.
fn property_of(text: &str) -> String {
    let parts =
        text[1..].split('/').map(|part| if part == "0" { "/items".into() } else { format!("/properties/{part}") });
    parts.collect()
}
