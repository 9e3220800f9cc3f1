//! `k3eks images load`: brings images from archives into the container registry that nodes ask first.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::docker::Docker;

/// The commands of `k3eks images`.
#[derive(Subcommand)]
pub enum Command {
    /// Push the images of archives to the container registry, each under its full name.
    #[command(after_help = "Example: docker save my-image:1 -o images.tar && k3eks images load images.tar")]
    Load(Load),
}

/// The arguments of `k3eks images load`.
#[derive(Args)]
pub struct Load {
    /// Archive that `docker save` wrote, compressed or not, or a folder of such archives (.tar, .tar.gz, .tgz, .tar.zst).
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Host and port of the container registry.
    #[arg(long, env = "K3EKS_REGISTRY_ADDRESS", default_value = "127.0.0.1:4567")]
    registry: String,
    /// Docker's command line.
    #[arg(long, default_value = "docker")]
    docker: PathBuf,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Load(load) = command;
    let docker = Docker::new(load.docker);
    let archives = archives(&load.paths)?;
    let mut count = 0;
    for archive in &archives {
        println!("loading {}", archive.display());
        let names = docker.load(archive).await.with_context(|| format!("loading {}", archive.display()))?;
        ensure!(
            !names.is_empty(),
            "{}: no image in it has a name; write it with docker save NAME:TAG",
            archive.display()
        );
        for name in &names {
            let target = target(&load.registry, name).with_context(|| {
                format!("image {name}: nodes can't ask for images of that host; give it another name: docker tag {name} images.example/…")
            })?;
            println!("pushing {target}");
            docker.push_as(name, &target).await.with_context(|| {
                format!(
                    "pushing {name} to the container registry at {}; k3eks doctor says whether it runs",
                    load.registry
                )
            })?;
            count += 1;
        }
    }
    println!("{count} {} in the container registry at {}", if count == 1 { "image" } else { "images" }, load.registry);
    Ok(())
}

/// The archives, in the order of their names within a folder.
fn archives(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        let path = path.canonicalize().with_context(|| format!("reading {}", path.display()))?;
        if path.is_file() {
            all.push(path);
            continue;
        }
        let entries = path.read_dir().with_context(|| format!("reading folder {}", path.display()))?;
        let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let entries = entries.with_context(|| format!("reading folder {}", path.display()))?;
        let mut found: Vec<PathBuf> = entries.into_iter().filter(|path| is_archive(path)).collect();
        ensure!(!found.is_empty(), "folder {} has no archives: .tar, .tar.gz, .tgz or .tar.zst", path.display());
        found.sort();
        all.extend(found);
    }
    Ok(all)
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    [".tar", ".tar.gz", ".tgz", ".tar.zst"].iter().any(|end| name.ends_with(end)) && path.is_file()
}

/// The name of an image in the container registry: its full name, as nodes ask for it.
/// `None` where the registry has no such names: hosts with a port, and `localhost`.
fn target(registry: &str, name: &str) -> Option<String> {
    if name.starts_with(&format!("{registry}/")) {
        return Some(name.to_owned());
    }
    match name.split_once('/') {
        Some((host, _)) if host.contains(':') || host == "localhost" => None,
        Some((host, _)) if host.contains('.') => Some(format!("{registry}/{name}")),
        Some(_) => Some(format!("{registry}/docker.io/{name}")),
        None => Some(format!("{registry}/docker.io/library/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_its_full_name_in_the_registry() {
        for (name, full) in [
            ("busybox:1.36", "r:1/docker.io/library/busybox:1.36"),
            ("rancher/k3s:v1", "r:1/docker.io/rancher/k3s:v1"),
            ("quay.io/a/b:1", "r:1/quay.io/a/b:1"),
            ("r:1/quay.io/a/b:1", "r:1/quay.io/a/b:1"),
        ] {
            assert_eq!(target("r:1", name).as_deref(), Some(full));
        }
        for none in ["localhost/a:1", "127.0.0.1:5111/a:1", "reg:5000/a:1"] {
            assert_eq!(target("r:1", none), None, "{none}");
        }
    }

    #[test]
    fn a_folder_stands_for_its_archives() {
        let folder = tempfile::tempdir().unwrap();
        let error = |paths: &[PathBuf]| archives(paths).unwrap_err().to_string();
        assert!(error(&[folder.path().into()]).contains("has no archives"));
        assert!(error(&[folder.path().join("none.tar")]).contains("none.tar"));
        for name in ["b.tar", "a.tar.gz", "README.md"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |paths: &[PathBuf]| -> Vec<String> {
            let found = archives(paths).unwrap();
            found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(&[folder.path().into()]), ["a.tar.gz", "b.tar"]);
        assert_eq!(names(&[folder.path().join("README.md")]), ["README.md"]);
    }
}
