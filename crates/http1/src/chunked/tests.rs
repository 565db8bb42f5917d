use http::HeaderMap;

use super::*;

/// The content and the trailers of a chunked body, and what is left behind it; `None` if it is not
/// whole.
type Read = Option<(String, HeaderMap, String)>;

fn read(text: &str) -> Result<Read, BadBody> {
    read_by(Chunked::new(), text)
}

fn read_by(mut chunked: Chunked, text: &str) -> Result<Read, BadBody> {
    let bounds = Bounds {
        max_bytes: 128,
        max_fields: 3,
    };
    let mut buf = BytesMut::from(text);
    let mut content = Vec::new();
    let mut trailers = HeaderMap::new();
    loop {
        match chunked.decode(&mut buf, bounds)? {
            Decoded::More => return Ok(None),
            Decoded::Data(data) => content.extend_from_slice(&data),
            Decoded::Trailers(fields) => trailers = fields,
            Decoded::End => {
                let rest = String::from_utf8(buf.to_vec()).unwrap();
                return Ok(Some((String::from_utf8(content).unwrap(), trailers, rest)));
            }
        }
    }
}

fn content(text: &str) -> String {
    read(text).unwrap().unwrap().0
}

#[test]
fn chunks_are_put_together() {
    assert_eq!(content("0\r\n\r\n"), "");
    assert_eq!(
        content("3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n"),
        "abc0123456789"
    );
    assert_eq!(content("1;a=b;c=\"d;\"\r\nx\r\n000;e\r\n\r\n"), "x");
    let (_, _, rest) = read("1\r\nx\r\n0\r\n\r\nGET /").unwrap().unwrap();
    assert_eq!(rest, "GET /");
}

#[test]
fn what_breaks_off_is_not_whole() {
    let whole = "3;x\r\nabc\r\n0\r\na: b\r\n\r\n";
    for length in 0..whole.len() {
        assert_eq!(read(&whole[..length]), Ok(None), "{length}");
    }
}

#[test]
fn lines_are_strict() {
    let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(MAX_EXTENSIONS + 1));
    for bad in [
        "\r\n",
        ";x\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\n",
        "1 \r\nx",
        "1\nx\r\n",
        "1\r\rx",
        "1;x\ny\r\n",
        "1;x\r\r\n",
        "1;\0\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        "00000000000000001\r\nx",
        "fffffffffffffffff\r\n",
        &long,
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn trailers_are_handed_on_but_for_those_that_must_not_be() {
    let text = "0\r\nx-sum:  7 \r\nContent-Length: 9\r\nauthorization: x\r\n\r\nrest";
    let (_, trailers, rest) = read(text).unwrap().unwrap();
    assert_eq!(trailers.len(), 1);
    assert_eq!(trailers["x-sum"], "7");
    assert_eq!(rest, "rest");
}

#[test]
fn trailer_sections_are_strict_and_bounded() {
    for bad in [
        "0\r\na: b\n\r\n",
        "0\r\na: b\r\n\n",
        "0\r\n a: b\r\n\r\n",
        "0\r\na : b\r\n\r\n",
        "0\r\na\r\n\r\n",
        "0\r\na: b\r\n c\r\n\r\n",
        "0\r\na: 1\r\na: 2\r\na: 3\r\na: 4\r\n\r\n",
        &format!("0\r\na: {}", "x".repeat(128)),
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn sizes_may_be_padded_where_that_is_said() {
    let padded = |text| read_by(Chunked::padded(), text);
    for text in ["1  \r\nx\r\n0 \t\r\n\r\n", "1 ;a=b\r\nx\r\n0\r\n\r\n"] {
        assert_eq!(padded(text).unwrap().unwrap().0, "x");
        assert!(read(text).is_err());
    }
    let long = format!("1{}\r\nx\r\n0\r\n\r\n", " ".repeat(MAX_EXTENSIONS + 1));
    for bad in [" 1\r\nx", "1 1\r\nx", "1 \nx\r\n", &long] {
        assert!(padded(bad).is_err(), "{bad:?}");
    }
}
