//! Updates: a resource to the API's `update`.

use kube::ResourceExt;
use serde::Serialize;
use serde_json::{Value, json};

use crd::update::{Update, UpdateError, UpdateParam, UpdateState};

/// A change in EKS's words: its type and the values that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Type, such as `VersionUpdate`.
    pub kind: &'static str,
    /// The changed values.
    pub params: Vec<UpdateParam>,
}

impl Change {
    /// A change without values yet.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, params: Vec::new() }
    }

    /// Whether it is only kept, and needs nothing that runs.
    pub fn is_only_kept(&self) -> bool {
        self.kind == "DeletionProtectionUpdate"
    }

    /// Adds a value: text as it is, everything else as JSON.
    pub fn push(&mut self, name: &str, value: &impl Serialize) {
        let value = match serde_json::to_value(value) {
            Ok(Value::String(text)) => text,
            Ok(value) => value.to_string(),
            // Nothing that is changed has a form that JSON lacks.
            Err(_) => return,
        };
        self.params.push(UpdateParam { type_: name.to_owned(), value });
    }

    /// Adds a value if there is one.
    pub fn push_some(&mut self, name: &str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }
}

/// What the API says of an update.
pub fn describe(update: &Update) -> Value {
    let errors = update.status.iter().flat_map(|status| &status.errors);
    let error = |error: &UpdateError| json!({"errorCode": error.code, "errorMessage": error.message, "resourceIds": error.resource_ids});
    let cancellation = update.spec.cancel.unwrap_or_default().then(|| match update.state() {
        UpdateState::InProgress => json!({"status": "InProgress"}),
        UpdateState::Cancelled => json!({"status": "Successful"}),
        UpdateState::Successful | UpdateState::Failed => {
            json!({"status": "Failed", "reason": "The update ended before it could be cancelled"})
        }
    });
    json!({
        "id": update.name_any(),
        "status": update.state(),
        "type": update.spec.type_,
        "params": update.spec.params,
        "createdAt": update.creation_timestamp().map(|time| time.0.to_string()),
        "errors": errors.map(error).collect::<Vec<_>>(),
        "cancellation": cancellation,
    })
}
