//! What each role gets from the file.

mod name_servers;
mod nodes;
mod services;

use std::{net::SocketAddr, path::Path};

use perigee_config::{Document, parse};

const TEXT: &str = r#"
[cdn]
secret_env = "SECRET"
[admin]
token_env = "TOKEN"
[dns]
zone = "CDN.example."
contact = "jane.doe@example.com"
ttl = "30s"
answers = 3
negative_ttl = "5m"
database = "geo/city.mmdb"
[[dns.networks]]
networks = ["10.1.0.0/16", "2001:db8::/32"]
pop = "fra"
[[dns.networks]]
networks = ["192.0.2.1"]
latitude = 1
longitude = 2.5
[dns.soa]
serial = 7
refresh = "2h"
[dns.limits]
max_udp_payload = 1400
[[pops]]
name = "fra"
latitude = 50.11
longitude = 8.68
[[pops]]
name = "nyc"
latitude = 40.71
longitude = -74.01
[[edges]]
name = "fra-1"
pop = "fra"
listen = ["0.0.0.0:80", "[2001:db8::1]:80"]
tls_listen = ["0.0.0.0:443"]
address = "203.0.113.10"
tier_address = "10.0.0.10:80"
admin = "10.0.0.10:9000"
weight = 200
[[edges]]
name = "fra-2"
pop = "fra"
listen = ["203.0.113.11:80"]
[[edges]]
name = "nyc-1"
pop = "nyc"
listen = ["203.0.113.20:80"]
[[shields]]
name = "shield-1"
listen = ["127.0.31.1:8080"]
[[geodns]]
name = "ns1"
listen = ["198.51.100.1:53"]
[[geodns]]
name = "ns2"
host = "ns.example.net"
listen = ["[2001:db8::53]:53"]
[[services]]
name = "www"
hosts = ["www.example.com", "WWW.cdn.example"]
origins = ["./public", "http://10.0.0.5:3000", { url = "https://app.example/base", host = "a.example:8443", sni = "b.example", ca = "ca.pem" }]
max_request_body = 10
[services.cache]
default_ttl = "5m"
[services.origin_limits]
max_concurrent = 7
[services.origin_pool]
fall = 9
panic_share = 0.5
[services.dns]
ttl = "10s"
[[services]]
name = "img"
origins = ["./img"]
[[certificates]]
cert = "tls/cert.pem"
key = "/etc/key.pem"
hosts = ["*.example.com"]
[storage]
memory = "1GiB"
variants_per_key = 7
[storage.disk]
path = "cache"
size = "20MiB"
[limits]
max_requests = 11
max_connections = 12
[tier]
connect_timeout = "250ms"
[ring]
load_factor = 2
[health]
fall = 4
suspect_timeout = "100ms"
slow_start = "0s"
[shutdown]
grace = "0s"
[log]
access = "logs/access.log"
level = "debug"
[reload]
check_interval = "1m"
"#;

fn document() -> Document {
    match parse(TEXT, Path::new("/etc/perigee/cdn.toml")) {
        Ok(document) => document,
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn env(name: &str) -> Option<String> {
    Some(format!("{name} of sixteen bytes and more"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
