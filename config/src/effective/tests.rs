use std::path::Path;

use perigee_edge::Node;

use super::*;
use crate::parse;

const OWN: &str = r#"
[cdn]
id = "test"
secret = "0123456789abcdef"
[membership]
etcd = ["http://127.0.0.1:2379"]
[storage]
memory = "64MiB"
[[edges]]
name = "fra-1"
pop = "fra"
listen = ["127.0.0.1:8080"]
"#;

const APPLIED: &str = r#"
[cdn]
id = "test"
secret_env = "PERIGEE_SECRET"
[storage]
memory = "1GiB"
[limits]
max_requests = 77
[[pops]]
name = "fra"
latitude = 50
longitude = 8
[[edges]]
name = "fra-1"
pop = "fra"
listen = ["127.0.0.9:8080"]
[[edges]]
name = "fra-7"
pop = "fra"
listen = ["127.0.0.7:8080"]
[[services]]
name = "www"
hosts = ["*"]
origins = ["http://127.0.0.1:3000"]
"#;

fn own() -> Document {
    parse(OWN, Path::new("/etc/cdn.toml")).expect("a part is enough")
}

fn member(name: &str, role: Role, pop: Option<&str>) -> Member {
    Member {
        node: Node {
            name: name.into(),
            role,
            pop: pop.map(Into::into),
            address: ([10, 0, 0, 1], 8080).into(),
            weight: 50,
        },
        ipv4: None,
        ipv6: Some("2001:db8::1".parse().expect("an address")),
        admin: Some(([10, 0, 0, 1], 9901).into()),
        host: None,
    }
}

fn names(document: &Document) -> Vec<String> {
    let nodes = document.nodes().into_iter();
    nodes.map(|node| node.name.to_string()).collect()
}

#[test]
fn policy_is_what_was_applied_and_the_node_is_what_it_says() {
    let all = own().effective(Some("fra-1"), Some(APPLIED), Nodes::Written);
    let all = all.expect("both together are right");
    assert_eq!(
        all.version(),
        parse_whole(APPLIED, Path::new("x"))
            .expect("right")
            .version()
    );
    let edge = all.edge("fra-1", &|_| None).expect("the secret is its own");
    assert_eq!(edge.tier.listen, [([127, 0, 0, 1], 8080).into()]);
    assert_eq!(edge.tier.max_requests, 77);
    assert_eq!(edge.tier.memory.capacity, 64 << 20);
    assert_eq!(edge.tier.services.len(), 1);
    assert_eq!(names(&all), ["fra-7", "fra-1"]);
}

#[test]
fn who_is_registered_replaces_who_is_written() {
    let members = [
        member("fra-2", Role::Edge, Some("fra")),
        member("shield-1", Role::Shield, None),
        member("ns1", Role::GeoDns, None),
        member("lost-1", Role::Edge, Some("nowhere")),
    ];
    let registered = Nodes::Registered(&members);
    let all = own().effective(Some("fra-1"), Some(APPLIED), registered);
    let all = all.expect("right");
    assert_eq!(names(&all), ["fra-1", "fra-2", "shield-1", "ns1"]);
    let edge = all.edge("fra-1", &|_| None).expect("builds");
    assert_eq!((edge.peers.len(), edge.shields.len()), (2, 1));
    let peer = edge.peers.iter().find(|peer| peer.name.as_str() == "fra-2");
    assert_eq!(peer, Some(&members[0].node));
    assert_eq!(all.members()[1], members[0]);
    assert_eq!(all.members()[2].node, members[1].node);

    let tools = own().effective(None, Some(APPLIED), Nodes::Both(&members));
    let tools = names(&tools.expect("right"));
    assert_eq!(tools, ["fra-1", "fra-2", "fra-7", "shield-1", "ns1"]);
}

#[test]
fn a_part_alone_is_not_enough_until_something_is_applied() {
    let why = own()
        .effective(Some("fra-1"), None, Nodes::Written)
        .expect_err("a part");
    assert!(
        why.contains("without etcd")
            && why.contains("perigee apply")
            && why.contains("nothing to serve"),
        "{why}"
    );
    let why = own().effective(Some("fra-1"), None, Nodes::Registered(&[]));
    let why = why.expect_err("a part");
    assert!(why.contains("nothing has been applied yet"), "{why}");
    let bad = APPLIED.replace("[[pops]]\nname = \"fra\"", "[[pops]]\nname = \"ams\"");
    let why = own().effective(Some("fra-1"), Some(&bad), Nodes::Written);
    let why = why.expect_err("no such PoP");
    assert!(why.contains("there is no PoP named \"fra\""), "{why}");
    let why = own().effective(Some("fra-1"), Some("[["), Nodes::Written);
    assert!(why.expect_err("garbled").contains("does not parse"));
}

#[test]
fn a_file_that_names_all_is_enough_by_itself() {
    let both = OWN
        .replace(
            "[[edges]]\nname = \"fra-1\"\npop = \"fra\"\nlisten = [\"127.0.0.1:8080\"]\n",
            "",
        )
        .replace("[storage]\nmemory = \"64MiB\"\n", "");
    let services = &APPLIED[APPLIED.find("[limits]").expect("there")..];
    let text = format!("{both}\n{services}");
    let document = parse_whole(&text, Path::new("cdn.toml")).expect("right");
    let alone = document
        .effective(Some("fra-1"), None, Nodes::Written)
        .expect("enough");
    assert_eq!(alone.version(), document.version());
    assert_eq!(names(&alone), ["fra-1", "fra-7"]);
}
