//! What every kind of endpoint does alike.

use http::{Method, Request, StatusCode, header};

use super::secure::Authority;
use crate::{
    Endpoint, Limits, Target, body,
    testing::{endpoint, endpoint_with, get, serve, text, url_target},
};
use std::{path::Path, sync::Arc};

#[tokio::test]
async fn folder() {
    let site = site();
    battery(&folder_of(site.path())).await;
}

#[tokio::test]
async fn http() {
    let site = site();
    let files = folder_of(site.path());
    let addr = serve(move |request| {
        let files = files.clone();
        async move { files.send(request.map(body::full)).await.unwrap() }
    })
    .await;
    battery(&endpoint(addr)).await;
}

#[tokio::test]
async fn https() {
    let site = site();
    let files = folder_of(site.path());
    let authority = Authority::new();
    let addr = authority
        .serve("localhost", move |request| {
            let files = files.clone();
            async move { files.send(request.map(body::full)).await.unwrap() }
        })
        .await;
    let mut target = url_target(&format!("https://localhost:{}", addr.port()));
    if let Target::Url { ca_file, .. } = &mut target {
        *ca_file = Some(authority.file());
    }
    battery(&endpoint_with(target, Limits::default())).await;
}

fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("ten.txt"), "0123456789").unwrap();
    std::fs::write(site.path().join("big.bin"), vec![7; 1 << 20]).unwrap();
    site
}

fn folder_of(path: &Path) -> Arc<Endpoint> {
    endpoint_with(Target::Folder(path.to_owned()), Limits::default())
}

async fn battery(endpoint: &Endpoint) {
    get_whole(endpoint).await;
    head(endpoint).await;
    not_modified(endpoint).await;
    range(endpoint).await;
    missing(endpoint).await;
    large(endpoint).await;
    assert_eq!(endpoint.in_flight(), 0, "every permit is given back");
}

async fn get_whole(endpoint: &Endpoint) {
    let response = endpoint.send(get("/ten.txt")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "10");
    assert!(response.headers().contains_key(header::ETAG));
    assert!(response.headers().contains_key(header::LAST_MODIFIED));
    assert!(response.headers().contains_key(header::DATE));
    assert_eq!(text(response).await, "0123456789");
}

async fn head(endpoint: &Endpoint) {
    let mut request = get("/ten.txt");
    *request.method_mut() = Method::HEAD;
    let response = endpoint.send(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "10");
    assert_eq!(text(response).await, "");
}

async fn not_modified(endpoint: &Endpoint) {
    let whole = endpoint.send(get("/ten.txt")).await.unwrap();
    let request = Request::get("/ten.txt")
        .header(header::IF_NONE_MATCH, &whole.headers()[header::ETAG])
        .body(body::empty());
    let response = endpoint.send(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(
        response.headers()[header::ETAG],
        whole.headers()[header::ETAG]
    );
    assert_eq!(text(response).await, "");
}

async fn range(endpoint: &Endpoint) {
    let request = Request::get("/ten.txt").header(header::RANGE, "bytes=2-4");
    let request = request.body(body::empty()).unwrap();
    let response = endpoint.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
    assert_eq!(text(response).await, "234");
}

async fn missing(endpoint: &Endpoint) {
    let response = endpoint.send(get("/none")).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(text(response).await, "Not found\n");
}

async fn large(endpoint: &Endpoint) {
    let response = endpoint.send(get("/big.bin")).await.unwrap();
    assert_eq!(endpoint.in_flight(), 1, "until the body has come");
    assert_eq!(text(response).await.len(), 1 << 20);
}
