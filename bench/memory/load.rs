//! Requests for many objects, over a few connections that are kept.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// Connections at once.
const CONNECTIONS: u64 = 8;

/// Asks for each object once.
pub(crate) async fn fill(to: SocketAddr, prefix: &'static str, objects: u64) -> Result<(), String> {
    let mut clients = JoinSet::new();
    for client in 0..CONNECTIONS {
        clients.spawn(async move {
            let mut connection = connect(to).await?;
            for object in (client..objects).step_by(CONNECTIONS as usize) {
                ask(&mut connection, prefix, object).await?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// Asks for each once more: how many come with a field that says that they are hits.
pub(crate) async fn hits(to: SocketAddr, prefix: &str, objects: u64) -> Result<u64, String> {
    let mut connection = connect(to).await?;
    let mut hits = 0;
    for object in 0..objects {
        let response = ask(&mut connection, prefix, object).await?;
        let says = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let is_hit = says("cache-status").is_some_and(|status| status.contains("hit"))
            || says("x-cache").is_some_and(|status| status.eq_ignore_ascii_case("hit"))
            || says("via").is_some_and(|via| via.contains("cH"));
        hits += u64::from(is_hit);
    }
    Ok(hits)
}

async fn connect(to: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect(to).await.map_err(|e| e.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(
    connection: &mut SendRequest<Empty<Bytes>>,
    prefix: &str,
    object: u64,
) -> Result<Response<()>, String> {
    let request = Request::builder()
        .uri(format!("/{prefix}/images/{object:08}.txt"))
        .header("host", "www.example.com")
        .body(Empty::new())
        .map_err(|e| e.to_string())?;
    connection.ready().await.map_err(|e| e.to_string())?;
    let response = connection.send_request(request).await;
    let response: Response<Incoming> = response.map_err(|e| e.to_string())?;
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(format!("object {object}: {}", head.status));
    }
    body.collect().await.map_err(|e| e.to_string())?;
    Ok(Response::from_parts(head, ()))
}
