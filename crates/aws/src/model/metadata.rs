//! How a service speaks on the wire.

use serde::Deserialize;

/// How operations, inputs, answers and errors travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The operation by method and path, the input in path, query string and a JSON body, the answer in JSON.
    #[default]
    RestJson,
    /// The operation in the header `x-amz-target`, the input in a JSON body, the answer in JSON.
    Json,
    /// The operation and the input in a form, the answer in XML.
    Query,
}

/// The service as a whole.
#[derive(Debug, Default, Deserialize)]
pub struct Metadata {
    /// The name that requests are signed for, such as `eks`.
    pub service: String,
    /// How it speaks.
    pub protocol: Protocol,
    /// Version of the API, such as `2017-11-01`.
    pub version: String,
    /// What `x-amz-target` has before the dot and the operation's name; empty in other protocols than `json`.
    #[serde(default)]
    pub target: String,
    /// Namespace of the answers' XML; empty in other protocols than `query`.
    #[serde(default)]
    pub namespace: String,
}
