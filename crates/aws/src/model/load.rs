//! Reading the embedded JSON into a [`Model`].

use std::collections::{BTreeMap, HashMap};

use http::Method;
use serde::Deserialize;

use super::{
    Bounds, ErrorFacts, Kind, Location, Member, Metadata, Model, Operation, Pattern, Shape, ShapeId, TextRules,
};

/// Why a model can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not the JSON that the generator writes.
    #[error("the service model is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// A reference to a shape that isn't there.
    #[error("the service model has no shape {0}")]
    Shape(String),
    /// A value that the model never has.
    #[error("the service model says {0}, which is not understood")]
    Value(String),
}

#[derive(Deserialize)]
struct RawModel {
    metadata: Metadata,
    operations: BTreeMap<String, RawOperation>,
    shapes: BTreeMap<String, RawShape>,
    errors: HashMap<String, RawError>,
}

#[derive(Deserialize)]
struct RawOperation {
    method: String,
    uri: String,
    status: u16,
    input: Option<String>,
    output: Option<String>,
    errors: Vec<String>,
    paged: Option<String>,
    #[serde(default)]
    unsigned: bool,
}

#[derive(Deserialize)]
struct RawShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: BTreeMap<String, RawMember>,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(rename = "enum", default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
struct RawMember {
    shape: String,
    #[serde(rename = "in")]
    location: Option<String>,
    #[serde(rename = "as")]
    wire_name: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    token: bool,
}

#[derive(Deserialize)]
struct RawError {
    status: u16,
    members: Vec<String>,
}

/// Resolves names of shapes into indexes.
struct Names(HashMap<String, usize>);

impl Names {
    fn id(&self, name: &str) -> Result<ShapeId, ModelError> {
        self.0.get(name).map(|&index| ShapeId(index)).ok_or_else(|| ModelError::Shape(name.to_owned()))
    }

    fn required(&self, name: Option<&String>) -> Result<ShapeId, ModelError> {
        self.id(name.map_or("", String::as_str))
    }

    fn optional(&self, name: Option<&String>) -> Result<Option<ShapeId>, ModelError> {
        name.map(|name| self.id(name)).transpose()
    }
}

impl Model {
    /// Reads the form that `hack/aws-models/generate.py` writes.
    pub fn parse(json: &str) -> Result<Self, ModelError> {
        let raw: RawModel = serde_json::from_str(json)?;
        let names = Names(raw.shapes.keys().enumerate().map(|(index, name)| (name.clone(), index)).collect());
        let shapes = raw
            .shapes
            .into_iter()
            .map(|(name, shape)| Ok(Shape { name, kind: kind(shape, &names)? }))
            .collect::<Result<Vec<_>, ModelError>>()?;
        let operations = raw
            .operations
            .into_iter()
            .map(|(name, facts)| operation(name, facts, &names))
            .collect::<Result<Vec<_>, _>>()?;
        let by_name = operations.iter().enumerate().map(|(index, facts)| (facts.name.clone(), index)).collect();
        let errors = raw
            .errors
            .into_iter()
            .map(|(name, facts)| (name, ErrorFacts { status: facts.status, members: facts.members }))
            .collect();
        Ok(Self { metadata: raw.metadata, operations, by_name, shapes, errors })
    }
}

fn operation(name: String, raw: RawOperation, names: &Names) -> Result<Operation, ModelError> {
    Ok(Operation {
        method: Method::from_bytes(raw.method.as_bytes()).map_err(|_| ModelError::Value(raw.method))?,
        input: names.optional(raw.input.as_ref())?,
        output: names.optional(raw.output.as_ref())?,
        paged: raw.paged.is_some(),
        unsigned: raw.unsigned,
        name,
        uri: raw.uri,
        status: raw.status,
        errors: raw.errors,
    })
}

fn kind(raw: RawShape, names: &Names) -> Result<Kind, ModelError> {
    let bounds = Bounds { min: raw.min, max: raw.max };
    Ok(match raw.kind.as_str() {
        "structure" => Kind::Structure(
            raw.members.into_iter().map(|(name, facts)| member(name, facts, names)).collect::<Result<_, _>>()?,
        ),
        "list" => Kind::List { member: names.required(raw.member.as_ref())?, size: bounds },
        "map" => Kind::Map {
            key: names.required(raw.key.as_ref())?,
            value: names.required(raw.value.as_ref())?,
            size: bounds,
        },
        "string" => {
            Kind::Text(TextRules { length: bounds, pattern: raw.pattern.map(Pattern::new), values: raw.values })
        }
        "integer" | "long" => Kind::Integer(bounds),
        "float" | "double" => Kind::Number,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "blob" => Kind::Blob,
        other => return Err(ModelError::Value(other.to_owned())),
    })
}

fn member(name: String, raw: RawMember, names: &Names) -> Result<Member, ModelError> {
    let location = match raw.location.as_deref() {
        None => Location::Body,
        Some("uri") => Location::Uri,
        Some("querystring") => Location::Query,
        Some(other) => return Err(ModelError::Value(other.to_owned())),
    };
    Ok(Member {
        shape: names.id(&raw.shape)?,
        wire_name: raw.wire_name.unwrap_or_else(|| name.clone()),
        name,
        location,
        required: raw.required,
        idempotency_token: raw.token,
    })
}
