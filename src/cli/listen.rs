//! Serving a port until the process is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio_util::sync::CancellationToken;

/// How long requests under way have to end.
const GRACE: Duration = Duration::from_secs(10);

/// A port: where, what for, and the argument that chooses another.
#[derive(Clone, Copy)]
pub struct Port {
    /// The address.
    pub address: SocketAddr,
    /// What is served there.
    pub what: &'static str,
    /// The argument.
    pub argument: &'static str,
}

/// Serves `app`, over HTTPS where there is a certificate, until `shutdown`.
pub async fn serve(
    port: Port,
    tls: Option<RustlsConfig>,
    app: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Port { address, what, argument } = port;
    let (handle, app) = (Handle::new(), app.layer(middleware::from_fn(host)));
    // Who may use a port is told by their address.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let ending = handle.clone();
    tokio::spawn(async move {
        shutdown.cancelled().await;
        ending.graceful_shutdown(Some(GRACE));
    });
    let scheme = if tls.is_some() { "HTTPS" } else { "HTTP" };
    tracing::info!(%address, "serving {what} over {scheme}");
    let served = match tls {
        None => axum_server::bind(address).handle(handle).serve(app).await,
        Some(tls) => axum_server::bind_rustls(address, tls).handle(handle).serve(app).await,
    };
    served.with_context(|| format!("serving {address}; take another {argument} if it is in use"))
}

/// HTTP/2 names the host beside the headers; whoever looks at signatures looks for it among them.
async fn host(mut request: Request, next: Next) -> Response {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority.filter(|_| !request.headers().contains_key(header::HOST)) {
        request.headers_mut().insert(header::HOST, authority);
    }
    next.run(request).await
}

/// Makes TLS possible; to be called before a certificate is read.
pub fn enable_tls() {
    // The only error is that a provider is installed already, and then TLS works as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
