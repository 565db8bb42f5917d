use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{Policy, RequestHead, ResponseHead, StoredHead, Times};
use proptest::prelude::*;

use super::*;
use crate::{
    Revision, StoredId,
    body::{Extent, Extents, Medium, Whole},
};

const KEY: &str = "http://a.test/1";

fn head(fields: &HeaderMap) -> StoredHead {
    let at = UNIX_EPOCH + Duration::from_secs(1);
    StoredHead::new(
        &RequestHead {
            method: &Method::GET,
            headers: &HeaderMap::new(),
        },
        ResponseHead {
            status: StatusCode::OK,
            headers: fields,
        },
        &Policy::default(),
        Times {
            requested: at,
            received: at,
        },
    )
}

fn whole(length: usize) -> Whole {
    let bytes: Vec<u8> = (0..length).map(|n| n as u8 ^ (n / 251) as u8).collect();
    let blocks = bytes.chunks(crate::body::BLOCK);
    Whole::new(blocks.map(Bytes::copy_from_slice).collect())
}

fn with(head: StoredHead, body: Extents) -> Stored {
    Stored::new(Arc::new(head), Body::kept(body), Revision::new(3))
}

/// A response with a body of so many bytes.
pub(in crate::memory) fn stored(length: usize) -> Stored {
    with(head(&HeaderMap::new()), Extents::one(0, whole(length)))
}

/// All that is told of a response, and its bytes.
fn told(stored: &Stored) -> (Arc<StoredHead>, StoredId, Revision, Vec<Bytes>) {
    let mut reader = stored.body.read();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut chunks = Vec::new();
    while let std::task::Poll::Ready(Some(chunk)) = reader.poll_chunk(&mut cx) {
        chunks.push(chunk.unwrap());
    }
    let head = Arc::clone(&stored.head);
    (head, stored.id, stored.checked, chunks)
}

fn field() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let value = prop_oneof!["[ -~]{0,40}", Just("\"a\"".to_owned())];
    let name = prop_oneof!["x-[a-z]{1,9}", Just("etag".to_owned())];
    (name, value).prop_map(|(name, value)| {
        let name = HeaderName::try_from(name).unwrap();
        (name, HeaderValue::try_from(value).unwrap())
    })
}

fn any_stored() -> impl Strategy<Value = Stored> {
    let fields = prop::collection::vec(field(), 0..8);
    let length = prop_oneof![0..50_usize, 4000..4200_usize, Just(70_000)];
    (fields, length, 0..3_u64).prop_map(|(fields, length, start)| {
        let fields = HeaderMap::from_iter(fields);
        // Parts begin anywhere.
        let start = if length == 0 { 0 } else { start };
        with(head(&fields), Extents::one(start, whole(length)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// What is packed comes back, and what is shown where it stands is the same.
    #[test]
    fn what_is_packed_is_unpacked(
        key in "http://[a-z]{1,9}/\\PC{0,20}",
        all in prop::collection::vec(any_stored(), 1..4),
    ) {
        let held = Held::pack(&key, &all).unwrap();
        let view = held.view();
        prop_assert!(view.is_of(key.as_bytes()) && !view.is_of(KEY.as_bytes()));
        prop_assert_eq!(view.key(), CacheKey::from_text(&key));
        prop_assert_eq!(view.count(), all.len());
        let back: Vec<_> = held.unpack().map(|stored| told(&stored)).collect();
        prop_assert_eq!(&back, &all.iter().map(told).collect::<Vec<_>>());
        for (hit, stored) in view.hits().zip(&all) {
            prop_assert_eq!(hit.id(), stored.id);
            prop_assert_eq!(hit.head().status(), stored.head.status);
            prop_assert_eq!(hit.body_length(), stored.body.length());
            let seen = Stored { body: hit.body(), ..stored.clone() };
            prop_assert_eq!(told(&seen), told(stored));
            if let Some(bytes) = hit.bytes() {
                prop_assert_eq!(told(stored).3.concat(), bytes);
            }
        }
        // Packed once more, it takes the same.
        let again = Held::pack(&key, &held.unpack().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(again.weight(), held.weight());
    }
}

#[test]
fn a_small_response_is_one_piece_and_a_large_one_is_not() {
    let is_one = |length| matches!(Held::pack(KEY, &[stored(length)]), Some(Held::One(_)));
    assert!(is_one(0) && is_one(1024) && is_one(4096));
    assert!(!is_one(4097) && !is_one(100_000));
    assert!(Held::pack(KEY, &[]).is_none());
    let two = Held::pack(KEY, &[stored(1), stored(2)]).unwrap();
    assert_eq!(two.view().count(), 2);
}

#[test]
fn room_is_for_the_next_piece_and_a_copy_has_its_own() {
    let one = |length| match Held::pack(KEY, &[stored(length)]) {
        Some(Held::One(piece)) => piece,
        other => panic!("{other:?}"),
    };
    let place = |piece: &Piece| piece.bytes().as_ptr();
    let (first, second) = (one(9), one(9));
    assert_ne!(place(&first), place(&second));
    let at = place(&first);
    first.copied();
    let third = one(9);
    assert_eq!(place(&third), at);
    let (looked_at, text) = (third.clone(), third.bytes().to_vec());
    third.copied();
    let other = one(10);
    assert_eq!(place(&other), at);
    assert_eq!(looked_at.bytes(), text);
    assert_eq!(other.clone().staying().bytes(), other.bytes());
}

#[test]
fn a_body_that_is_a_part_is_not_taken_for_a_whole_one() {
    let whole = Medium::Memory(whole(10));
    for extent in [
        Extent::new(4, whole.clone()),
        Extent::new(0, whole.clone()).cut(2, 8).unwrap(),
        Extent::new(0, whole).cut(0, 8).unwrap(),
    ] {
        let part = with(head(&HeaderMap::new()), Extents::of(vec![extent]));
        let held = Held::pack(KEY, std::slice::from_ref(&part)).unwrap();
        assert!(held.view().hits().all(|hit| hit.bytes().is_none()));
        assert_eq!(told(&held.unpack().next().unwrap()), told(&part));
    }
}
