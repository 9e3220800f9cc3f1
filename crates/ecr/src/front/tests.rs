mod strict;

use tower::ServiceExt;

use super::*;

const ECR: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com";

async fn status(router: Router, method: &str, path: &str) -> u16 {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap().status().as_u16()
}

/// Nothing is behind it: what is asked for there is told by 503.
fn front() -> Arc<Front> {
    before("http://127.0.0.1:1", None)
}

fn before(engine: &str, storage: Option<PathBuf>) -> Arc<Front> {
    let schedule = Arc::new(Schedule::new(Duration::from_millis(10)));
    Arc::new(Front::new(Engine::new(engine).unwrap(), storage, None, schedule))
}

#[test]
fn a_path_has_parts() {
    let found = asked("/v2/a/manifests/b/manifests/v1").unwrap();
    assert_eq!(found, Asked { name: "a/manifests/b", kind: "manifests", reference: "v1" });
    assert_eq!(asked("/v2/a/blobs/uploads/1-2").unwrap().kind, "blobs");
    assert_eq!(asked("/v2/a/tags/list").unwrap().kind, "tags");
    for none in
        ["/v1/a/manifests/b", "/v2/a", "/v2/a/manifests/b/c", "/v2/a/blobs/uploads/../../x", "/v2/a/manifests/%2e"]
    {
        assert_eq!(asked(none), None, "{none}");
    }
}

#[test]
fn a_node_says_whose_repository_it_means() {
    assert_eq!(place("app", &format!("ns={ECR}")), Some(format!("{ECR}/app")));
    let full = format!("{ECR}/app");
    assert_eq!(place(&full, "ns=127.0.0.1:4567"), Some(full));
    assert_eq!(place("library/busybox", "ns=docker.io").as_deref(), Some("docker.io/library/busybox"));
    assert_eq!(place("busybox", "ns=localhost:5000"), None);
    assert_eq!(place("app", ""), None);
    assert_eq!(place("../app", &format!("ns={ECR}")), None);
}

#[tokio::test]
async fn nodes_read_and_get_nothing_but_repositories() {
    let ours = format!("/v2/app/manifests/v1?ns={ECR}");
    assert_eq!(status(nodes(front()), "GET", &ours).await, 503, "it is looked for");
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        assert_eq!(status(nodes(front()), method, &ours).await, 405, "{method}");
    }
    assert_eq!(
        status(nodes(front()), "GET", "/v2/library/busybox/manifests/1?ns=docker.io").await,
        503,
        "it is looked for"
    );
    for other in
        ["/v2/library/busybox/manifests/1?ns=localhost:1", "/v2/_catalog", "/v2/app/tags/list?ns=docker.io", "/"]
    {
        assert_eq!(status(nodes(front()), "GET", other).await, 404, "{other}");
    }
}

#[tokio::test]
async fn clients_name_the_registry() {
    assert_eq!(status(clients(front()), "PUT", &format!("/v2/{ECR}/app/manifests/v1")).await, 503, "it is looked for");
    assert_eq!(
        status(clients(front()), "PUT", "/v2/registry.k8s.io/pause/manifests/v1").await,
        503,
        "it is looked for"
    );
    assert_eq!(status(clients(front()), "PUT", "/v2/app/manifests/v1").await, 404);
    assert_eq!(status(clients(front()), "POST", "/v2/_catalog").await, 404);
    assert_eq!(status(clients(front()), "GET", HEALTH).await, 503);
}

#[test]
fn times_are_read_as_they_are_written() {
    let written = Timestamp::from_second(1_800_000_000).unwrap();
    assert_eq!(time(http_time(written).unwrap().to_str().unwrap()), Some(written));
}

#[tokio::test]
async fn manifests_without_a_tag_are_told_of_repositories() {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join(format!("docker/registry/v2/repositories/{ECR}/app/_manifests/revisions/sha256/aa"));
    std::fs::create_dir_all(&one).unwrap();
    std::fs::write(one.join("link"), "sha256:aa").unwrap();
    let front = before("http://127.0.0.1:1", Some(folder.path().to_owned()));
    let evaluated = Timestamp::now();
    front.schedule.evaluated(&format!("{ECR}/app"), evaluated);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, clients(front)).await.unwrap() });
    let found = Engine::new(&url).unwrap().inventory(&format!("{ECR}/app")).await.unwrap().unwrap();
    assert_eq!(found.revisions.iter().map(|one| one.digest.as_str()).collect::<Vec<_>>(), ["sha256:aa"]);
    assert_eq!(found.evaluated_at, Some(evaluated));
    for other in ["app", "..", "docker.io/app"] {
        assert_eq!(Engine::new(&url).unwrap().inventory(other).await.unwrap(), None, "{other}");
    }
    assert_eq!(status(clients(self::front()), "GET", &format!("{INVENTORY}{ECR}/app")).await, 404, "without a folder");
}

#[tokio::test]
async fn lifecycle_policies_wait_for_writes() {
    let front = before(&crate::fake_registry::listen().await, None);
    let repository = format!("{ECR}/app");
    assert_eq!(status(clients(Arc::clone(&front)), "GET", &format!("/v2/{repository}/manifests/v1")).await, 404);
    assert!(!front.schedule.is_written(&repository), "it was read");
    let record = format!("/v2/{repository}/manifests/{}", record::TAG);
    assert_eq!(status(clients(Arc::clone(&front)), "PUT", &record).await, 201);
    assert_eq!(front.schedule.due().await, repository);
    assert_eq!(status(clients(Arc::clone(&front)), "PUT", "/v2/docker.io/app/manifests/v1").await, 201);
    assert!(!front.schedule.is_written("docker.io/app"), "copies have no policies");
}
