use super::*;

const BAD: Result<(), StatusCode> = Err(StatusCode::BAD_REQUEST);
const UNKNOWN: Result<(), StatusCode> = Err(StatusCode::NOT_IMPLEMENTED);

fn request(method: &str, target: &str, version: Version, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .version(version);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn checked(
    method: &str,
    target: &str,
    version: Version,
    fields: &[(&str, &str)],
) -> Result<(), StatusCode> {
    check(&request(method, target, version, fields), 100)
}

#[test]
fn http_1_1_has_exactly_one_host() {
    let check = |fields| checked("GET", "/", Version::HTTP_11, fields);
    assert_eq!(check(&[("host", "a.example")]), Ok(()));
    assert_eq!(check(&[]), BAD);
    assert_eq!(check(&[("host", "a.example"), ("host", "a.example")]), BAD);
}

#[test]
fn http_1_0_may_have_no_host_but_not_two() {
    let check = |fields| checked("GET", "/", Version::HTTP_10, fields);
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[("host", "a"), ("host", "b")]), BAD);
}

#[test]
fn http_2_has_an_authority_and_no_other_host() {
    let check = |target, fields| checked("GET", target, Version::HTTP_2, fields);
    assert_eq!(check("https://a.example/", &[]), Ok(()));
    assert_eq!(
        check("https://a.example/", &[("host", "A.example")]),
        Ok(())
    );
    assert_eq!(check("https://a.example/", &[("host", "b.example")]), BAD);
    assert_eq!(check("/", &[]), BAD);
}

#[test]
fn a_host_is_a_name_or_an_address_with_or_without_port() {
    for host in [
        "a.example",
        "a.example:8080",
        "A_b~1.example.",
        "192.0.2.1",
        "[2001:db8::1]:443",
        "[::1]",
        "a:",
    ] {
        assert!(is_host(host.as_bytes()), "{host}");
    }
    for host in [
        "",
        ":80",
        "user@a.example",
        "a.example,b.example",
        "a b",
        "a/b",
        "a:80:80",
        "a:x",
        "a:123456",
        "[::1",
        "[]",
        "::1",
        "[::1]x",
        "a?b",
        "a#b",
        "a%2e",
        "ä",
    ] {
        assert!(!is_host(host.as_bytes()), "{host}");
    }
}

#[test]
fn only_the_target_forms_of_requests_are_taken() {
    let check =
        |method, target| checked(method, target, Version::HTTP_11, &[("host", "a.example")]);
    assert_eq!(check("GET", "/a?b"), Ok(()));
    assert_eq!(check("GET", "http://b.example/a"), Ok(()));
    assert_eq!(check("OPTIONS", "*"), Ok(()));
    assert_eq!(check("GET", "*"), BAD);
    assert_eq!(check("GET", "b.example:80"), BAD);
    assert_eq!(check("GET", "ftp://b.example/"), BAD);
    assert_eq!(check("GET", "http://user@b.example/"), BAD);
    assert_eq!(check("CONNECT", "b.example:80"), UNKNOWN);
}

#[test]
fn the_only_transfer_coding_is_chunked() {
    let check = |coding| {
        checked(
            "POST",
            "/",
            Version::HTTP_11,
            &[("host", "a"), ("transfer-encoding", coding)],
        )
    };
    assert_eq!(check("chunked"), Ok(()));
    assert_eq!(check("Chunked"), Ok(()));
    assert_eq!(check("gzip, chunked"), UNKNOWN);
    let twice = [
        ("host", "a"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(checked("POST", "/", Version::HTTP_11, &twice), UNKNOWN);
}

#[test]
fn fields_are_counted() {
    let request = request(
        "GET",
        "/",
        Version::HTTP_11,
        &[("host", "a"), ("x", "1"), ("x", "2")],
    );
    assert_eq!(check(&request, 3), Ok(()));
    assert_eq!(
        check(&request, 2),
        Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    );
}

#[test]
fn the_authority_of_the_target_replaces_host() {
    let mut absolute = request(
        "GET",
        "http://b.example:81/",
        Version::HTTP_11,
        &[("host", "a.example")],
    );
    assert_eq!(settle_host(&mut absolute), Ok(()));
    assert_eq!(absolute.headers()[HOST], "b.example:81");

    let mut http2 = request("GET", "https://b.example/", Version::HTTP_2, &[]);
    assert_eq!(settle_host(&mut http2), Ok(()));
    assert_eq!(http2.headers()[HOST], "b.example");

    let mut origin = request("GET", "/", Version::HTTP_11, &[("host", "a.example")]);
    assert_eq!(settle_host(&mut origin), Ok(()));
    assert_eq!(origin.headers()[HOST], "a.example");
}
