//! A folder with a file for each of something, as a mounted Secret or ConfigMap is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

/// How long a change of a folder may go unseen.
const EVERY: Duration = Duration::from_secs(10);

/// What stands in a folder.
pub type Entries<T> = HashMap<String, Arc<T>>;

/// What stands in a folder, read again every few seconds.
pub struct Folder<T> {
    entries: RwLock<Entries<T>>,
}

impl<T: Send + Sync + 'static> Folder<T> {
    /// A folder in which nothing stands.
    pub fn none() -> Arc<Self> {
        Arc::new(Self { entries: RwLock::default() })
    }

    /// Reads now and every few seconds until `shutdown`. What can't be read again stays as it was; `what` says of what that is.
    pub fn open(
        what: &'static str,
        read: impl Fn() -> anyhow::Result<Entries<T>> + Send + 'static,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Arc<Self>> {
        let folder = Arc::new(Self { entries: RwLock::new(read()?) });
        let watched = Arc::clone(&folder);
        let again = async move {
            let mut tick = tokio::time::interval(EVERY);
            loop {
                tick.tick().await;
                match read() {
                    Ok(entries) => *watched.entries.write().unwrap_or_else(PoisonError::into_inner) = entries,
                    Err(error) => tracing::warn!(error = format!("{error:#}"), "the {what}s stay as they were"),
                }
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(again).await.unwrap_or(()) });
        Ok(folder)
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// Reads a folder of `what`s. `entry` makes one out of a file's name and text, and says by which name it is found.
pub fn read<T>(
    path: &Path,
    what: &str,
    entry: impl Fn(&str, &str) -> anyhow::Result<(String, T)>,
) -> anyhow::Result<Entries<T>> {
    let mut entries = HashMap::new();
    for file in std::fs::read_dir(path).with_context(|| format!("reading the {what}s in {}", path.display()))? {
        let path = file?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // A mounted Secret or ConfigMap keeps its versions in hidden folders.
        if name.starts_with('.') || !path.is_file() {
            continue;
        }
        let doing = || format!("reading the {what} {}", path.display());
        let text = std::fs::read_to_string(&path).with_context(doing)?;
        let (name, made) = entry(name, &text).with_context(doing)?;
        entries.insert(name, Arc::new(made));
    }
    Ok(entries)
}
