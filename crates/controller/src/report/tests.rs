use std::sync::Arc;

use http_body_util::BodyExt;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::cluster;
use crd::conditions::{Health, conditions};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// Method and body of each request.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// A client that keeps what it is asked and agrees to everything.
fn listening() -> (kube::Client, Heard) {
    let heard = Heard::default();
    let keeps = heard.clone();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let keeps = keeps.clone();
        async move {
            let method = request.method().to_string();
            let body = request.into_body().collect().await?.to_bytes();
            keeps.lock().push((method, serde_json::from_slice(&body).unwrap()));
            Ok::<_, kube::Error>(http::Response::new(Body::from(body.to_vec())))
        }
    });
    (kube::Client::new(service, "default"), heard)
}

#[test]
fn a_node_more_of_many_is_no_event_and_a_group_less_is_one() {
    let (waits, fails) = (Reason::NodegroupsNotReady.as_str(), Reason::ProvisionFailed.as_str());
    let both = "waiting for node groups a (9 of 50 nodes ready), b (0 of 1 nodes ready)";
    assert!(same(waits, both, "waiting for node groups a (10 of 50 nodes ready), b (0 of 1 nodes ready)"));
    assert!(!same(waits, both, "waiting for node group a (10 of 50 nodes ready)"));
    assert!(!same(fails, "exit code 1", "exit code 2"));
}

#[tokio::test]
async fn every_step_is_an_event_with_its_own_words_in_order() {
    let (client, heard) = listening();
    let reports = Reports::new(client, None);
    let cluster = cluster(json!({}), Value::Null);
    let steps =
        ["the cluster was accepted", "1/3: making\u{1b}[2J servers", "2/3: starting", "1/3: making\u{1b}[2J servers"];
    let mut before = Vec::new();
    for step in steps {
        let health = Health::Progressing(Reason::Creating, step.into());
        let after = conditions(&health, None, &Time(Timestamp::UNIX_EPOCH), &before);
        let seen = |conditions| Seen { phase: Some(Phase::Creating), conditions };
        reports.transition(&cluster, seen(&before), seen(&after)).await;
        before = after;
    }
    let heard = heard.lock();
    assert!(heard.iter().all(|(method, _)| method == "POST"), "{heard:?}");
    let notes: Vec<&str> = heard.iter().map(|(_, event)| event["note"].as_str().unwrap()).collect();
    let making = "1/3: making\\u{1b}[2J servers";
    assert_eq!(notes, ["the cluster was accepted", making, "2/3: starting", making]);
    // A list is in the order of the names.
    let names: Vec<&str> = heard.iter().map(|(_, event)| event["metadata"]["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.iter().all(|name| name.starts_with("demo.")), "{names:?}");
}
