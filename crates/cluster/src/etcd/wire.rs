//! What goes to etcd's JSON gateway, and what comes back: keys and values are base64 (RFC 4648
//! section 4), 64-bit numbers are strings, and what is zero, false or empty is left out.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de};

/// Bytes as the gateway writes them.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Where the keys end that begin with `prefix`: the first key that is greater than all of them.
pub(super) fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // All keys, in etcd's notation.
    vec![0]
}

/// Bytes that came in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes64(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        Ok(Bytes64(bytes))
    }
}

/// A 64-bit number that came as a string, or as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Int(pub(super) i64);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Int(number)),
            Either::Text(text) => text.parse().map(Int).map_err(de::Error::custom),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) revision: Int,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    pub(super) key: Bytes64,
    pub(super) value: Bytes64,
    pub(super) mod_revision: Int,
    pub(super) lease: Int,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RangeAnswer {
    pub(super) header: Header,
    pub(super) kvs: Vec<KeyValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TxnAnswer {
    pub(super) header: Header,
    pub(super) succeeded: bool,
    pub(super) responses: Vec<OpAnswer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OpAnswer {
    pub(super) response_range: Option<RangeAnswer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Changed {
    pub(super) header: Header,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LeaseAnswer {
    #[serde(rename = "ID")]
    pub(super) id: Int,
    /// Seconds; zero of a lease that is gone.
    #[serde(rename = "TTL")]
    pub(super) ttl: Int,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenAnswer {
    pub(super) token: String,
}

/// One object of a stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Streamed<T> {
    Result(T),
    Error(Refusal),
}

/// Why etcd says no: its words, and the code of gRPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) message: String,
    #[serde(alias = "grpc_code")]
    pub(super) code: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WatchAnswer {
    pub(super) header: Header,
    pub(super) canceled: bool,
    pub(super) cancel_reason: String,
    pub(super) compact_revision: Int,
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: EventKind,
    pub(super) kv: KeyValue,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) enum EventKind {
    #[default]
    #[serde(rename = "PUT")]
    Put,
    #[serde(rename = "DELETE")]
    Delete,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_ends_there() {
        assert_eq!(prefix_end("/perigee/a/"), b"/perigee/a0");
        assert_eq!(prefix_end("a\u{7f}"), b"a\x80");
        assert_eq!(prefix_end(""), [0]);
    }

    #[test]
    fn a_range_is_read_with_what_is_left_out() {
        let text = r#"{"header":{"cluster_id":"14841639068965178418","revision":"2"},
            "kvs":[{"key":"L3AvYQ==","mod_revision":"2","version":"1","value":"aGVsbG8="}],
            "count":"1"}"#;
        let answer: RangeAnswer = serde_json::from_str(text).expect("parses");
        assert_eq!(answer.header.revision, Int(2));
        assert_eq!(answer.kvs[0].key.0, b"/p/a");
        assert_eq!(answer.kvs[0].value.0, b"hello");
        assert_eq!(answer.kvs[0].lease, Int(0));
    }

    #[test]
    fn a_stream_says_result_or_error() {
        let text = r#"{"result":{"header":{},"canceled":true,"compact_revision":"3"}}"#;
        let Ok(Streamed::Result(answer)) = serde_json::from_str::<Streamed<WatchAnswer>>(text)
        else {
            panic!("does not parse")
        };
        assert!(answer.canceled && answer.compact_revision == Int(3));
        let text = r#"{"result":{"events":[{"type":"DELETE","kv":{"key":"YQ=="}},{"kv":{}}]}}"#;
        let Ok(Streamed::Result(answer)) = serde_json::from_str::<Streamed<WatchAnswer>>(text)
        else {
            panic!("does not parse")
        };
        assert_eq!(answer.events[0].kind, EventKind::Delete);
        assert_eq!(answer.events[1].kind, EventKind::Put);
        let text = r#"{"error":{"grpc_code":14,"message":"no leader"}}"#;
        let Ok(Streamed::Error(refusal)) = serde_json::from_str::<Streamed<WatchAnswer>>(text)
        else {
            panic!("does not parse")
        };
        assert_eq!((refusal.code, refusal.message.as_str()), (14, "no leader"));
    }

    #[test]
    fn a_refusal_says_it_twice() {
        let text = r#"{"error":"no such lease","message":"no such lease","code":5}"#;
        let refusal: Refusal = serde_json::from_str(text).expect("parses");
        assert_eq!(
            (refusal.code, refusal.message.as_str()),
            (5, "no such lease")
        );
    }

    #[test]
    fn what_is_garbled_is_an_error() {
        for text in [
            r#"{"kvs":[{"key":"?"}]}"#,
            r#"{"header":{"revision":"x"}}"#,
            r#"{"kvs":{}}"#,
        ] {
            assert!(serde_json::from_str::<RangeAnswer>(text).is_err(), "{text}");
        }
    }
}
