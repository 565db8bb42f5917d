use http::HeaderMap;
use perigee_http_cache::Scheme;
use proptest::prelude::*;
use sfv::{BareItem, List, ListEntry, Parser};

use super::*;

#[test]
fn parameters_stand_in_a_fixed_order() {
    assert_eq!(Handling::hit(12).to_string(), "; hit; ttl=12");
    assert_eq!(
        Handling::hit_stale(-3).to_string(),
        "; hit; ttl=-3; detail=stale-while-revalidate"
    );
    let handling = Handling {
        forward_status: Some(304),
        stored: true,
        collapsed: true,
        detail: Some(Detail::Peer("fra-2".to_owned())),
        ..Handling::forwarded(Miss::Stale)
    };
    assert_eq!(
        handling.to_string(),
        "; fwd=stale; fwd-status=304; stored; collapsed; detail=\"peer fra-2\""
    );
    let copy = Handling {
        detail: Some(Detail::Copy("fra-2".to_owned())),
        ..Handling::forwarded(Miss::Uri)
    };
    assert_eq!(copy.to_string(), "; fwd=uri-miss; detail=\"copy of fra-2\"");
}

#[test]
fn what_is_said_of_most_misses_is_what_would_be_said_of_them() {
    let own = Entries::of("fra-1");
    let mut handling = Handling::forwarded(Miss::Uri).with_status(200);
    for (stored, said) in [
        (false, "fra-1; fwd=uri-miss; fwd-status=200"),
        (true, "fra-1; fwd=uri-miss; fwd-status=200; stored"),
    ] {
        handling.stored = stored;
        let entry = own.entry(Disclosure::Full, &handling, None).unwrap();
        assert_eq!(entry, said);
    }
    assert_eq!(
        own.usual,
        (
            handling.clone(),
            HeaderValue::try_from("fra-1; fwd=uri-miss; fwd-status=200; stored").ok()
        )
    );
    let brief = own.entry(Disclosure::Brief, &handling, None).unwrap();
    assert_eq!(brief, "fra-1; fwd=uri-miss");
}

fn told(disclosure: Disclosure, key: Option<&CacheKey>) -> Vec<String> {
    let above = vec![HeaderValue::from_static("shield-1; hit; ttl=9")];
    let handling = Handling {
        stored: true,
        detail: Some(Detail::Peer("fra-2".to_owned())),
        ..Handling::forwarded(Miss::Uri)
    };
    let mut headers = HeaderMap::new();
    disclose(
        |name, value| _ = headers.append(name, value),
        disclosure,
        above,
        &Entries::of("fra-1"),
        &handling,
        key,
    );
    let values = headers.get_all("cache-status").iter();
    values.map(|v| v.to_str().unwrap().to_owned()).collect()
}

#[test]
fn clients_are_told_what_they_are_to_know() {
    let key = CacheKey::new(Scheme::Http, "a.test", "/p?q=\"");
    let (shield, edge) = (
        "shield-1; hit; ttl=9",
        "fra-1; fwd=uri-miss; stored; detail=\"peer fra-2\"",
    );
    assert_eq!(told(Disclosure::Off, Some(&key)), [""; 0]);
    assert_eq!(told(Disclosure::Brief, Some(&key)), ["fra-1; fwd=uri-miss"]);
    assert_eq!(told(Disclosure::Full, Some(&key)), [shield, edge]);
    let with_key = format!(r#"{edge}; key="http://a.test/p?q=\"""#);
    assert_eq!(told(Disclosure::Debug, Some(&key)), [shield, &with_key]);
    assert_eq!(told(Disclosure::Debug, None), [shield, edge]);
    let long = CacheKey::new(Scheme::Http, "a.test", &format!("/{}", "a".repeat(MAX_KEY)));
    assert_eq!(told(Disclosure::Debug, Some(&long)), [shield, edge]);
}

fn details() -> impl Strategy<Value = Option<Detail>> {
    prop_oneof![
        Just(None),
        any::<String>().prop_map(|name| Some(Detail::Peer(name))),
        Just(Some(Detail::StaleWhileRevalidate)),
        Just(Some(Detail::StaleIfError)),
        Just(Some(Detail::NextTierFailed)),
        Just(Some(Detail::Refused)),
    ]
}

fn handlings() -> impl Strategy<Value = Handling> {
    let why = prop_oneof![
        Just(None),
        Just(Some(Miss::Bypass)),
        Just(Some(Miss::Method)),
        Just(Some(Miss::Uri)),
        Just(Some(Miss::Vary)),
        Just(Some(Miss::Request)),
        Just(Some(Miss::Stale)),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let numbers = (
        prop::option::of(100_u16..1000),
        prop::option::of(-999_999_i64..999_999),
    );
    (why, flags, numbers, details()).prop_map(|(forwarded, flags, numbers, detail)| Handling {
        hit: flags.0,
        forwarded,
        forward_status: numbers.0,
        stored: flags.1,
        collapsed: flags.2,
        ttl: numbers.1,
        detail,
    })
}

proptest! {
    /// Each entry is an Item of a List, named by a token, with parameters of the types that RFC
    /// 9211 section 2 gives them, whatever names and keys hold.
    #[test]
    fn every_entry_is_a_structured_field(
        handling in handlings(),
        node in "[A-Za-z][A-Za-z0-9_.-]{0,62}",
        target in "/[!-~]{0,40}",
    ) {
        let key = CacheKey::new(Scheme::Https, "a.test", &target);
        for disclosure in [Disclosure::Brief, Disclosure::Full, Disclosure::Debug] {
            let mut headers = HeaderMap::new();
            let add = |name: &HeaderName, value| _ = headers.append(name, value);
            disclose(add, disclosure, Vec::new(), &Entries::of(&node), &handling, Some(&key));
            let value = headers["cache-status"].to_str().unwrap();
            let list: List = Parser::new(value).parse().expect(value);
            let [ListEntry::Item(entry)] = list.as_slice() else {
                panic!("one item: {value}");
            };
            prop_assert_eq!(entry.bare_item.as_token().map(|t| t.as_str()), Some(&*node));
            for (name, param) in &entry.params {
                let fits = match name.as_str() {
                    "hit" | "stored" | "collapsed" => matches!(param, BareItem::Boolean(true)),
                    "fwd" => matches!(param, BareItem::Token(_)),
                    "fwd-status" | "ttl" => matches!(param, BareItem::Integer(_)),
                    "key" => param.as_string().map(|s| s.as_str()) == Some(key.as_str()),
                    "detail" => matches!(param, BareItem::Token(_) | BareItem::String(_)),
                    _ => false,
                };
                prop_assert!(fits, "{}: {}", name.as_str(), value);
            }
            let has_key = entry.params.iter().any(|(name, _)| name.as_str() == "key");
            prop_assert_eq!(has_key, disclosure == Disclosure::Debug);
        }
    }
}
