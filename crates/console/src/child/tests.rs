use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream;
use kube::Client;
use parking_lot::{Mutex, MutexGuard};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use aws::body::Bodies;
use aws::events::EventLog;
use aws::sigv4::{Authenticator, Key, Mode};
use aws::site::Names;
use eks::operations::{EksState, Quotas, Settings};
use store::Store;

const HOST: &str = "localhost:4566";
const VIEWER: &str = "k8s-aws-v1.viewer";
const NOBODY: &str = "k8s-aws-v1.nobody";

/// What a cluster was asked: method, path, the token, and who asked as an audit log has it.
type Question = (String, String, String, String);
type Asked = Arc<Mutex<Vec<Question>>>;

fn failure(code: u16, message: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "", "code": code});
    (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
}

/// A cluster's API server that knows one person, who may list everything and nothing else.
async fn child(asked: Asked, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    let of = |name| head.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let token = of("authorization");
    asked.lock().push((head.method.to_string(), path.clone(), token.clone(), of("user-agent")));
    if token != format!("Bearer {VIEWER}") {
        return failure(401, "Unauthorized");
    }
    let body: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap_or_default();
    match head.uri.path() {
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => {
            Json(json!({"status": {"userInfo": {"username": "ann", "groups": ["viewers"]}}})).into_response()
        }
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let asked = &body["spec"]["resourceAttributes"];
            let within = if asked["resource"] == "nodes" || asked["resource"] == "namespaces" { "" } else { "a" };
            let allowed = asked["verb"] == "list" && asked["namespace"] == within;
            Json(json!({"status": {"allowed": allowed}})).into_response()
        }
        "/api/v1/pods" => {
            let pod = |n| {
                json!({"metadata": {"name": format!("p{n}"), "namespace": "a", "managedFields": [1]}, "status": {"phase": "Running"},
                    "spec": {"nodeName": "n", "containers": [{"name": "c", "env": [{"name": "PASSWORD", "value": "s3cret"}]}]}})
            };
            Json(json!({"metadata": {}, "items": (0..600).map(pod).collect::<Vec<_>>()})).into_response()
        }
        "/api/v1/nodes" if path.ends_with("?labelSelector=%21eks.amazonaws.com/nodegroup") => {
            let node = |name| json!({"metadata": {"name": name}});
            Json(json!({"items": [node("made-b"), node("made-a"), node("../x")]})).into_response()
        }
        "/api/v1/nodes" => endless().into_response(),
        "/api/v1/services" => "no list at all".into_response(),
        path if path.ends_with("/log") => endless().into_response(),
        _ => failure(403, "pods is forbidden: User \"ann\" cannot do it"),
    }
}

fn endless() -> Body {
    let block = Bytes::from("a".repeat(1023) + "\n");
    Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(block.clone())))
}

/// The page's routes, a management cluster with one cluster of account 111111111111 in it, and that cluster.
struct Environment {
    routes: Router,
    asked: Asked,
}

async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A store of a management cluster that has `cluster` and its kubeconfig Secret; `kubeconfig` is told how
/// often the Secret was read before.
fn store_of(cluster: Value, kubeconfig: impl Fn(usize) -> Value + Send + Sync + 'static) -> Store {
    let reads = AtomicUsize::new(0);
    let management = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let body = if query.contains("watch=true") {
            Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())
        } else if path.contains("/secrets/") {
            let owner =
                json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "name": "demo", "uid": "1"});
            let value = STANDARD.encode(kubeconfig(reads.fetch_add(1, Ordering::Relaxed)).to_string());
            let metadata = json!({"name": "demo-kubeconfig", "ownerReferences": [owner]});
            Body::from(json!({"metadata": metadata, "data": {"value": value}}).to_string())
        } else {
            let items = if path.ends_with("/eksclusterconfigs") { vec![cluster.clone()] } else { Vec::new() };
            Body::from(json!({"metadata": {"resourceVersion": "1"}, "items": items}).to_string())
        };
        async move { Ok::<_, Infallible>(http::Response::new(body)) }
    });
    Store::start(Client::new(management, "default"), "default", None, CancellationToken::new())
}

impl Environment {
    async fn new(mode: Mode, status: Value) -> Self {
        Self::after(0, mode, status).await
    }

    /// For so many readers the kubeconfig is one of before, which leads nowhere.
    async fn after(readers: usize, mode: Mode, status: Value) -> Self {
        let asked = Asked::default();
        let of_child = Arc::clone(&asked);
        let server =
            listen(Router::new().fallback(move |request: Request| child(Arc::clone(&of_child), request))).await;
        let kubeconfig = |server: &str| {
            json!({
                "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": server}}],
                "users": [{"name": "c", "user": {"token": "the-administrator"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
            })
        };
        let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (before, now) = (kubeconfig(&format!("http://{nowhere}")), kubeconfig(&server));
        let mut cluster = json!({
            "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig",
            "metadata": {"name": "demo", "namespace": "default", "uid": "1", "resourceVersion": "1"},
            "spec": {"accountID": "111111111111"},
            "status": {"phase": "Active", "endpoint": server, "kubeconfigSecret": "demo-kubeconfig",
                "applied": {"provider": "k3d", "name": "demo-1", "version": "1.36", "image": "i"}},
        });
        cluster["status"].as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
        let store =
            store_of(cluster, move |secret_reads| if secret_reads < readers { before.clone() } else { now.clone() });
        store.filled().await;
        let settings = Settings {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            default_version: "1.35".into(),
            versions: vec!["1.35".into()],
            quotas: Quotas::default(),
            settle: std::time::Duration::ZERO,
        };
        let key = |(id, account): (&str, &str)| {
            (id.to_owned(), Arc::new(Key::new(id, "s", account, &format!("arn:aws:iam::{account}:user/ann"))))
        };
        let keys = HashMap::from([("AKIAOWN", "111111111111"), ("AKIAOTHER", "222222222222")].map(key));
        let app = Arc::new(AppState {
            api: Arc::new(EksState::new(store, settings)),
            authenticator: Authenticator::new(mode, Arc::new(keys), "000000000000", "us-east-1"),
            metrics: Registry::default(),
            events: Arc::new(EventLog::new(1)),
            ready: Arc::new(AtomicBool::new(true)),
            bodies: Bodies::new(1024),
            answers: Bodies::new(1024),
            ecr: false,
            names: Names::all(),
        });
        Self { routes: routes(Arc::new(ChildState { app, proxy: ChildProxy::new(false) })), asked }
    }

    async fn active(mode: Mode) -> Self {
        Self::new(mode, json!({})).await
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Question>> {
        self.asked.lock()
    }

    async fn send(&self, request: http::Request<Body>) -> (StatusCode, String) {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Asks with a token, and without a signature.
    async fn get(&self, rest: &str, token: &str) -> (StatusCode, String) {
        self.send(request("GET", rest).header(TOKEN, token).body(Body::empty()).unwrap()).await
    }
}

fn request(method: &str, rest: &str) -> http::request::Builder {
    let uri = format!("http://{HOST}/_k3eks/console/clusters/default/demo/child/{rest}");
    http::Request::builder().method(method).uri(uri)
}

/// Signed with a key, as EKS wants it.
fn signed(key: &str, rest: &str, token: &str) -> http::Request<Body> {
    let identity = Credentials::new(key, "s", None, None, "test").into();
    let params =
        v4::SigningParams::builder().identity(&identity).region("us-east-1").name("eks").time(SystemTime::now());
    let params = params.settings(SigningSettings::default()).build().unwrap().into();
    let mut request = request("GET", rest).header("host", HOST).body(Body::empty()).unwrap();
    let uri = request.uri().to_string();
    let signable = SignableRequest::new("GET", &uri, [("host", HOST)].into_iter(), SignableBody::Bytes(b"")).unwrap();
    sign(signable, &params).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
    request.headers_mut().insert(TOKEN, token.parse().unwrap());
    request
}

#[tokio::test]
async fn the_cluster_sees_the_users_token_and_never_the_administrators() {
    let env = Environment::active(Mode::Permissive).await;
    for rest in ["rights", "objects/pods", "objects/nodes", "log?namespace=a&pod=p&container=c", "audit"] {
        env.get(rest, VIEWER).await;
        env.get(rest, NOBODY).await;
    }
    env.send(request("DELETE", "pods/a/p").header(TOKEN, VIEWER).body(Body::empty()).unwrap()).await;
    let asked = env.asked();
    assert!(asked.len() > 8, "{asked:?}");
    let brought = [VIEWER, NOBODY].map(|token| format!("Bearer {token}"));
    assert!(asked.iter().all(|(_, _, token, _)| brought.contains(token)), "{asked:?}");
    assert!(
        asked.iter().any(|(method, path, ..)| method == "DELETE" && path == "/api/v1/namespaces/a/pods/p"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_audit_log_tells_the_pages_requests_from_others() {
    let env = Environment::active(Mode::Permissive).await;
    for rest in ["rights", "objects/pods", "log?namespace=a&pod=p&container=c", "audit"] {
        env.get(rest, VIEWER).await;
    }
    let asked = env.asked();
    assert!(asked.len() > 4 && asked.iter().all(|(.., agent)| agent == "k3eks-console"), "{asked:?}");
}

#[tokio::test]
async fn the_audit_log_is_that_of_the_server_s_node_object() {
    let env = Environment::active(Mode::Permissive).await;
    for (server, node) in [(1, "made-a"), (2, "made-b")] {
        env.get(&format!("audit?server={server}"), VIEWER).await;
        let path = format!("/api/v1/nodes/{node}/proxy/logs/k3eks/audit.log");
        assert!(env.asked().iter().any(|(_, asked, ..)| *asked == path), "{path}: {:?}", env.asked());
    }
    assert_eq!(env.get("audit?server=0", VIEWER).await.0, 400, "no name of a node");
    assert_eq!(env.get("audit?server=3", VIEWER).await.0, 404, "there are three servers");
}

#[tokio::test]
async fn another_account_finds_no_cluster_and_the_cluster_hears_of_nothing() {
    let env = Environment::active(Mode::Strict).await;
    for rest in ["rights", "objects/pods", "log?namespace=a&pod=p&container=c", "audit"] {
        let (status, body) = env.send(signed("AKIAOTHER", rest, VIEWER)).await;
        assert_eq!(status, 404, "{rest}: {body}");
        assert_eq!(env.get(rest, VIEWER).await.0, 403, "unsigned");
    }
    assert_eq!(env.asked().len(), 0);
    assert_eq!(env.send(signed("AKIAOWN", "rights", VIEWER)).await.0, 200);
    let (_, body) = env.send(signed("AKIAOWN", "rights", NOBODY)).await;
    assert!(body.contains("arn:aws:iam::111111111111:user/ann") && body.contains("create-access-entry"), "{body}");
}

#[tokio::test]
async fn rights_are_what_the_cluster_says() {
    let env = Environment::active(Mode::Permissive).await;
    let (_, body) = env.get("rights?namespace=a", VIEWER).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["user"], json!({"name": "ann", "groups": ["viewers"]}));
    for list in ["nodes", "node-usage", "pods", "deployments", "claims", "events"] {
        assert_eq!(body["may"][list], true, "{list}");
    }
    for deed in ["log", "delete-pods", "audit"] {
        assert_eq!(body["may"][deed], false, "{deed}");
    }
    let (status, body) = env.get("rights", NOBODY).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["user"]), (StatusCode::OK, &Value::Null));
    assert!(body["why"].as_str().unwrap().contains("Sign in"), "{body}");
}

#[tokio::test]
async fn refusals_of_the_cluster_are_told_in_words() {
    let env = Environment::active(Mode::Permissive).await;
    let (status, body) = env.get("objects/deployments", VIEWER).await;
    assert_eq!(status, 403);
    assert!(body.contains("doesn't allow it") && body.contains("cannot do it"), "{body}");
    let (status, body) = env.get("objects/deployments", NOBODY).await;
    assert_eq!(status, 403);
    assert!(body.contains("Sign in"), "{body}");
    let (status, body) = env.get("objects/services", VIEWER).await;
    assert_eq!(status, 503, "{body}");
}

#[tokio::test]
async fn of_objects_only_what_is_shown_is_passed_on_and_no_more_than_a_page() {
    let env = Environment::active(Mode::Permissive).await;
    let (status, body) = env.get("objects/pods", VIEWER).await;
    assert_eq!(status, 200);
    assert!(!body.contains("s3cret") && !body.contains("managedFields"));
    let body: Value = serde_json::from_str(&body).unwrap();
    let pod = json!({"metadata": {"name": "p0", "namespace": "a"}, "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
        "status": {"phase": "Running"}});
    assert_eq!((&body["items"][0], body["items"].as_array().unwrap().len(), &body["more"]), (&pod, 500, &json!(true)));
}

#[tokio::test]
async fn a_cluster_that_answers_without_an_end_is_heard_only_so_far() {
    let env = Environment::active(Mode::Permissive).await;
    let (status, body) = env.get("objects/nodes", VIEWER).await;
    assert_eq!(status, 503);
    assert!(body.contains("longer than"), "{body}");
    for follow in [true, false] {
        let (status, body) = env.get(&format!("log?namespace=a&pod=p&container=c&follow={follow}"), VIEWER).await;
        assert_eq!(status, 200);
        assert!(body.len() < 5 * 1024 * 1024 && body.contains("No more of this log"), "{} bytes", body.len());
    }
}

#[tokio::test]
async fn a_way_in_that_leads_nowhere_is_looked_up_anew() {
    let env = Environment::after(1, Mode::Permissive, json!({})).await;
    assert_ne!(env.get("objects/pods", VIEWER).await.0, 200);
    assert_eq!(
        env.get("objects/pods", VIEWER).await.0,
        200,
        "the endpoint stayed, the certificate authority may not have"
    );
}

#[tokio::test]
async fn nothing_else_can_be_asked() {
    let env = Environment::active(Mode::Permissive).await;
    for rest in [
        "objects/secrets",
        "objects/pods?namespace=..%2F..",
        "objects/pods?namespace=a%2Fb",
        "log?namespace=a&pod=p%3Fx&container=c",
        "log?namespace=a&pod=p&container=c%26x",
        "rights?namespace=A",
    ] {
        let (status, body) = env.get(rest, VIEWER).await;
        assert_eq!(status, 400, "{rest}: {body}");
    }
    for token in ["", "eyJhbGciOiJSUzI1NiJ9.pod", "Bearer k8s-aws-v1.x"] {
        assert_eq!(env.get("objects/pods", token).await.0, 403, "{token}");
    }
    assert_eq!(env.asked().len(), 0);
}

#[tokio::test]
async fn a_cluster_of_which_nothing_runs_is_not_asked() {
    let records =
        json!({"applied": {"provider": "metadata", "name": "demo", "version": "", "image": "", "serviceCidr": ""}});
    for (status, word) in
        [(json!({"phase": "Stopped"}), "stopped"), (json!({"hibernated": "1"}), "sleeps"), (records, "record")]
    {
        let env = Environment::new(Mode::Permissive, status).await;
        let (status, body) = env.get("rights", VIEWER).await;
        assert_eq!(status, 400);
        assert!(body.contains(word), "{body}");
        assert_eq!(env.asked().len(), 0);
    }
}
