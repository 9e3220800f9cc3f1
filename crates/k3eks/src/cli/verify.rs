//! `k3eks verify`: checks a running cluster with real pods in a namespace of their own.

mod dns;
mod endpoint;
mod environment;
mod events;
mod finding;
mod irsa;
mod load_balancer;
mod metrics;
mod network;
mod nodes;
mod pod_identity;
mod sign_in;
mod task;
mod volume;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use crd::Phase;
use futures::StreamExt;
use futures::future::BoxFuture;
use kube::ResourceExt;

use super::find::{Which, management};
use environment::Environment;
pub use environment::client;
use finding::{Finding, Outcome, report};

/// Time limit of all checks. The clean-up has the rest of two minutes.
const CHECKS: Duration = Duration::from_secs(100);
/// How many checks run at once: all of them.
const AT_ONCE: usize = 16;

/// The arguments of `k3eks verify`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    which: Which,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Image of the test pods. It needs a shell, wget, nslookup and httpd.
    #[arg(long, env = "K3EKS_VERIFY_IMAGE", default_value = "busybox:1.36")]
    image: String,
    /// ARN of the role for the test pods. It must be known if the EKS API runs with --auth strict. Default:
    /// role/k3eks-verify in the cluster's account.
    #[arg(long)]
    role: Option<String>,
}

/// A check's name and its work.
type Check<'a> = (&'static str, BoxFuture<'a, Outcome>);

fn checks(env: &Environment) -> Vec<Check<'_>> {
    vec![
        ("endpoint", Box::pin(endpoint::from_here(env))),
        ("endpoint in a pod", Box::pin(endpoint::from_a_pod(env))),
        ("nodes", Box::pin(nodes::check(env))),
        ("DNS", Box::pin(dns::check(env))),
        ("pod to pod", Box::pin(network::check(env))),
        ("sign-in", Box::pin(sign_in::check(env))),
        ("IRSA", Box::pin(irsa::check(env))),
        ("Pod Identity", Box::pin(pod_identity::check(env))),
        ("LoadBalancer", Box::pin(load_balancer::check(env))),
        ("volume", Box::pin(volume::check(env))),
        ("metrics", Box::pin(metrics::check(env))),
    ]
}

/// Checks the cluster, prints the findings, and cleans up.
///
/// # Errors
/// Where something doesn't hold, with how much; where the cluster can't be checked at all, with why.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let begun = Instant::now();
    let client = management().await?;
    let cluster = options.which.find(&client).await?;
    let name = cluster.name_any();
    match cluster.status.as_ref().and_then(|status| status.phase) {
        Some(Phase::Active | Phase::Updating) => {}
        Some(Phase::Stopped) => {
            bail!(
                "cluster {name} is stopped or asleep; start it with `k3eks wake {name}`, or with spec.state: Running where it says Stopped"
            )
        }
        phase => bail!(
            "cluster {name} is {}, and can be verified once it is Active: k3eks status shows its progress",
            phase.map_or("not begun", |phase| phase.as_str())
        ),
    }
    let env = Environment::new(client, cluster, options.image, options.role, begun + CHECKS).await?;
    let end = super::termination()?;
    let findings = tokio::select! {
        found = all(&env, options.json) => found,
        () = end => Err(anyhow::anyhow!("interrupted")),
    };
    let gone = env.remove().await;
    let findings = findings?;
    gone?;
    if options.json {
        let all = serde_json::json!({"cluster": name, "seconds": begun.elapsed().as_secs(), "checks": findings});
        println!("{}", serde_json::to_string_pretty(&all).context("writing the results")?);
    }
    match findings.iter().filter(|finding| finding.fails()).count() {
        0 => Ok(()),
        1 => bail!("one of {} checks of cluster {name} failed", findings.len()),
        wrong => bail!("{wrong} of {} checks of cluster {name} failed", findings.len()),
    }
}

/// Runs every check; each is printed as soon as those before it are, unless it is to be JSON.
async fn all(env: &Environment, json: bool) -> anyhow::Result<Vec<Finding>> {
    env.prepare().await?;
    let running = checks(env).into_iter().map(|(name, check)| async move {
        let outcome = tokio::time::timeout_at(env.until.into(), check).await.unwrap_or_else(|_| {
            let found = format!("no result within {} s", CHECKS.as_secs());
            Outcome::fails(found, "a result", "look at the other lines first; then: k3eks logs, k3eks doctor")
        });
        Finding::new(name, outcome)
    });
    let mut running = futures::stream::iter(running).buffered(AT_ONCE);
    let mut findings = Vec::new();
    while let Some(finding) = running.next().await {
        if !json {
            print!("{}", report(&finding));
        }
        findings.push(finding);
    }
    Ok(findings)
}
