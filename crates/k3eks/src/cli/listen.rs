//! Serving a port until the process is told to stop.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use limits::port;
use tokio_util::sync::CancellationToken;

/// A port: where, what for, and the argument that chooses another.
#[derive(Clone, Copy)]
pub struct Port {
    /// The address.
    pub address: SocketAddr,
    /// What is served there.
    pub what: &'static str,
    /// The argument.
    pub argument: &'static str,
    /// Tells whether an answer proves that the client is authenticated.
    pub known: fn(&Response) -> bool,
}

/// Serves `app`, over HTTPS where there is a certificate, until `shutdown`.
pub async fn serve(
    port: Port,
    tls: Option<RustlsConfig>,
    app: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Port { address, what, argument, known } = port;
    let scheme = if tls.is_some() { "HTTPS" } else { "HTTP" };
    tracing::info!(%address, "serving {what} over {scheme}");
    let serving = async {
        let port = port::Port { tls, ..port::Port::bind(address, known)? };
        port.serve(app, shutdown).await
    };
    serving.await.with_context(|| format!("serving {address}; take another {argument} if it is in use"))
}
