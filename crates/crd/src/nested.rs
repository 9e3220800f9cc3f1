//! Schemas under a schema.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};

/// Does something with the schemas of all fields and items that stand directly under `schema`.
pub fn each(schema: &mut JSONSchemaProps, act: impl Fn(&mut JSONSchemaProps)) {
    schema.properties.iter_mut().flatten().for_each(|(_, property)| act(property));
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => act(items),
        Some(JSONSchemaPropsOrArray::Schemas(all)) => all.iter_mut().for_each(act),
        None => {}
    }
}
