//! stub

use super::Error;

/// Stub.
pub fn default_image(version: &str) -> Result<String, Error> {
    Ok(format!("rancher/k3s:{version}"))
}
