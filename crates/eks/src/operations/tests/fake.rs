//! An API server in memory, and the operations on top of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Method, Request, Response};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model;
use crate::operations::{EksState, Quotas, Settings, handlers};
use aws::error::ApiError;
use aws::handlers::Context;
use aws::paging::PageRequest;
use aws::sigv4::Caller;
use store::{Kind, ROOM, Store};

/// Who calls, unless a test says otherwise.
pub const MAKER: &str = "arn:aws:iam::000000000000:role/maker";

/// Plural and name.
type Key = (String, String);

#[derive(Default)]
struct Objects {
    all: BTreeMap<Key, Value>,
    version: u64,
    /// Plural of which the next object can't be made.
    refused: Option<&'static str>,
}

impl Objects {
    fn put(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.all.insert(key, object.clone());
        object
    }

    fn answer(&mut self, method: &Method, key: Key, sent: Value) -> (u16, Value) {
        let found = self.all.get(&key).cloned();
        match (method, found) {
            (&Method::POST, _) if self.refused.take_if(|plural| *plural == key.0).is_some() => failure(503, "Busy"),
            (&Method::POST, Some(_)) => failure(409, "AlreadyExists"),
            (&Method::POST, None) => {
                let mut object = sent;
                let metadata = &mut object["metadata"];
                metadata["creationTimestamp"] = json!(Timestamp::now().to_string());
                metadata["generation"] = json!(1);
                metadata["uid"] = json!(Uuid::new_v4().to_string());
                (201, self.put(key, object))
            }
            (_, None) => failure(404, "NotFound"),
            (&Method::GET, Some(object)) => (200, object),
            (&Method::PUT, Some(object)) => {
                let mut wanted = sent;
                if wanted["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
                    return failure(409, "Conflict");
                }
                let changed = i64::from(wanted["spec"] != object["spec"]);
                let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
                wanted["metadata"]["generation"] = json!(generation + changed);
                (200, self.put(key, wanted))
            }
            (&Method::DELETE, Some(object)) => {
                let uid = &sent["preconditions"]["uid"];
                if !uid.is_null() && *uid != object["metadata"]["uid"] {
                    return failure(409, "Conflict");
                }
                self.all.remove(&key);
                (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
            _ => failure(405, "MethodNotAllowed"),
        }
    }
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason,
        "code": code});
    (code, status)
}

/// The operations, and what stands behind them.
pub struct World {
    objects: Arc<Mutex<Objects>>,
    api: Arc<EksState>,
}

impl World {
    /// A world without anything in it.
    pub async fn new() -> Self {
        Self::waiting(Duration::ZERO).await
    }

    /// A world whose calls on records wait for so long at most.
    pub async fn waiting(settle: Duration) -> Self {
        Self::with(settle, ROOM).await
    }

    /// A world in which an account's records may have so many MiB.
    pub async fn with_room_for(mebibytes: usize) -> Self {
        Self::with(Duration::ZERO, mebibytes).await
    }

    async fn with(settle: Duration, mebibytes: usize) -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let served = Arc::clone(&objects);
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let objects = Arc::clone(&served);
            async move { Ok::<_, Infallible>(serve(&objects, request).await) }
        });
        let client = Client::new(service, "default");
        let store = Store::start(client, "default", None, CancellationToken::new()).with_room_for(mebibytes);
        store.filled().await;
        let settings = Settings {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            default_version: "1.35".into(),
            versions: vec!["1.34".into(), "1.35".into(), "1.36".into()],
            quotas: Quotas::default(),
            settle,
        };
        Self { objects, api: Arc::new(EksState::new(store, settings)) }
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock()
    }

    /// Names of the objects of a kind.
    pub fn names(&self, plural: &str) -> Vec<String> {
        self.objects().all.keys().filter(|(of, _)| of == plural).map(|(_, name)| name.clone()).collect()
    }

    /// An object as it is.
    pub fn object(&self, plural: &str, name: &str) -> Value {
        self.objects().all[&(plural.to_owned(), name.to_owned())].clone()
    }

    /// Lets the next object of a kind not be made.
    pub fn refuse(&self, plural: &'static str) {
        self.objects().refused = Some(plural);
    }

    /// Changes an object past the EKS API, which notices it.
    pub async fn edit<K: Kind>(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let key = (K::plural(&()).into_owned(), name.to_owned());
        {
            let mut objects = self.objects();
            let mut object = objects.all[&key].clone();
            edit(&mut object);
            objects.put(key, object);
        }
        self.api.store.fetch::<K>("default", name).await.unwrap();
        self.api.store.notice();
    }

    /// Calls an operation.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_as(MAKER, operation, input).await
    }

    /// Calls an operation as somebody, in their own account.
    pub async fn call_as(&self, who: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        let caller = Caller {
            account: who.split(':').nth(4).unwrap_or_default().into(),
            region: "us-east-1".into(),
            access_key_id: None,
            principal_arn: who.into(),
            identity_arn: who.into(),
            verified: false,
        };
        let operation = model::eks().operation(operation).unwrap();
        let state = Arc::clone(&self.api);
        let context = Context { state, caller, request_id: String::new(), operation, page: PageRequest::default() };
        handlers().call(context, input.as_object().unwrap().clone()).await
    }

    /// A cluster that works.
    pub async fn cluster(&self, name: &str) {
        self.create_cluster(name, json!({})).await.unwrap();
        self.active::<crd::EKSClusterConfig>(name).await;
    }

    /// CreateCluster with more than it needs.
    pub async fn create_cluster(&self, name: &str, more: Value) -> Result<Value, ApiError> {
        let mut input = json!({"name": name, "roleArn": "arn:aws:iam::000000000000:role/r", "resourcesVpcConfig": {}});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("CreateCluster", input).await
    }

    /// Lets an object work as its spec asks.
    pub async fn active<K: Kind>(&self, name: &str) {
        self.edit::<K>(name, |object| {
            let generation = object["metadata"]["generation"].clone();
            object["status"] = json!({"phase": "Active", "observedGeneration": generation});
        })
        .await;
    }
}

async fn serve(objects: &Mutex<Objects>, request: Request<kube::client::Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let sent = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
    let mut path = head.uri.path().trim_matches('/').split('/').skip(3);
    let mut plural = path.next().unwrap_or_default();
    if plural == "namespaces" {
        plural = path.nth(1).unwrap_or_default();
    }
    let is_watch = head.uri.query().is_some_and(|query| query.contains("watch=true"));
    let (status, answer) = match (path.next(), sent) {
        (None, _) if is_watch => {
            let silence = futures::stream::pending::<Result<Vec<u8>, Infallible>>();
            return Response::new(Body::from_stream(silence));
        }
        (None, sent) if head.method == Method::POST => {
            let name = sent["metadata"]["name"].as_str().unwrap().to_owned();
            objects.lock().answer(&head.method, (plural.to_owned(), name), sent)
        }
        (None, _) => (200, json!({"metadata": {"resourceVersion": "0"}, "items": []})),
        (Some(name), sent) => objects.lock().answer(&head.method, (plural.to_owned(), name.to_owned()), sent),
    };
    Response::builder().status(status).body(Body::from(answer.to_string())).unwrap()
}
