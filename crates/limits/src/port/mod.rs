//! A port open to strangers, with limits on connections, time and bytes.
//!
//! Limits apply to everybody; authenticated clients come first. With too many connections, the least recently used one
//! is closed, a stranger's before others', so that a flood keeps no known client out. Only HTTP/1.1 is served, one request at a
//! time on each connection.

mod connections;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use connections::{Connections, Guard, Place};
pub use settings::Limits;

/// Grace period for open requests when the process stops.
const GRACE: Duration = Duration::from_secs(10);

/// Connections that wait to be accepted; one more isn't answered, and its client tries again after a second.
const WAITING: u32 = 1024;

/// Says of an answer whether it shows that who asked is known.
pub type Known = fn(&Response) -> bool;

/// A port to be served.
pub struct Port {
    /// Where.
    pub listener: std::net::TcpListener,
    /// With a certificate it speaks HTTPS.
    pub tls: Option<RustlsConfig>,
    /// Limits.
    pub limits: Limits,
    /// Tells whether an answer proves that the client is authenticated.
    pub known: Known,
}

impl Port {
    /// A port for HTTP at `address`. Call it within a tokio runtime.
    ///
    /// # Errors
    /// The address can't be bound.
    pub fn bind(address: SocketAddr, known: Known) -> std::io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(WAITING)?.into_std()?;
        Ok(Self { listener, tls: None, limits: Limits::default(), known })
    }

    /// Serves `app` until `shutdown`.
    ///
    /// # Errors
    /// The listener can't be used.
    pub async fn serve(self, app: Router, shutdown: CancellationToken) -> std::io::Result<()> {
        let Self { listener, tls, limits, known } = self;
        let app = app.layer(middleware::from_fn(host)).layer(middleware::from_fn_with_state((limits, known), bounded));
        let handle = Handle::new();
        let ending = handle.clone();
        tokio::spawn(async move {
            shutdown.cancelled().await;
            ending.graceful_shutdown(Some(GRACE));
        });
        let guard = Guard::new(Arc::new(Connections::new(limits)));
        let mut server = axum_server::from_tcp(listener)?;
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_headers(limits.headers)
            .max_buf_size(limits.head_bytes);
        let server = server.handle(handle);
        // Addresses decide who may use a port.
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        match tls {
            // An acceptor makes a server forget what it is to speak.
            None => server.acceptor(guard).http1_only().serve(app).await,
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(only_http1(&tls)).acceptor(guard);
                server.acceptor(acceptor).http1_only().serve(app).await
            }
        }
    }
}

fn only_http1(tls: &RustlsConfig) -> RustlsConfig {
    let mut config = (*tls.get_inner()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    RustlsConfig::from_config(Arc::new(config))
}

/// Answers within the time, and remembers who is known.
async fn bounded(State((limits, known)): State<(Limits, Known)>, request: Request, next: Next) -> Response {
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let response = tokio::time::timeout(limits.request_time, next.run(request)).await;
    let response = response.unwrap_or_else(|_| {
        let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
        (StatusCode::REQUEST_TIMEOUT, close, "the request took too long\n").into_response()
    });
    if let Some(place) = place {
        place.used(known(&response));
    }
    response
}

/// A request's line may name the host instead of the headers; the check of signatures looks for it among them.
async fn host(mut request: Request, next: Next) -> Response {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority.filter(|_| !request.headers().contains_key(header::HOST)) {
        request.headers_mut().insert(header::HOST, authority);
    }
    next.run(request).await
}

/// Installs the TLS provider. Call it before reading a certificate.
pub fn enable_tls() {
    // The only error is that a provider is installed already, and then TLS works as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests;
