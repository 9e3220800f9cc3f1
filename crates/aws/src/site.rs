//! Refuses cross-site requests, which other sites' pages make a visitor's browser send.
//!
//! A page can send a form to any address. And one whose own name is made to lead here is, to a browser, of the same site: it may read
//! answers too. Where a signature is asked for it has none; where none is, the name that a request was sent to tells.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};

use super::error::ApiError;

/// Endings of names that the internet doesn't have: this machine's, a private network's, a cluster's.
const OWN: [&str; 5] = ["localhost", "test", "internal", "svc", "cluster.local"];

/// Host names that requests may use, besides addresses and local names; `None` allows all.
#[derive(Clone, Debug)]
pub struct Names(Option<Arc<[String]>>);

impl Names {
    /// Allows every name: signatures identify the sender.
    pub const fn all() -> Self {
        Self(None)
    }

    /// Addresses, names that only mean something here, and these.
    pub fn only(names: &[String]) -> Self {
        Self(Some(names.iter().map(|name| name.to_ascii_lowercase()).collect()))
    }

    /// Whether `host`, with or without a port, may be one that leads here.
    fn take(&self, host: &str) -> bool {
        let Some(given) = &self.0 else { return true };
        let host = host.to_ascii_lowercase();
        let (name, port) = host.rsplit_once(':').unwrap_or((&host, ""));
        let name = if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { &host };
        let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name);
        let own = |ending: &str| name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        literal.parse::<IpAddr>().is_ok()
            // A name of one label is a container's, a service's or a host's on this network.
            || !name.contains('.')
            || OWN.iter().any(|ending| own(ending))
            || given.iter().any(|given| given == name)
    }
}

/// Refuses requests to the host name of another site, and changes that a page of another site requests.
pub async fn guard(State(names): State<Names>, request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST);
    if let Some(other) = hosts.iter().find(|host| !host.to_str().is_ok_and(|host| names.take(host))) {
        let text = format!(
            "Requests to {} are refused: another site could have pointed its name at this address. If the name is yours, allow it with --allow-host (chart: api.hosts), or turn on signatures (api.auth=strict).",
            String::from_utf8_lossy(other.as_bytes())
        );
        return ApiError::access_denied(text).into_response();
    }
    if changes(request.method()) && is_from_elsewhere(request.headers()) {
        return ApiError::access_denied("Requests from other sites' pages are refused.").into_response();
    }
    next.run(request).await
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Browsers say where a page is from to sites that they trust, and its origin to every one.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    match header("sec-fetch-site") {
        Some(from) => !matches!(from, "same-origin" | "none"),
        None => header("origin").is_some_and(|origin| host(origin).as_deref() != header("host")),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    async fn status(names: Names, method: &str, headers: &[(&str, &str)]) -> u16 {
        let router = Router::new().route("/", any(|| async {})).layer(middleware::from_fn_with_state(names, guard));
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn a_name_that_a_stranger_can_have_leads_nowhere() {
        let names = || Names::only(&["eks.corp.example".to_owned()]);
        for own in [
            "127.0.0.1:4566",
            "172.18.0.2",
            "[::1]:4566",
            "[fd00::1]",
            "localhost:4566",
            "LocalHost",
            "a.localhost:1",
            "k3eks-api:4566",
            "k3eks-api.k3eks-system.svc",
            "k3eks-api.k3eks-system.svc.cluster.local.:4566",
            "host.docker.internal:4566",
            "eks.corp.example",
            "EKS.corp.example:4566",
        ] {
            for method in ["GET", "POST"] {
                assert_eq!(status(names(), method, &[("host", own)]).await, 200, "{method} {own}");
            }
        }
        for other in [
            "evil.example:4566",
            "evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1.nip.io:4566",
            "localhost.evil.example:4566",
            "notlocalhost.example",
            "eks.corp.example.evil.example",
            "a.eks.corp.example",
            "evil.example:4566:127.0.0.1",
            "\u{e9}.example",
        ] {
            for method in ["GET", "POST"] {
                assert_eq!(status(names(), method, &[("host", other)]).await, 403, "{method} {other}");
                assert_eq!(status(Names::all(), method, &[("host", other)]).await == 200, other.is_ascii(), "{other}");
            }
        }
        assert_eq!(status(names(), "GET", &[("host", "localhost"), ("host", "evil.example")]).await, 403);
    }

    #[tokio::test]
    async fn pages_of_other_sites_change_nothing() {
        let host = ("host", "127.0.0.1:4566");
        for (refused, told) in [
            (false, &[][..]),
            (false, &[("sec-fetch-site", "same-origin")]),
            (false, &[("sec-fetch-site", "none")]),
            (false, &[("origin", "http://127.0.0.1:4566")]),
            (true, &[("sec-fetch-site", "cross-site")]),
            (true, &[("sec-fetch-site", "same-site")]),
            (true, &[("sec-fetch-site", "Cross-Site")]),
            (true, &[("sec-fetch-site", "\u{e9}")]),
            (true, &[("sec-fetch-site", "Cross-Site"), ("origin", "http://127.0.0.1:4566")]),
            (true, &[("origin", "http://evil.example")]),
            (true, &[("origin", "http://127.0.0.1:4567")]),
            (true, &[("origin", "null")]),
            (true, &[("origin", "\u{e9}")]),
        ] {
            let headers = [&[host], told].concat();
            for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
                let expected = if refused { 403 } else { 200 };
                assert_eq!(status(Names::all(), method, &headers).await, expected, "{method} {told:?}");
            }
            assert_eq!(status(Names::all(), "GET", &headers).await, 200, "{told:?}");
        }
    }
}
