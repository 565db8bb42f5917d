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
    let request = request(method, target, version, fields);
    let facts = Facts::of(request.headers());
    facts.check(request.method(), request.uri(), version, request.headers())
}

fn framed(version: Version, fields: &[(&str, &str)]) -> Result<Framing, StatusCode> {
    Facts::of(request("POST", "/", version, fields).headers()).framing(version)
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
    assert_eq!(check("GET", "http://a.example/a"), Ok(()));
    assert_eq!(check("OPTIONS", "*"), Ok(()));
    assert_eq!(check("GET", "*"), BAD);
    assert_eq!(check("GET", "b.example:80"), BAD);
    assert_eq!(check("GET", "ftp://b.example/"), BAD);
    assert_eq!(check("GET", "http://user@b.example/"), BAD);
    assert_eq!(check("CONNECT", "b.example:80"), UNKNOWN);
}

#[test]
fn a_length_is_one_field_of_digits() {
    let framed = |fields: &[(&str, &str)]| framed(Version::HTTP_11, fields);
    assert_eq!(framed(&[]), Ok(Framing::Empty));
    assert_eq!(framed(&[("content-length", "0")]), Ok(Framing::Empty));
    assert_eq!(framed(&[("content-length", "5")]), Ok(Framing::Length(5)));
    for bad in [
        "",
        "5, 5",
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5.0",
        "99999999999999999999",
    ] {
        let bad = framed(&[("content-length", bad)]);
        assert_eq!(bad, Err(StatusCode::BAD_REQUEST));
    }
    let twice = [("content-length", "5"), ("content-length", "5")];
    assert_eq!(framed(&twice), Err(StatusCode::BAD_REQUEST));
}

#[test]
fn the_only_transfer_coding_is_chunked() {
    let framed = |coding| framed(Version::HTTP_11, &[("transfer-encoding", coding)]);
    assert_eq!(framed("chunked"), Ok(Framing::Chunked));
    assert_eq!(framed("Chunked"), Ok(Framing::Chunked));
    for unknown in ["gzip, chunked", "chunked, chunked", "chunked;x=y, chunked"] {
        assert_eq!(
            framed(unknown),
            Err(StatusCode::NOT_IMPLEMENTED),
            "{unknown}"
        );
    }
    for endless in [
        "",
        "gzip",
        "identity",
        "chunked, gzip",
        "chunked;x=y",
        "xchunked",
    ] {
        assert_eq!(framed(endless), Err(StatusCode::BAD_REQUEST), "{endless}");
    }
}

#[test]
fn two_framings_are_none() {
    let chunked = ("transfer-encoding", "chunked");
    let both = [chunked, ("content-length", "5")];
    assert_eq!(
        framed(Version::HTTP_11, &both),
        Err(StatusCode::BAD_REQUEST)
    );
    // HTTP/1.0 has no transfer codings: who else is on the way may not see it.
    assert_eq!(
        framed(Version::HTTP_10, &[chunked]),
        Err(StatusCode::BAD_REQUEST)
    );
}

#[test]
fn host_says_what_the_target_says() {
    let check = |host| {
        checked(
            "GET",
            "http://b.example:81/",
            Version::HTTP_11,
            &[("host", host)],
        )
    };
    assert_eq!(check("b.example:81"), Ok(()));
    assert_eq!(check("B.EXAMPLE:81"), Ok(()));
    assert_eq!(check("b.example"), BAD);
    assert_eq!(check("a.example"), BAD);
}

#[test]
fn fields_are_counted() {
    let mut request = request(
        "GET",
        "https://a/",
        Version::HTTP_2,
        &[("host", "a"), ("x", "1"), ("x", "2")],
    );
    assert_eq!(check_http2(&mut request, 3), Ok(()));
    assert_eq!(
        check_http2(&mut request, 2),
        Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    );
}

#[test]
fn the_authority_of_the_target_replaces_host() {
    for (target, version, fields, host) in [
        (
            "http://b.example:81/",
            Version::HTTP_10,
            &[][..],
            "b.example:81",
        ),
        ("https://b.example/", Version::HTTP_2, &[], "b.example"),
        ("/", Version::HTTP_11, &[("host", "a.example")], "a.example"),
    ] {
        let mut request = request("GET", target, version, fields);
        let target = request.uri().clone();
        assert_eq!(settle_host(&target, request.headers_mut()), Ok(()));
        assert_eq!(request.headers()[HOST], host);
    }
}

#[test]
fn targets_are_ascii() {
    let target = Uri::from_maybe_shared(bytes::Bytes::from("/\u{e4}".to_owned()));
    let Ok(target) = target else { return };
    assert_eq!(check_target(&Method::GET, &target), BAD);
}
