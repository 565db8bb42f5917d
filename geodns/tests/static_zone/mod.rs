//! A zone in which all answers are the same for everyone, and questions to whoever serves it.

/// The master file of `cdn.example`.
pub(crate) const ZONE: &str = r#"
$TTL 600
@ 3600 SOA ns1 hostmaster 7 3600 600 86400 60
@ 3600 NS ns1
@ 3600 NS ns.elsewhere.example.
ns1 3600 A 192.0.2.53
ns1 3600 AAAA 2001:db8::53
@ MX 10 mail
@ MX 20 mail.elsewhere.example.
@ TXT "v=spf1 mx -all"
@ CAA 0 issue "ca.example"
mail A 192.0.2.25
mail AAAA 2001:db8::25
alias CNAME mail
alias2 CNAME alias
away CNAME www.elsewhere.example.
dangling CNAME nothing
into CNAME x.wild
to-cut CNAME x.sub
_sip._tcp SRV 10 20 5060 mail
_sip._tcp SRV 10 30 5060 nothing
svc HTTPS 1 . alpn=h2,h3 port=8443
deep.ent.down TXT "here"
*.wild A 192.0.2.80
*.wild TXT "made"
there.wild TXT "there"
below.there2.wild TXT "there"
*.cwild CNAME mail
sub NS ns.sub
sub NS ns.elsewhere.example.
ns.sub A 192.0.2.77
signed NS ns.elsewhere.example.
signed DS 60485 13 2 2BB183AF5F22588179A53B0A98631FAD1A2921180000000000000000000000AA
*.ent2.below TXT "x"
1.ptr PTR host.elsewhere.example.
many A 192.0.2.1
many A 192.0.2.2
many A 192.0.2.3
"#;

const NAMES: &[&str] = &[
    "@",
    "ns1",
    "mail",
    "MAIL",
    "alias",
    "alias2",
    "Alias2",
    "away",
    "dangling",
    "into",
    "to-cut",
    "_sip._tcp",
    "_tcp",
    "svc",
    "down",
    "ent.down",
    "deep.ent.down",
    "x.deep.ent.down",
    "x.down",
    "wild",
    "*.wild",
    "x.wild",
    "x.y.wild",
    "there.wild",
    "x.there.wild",
    "there2.wild",
    "x.there2.wild",
    "x.cwild",
    "cwild",
    "sub",
    "x.sub",
    "ns.sub",
    "x.ns.sub",
    "signed",
    "x.signed",
    "below",
    "ent2.below",
    "x.ent2.below",
    "x.below",
    "1.ptr",
    "many",
    "nothing",
    "x.nothing",
];
const TYPES: &[&str] = &[
    "A", "AAAA", "NS", "SOA", "MX", "TXT", "CNAME", "CAA", "SRV", "HTTPS", "DS", "PTR",
];

/// Each name inside and around the zone with each type.
pub(crate) fn questions() -> impl Iterator<Item = (String, &'static str)> {
    let inside = NAMES.iter().map(|name| match *name {
        "@" => "cdn.example".to_owned(),
        name => format!("{name}.cdn.example"),
    });
    let outside = ["example", "cdn.example.com", "other.example"].map(ToOwned::to_owned);
    let names = inside.chain(outside);
    names.flat_map(|name| TYPES.iter().map(move |rtype| (name.clone(), *rtype)))
}
