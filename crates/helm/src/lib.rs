//! Installs and removes charts in a cluster, by the helm program.
//!
//! In goes a [`Release`] and a kubeconfig; out comes that it is applied, or an [`Error`]. Charts are taken from a folder of
//! files `NAME-VERSION.tgz`, and from their repository where the folder doesn't have them. Nothing here waits for pods.

use std::path::PathBuf;
use std::time::Duration;

use program::{Call, Failure, Program};
use serde_json::Value;

/// The longest that one call may take: the chart may have to be fetched, and hooks may run.
const LIMIT: Duration = Duration::from_secs(300);
/// How long helm waits for hooks and for objects to go, in its own form. A hook may wait for pods that wait for the lease of former
/// ones, for a minute and more.
const TIMEOUT: &str = "--timeout=180s";
/// Revisions of a release that are kept in the cluster.
const HISTORY: &str = "--history-max=3";

/// The helm program, and the charts that are there without the Internet.
#[derive(Debug)]
pub struct Helm {
    helm: Program,
    charts: Option<PathBuf>,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Its name, such as `metrics-server`.
    pub name: String,
    /// Its own version, such as `3.13.0`.
    pub version: String,
    /// URL of the repository that publishes it; none of one that only the folder has.
    pub repository: Option<String>,
}

/// A chart as it is to be in a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Namespace, which is made if it isn't there.
    pub namespace: String,
    /// The chart.
    pub chart: Chart,
    /// Values.
    pub values: Value,
    /// Label of helm's record of this revision.
    pub label: (String, String),
    /// Whether objects that something else made are taken over; else they are a conflict.
    pub take_ownership: bool,
}

/// Why a chart isn't as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The chart can't be had.
    #[error(
        "chart {chart} {version} isn't in the operator's folder of charts and can't be fetched from {repository}: {why}; \
         let the operator reach that repository, or put {chart}-{version}.tgz into the folder"
    )]
    ChartUnavailable {
        /// Name of the chart.
        chart: String,
        /// Its version.
        version: String,
        /// Where it should be.
        repository: String,
        /// The helm program's words.
        why: String,
    },
    /// Objects of another owner are in the way.
    #[error("{doing}: {why}; remove what is in the way, or set resolveConflicts to OVERWRITE to take it over")]
    Conflict {
        /// What was being done.
        doing: String,
        /// The helm program's words.
        why: String,
    },
    /// There is no helm program.
    #[error("{doing}: {program} can't be run: {why}; install Helm 3.17 or newer where the operator runs")]
    Missing {
        /// What was being done.
        doing: String,
        /// The program.
        program: String,
        /// The system's words.
        why: String,
    },
    /// Anything else.
    #[error("{doing}: {why}")]
    Failed {
        /// What was being done.
        doing: String,
        /// The helm program's words.
        why: String,
    },
}

impl Helm {
    /// `program` is a path, or a name that is looked for in `PATH`; `charts` the folder of charts.
    pub fn new(program: PathBuf, charts: Option<PathBuf>) -> Self {
        Self { helm: Program::new(program), charts }
    }

    /// Installs the release, or brings the one that is there to what is wanted.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn apply(&self, release: &Release, kubeconfig: String) -> Result<(), Error> {
        let doing = format!("installing chart {} {}", release.chart.name, release.chart.version);
        let label = format!("--labels={}={}", release.label.0, release.label.1);
        let chart = self.chart(&release.chart);
        let mut arguments = vec!["upgrade", "--install", release.name.as_str()];
        arguments.extend(chart.iter().map(String::as_str));
        arguments.extend(["--namespace", &release.namespace, "--create-namespace", "--values=values.json"]);
        arguments.extend([label.as_str(), HISTORY, TIMEOUT, "--reset-values"]);
        arguments.extend(release.take_ownership.then_some("--take-ownership"));
        let files = vec![("values.json", release.values.to_string())];
        let why = match self.run(&arguments, kubeconfig, files, &doing).await {
            Err(Error::Failed { why, .. }) => why,
            done => return done,
        };
        Err(refused(&release.chart, doing, why))
    }

    /// Removes the release, if it is there.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Failed`].
    pub async fn remove(&self, name: &str, namespace: &str, kubeconfig: String) -> Result<(), Error> {
        let arguments = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--wait", TIMEOUT];
        self.run(&arguments, kubeconfig, Vec::new(), &format!("removing release {namespace}/{name}")).await
    }

    /// The arguments that name a chart: its file, or where it is published.
    fn chart(&self, chart: &Chart) -> Vec<String> {
        let file = format!("{}-{}.tgz", chart.name, chart.version);
        let here = self.charts.as_ref().map(|folder| folder.join(&file)).filter(|path| path.exists());
        match (here, &chart.repository) {
            (Some(path), _) => vec![path.display().to_string()],
            (None, Some(repository)) => {
                vec![chart.name.clone(), format!("--repo={repository}"), format!("--version={}", chart.version)]
            }
            // Helm says that there is no such file.
            (None, None) => vec![format!("./{file}")],
        }
    }

    async fn run(
        &self,
        arguments: &[&str],
        kubeconfig: String,
        mut files: Vec<(&str, String)>,
        doing: &str,
    ) -> Result<(), Error> {
        files.push(("kubeconfig", kubeconfig));
        let call = Call { arguments, files, limit: LIMIT, ..Call::default() };
        let failed = |why: String| Error::Failed { doing: doing.to_owned(), why };
        let ended = self.helm.run(call, |line| tracing::debug!(target: "k3eks::helm", "{line}")).await;
        ended.map_err(|failure| match failure {
            Failure::Missing(why) => {
                Error::Missing { doing: doing.to_owned(), program: self.helm.path().display().to_string(), why }
            }
            Failure::Ended { status, lines } => failed(last_words(&lines, &status)),
            other => failed(other.to_string()),
        })
    }
}

/// What a refusal of helm means.
fn refused(chart: &Chart, doing: String, why: String) -> Error {
    let says = |any: &[&str]| any.iter().any(|part| why.contains(part));
    if says(&["invalid ownership metadata", "already exists"]) {
        return Error::Conflict { doing, why };
    }
    if says(&["is not a valid chart repository", "looks like", "path \"", "failed to download", "no such file"]) {
        return Error::ChartUnavailable {
            chart: chart.name.clone(),
            version: chart.version.clone(),
            repository: chart.repository.clone().unwrap_or_else(|| "anywhere else".into()),
            why,
        };
    }
    Error::Failed { doing, why }
}

/// What helm called an error, with all of its lines, else its last lines.
fn last_words(lines: &[String], status: &str) -> String {
    if let Some(at) = lines.iter().rposition(|line| line.starts_with("Error: ")) {
        let error: Vec<&str> = lines[at..].iter().map(|line| line.trim()).collect();
        return error.join(" ").trim_start_matches("Error: ").to_owned();
    }
    let last: Vec<&str> = lines.iter().rev().take(3).rev().map(|line| line.trim()).collect();
    format!("helm ended with {status}: {}", last.join("; "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn chart() -> Chart {
        let repository = Some("https://charts.invalid".to_owned());
        Chart { name: "app".into(), version: "1.2.3".into(), repository }
    }

    fn release() -> Release {
        Release {
            name: "app".into(),
            namespace: "apps".into(),
            chart: chart(),
            values: serde_json::json!({"replicas": 2}),
            label: ("k3eks.io/digest".into(), "d".into()),
            take_ownership: false,
        }
    }

    /// A helm that does what the script says.
    fn helm(folder: &std::path::Path, script: &str) -> Helm {
        let (source, program) = (folder.join("script"), folder.join("helm"));
        std::fs::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).unwrap();
        // What this process itself writes may still be open in the child of another test, and then it can't be run.
        assert!(std::process::Command::new("cp").args([&source, &program]).status().unwrap().success());
        Helm::new(program, Some(folder.to_owned()))
    }

    #[tokio::test]
    async fn a_chart_is_a_file_of_the_folder_or_comes_from_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let helm = helm(folder.path(), &format!("echo \"$@\" >{}; cat values.json kubeconfig >>{0}", said.display()));
        helm.apply(&release(), "users: []".into()).await.unwrap();
        let read = || std::fs::read_to_string(&said).unwrap();
        assert!(
            read().starts_with(
                "upgrade --install app app --repo=https://charts.invalid --version=1.2.3 --namespace apps"
            )
        );
        assert!(read().contains("--labels=k3eks.io/digest=d") && !read().contains("take-ownership"), "{}", read());
        assert!(read().contains("{\"replicas\":2}users: []"), "{}", read());
        std::fs::write(folder.path().join("app-1.2.3.tgz"), "").unwrap();
        helm.apply(&Release { take_ownership: true, ..release() }, String::new()).await.unwrap();
        assert!(read().contains("/app-1.2.3.tgz --namespace") && read().contains("--take-ownership"), "{}", read());
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refused = async |said: &str| {
            helm(folder.path(), &format!("echo 'Error: {said}' >&2; exit 1"))
                .apply(&release(), String::new())
                .await
                .unwrap_err()
        };
        let conflict = refused("unable to continue: invalid ownership metadata; label validation error").await;
        assert!(
            matches!(&conflict, Error::Conflict { .. }) && conflict.to_string().contains("OVERWRITE"),
            "{conflict}"
        );
        let missing = refused("looks like \"https://charts.invalid\" is not a valid chart repository").await;
        assert!(matches!(&missing, Error::ChartUnavailable { .. }), "{missing}");
        assert!(missing.to_string().contains("app-1.2.3.tgz"), "{missing}");
        let failed = refused("admission webhook denied the request").await;
        assert_eq!(failed.to_string(), "installing chart app 1.2.3: admission webhook denied the request");
        let lines = ["a warning", "Error: values don't meet the schema:", "- replicas: too many"].map(str::to_owned);
        assert_eq!(last_words(&lines, "exit status: 1"), "values don't meet the schema: - replicas: too many");
    }

    #[tokio::test]
    async fn without_the_program_the_error_names_it() {
        let error = Helm::new("no-such-helm".into(), None).remove("app", "apps", String::new()).await.unwrap_err();
        assert!(matches!(&error, Error::Missing { program, .. } if program == "no-such-helm"), "{error}");
    }
}
