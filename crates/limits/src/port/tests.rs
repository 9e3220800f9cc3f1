use std::time::Instant;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const QUICK: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);

/// A port with these limits, where `/` is good for strangers and `/known` shows that who asks isn't one.
fn start(limits: Limits) -> (SocketAddr, CancellationToken) {
    let known = |response: &Response| response.headers().contains_key("known");
    let mut port = Port::bind(([127, 0, 0, 1], 0).into(), known).unwrap();
    port.limits = limits;
    let (address, shutdown) = (port.listener.local_addr().unwrap(), CancellationToken::new());
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/known", get(|| async { ([("known", "yes")], "hello") }))
        .route("/large", get(|| async { "x".repeat(64 * 1024 * 1024) }))
        .route("/body", post(|body: String| async move { body.len().to_string() }));
    tokio::spawn(port.serve(app, shutdown.clone()));
    (address, shutdown)
}

async fn connect(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Whatever comes until the other side closes, or nothing more comes for a while.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    let mut patience = PATIENCE;
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(patience, stream.read(&mut buffer)).await {
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        patience = QUICK;
    }
    text
}

/// Waits until the other side closes.
async fn closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.is_ok()
}

const ASK: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn who_says_nothing_and_who_says_it_slowly_is_sent_away() {
    let (address, _shutdown) = start(Limits { head_time: QUICK, request_time: QUICK, ..Limits::default() });
    for begin in ["", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nx-a: ", ASK] {
        let mut stream = connect(address, begin).await;
        assert!(closed(&mut stream).await, "{begin:?}");
    }
    let mut stream = connect(address, "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(closed(&mut stream).await);
}

#[tokio::test]
async fn a_head_ends_somewhere() {
    let (address, _shutdown) = start(Limits { head_bytes: 8192, headers: 10, ..Limits::default() });
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-a: b\r\n".repeat(20));
    for head in [long, many] {
        let mut stream = connect(address, "").await;
        // The other side may be gone before everything is written.
        let _ = stream.write_all(head.as_bytes()).await;
        let answer = answer(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn a_flood_keeps_nobody_out() {
    let (address, _shutdown) = start(Limits { connections: 20, per_address: 10, ..Limits::default() });
    let mut known = connect(address, "GET /known HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer(&mut known).await.ends_with("hello"));
    let mut crowd = Vec::new();
    for number in 0..200 {
        crowd.push(connect(address, "GET / HTTP/1.1\r\nx-a: ").await);
        if number % 20 == 0 {
            let begun = Instant::now();
            let mut new = connect(address, ASK).await;
            let mut buffer = [0; 12];
            new.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"HTTP/1.1 200");
            assert!(begun.elapsed() < Duration::from_secs(1));
        }
    }
    assert!(closed(&mut crowd[0]).await, "the oldest went for others");
    known.write_all(ASK.as_bytes()).await.unwrap();
    assert!(answer(&mut known).await.ends_with("hello"), "who is known was let be");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends() {
    let (address, _shutdown) = start(Limits { write_time: QUICK, ..Limits::default() });
    let mut stream = connect(address, "GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The first part says that the answer has begun; then nothing more is read for too long.
    stream.readable().await.unwrap();
    tokio::time::sleep(3 * QUICK).await;
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it ends");
    assert!(read.is_err() || rest.len() < 64 * 1024 * 1024, "{}", rest.len());
}
