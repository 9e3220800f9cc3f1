//! Texts that say nothing: YAML that Rancher's users have says `""` where nothing is meant.
//!
//! Whatever reads a resource sees such a field as not given, since it is read so; the definition takes `""` wherever it
//! takes nothing.

use std::borrow::Cow;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSON, JSONSchemaProps};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

use super::nested;

/// Reads an optional text or word; the empty one is none.
pub fn given<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(from)?.filter(|text| !text.is_empty());
    text.map(|text| T::deserialize(text.as_ref().into_deserializer())).transpose()
}

/// Reads null as empty: YAML that Rancher's users have may say `tags: null`.
pub fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Reads an account; the empty one is the default.
pub fn account<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(given(from)?.unwrap_or_else(default_account))
}

/// Reads a region; the empty one is the default.
pub fn region<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(given(from)?.unwrap_or_else(default_region))
}

/// The account of a cluster that names none.
pub fn default_account() -> String {
    "000000000000".into()
}

/// The region of a cluster that names none.
pub fn default_region() -> String {
    "us-east-1".into()
}

/// Lets `""` through wherever a text may be left out, at any depth.
pub fn blank(schema: &mut JSONSchemaProps) {
    let required = schema.required.clone().unwrap_or_default();
    for (name, property) in schema.properties.iter_mut().flatten() {
        if property.type_.as_deref() == Some("string") && !required.contains(name) {
            blank_text(property);
        }
    }
    nested::each(schema, blank);
}

fn blank_text(text: &mut JSONSchemaProps) {
    text.min_length = text.min_length.filter(|length| *length > 1);
    if let Some(words) = &mut text.enum_ {
        words.push(JSON("".into()));
    }
    if let Some(pattern) = &mut text.pattern {
        *pattern = format!("^$|{pattern}");
    }
}
