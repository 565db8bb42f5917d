//! Whatever stands in a zone file: it is refused with a place in it, or served by a zone whose responses are
//! whole.

use std::sync::Arc;

use hickory_proto::op::Message;
use perigee_geodns::{Asker, Config, Memo, Places, Snapshot, Source, Transport, Zone, answer};
use proptest::prelude::*;

/// What zone files are made of, and what is nearly that.
const WORDS: &[&str] = &[
    "@",
    "www",
    "*",
    "*.x",
    "a.b",
    "x",
    "cdn.example.",
    "elsewhere.",
    ".",
    "\\.",
    "\\000",
    "\\256",
    "\\",
    "é",
    "IN",
    "CH",
    "1h",
    "0",
    "3600",
    "99999999999",
    "-1",
    "A",
    "AAAA",
    "NS",
    "CNAME",
    "SOA",
    "MX",
    "TXT",
    "SRV",
    "CAA",
    "DS",
    "HTTPS",
    "SVCB",
    "PTR",
    "TLSA",
    "SSHFP",
    "TYPE65280",
    "TYPE1",
    "TYPE70000",
    "192.0.2.1",
    "::1",
    "10",
    "\"text\"",
    "\"",
    "\"a\\\"b\"",
    "(",
    ")",
    ";",
    "; comment",
    "$ORIGIN",
    "$TTL",
    "$INCLUDE",
    "\\#",
    "3",
    "c00201",
    "alpn=h2,h3",
    "alpn=\"h2\\\\,x\"",
    "ipv4hint=auto",
    "ipv4hint=192.0.2.1",
    "mandatory=alpn",
    "port=443",
    "key65280=x",
    "ech=AAAA",
    "no-default-alpn",
    "issue",
    "8",
    "13",
    "\u{feff}",
    "\t",
    "\r",
];

fn text() -> impl Strategy<Value = String> {
    let words = || {
        let word = prop_oneof![
            20 => proptest::sample::select(WORDS).prop_map(str::to_owned),
            1 => "\\PC{0,80}",
        ];
        proptest::collection::vec(word, 0..9).prop_map(|words| words.join(" "))
    };
    // Some that are right, so that others stand beside records.
    let line = prop_oneof![
        3 => words(),
        2 => words().prop_map(|end| format!("x 1h TXT {end}")),
        1 => words().prop_map(|end| format!("_s 1h HTTPS 1 . {end}")),
        1 => Just("www 1h MX 10 mail".to_owned()),
    ];
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

fn question(name: &[u8], rtype: u16) -> Vec<u8> {
    let mut message = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(name);
    message.extend(b"\x03cdn\x07example\0");
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn check(text: &str) {
    let config = Config::new("ns1".into(), "cdn.example");
    let zone = match Zone::with_file(&config, text) {
        Ok(zone) => Arc::new(zone),
        Err(error) => {
            if let Source::File(line, column) = error.from {
                let lines = text.split('\n').count();
                assert!(
                    (1..=lines).contains(&line) && column > 0,
                    "{error} in {text:?}"
                );
            }
            return assert!(!error.what.is_empty());
        }
    };
    let places = Arc::new(Places::load(&config, None).unwrap());
    let snapshot = Snapshot::new(&config, zone, places, &[]);
    let mut out = vec![0; 65_535];
    for name in [
        &b""[..],
        b"\x01x",
        b"\x03www",
        b"\x01b",
        b"\x01q\x01x",
        b"\x02_s",
    ] {
        for rtype in [1, 2, 6, 15, 16, 33, 65, 255, 65_280] {
            for transport in [Transport::Udp, Transport::Tcp] {
                let address = ([198, 51, 100, 7], 5_353).into();
                let asker = Asker { address, transport };
                let query = question(name, rtype);
                let now = std::time::UNIX_EPOCH;
                let length = answer(&snapshot, &mut Memo::none(), &query, asker, now, &mut out);
                let response = &out[..length.unwrap()];
                assert!(transport == Transport::Tcp || response.len() <= 512);
                let decoded = Message::from_vec(response);
                assert!(decoded.is_ok(), "{decoded:?}: {query:?} of {text:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_zone_file(text in text()) {
        check(&text);
    }

    #[test]
    fn any_text(text in "\\PC{0,300}") {
        check(&text);
    }
}
