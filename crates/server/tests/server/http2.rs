//! HTTP/2 with prior knowledge, on the port that serves HTTP/1.1 too.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use perigee_server::Limits;
use proptest::prelude::*;

use crate::support::{BIG, http2, request, soon, start, text};

#[tokio::test]
async fn streams_are_answered_side_by_side() {
    let it = start(Limits::default()).await;
    let (mut send, _connection) = http2(it.connect().await.0).await;
    let held = tokio::spawn(send.send_request(request("http://a.example/held")));
    it.wait_for_held(1).await;
    let response = soon(send.send_request(request("http://a.example:81/x")))
        .await
        .unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert!(response.headers().contains_key("date"));
    assert_eq!(
        text(response).await.unwrap(),
        "/x host=a.example:81 tls=false te=0 cl=0"
    );
    it.paths.release.add_permits(1);
    assert_eq!(
        text(soon(held).await.unwrap().unwrap()).await.unwrap(),
        "first second"
    );
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    let it = start(Limits::default()).await;
    let (mut send, _connection) = http2(it.connect().await.0).await;
    let response = soon(send.send_request(request("http://a.example/big")))
        .await
        .unwrap();
    assert_eq!(response.headers()["content-length"], BIG.to_string());
    assert_eq!(text(response).await.unwrap().len(), BIG);
}

#[tokio::test]
async fn a_body_that_fails_resets_its_stream_alone() {
    let it = start(Limits::default()).await;
    let (mut send, _connection) = http2(it.connect().await.0).await;
    for path in ["/broken", "/panic"] {
        let uri = format!("http://a.example{path}");
        let failed = match soon(send.send_request(request(&uri))).await {
            Ok(response) => text(response).await.is_err(),
            Err(_) => true,
        };
        assert!(failed, "{path}");
        let other = soon(send.send_request(request("http://a.example/")))
            .await
            .unwrap();
        assert_eq!(other.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn unfit_requests_are_refused_before_the_handler() {
    let it = start(Limits {
        max_fields: 10,
        max_head: 8 << 10,
        ..Limits::default()
    })
    .await;
    let (mut send, _connection) = http2(it.connect().await.0).await;

    let mut two_hosts = request("http://a.example/");
    two_hosts
        .headers_mut()
        .insert("host", "b.example".parse().unwrap());
    let response = soon(send.send_request(two_hosts)).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(text(response).await.unwrap(), "400 Bad Request\n");

    let mut many = request("http://a.example/");
    for _ in 0..11 {
        many.headers_mut().append("x", "y".parse().unwrap());
    }
    let response = soon(send.send_request(many)).await.unwrap();
    assert_eq!(
        response.status(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    assert_eq!(it.server.stats().bad_requests, 2);

    let response = soon(send.send_request(request("http://a.example/")))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK, "other streams go on");
}

/// Some names and values come again and again, so that the client puts them in its table, and drives
/// others out of it.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof!["x-[ab]", "x-[a-z0-9]{1,40}"];
    let value = prop_oneof!["[ab]", "[!-~]([ -~]{0,200}[!-~])?", Just(String::new())];
    proptest::collection::vec((name, value), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Header compression against the h2 crate, both ways.
    #[test]
    fn fields_come_back_as_they_went(requests in proptest::collection::vec(fields(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let it = start(Limits::default()).await;
            let (mut send, _connection) = http2(it.connect().await.0).await;
            for fields in requests {
                let mut headers = HeaderMap::new();
                for (name, value) in fields {
                    let name: HeaderName = name.parse().unwrap();
                    headers.append(name, HeaderValue::from_str(&value).unwrap());
                }
                let mut asked = request("http://a.example/fields");
                asked.headers_mut().extend(headers.clone());
                let mut response = soon(send.send_request(asked)).await.unwrap();
                let came = response.headers_mut();
                came.remove("date");
                came.remove("content-length");
                assert_eq!(*came, headers);
            }
        });
    }
}
