//! Runs k3d with a time limit, isolated from the user's settings, and ends it with the operator.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::names;
use provider::Error;

/// Lines of output that are kept for an error.
const KEPT: usize = 30;
/// Variables of the environment that k3d gets, beside those with a prefix below.
const PASSED: [&str; 8] =
    ["PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"];
/// k3d also reads its whole configuration from `K3D_*`; only variables about how it works are passed on.
const PASSED_PREFIXES: [&str; 5] = ["DOCKER_", "K3D_IMAGE_", "K3D_HELPER_", "K3D_FIX_", "K3D_DEBUG_"];

/// One call of k3d.
pub struct Call<'a> {
    /// What is done to what, for errors.
    pub doing: String,
    /// Arguments.
    pub arguments: &'a [&'a str],
    /// What it reads on standard input.
    pub input: Option<String>,
    /// How long it may take.
    pub limit: Duration,
}

/// Runs k3d.
#[derive(Debug)]
pub struct Runner {
    binary: PathBuf,
    /// Tool that ends a process with its parent; without it, k3d outlives a killed operator.
    setpriv: Option<PathBuf>,
    docker_host: Option<String>,
}

impl Runner {
    /// Runs `binary`, a path or a name that is looked for in `PATH`, with the Docker at `docker_host`, `None`: the one
    /// that the environment names.
    pub fn new(binary: PathBuf, docker_host: Option<String>) -> Self {
        Self { binary, setpriv: find(Path::new("setpriv")), docker_host }
    }

    /// Runs k3d to its end; `on_line` gets every line it says.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] where there is no k3d, [`Error::Timeout`], [`Error::Engine`] with k3d's last words.
    pub async fn run(&self, call: Call<'_>, on_line: impl Fn(&str)) -> Result<(), Error> {
        let home = Home::new().map_err(|e| failed(&call, format!("no folder for temporary files: {e}")))?;
        let mut child = self.spawn(&call, &home.0)?;
        let mut kept = VecDeque::new();
        let ended = tokio::time::timeout(call.limit, async {
            let (said, mut lines) = mpsc::channel(64);
            listen(child.stdout.take(), said.clone());
            listen(child.stderr.take(), said);
            if let (Some(input), Some(mut stdin)) = (&call.input, child.stdin.take()) {
                // A k3d that ended before it read everything tells why on its own.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            while let Some(line) = lines.recv().await {
                tracing::debug!(target: "k3eks::k3d", "{line}");
                on_line(&line);
                if kept.len() == KEPT {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
            child.wait().await
        });
        match ended.await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(failed(&call, last_words(&kept, &status.to_string()))),
            Ok(Err(e)) => Err(failed(&call, e.to_string())),
            // Dropping the child kills it.
            Err(_) => Err(Error::Timeout { doing: call.doing, seconds: call.limit.as_secs() }),
        }
    }

    fn spawn(&self, call: &Call<'_>, home: &Path) -> Result<Child, Error> {
        let missing = |why: &str| Error::ToolMissing {
            tool: self.binary.display().to_string(),
            doing: call.doing.clone(),
            why: why.to_owned(),
        };
        let binary = find(&self.binary).ok_or_else(|| missing("no such program"))?;
        let mut command = match &self.setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.args(call.arguments).env_clear().envs(environment());
        command.envs(self.docker_host.as_ref().map(|host| ("DOCKER_HOST", host)));
        command.env("HOME", home).env("TMPDIR", home).env("KUBECONFIG", home.join("kubeconfig"));
        command.stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().map_err(|e| missing(&e.to_string()))
    }
}

fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(key, _)| {
        let key = key.to_string_lossy();
        PASSED.contains(&key.as_ref()) || PASSED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    })
}

fn failed(call: &Call<'_>, why: String) -> Error {
    Error::Engine { doing: call.doing.clone(), why }
}

/// Sends every line of `stream` on, until its end.
fn listen(stream: Option<impl AsyncRead + Send + Unpin + 'static>, said: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if said.send(plain(&line)).await.is_err() {
                break;
            }
        }
    });
}

/// The line without colours.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        text.push_str(before);
        rest = after.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

/// Text of an error: k3d's error lines, else its exit status and last lines.
fn last_words(kept: &VecDeque<String>, ended: &str) -> String {
    let message = |line: &String| {
        let (level, rest) = line.split_once('[')?;
        let (_, message) = rest.split_once(']')?;
        ["ERRO", "FATA"].contains(&level).then(|| message.trim().to_owned())
    };
    let errors: Vec<String> = kept.iter().filter_map(message).collect();
    if !errors.is_empty() {
        return errors.join("; ");
    }
    let last: Vec<&str> = kept.iter().skip(kept.len().saturating_sub(3)).map(|line| line.trim()).collect();
    if last.is_empty() {
        format!("k3d ended with {ended}")
    } else {
        format!("k3d ended with {ended} after: {}", last.join("; "))
    }
}

/// The program's path; a bare name is looked for in `PATH`.
fn find(program: &Path) -> Option<PathBuf> {
    let runs = |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.components().count() > 1 {
        return runs(program).then(|| program.to_owned());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| runs(path))
}

/// A temporary folder for k3d, so that it never touches the user's kubeconfig.
struct Home(PathBuf);

impl Home {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("k3eks-k3d-{}-{:016x}", std::process::id(), names::random()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Runner {
        Runner::new(PathBuf::from("sh"), None)
    }

    fn call<'a>(arguments: &'a [&'a str], input: Option<&str>) -> Call<'a> {
        Call { doing: "testing".into(), arguments, input: input.map(Into::into), limit: Duration::from_secs(5) }
    }

    #[tokio::test]
    async fn says_what_k3d_called_an_error() {
        let script =
            "echo 'INFO[0000] fine'; echo '\x1b[31mERRO\x1b[0m[0001] no room '; echo 'FATA[0002] gave up'; exit 1";
        let error = shell().run(call(&["-c", script], None), |_| {}).await.unwrap_err();
        assert_eq!(error, Error::Engine { doing: "testing".into(), why: "no room; gave up".into() });
    }

    #[tokio::test]
    async fn says_how_a_silent_one_ended() {
        let error = shell().run(call(&["-c", "kill -9 $$"], None), |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("signal: 9"), "{error}");
    }

    #[tokio::test]
    async fn reads_its_input_and_is_heard() {
        let on_line = parking_lot::Mutex::new(Vec::new());
        let hear = |line: &str| on_line.lock().push(line.to_owned());
        shell().run(call(&["-s"], Some("echo one; echo two >&2; echo $KUBECONFIG")), hear).await.unwrap();
        let mut on_line = on_line.into_inner();
        on_line.sort();
        assert_eq!(on_line.len(), 3, "{on_line:?}");
        let folder = PathBuf::from(&on_line[0]);
        assert!(folder.ends_with("kubeconfig") && !folder.parent().unwrap().exists(), "{folder:?} is left");
    }

    #[tokio::test]
    async fn is_killed_at_its_limit() {
        let limited = Call { limit: Duration::from_millis(50), ..call(&["-c", "exec sleep 20"], None) };
        let begun = std::time::Instant::now();
        let error = shell().run(limited, |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_missing_tool_is_named() {
        let error = Runner::new("no-such-k3d".into(), None).run(call(&[], None), |_| {}).await.unwrap_err();
        assert!(matches!(&error, Error::ToolMissing { tool, .. } if tool == "no-such-k3d"), "{error}");
    }
}
