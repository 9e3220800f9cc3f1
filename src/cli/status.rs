//! `k3eks status`: clusters and node groups as a table, with a bar for how far each has come.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use k3eks::crd::names;
use k3eks::crd::{EKSClusterConfig, Nodegroup};
use k3eks::words;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Client, ResourceExt};

use super::find::{Place, management};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Characters of a bar.
const BAR: usize = 10;

/// The arguments of `k3eks status`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    place: Place,
    /// Go on until interrupted, and show each change.
    #[arg(short, long)]
    watch: bool,
}

/// Prints the table, once or for as long as it is watched.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let client = management().await?;
    let live = options.watch && std::io::stdout().is_terminal();
    let mut before = String::new();
    loop {
        let now = table(&look(&client, &options.place).await?);
        if now != before {
            // On a terminal the table stays in its place.
            let clear = if live { "\x1b[H\x1b[2J" } else { "" };
            if write!(std::io::stdout(), "{clear}{now}").and_then(|()| std::io::stdout().flush()).is_err() {
                return Ok(());
            }
            before = now;
        }
        if !options.watch {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// A line of the table.
struct Row {
    name: String,
    phase: String,
    version: String,
    /// What is done, and of how much.
    done: (i32, i32),
    says: String,
}

async fn look(client: &Client, place: &Place) -> anyhow::Result<Vec<Row>> {
    let all = ListParams::default();
    let clusters = place.api::<EKSClusterConfig>(client).list(&all).await;
    let clusters = clusters.context("listing the clusters")?;
    let groups = place.api::<Nodegroup>(client).list(&all).await.context("listing the node groups")?;
    let several = clusters.iter().any(|cluster| cluster.namespace() != clusters.items[0].namespace());
    let mut rows = Vec::new();
    for cluster in &clusters {
        rows.push(of_cluster(cluster, several));
        let ours = |group: &&Nodegroup| {
            group.spec.cluster_name == cluster.name_any() && group.namespace() == cluster.namespace()
        };
        rows.extend(groups.iter().filter(ours).map(of_group));
    }
    let known = |group: &&Nodegroup| {
        !clusters.iter().any(|c| c.name_any() == group.spec.cluster_name && c.namespace() == group.namespace())
    };
    rows.extend(groups.iter().filter(known).map(of_group));
    Ok(rows)
}

/// With its namespace where there are others.
fn of_cluster(cluster: &EKSClusterConfig, with_namespace: bool) -> Row {
    let status = cluster.status.clone().unwrap_or_default();
    let says = says(&status.conditions);
    let nodes = status.nodes.unwrap_or_default();
    let place = cluster.namespace().filter(|_| with_namespace).map(|namespace| namespace + "/").unwrap_or_default();
    Row {
        name: place + &cluster.name_any(),
        phase: status.phase.map_or_else(|| "-".into(), |phase| phase.to_string()),
        version: status.version.or_else(|| cluster.spec.kubernetes_version.clone()).unwrap_or_else(|| "-".into()),
        done: step(&says).unwrap_or((nodes.ready, nodes.desired)),
        says,
    }
}

fn of_group(group: &Nodegroup) -> Row {
    let status = group.status.clone().unwrap_or_default();
    Row {
        name: format!("  {}", names::nodegroup_name(group)),
        phase: status.phase.map_or_else(|| "-".into(), |phase| phase.to_string()),
        version: status.version.unwrap_or_else(|| "-".into()),
        done: (status.ready_replicas, group.spec.scaling_config.desired_size),
        says: says(&status.conditions),
    }
}

fn says(conditions: &[Condition]) -> String {
    conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.message.clone()).unwrap_or_default()
}

/// The numbers of a step such as `Creating 3/4: starting the server`.
fn step(message: &str) -> Option<(i32, i32)> {
    let (done, of) = message.split_once(':')?.0.split(' ').next_back()?.split_once('/')?;
    Some((done.parse().ok()?, of.parse().ok()?))
}

fn bar((done, of): (i32, i32)) -> String {
    let share = if of <= 0 {
        BAR
    } else {
        BAR * usize::try_from(done.clamp(0, of)).unwrap_or(0) / usize::try_from(of).unwrap_or(1)
    };
    format!("{}{} {done}/{of}", "█".repeat(share), "░".repeat(BAR - share))
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no clusters; make one with kubectl apply -f config/samples/cluster.yaml, or aws eks create-cluster\n"
            .into();
    }
    let lines: Vec<[String; 5]> = std::iter::once(["CLUSTER", "PHASE", "VERSION", "DONE", "SAYS"].map(str::to_owned))
        .chain(rows.iter().map(|r| [r.name.clone(), r.phase.clone(), r.version.clone(), bar(r.done), r.says.clone()]))
        .map(|line| line.map(|cell| words::fit(&cell, words::MESSAGE)))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_the_step_and_otherwise_the_nodes() {
        assert_eq!(step("Creating 3/4: starting the server"), Some((3, 4)));
        assert_eq!(step("everything is as the spec asks"), None);
        assert_eq!(step("waiting for the API server: 1/2"), None);
        assert_eq!(bar((1, 2)), "█████░░░░░ 1/2");
        assert_eq!(bar((0, 0)), "██████████ 0/0");
        assert_eq!(bar((9, 3)), "██████████ 9/3");
    }

    #[test]
    fn clusters_of_several_namespaces_are_told_apart() {
        let mut cluster = EKSClusterConfig::new("demo", k3eks::crd::EKSClusterConfigSpec::default());
        cluster.metadata.namespace = Some("tenant".into());
        assert_eq!(of_cluster(&cluster, true).name, "tenant/demo");
        assert_eq!(of_cluster(&cluster, false).name, "demo");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let row = |name: &str, says: &str| Row {
            name: name.into(),
            phase: "Active".into(),
            version: "1.35".into(),
            done: (1, 1),
            says: says.into(),
        };
        let text = table(&[row("demo", "well"), row("  a-long-name", "")]);
        let at = |line: &str| line.find("Active").or(line.find("PHASE"));
        let places: Vec<_> = text.lines().map(at).collect();
        assert_eq!((places.len(), places[0]), (3, Some(15)), "{text}");
        assert!(places.iter().all(|place| *place == places[0]), "{text}");
        assert!(table(&[]).contains("no clusters"));
        let hostile = table(&[row("demo", "\u{1b}]0;title\u{7}\nPHASE")]);
        assert_eq!(hostile.lines().count(), 2, "{hostile:?}");
        assert!(!hostile.contains(['\u{1b}', '\u{7}']), "{hostile:?}");
    }
}
