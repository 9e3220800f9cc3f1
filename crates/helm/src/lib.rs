//! Installs and removes charts in a cluster, by the helm program.
//!
//! In goes a [`Release`] and a kubeconfig; out comes that it is applied, or an [`Error`]. Charts are taken from a folder of
//! files `NAME-VERSION.tgz`, and from their repository where the folder doesn't have them. Nothing here waits for pods.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use program::{Call, Failure, Program};
use serde_json::{Value, json};

/// The longest that one call may take: the chart may have to be fetched, and hooks may run.
const LIMIT: Duration = Duration::from_secs(300);
/// How long helm waits for hooks and for objects to go, in its own form. A hook may wait for pods that wait for the lease of former
/// ones, for a minute and more.
const TIMEOUT: &str = "--timeout=180s";
/// Folder of the chart that has objects instead of templates.
const OBJECTS: &str = "objects";
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
    /// Label of helm's record of this revision: what it is.
    pub label: (String, String),
    /// The same: what asked for it.
    pub asked: (String, String),
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

    /// Installs the release, or brings the one that is there to what is wanted. `objects`, YAML documents, take the place of
    /// what the chart renders to.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn apply(&self, release: &Release, objects: Option<String>, kubeconfig: String) -> Result<(), Error> {
        let doing = format!("installing chart {} {}", release.chart.name, release.chart.version);
        let ((label, value), (asked, by)) = (&release.label, &release.asked);
        let label = format!("--labels={label}={value},{asked}={by}");
        let chart = if objects.is_some() { vec![format!("./{OBJECTS}")] } else { self.chart(&release.chart) };
        let mut arguments = vec!["upgrade", "--install", release.name.as_str()];
        arguments.extend(chart.iter().map(String::as_str));
        arguments.extend(["--namespace", &release.namespace, "--create-namespace", "--values=values.json"]);
        arguments.extend([label.as_str(), HISTORY, TIMEOUT, "--reset-values"]);
        arguments.extend(release.take_ownership.then_some("--take-ownership"));
        let mut files = vec![("values.json", release.values.to_string())];
        files.extend(objects.into_iter().flat_map(|objects| chart_of(&release.chart, objects)));
        let done = self.run(&arguments, kubeconfig, files, &doing).await;
        done.map_err(|error| explained(error, &release.chart))
    }

    /// What the chart renders to for a release that is there: its objects and hooks, YAML documents. Nothing is changed.
    ///
    /// # Errors
    /// As those of [`apply`](Self::apply).
    pub async fn render(&self, release: &Release, kubeconfig: String) -> Result<String, Error> {
        // Asks the cluster what it can do, as an upgrade does.
        self.template(release, &["--validate", "--is-upgrade"], Some(kubeconfig)).await
    }

    /// Removes the release, if it is there.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Failed`].
    pub async fn remove(&self, name: &str, namespace: &str, kubeconfig: String) -> Result<(), Error> {
        let arguments = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--wait", TIMEOUT];
        self.run(&arguments, kubeconfig, Vec::new(), &format!("removing release {namespace}/{name}")).await
    }

    /// Images that the pods of a release run, in the order of their names.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn images(&self, release: &Release) -> Result<Vec<String>, Error> {
        let rendered = self.template(release, &[], None).await?;
        let found: BTreeSet<String> = rendered.lines().filter_map(image).collect();
        Ok(found.into_iter().collect())
    }

    async fn template(&self, release: &Release, more: &[&str], kubeconfig: Option<String>) -> Result<String, Error> {
        let doing = format!("rendering chart {} {}", release.chart.name, release.chart.version);
        let chart = self.chart(&release.chart);
        let mut arguments = vec!["template", release.name.as_str()];
        arguments.extend(chart.iter().map(String::as_str));
        arguments.extend(["--namespace", &release.namespace, "--values=values.json"]);
        arguments.extend(more);
        let mut files = vec![("values.json", release.values.to_string())];
        files.extend(kubeconfig.map(|kubeconfig| ("kubeconfig", kubeconfig)));
        let call = Call { arguments: &arguments, files, limit: LIMIT, ..Call::default() };
        let rendered = self.helm.output(call).await;
        rendered.map_err(|failure| explained(self.failed(&doing, failure), &release.chart))
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
        let ended = self.helm.run(call, |line| tracing::debug!(target: "k3eks::helm", "{line}")).await;
        ended.map_err(|failure| self.failed(doing, failure))
    }

    fn failed(&self, doing: &str, failure: Failure) -> Error {
        let failed = |why: String| Error::Failed { doing: doing.to_owned(), why };
        match failure {
            Failure::Missing(why) => {
                Error::Missing { doing: doing.to_owned(), program: self.helm.path().display().to_string(), why }
            }
            Failure::Ended { status, lines } => failed(last_words(&lines, &status)),
            other => failed(other.to_string()),
        }
    }
}

/// A chart of this name and version that renders to these documents.
fn chart_of(chart: &Chart, objects: String) -> [(&'static str, String); 3] {
    let about = json!({"apiVersion": "v2", "name": chart.name, "version": chart.version});
    [
        ("objects/Chart.yaml", about.to_string()),
        ("objects/templates/objects.yaml", "{{ .Files.Get \"objects.yaml\" }}".into()),
        ("objects/objects.yaml", objects),
    ]
}

/// The error with what a refusal of helm means.
fn explained(error: Error, chart: &Chart) -> Error {
    match error {
        Error::Failed { doing, why } => refused(chart, doing, why),
        other => other,
    }
}

/// The image that a line of a manifest names: of a container, or in a container's argument such as `--acme-solver-image=NAME`.
fn image(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("- ").trim_matches(['"', '\'']);
    let name = match line.strip_prefix("image:") {
        Some(name) => name,
        None => line.strip_prefix("--")?.split_once("image=")?.1,
    };
    let name = name.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
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
            asked: ("k3eks.io/asked".into(), "a".into()),
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
        helm.apply(&release(), None, "users: []".into()).await.unwrap();
        let read = || std::fs::read_to_string(&said).unwrap();
        assert!(
            read().starts_with(
                "upgrade --install app app --repo=https://charts.invalid --version=1.2.3 --namespace apps"
            )
        );
        assert!(
            read().contains("--labels=k3eks.io/digest=d,k3eks.io/asked=a") && !read().contains("take-ownership"),
            "{}",
            read()
        );
        assert!(read().contains("{\"replicas\":2}users: []"), "{}", read());
        std::fs::write(folder.path().join("app-1.2.3.tgz"), "").unwrap();
        helm.apply(&Release { take_ownership: true, ..release() }, None, String::new()).await.unwrap();
        assert!(read().contains("/app-1.2.3.tgz --namespace") && read().contains("--take-ownership"), "{}", read());
    }

    #[tokio::test]
    async fn the_images_of_a_chart_are_those_of_its_containers_and_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "      - image: \"example.com/b:1\"\n        args:\n        - --solver-image=example.com/a:2\n  \
                        image: example.com/b:1\n  imagePullPolicy: Always\n  text: the image: none";
        let script = format!("[ \"$1 $2\" = 'template app' ] && cat <<'E'\n{manifest}\nE");
        let images = helm(folder.path(), &script).images(&release()).await.unwrap();
        assert_eq!(images, ["example.com/a:2", "example.com/b:1"]);
        let error = helm(folder.path(), "echo 'Error: no such file' >&2; exit 1").images(&release()).await.unwrap_err();
        assert!(matches!(&error, Error::ChartUnavailable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_chart_is_rendered_and_objects_take_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let script = format!(
            "echo \"$@\" >{}; echo 'kind: A'; echo warning >&2; cat objects/*.yaml objects/templates/* >>{0}",
            said.display()
        );
        let helm = helm(folder.path(), &script);
        let read = || std::fs::read_to_string(&said).unwrap();
        let rendered = helm.render(&release(), String::new()).await;
        assert!(rendered.is_err(), "cat finds no objects");
        assert!(
            read().starts_with("template app app --repo=") && read().contains("--validate --is-upgrade"),
            "{}",
            read()
        );
        helm.apply(&release(), Some("kind: B".into()), String::new()).await.unwrap();
        assert!(read().starts_with("upgrade --install app ./objects --namespace apps"), "{}", read());
        for part in ["\"version\":\"1.2.3\"", "kind: B", ".Files.Get \"objects.yaml\""] {
            assert!(read().contains(part), "{part} in {}", read());
        }
        let plain = self::helm(folder.path(), "echo 'kind: A'; echo warning >&2");
        assert_eq!(plain.render(&release(), String::new()).await.unwrap(), "kind: A\n");
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refused = async |said: &str| {
            helm(folder.path(), &format!("echo 'Error: {said}' >&2; exit 1"))
                .apply(&release(), None, String::new())
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
