use bytes::BytesMut;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    Limits,
    http1::head::{HeadReader, Taken},
};

/// What somebody at the door is told of a request.
type Seen = (bool, String, String, Vec<(String, Vec<u8>)>);

fn seen(asked: &Asked<'_>) -> Seen {
    let field = |field: &Header<'_>| (field.name.to_owned(), field.value.to_vec());
    (
        asked.is_head,
        asked.host.to_owned(),
        asked.target.to_owned(),
        asked.fields.iter().map(field).collect(),
    )
}

/// What a head comes to, in words, and how many bytes it takes.
fn taken(known: &mut Known, head: &str, opens: bool) -> (Option<Seen>, String, usize) {
    let mut buf = BytesMut::from(head);
    let mut at_door = None;
    let open = |asked: &Asked<'_>| {
        assert!(at_door.replace(seen(asked)).is_none(), "asked once");
        opens.then_some(())
    };
    let limits = Limits::default();
    let taken = HeadReader::default().take(&mut buf, &limits, false, known, open);
    let said = match taken {
        // In the order in which they came.
        Ok(Some(Taken::Head(head))) => format!("{head:?}"),
        other => format!("{other:?}"),
    };
    (at_door, said, head.len() - buf.len())
}

fn head(fields: &str) -> String {
    format!("GET /a HTTP/1.1\r\n{fields}host: a\r\n\r\n")
}

fn is_known(known: &mut Known, fields: &str) -> bool {
    let head = head(fields);
    let shown = known.open(head.as_bytes(), |_| Some(()));
    shown.is_some_and(|shown| shown.opened == Some(()) && shown.length == head.len())
}

#[test]
fn the_fields_of_the_request_before_are_known_from_the_second_one_on() {
    let mut known = Known::default();
    for round in 0..3 {
        assert_eq!(is_known(&mut known, "x: y\r\n"), round == 2, "{round}");
        taken(&mut known, &head("x: y\r\n"), true);
    }
    assert!(!is_known(&mut known, "x: z\r\n"));
    assert!(!is_known(&mut known, "x: y\r\nx: y\r\n"));
    assert!(!is_known(&mut known, ""));
    // The next one that differs takes the place, answered or not.
    for (fields, before, opens) in [("x: z\r\n", "x: y\r\n", true), ("", "x: z\r\n", false)] {
        taken(&mut known, &head(fields), opens);
        assert!(is_known(&mut known, fields) && !is_known(&mut known, before));
    }
}

#[test]
fn where_each_head_is_another_one_nothing_is_learnt() {
    let mut known = Known::default();
    for round in 0..20 {
        let fields = format!("x: {round}\r\n");
        taken(&mut known, &head(&fields), true);
        let learns = (1..=MOST_OTHERS).contains(&round);
        assert_eq!(known.block.starts_with(&fields), learns, "{round}");
    }
    assert_eq!((known.block.capacity(), known.fields.capacity()), (0, 0));
}

#[test]
fn what_is_remembered_is_bounded() {
    let long = format!("x: {}\r\n", "y".repeat(MOST_BYTES));
    for fields in [long, "x: y\r\n".repeat(MOST_FIELDS + 1)] {
        let mut known = Known::default();
        for opens in [true, true, false, false] {
            taken(&mut known, &head(&fields), opens);
            assert!(!is_known(&mut known, &fields) && known.made.is_none());
        }
    }
}

fn line() -> impl Strategy<Value = String> {
    let line = select(
        &[
            "GET /a HTTP/1.1\r\n",
            "GET /a HTTP/1.1\r\n",
            "HEAD /a/b?c=%20 HTTP/1.1\r\n",
            "GET / HTTP/1.1\n",
            "GET / HTTP/1.0\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET /  HTTP/1.1\r\n",
            "get / HTTP/1.1\r\n",
            "GET http://a/ HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\n",
        ][..],
    );
    let any = proptest::string::string_regex("GET /[ -~\u{e9}]{0,3} HTTP/1.1\r\n");
    prop_oneof![4 => line.prop_map(str::to_owned), 1 => any.unwrap()]
}

fn block() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "host: a\r\n\r\n",
            "host: a\r\n\r\n",
            "Host: b:80\r\nx:  y \r\nz:\r\n\r\n",
            "x: \u{e9}\r\nhost: a\r\n\r\n",
            "host: a\r\nhost: a\r\n\r\n",
            "host: a\r\nte: trailers\r\n\r\n",
            "host: a\n\r\n",
            "host: a\r\n\r",
            "\r\n",
        ][..],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever came before, a head comes to the same as on a connection of its own.
    #[test]
    fn it_makes_no_difference_what_came_before(
        heads in vec((line(), block(), any::<bool>(), select(&["", "", "GET / "][..])), 1..20),
    ) {
        let mut known = Known::default();
        for (line, block, opens, next) in heads {
            let head = line + block + next;
            let (with, alone) = (
                taken(&mut known, &head, opens),
                taken(&mut Known::default(), &head, opens),
            );
            prop_assert_eq!(with, alone, "{}", head);
        }
    }
}
