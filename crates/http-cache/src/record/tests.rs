use std::time::{Duration, SystemTime};

use http::HeaderValue;
use proptest::prelude::*;

use super::{testing::*, *};
use crate::stored::testing::{head, part};

fn bytes(head: &StoredHead) -> Vec<u8> {
    let mut out = Vec::new();
    head.encode(&mut out);
    out
}

/// Everything that a head has is in its debug form.
fn check(head: &StoredHead) -> Result<(), TestCaseError> {
    let read = StoredHead::decode(&bytes(head));
    prop_assert_eq!(
        read.map(|head| format!("{head:?}")),
        Ok(format!("{head:?}"))
    );
    Ok(())
}

#[test]
fn a_head_is_read_back_whole() {
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
fn the_order_of_lines_stays() {
    let read = StoredHead::decode(&bytes(&full())).unwrap();
    let cookies: Vec<_> = read.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[test]
fn another_version_is_told_from_damage() {
    let mut bytes = bytes(&full());
    bytes[0] = VERSION + 1;
    let other = NoHead::Version(VERSION + 1);
    assert_eq!(StoredHead::decode(&bytes).unwrap_err(), other);
    let nothing = StoredHead::decode(&[]).unwrap_err();
    assert_eq!(nothing, NoHead::Malformed);
}

#[test]
fn what_is_cut_off_or_has_more_behind_it_is_no_head() {
    let bytes = bytes(&full());
    for end in 0..bytes.len() {
        assert!(StoredHead::decode(&bytes[..end]).is_err(), "{end}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(StoredHead::decode(&longer).is_err());
}

#[test]
fn counts_that_lie_take_no_memory() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(<Vec<String>>::decode(&mut Input::new(&huge)).is_none());
    assert!(fields::decode(&mut Input::new(&huge)).is_none());
    // More fields than a map can hold.
    let mut many = Vec::new();
    100_000_usize.encode(&mut many);
    many.extend([1, 0].repeat(100_000));
    assert!(fields::decode(&mut Input::new(&many)).is_none());
}

#[test]
fn a_usual_head_is_small() {
    let head = head(&[
        ("content-type", "text/html"),
        ("cache-control", "max-age=60"),
    ]);
    let text: usize = head.headers.values().map(HeaderValue::len).sum();
    assert!(bytes(&head).len() < text + 48);
}

/// A value and its length are one allocation and one reference.
#[test]
fn values_share_one_piece_of_memory() {
    let read = StoredHead::decode(&bytes(&full())).unwrap();
    let mut addresses: Vec<usize> = read
        .headers
        .values()
        .filter(|value| !value.is_empty())
        .map(|value| value.as_bytes().as_ptr() as usize)
        .collect();
    addresses.sort_unstable();
    let all: usize = read.headers.values().map(HeaderValue::len).sum();
    let span = addresses.last().unwrap() - addresses.first().unwrap();
    assert!(span < all);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_head_is_read_back_whole(head in any_head()) {
        check(&head)?;
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = StoredHead::decode(&bytes);
        let _ = StoredHead::decode(&[&[VERSION][..], &bytes].concat());
    }

    #[test]
    fn what_is_damaged_does_not_panic(at: prop::sample::Index, with: u8) {
        let mut bytes = bytes(&full());
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(head) = StoredHead::decode(&bytes) {
            // What can be read can be written.
            let _ = self::bytes(&head);
        }
    }

    #[test]
    fn numbers_and_times_are_read_back(number: u64, duration in duration(), time in time()) {
        let mut out = Vec::new();
        number.encode(&mut out);
        duration.encode(&mut out);
        time.encode(&mut out);
        let mut input = Input::new(&out);
        prop_assert_eq!(u64::decode(&mut input), Some(number));
        prop_assert_eq!(Duration::decode(&mut input), Some(duration));
        prop_assert_eq!(SystemTime::decode(&mut input), Some(time));
        prop_assert_eq!(input.left(), 0);
    }
}
