//! Bodies that are too large: refused before they have come.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::time::Duration;

use reqwest::Method;
use support::Bed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

/// Whoever writes all before reading anything must still hear why.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_has_come_and_the_answer_arrives() {
    let bed = Bed::new().await;
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    let head = "POST /commands/stock/tea/receive HTTP/1.1\r\nHost: mall\r\nContent-Length: 2097152\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = vec![0; 4096];
    let length = timeout(SOON, stream.read(&mut read))
        .await
        .unwrap()
        .unwrap();
    assert!(
        read[..length].starts_with(b"HTTP/1.1 413 "),
        "before any of it was sent"
    );
    let told = String::from_utf8_lossy(&read[..length]).to_lowercase();
    assert!(
        told.contains("connection: close"),
        "what comes after it on this connection cannot be read: {told}"
    );

    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 2 << 20]).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("\"type\":\"too_large\""), "{answer}");
}

#[tokio::test]
async fn a_body_without_a_length_is_read_no_further_than_its_limit() {
    let bed = Bed::new().await;
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 16 << 10]));
    let request = bed.request(Method::POST, "/commands/stock/tea/receive");
    let answer = request.body(reqwest::Body::wrap_stream(endless)).send();
    let answer = timeout(SOON, answer)
        .await
        .expect("it is not read for ever")
        .unwrap();
    assert_eq!(answer.status(), 413);
}
