//! What the chart's two service accounts may do in the management cluster: from neither leads a known way up.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::Value;

/// Ways from some rights to all: resource, and the verbs that make it one.
const WAYS_UP: [(&str, &[&str]); 22] = [
    ("pods", &["create", "update", "patch"]),
    ("pods/exec", &["create", "get"]),
    ("pods/attach", &["create", "get"]),
    ("pods/portforward", &["create", "get"]),
    ("pods/ephemeralcontainers", &["update", "patch"]),
    ("deployments", &["create", "update", "patch"]),
    ("daemonsets", &["create", "update", "patch"]),
    ("statefulsets", &["create", "update", "patch"]),
    ("replicasets", &["create", "update", "patch"]),
    ("replicationcontrollers", &["create", "update", "patch"]),
    ("jobs", &["create", "update", "patch"]),
    ("cronjobs", &["create", "update", "patch"]),
    ("serviceaccounts/token", &["create"]),
    ("serviceaccounts", &["impersonate", "create", "update", "patch"]),
    ("users", &["impersonate"]),
    ("groups", &["impersonate"]),
    ("nodes/proxy", &["get", "create"]),
    ("clusterroles", &["bind", "escalate", "create", "update", "patch"]),
    ("clusterrolebindings", &["create", "update", "patch"]),
    ("certificatesigningrequests/approval", &["update", "patch"]),
    ("mutatingwebhookconfigurations", &["create", "update", "patch"]),
    ("validatingadmissionpolicies", &["create", "update", "patch", "delete"]),
];

/// What the chart makes, as people get it with kustomize.
fn objects() -> Vec<Value> {
    let path = "../../config/operator/operator.yaml";
    let text = std::fs::read_to_string(path).unwrap();
    yaml::read_all(&text).unwrap()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The rules that hold for a service account.
fn rules(objects: &[Value], account: &str) -> Vec<Value> {
    let bound = objects.iter().filter(|o| {
        o["kind"].as_str().is_some_and(|kind| kind.ends_with("RoleBinding"))
            && o["subjects"].as_array().unwrap().iter().any(|subject| subject["name"] == account)
    });
    let role = |binding: &Value| {
        let (kind, name) = (binding["roleRef"]["kind"].clone(), binding["roleRef"]["name"].clone());
        objects.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name).unwrap()["rules"].clone()
    };
    let all: Vec<Value> = bound.flat_map(|binding| role(binding).as_array().unwrap().clone()).collect();
    assert!(!all.is_empty(), "{account} has no rules");
    all
}

/// The ways up that are open to a service account.
fn ways_up(rules: &[Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rule in rules {
        let (resources, verbs) = (list(&rule["resources"]), list(&rule["verbs"]));
        for all in ["apiGroups", "resources", "verbs"] {
            if list(&rule[all]).contains(&"*") {
                found.insert(format!("{all}: *"));
            }
        }
        for (resource, ways) in WAYS_UP {
            let open = ways.iter().filter(|verb| verbs.contains(verb) && resources.contains(&resource));
            found.extend(open.map(|verb| format!("{verb} {resource}")));
        }
        for resource in ["roles", "rolebindings"] {
            let beyond =
                ["bind", "escalate"].into_iter().filter(|v| verbs.contains(v) && resources.contains(&resource));
            found.extend(beyond.map(|verb| format!("{verb} {resource}")));
        }
        if resources.contains(&"secrets") {
            let named = !list(&rule["resourceNames"]).is_empty();
            let more = verbs.iter().filter(|verb| !(named && **verb == "get"));
            found.extend(more.map(|verb| format!("{verb} secrets")));
        }
    }
    found
}

#[test]
fn the_api_has_no_way_up() {
    let rules = rules(&objects(), "k3eks-api");
    assert_eq!(ways_up(&rules), BTreeSet::new());
    let named: Vec<_> = rules.iter().filter(|rule| list(&rule["resources"]).contains(&"secrets")).collect();
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(list(&named[0]["resourceNames"]), ["k3eks-identity"]);
}

#[test]
fn the_operator_has_none_but_secrets_which_a_policy_bounds() {
    let objects = objects();
    let open = ways_up(&rules(&objects, "k3eks"));
    let secrets = ["create secrets", "get secrets", "list secrets", "patch secrets", "watch secrets"];
    assert_eq!(open, secrets.map(str::to_owned).into());
    let policy = objects
        .iter()
        .find(|o| o["kind"] == "ValidatingAdmissionPolicy" && o["metadata"]["name"] == "k3eks-system-k3eks");
    let spec = &policy.unwrap()["spec"];
    assert_eq!(spec["failurePolicy"], "Fail");
    assert_eq!(spec["matchConstraints"]["resourceRules"][0]["operations"], serde_json::json!(["CREATE", "UPDATE"]));
    let who = "request.userInfo.username == \"system:serviceaccount:k3eks-system:k3eks\"";
    assert_eq!(spec["matchConditions"][0]["expression"], who);
    let types = spec["validations"][0]["expression"].as_str().unwrap();
    assert!(types.starts_with("object.type in [") && !types.contains("service-account-token"), "{types}");
    let bound =
        |o: &&Value| o["kind"] == "ValidatingAdmissionPolicyBinding" && o["spec"]["policyName"] == "k3eks-system-k3eks";
    assert_eq!(objects.iter().find(bound).unwrap()["spec"]["validationActions"], serde_json::json!(["Deny"]));
}

#[test]
fn what_faces_the_network_has_neither_the_socket_nor_root() {
    let objects = objects();
    let deployment = |name: &str| {
        let found = objects.iter().find(|o| o["kind"] == "Deployment" && o["metadata"]["name"] == name);
        found.unwrap()["spec"]["template"].clone()
    };
    let (api, operator) = (deployment("k3eks-api"), deployment("k3eks"));
    assert!(!api.to_string().contains("docker.sock") && !api.to_string().contains("hostPath"));
    assert!(operator.to_string().contains("docker.sock"));
    assert_eq!(api["spec"]["securityContext"]["runAsNonRoot"], true);
    assert_ne!(api["spec"]["serviceAccountName"], operator["spec"]["serviceAccountName"]);
    assert_eq!(
        (api["spec"]["containers"].as_array().unwrap().len(), operator["spec"]["containers"].as_array().unwrap().len()),
        (1, 1)
    );
    // A Service leads to the one it is for, and to no other.
    for service in objects.iter().filter(|o| o["kind"] == "Service") {
        let selects = |template: &Value| {
            let wanted = service["spec"]["selector"].as_object().unwrap();
            wanted.iter().all(|(name, value)| template["metadata"]["labels"][name] == *value)
        };
        let of_operator = service["metadata"]["name"] == "k3eks-metrics";
        assert_eq!((selects(&operator), selects(&api)), (of_operator, !of_operator), "{}", service["metadata"]["name"]);
    }
}

#[test]
fn a_way_up_is_noticed() {
    let rules = |text: &str| ways_up(&[serde_json::from_str(text).unwrap()]);
    for (rule, way) in [
        (r#"{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}"#, "get secrets"),
        (r#"{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["list"]}"#, "list secrets"),
        (
            r#"{"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}"#,
            "create serviceaccounts/token",
        ),
        (r#"{"apiGroups": ["*"], "resources": ["x"], "verbs": ["get"]}"#, "apiGroups: *"),
    ] {
        assert_eq!(rules(rule), BTreeSet::from([way.to_owned()]), "{rule}");
    }
}
