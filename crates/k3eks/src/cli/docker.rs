//! The user's Docker, by its command line: with the user's own context and credentials of registries.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// The docker program.
pub struct Docker {
    program: PathBuf,
}

impl Docker {
    /// `program` is a path, or a name that is looked for in `PATH`.
    pub const fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Loads the images of an archive that `docker save` wrote. Returns their names.
    pub async fn load(&self, archive: &Path) -> anyhow::Result<Vec<String>> {
        let path = archive.to_str().with_context(|| format!("{}: the path isn't text", archive.display()))?;
        let lines = self.run(&["load", "--input", path]).await?;
        let names = lines.iter().filter_map(|line| line.strip_prefix("Loaded image: "));
        Ok(names.map(|name| name.trim().to_owned()).collect())
    }

    /// Whether Docker has the image.
    pub async fn has(&self, image: &str) -> bool {
        self.run(&["image", "inspect", "--format", "{{.Id}}", image]).await.is_ok()
    }

    /// Pulls an image.
    pub async fn pull(&self, image: &str) -> anyhow::Result<()> {
        self.run(&["pull", "--quiet", image]).await.map(drop)
    }

    /// Writes images to an archive.
    pub async fn save(&self, images: &[String], archive: &Path) -> anyhow::Result<()> {
        let path = archive.to_str().with_context(|| format!("{}: the path isn't text", archive.display()))?;
        let mut arguments = vec!["save", "--output", path];
        arguments.extend(images.iter().map(String::as_str));
        self.run(&arguments).await.map(drop)
    }

    /// Pushes an image to `target`, a name in a registry. Docker keeps that name only if it had it before.
    pub async fn push_as(&self, image: &str, target: &str) -> anyhow::Result<()> {
        if image == target {
            return self.run(&["push", "--quiet", image]).await.map(drop);
        }
        let kept = self.has(target).await;
        self.run(&["tag", image, target]).await?;
        let pushed = self.run(&["push", "--quiet", target]).await;
        if kept {
            return pushed.map(drop);
        }
        let untagged = self.run(&["rmi", "--no-prune", target]).await;
        pushed.and(untagged).map(drop)
    }

    /// In the user's own environment, which helpers for credentials need.
    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
        let (program, doing) = (self.program.display(), arguments.join(" "));
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let ended = command
            .output()
            .await
            .with_context(|| format!("running {program}; install Docker's command line, or name it with --docker"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        ensure!(ended.status.success(), "{program} {doing} ended with {}: {}", ended.status, text(&ended.stderr));
        Ok(text(&ended.stdout).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A docker that notes its arguments and does what the script says.
    fn docker(folder: &Path, script: &str) -> Docker {
        let (source, program) = (folder.join("script"), folder.join("docker"));
        let noted = folder.join("noted");
        std::fs::write(&source, format!("#!/bin/sh\necho \"$@\" >>{}\n{script}\n", noted.display())).unwrap();
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).unwrap();
        // What this process itself writes may still be open in the child of another test, and then it can't be run.
        assert!(std::process::Command::new("cp").args([&source, &program]).status().unwrap().success());
        Docker::new(program)
    }

    #[tokio::test]
    async fn an_archive_tells_the_names_of_its_images() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo 'Loaded image: a:1'; echo 'Loaded image ID: sha256:0'; echo 'Loaded image: b.example/c:2'";
        let names = docker(folder.path(), script).load(Path::new("/images.tar")).await.unwrap();
        assert_eq!(names, ["a:1", "b.example/c:2"]);
    }

    #[tokio::test]
    async fn a_name_in_a_registry_goes_whether_or_not_the_push_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let error = docker(folder.path(), "case $1 in image|push) echo denied >&2; exit 1 ;; esac");
        let error = error.push_as("a:1", "r:1/a:1").await.unwrap_err().to_string();
        assert!(error.contains("push --quiet r:1/a:1 ended with exit status: 1: denied"), "{error}");
        let noted = std::fs::read_to_string(folder.path().join("noted")).unwrap();
        assert_eq!(
            noted,
            "image inspect --format {{.Id}} r:1/a:1\ntag a:1 r:1/a:1\npush --quiet r:1/a:1\nrmi --no-prune r:1/a:1\n"
        );
    }

    #[tokio::test]
    async fn without_docker_the_error_says_what_to_install() {
        let error = Docker::new("no-such-docker".into()).pull("a:1").await.unwrap_err().to_string();
        assert!(error.contains("no-such-docker") && error.contains("--docker"), "{error}");
    }
}
