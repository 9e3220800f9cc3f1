//! The user's Docker, by its command line: with the user's own context and credentials of registries.

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use program::{Call, Failure, Program};

/// The longest that one command may take: images are large, and networks slow.
const LIMIT: Duration = Duration::from_secs(60 * 60);
/// Variables that say which Docker is meant.
const VARIABLES: [&str; 5] =
    ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "SSH_AUTH_SOCK"];

/// The docker program.
pub struct Docker {
    program: Program,
}

impl Docker {
    /// `program` is a path, or a name that is looked for in `PATH`.
    pub fn new(program: PathBuf) -> Self {
        Self { program: Program::new(program) }
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

    /// Pushes an image to `target`, a name in a registry. Docker doesn't keep that name.
    pub async fn push_as(&self, image: &str, target: &str) -> anyhow::Result<()> {
        if image == target {
            return self.run(&["push", "--quiet", image]).await.map(drop);
        }
        self.run(&["tag", image, target]).await?;
        let pushed = self.run(&["push", "--quiet", target]).await;
        let untagged = self.run(&["rmi", "--no-prune", target]).await;
        pushed.and(untagged).map(drop)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
        let lines = RefCell::new(Vec::new());
        let call = Call { arguments, variables: variables(), limit: LIMIT, ..Call::default() };
        let ended = self.program.run(call, |line| lines.borrow_mut().push(line.to_owned())).await;
        let (program, doing) = (self.program.path().display(), arguments.join(" "));
        match ended {
            Ok(()) => Ok(lines.into_inner()),
            Err(Failure::Missing(why)) => {
                bail!("running {program}: {why}; install Docker's command line, or name it with --docker")
            }
            Err(Failure::Ended { status, lines }) => {
                bail!("{program} {doing} ended with {status}: {}", lines.join("; "))
            }
            Err(other) => Err(other).with_context(|| format!("{program} {doing}")),
        }
    }
}

/// The user's own settings of Docker, which a program in a temporary home wouldn't find.
fn variables() -> Vec<(OsString, OsString)> {
    let config = env::var_os("DOCKER_CONFIG")
        .or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".docker").into_os_string()))
        .map(|config| ("DOCKER_CONFIG".into(), config));
    VARIABLES.iter().filter_map(|name| Some((name.into(), env::var_os(name)?))).chain(config).collect()
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
        let error = docker(folder.path(), "[ \"$1\" != push ] || { echo denied >&2; exit 1; }");
        let error = error.push_as("a:1", "r:1/a:1").await.unwrap_err().to_string();
        assert!(error.contains("push --quiet r:1/a:1 ended with exit status: 1: denied"), "{error}");
        let noted = std::fs::read_to_string(folder.path().join("noted")).unwrap();
        assert_eq!(noted, "tag a:1 r:1/a:1\npush --quiet r:1/a:1\nrmi --no-prune r:1/a:1\n");
    }

    #[tokio::test]
    async fn without_docker_the_error_says_what_to_install() {
        let error = Docker::new("no-such-docker".into()).pull("a:1").await.unwrap_err().to_string();
        assert!(error.contains("no-such-docker") && error.contains("--docker"), "{error}");
    }
}
