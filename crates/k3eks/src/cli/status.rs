//! `k3eks status`: clusters and node groups as a table, with a bar for how far each has come, or as JSON.

mod json;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use crd::{EKSClusterConfig, Nodegroup, Phase};
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
    /// Show each change until interrupted.
    #[arg(short, long)]
    watch: bool,
    /// A table for people, or JSON for scripts: its fields stay. With --watch, JSON is one line for each change.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// What `k3eks status` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Prints what there is, once or for as long as it is watched.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let client = management().await?;
    let live = options.watch && options.output == Output::Table && std::io::stdout().is_terminal();
    let mut before = String::new();
    loop {
        let (clusters, groups) = look(&client, &options.place).await?;
        let now = match options.output {
            Output::Table => table(&rows(&clusters, &groups)),
            Output::Json => json::text(&clusters, &groups, options.watch).context("writing the status as JSON")?,
        };
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
    namespace: String,
    account: String,
    name: String,
    phase: String,
    version: String,
    /// `None` where there is nothing to come.
    progress: Option<Progress>,
    message: String,
}

/// How far a resource has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// What is done.
    now: i32,
    /// Of how much.
    of: i32,
    /// Whether nothing is left to do.
    complete: bool,
}

async fn look(client: &Client, place: &Place) -> anyhow::Result<(Vec<EKSClusterConfig>, Vec<Nodegroup>)> {
    let all = ListParams::default();
    let clusters = place.api::<EKSClusterConfig>(client).list(&all).await;
    let clusters = clusters.context("listing the clusters")?;
    let groups = place.api::<Nodegroup>(client).list(&all).await.context("listing the node groups")?;
    Ok((clusters.items, groups.items))
}

/// The clusters, each with its node groups below it; then the node groups whose cluster isn't there.
fn rows(clusters: &[EKSClusterConfig], groups: &[Nodegroup]) -> Vec<Row> {
    let mut rows = Vec::new();
    for cluster in clusters {
        rows.push(of_cluster(cluster));
        let ours = |group: &&Nodegroup| {
            group.spec.cluster_name == cluster.name_any() && group.namespace() == cluster.namespace()
        };
        rows.extend(groups.iter().filter(ours).map(of_group));
    }
    let known = |group: &&Nodegroup| {
        !clusters.iter().any(|c| c.name_any() == group.spec.cluster_name && c.namespace() == group.namespace())
    };
    rows.extend(groups.iter().filter(known).map(of_group));
    rows
}

fn of_cluster(cluster: &EKSClusterConfig) -> Row {
    let status = cluster.status.clone().unwrap_or_default();
    let message = message(&status.conditions);
    let nodes = status.nodes.unwrap_or_default();
    Row {
        namespace: cluster.namespace().unwrap_or_default(),
        account: cluster.spec.account_id.clone(),
        name: cluster.name_any(),
        progress: progress(status.phase, step(&message).unwrap_or((nodes.ready, nodes.desired))),
        phase: status.phase.map_or_else(|| "-".into(), |phase| phase.to_string()),
        version: status.version.or_else(|| cluster.spec.kubernetes_version.clone()).unwrap_or_else(|| "-".into()),
        message,
    }
}

fn of_group(group: &Nodegroup) -> Row {
    let status = group.status.clone().unwrap_or_default();
    Row {
        namespace: group.namespace().unwrap_or_default(),
        account: String::new(),
        name: format!("  {}", group.name_any()),
        progress: progress(status.phase, (status.ready_replicas, group.spec.scaling_config.desired_size)),
        phase: status.phase.map_or_else(|| "-".into(), |phase| phase.to_string()),
        version: status.version.unwrap_or_else(|| "-".into()),
        message: message(&status.conditions),
    }
}

/// How far a resource has come: nowhere where it failed, and there is nothing to tell where it is to have nothing.
fn progress(phase: Option<Phase>, (now, of): (i32, i32)) -> Option<Progress> {
    let now = if phase == Some(Phase::Failed) { 0 } else { now };
    (of > 0).then_some(Progress { now, of, complete: phase == Some(Phase::Active) && now == of })
}

fn message(conditions: &[Condition]) -> String {
    conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.message.clone()).unwrap_or_default()
}

/// The numbers of a step such as `Creating 3/4: starting the server`.
fn step(message: &str) -> Option<(i32, i32)> {
    let (done, of) = message.split_once(':')?.0.split(' ').next_back()?.split_once('/')?;
    Some((done.parse().ok()?, of.parse().ok()?))
}

/// It is full only where the work is done: until then something is missing, whatever the numbers say, and what is more
/// than wanted is still to go. The console page's bars have the same rule.
fn bar(progress: Option<Progress>) -> String {
    let Some(Progress { now, of, complete }) = progress else { return "-".into() };
    let (part, whole) = if now > of { (of, now) } else { (now.max(0), of) };
    let share = BAR * usize::try_from(part).unwrap_or(0) / usize::try_from(whole).unwrap_or(1);
    let share = if complete { BAR } else { share.min(BAR - 1) };
    format!("{}{} {now}/{of}", "█".repeat(share), "░".repeat(BAR - share))
}

/// A column: its head, and what it shows of a row.
type Column = (&'static str, fn(&Row) -> String);

/// The rows below each other. Namespaces and accounts are columns where there are several.
fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no clusters; make one with kubectl apply -f config/samples/cluster.yaml, or aws eks create-cluster\n"
            .into();
    }
    let several = |of: fn(&Row) -> &String| {
        rows.iter().map(of).filter(|text| !text.is_empty()).collect::<BTreeSet<_>>().len() > 1
    };
    let mut columns: Vec<Column> = vec![
        ("CLUSTER", |row| row.name.clone()),
        ("PHASE", |row| row.phase.clone()),
        ("VERSION", |row| row.version.clone()),
        ("PROGRESS", |row| bar(row.progress)),
        ("STATUS", |row| row.message.clone()),
    ];
    if several(|row| &row.account) {
        columns.insert(0, ("ACCOUNT", |row| row.account.clone()));
    }
    if several(|row| &row.namespace) {
        columns.insert(0, ("NAMESPACE", |row| row.namespace.clone()));
    }
    let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(|row| columns.iter().map(|(_, cell)| text::fit(&cell(row), text::MESSAGE)).collect()))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
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
        assert_eq!(step("ready"), None);
        assert_eq!(step("waiting for the API server: 1/2"), None);
        let shown = |phase, numbers| bar(progress(Some(phase), numbers));
        assert_eq!(shown(Phase::Creating, (1, 2)), "█████░░░░░ 1/2");
        assert_eq!(shown(Phase::Active, (0, 0)), "-");
        assert_eq!(shown(Phase::Failed, (2, 2)), "░░░░░░░░░░ 0/2");
    }

    #[test]
    fn a_bar_is_full_only_where_the_work_is_done() {
        let shown = |phase, numbers| bar(progress(phase, numbers));
        assert_eq!(shown(Some(Phase::Active), (4, 4)), "██████████ 4/4");
        assert_eq!(shown(Some(Phase::Updating), (4, 4)), "█████████░ 4/4");
        assert_eq!(shown(None, (4, 4)), "█████████░ 4/4");
        // A group that shrinks.
        assert_eq!(shown(Some(Phase::Active), (2, 1)), "█████░░░░░ 2/1");
        assert_eq!(shown(Some(Phase::Updating), (9, 3)), "███░░░░░░░ 9/3");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let row = |name: &str, message: &str| Row {
            namespace: "default".into(),
            account: "000000000000".into(),
            name: name.into(),
            phase: "Active".into(),
            version: "1.35".into(),
            progress: Some(Progress { now: 1, of: 1, complete: true }),
            message: message.into(),
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
        assert!(text.starts_with("CLUSTER"), "{text}");
        let other = Row { namespace: "team".into(), account: "111111111111".into(), ..row("demo", "") };
        let both = table(&[row("demo", ""), other]);
        assert!(both.starts_with("NAMESPACE  ACCOUNT"), "{both}");
        assert!(both.contains("team       111111111111  demo"), "{both}");
    }
}
