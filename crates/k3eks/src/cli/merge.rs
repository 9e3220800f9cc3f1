//! Merges a cluster's kubeconfig into the user's own. Entries that k3eks didn't write stay untouched.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};

/// Name of the extension that marks entries of k3eks. It holds the cluster.
const MARK: &str = "k3eks.io";

/// The lists of a kubeconfig, with the key of what each of their entries holds.
const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

/// Puts the entries of `text`, the kubeconfig of the cluster resource `owner` (`namespace/name`), into `file` and makes its context
/// the current one. Entries that were put there for the same cluster are replaced.
///
/// # Errors
/// `file` can't be read or written, or has an entry of the same name for another cluster: then it stays unchanged.
pub fn merge(file: &Path, text: &str, owner: &str) -> anyhow::Result<String> {
    let new: Value = yaml::read(text).context("reading the cluster's kubeconfig")?;
    let name = new["current-context"].as_str().context("the cluster's kubeconfig has no current-context")?.to_owned();
    // Where it is a link, what it leads to is written.
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let mut all = read(file)?;
    for (list, body) in LISTS {
        for entry in new[list].as_array().into_iter().flatten() {
            put(&mut all, list, body, entry.clone(), owner).with_context(|| format!("adding to {}", file.display()))?;
        }
    }
    all.insert("current-context".into(), name.clone().into());
    write(file, &all).with_context(|| format!("writing {}", file.display()))?;
    Ok(name)
}

fn read(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let doing = || format!("reading {}", file.display());
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(doing),
    };
    let own: Value = yaml::read(&text).with_context(doing)?;
    match own {
        Value::Null => Ok(Map::from_iter([
            ("apiVersion".into(), "v1".into()),
            ("kind".into(), "Config".into()),
            ("preferences".into(), json!({})),
        ])),
        Value::Object(own) => Ok(own),
        _ => bail!("{} isn't a kubeconfig; give --merge another file", file.display()),
    }
}

/// Puts one entry into its list.
fn put(all: &mut Map<String, Value>, list: &str, body: &str, mut entry: Value, owner: &str) -> anyhow::Result<()> {
    let name = entry["name"].as_str().unwrap_or_default().to_owned();
    let there = all.entry(list).or_insert_with(|| json!([]));
    if there.is_null() {
        *there = json!([]);
    }
    let there = there.as_array_mut().with_context(|| format!("its {list} aren't a list"))?;
    let same = |other: &Value| other["name"].as_str() == Some(&name);
    for other in there.iter().filter(|other| same(other)) {
        let ours = mark(&other[body]) == Some(owner) || other[body] == entry[body];
        let (path, delete) = (text::shell(&name), format!("kubectl config delete-{body}"));
        ensure!(
            ours,
            "its {body} {path} wasn't written for cluster {owner} by this command, so it is left alone; \
             rename or remove it ({delete} {path}), or give --merge another file"
        );
    }
    there.retain(|other| !same(other));
    if let Some(map) = entry.get_mut(body).and_then(Value::as_object_mut) {
        map.insert("extensions".into(), json!([{"name": MARK, "extension": {"cluster": owner}}]));
    }
    there.push(entry);
    Ok(())
}

/// The cluster that an entry was written for, where it was by this command.
fn mark(entry: &Value) -> Option<&str> {
    let extensions = entry.get("extensions")?.as_array()?;
    extensions.iter().find(|extension| extension["name"].as_str() == Some(MARK))?["extension"]["cluster"].as_str()
}

/// Written next to the file and renamed: nothing is lost if this ends halfway.
fn write(file: &Path, all: &Map<String, Value>) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = file.with_extension(format!("k3eks-{}", std::process::id()));
    let mut open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    open.write_all(yaml::write(all)?.as_bytes())?;
    Ok(std::fs::rename(&temporary, file)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn kubeconfig(name: &str, server: &str) -> String {
        format!(
            "{{apiVersion: v1, kind: Config, current-context: {name}, clusters: [{{name: {name}, cluster: {{server: '{server}'}}}}], users: [{{name: {name}, user: {{token: t}}}}], contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]}}"
        )
    }

    fn entries(file: &Path, list: &str) -> Vec<Value> {
        let all: Value = yaml::read(&std::fs::read_to_string(file).unwrap()).unwrap();
        all[list].as_array().unwrap().clone()
    }

    #[test]
    fn another_context_is_added_the_same_cluster_s_replaced_and_nothing_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/config");
        assert_eq!(merge(&file, &kubeconfig("a", "https://a:1"), "n/a").unwrap(), "a");
        assert_eq!(merge(&file, &kubeconfig("b", "https://b:1"), "n/b").unwrap(), "b");
        merge(&file, &kubeconfig("a", "https://a:2"), "n/a").unwrap();
        let servers: Vec<_> =
            entries(&file, "clusters").iter().map(|c| c["cluster"]["server"].as_str().unwrap().to_owned()).collect();
        assert_eq!(servers, ["https://b:1", "https://a:2"]);
        assert_eq!((entries(&file, "contexts").len(), entries(&file, "users").len()), (2, 2));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let read = kube::config::Kubeconfig::read_from(&file).unwrap();
        assert_eq!(read.current_context.as_deref(), Some("a"));
    }

    #[test]
    fn what_somebody_else_wrote_is_neither_replaced_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let other = |user: &str| {
            format!(
                "clusters: null\nusers:\n- name: {user}\n  user:\n    exec: {{command: aws}}\n    unheard-of: kept\nmine: too\n"
            )
        };
        std::fs::write(&file, other("a")).unwrap();
        let why = format!("{:#}", merge(&file, &kubeconfig("a", "https://a:1"), "n/a").unwrap_err());
        assert!(why.contains("user 'a'") && why.contains("delete-user") && why.contains("--merge"), "{why}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), other("a"));

        std::fs::write(&file, other("z")).unwrap();
        merge(&file, &kubeconfig("a", "https://a:1"), "n/a").unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("unheard-of: kept") && text.contains("mine: too"), "{text}");
        std::fs::write(&file, other("'z''; touch x'")).unwrap();
        let hostile = kubeconfig("\"z'; touch x\"", "https://a:1");
        let why = format!("{:#}", merge(&file, &hostile, "n/a").unwrap_err());
        assert!(why.contains(r"delete-user 'z'\''; touch x'"), "{why}");
        std::fs::write(&file, other("z")).unwrap();
        merge(&file, &kubeconfig("a", "https://a:1"), "n/a").unwrap();
        // Another cluster that calls itself the same doesn't take the place of this one.
        let why = merge(&file, &kubeconfig("a", "https://evil:1"), "tenant/x").unwrap_err();
        assert!(format!("{why:#}").contains("cluster tenant/x"), "{why:#}");
        assert!(!std::fs::read_to_string(&file).unwrap().contains("evil"));
    }

    #[test]
    fn a_link_stays_one_and_what_is_no_kubeconfig_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        merge(&link, &kubeconfig("a", "https://a:1"), "n/a").unwrap();
        assert!(link.is_symlink() && !real.is_symlink());
        assert_eq!(entries(&real, "users").len(), 1);
        std::fs::write(&real, "just text").unwrap();
        merge(&link, &kubeconfig("a", "https://a:1"), "n/a").unwrap_err();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "just text");
    }
}
