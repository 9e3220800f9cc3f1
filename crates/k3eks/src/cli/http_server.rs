//! Serves a port until shutdown.

use std::net::SocketAddr;

use anyhow::Context;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::{Router, middleware};
use axum_server::tls_rustls::RustlsConfig;
use limits::port::{self, Limits};
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
    serve_within(Limits::default(), port, tls, app, shutdown).await
}

/// The same within other limits.
pub async fn serve_within(
    limits: Limits,
    port: Port,
    tls: Option<RustlsConfig>,
    app: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Port { address, what, argument, known } = port;
    let scheme = if tls.is_some() { "HTTPS" } else { "HTTP" };
    tracing::info!(%address, "serving {what} over {scheme}");
    let serving = async {
        let port = port::Port { tls, limits, ..port::Port::bind(address, known)? };
        port.serve(as_said(app), shutdown).await
    };
    serving.await.with_context(|| format!("serving {address}; take another {argument} if it is in use"))
}

/// Keeps browsers from taking an answer, an error too, for something else than it says it is.
fn as_said(app: Router) -> Router {
    app.layer(middleware::map_response(unsniffed))
}

async fn unsniffed(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn every_answer_says_that_it_is_what_it_says() {
        let app =
            Router::new().route("/", get(|| async { "ok" })).route("/no", get(|| async { StatusCode::FORBIDDEN }));
        let app = as_said(app);
        for (method, path, status) in
            [("GET", "/", 200), ("GET", "/no", 403), ("GET", "/nowhere", 404), ("PUT", "/", 405)]
        {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status, "{method} {path}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{method} {path}");
        }
    }
}
