//! The folder that the registry keeps images in. It has what the registry doesn't tell: manifests without a tag, and when
//! each was pushed.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its digest.
    pub digest: String,
    /// When it was pushed last.
    pub pushed_at: Timestamp,
}

/// What is known of a repository where its images are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// All manifests.
    pub revisions: Vec<Revision>,
    /// When the lifecycle policy was carried out last.
    pub evaluated_at: Option<Timestamp>,
}

/// All manifests of a repository, with and without tags. `repository` must be a name that was checked.
///
/// # Errors
/// The folder can't be read.
pub async fn revisions(folder: &Path, repository: &str) -> io::Result<Vec<Revision>> {
    let all = below(folder, repository);
    tokio::task::spawn_blocking(move || read(&all)).await.map_err(io::Error::other)?
}

/// When a manifest was pushed last; none where it isn't there.
pub async fn pushed(folder: &Path, repository: &str, digest: &str) -> Option<Timestamp> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let link = below(folder, repository).join(hex).join("link");
    tokio::fs::metadata(link).await.ok()?.modified().ok()?.try_into().ok()
}

fn below(folder: &Path, repository: &str) -> PathBuf {
    folder.join(format!("docker/registry/v2/repositories/{repository}/_manifests/revisions/sha256"))
}

fn read(all: &Path) -> io::Result<Vec<Revision>> {
    let entries = match std::fs::read_dir(all) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut revisions = Vec::new();
    for entry in entries {
        let entry = entry?;
        // The registry writes this file at each push, and removes it with the manifest; the folder stays.
        let pushed = match entry.path().join("link").metadata().and_then(|link| link.modified()) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            pushed => pushed?,
        };
        let pushed_at = pushed.try_into().map_err(io::Error::other)?;
        revisions.push(Revision { digest: format!("sha256:{}", entry.file_name().display()), pushed_at });
    }
    Ok(revisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manifests_are_there_until_their_link_goes() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(revisions(folder.path(), "docker.io/app").await.unwrap(), []);
        for digest in ["aa", "bb"] {
            let one = below(folder.path(), "docker.io/app").join(digest);
            std::fs::create_dir_all(&one).unwrap();
            if digest == "aa" {
                std::fs::write(one.join("link"), "sha256:aa").unwrap();
            }
        }
        let found = revisions(folder.path(), "docker.io/app").await.unwrap();
        assert_eq!(found.iter().map(|one| one.digest.as_str()).collect::<Vec<_>>(), ["sha256:aa"]);
        assert_eq!(pushed(folder.path(), "docker.io/app", "sha256:aa").await, Some(found[0].pushed_at));
        assert_eq!(pushed(folder.path(), "docker.io/app", "sha256:bb").await, None);
        assert_eq!(pushed(folder.path(), "docker.io/app", "sha256:../aa").await, None);
    }
}
