//! Descriptions in one line each, as tools that break lines themselves expect them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrBool};

use super::nested;

/// Joins the lines of every description, at any depth. Blank lines between paragraphs stay.
pub fn unwrap(schema: &mut JSONSchemaProps) {
    if let Some(text) = &mut schema.description {
        let paragraphs: Vec<String> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut schema.additional_properties {
        unwrap(value);
    }
    nested::each(schema, unwrap);
}
