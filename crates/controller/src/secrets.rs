//! What is in a Secret. Synchronous, no client.

use k8s_openapi::api::core::v1::Secret;

/// The text of a key; `None` where there is none, or no text.
pub fn text(secret: &Secret, key: &str) -> Option<String> {
    String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok()
}
