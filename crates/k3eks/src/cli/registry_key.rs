//! The key that signs credentials of the container registry: the operator keeps it in a Secret, and others have it as a
//! file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use identity::secrets;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use registry_credentials::Key;

/// Secret of the installation with the key.
const SECRET: &str = "k3eks-registry";
/// Its entry.
const ENTRY: &str = "key";

/// The key in a file.
pub fn read(path: &Path) -> anyhow::Result<Key> {
    let doing = || format!("reading the key of the registry's credentials in {}", path.display());
    Key::new(std::fs::read(path).with_context(doing)?).with_context(doing)
}

/// The key in the Secret of `namespace`, which is made where there is none.
pub async fn ensure(client: &Client, namespace: &str) -> anyhow::Result<Key> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let doing = || format!("reading or making Secret {namespace}/{SECRET}");
    if let Some(found) = api.get_opt(SECRET).await.with_context(doing)? {
        return key(&found).with_context(doing);
    }
    let made = secrets::create(&api, SECRET, make()).await;
    key(&made.with_context(doing)?).with_context(doing)
}

fn make() -> BTreeMap<String, ByteString> {
    [(ENTRY.to_owned(), ByteString(secrets::random_key()))].into()
}

fn key(secret: &Secret) -> anyhow::Result<Key> {
    let found = secret.data.as_ref().and_then(|data| data.get(ENTRY));
    let found = found.with_context(|| format!("it has no {ENTRY}: delete it, so that the operator makes it again"))?;
    Ok(Key::new(found.0.clone())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_can_be_read_and_is_never_the_same() {
        let secret = |data| Secret { data: Some(data), ..Secret::default() };
        let one = key(&secret(make())).unwrap();
        assert!(one != key(&secret(make())).unwrap());
        let error = key(&Secret::default()).unwrap_err().to_string();
        assert!(error.contains("it has no key: delete it"), "{error}");
    }

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
