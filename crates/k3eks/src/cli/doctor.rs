//! `k3eks doctor`: checks everything that clusters need, and says how to fix what is wrong.

mod aws;
mod cluster;
mod finding;
mod host;
mod parts;

use std::fmt::Write;

use anyhow::bail;
use clap::Args;

use super::find::Place;
use finding::{Finding, State};

/// The arguments of `k3eks doctor`.
#[derive(Args)]
pub struct Options {
    /// Range of host ports for API servers, as given to the operator.
    #[arg(long, env = "K3EKS_API_PORTS", default_value = "16443-17442")]
    api_ports: String,
    /// URL of the EKS API; if given, it must answer. Default: the endpoint of the aws CLI, else http://127.0.0.1:4566.
    #[arg(long, env = "AWS_ENDPOINT_URL_EKS")]
    endpoint: Option<String>,
    /// Kubernetes minor version whose image must exist.
    #[arg(long, env = "K3EKS_DEFAULT_VERSION", default_value = kubernetes_versions::default())]
    default_version: String,
    /// Only the namespace that the operator looks after.
    #[command(flatten)]
    place: Place,
    /// Skip the checks of this host.
    #[arg(long)]
    cluster_only: bool,
}

/// Checks everything and prints what was found.
///
/// # Errors
/// Where there is a problem, with how many there are.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut findings = Vec::new();
    let shell = aws::Shell::present();
    if !options.cluster_only {
        findings = host::docker(&options.default_version).await;
        findings.push(host::k3d().await);
        findings.push(host::ports(&options.api_ports));
        findings.extend(host::limits());
        findings.push(host::credentials());
        findings.push(aws::clients(&shell));
    }
    findings.extend(cluster::management(&options.place).await);
    findings.extend(parts::parts(&options.place).await);
    let endpoint = options.endpoint.or_else(|| Some(shell.endpoint("EKS")?.url));
    findings.push(cluster::api(endpoint.as_deref()).await);
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    print!("{}", report(&findings));
    match problems {
        0 => Ok(()),
        1 => bail!("there is a problem"),
        _ => bail!("there are {problems} problems"),
    }
}

fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { state, what, says, mend } in findings {
        let state = match state {
            State::Well => "ok",
            State::Note => "note",
            State::Problem => "PROBLEM",
        };
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{state:8} {what:20} {}", text::fit(says, text::MESSAGE));
        if let Some(mend) = mend {
            let _ = writeln!(text, "{:8} {:20}   {mend}", "", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stands_above_what_mends_it() {
        let text = report(&[Finding::well("Docker", "answers"), Finding::problem("k3d", "is missing", "make setup")]);
        assert_eq!(
            text,
            "ok       Docker               answers\nPROBLEM  k3d                  is missing\n                                make setup\n"
        );
    }
}
