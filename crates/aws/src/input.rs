//! From a routed request to one JSON object: labels, query string and body together, checked against the model.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::error::{ApiError, ErrorCode};
use super::model::{Kind, Location, Member, Model, Operation, Protocol};
use super::router::Route;
use super::validate::Validator;
use super::wording::Wording;

/// Builds the input of an operation and checks it.
///
/// What comes out has exactly the members of the operation's input shape that were sent: unknown ones and nulls are
/// gone, types are right, constraints hold. `wording` is how the service refuses those that don't.
pub fn build(
    model: &Model,
    wording: &Wording,
    route: &Route<'_>,
    (query, body): (&str, &[u8]),
) -> Result<Map<String, Value>, ApiError> {
    let operation = route.operation;
    let members = model.members(operation.input);
    let has_body = members.iter().any(|member| member.location == Location::Body);
    let mut input = if has_body { parse_body(model, body)? } else { Map::new() };
    input.retain(|name, _| members.iter().any(|member| member.name == *name && member.location == Location::Body));
    for member in members {
        match member.location {
            Location::Uri => {
                let label = route.labels.iter().find(|(name, _)| *name == member.wire_name);
                input.extend(label.map(|(_, value)| (member.name.clone(), Value::String(value.clone()))));
            }
            Location::Query if !query.is_empty() => {
                input.extend(from_query(model, member, query)?.map(|value| (member.name.clone(), value)));
            }
            Location::Query | Location::Body => {}
        }
    }
    let mut validator = Validator::new(model);
    validator.input(members, &mut input)?;
    if validator.violations.is_empty() {
        return Ok(input);
    }
    let own = (wording.broken)(validator.violations.all());
    Err(own.unwrap_or_else(|| rejection(model, operation, &input, validator.violations.message())))
}

/// The exception for broken constraints; the tag operations have one of their own.
fn rejection(model: &Model, operation: &Operation, input: &Map<String, Value>, message: String) -> ApiError {
    if operation.errors.iter().any(|name| name == ErrorCode::BAD_REQUEST.name()) {
        return ApiError::bad_request(message);
    }
    // What names a resource has one name in requests and in exceptions.
    let named = model.error(ErrorCode::INVALID_PARAMETER.name()).into_iter().flat_map(|facts| &facts.members);
    named
        .filter_map(|name| Some((name, input.get(name)?.clone())))
        .fold(ApiError::invalid_parameter(message), |error, (name, value)| error.with(name, value))
}

fn parse_body(model: &Model, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    // The protocol `json` has one in every request.
    if model.metadata().protocol == Protocol::RestJson && body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ApiError::serialization("Unexpected field type")),
        Err(error) => Err(ApiError::serialization("Unable to parse the request body as JSON").caused_by(error)),
    }
}

fn from_query(model: &Model, member: &Member, query: &str) -> Result<Option<Value>, ApiError> {
    let mut values = pairs(query).filter(|(name, _)| *name == member.wire_name).map(|(_, value)| value);
    if let Kind::List { member: element, .. } = &model.shape(member.shape).kind {
        let kind = &model.shape(*element).kind;
        let list = values.map(|value| scalar(kind, value)).collect::<Result<Vec<_>, _>>()?;
        return Ok(if list.is_empty() { None } else { Some(Value::Array(list)) });
    }
    values.next().map(|value| scalar(&model.shape(member.shape).kind, value)).transpose()
}

/// A value of the query string in the type that its shape has.
fn scalar(kind: &Kind, text: Cow<'_, str>) -> Result<Value, ApiError> {
    let refuse = |wanted: &str| ApiError::serialization(format!("'{text}' can not be converted to {wanted}"));
    match kind {
        Kind::Integer(_) => text.parse::<i64>().map(Value::from).map_err(|_| refuse("an Integer")),
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        Kind::Boolean => Err(refuse("a Boolean")),
        _ => Ok(Value::String(text.into_owned())),
    }
}

/// The decoded pairs of a query string.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['%', '+']) {
        return Cow::Borrowed(raw);
    }
    let spaced: Vec<u8> = raw.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    Cow::Owned(percent_decode(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::fixtures::model;
    use crate::router::Router;

    fn input(method: &Method, target: &str, body: &str) -> Result<Value, ApiError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let router = Router::new(model());
        let route = router.route(method, path)?;
        build(model(), &Wording::default(), &route, (query, body.as_bytes())).map(Value::Object)
    }

    fn refused(method: &Method, target: &str, body: &str) -> (&'static str, String) {
        let error = input(method, target, body).unwrap_err();
        (error.code().name(), error.message().to_owned())
    }

    #[test]
    fn labels_query_and_body_become_one_object() {
        let built = input(&Method::GET, "/clusters/c/node-groups?maxResults=5&nextToken=a%2Bb", "ignored").unwrap();
        assert_eq!(built, json!({"clusterName": "c", "maxResults": 5, "nextToken": "a+b"}));
        let tags = input(&Method::DELETE, "/tags/arn?tagKeys=a&tagKeys=b%20c", "").unwrap();
        assert_eq!(tags, json!({"resourceArn": "arn", "tagKeys": ["a", "b c"]}));
        let body =
            r#"{"nodegroupName":"n","subnets":["s"],"nodeRole":"r","unknown":1,"version":null,"clusterName":"x"}"#;
        let group = input(&Method::POST, "/clusters/c/node-groups", body).unwrap();
        assert_eq!(group, json!({"clusterName": "c", "nodegroupName": "n", "subnets": ["s"], "nodeRole": "r"}));
    }

    #[test]
    fn all_broken_constraints_are_told_at_once() {
        let body = r#"{"nodegroupName":"n","subnets":["s"],"scalingConfig":{"minSize":-1},"amiType":"X"}"#;
        let (code, message) = refused(&Method::POST, "/clusters/c/node-groups", body);
        assert_eq!(code, "InvalidParameterException");
        assert!(message.starts_with("3 validation errors detected: "), "{message}");
        for part in [
            "Value null at 'nodeRole' failed to satisfy constraint: Member must not be null",
            "Value '-1' at 'scalingConfig.minSize' failed to satisfy constraint: Member must have value greater than",
            "Value 'X' at 'amiType' failed to satisfy constraint: Member must satisfy enum value set: [AL2",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn names_and_tags_are_refused_in_their_own_ways() {
        let (code, message) = refused(&Method::GET, "/clusters/a.b", "");
        assert_eq!(code, "InvalidParameterException");
        assert!(message.starts_with("The parameter name contains invalid characters. It should"), "{message}");
        assert_eq!(refused(&Method::POST, "/tags/arn", "{}").0, "BadRequestException");
        assert_eq!(refused(&Method::POST, "/tags/arn", r#"{"tags":{}}"#).0, "BadRequestException");
    }

    #[test]
    fn what_cant_be_read_is_a_serialization_exception() {
        for body in
            ["{", "[]", "\"x\"", r#"{"name":5}"#, r#"{"name":"a","tags":[]}"#, r#"{"kubernetesNetworkConfig":1}"#]
        {
            assert_eq!(refused(&Method::POST, "/clusters", body).0, "SerializationException", "{body}");
        }
        assert_eq!(refused(&Method::GET, "/clusters?maxResults=x", "").0, "SerializationException");
        let deep = format!("{{\"name\":{}", "[".repeat(100_000));
        assert_eq!(refused(&Method::POST, "/clusters", &deep).0, "SerializationException");
    }
}
