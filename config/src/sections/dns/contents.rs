//! `[[dns.records]]`: what is in the zone beside services and name servers.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    at::At,
    units::{OneOrMore, Ttl},
};

/// Records of one name and type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsRecord {
    /// The name before the zone, such as `mail`, `_sip._tcp` or `*.dev`; `@` for the zone itself.
    pub(crate) name: At<String>,
    /// The type: `A`, `AAAA`, `NS` (a delegation), `CNAME`, `TXT`, `MX`, `CAA`, `SRV`, `HTTPS`,
    /// `SVCB`, `PTR`, `DS`, `TLSA`, `SSHFP`, or `TYPE` and a number (RFC 3597).
    #[serde(rename = "type")]
    pub(crate) rtype: At<String>,
    /// How long resolvers may keep the records.
    #[serde(default = "default_record_ttl")]
    pub(crate) ttl: Ttl,
    /// The data of each record, as in a zone file: `10 mail.example.`. Names without a final dot
    /// are below the zone. TXT that does not begin with a quote is one text, whatever is in it.
    pub(crate) data: OneOrMore<At<String>>,
}

/// One hour, as for the other records that seldom change.
fn default_record_ttl() -> Ttl {
    Ttl(3_600)
}
