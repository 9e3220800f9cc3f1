//! Who may use the EKS API's port, by their address: child clusters are on the network of the management cluster's nodes, and none of
//! their pods is to rule the others.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use aws::error::ApiError;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;

/// The health check: kubelets call it from addresses that no list has.
const HEALTH: &str = "/_k3eks/health";

/// A network, and whether its addresses are allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    net: IpNet,
    out: bool,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (out, net) = text.strip_prefix('!').map_or((false, text), |net| (true, net));
        let one = net.parse::<IpAddr>().map(IpNet::from);
        let net = one.or_else(|_| net.parse::<IpNet>());
        let net =
            net.map_err(|_| "give an address or a network such as 172.18.0.1, 10.42.0.0/16 or !10.42.0.1".to_owned())?;
        Ok(Self { net, out })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.out { "!" } else { "" }, self.net)
    }
}

/// Refuses addresses that `allowed` doesn't contain or denies, apart from this host. An empty list allows all.
pub fn guard(router: Router, allowed: &[Source]) -> Router {
    if allowed.is_empty() {
        return router;
    }
    let allowed: Arc<[Source]> = allowed.into();
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let allowed = Arc::clone(&allowed);
        async move { check(&allowed, request, next).await }
    }))
}

async fn check(allowed: &[Source], request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    if request.uri().path() == HEALTH || peer.is_some_and(|peer| admits(allowed, peer)) {
        return next.run(request).await;
    }
    let peer = peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.to_string());
    tracing::debug!(peer, "kept out");
    let text = format!("Requests from {peer} are refused here: it is none of the addresses that may use this port.");
    ApiError::access_denied(text).into_response()
}

fn admits(allowed: &[Source], peer: IpAddr) -> bool {
    let named = |out: bool| allowed.iter().any(|source| source.out == out && source.net.contains(&peer));
    peer.is_loopback() || (named(false) && !named(true))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn status(allowed: &[&str], peer: Option<&str>, path: &str) -> u16 {
        let allowed: Vec<Source> = allowed.iter().map(|net| net.parse().unwrap()).collect();
        let router = Router::new().route("/clusters", get(|| async {})).route(HEALTH, get(|| async {}));
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        }
        // What a stranger says of where it comes from counts for nothing.
        request.headers_mut().insert("x-forwarded-for", "127.0.0.1".parse().unwrap());
        guard(router, &allowed).oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn only_this_host_and_those_that_are_named_are_let_in() {
        let allowed = ["172.18.0.1", "10.42.0.0/16", "!10.42.0.1"];
        for peer in ["172.18.0.1", "::ffff:172.18.0.1", "10.42.0.7", "127.0.0.1", "::1"] {
            assert_eq!(status(&allowed, Some(peer), "/clusters").await, 200, "{peer}");
        }
        for peer in ["172.18.0.3", "10.42.0.1", "10.43.0.1", "fd00::1", "::ffff:172.18.0.3"] {
            assert_eq!(status(&allowed, Some(peer), "/clusters").await, 403, "{peer}");
            assert_eq!(status(&allowed, Some(peer), HEALTH).await, 200, "{peer}");
        }
        assert_eq!(status(&allowed, None, "/clusters").await, 403);
        assert_eq!(status(&[], Some("172.18.0.3"), "/clusters").await, 200);
    }
}
