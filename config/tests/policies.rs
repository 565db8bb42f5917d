//! `[[dns.policies]]`: what a good one is built to, and where a bad one is pointed at.

use std::path::Path;

use perigee_config::{Problem, parse};
use perigee_geodns::Order;

/// A file with these rules on line 20 and those behind it.
fn text(rules: &str) -> String {
    format!(
        r#"[cdn]
secret = "0123456789abcdef"
[[pops]]
name = "fra"
latitude = 50.11
longitude = 8.68
[[pops]]
name = "ams"
latitude = 52.37
longitude = 4.90
[[geodns]]
name = "ns1"
listen = ["127.0.41.1:5300"]
[dns]
zone = "cdn.example"
policy = "all"
[[dns.policies]]
name = "all"
rules = [
{rules}
]
[[dns.policies]]
name = "other"
rules = []
[[services]]
name = "www"
origins = ["http://127.0.0.1:3000"]
dns = {{ policy = "other", rotate = true }}
[[services]]
name = "img"
origins = ["http://127.0.0.1:3000"]
"#
    )
}

fn problems(text: &str) -> Vec<Problem> {
    parse(text, Path::new("cdn.toml")).err().unwrap_or_default()
}

/// The only problem with these rules: its place, its message, and a part of its help.
#[track_caller]
fn check(rules: &str, place: (usize, usize), message: &str, help: &str) {
    let found = problems(&text(rules));
    let [problem] = found.as_slice() else {
        panic!("one problem expected, not {found:#?}");
    };
    assert_eq!(problem.message, message);
    assert_eq!((problem.line, problem.column), place, "{problem}");
    let said = problem.help.clone().unwrap_or_default();
    assert!(said.contains(help), "{said:?} has no {help:?}");
}

#[test]
fn a_good_one_is_built() {
    let rules = r#"
{ countries = ["DE"], subdivisions = ["US-CA"], pops = { fra = 3, ams = 1 } },
{ continents = ["EU"], asns = [64500, "AS64501"], pops = ["ams", "fra"], order = "listed", only = true },
{ networks = ["10.0.0.0/8"], order = "latency", ttl = "5s", answers = 1 },
{ pops = ["ams"] },
"#;
    let document = parse(&text(rules), Path::new("cdn.toml")).unwrap();
    let config = document.geodns("ns1", &|_| None).unwrap();
    let names: Vec<_> = config.policies.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["all", "other"]);
    let [first, second, third, fourth] = config.policies[0].rules.as_slice() else {
        panic!("four rules, not {:#?}", config.policies[0]);
    };
    assert_eq!(first.pops, [("ams".into(), 1), ("fra".into(), 3)]);
    assert_eq!(first.order, Order::Weight);
    assert_eq!(first.when.countries[0].as_str(), "DE");
    let (country, part) = first.when.subdivisions[0];
    assert_eq!((country.as_str(), part.as_str()), ("US", "CA"));
    assert_eq!(second.pops, [("ams".into(), 1), ("fra".into(), 1)]);
    assert_eq!((second.order, second.only), (Order::Listed, true));
    assert_eq!(second.when.asns, [64_500, 64_501]);
    assert_eq!((third.order, third.ttl), (Order::Latency, Some(5)));
    assert_eq!((third.answers, third.pops.len()), (Some(1), 0));
    assert_eq!((fourth.order, fourth.only), (Order::Distance, false));
    let followed = config
        .services
        .iter()
        .map(|s| (s.policy.as_deref(), s.rotate));
    let followed: Vec<_> = followed.collect();
    assert_eq!(followed, [(Some("other"), true), (Some("all"), false)]);
}

#[test]
fn what_is_not_there() {
    check(
        r#"{ pops = ["fra", "asm"] }"#,
        (20, 18),
        "there is no PoP named \"asm\"",
        "did you mean \"ams\"?",
    );
    check(
        "{ pops = { asm = 3 } }",
        (20, 12),
        "there is no PoP named \"asm\"",
        "did you mean \"ams\"?",
    );
    let found = problems(&text("").replace("policy = \"other\"", "policy = \"othr\""));
    assert_eq!((found[0].line, found[0].column), (28, 18), "{found:#?}");
    assert_eq!(found[0].message, "there is no policy named \"othr\"");
    assert_eq!(found[0].help.as_deref(), Some("did you mean \"other\"?"));
    let found = problems(&text("").replace("policy = \"all\"", "policy = \"any\""));
    assert_eq!((found[0].line, found[0].column), (16, 10), "{found:#?}");
}

#[test]
fn what_is_there_twice() {
    check(
        r#"{ pops = ["fra", "fra"] }"#,
        (20, 18),
        "\"fra\" is in this list twice",
        "once",
    );
    let found = problems(&text("").replace("name = \"other\"", "name = \"all\""));
    assert_eq!(found[0].message, "a second policy is named \"all\"");
    assert_eq!(found[0].line, 23);
}

#[test]
fn what_is_no_value() {
    for (rule, column, part) in [
        (r#"{ continents = ["DE"] }"#, 17, "is not a continent"),
        (r#"{ countries = ["UK"] }"#, 16, "write \"GB\""),
        (r#"{ subdivisions = ["CA"] }"#, 19, "ISO 3166-2"),
        (r#"{ asns = [0] }"#, 11, "autonomous system"),
        (r#"{ networks = ["10.1.0.0/8"] }"#, 15, "\"10.0.0.0/8\""),
        (r#"{ pops = { fra = 0 } }"#, 18, "from 1 to 10000"),
        (r#"{ pops = [] }"#, 10, "no PoP is here"),
        (r#"{ answers = 17 }"#, 13, "from 1 to 16"),
    ] {
        let found = problems(&text(rule));
        let [problem] = found.as_slice() else {
            panic!("{rule}: one problem expected, not {found:#?}");
        };
        assert!(problem.message.contains(part), "{rule}: {problem}");
        assert_eq!((problem.line, problem.column), (20, column), "{problem}");
    }
    check(
        r#"{ order = "near" }"#,
        (20, 11),
        "\"near\" is not known here",
        "`distance`",
    );
    check(
        r#"{ contries = ["DE"] }"#,
        (20, 3),
        "unknown key `contries`",
        "did you mean `countries`?",
    );
    check(
        r#"{ pops = { fra = 3 }, order = "listed" }"#,
        (20, 31),
        "with this order, the weights of `pops` say nothing",
        "\"weight\"",
    );
}

#[test]
fn rules_that_are_never_reached() {
    let all = "this rule is never reached: all whom it is for stay with that of line 20";
    for rules in [
        // All PoPs for everybody are before it.
        "{ order = \"latency\" },\n{ pops = [\"fra\"] }",
        "{ pops = [\"ams\"], only = true },\n{ countries = [\"DE\"], pops = [\"fra\"] }",
        "{ countries = [\"DE\", \"US\"] },\n{ countries = [\"DE\"], pops = [\"fra\"] }",
        "{ countries = [\"US\"] },\n{ subdivisions = [\"US-CA\"], pops = [\"fra\"] }",
        "{ networks = [\"10.0.0.0/8\"] },\n{ networks = [\"10.1.0.0/16\"], pops = [\"fra\"] }",
        "{ asns = [64500] },\n{ asns = [64500], countries = [\"DE\"], pops = [\"fra\"] }",
    ] {
        check(rules, (21, 1), all, "before that one");
    }
    check(
        "{ pops = [\"fra\", \"ams\"] },\n{ countries = [\"DE\"], pops = [\"ams\"] }",
        (21, 1),
        "this rule adds nothing: all whom it is for have its PoPs from that of line 20",
        "name other PoPs",
    );
    for good in [
        // Each is for somebody whom the one before is not for.
        "{ countries = [\"DE\"] },\n{ countries = [\"DE\", \"US\"], pops = [\"fra\"] }",
        "{ countries = [\"DE\"] },\n{ pops = [\"fra\"] }",
        "{ countries = [\"DE\"], asns = [1] },\n{ countries = [\"DE\"], pops = [\"fra\"] }",
        "{ subdivisions = [\"US-CA\"] },\n{ countries = [\"US\"], pops = [\"fra\"] }",
        // Or names another PoP, or keeps others out.
        "{ pops = [\"fra\", \"ams\"] },\n{ countries = [\"DE\"], pops = [\"ams\"], only = true }",
        "{ pops = [\"fra\"] },\n{ pops = [\"ams\"] }",
    ] {
        assert_eq!(problems(&text(good)), [], "{good}");
    }
}
