//! The operator's own port: `/healthz`, `/readyz` and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use limits::port::Port;

/// State that the port serves.
#[derive(Clone)]
pub struct Admin {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Whether the process works: it leads, or waits for leadership.
    pub ready: Arc<AtomicBool>,
}

/// Serves until `shutdown`.
///
/// # Errors
/// The address can't be bound.
pub async fn serve(admin: Admin, address: SocketAddr, shutdown: CancellationToken) -> std::io::Result<()> {
    let app = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin);
    // Probes and scrapers are all the same here.
    Port::bind(address, |_| false)?.serve(app, shutdown).await
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the management cluster's API hasn't answered yet")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], admin.metrics.text())
}
