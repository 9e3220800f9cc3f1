//! YAML that somebody wrote, as the page's script reads it. Browsers have no parser for it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use serde_json::Value;

use aws::error::ApiError;
use crd::plain_yaml;
use eks::extra_routes::AppState;

/// The largest body that is read.
const LARGEST: usize = 256 * 1024;

#[derive(Deserialize)]
struct Written {
    yaml: String,
}

/// The values of all documents.
pub async fn read(State(app): State<Arc<AppState>>, request: Request) -> Result<Json<Vec<Value>>, ApiError> {
    let (_, body) = app.caller_with(request, LARGEST).await?;
    let written: Written = serde_json::from_slice(&body.bytes)
        .map_err(|why| ApiError::invalid_parameter(format!("The body must have yaml: {why}")))?;
    parse(&written.yaml).map(Json)
}

fn parse(text: &str) -> Result<Vec<Value>, ApiError> {
    plain_yaml::check(text).map_err(|why| ApiError::invalid_parameter(format!("This YAML isn't read: {why}")))?;
    yaml::read_all(text).map_err(|why| ApiError::invalid_parameter(format!("This isn't YAML: {why}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read_and_what_is_none_is_refused_with_its_line() {
        let read = parse("version: \"1.36\"\nsources: [10.0.0.0/8]\n---\ntags: {a: b}\n").unwrap();
        assert_eq!(read, [json!({"version": "1.36", "sources": ["10.0.0.0/8"]}), json!({"tags": {"a": "b"}})]);
        assert_eq!(parse("").unwrap(), [Value::Null; 0]);
        let refused = parse("a: b\n---\nc: [d\n").unwrap_err();
        assert!(
            refused.message().starts_with("This isn't YAML: ") && refused.message().contains("line"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_few_bytes_that_stand_for_millions_are_refused() {
        let bomb = format!("a: &a [{}]\nb: [{}]\n", vec!["1"; 5_000].join(","), vec!["*a"; 5_000].join(","));
        let refused = parse(&bomb).unwrap_err();
        assert!(
            refused.message().starts_with("This YAML isn't read: ") && refused.message().contains("alias"),
            "{refused:?}"
        );
    }
}
