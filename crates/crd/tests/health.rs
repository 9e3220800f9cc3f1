//! What GitOps tools make of the resources: kstatus, by its own library, and Argo CD's health checks, in a real Lua.
//!
//! Needs the tool `health`; `make setup` builds it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::process::{Command, Stdio};

use k3eks_crd::conditions::{Health, Reason, conditions};
use k3eks_crd::{MemberPhase, Phase, definitions};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

/// An object, and the words of kstatus and of Argo CD that it should have.
struct Case {
    what: String,
    object: Value,
    expected: (&'static str, &'static str),
}

fn object(group: &str, version: &str, kind: &str, status: Value) -> Value {
    let mut object = json!({"apiVersion": format!("{group}/{version}"), "kind": kind, "metadata": {"name": "a", "namespace": "b", "generation": 3}, "spec": {}});
    if !status.is_null() {
        object["status"] = status;
    }
    object
}

/// Everything that conditions can say, with what it means to kstatus and, where the phase isn't `Failed`, to Argo CD.
fn healths() -> Vec<(Health, &'static str, &'static str)> {
    let text = || "why".to_owned();
    vec![
        (Health::Ready, "Current", "Healthy"),
        (Health::Noted(Reason::Sleeping, text()), "Current", "Healthy"),
        (Health::Progressing(Reason::NodegroupsNotReady, text()), "InProgress", "Progressing"),
        (Health::Progressing(Reason::Creating, text()), "InProgress", "Progressing"),
        (Health::Failing(Reason::ProvisionFailed, text()), "InProgress", "Progressing"),
        (Health::Stalled(Reason::InvalidSpec, text()), "Failed", "Degraded"),
    ]
}

fn phases(kind: &str) -> Vec<String> {
    let of_members =
        [MemberPhase::Creating, MemberPhase::Active, MemberPhase::Updating, MemberPhase::Degraded, MemberPhase::Failed];
    match kind {
        "EKSClusterConfig" | "Nodegroup" => Phase::ALL.iter().map(|phase| phase.as_str().to_owned()).collect(),
        _ => of_members.iter().map(|phase| json!(phase).as_str().unwrap().to_owned()).collect(),
    }
}

fn cases() -> Vec<Case> {
    let now = Time(Timestamp::from_second(1).unwrap());
    let mut cases = Vec::new();
    for definition in definitions() {
        let (group, version) = (&definition.spec.group, &definition.spec.versions[0]);
        let kind = &definition.spec.names.kind;
        let schema = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        // A subscription has nothing that could become ready.
        let Some(status) = schema.properties.as_ref().unwrap().get("status") else { continue };
        if !status.properties.as_ref().unwrap().contains_key("conditions") {
            continue;
        }
        let mut case = |what: &str, status: Value, expected: (&'static str, &'static str)| {
            let object = object(group, &version.name, kind, status);
            cases.push(Case { what: format!("{kind} {what}"), object, expected });
        };
        let default = status.default.as_ref().map_or(Value::Null, |default| default.0.clone());
        case("that nobody has seen", default, ("InProgress", "Progressing"));
        for (health, kstatus, argo) in healths() {
            for phase in phases(kind) {
                let conditions = conditions(&health, Some(3), &now, &[]);
                let of = |seen: i64| json!({"phase": phase, "observedGeneration": seen, "conditions": conditions});
                let argo = match (phase.as_str(), argo) {
                    ("Failed", "Progressing") => "Degraded",
                    ("Stopped", "Healthy") => "Suspended",
                    _ => argo,
                };
                case(&format!("{phase} {health:?}"), of(3), (kstatus, argo));
                case(&format!("{phase} {health:?}, changed since"), of(2), ("InProgress", "Progressing"));
            }
        }
        let mut going = object(
            group,
            &version.name,
            kind,
            json!({"observedGeneration": 3, "conditions": conditions(&Health::Ready, Some(3), &now, &[])}),
        );
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        cases.push(Case { what: format!("{kind} that goes"), object: going, expected: ("Terminating", "Healthy") });
    }
    cases
}

#[test]
fn every_kind_is_healthy_exactly_when_it_says_so() {
    let cases = cases();
    assert!(cases.len() > 300, "only {} cases", cases.len());
    let config = "../../config/argocd/argocd-cm.yaml";
    let mut tool = Command::new("health")
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("health is on the path: run `make setup`");
    let objects: Vec<&Value> = cases.iter().map(|case| &case.object).collect();
    tool.stdin.take().unwrap().write_all(json!(objects).to_string().as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success(), "the tool failed");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), cases.len());
    let wrong = cases
        .iter()
        .zip(&answers)
        .filter(|(case, said)| said["kstatus"] != case.expected.0 || said["argo"] != case.expected.1);
    let wrong: Vec<String> =
        wrong.map(|(case, said)| format!("{}: {said}, not {:?}", case.what, case.expected)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
