//! From a handler's result to the body that EKS would send.

use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::model::{Kind, Model, ShapeId};

/// Shapes a result: nulls go, timestamps become seconds since the epoch, members that the model doesn't know go.
///
/// Handlers may give a timestamp as a number of seconds or as RFC 3339 text. What was wrong is returned with the
/// value; it is a mistake of ours, so tests turn it into a failure.
pub fn shape(model: &Model, id: Option<ShapeId>, value: Value) -> (Value, Vec<String>) {
    let mut faults = Vec::new();
    let mut value = if value.is_null() { Value::Object(Map::new()) } else { value };
    match id {
        Some(id) => visit(model, id, &mut value, "output", &mut faults),
        None => value = Value::Object(Map::new()),
    }
    (value, faults)
}

fn visit(model: &Model, id: ShapeId, value: &mut Value, name: &str, faults: &mut Vec<String>) {
    match (&model.shape(id).kind, value) {
        (Kind::Structure(members), Value::Object(map)) => {
            map.retain(|key, value| {
                let known = members.iter().any(|member| member.name == *key);
                if !known {
                    faults.push(format!("{name}.{key} is not in the model"));
                }
                known && !value.is_null()
            });
            for member in members {
                if let Some(inner) = map.get_mut(&member.name) {
                    visit(model, member.shape, inner, &member.name, faults);
                }
            }
        }
        (Kind::List { member, .. }, Value::Array(list)) => {
            for inner in list {
                visit(model, *member, inner, name, faults);
            }
        }
        (Kind::Map { value: shape, .. }, Value::Object(map)) => {
            map.retain(|_, value| !value.is_null());
            for inner in map.values_mut() {
                visit(model, *shape, inner, name, faults);
            }
        }
        (Kind::Timestamp, value) => match timestamp(value) {
            Some(seconds) => *value = Value::Number(seconds),
            None => faults.push(format!("{name} is not a timestamp: {value}")),
        },
        (Kind::Text(rules), Value::String(text)) => {
            if !rules.values.is_empty() && !rules.values.contains(text) {
                faults.push(format!("{name} has no value {text}"));
            }
        }
        (Kind::Integer(_), Value::Number(number)) if number.is_i64() || number.is_u64() => {}
        (Kind::Number, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) | (Kind::Blob, Value::String(_)) => {}
        (_, value) => faults.push(format!("{name} has the wrong type: {value}")),
    }
}

/// Seconds with a fraction of milliseconds.
fn timestamp(value: &Value) -> Option<Number> {
    #[allow(clippy::cast_precision_loss)]
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse::<Timestamp>().ok()?.as_millisecond() as f64 / 1000.0,
        _ => return None,
    };
    Number::from_f64(seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::model;

    fn shaped(operation: &str, value: Value) -> (Value, Vec<String>) {
        let model = model();
        shape(model, model.operation(operation).unwrap().output, value)
    }

    #[test]
    fn timestamps_are_seconds_and_nulls_go() {
        let cluster = json!({"cluster": {"name": "c", "createdAt": "2026-01-02T03:04:05.678Z", "arn": null}});
        let (value, faults) = shaped("DescribeCluster", cluster);
        assert_eq!(value.to_string(), r#"{"cluster":{"createdAt":1767323045.678,"name":"c"}}"#);
        assert!(faults.is_empty());
        let (value, _) = shaped("DescribeCluster", json!({"cluster": {"createdAt": 1_767_323_045}}));
        assert_eq!(value.to_string(), r#"{"cluster":{"createdAt":1767323045.0}}"#);
    }

    #[test]
    fn mistakes_are_found() {
        let (value, faults) = shaped("DescribeCluster", json!({"cluster": {"status": "ODD", "nope": 1, "tags": []}}));
        assert_eq!(value, json!({"cluster": {"status": "ODD", "tags": []}}));
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert_eq!(shaped("TagResource", Value::Null), (json!({}), vec![]));
    }
}
