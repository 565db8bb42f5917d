//! Targets that cannot be used say why and what to do.

use crate::{Endpoint, EndpointConfig, Limits, Target, testing::url_target};

fn refusal(target: Target) -> String {
    Endpoint::new(EndpointConfig {
        name: "www".into(),
        target,
        limits: Limits::default(),
    })
    .expect_err("it should be refused")
    .to_string()
}

#[test]
fn urls() {
    for (url, words) in [
        ("ftp://host/", "use http:// or https://"),
        ("/path", "write it as http://host:port"),
        ("host:80", "write it as http://host:port"),
        ("http://user:secret@host/", "leave them out"),
        ("http://host/?a=b", "a query does not belong in it"),
    ] {
        let text = refusal(url_target(url));
        assert!(text.contains(words), "{url}: {text}");
    }
}

#[test]
fn folders() {
    let site = tempfile::tempdir().unwrap();
    let missing = site.path().join("public");
    let text = refusal(Target::Folder(missing.clone()));
    assert!(text.contains("public: it does not exist"), "{text}");
    std::fs::write(&missing, "a file").unwrap();
    let text = refusal(Target::Folder(missing));
    assert!(text.contains("it is not a folder"), "{text}");
}

#[test]
fn authorities() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let target = |sni: Option<&str>| Target::Url {
        base: "https://host".parse().unwrap(),
        host: None,
        sni: sni.map(str::to_owned),
        ca_file: Some(path.clone()),
    };
    assert!(refusal(target(None)).contains("ca.pem"));
    std::fs::write(&path, "no certificate").unwrap();
    assert!(refusal(target(None)).contains("no certificate in it"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&path, broken).unwrap();
    assert!(refusal(target(None)).contains("cannot be used"));
    assert!(refusal(target(Some("not a name"))).contains("no server name"));
}
