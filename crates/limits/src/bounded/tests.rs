use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SMALL: Limits = Limits::of(64 * 1024, 16 * 1024);
/// What the floods below would send: nobody takes it all.
const FLOOD: usize = 64 * 1024 * 1024;

/// An API server that answers everything with `body`, and goes on with `flood` for long; how much it could send.
async fn hostile(body: String, flood: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, sent) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = sent.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, body.clone(), flood, count.clone()));
        }
    });
    (address, sent)
}

async fn answer(mut stream: TcpStream, body: String, flood: &'static str, sent: Arc<AtomicUsize>) -> Option<()> {
    let mut question = [0; 8192];
    let _ = stream.read(&mut question).await.ok()?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    let block = flood.repeat(8192 / flood.len().max(1));
    while !flood.is_empty() && sent.load(Ordering::Relaxed) < FLOOD {
        stream.write_all(block.as_bytes()).await.ok()?;
        sent.fetch_add(block.len(), Ordering::Relaxed);
    }
    Some(())
}

fn nodes(address: SocketAddr) -> Api<Node> {
    bounded(address, SMALL)
}

fn bounded(address: SocketAddr, limits: Limits) -> Api<Node> {
    let config = Config::new(format!("http://{address}").parse().unwrap());
    Api::all(client(config, limits).unwrap())
}

fn said(error: &kube::Error) -> String {
    too_much(error).expect("it was too much").to_string()
}

#[tokio::test]
async fn an_answer_without_an_end_is_an_error_after_a_little_of_it() {
    let (address, sent) = hostile(r#"{"items": [{"x": ""#.into(), "a").await;
    let listed = tokio::time::timeout(Duration::from_secs(20), nodes(address).list(&ListParams::default())).await;
    let error = said(&listed.expect("it ends").unwrap_err());
    assert!(error.contains("longer than 65536 bytes"), "{error}");
    assert!(sent.load(Ordering::Relaxed) < FLOOD / 2, "it was let send {sent:?} bytes");
}

#[tokio::test]
async fn a_watch_may_be_long_but_none_of_its_events() {
    let event = |size: usize| {
        let node = serde_json::json!({"metadata": {"name": "n", "labels": {"x": "a".repeat(size)}}});
        format!("{}\n", serde_json::json!({"type": "ADDED", "object": node}))
    };
    let many = event(4000).repeat(50);
    assert!(many.len() > 3 * SMALL.answer);
    let (address, sent) = hostile(many + &event(SMALL.event), "a").await;
    let watched = nodes(address).watch(&WatchParams::default(), "0").await.unwrap();
    let all: Vec<Result<WatchEvent<Node>, kube::Error>> =
        tokio::time::timeout(Duration::from_secs(20), watched.take(60).collect::<Vec<_>>()).await.expect("it ends");
    assert_eq!(all.iter().filter(|event| event.is_ok()).count(), 50);
    let error = said(&all.into_iter().find_map(Result::err).expect("the large one is an error"));
    assert!(error.contains("longer than 16384 bytes"), "{error}");
    assert!(sent.load(Ordering::Relaxed) < FLOOD / 2);
}

#[tokio::test]
async fn one_that_answers_as_it_should_is_heard() {
    let (address, _) = hostile(r#"{"metadata": {}, "items": [{"metadata": {"name": "n"}}]}"#.into(), "").await;
    let listed = nodes(address).list(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let (address, _) = hostile(String::new(), "").await;
    let watched = nodes(address).watch(&WatchParams::default(), "0").await.unwrap();
    assert!(watched.try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn values_are_counted_where_they_are_values() {
    let limits = Limits { values: 100, ..SMALL };
    let labels = |number: usize| -> String {
        let labels: Vec<String> = (0..number).map(|label| format!(r#""{label}":"a,{{[\\\",""#)).collect();
        let labels = labels.join(",");
        format!(
            r#"{{"kind":"NodeList","apiVersion":"v1","metadata":{{}},"items":[{{"metadata":{{"labels":{{{labels}}}}}}}]}}"#
        )
    };
    let (address, _) = hostile(labels(80), "").await;
    assert_eq!(bounded(address, limits).list(&ListParams::default()).await.unwrap().items.len(), 1);
    let (address, _) = hostile(labels(120), "").await;
    let error = said(&bounded(address, limits).list(&ListParams::default()).await.unwrap_err());
    assert!(error.contains("more than 100 values"), "{error}");
}

#[tokio::test]
async fn metrics_and_logs_have_no_values() {
    let limits = Limits { values: 100, ..SMALL };
    let line = "apiserver_request_total{code=\"200\",verb=\"GET\"} 1\n";
    let (address, _) = hostile(line.repeat(200), "").await;
    let config = Config::new(format!("http://{address}").parse().unwrap());
    let client = client(config, limits).unwrap();
    let ask = |path: &str| client.request_text(Request::get(path).body(Vec::new()).unwrap());
    for path in ["/metrics", "/api/v1/namespaces/n/pods/p/log?tailLines=5"] {
        assert_eq!(ask(path).await.unwrap().lines().count(), 200, "{path}");
    }
    for path in ["/api/v1/nodes", "/apis/a/v1/namespaces/n/pods/p/log", "/api/v1/namespaces/n/pods/log"] {
        assert!(said(&ask(path).await.unwrap_err()).contains("more than 100 values"), "{path}");
    }
}

#[tokio::test]
async fn metrics_may_be_long_but_none_of_their_lines() {
    let (address, sent) = hostile("a 1\n".repeat(20_000), "a").await;
    let config = Config::new(format!("http://{address}").parse().unwrap());
    let request = Request::get("/metrics").body(Vec::new()).unwrap();
    let mut lines = client(config, SMALL).unwrap().request_stream(request).await.unwrap().lines();
    for line in 0..20_000 {
        assert_eq!(lines.next().await.unwrap().unwrap(), "a 1", "{line}");
    }
    let error = lines.next().await.unwrap().unwrap_err();
    assert!(too_much(&error).is_some_and(|why| why == TooMuch::Event(SMALL.event)), "{error}");
    assert!(sent.load(Ordering::Relaxed) < FLOOD / 2);
}

#[tokio::test]
async fn long_answers_share_what_there_is_and_short_ones_need_none() {
    let limits = Limits { answer: 4 * 1024 * 1024, event: 1024 * 1024, values: usize::MAX, together: 1024 * 1024 };
    let open = |length: usize| {
        format!(r#"{{"kind":"NodeList","apiVersion":"v1","metadata":{{}},"items":[],"x":"{}"#, "a".repeat(length))
    };
    // One that is long and never ends has the most of it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (slow, body) = (listener.local_addr().unwrap(), open(1000 * 1024));
    let held = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len() + 9);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        stream
    });
    let reading = tokio::spawn(async move { bounded(slow, limits).list(&ListParams::default()).await.map(drop) });
    let _open = held.await.unwrap();
    let full = || HELD.load(Ordering::Relaxed) > 800 * 1024;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !full() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(full(), "it is read");
    let whole = |length: usize| format!("{}\"}}", open(length));
    let (address, _) = hostile(whole(600 * 1024), "").await;
    let error = said(&bounded(address, limits).list(&ListParams::default()).await.unwrap_err());
    assert!(error.contains("too many long answers"), "{error}");
    let (address, _) = hostile(whole(100 * 1024), "").await;
    bounded(address, limits).list(&ListParams::default()).await.unwrap();
    // It lets go of it.
    reading.abort();
    assert!(reading.await.is_err());
    let (address, _) = hostile(whole(600 * 1024), "").await;
    bounded(address, limits).list(&ListParams::default()).await.unwrap();
}
