use futures::stream;

use super::*;

fn stalled() -> Body {
    Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())
}

#[tokio::test]
async fn all_bodies_together_have_their_memory_and_no_more() {
    let (patience, time) = (Duration::from_millis(50), Duration::from_millis(500));
    let bodies = Bodies { patience, time, ..Bodies::new(8 * UNIT) };
    let slow = {
        let bodies = bodies.clone();
        tokio::spawn(async move { bodies.read(stalled(), 6 * UNIT).await.map(|held| held.bytes) })
    };
    tokio::task::yield_now().await;
    let of = |bytes: usize| Body::from(vec![b' '; bytes]);
    let small = bodies.read(of(2 * UNIT), 4 * UNIT).await.unwrap();
    assert!(bodies.read(Body::empty(), 0).await.is_ok(), "nothing needs no memory");
    assert_eq!(bodies.read(of(1), 4 * UNIT).await.err(), Some(Unread::Busy));
    drop(small);
    assert!(bodies.read(of(1), 4 * UNIT).await.is_ok());
    assert_eq!(slow.await.unwrap(), Err(Unread::Broken));
    assert!(bodies.read(of(8 * UNIT), 8 * UNIT).await.is_ok(), "and it is all there again");
}

#[tokio::test]
async fn a_body_ends_somewhere_whether_it_says_where_or_not() {
    let bodies = Bodies::new(64 * UNIT);
    assert_eq!(bodies.read(Body::from("12345"), 4).await.err(), Some(Unread::TooLarge));
    let parts = || stream::iter(["123", "45"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part))));
    assert_eq!(bodies.read(Body::from_stream(parts()), 4).await.err(), Some(Unread::TooLarge));
    assert_eq!(bodies.read(Body::from_stream(parts()), 5).await.unwrap().bytes, "12345");
}

#[tokio::test]
async fn an_answer_has_its_room_until_it_was_read() {
    let bodies = Bodies { patience: Duration::from_millis(50), ..Bodies::new(1024 * 1024) };
    let text = "x".repeat(1024 * 1024);
    let answer = bodies.room(text.len()).await.unwrap().fill(text.clone());
    assert_eq!(bodies.room(1).await.err(), Some(Unread::Busy));
    assert_eq!(to_bytes(answer, usize::MAX).await.unwrap(), text);
    let unread = bodies.room(text.len()).await.unwrap().fill(text);
    assert!(bodies.room(1).await.is_err());
    drop(unread);
    assert!(bodies.room(1).await.is_ok());
}
