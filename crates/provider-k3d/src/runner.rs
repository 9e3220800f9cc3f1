//! Runs k3d, isolated from the user's settings.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use program::{Failure, Program};
use provider::Error;

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
    k3d: Program,
    docker_host: Option<String>,
}

impl Runner {
    /// Runs `binary`, a path or a name that is looked for in `PATH`, with the Docker at `docker_host`, `None`: the one
    /// that the environment names.
    pub fn new(binary: PathBuf, docker_host: Option<String>) -> Self {
        Self { k3d: Program::new(binary), docker_host }
    }

    /// Runs k3d to its end; `on_line` gets every line it says.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] where there is no k3d, [`Error::Timeout`], [`Error::Engine`] with k3d's last words.
    pub async fn run(&self, call: Call<'_>, on_line: impl Fn(&str)) -> Result<(), Error> {
        let Call { doing, arguments, input, limit } = call;
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().filter(|(key, _)| is_k3d_s(key)).collect();
        variables.extend(self.docker_host.as_ref().map(|host| ("DOCKER_HOST".into(), host.into())));
        let call = program::Call { arguments, variables, input, limit, ..program::Call::default() };
        let said = self.k3d.run(call, |line| {
            tracing::debug!(target: "k3eks::k3d", "{line}");
            on_line(line);
        });
        said.await.map_err(|failure| match failure {
            Failure::Missing(why) => Error::ToolMissing { tool: self.k3d.path().display().to_string(), doing, why },
            Failure::TimedOut(limit) => Error::Timeout { doing, seconds: limit.as_secs() },
            Failure::System(why) => Error::Engine { doing, why },
            Failure::Ended { status, lines } => Error::Engine { doing, why: last_words(&lines, &status) },
        })
    }
}

fn is_k3d_s(variable: &OsString) -> bool {
    let variable = variable.to_string_lossy();
    PASSED_PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

/// Text of an error: k3d's error lines, else its exit status and last lines.
fn last_words(kept: &[String], ended: &str) -> String {
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
