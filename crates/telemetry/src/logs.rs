//! Logs: text for people or JSON for machines, filtered by level.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::debug_fn;

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
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
    let filter = format!("kube_client=off,kube_runtime=warn,{level},aws_sigv4=info");
    let filter = EnvFilter::try_new(&filter).map_err(|e| format!("--log-level {level}: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match format {
        LogFormat::Text => builder.fmt_fields(fields()).with_ansi(ansi).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

/// The fields of a line of text: nothing in them begins another line or does something to a terminal. JSON escapes by itself.
fn fields() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    debug_fn(|writer, field, value| {
        let value = text::fit(&format!("{value:?}"), text::MESSAGE);
        if field.name() == "message" { write!(writer, "{value}") } else { write!(writer, "{field}={value}") }
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_that_is_logged_begins_another_line_or_reaches_the_terminal() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .fmt_fields(fields())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let hostile = "x\u{1b}[2J\r\n2026-01-01 INFO forged";
            tracing::info!(said = hostile, shown = %hostile, "it says {hostile}");
        });
        let text = String::from_utf8(kept.0.lock().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(!text.contains('\u{1b}') && text.contains("it says x") && text.contains("shown=x"), "{text:?}");
    }
}
