//! For every operation: a valid input is taken, and each way in which the model says it could be wrong is refused.

use aws::model::{Bounds, Kind, Location, Member, Operation, ShapeId, TextRules};
use aws::sigv4::Mode;
use axum::body::Body;
use http::Request;
use k3eks_eks::model;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::support::{answer, request, service};

const DEPTH: usize = 8;

/// What is wrong with an input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// A value that can't be read as its type.
    Type,
    /// A constraint that doesn't hold.
    Constraint,
}

type Bad = (Fault, Value);

fn sample(id: ShapeId, depth: usize) -> Value {
    let model = model::eks();
    match &model.shape(id).kind {
        Kind::Structure(members) => {
            let wanted = |member: &&Member| member.required || depth > 0;
            let values = members.iter().filter(wanted).map(|member| {
                let deeper = if member.required { depth } else { depth - 1 };
                (member.name.clone(), sample(member.shape, deeper))
            });
            Value::Object(values.collect())
        }
        Kind::List { member, .. } => json!([sample(*member, depth)]),
        Kind::Map { key, value, .. } => {
            let key = sample(*key, depth).as_str().unwrap().to_owned();
            Value::Object(Map::from_iter([(key, sample(*value, depth))]))
        }
        Kind::Text(rules) => json!(rules.values.first().map_or("abc", String::as_str)),
        Kind::Integer(bounds) => json!(bounds.min.unwrap_or(1)),
        Kind::Number | Kind::Timestamp => json!(1.5),
        Kind::Boolean => json!(true),
        Kind::Blob => json!("YQ=="),
    }
}

fn bad(id: ShapeId, depth: usize) -> Vec<Bad> {
    let kind = &model::eks().shape(id).kind;
    let mut found = vec![(Fault::Type, wrong_type(kind))];
    match kind {
        Kind::Structure(members) if depth > 0 => found.extend(bad_members(id, members, depth)),
        Kind::List { member, size } => {
            let good = sample(*member, 0);
            found.extend(bad_size(*size).map(|length| (Fault::Constraint, json!(vec![good.clone(); length]))));
            let inner = bad(*member, depth.saturating_sub(1)).into_iter();
            found.extend(inner.map(|(fault, value)| (fault, json!([value]))));
        }
        Kind::Map { value, size, .. } => {
            let good = sample(*value, 0);
            let of = |length| (0..length).map(|index| (format!("k{index}"), good.clone())).collect::<Map<_, _>>();
            found.extend(bad_size(*size).map(|length| (Fault::Constraint, Value::Object(of(length)))));
            let inner = bad(*value, depth.saturating_sub(1)).into_iter();
            found.extend(inner.map(|(fault, value)| (fault, json!({"k": value}))));
        }
        Kind::Text(rules) => found.extend(bad_text(rules)),
        Kind::Integer(Bounds { min, max }) => {
            found.push((Fault::Type, json!(1.5)));
            found.extend(min.map(|min| (Fault::Constraint, json!(min - 1))));
            found.extend(max.map(|max| (Fault::Constraint, json!(max + 1))));
        }
        _ => {}
    }
    found
}

fn bad_members(id: ShapeId, members: &[Member], depth: usize) -> Vec<Bad> {
    let good = sample(id, 0);
    let mut found = Vec::new();
    for member in members {
        let mut put = |fault, value: Option<Value>| {
            let mut object = good.as_object().unwrap().clone();
            object.remove(&member.name);
            object.extend(value.map(|value| (member.name.clone(), value)));
            found.push((fault, Value::Object(object)));
        };
        if member.required {
            put(Fault::Constraint, None);
            put(Fault::Constraint, Some(Value::Null));
        }
        bad(member.shape, depth - 1).into_iter().for_each(|(fault, value)| put(fault, Some(value)));
    }
    found
}

fn bad_text(rules: &TextRules) -> Vec<Bad> {
    let mut texts: Vec<String> = bad_size(rules.length).map(|length| "a".repeat(length)).collect();
    texts.extend(rules.pattern.as_ref().map(|_| "!bad!".to_owned()));
    texts.extend((!rules.values.is_empty()).then(|| "NO_SUCH_VALUE".to_owned()));
    texts.into_iter().map(|text| (Fault::Constraint, json!(text))).collect()
}

fn bad_size(bounds: Bounds) -> impl Iterator<Item = usize> {
    let below = bounds.min.filter(|min| *min > 0).map(|min| min - 1);
    let above = bounds.max.map(|max| max + 1);
    [below, above].into_iter().flatten().map(|size| usize::try_from(size).unwrap())
}

fn wrong_type(kind: &Kind) -> Value {
    match kind {
        Kind::Text(_) | Kind::Blob | Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => json!(5),
        Kind::Integer(_) | Kind::Number | Kind::Boolean => json!("x"),
        Kind::Timestamp => json!(true),
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The request that a client would send for an input.
fn send(operation: &Operation, input: &Map<String, Value>) -> Request<Body> {
    let (mut path, mut query, mut body) = (operation.uri.clone(), Vec::new(), Map::new());
    for member in model::eks().members(operation.input) {
        let Some(value) = input.get(&member.name) else { continue };
        match member.location {
            Location::Uri => path = path.replace(&format!("{{{}}}", member.wire_name), &encode(&plain(value))),
            Location::Query => {
                let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                query.extend(values.iter().map(|value| format!("{}={}", member.wire_name, encode(&plain(value)))));
            }
            Location::Body => drop(body.insert(member.name.clone(), value.clone())),
        }
    }
    let target = format!("{path}?{}", query.join("&"));
    request(&operation.method, &target, Value::Object(body).to_string().as_bytes())
}

#[tokio::test]
async fn samples_with_and_without_optional_members_are_taken() {
    let service = service(Mode::Permissive);
    for operation in model::eks().operations() {
        for depth in [0, DEPTH] {
            let mut input = sample(operation.input.unwrap(), depth);
            input.as_object_mut().unwrap().remove("nextToken");
            let answer = answer(&service, send(operation, input.as_object().unwrap())).await;
            assert_eq!(answer.status, 200, "{}: {} for {input}", operation.name, answer.body);
        }
    }
}

#[tokio::test]
async fn every_fault_that_the_model_knows_is_refused() {
    let service = service(Mode::Permissive);
    let mut count = 0;
    for operation in model::eks().operations() {
        let good = sample(operation.input.unwrap(), 0);
        for member in model::eks().members(operation.input) {
            let missing = (member.required).then_some((Fault::Constraint, Value::Null));
            for (fault, value) in bad(member.shape, DEPTH).into_iter().chain(missing) {
                let travels_as_text = member.location != Location::Body && !value.is_null();
                let texts = matches!(model::eks().shape(member.shape).kind, Kind::Text(_) | Kind::List { .. });
                let unroutable = member.location == Location::Uri && (value.is_null() || value == json!(""));
                if (travels_as_text && texts && fault == Fault::Type) || unroutable {
                    continue;
                }
                let mut input = good.as_object().unwrap().clone();
                input.insert(member.name.clone(), value.clone());
                if member.location == Location::Query && value.is_null() {
                    input.remove(&member.name);
                }
                if member.location == Location::Query && value == json!([]) {
                    input.remove(&member.name);
                    if !member.required {
                        continue;
                    }
                }
                let answer = answer(&service, send(operation, &input)).await;
                let constraint = if operation.uri.starts_with("/tags/") {
                    "BadRequestException"
                } else {
                    "InvalidParameterException"
                };
                let expected = if fault == Fault::Type { "SerializationException" } else { constraint };
                let seen = (answer.status, answer.error());
                assert_eq!(seen, (400, expected), "{} {}: {value}", operation.name, member.name);
                assert!(answer.body["message"].is_string());
                count += 1;
            }
        }
    }
    assert!(count > 500, "{count}");
}

#[tokio::test]
async fn every_list_refuses_a_token_that_it_never_gave() {
    let service = service(Mode::Permissive);
    let paged = |operation: &&Operation| operation.paged;
    let mut seen = 0;
    for operation in model::eks().operations().iter().filter(paged) {
        let mut input = sample(operation.input.unwrap(), 0).as_object().unwrap().clone();
        let taken = answer(&service, send(operation, &input)).await;
        assert_eq!(taken.status, 200, "{}: {}", operation.name, taken.body);
        for token in ["", "x", "null", "AQAAAAAAAAAAYQAAAAAAAAAA"] {
            input.insert("nextToken".into(), json!(token));
            let refused = answer(&service, send(operation, &input)).await;
            assert_eq!(
                (refused.status, refused.error()),
                (400, "InvalidParameterException"),
                "{} {token:?}",
                operation.name
            );
        }
        seen += 1;
    }
    let all = model::eks().operations().iter().filter(|operation| operation.name.starts_with("List")).count();
    assert!(seen > all, "{seen}: all of the {all} lists but that of tags, and two more operations");
}
