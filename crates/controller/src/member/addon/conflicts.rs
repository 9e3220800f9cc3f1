//! Fields of an addon's objects that somebody else has set in the cluster, by the API server's record of who set what.
//! Synchronous, no client.

use std::fmt::{self, Display, Formatter};

use serde_json::{Map, Value};

/// Who sets what Helm applies.
const HELM: &str = "helm";

/// A field that an addon sets, and that somebody else has set to another value.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Kind and name of the object, such as `Deployment.apps metrics-server`.
    object: String,
    /// The way to the field.
    path: Vec<Step>,
    /// The value that it has in the cluster.
    value: Value,
}

/// A step on the way to a field.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// To a member of an object.
    Field(String),
    /// To the item of a list with these keys.
    Item(Map<String, Value>),
}

impl Display for Conflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} - ", self.object)?;
        for step in &self.path {
            match step {
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(keys) => {
                    let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    write!(f, "[{}]", keys.join(","))?;
                }
            }
        }
        Ok(())
    }
}

/// The fields of `wanted`, an object of a chart, that others have set to other values in `live`, the same object in the
/// cluster.
pub fn of_object(wanted: &Value, live: &Value) -> Vec<Conflict> {
    let mut all: Vec<Conflict> = Vec::new();
    for entry in live["metadata"]["managedFields"].as_array().into_iter().flatten() {
        if entry["manager"] == HELM || entry["subresource"] == "status" {
            continue;
        }
        let mut paths = Vec::new();
        leaves(&entry["fieldsV1"], &mut Vec::new(), &mut paths);
        for path in paths {
            let (Some(ours), Some(theirs)) = (at(wanted, &path), at(live, &path)) else { continue };
            if ours != theirs && !all.iter().any(|known| known.path == path) {
                all.push(Conflict { object: name_of(wanted), path, value: theirs.clone() });
            }
        }
    }
    all
}

/// Gives `wanted` the values that its fields have in the cluster.
pub fn keep(wanted: &mut Value, conflicts: &[Conflict]) {
    for conflict in conflicts {
        if let Some(field) = at_mut(wanted, &conflict.path) {
            *field = conflict.value.clone();
        }
    }
}

/// Why an update with these conflicts is given up, in EKS's words, and what to do.
pub fn refusal(conflicts: &[Conflict]) -> String {
    let all: Vec<String> = conflicts.iter().map(Conflict::to_string).collect();
    format!(
        "{REFUSED}. Conflicts:\n{}\nSet resolveConflicts to OVERWRITE to get the addon's values, or to PRESERVE to keep these",
        all.join("\n")
    )
}

/// EKS's words for an update that conflicts end.
pub const REFUSED: &str = "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode";

/// Kind, with its group, and name.
fn name_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]).split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{}{group} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// The ways to all fields that a record names, in the API server's form `FieldsV1`.
fn leaves(fields: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    for (key, below) in fields.as_object().into_iter().flatten() {
        let step = match key.split_once(':') {
            Some(("f", name)) => Step::Field(name.to_owned()),
            Some(("k", keys)) => match serde_json::from_str(keys) {
                Ok(keys) => Step::Item(keys),
                Err(_) => continue,
            },
            // That the thing is there at all, and members of sets: whoever set these, the values are the same.
            _ => continue,
        };
        path.push(step);
        if below.as_object().is_some_and(Map::is_empty) {
            found.push(path.clone());
        } else {
            leaves(below, path, found);
        }
        path.pop();
    }
}

fn has(item: &Value, keys: &Map<String, Value>) -> bool {
    keys.iter().all(|(key, value)| item.get(key) == Some(value))
}

fn at<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Item(keys) => value.as_array()?.iter().find(|item| has(item, keys)),
    })
}

fn at_mut<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Item(keys) => value.as_array_mut()?.iter_mut().find(|item| has(item, keys)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(replicas: i64, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": "apps"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "side"}, {"name": "app", "image": image}]}}},
        })
    }

    /// The Deployment with 3 replicas, an image and a variable that others have set.
    fn changed() -> Value {
        let mut live = deployment(3, "theirs");
        live["spec"]["template"]["spec"]["containers"][1]["env"] = json!([{"name": "A", "value": "b"}]);
        let container =
            json!({".": {}, "f:image": {}, "f:env": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:value": {}}}});
        let fields =
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": container}}}}});
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        live["metadata"]["managedFields"] = json!([
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "fieldsV1": replicas},
            {"manager": "kubectl-set", "operation": "Update", "fieldsV1": fields},
            {"manager": "k3s", "operation": "Update", "subresource": "status", "fieldsV1": replicas},
        ]);
        live
    }

    fn said(conflicts: &[Conflict]) -> Vec<String> {
        conflicts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_others_set_otherwise_is_a_conflict_with_the_field_s_name() {
        let conflicts = of_object(&deployment(1, "ours"), &changed());
        let image = "Deployment.apps app - .spec.template.spec.containers[name=\"app\"].image";
        assert_eq!(said(&conflicts), ["Deployment.apps app - .spec.replicas", image]);
        let refusal = refusal(&conflicts);
        assert!(refusal.starts_with(REFUSED) && refusal.contains(image) && refusal.contains("PRESERVE"), "{refusal}");
    }

    #[test]
    fn what_others_set_to_the_same_or_the_addon_does_not_set_is_none() {
        assert_eq!(said(&of_object(&deployment(3, "theirs"), &changed())), Vec::<String>::new());
        let mut without = deployment(3, "ours");
        without["spec"]["template"]["spec"]["containers"][1].as_object_mut().unwrap().remove("image");
        assert_eq!(of_object(&without, &changed()), []);
    }

    #[test]
    fn what_helm_or_a_controller_s_status_set_is_none() {
        let mut live = changed();
        for entry in live["metadata"]["managedFields"].as_array_mut().unwrap() {
            entry["manager"] = HELM.into();
        }
        assert_eq!(of_object(&deployment(1, "ours"), &live), []);
        live["metadata"]["managedFields"] = Value::Null;
        assert_eq!(of_object(&deployment(1, "ours"), &live), []);
    }

    #[test]
    fn what_is_kept_has_the_cluster_s_values_and_nothing_else_changes() {
        let mut wanted = deployment(1, "ours");
        wanted["spec"]["paused"] = true.into();
        let conflicts = of_object(&wanted, &changed());
        keep(&mut wanted, &conflicts);
        let mut kept = deployment(3, "theirs");
        kept["spec"]["paused"] = true.into();
        assert_eq!(wanted, kept);
        assert_eq!(of_object(&wanted, &changed()), []);
    }
}
