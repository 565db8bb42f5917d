//! An origin with bad manners: writes the bytes that a test gives it, and does as told then.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// What to do after the bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Close the connection.
    Close,
    /// Leave it open and say nothing more.
    Hang,
    /// Take the next request on it.
    KeepOn,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) bytes: Vec<u8>,
}

impl Seen {
    /// The bytes as text, with `?` for what is none.
    pub(crate) fn text(&self) -> String {
        let printable = |b: &u8| if b.is_ascii() { *b as char } else { '?' };
        self.bytes.iter().map(printable).collect()
    }

    pub(crate) fn target(&self) -> String {
        let text = self.text();
        text.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The values of all lines of a field, in order.
    pub(crate) fn field(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }
}

/// A running origin with bad manners.
#[derive(Debug)]
pub(crate) struct RawOrigin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl RawOrigin {
    /// Answers each request on each connection with these bytes.
    pub(crate) async fn start(bytes: &'static [u8], then: Then) -> Self {
        RawOrigin::answering(move |_| (bytes.to_vec(), then)).await
    }

    /// Answers by what `answer` says of a request.
    pub(crate) async fn answering<F>(answer: F) -> Self
    where
        F: Fn(&Seen) -> (Vec<u8>, Then) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, record) = (Arc::clone(&answer), Arc::clone(&record));
                connections.spawn(async move {
                    serve(stream, &*answer, &record).await;
                });
            }
        });
        RawOrigin {
            address,
            seen,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// All requests so far, oldest first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(&Seen) -> (Vec<u8>, Then) + Sync),
    record: &Mutex<Vec<Seen>>,
) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let end = loop {
            if let Some(end) = end_of_request(&bytes) {
                break end;
            }
            match stream.read(&mut piece).await {
                Ok(length) if length > 0 => bytes.extend_from_slice(&piece[..length]),
                _ => return,
            }
        };
        let rest = bytes.split_off(end);
        let seen = Seen { bytes };
        bytes = rest;
        record.lock().unwrap().push(seen.clone());
        let (says, then) = answer(&seen);
        if stream.write_all(&says).await.is_err() || then == Then::Close {
            return;
        }
        if then == Then::Hang {
            break;
        }
    }
    // Until the other side gives up.
    while matches!(stream.read(&mut piece).await, Ok(length) if length > 0) {}
}

/// Where a request ends, by what is written of its length in it.
fn end_of_request(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = bytes[..head].to_ascii_lowercase();
    if find(&text, b"transfer-encoding").is_some() {
        if bytes[head..].starts_with(b"0\r\n\r\n") {
            return Some(head + 5);
        }
        return find(&bytes[head..], b"\r\n0\r\n\r\n").map(|at| head + at + 7);
    }
    let Some(at) = find(&text, b"content-length:") else {
        return Some(head);
    };
    let value = String::from_utf8_lossy(&text[at + 15..]).into_owned();
    let length: usize = value.lines().next()?.trim().parse().ok()?;
    (bytes.len() >= head + length).then_some(head + length)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
