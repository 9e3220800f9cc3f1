//! The keys of `--auth strict`: a folder with a file for each, as a mounted Secret is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arn::account_root;
use aws::sigv4::{Key, KeyStore};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::watched_dir::{self, Contents, Folder};

/// One file. The access key id is its name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    secret_access_key: String,
    account: Option<String>,
    principal_arn: Option<String>,
}

impl KeyStore for Folder<Key> {
    fn lookup(&self, access_key_id: &str, _: Option<&str>) -> Option<Arc<Key>> {
        self.get(access_key_id)
    }
}

/// Keys out of a folder.
pub fn open(
    path: PathBuf,
    account: &str,
    region: &str,
    shutdown: CancellationToken,
) -> anyhow::Result<Arc<Folder<Key>>> {
    let (account, region) = (account.to_owned(), region.to_owned());
    Folder::open("key", move || read(&path, &account, &region), shutdown)
}

fn read(path: &Path, account: &str, region: &str) -> anyhow::Result<Contents<Key>> {
    let entry = |id: &str, text: &str| {
        // What serde says of a text may quote it, and this one is secret.
        let file: File = yaml::read(text)
            .map_err(|_| anyhow::anyhow!("give secretAccessKey, and account and principalArn where needed"))?;
        let account = file.account.as_deref().unwrap_or(account);
        let principal = file.principal_arn.unwrap_or_else(|| account_root(region, account));
        Ok((id.to_owned(), Key::new(id, &file.secret_access_key, account, &principal)))
    };
    watched_dir::read(path, "key", entry, None)
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
        let keys = read(folder.path(), "000000000000", "us-east-1").unwrap().entries;
        assert_eq!(keys.len(), 2);
        assert_eq!(keys["AKIA1"].account(), "000000000000");
        assert_eq!(keys["AKIA2"].principal_arn(), "arn:aws:iam::111111111111:root");
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("AKIA1"), "hunter2").unwrap();
        let contents = read(folder.path(), "0", "us-east-1").unwrap();
        let error = contents.problems.into_iter().collect::<String>();
        assert!(error.contains("AKIA1") && !error.contains("hunter2"), "{error}");
    }
}
