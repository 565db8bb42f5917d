use http::Version;
use http_body_util::{BodyExt, Full, StreamBody};

use super::*;
use crate::{
    Disclosure, EndpointConfig, EndpointLimits, Metrics, PoolConfig, RequestFields, ServiceConfig,
    Target,
};

fn services() -> Services {
    let config = ServiceConfig {
        name: "www".to_owned(),
        hosts: vec!["www.example.com".to_owned()],
        origins: vec![EndpointConfig {
            name: "folder".to_owned(),
            target: Target::Folder(".".into()),
            limits: EndpointLimits::default(),
        }],
        pool: PoolConfig::default(),
        policy: crate::Policy::default(),
        rules: Vec::new(),
        max_request_body: 4,
        request_fields: RequestFields::default(),
        cache_status: Disclosure::default(),
    };
    Services::build(vec![config], &Metrics::default(), None).unwrap()
}

fn taken<B>(request: Request<B>) -> Result<(Inbound, Relayed), (StatusCode, Box<request::Parts>)>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let from = Origination::of_connection([192, 0, 2, 1].into(), false);
    take_in(request, &services(), from).map_err(|(refusal, head)| (refusal.status, head))
}

fn get(uri: &str) -> request::Builder {
    Request::get(uri).version(Version::HTTP_2)
}

fn no_body(builder: request::Builder) -> Request<Full<Bytes>> {
    builder.body(Full::default()).unwrap()
}

#[test]
fn the_authority_is_the_host_and_part_of_the_key() {
    let request = no_body(get("http://WWW.example.com:8080/a?b"));
    let (inbound, _) = taken(request).unwrap();
    assert_eq!(inbound.key.as_str(), "http://www.example.com:8080/a?b");
    assert_eq!(inbound.head.headers[header::HOST], "WWW.example.com:8080");
}

#[test]
fn a_target_without_a_path_is_the_root() {
    for (target, key) in [
        ("http://www.example.com", "http://www.example.com/"),
        ("http://www.example.com?a", "http://www.example.com/?a"),
    ] {
        let (inbound, _) = taken(no_body(get(target))).unwrap();
        assert_eq!(inbound.key.as_str(), key);
        let own = crate::onward::Own::new("n", "cdn.test");
        let onward =
            crate::onward::request_head(&inbound.head, crate::onward::Asks::AsClient, &own, false)
                .uri;
        let onward = onward.path_and_query().unwrap();
        assert_eq!(format!("http://www.example.com{}", onward.as_str()), key);
    }
}

#[test]
fn cookies_in_several_fields_are_one() {
    let request = get("http://www.example.com/")
        .header("cookie", "a=1")
        .header("cookie", "b=2; c=3")
        .header("cookie", "d=4");
    let (inbound, _) = taken(no_body(request)).unwrap();
    let cookies: Vec<_> = inbound
        .head
        .headers
        .get_all(header::COOKIE)
        .iter()
        .collect();
    assert_eq!(cookies, ["a=1; b=2; c=3; d=4"]);
}

#[test]
fn what_has_no_usable_host_is_refused() {
    let status = |request| taken(no_body(request)).unwrap_err().0;
    assert_eq!(status(Request::get("/")), StatusCode::BAD_REQUEST);
    for (host, refused) in [
        ("", StatusCode::BAD_REQUEST),
        ("www.example.com/a", StatusCode::BAD_REQUEST),
        ("u@www.example.com", StatusCode::BAD_REQUEST),
        ("other.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let request = Request::get("/").header("host", host);
        assert_eq!(status(request), refused, "{host:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_at_once_or_when_it_shows() {
    let post = || Request::post("/").header("host", "www.example.com");
    let stated = post().body(Full::from("12345")).unwrap();
    assert_eq!(taken(stated).unwrap_err().0, StatusCode::PAYLOAD_TOO_LARGE);

    let (inbound, body) = taken(post().body(Full::from("1234")).unwrap()).unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "1234");
    assert_eq!(inbound.clients_fault(), None);

    let pieces = ["123", "45"].map(|p| Ok::<_, Error>(Frame::data(Bytes::from(p))));
    let stream = StreamBody::new(futures_util::stream::iter(pieces));
    let (inbound, body) = taken(post().body(stream).unwrap()).unwrap();
    assert!(body.collect().await.is_err());
    assert_eq!(inbound.clients_fault(), Some(StatusCode::PAYLOAD_TOO_LARGE));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients_fault() {
    for (kind, status) in [
        (ErrorKind::TimedOut, StatusCode::REQUEST_TIMEOUT),
        (ErrorKind::InvalidData, StatusCode::BAD_REQUEST),
    ] {
        let broken = [Err::<Frame<Bytes>, _>(Error::from(kind))];
        let stream = StreamBody::new(futures_util::stream::iter(broken));
        let request = Request::post("/").header("host", "www.example.com");
        let (inbound, body) = taken(request.body(stream).unwrap()).unwrap();
        assert!(body.collect().await.is_err());
        assert_eq!(inbound.clients_fault(), Some(status));
    }
}
