//! Checks a JSON value against a shape of the model.
//!
//! Two kinds of fault are distinguished, as the service does: a value of the wrong type can't be read at all
//! (`SerializationException`), a value of the right type that breaks a constraint is collected with all others into
//! one message.

use serde_json::{Map, Value};

use super::error::ApiError;
use super::model::{Bounds, Kind, Location, Member, Model, ShapeId, TextRules};

/// The shape whose pattern EKS explains in words of its own.
const CLUSTER_NAME: &str = "ClusterName";
/// The shape of whose values EKS says in words of its own which there are.
const TAINT_EFFECT: &str = "TaintEffect";

/// A constraint that a value of a request breaks.
#[derive(Debug)]
pub struct Violation {
    /// Where the value is, such as `scalingConfig.minSize`.
    pub path: String,
    /// The value as a message shows it; `null` where it is missing.
    pub value: String,
    /// Name of the value's shape.
    pub shape: String,
    /// What the value must do, such as `not be null`.
    pub constraint: String,
    /// The whole message, where the shape has one of its own.
    words: Option<String>,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, value, constraint, words, .. } = self;
        match words {
            Some(words) => f.write_str(words),
            None => write!(f, "Value {value} at '{path}' failed to satisfy constraint: Member must {constraint}"),
        }
    }
}

/// The constraints that a request breaks.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

/// Checks values of one model and collects what is wrong with them.
pub struct Validator<'m> {
    model: &'m Model,
    /// What was found so far.
    pub violations: Violations,
}

impl Violations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them in one sentence.
    pub fn message(&self) -> String {
        match self.0.as_slice() {
            [only] if only.words.is_some() => only.to_string(),
            all => {
                let plural = if all.len() == 1 { "" } else { "s" };
                let told: Vec<String> = all.iter().map(ToString::to_string).collect();
                format!("{} validation error{plural} detected: {}", told.len(), told.join("; "))
            }
        }
    }

    /// Each of them.
    pub fn all(&self) -> &[Violation] {
        &self.0
    }

    fn add(&mut self, value: &str, at: (&Path<'_>, &str), constraint: &str) {
        self.add_in_words(value, at, constraint, None);
    }

    /// The same, where the shape has words of its own in those.
    fn add_in_words(&mut self, value: &str, (path, shape): (&Path<'_>, &str), constraint: &str, words: Option<String>) {
        self.0.push(Violation {
            path: path.to_string(),
            value: value.to_owned(),
            shape: shape.to_owned(),
            constraint: constraint.to_owned(),
            words,
        });
    }
}

/// Where in the input a value is; a list that lives on the stack, so that a valid request allocates nothing for it.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root(&'p str),
    Member(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}.{}.member", index + 1),
        }
    }
}

impl<'m> Validator<'m> {
    /// A validator that has found nothing yet.
    pub fn new(model: &'m Model) -> Self {
        Self { model, violations: Violations::default() }
    }

    /// Checks the input structure of an operation; members it doesn't know and nulls are taken out.
    pub fn input(&mut self, members: &[Member], input: &mut Map<String, Value>) -> Result<(), ApiError> {
        prune(members, input);
        for member in members {
            let path = Path::Root(&member.name);
            let at = (&path, self.model.shape(member.shape).name.as_str());
            match input.get_mut(&member.name) {
                Some(value) => {
                    if member.location == Location::Uri && value.as_str() == Some("") {
                        self.violations.add("''", at, "have length greater than or equal to 1");
                        continue;
                    }
                    self.value(member.shape, value, path)?;
                }
                None if member.required => self.violations.add("null", at, "not be null"),
                None => {}
            }
        }
        Ok(())
    }

    fn value(&mut self, id: ShapeId, value: &mut Value, path: Path<'_>) -> Result<(), ApiError> {
        let model = self.model;
        let shape = model.shape(id);
        match (&shape.kind, value) {
            (Kind::Structure(members), Value::Object(map)) => self.structure(members, map, path),
            (Kind::List { member, size }, Value::Array(list)) => self.list(*member, *size, list, (path, &shape.name)),
            (Kind::Map { key, value, size }, Value::Object(map)) => {
                self.map((*key, *value), *size, map, (path, &shape.name))
            }
            (Kind::Text(rules), Value::String(text)) => {
                self.text(&shape.name, rules, text, &path);
                Ok(())
            }
            (Kind::Integer(bounds), Value::Number(number)) => {
                let Some(number) = integer(number) else {
                    return Err(ApiError::serialization("NUMBER_VALUE can not be converted to an Integer"));
                };
                self.range(*bounds, number, (&path, &shape.name));
                Ok(())
            }
            (Kind::Number | Kind::Timestamp, Value::Number(_))
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::Timestamp | Kind::Blob, Value::String(_)) => Ok(()),
            (kind, value) => Err(wrong_type(kind, value)),
        }
    }

    fn structure(&mut self, members: &[Member], map: &mut Map<String, Value>, path: Path<'_>) -> Result<(), ApiError> {
        prune(members, map);
        for member in members {
            let path = Path::Member(&path, &member.name);
            match map.get_mut(&member.name) {
                Some(value) => self.value(member.shape, value, path)?,
                None if member.required => {
                    let at = (&path, self.model.shape(member.shape).name.as_str());
                    self.violations.add("null", at, "not be null");
                }
                None => {}
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        member: ShapeId,
        size: Bounds,
        list: &mut [Value],
        (path, shape): (Path<'_>, &str),
    ) -> Result<(), ApiError> {
        self.length(size, list.len(), || brackets(list.iter().map(plain)), (&path, shape));
        for (index, value) in list.iter_mut().enumerate() {
            let path = Path::Element(&path, index);
            if value.is_null() {
                let at = (&path, self.model.shape(member).name.as_str());
                self.violations.add("null", at, "not be null");
                continue;
            }
            self.value(member, value, path)?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        (key, value): (ShapeId, ShapeId),
        size: Bounds,
        map: &mut Map<String, Value>,
        (path, shape): (Path<'_>, &str),
    ) -> Result<(), ApiError> {
        map.retain(|_, value| !value.is_null());
        let entry = |(name, value): (&String, &Value)| format!("{name}={}", plain(value));
        self.length(size, map.len(), || brackets(map.iter().map(entry)), (&path, shape));
        for (name, inner) in map.iter_mut() {
            let path = Path::Member(&path, name);
            let shape = self.model.shape(key);
            if let Kind::Text(rules) = &shape.kind {
                self.text(&shape.name, rules, name, &path);
            }
            self.value(value, inner, path)?;
        }
        Ok(())
    }

    fn text(&mut self, shape: &str, rules: &TextRules, text: &str, path: &Path<'_>) {
        let at = (path, shape);
        if rules.length != Bounds::default() {
            self.length(rules.length, text.chars().count(), || text.to_owned(), at);
        }
        if let Some(pattern) = rules.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            let source = &pattern.source;
            let constraint = format!("satisfy regular expression pattern: {source}");
            let words = (shape == CLUSTER_NAME).then(|| {
                format!(
                    "The parameter {path} contains invalid characters. It should conform to the regular expression \"{source}\""
                )
            });
            self.violations.add_in_words(&quoted(text), at, &constraint, words);
        }
        if !rules.values.is_empty() && !rules.values.iter().any(|value| value == text) {
            let values = rules.values.join(", ");
            let constraint = format!("satisfy enum value set: [{values}]");
            let words = (shape == TAINT_EFFECT)
                .then(|| format!("Invalid taint effect: {text}, must be one of these [{values}]"));
            self.violations.add_in_words(&quoted(text), at, &constraint, words);
        }
    }

    fn range(&mut self, bounds: Bounds, number: i64, at: (&Path<'_>, &str)) {
        if let Some(min) = bounds.min.filter(|min| number < *min) {
            self.violations.add(&format!("'{number}'"), at, &format!("have value greater than or equal to {min}"));
        }
        if let Some(max) = bounds.max.filter(|max| number > *max) {
            self.violations.add(&format!("'{number}'"), at, &format!("have value less than or equal to {max}"));
        }
    }

    fn length(&mut self, bounds: Bounds, length: usize, shown: impl Fn() -> String, at: (&Path<'_>, &str)) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(min) = bounds.min.filter(|min| length < *min) {
            self.violations.add(&quoted(&shown()), at, &format!("have length greater than or equal to {min}"));
        }
        if let Some(max) = bounds.max.filter(|max| length > *max) {
            self.violations.add(&quoted(&shown()), at, &format!("have length less than or equal to {max}"));
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A list or a map as a message shows it.
fn brackets(parts: impl Iterator<Item = String>) -> String {
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

/// Takes out nulls, which count as absent, and members that the service would ignore.
fn prune(members: &[Member], map: &mut Map<String, Value>) {
    map.retain(|name, value| !value.is_null() && members.iter().any(|member| member.name == *name));
}

/// A number without a fraction; `3.0` is as good as `3`.
pub(super) fn integer(number: &serde_json::Number) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)]
    let from_float = || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15).map(|f| f as i64);
    number.as_i64().or_else(from_float)
}

/// A value as a message shows it: quoted, and cut if a message would become unreadable.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 256;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("'{}...'", &text[..end]),
        None => format!("'{text}'"),
    }
}

fn wrong_type(kind: &Kind, value: &Value) -> ApiError {
    let token = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) | Value::Object(_) => {
            return ApiError::serialization("Start of structure or map found where not expected.");
        }
    };
    let wanted = match kind {
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => {
            return ApiError::serialization("Unexpected field type");
        }
        Kind::Text(_) => "a String",
        Kind::Integer(_) => "an Integer",
        Kind::Number => "a Double",
        Kind::Boolean => "a Boolean",
        Kind::Timestamp => "a Timestamp",
        Kind::Blob => "a Blob",
    };
    ApiError::serialization(format!("{token} can not be converted to {wanted}"))
}
