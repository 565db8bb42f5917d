//! Whatever comes over UDP: what goes back is a response to it, whole, and no larger than may be.

mod cdn;

use hickory_proto::op::{Message, MessageType};
use perigee_geodns::{Asker, Memo, Snapshot, Transport, answer};
use proptest::prelude::*;

const NAMES: &[&str] = &[
    "",
    "www",
    "info",
    "alias",
    "a.wild",
    "wild",
    "deep.child",
    "child",
    "nothing",
    "a.b.c.d.e",
];
const TYPES: &[u16] = &[
    1, 2, 5, 6, 12, 15, 16, 28, 33, 43, 46, 47, 65, 128, 250, 252, 255, 65_280,
];

/// The response over UDP, which is checked against what was sent.
fn check(snapshot: &Snapshot, memo: &mut Memo, message: &[u8]) {
    let asker = Asker {
        address: ([10, 0, 3, 7], 5_353).into(),
        transport: Transport::Udp,
    };
    let mut out = [0xEE; 4_096];
    let now = std::time::UNIX_EPOCH;
    let Some(length) = answer(snapshot, memo, message, asker, now, &mut out) else {
        let is_response = message.get(2).is_some_and(|flags| flags & 0x80 != 0);
        return assert!(
            message.len() < 12 || is_response,
            "no response to {message:?}"
        );
    };
    assert!(length <= 1_232, "{length} octets to {message:?}");
    let response = &out[..length];
    assert_eq!(response[..2], message[..2]);
    let decoded = Message::from_vec(response);
    let decoded = decoded.unwrap_or_else(|e| panic!("{e}: {response:?} to {message:?}"));
    assert_eq!(decoded.metadata.message_type, MessageType::Response);
    if let Some(question) = decoded.queries.first() {
        let end = 12 + question.name().len() + 4;
        assert_eq!(response[12..end], message[12..end]);
    }
    // Who does not say more takes 512 octets, and no OPT.
    if decoded.edns.is_none() {
        assert!(length <= 512);
    }
}

proptest! {
    #[test]
    fn any_octets(messages in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..120), 40,
    )) {
        let (snapshot, mut memo) = (cdn::small(), Memo::none());
        for message in messages {
            check(&snapshot, &mut memo, &message);
        }
    }

    #[test]
    fn queries_and_what_is_nearly_one(
        queries in proptest::collection::vec((
            proptest::sample::select(NAMES), proptest::sample::select(TYPES), any::<Option<[u8; 4]>>(),
            proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        ), 40),
    ) {
        let (snapshot, mut memo) = (cdn::small(), Memo::none());
        for (name, rtype, subnet, changes) in queries {
            let mut query = cdn::query(name, rtype, subnet.map(Into::into));
            for (at, octet) in changes {
                let at = at.index(query.len());
                query[at] = octet;
            }
            check(&snapshot, &mut memo, &query);
        }
    }
}
