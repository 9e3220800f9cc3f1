//! `k3eks operator` as a process of its own, outside the management cluster, that can be killed at any moment.

use std::fs::{File, read_to_string};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::Environment;

/// An operator for the namespace of `env` alone. Killed when it is dropped; its log is shown when a test fails.
pub struct Operator {
    process: Child,
    log: tempfile::NamedTempFile,
}

impl Operator {
    /// With `options`, and with Docker at `docker_host` where that is given.
    pub fn start(env: &Environment, options: &[&str], docker_host: Option<&str>) -> Self {
        Self::by(env, &env.kubeconfig, options, docker_host)
    }

    /// The same, reaching the management API by another kubeconfig.
    pub fn by(env: &Environment, kubeconfig: &str, options: &[&str], docker_host: Option<&str>) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_k3eks"));
        command.args(["operator", "--watch-namespace", &env.namespace, "--instance", &env.namespace]);
        command.args(["--provider", "k3d", "--admin-address", "127.0.0.1:0"]).args(options);
        command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
        command.stdout(File::create(log.path()).unwrap()).stderr(log.as_file().try_clone().unwrap());
        if let Some(host) = docker_host {
            command.env("DOCKER_HOST", host);
        }
        Self { process: command.spawn().unwrap(), log }
    }

    /// Whether its log has these words. A status passes by, a log keeps.
    pub fn said(&self, words: &str) -> bool {
        read_to_string(self.log.path()).unwrap().contains(words)
    }

    /// Ends it with SIGKILL. Whatever it had started ends with it: nobody may go on behind the next one's back.
    pub fn kill(mut self, env: &Environment) {
        let children = children(self.process.id());
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        env.until("the operator's children to end with it", Duration::from_secs(5), || {
            let left =
                children.iter().any(|pid| read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c == "k3d\n"));
            (!left).then_some(())
        });
    }
}

fn children(parent: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let is_child = |pid: &String| {
        let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|p| p.trim() == parent.to_string()))
    };
    processes.filter_map(|p| p.file_name().into_string().ok()).filter(is_child).collect()
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- operator\n{}", read_to_string(self.log.path()).unwrap_or_default());
        }
    }
}
