//! A folder with one file per entry, such as a mounted Secret or ConfigMap.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

/// Interval of reading the folder.
const EVERY: Duration = Duration::from_secs(10);

/// Contents of a folder, read again every few seconds.
pub struct Folder<T> {
    entries: RwLock<HashMap<String, Arc<T>>>,
}

/// What was read of a folder.
pub struct Contents<T> {
    /// What stands in it, by name.
    pub entries: HashMap<String, Arc<T>>,
    /// Problems of the skipped files.
    pub problems: BTreeSet<String>,
}

impl<T: Send + Sync + 'static> Folder<T> {
    /// A folder in which nothing stands.
    pub fn none() -> Arc<Self> {
        Arc::new(Self { entries: RwLock::default() })
    }

    /// Reads now and every few seconds until `shutdown`. Unreadable files are skipped and logged. If a later read of
    /// the folder itself fails, the entries stay. `what` names the kind of entry in messages.
    pub fn open(
        what: &'static str,
        read: impl Fn() -> anyhow::Result<Contents<T>> + Send + 'static,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Arc<Self>> {
        let Contents { entries, mut problems } = read()?;
        say(what, &problems, &BTreeSet::new());
        let folder = Arc::new(Self { entries: RwLock::new(entries) });
        let watched = Arc::clone(&folder);
        let again = async move {
            let mut tick = tokio::time::interval(EVERY);
            loop {
                tick.tick().await;
                match read() {
                    Ok(contents) => {
                        *watched.entries.write() = contents.entries;
                        say(what, &contents.problems, &problems);
                        problems = contents.problems;
                    }
                    Err(error) => tracing::warn!(error = format!("{error:#}"), "the {what}s stay as they were"),
                }
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(again).await.unwrap_or(()) });
        Ok(folder)
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        self.entries.read().get(name).cloned()
    }
}

/// Logs new problems.
fn say(what: &str, problems: &BTreeSet<String>, said: &BTreeSet<String>) {
    for problem in problems.difference(said) {
        tracing::error!(problem, "a {what} doesn't count until its file is right");
    }
}

/// Reads a folder of `what`s. `entry` makes one out of a file's name and text, and says by which name it is found. Where several files
/// have one name, none of them counts, and `refused` stands for them if there is such a thing.
///
/// # Errors
/// The folder can't be read.
pub fn read<T: Clone>(
    path: &Path,
    what: &str,
    entry: impl Fn(&str, &str) -> anyhow::Result<(String, T)>,
    refused: Option<&T>,
) -> anyhow::Result<Contents<T>> {
    let (mut problems, mut found) = (BTreeSet::new(), HashMap::<String, Vec<(String, T)>>::new());
    for file in std::fs::read_dir(path).with_context(|| format!("reading the {what}s in {}", path.display()))? {
        let path = file?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // A mounted Secret or ConfigMap keeps its versions in hidden folders.
        if name.starts_with('.') || path.is_dir() {
            continue;
        }
        let read = std::fs::read_to_string(&path).map_err(anyhow::Error::from).and_then(|text| entry(name, &text));
        match read.with_context(|| format!("reading the {what} {}", path.display())) {
            Ok((by, made)) => found.entry(by).or_default().push((name.to_owned(), made)),
            Err(error) => drop(problems.insert(format!("{error:#}"))),
        }
    }
    let mut entries = HashMap::new();
    for (by, mut files) in found {
        let one = if let [_] = files[..] { files.pop().map(|(_, made)| made) } else { refused.cloned() };
        if files.len() > 1 {
            let mut names: Vec<String> = files.into_iter().map(|(name, _)| name).collect();
            names.sort();
            problems.insert(format!("the files {} are all {what} {by}; keep one", names.join(", ")));
        }
        entries.extend(one.map(|one| (by, Arc::new(one))));
    }
    Ok(Contents { entries, problems })
}

#[cfg(test)]
mod tests;
