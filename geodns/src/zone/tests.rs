//! The zone against what a person would say of it.

mod file;
mod lookup;
mod rules;

use super::*;
use crate::fixture::{config, service};

/// Records of the zone, each as `name type data`, with the TTL 300.
fn with(records: &[&str]) -> Config {
    let mut config = config();
    config.contents.records = records.iter().map(|text| record(text)).collect();
    config
}

fn record(text: &str) -> RecordText {
    let mut fields = text.splitn(3, ' ').map(ToOwned::to_owned);
    let mut field = || fields.next().unwrap();
    RecordText {
        name: field(),
        rtype: field(),
        ttl: 300,
        data: vec![field()],
    }
}

fn wire(name: &str) -> perigee_dns_wire::Name {
    name.parse().unwrap()
}
