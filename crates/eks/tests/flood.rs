//! A port in a flood of strangers: who has a key is served, and the memory stays what it was.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws::handlers::Handlers;
use aws::service::Service;
use aws::sigv4::{Authenticator, Caller, Key, Mode};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::response::Response;
use k8s_openapi::jiff::Timestamp;
use limits::port::{Limits, Port};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Connections of the flood, each of which would leave as much in memory.
const FLOOD: usize = 600;
const UPLOAD: usize = 1_000_000;
/// Signed requests that are timed, and how long the one in the middle may take: on a machine that does much else, too.
const TIMED: usize = 30;
const SOON: Duration = Duration::from_millis(250);
/// Mebibytes, both of this process's server and of its clients.
const MOST_MEMORY: u64 = 120;

fn service() -> Service<()> {
    let handlers = Handlers::new().on("DescribeCluster", |_, _: Value| async { Ok(json!({})) });
    let key = Key::new(KEY, SECRET, "111111111111", "arn:aws:iam::111111111111:user/u");
    let keys = HashMap::from([(KEY.to_owned(), Arc::new(key))]);
    let authenticator = Authenticator::new(Mode::Strict, Arc::new(keys), "000000000000", "us-east-1");
    Service::new(k3eks_eks::model::eks(), handlers, Arc::new(()), authenticator).unwrap()
}

fn start() -> SocketAddr {
    let known = |response: &Response| response.extensions().get::<Caller>().is_some_and(|caller| caller.verified);
    let mut port = Port::bind(([127, 0, 0, 1], 0).into(), known).unwrap();
    port.limits = Limits { connections: 200, per_address: 100, ..Limits::default() };
    let address = port.listener.local_addr().unwrap();
    tokio::spawn(port.serve(service().into_router(), CancellationToken::new()));
    address
}

/// A signed DescribeCluster on a connection of its own.
async fn describe(address: SocketAddr) -> Duration {
    let identity = Credentials::new(KEY, SECRET, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("eks")
        .time(SystemTime::now())
        .settings(SigningSettings::default());
    let host = address.to_string();
    let url = format!("http://{host}/clusters/c");
    let headers = [("host", host.as_str())];
    let signable = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(signable, &params.build().unwrap().into()).unwrap().into_parts();
    let signed: Vec<String> = instructions.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let signed = signed.concat();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /clusters/c HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{signed}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    begun.elapsed()
}

/// Sends what it can of a large body, and stays.
async fn upload(address: SocketAddr, credentials: &str) -> Option<TcpStream> {
    let head = format!("POST /clusters HTTP/1.1\r\nhost: x\r\n{credentials}content-length: {UPLOAD}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(head.as_bytes()).await.ok()?;
    let block = vec![b'x'; UPLOAD / 10];
    for _ in 0..9 {
        let sent = tokio::time::timeout(Duration::from_millis(200), stream.write_all(&block)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    Some(stream)
}

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_key_is_served_in_a_flood_and_the_memory_stays_small() {
    let address = start();
    describe(address).await;
    let before = memory();
    // A key's id is no secret: with it a signature can only be checked after the body.
    let now = Timestamp::now();
    let day = now.strftime("%Y%m%d");
    let now = now.strftime("%Y%m%dT%H%M%SZ");
    let half = format!(
        "x-amz-date: {now}\r\nauthorization: AWS4-HMAC-SHA256 Credential={KEY}/{day}/us-east-1/eks/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00\r\n"
    );
    let flood = tokio::spawn(async move {
        let mut held = Vec::new();
        for number in 0..FLOOD {
            held.push(match number % 3 {
                0 => upload(address, "").await,
                1 => upload(address, &half).await,
                _ => {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    stream.write_all(b"GET /clusters HTTP/1.1\r\nx-a: ").await.map(|()| stream).ok()
                }
            });
        }
        held
    });
    let mut times = Vec::new();
    while times.len() < TIMED || !flood.is_finished() {
        times.push(describe(address).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let grown = memory().saturating_sub(before);
    drop(flood.await.unwrap());
    times.sort();
    assert!(times[times.len() / 2] < SOON, "{times:?}");
    assert!(grown < MOST_MEMORY, "{grown} MiB");
}
