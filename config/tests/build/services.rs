//! Services, their origins and rules.

use std::{path::Path, time::Duration};

use perigee_config::parse;
use perigee_edge::{Cookies, Glob, Policy, Target};

use super::{document, env};

#[test]
fn services_and_their_origins() {
    let services = document()
        .shield("shield-1", &env)
        .expect("built")
        .tier
        .services;
    let www = &services[0];
    assert_eq!(www.hosts, ["www.cdn.example", "www.example.com"]);
    assert_eq!(www.max_request_body, 10);
    assert_eq!(www.policy.default_ttl, Duration::from_secs(300));
    assert_eq!((www.pool.thresholds.fall, www.pool.panic.0), (9, 0.5));
    assert!(
        www.origins
            .iter()
            .all(|origin| origin.limits.max_concurrent == 7)
    );
    assert_eq!(
        www.origins[0].target,
        Target::Folder("/etc/perigee/./public".into())
    );
    assert_eq!(www.origins[1].name, "http://10.0.0.5:3000");
    let Target::Url {
        base,
        host,
        sni,
        ca_file,
    } = &www.origins[2].target
    else {
        panic!("{:?}", www.origins[2]);
    };
    assert_eq!(base.to_string(), "https://app.example/base");
    assert_eq!(
        host.as_ref().map(|host| host.as_bytes()),
        Some(&b"a.example:8443"[..])
    );
    assert_eq!(sni.as_deref(), Some("b.example"));
    assert_eq!(ca_file.as_deref(), Some(Path::new("/etc/perigee/ca.pem")));
    assert_eq!(services[1].hosts, ["img.cdn.example"]);
}

#[test]
fn rules_take_what_they_do_not_say_from_the_service() {
    let text = r#"
[[pops]]
name = "p"
latitude = 1
longitude = 1
[[edges]]
name = "a"
pop = "p"
listen = ["127.0.0.1:1"]
[[services]]
name = "s"
hosts = ["*"]
origins = ["http://127.0.0.1:2"]
[services.cache]
targets = ["S-Cache-Control", "CDN-Cache-Control"]
max_ttl = "1d"
negative_ttl = "5s"
negative_statuses = [404, 503]
cookies = "strict"
[[services.cache.rules]]
paths = ["/static/*"]
extensions = ["css", "JS"]
ttl = "1h"
statuses = [200, 302]
cookies = "ignore"
[[services.cache.rules]]
with_headers = ["X-Preview"]
with_cookies = ["login_*"]
bypass = true
"#;
    let document = parse(text, Path::new("cdn.toml")).expect("good");
    let edge = document.edge("a", &env).expect("built");
    let service = &edge.tier.services[0];
    let policy = &service.policy;
    assert_eq!(policy.targets, ["s-cache-control", "cdn-cache-control"]);
    assert_eq!(policy.negative_ttl, Duration::from_secs(5));
    assert_eq!(policy.negative_statuses, [404, 503]);
    assert_eq!(policy.cookies, Cookies::Strict);
    assert_eq!((policy.ttl, policy.bypass), (None, false));

    let [assets, bypass] = service.rules.as_slice() else {
        panic!("{:?}", service.rules);
    };
    assert_eq!(assets.when.paths, [Glob::new("/static/*")]);
    assert_eq!(assets.when.extensions, ["css", "JS"]);
    let expected = Policy {
        ttl: Some(Duration::from_secs(3600)),
        ttl_statuses: vec![200, 302],
        cookies: Cookies::Ignore,
        ..policy.clone()
    };
    assert_eq!(assets.policy, expected);
    assert_eq!(bypass.when.headers, ["x-preview"]);
    assert_eq!(bypass.when.cookies, [Glob::new("login_*")]);
    let expected = Policy {
        bypass: true,
        ..policy.clone()
    };
    assert_eq!(bypass.policy, expected);
}
