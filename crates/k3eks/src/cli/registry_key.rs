//! The key that signs credentials of the container registry, in a file.

use std::path::Path;

use anyhow::Context;
use registry_credentials::Key;

/// The key in a file.
pub fn read(path: &Path) -> anyhow::Result<Key> {
    let doing = || format!("reading the key of the registry's credentials in {}", path.display());
    Key::new(std::fs::read(path).with_context(doing)?).with_context(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_key_and_errors_don_t() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("/key"));
        std::fs::write(&path, "hunter2").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("/key") && error.contains("32") && !error.contains("hunter2"), "{error}");
        std::fs::write(&path, [7; 32]).unwrap();
        assert!(read(&path).unwrap() == Key::new(vec![7; 32]).unwrap());
    }
}
