//! Large bodies go out by reference, and no client ever sees bytes of another object: neither while its
//! own is still on the way, long evicted, nor when memory is used again.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::{
        client::{ask, get},
        net::Net,
        origin::{Asked, Origin, fresh},
        wait,
    },
    one_proxy::Proxy,
};

const KIB: usize = 1 << 10;

/// The bytes of an object: each eight of them tell which object it is, and where they stand.
fn content(object: u64, length: usize) -> Bytes {
    let words = (0..length as u64 / 8).map(|place| (object << 32 | place).to_be_bytes());
    words.flatten().collect::<Vec<u8>>().into()
}

/// From some hundred KiB to two MiB.
fn length(object: u64) -> usize {
    (300 + 137 * (object as usize % 13)) * KIB
}

async fn origin() -> Origin {
    Origin::start(|asked: Asked| {
        let object = asked.path[1..].parse().unwrap();
        async move { fresh(content(object, length(object))) }
    })
    .await
}

/// A client that has read the head of a stored response, and so much of its body.
struct Slow {
    stream: TcpStream,
    object: u64,
    read: Vec<u8>,
}

impl Slow {
    async fn begin(proxy: SocketAddr, object: u64) -> Self {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        let request = format!("GET /{object} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("; hit"), "{head}");
        Slow {
            stream,
            object,
            read: Vec::new(),
        }
    }

    /// Reads so much more of the body. Whether that is all of it.
    async fn read(&mut self, more: usize) -> bool {
        let left = length(self.object) - self.read.len();
        let from = self.read.len();
        self.read.resize(from + more.min(left), 0);
        self.stream
            .read_exact(&mut self.read[from..])
            .await
            .unwrap();
        more >= left
    }
}

/// How many ends of pipes a process has.
fn pipes(process: u32) -> usize {
    let all = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let is_pipe = |target: std::path::PathBuf| target.to_string_lossy().starts_with("pipe:");
    let targets = all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| is_pipe(target.clone())).count()
}

async fn fetch(proxy: SocketAddr, object: u64) {
    let answer = get(proxy, "localhost", &format!("/{object}")).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == content(object, length(object)), "{object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_slowly_has_all_of_its_own_object_while_others_come_and_go() {
    let origin = origin().await;
    let admin = Net::new().at(1, 9090);
    let more = ["--memory", "32MiB", "--admin", &admin.to_string()];
    let proxy = Proxy::start(&origin.url(), &more).await;
    let before = pipes(proxy.process.id());
    let mut slow = Vec::new();
    for object in 0..13 {
        fetch(proxy.address, object).await;
        slow.push(Slow::begin(proxy.address, object).await);
    }
    wait::until("bodies are lent", || async {
        (pipes(proxy.process.id()) > before).then_some(())
    })
    .await;
    // Nothing of what they read is stored any more.
    let everything = ask(Method::POST, admin, "localhost", "/purge");
    let purged = everything.body(r#"{"everything": true}"#).send().await;
    assert_eq!(purged.status, StatusCode::OK, "{purged:?}");
    let mut next = 100;
    while !slow.is_empty() {
        // Several times what the cache holds comes and goes before the last one has read all.
        for _ in 0..8 {
            fetch(proxy.address, next).await;
            next += 1;
        }
        let mut left = Vec::new();
        for mut client in slow {
            if client.read(200 * KIB).await {
                assert!(client.read == content(client.object, client.read.len()));
            } else {
                left.push(client);
            }
        }
        slow = left;
    }
}

#[tokio::test]
async fn a_range_of_a_large_object_is_lent_from_any_byte_on() {
    let origin = origin().await;
    let proxy = Proxy::start(&origin.url(), &["--memory", "64MiB"]).await;
    let object = 12;
    fetch(proxy.address, object).await;
    let whole = content(object, length(object));
    for (first, last) in [
        (0, whole.len() - 1),
        (1, 300_000),
        (65_537, 65_537 + 262_143),
        (4_095, 1_500_000),
        (whole.len() - 200_001, whole.len() - 1),
        (70_000, 70_000),
    ] {
        let range = format!("bytes={first}-{last}");
        let asked = get(proxy.address, "localhost", &format!("/{object}"));
        let answer = asked.with("range", &range).send().await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        assert!(answer.is_hit(), "{answer:?}");
        assert!(answer.body == whole[first..=last], "{range}");
    }
}
