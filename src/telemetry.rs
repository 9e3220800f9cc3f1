//! Logs: text for people or JSON for machines, filtered by level.

use tracing_subscriber::EnvFilter;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `level` is a level or a filter such as `info,k3eks=debug`.
///
/// # Errors
/// A filter that can't be read.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    // Signing internals print requests with their session tokens at TRACE.
    // What the client says of a child that isn't ready yet is expected, and in the resource's status; the runtime's own
    // spans repeat ours. `level` comes last, so that it can ask for them.
    let filter = format!("kube_client=off,kube_runtime=warn,kube_leader_election=warn,{level},aws_sigv4=info");
    let filter = EnvFilter::try_new(&filter).map_err(|e| format!("--log-level {level}: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
