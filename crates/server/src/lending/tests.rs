use std::{future::poll_fn, pin::pin};

use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    net::TcpListener,
};

use super::*;

/// A block of memory that is never given back.
#[derive(Debug)]
struct Block(&'static [u8]);

impl Pages for Block {
    fn holds(&self, bytes: &[u8]) -> bool {
        self.0.as_ptr_range().contains(&bytes.as_ptr())
    }
}

fn block(length: usize) -> Arc<Block> {
    let bytes: Vec<u8> = (0..length).map(|i| (i / 251) as u8 ^ i as u8).collect();
    Arc::new(Block(bytes.leak()))
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

/// Writes all of these as a connection does, lent or not, and flushes. How many bytes were lent.
async fn write_all(lending: &mut Lending, stream: &mut TcpStream, all: &[&[u8]]) -> usize {
    let (mut done, mut lent) = (0, 0);
    let length: usize = all.iter().map(|part| part.len()).sum();
    while done < length {
        poll_fn(|cx| lending.poll_empty(stream, cx, || ()))
            .await
            .unwrap();
        let mut skip = done;
        let mut bufs = Vec::new();
        for part in all {
            let from = skip.min(part.len());
            skip -= from;
            if from < part.len() {
                bufs.push(IoSlice::new(&part[from..]));
            }
        }
        let written = poll_fn(|cx| match lending.poll_write(stream, cx, &bufs, || ()) {
            Some(written) => {
                if let Poll::Ready(Ok(count)) = written {
                    lent += count;
                }
                written
            }
            None => pin!(&mut *stream).poll_write_vectored(cx, &bufs),
        });
        done += written.await.unwrap();
    }
    poll_fn(|cx| lending.poll_empty(stream, cx, || ()))
        .await
        .unwrap();
    lent
}

async fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn all_arrives_in_order_lent_or_not() {
    let block = block(5 << 20);
    let lender = Arc::new(Lender::new(block.clone(), 1));
    let (client, mut server) = connected().await;
    let reader = tokio::spawn(read_all(client));
    let bytes = block.0;
    let parts: [&[u8]; 7] = [
        b"head",
        &bytes[1000..2_000_000],
        &bytes[..700_001],
        b"between",
        &bytes[3..90],
        &bytes[5000..],
        b"tail",
    ];
    let mut lending = Lending::new(Some(Arc::clone(&lender)));
    let lent = write_all(&mut lending, &mut server, &parts).await;
    assert!(lent > 6 << 20, "{lent}");
    drop(server);
    assert!(reader.await.unwrap() == parts.concat());
    assert_eq!(lender.in_use.load(Ordering::Relaxed), 0);
    assert_eq!(lender.idle().len(), 1, "it is used again and again");
}

#[tokio::test]
async fn what_is_small_or_elsewhere_is_not_lent() {
    let block = block(1 << 20);
    let other = vec![7; 1 << 20];
    let lender = Arc::new(Lender::new(block.clone(), 1));
    let (client, mut server) = connected().await;
    let reader = tokio::spawn(read_all(client));
    let mut lending = Lending::new(Some(Arc::clone(&lender)));
    let parts: [&[u8]; 3] = [&block.0[..LEAST - 1], &other, &block.0[..10]];
    assert_eq!(write_all(&mut lending, &mut server, &parts).await, 0);
    drop(server);
    assert!(reader.await.unwrap() == parts.concat());
    assert!(lender.idle().is_empty());
}

#[tokio::test]
async fn no_more_pipes_are_taken_than_may_be() {
    let block = block(32 << 20);
    let lender = Arc::new(Lender::new(block.clone(), 1));
    let (slow, server) = connected().await;
    let mut holds = Lending::new(Some(Arc::clone(&lender)));
    let bufs = [IoSlice::new(block.0)];
    // Until the socket takes no more, and the pipe is full.
    let full = poll_fn(|cx| {
        loop {
            if holds.poll_empty(&server, cx, || ()).is_pending() {
                return Poll::Ready(());
            }
            let written = holds.poll_write(&server, cx, &bufs, || ());
            assert!(matches!(written, Some(Poll::Ready(Ok(_)))), "{written:?}");
        }
    });
    full.await;
    assert!(!holds.is_empty());

    let (client, mut other) = connected().await;
    let reader = tokio::spawn(read_all(client));
    let mut lending = Lending::new(Some(Arc::clone(&lender)));
    assert_eq!(write_all(&mut lending, &mut other, &[block.0]).await, 0);
    drop(other);
    assert!(reader.await.unwrap() == block.0);

    // Whoever goes with bytes in the pipe leaves the place to others, and not the pipe.
    drop((holds, server, slow));
    assert_eq!(lender.in_use.load(Ordering::Relaxed), 0);
    assert!(lender.idle().is_empty());
    let (client, mut other) = connected().await;
    let reader = tokio::spawn(read_all(client));
    assert!(write_all(&mut lending, &mut other, &[block.0]).await > 0);
    drop(other);
    assert!(reader.await.unwrap() == block.0);

    lender.resize(0);
    let (client, mut other) = connected().await;
    let reader = tokio::spawn(read_all(client));
    assert_eq!(write_all(&mut lending, &mut other, &[block.0]).await, 0);
    drop(other);
    assert!(reader.await.unwrap() == block.0);
}

#[tokio::test]
async fn a_client_that_is_gone_is_an_error() {
    let block = block(4 << 20);
    let lender = Arc::new(Lender::new(block.clone(), 1));
    let (client, server) = connected().await;
    drop(client);
    let mut lending = Lending::new(Some(lender));
    let bufs = [IoSlice::new(block.0)];
    let failed = poll_fn(|cx| {
        ready!(lending.poll_empty(&server, cx, || ()))?;
        match lending.poll_write(&server, cx, &bufs, || ()) {
            Some(Poll::Ready(Ok(_))) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other.unwrap(),
        }
    });
    failed.await.unwrap_err();
}
