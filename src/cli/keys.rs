//! The keys of `--auth strict`: a folder with a file for each, as a mounted Secret is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use k3eks::eks::arn::account_root;
use k3eks::eks::sigv4::{Key, KeyStore};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

/// How long a change of the folder may go unseen.
const EVERY: Duration = Duration::from_secs(10);

/// One file. The access key id is its name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    secret_access_key: String,
    account: Option<String>,
    principal_arn: Option<String>,
}

/// Keys out of a folder, read again every few seconds.
pub struct KeyFolder {
    keys: RwLock<HashMap<String, Arc<Key>>>,
}

impl KeyFolder {
    /// A folder without keys, for requests that aren't checked.
    pub fn none() -> Arc<Self> {
        Arc::new(Self { keys: RwLock::default() })
    }

    /// Reads the folder now and every few seconds until `shutdown`.
    pub fn open(path: PathBuf, account: &str, region: &str, shutdown: CancellationToken) -> anyhow::Result<Arc<Self>> {
        let folder = Arc::new(Self { keys: RwLock::new(read(&path, account, region)?) });
        let (watched, account, region) = (Arc::clone(&folder), account.to_owned(), region.to_owned());
        let again = async move {
            let mut tick = tokio::time::interval(EVERY);
            loop {
                tick.tick().await;
                match read(&path, &account, &region) {
                    Ok(keys) => *watched.keys.write().unwrap_or_else(PoisonError::into_inner) = keys,
                    Err(error) => tracing::warn!(error = format!("{error:#}"), "the keys stay as they were"),
                }
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(again).await.unwrap_or(()) });
        Ok(folder)
    }
}

impl KeyStore for KeyFolder {
    fn lookup(&self, access_key_id: &str, _: Option<&str>) -> Option<Arc<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(access_key_id).cloned()
    }
}

fn read(path: &Path, account: &str, region: &str) -> anyhow::Result<HashMap<String, Arc<Key>>> {
    let mut keys = HashMap::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("reading the keys in {}", path.display()))? {
        let path = entry?.path();
        let Some(id) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // A mounted Secret keeps its versions in hidden folders.
        if id.starts_with('.') || !path.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading the key {id}"))?;
        // What serde says of a text may quote it, and this one is secret.
        let file: File = serde_yaml::from_str(&text).map_err(|_| {
            anyhow::anyhow!("reading the key {id}: give secretAccessKey, and account and principalArn where needed")
        })?;
        let account = file.account.as_deref().unwrap_or(account);
        let principal = file.principal_arn.unwrap_or_else(|| account_root(region, account));
        keys.insert(id.to_owned(), Arc::new(Key::new(id, &file.secret_access_key, account, &principal)));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_keys_is_read_as_a_mounted_secret_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("..data")).unwrap();
        std::fs::write(folder.path().join("AKIA1"), "secretAccessKey: s1\n").unwrap();
        std::fs::write(folder.path().join("AKIA2"), r#"{"secretAccessKey": "s2", "account": "111111111111"}"#).unwrap();
        let keys = read(folder.path(), "000000000000", "us-east-1").unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys["AKIA1"].account(), "000000000000");
        assert_eq!(keys["AKIA2"].principal_arn(), "arn:aws:iam::111111111111:root");
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("AKIA1"), "hunter2").unwrap();
        let error = format!("{:#}", read(folder.path(), "0", "us-east-1").unwrap_err());
        assert!(error.contains("AKIA1") && !error.contains("hunter2"), "{error}");
    }
}
