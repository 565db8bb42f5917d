//! Every example parses, and every node in it can be built.

use std::{fs, path::PathBuf};

use perigee_config::Document;
use perigee_edge::Role;

fn examples() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let entries = fs::read_dir(folder).expect("the folder of examples");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect()
}

fn env(_: &str) -> Option<String> {
    Some("0123456789abcdef0123456789abcdef".to_owned())
}

#[test]
fn every_node_of_every_example_can_be_built() {
    let examples = examples();
    assert!(examples.len() >= 4, "{examples:?}");
    for path in examples {
        let document = Document::load(&path).unwrap_or_else(|error| panic!("{error}"));
        for node in document.nodes() {
            let name = node.name.as_str();
            let built = match node.role {
                Role::Edge => document.edge(name, &env).map(|_| ()),
                Role::Shield => document.shield(name, &env).map(|_| ()),
                Role::GeoDns => document.geodns(name, &env).map(|_| ()),
            };
            built.unwrap_or_else(|error| panic!("{}: {name}: {error}", path.display()));
            assert!(node.admin.ip().is_loopback() && node.tier_address.ip().is_loopback());
        }
    }
}

/// So that all of them can run at once.
#[test]
fn no_two_examples_share_an_address() {
    let mut seen = std::collections::HashMap::new();
    for path in examples() {
        let document = Document::load(&path).unwrap_or_else(|error| panic!("{error}"));
        for node in document.nodes() {
            for address in [node.admin, node.tier_address] {
                let other = seen.insert(address, path.clone());
                assert_eq!(other, None, "{address} is in {} too", path.display());
                assert!(address.port() > 1024, "{address} needs root");
            }
        }
    }
}

#[test]
fn each_example_says_how_to_start_it() {
    for path in examples() {
        let text = fs::read_to_string(&path).expect("readable");
        let name = path.file_name().expect("a name").to_string_lossy();
        assert!(text.starts_with("# "), "{name}");
        assert!(
            text.contains(&format!("--config examples/{name} --node ")),
            "{name}"
        );
    }
}
