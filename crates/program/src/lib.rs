//! Runs other programs.
//!
//! In goes a [`Call`]: a program, its arguments, what it reads, and how long it may take. Out comes that it ended well,
//! or a [`Failure`] with the last lines of what it said. A program sees only the variables that it is given, works in a
//! temporary folder that goes with it, and ends with this process, even with one that is killed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// Lines of output that are kept for an error.
const KEPT: usize = 30;
/// Variables that every program gets, where this process has them.
const PASSED: [&str; 8] =
    ["PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"];

/// A program that can be called.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    /// Tool that ends a process with its parent; without it, a program outlives this process if that is killed.
    setpriv: Option<PathBuf>,
}

/// One call of a program.
#[derive(Debug, Default)]
pub struct Call<'a> {
    /// Arguments.
    pub arguments: &'a [&'a str],
    /// Variables of its environment, besides the few that every program gets.
    pub variables: Vec<(OsString, OsString)>,
    /// Files of its temporary folder, which it works in, by their path in it. Only this user can read them.
    pub files: Vec<(&'a str, String)>,
    /// What it reads on standard input.
    pub input: Option<String>,
    /// How long it may take.
    pub limit: Duration,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The program can't be started.
    #[error("{0}")]
    Missing(String),
    /// The system gave no temporary folder, or lost the process.
    #[error("{0}")]
    System(String),
    /// It took too long, and was ended.
    #[error("it took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It ended with an error.
    #[error("it ended with {status}")]
    Ended {
        /// How it ended, such as `exit status: 1`.
        status: String,
        /// Its last lines, without colours.
        lines: Vec<String>,
    },
}

impl Program {
    /// `path` is a path, or a name that is looked for in `PATH`.
    pub fn new(path: PathBuf) -> Self {
        Self { path, setpriv: find(Path::new("setpriv")) }
    }

    /// The path, or the name, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs the program to its end; `on_line` gets every line that it says, without colours.
    ///
    /// # Errors
    /// [`Failure`]. A program that is still running when this is dropped is killed.
    pub async fn run(&self, call: Call<'_>, on_line: impl Fn(&str)) -> Result<(), Failure> {
        self.follow(call, |_, line| on_line(line)).await
    }

    /// Runs the program to its end, and gives what it said on standard output.
    ///
    /// # Errors
    /// As those of [`run`](Self::run).
    pub async fn output(&self, call: Call<'_>) -> Result<String, Failure> {
        let mut output = String::new();
        let keep = |stream, line: &str| {
            if stream == Stream::Output {
                output.push_str(line);
                output.push('\n');
            }
        };
        self.follow(call, keep).await?;
        Ok(output)
    }

    async fn follow(&self, call: Call<'_>, mut on_line: impl FnMut(Stream, &str)) -> Result<(), Failure> {
        let home = home(&call.files).map_err(|e| Failure::System(format!("no folder for temporary files: {e}")))?;
        let mut child = self.spawn(&call, home.path())?;
        let mut kept = VecDeque::new();
        let ended = tokio::time::timeout(call.limit, async {
            let (said, mut lines) = mpsc::channel(64);
            listen(Stream::Output, child.stdout.take(), said.clone());
            listen(Stream::Errors, child.stderr.take(), said);
            if let (Some(input), Some(mut stdin)) = (&call.input, child.stdin.take()) {
                // A program that ended before it read everything tells why on its own.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            while let Some((stream, line)) = lines.recv().await {
                on_line(stream, &line);
                if kept.len() == KEPT {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
            child.wait().await
        });
        match ended.await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::Ended { status: status.to_string(), lines: kept.into() }),
            Ok(Err(e)) => Err(Failure::System(e.to_string())),
            // Dropping the child kills it.
            Err(_) => Err(Failure::TimedOut(call.limit)),
        }
    }

    fn spawn(&self, call: &Call<'_>, home: &Path) -> Result<Child, Failure> {
        let path = find(&self.path).ok_or_else(|| Failure::Missing("no such program".into()))?;
        let mut command = match &self.setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(path);
                command
            }
            None => Command::new(path),
        };
        let passed = PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.args(call.arguments).env_clear().envs(passed).envs(call.variables.iter().cloned());
        command.current_dir(home);
        command.env("HOME", home).env("TMPDIR", home).env("KUBECONFIG", home.join("kubeconfig"));
        command.stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().map_err(|e| Failure::Missing(e.to_string()))
    }
}

/// A temporary folder, so that a program never touches the user's own files, such as a kubeconfig.
fn home(files: &[(&str, String)]) -> std::io::Result<tempfile::TempDir> {
    let home = tempfile::Builder::new().prefix("k3eks-").permissions(PermissionsExt::from_mode(0o700)).tempdir()?;
    for (name, content) in files {
        let path = home.path().join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, content)?;
    }
    Ok(home)
}

/// Where a program says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
}

/// Sends every line of a stream on, until its end.
fn listen(stream: Stream, from: Option<impl AsyncRead + Send + Unpin + 'static>, said: mpsc::Sender<(Stream, String)>) {
    let Some(from) = from else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if said.send((stream, plain(&line))).await.is_err() {
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

/// The program's path; a bare name is looked for in `PATH`.
fn find(program: &Path) -> Option<PathBuf> {
    let runs = |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.components().count() > 1 {
        return runs(program).then(|| program.to_owned());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| runs(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Program {
        Program::new(PathBuf::from("sh"))
    }

    fn call<'a>(arguments: &'a [&'a str]) -> Call<'a> {
        Call { arguments, limit: Duration::from_secs(5), ..Call::default() }
    }

    #[tokio::test]
    async fn says_how_one_ended_and_what_it_said_last() {
        let failed = shell().run(call(&["-c", "echo '\x1b[31mred\x1b[0m'; kill -9 $$"]), |_| {}).await.unwrap_err();
        let Failure::Ended { status, lines } = failed else { panic!("{failed}") };
        assert!(status.contains("signal: 9") && lines == ["red"], "{status} {lines:?}");
    }

    #[tokio::test]
    async fn reads_its_input_and_is_heard_in_a_folder_that_goes() {
        let heard = parking_lot::Mutex::new(Vec::new());
        let script = "echo one; echo two >&2; cat values; echo $KUBECONFIG";
        let input = Call { input: Some(script.into()), files: vec![("values", "a: 1\n".into())], ..call(&["-s"]) };
        shell().run(input, |line| heard.lock().push(line.to_owned())).await.unwrap();
        let mut heard = heard.into_inner();
        heard.sort();
        assert_eq!(heard[1..], ["a: 1", "one", "two"]);
        let folder = PathBuf::from(&heard[0]);
        assert!(folder.ends_with("kubeconfig") && !folder.parent().unwrap().exists(), "{folder:?} is left");
    }

    #[tokio::test]
    async fn gives_its_output_without_its_warnings() {
        let call = Call { files: vec![("a/b", "c".into())], ..call(&["-c", "echo one; echo two >&2; cat a/b"]) };
        assert_eq!(shell().output(call).await.unwrap(), "one\nc\n");
    }

    #[tokio::test]
    async fn is_killed_at_its_limit() {
        let limited = Call { limit: Duration::from_millis(50), ..call(&["-c", "exec sleep 20"]) };
        let begun = std::time::Instant::now();
        let failed = shell().run(limited, |_| {}).await.unwrap_err();
        assert!(matches!(failed, Failure::TimedOut(_)), "{failed}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_missing_program_is_told_apart() {
        let failed = Program::new("no-such-program".into()).run(call(&[]), |_| {}).await.unwrap_err();
        assert!(matches!(failed, Failure::Missing(_)), "{failed}");
    }
}
