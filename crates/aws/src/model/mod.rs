//! The facts of a service's API: operations, shapes, constraints and errors.
//!
//! `hack/aws-models/generate.py` writes them as JSON, which is embedded and parsed once, on first use, into [`Model`],
//! where shapes refer to each other by index; nothing here is looked up by name while a request is served.

mod load;
mod metadata;

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;
use regex::Regex;

pub use load::ModelError;
pub use metadata::{Metadata, Protocol};

/// Operations, shapes and errors of one service.
#[derive(Debug, Default)]
pub struct Model {
    metadata: Metadata,
    operations: Vec<Operation>,
    by_name: HashMap<String, usize>,
    shapes: Vec<Shape>,
    errors: HashMap<String, ErrorFacts>,
}

/// Index of a shape in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeId(pub(super) usize);

/// One operation: where it lives on the wire and what goes in and out.
#[derive(Debug)]
pub struct Operation {
    /// Name as in the API reference, for example `DescribeCluster`.
    pub name: String,
    /// HTTP method.
    pub method: Method,
    /// URI template, for example `/clusters/{name}`.
    pub uri: String,
    /// HTTP status of a success.
    pub status: u16,
    /// Shape of the input structure.
    pub input: Option<ShapeId>,
    /// Shape of the output structure.
    pub output: Option<ShapeId>,
    /// Names of the exceptions that the operation declares.
    pub errors: Vec<String>,
    /// Whether the operation takes `nextToken`, and the protocol layer makes its pages.
    pub paged: bool,
    /// Whether requests carry no signature.
    pub unsigned: bool,
}

impl Operation {
    /// Whether the operation only reads.
    pub fn read_only(&self) -> bool {
        ["Describe", "List", "Get", "BatchGet"].iter().any(|verb| self.name.starts_with(verb))
    }
}

/// A named type.
#[derive(Debug)]
pub struct Shape {
    /// Name in the model.
    pub name: String,
    /// What the type is made of.
    pub kind: Kind,
}

/// What a shape is made of, with its constraints.
#[derive(Debug)]
pub enum Kind {
    /// An object with known members.
    Structure(Vec<Member>),
    /// A list.
    List {
        /// Shape of the elements.
        member: ShapeId,
        /// Permitted number of elements.
        size: Bounds,
    },
    /// An object with arbitrary keys.
    Map {
        /// Shape of the keys.
        key: ShapeId,
        /// Shape of the values.
        value: ShapeId,
        /// Permitted number of entries.
        size: Bounds,
    },
    /// Text.
    Text(TextRules),
    /// `integer` or `long`.
    Integer(Bounds),
    /// `float` or `double`.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A point in time: seconds since the epoch on the wire.
    Timestamp,
    /// Bytes: base64 on the wire.
    Blob,
}

/// An inclusive range; a missing end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Smallest permitted value.
    pub min: Option<i64>,
    /// Largest permitted value.
    pub max: Option<i64>,
}

/// Constraints of a string.
#[derive(Debug, Default)]
pub struct TextRules {
    /// Permitted number of characters.
    pub length: Bounds,
    /// Pattern that the whole string has to match.
    pub pattern: Option<Pattern>,
    /// Permitted values; empty if any is.
    pub values: Vec<String>,
}

/// A pattern of the model, compiled on first use.
#[derive(Debug)]
pub struct Pattern {
    /// As the model has it.
    pub source: String,
    compiled: LazyLock<Option<Regex>, Box<dyn FnOnce() -> Option<Regex> + Send>>,
}

impl Pattern {
    fn new(source: String) -> Self {
        let anchored = format!("^(?:{source})$");
        Self { source, compiled: LazyLock::new(Box::new(move || Regex::new(&anchored).ok())) }
    }

    /// Whether all of `text` matches; the service matches whole strings even where the pattern lacks a `$`.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// Where a member of an input travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the path.
    Uri,
    /// In the query string.
    Query,
    /// In the JSON body.
    Body,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Name in the structure, which is its name in JSON as well.
    pub name: String,
    /// Name in the path or the query string.
    pub wire_name: String,
    /// Type.
    pub shape: ShapeId,
    /// Where it travels.
    pub location: Location,
    /// Whether it must be present.
    pub required: bool,
    /// Whether SDKs fill it in to make a call idempotent.
    pub idempotency_token: bool,
}

/// What the model says of an exception.
#[derive(Debug)]
pub struct ErrorFacts {
    /// HTTP status.
    pub status: u16,
    /// Members of the body.
    pub members: Vec<String>,
}

impl Model {
    /// The service as a whole.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All operations in alphabetical order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation called `name`.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.by_name.get(name).and_then(|&index| self.operations.get(index))
    }

    /// The shape at an index of this model.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    /// The members of a structure; none for any other shape.
    pub fn members(&self, id: Option<ShapeId>) -> &[Member] {
        match id.map(|id| &self.shape(id).kind) {
            Some(Kind::Structure(members)) => members,
            _ => &[],
        }
    }

    /// What the model says of an exception.
    pub fn error(&self, name: &str) -> Option<&ErrorFacts> {
        self.errors.get(name)
    }

    /// The exceptions by name.
    pub fn errors(&self) -> &HashMap<String, ErrorFacts> {
        &self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::model;

    #[test]
    fn a_model_tells_of_operations_and_errors() {
        let model = model();
        let describe = model.operation("DescribeCluster").unwrap();
        assert_eq!((describe.uri.as_str(), describe.status), ("/clusters/{name}", 200));
        assert!(describe.read_only() && !describe.paged && !describe.unsigned);
        assert_eq!((model.metadata().service.as_str(), model.metadata().protocol), ("eks", Protocol::RestJson));
        assert!(model.operation("ListClusters").unwrap().paged);
        assert!(model.errors().len() >= 15);
    }

    #[test]
    fn every_pattern_compiles_and_matches_whole_strings() {
        for shape in &model().shapes {
            if let Kind::Text(TextRules { pattern: Some(pattern), .. }) = &shape.kind {
                assert!(pattern.compiled.is_some(), "{}", shape.name);
            }
        }
        let name = Pattern::new(r"^[0-9A-Za-z][A-Za-z0-9\-_]*".to_owned());
        assert!(name.matches("a-b_1") && !name.matches("a.b") && !name.matches("-a") && !name.matches("a\n"));
    }
}
