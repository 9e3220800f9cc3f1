use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::fixtures;
use crate::registries::DefaultRegistries;

/// A management cluster that has these objects, by the path of the API.
fn with(objects: Vec<(&'static str, Value)>) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let found = objects.iter().find(|(path, _)| *path == request.uri().path()).map(|(_, object)| object.clone());
        async move {
            let missing = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404});
            let status = if found.is_some() { 200 } else { 404 };
            let body = Body::from(found.unwrap_or(missing).to_string().into_bytes());
            Ok::<_, std::convert::Infallible>(http::Response::builder().status(status).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

async fn resolved(registries: Value, objects: Vec<(&'static str, Value)>) -> (NodeRegistries, Vec<String>) {
    let cluster = fixtures::cluster(json!({"registries": registries}), Value::Null);
    let wanted = Wanted::of(&cluster, &DefaultRegistries::default());
    resolve(&with(objects), &wanted, None).await.unwrap()
}

fn configs() -> Value {
    json!({
        "mirrors": [{"registry": "docker.io", "endpoints": ["https://mirror"]}],
        "configs": [{"registry": "mirror", "authSecretRef": {"name": "login"}, "caConfigMapRef": {"name": "authority"}}],
    })
}

#[tokio::test]
async fn what_is_named_is_read_in_the_namespace_of_the_cluster() {
    let pem = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem();
    let encoded = |text: &str| STANDARD.encode(text);
    let login = json!({"metadata": {"name": "login"}, "type": "kubernetes.io/basic-auth",
        "data": {"username": encoded("robot"), "password": encoded("hush")}});
    let authority = json!({"metadata": {"name": "authority"}, "data": {"ca.crt": pem}});
    let (found, missing) = resolved(
        configs(),
        vec![
            ("/api/v1/namespaces/default/secrets/login", login),
            ("/api/v1/namespaces/default/configmaps/authority", authority),
        ],
    )
    .await;
    assert_eq!(missing, Vec::<String>::new());
    assert!(found.complete);
    let config = &found.configs["mirror"];
    assert_eq!(config.credentials.as_ref().unwrap().username, "robot");
    assert_eq!(config.ca_pem.as_deref(), Some(pem.replace("\r\n", "\n").as_str()));
    assert_eq!(found.mirrors[0].endpoints, ["https://mirror"]);
}

#[tokio::test]
async fn what_is_missing_is_named_with_the_way_out_and_the_rest_is_known() {
    let (found, missing) = resolved(configs(), Vec::new()).await;
    assert!(!found.complete && found.mirrors.len() == 1 && found.configs["mirror"].credentials.is_none());
    assert!(missing[0].starts_with("registry mirror: Secret default/login doesn't exist; create it: kubectl -n default create secret docker-registry login --docker-server=mirror"), "{missing:?}");
    assert!(missing[1].starts_with("registry mirror: ConfigMap default/authority doesn't exist; create it: kubectl -n default create configmap authority --from-file=ca.crt=FILE"), "{missing:?}");
}

#[tokio::test]
async fn a_key_that_is_missing_or_has_something_else_is_named() {
    let of = |data: Value| {
        let registries = json!({"configs": [{"registry": "mirror", "caSecretRef": {"name": "ca", "key": "tls.crt"}}]});
        let secret = json!({"metadata": {"name": "ca"}, "data": data});
        resolved(registries, vec![("/api/v1/namespaces/default/secrets/ca", secret)])
    };
    let (_, missing) = of(json!({})).await;
    assert!(missing[0].contains("Secret default/ca has no text in its key tls.crt; create it: kubectl"), "{missing:?}");
    let (_, missing) = of(json!({"tls.crt": STANDARD.encode("nothing")})).await;
    assert!(missing[0].contains("has no certificate in PEM in its key tls.crt"), "{missing:?}");
}
