//! A log line for each exchange. Most are reads that succeed: these are at `debug`.

use tracing::{debug, info};

use super::error::ErrorCode;
use super::metrics::Exchange;
use super::sigv4::Caller;

/// Says what was asked, by whom, and what became of it.
pub fn log(exchange: &Exchange) {
    // The level is part of a line's place in the code.
    macro_rules! line {
        ($level:ident) => {{
            let caller = exchange.caller.as_ref();
            $level!(
                target: "k3eks::access",
                operation = exchange.operation.map_or("-", |operation| operation.name.as_str()),
                resource = exchange.resource,
                status = exchange.status,
                error = exchange.error.map(ErrorCode::name),
                ms = (exchange.elapsed.as_secs_f64() * 1e6).round() / 1e3,
                request_id = exchange.request_id,
                account = caller.map(|caller: &Caller| caller.account.as_str()),
                region = caller.map(|caller| caller.region.as_str()),
            );
        }};
    }
    if exchange.error.is_none() && exchange.operation.is_some_and(super::model::Operation::read_only) {
        line!(debug);
    } else {
        line!(info);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Result, Write};
    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;
    use crate::fixtures::model;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// What is logged at a level about an exchange.
    fn said(level: tracing::Level, operation: &str, error: Option<ErrorCode>) -> String {
        let exchange = Exchange {
            request_id: "one".into(),
            operation: model().operation(operation),
            resource: "demo".into(),
            caller: None,
            user_agent: None,
            status: error.map_or(200, |error| error.status().as_u16()),
            error,
            elapsed: Duration::from_millis(1),
            input: None,
            output: None,
        };
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || log(&exchange));
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_changes_something_or_fails_is_told_and_a_read_is_at_debug() {
        let (info, debug) = (tracing::Level::INFO, tracing::Level::DEBUG);
        assert!(said(info, "CreateCluster", None).contains("operation=\"CreateCluster\""));
        assert!(said(info, "DescribeCluster", Some(ErrorCode::RESOURCE_NOT_FOUND)).contains("status=404"));
        assert!(said(info, "NoSuchOperation", None).contains("operation=\"-\""));
        assert_eq!(said(info, "DescribeCluster", None), "");
        assert!(said(debug, "DescribeCluster", None).contains("operation=\"DescribeCluster\""));
    }
}
