use proptest::prelude::*;

use super::*;
use crate::{
    record::testing::{ALL, any_head, full},
    stored::testing::{at, head, part},
};

fn packed(head: &StoredHead) -> Bytes {
    // What stands before it makes no difference.
    let mut out = b"before".to_vec();
    head.pack(&mut out);
    Bytes::from(out).slice(6..)
}

/// What is asked for in place is what the head says, and the head comes back whole.
fn check(head: &StoredHead) -> Result<(), TestCaseError> {
    let bytes = packed(head);
    let seen = PackedHead::of(&bytes).unwrap();
    prop_assert_eq!(seen.status(), head.status);
    prop_assert_eq!(seen.length(), head.length);
    prop_assert_eq!(seen.received(), head.received);
    prop_assert_eq!(seen.lifetime(), head.lifetime);
    prop_assert_eq!(seen.always_validate(), head.always_validate);
    prop_assert_eq!(seen.is_part(), head.held().is_some());
    let etag = head.etag.as_ref().map(|etag| &etag.value[..]);
    prop_assert_eq!(seen.etag(), etag);
    let modified = head.last_modified.unwrap_or(head.date);
    prop_assert_eq!(seen.modified(), Some(modified));
    for now in [head.received, at(0), UNIX_EPOCH] {
        prop_assert_eq!(
            (seen.age(now), seen.ttl(now)),
            (head.age(now), head.ttl(now))
        );
    }
    let unpacked = StoredHead::unpack(&bytes);
    prop_assert_eq!(unpacked.as_ref(), Some(head));
    Ok(())
}

#[test]
fn a_head_comes_back_whole() {
    for head in [
        full(),
        head(&[]),
        head(&[("vary", "*"), ("no-vary-search", "params=(\"a\")")]),
        part(ALL, "bytes 4-9/10", 5),
        part(ALL, "bytes 4-9/*", 6),
        head(ALL).cut_short(4).unwrap(),
    ] {
        check(&head).unwrap();
    }
}

#[test]
fn lines_are_those_of_an_answer_and_tags_are_apart() {
    let bytes = packed(&head(&[
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("surrogate-key", "one two"),
        ("x-own", ""),
        ("x-own", "b c"),
        ("cache-tag", "three"),
        ("etag", "\"a\""),
        ("perigee-x", "1"),
    ]));
    let head = PackedHead::of(&bytes).unwrap();
    let text = |lines| std::str::from_utf8(lines).unwrap().to_owned();
    let guides = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\netag: \"a\"\r\n";
    assert_eq!(text(head.not_modified_lines()), guides);
    let shown = format!("{guides}x-own: \r\nx-own: b c\r\n");
    assert_eq!(text(head.lines()), shown);
    let tags = "surrogate-key: one two\r\ncache-tag: three\r\n";
    assert_eq!(text(head.tagged_lines()), format!("{shown}{tags}"));
    assert_eq!(head.etag(), Some(&b"\"a\""[..]));
}

#[test]
fn values_share_the_piece() {
    let bytes = packed(&full());
    let head = StoredHead::unpack(&bytes).unwrap();
    let piece = bytes.as_ptr_range();
    let mut values = head.headers.values().filter(|value| !value.is_empty());
    assert!(values.all(|value| piece.contains(&value.as_bytes().as_ptr())));
}

#[test]
fn a_usual_head_takes_little_beside_its_lines() {
    let bytes = packed(&head(&[
        ("content-type", "text/html"),
        ("cache-control", "max-age=60"),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("etag", "\"a\""),
    ]));
    let head = PackedHead::of(&bytes).unwrap();
    assert!(bytes.len() <= head.lines().len() + FIXED + 32, "{bytes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_head_comes_back_whole(head in any_head()) {
        check(&head)?;
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, counts in prop::array::uniform32(any::<u8>())) {
        let bytes = [&counts[..], &bytes].concat();
        let _ = StoredHead::unpack(&Bytes::from(bytes.clone()));
        if let Some(head) = PackedHead::of(&bytes) {
            let _ = (head.status(), head.lines(), head.tagged_lines(), head.etag());
            let _ = (head.received(), head.age(UNIX_EPOCH), head.ttl(UNIX_EPOCH));
        }
    }
}
