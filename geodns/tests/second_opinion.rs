//! hickory-server beside the GeoDNS: over real sockets both serve one zone and are asked the same. Where they
//! differ, it must be in one of the ways that docs/second-opinion.md names; each of them has to be seen, so
//! that this test fails when the other one changes its mind.

mod static_zone;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use hickory_proto::{
    rr::{LowerName, Name},
    serialize::txt::Parser,
};
use hickory_server::{
    Server,
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType},
};
use perigee_geodns::{Config, GeoDns, QueryRecord, QueryResponse, Trust, query};
use prometheus_client::registry::Registry;
use static_zone::{ZONE, questions};
use tokio::net::{TcpListener, UdpSocket};

const PATIENCE: Duration = Duration::from_secs(10);

/// A way in which hickory-server 0.26 differs, and what decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// SOA in the authority section keeps its own TTL, and not the lesser one of it and MINIMUM (RFC 2308
    /// section 3).
    NegativeTtl,
    /// With type SOA asked for, NS of the zone stand in the authority section: allowed, not demanded (RFC
    /// 1034 section 4.3.2).
    NsBesideSoa,
    /// What an alias leads to has no such records: SOA is missing (RFC 2308 section 2.2).
    AliasNoData,
    /// What an alias leads to does not exist: NOERROR, not NXDOMAIN (RFC 6604 section 3).
    AliasMissing,
    /// An alias leads below a delegation: its NS are in the answer section, not in the authority section (RFC
    /// 1034 section 4.3.2, step 3).
    AliasReferral,
    /// A name that a wildcard makes has no such records: NXDOMAIN, not NOERROR (RFC 4592 section 2.2.1).
    WildcardNoData,
    /// A wildcard makes names that are there, and names below them (RFC 4592 section 2.2.2).
    WildcardOverNames,
    /// A referral has AA, and NS asked for are an answer (RFC 1034 section 4.3.2, RFC 1035 section 4.1.1).
    ReferralWithAuthority,
    /// Without its own DNSSEC it cannot be given DS records.
    NoDs,
}

use Difference::{
    AliasMissing, AliasNoData, AliasReferral, NegativeTtl, NoDs, NsBesideSoa,
    ReferralWithAuthority, WildcardNoData, WildcardOverNames,
};

const ALL: [Difference; 9] = [
    NegativeTtl,
    NsBesideSoa,
    AliasNoData,
    AliasMissing,
    AliasReferral,
    WildcardNoData,
    WildcardOverNames,
    ReferralWithAuthority,
    NoDs,
];

/// What is compared: names and data without case, in any order. `(name, type, data) -> TTL`.
type Section = BTreeMap<(String, String, String), u32>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    rcode: String,
    authoritative: bool,
    answers: Section,
    authority: Section,
}

impl Said {
    fn of(response: &QueryResponse) -> Self {
        Said {
            rcode: response.rcode.clone(),
            authoritative: response.authoritative,
            answers: section(&response.answers),
            authority: section(&response.authority),
        }
    }
}

fn section(records: &[QueryRecord]) -> Section {
    let entry = |r: &QueryRecord| {
        let [name, data] = [&r.name, &r.data].map(|text| text.to_ascii_lowercase());
        ((name, r.rtype.clone(), data), r.ttl)
    };
    records.iter().map(entry).collect()
}

fn is_all(section: &Section, rtype: &str) -> bool {
    !section.is_empty() && section.keys().all(|(_, is, _)| is == rtype)
}

fn joined(one: &Section, other: &Section) -> Section {
    one.clone().into_iter().chain(other.clone()).collect()
}

/// How the two differ; an error if it is in no way that is known.
fn differences(
    rtype: &str,
    ours: &Said,
    theirs: &Said,
) -> Result<BTreeSet<Difference>, &'static str> {
    let mut found = BTreeSet::new();
    let mut theirs = theirs.clone();
    // These two may come with another one.
    if is_all(&theirs.authority, "SOA") {
        for ttl in theirs.authority.values_mut().filter(|ttl| **ttl == 3_600) {
            *ttl = 60;
            found.insert(NegativeTtl);
        }
    }
    if rtype == "SOA" {
        let apex = |(name, is, _): &(String, String, String)| name == "cdn.example." && is == "NS";
        let before = theirs.authority.len();
        theirs
            .authority
            .retain(|record, _| !apex(record) || ours.authority.contains_key(record));
        if theirs.authority.len() < before {
            found.insert(NsBesideSoa);
        }
    }
    if *ours == theirs {
        return Ok(found);
    }
    found.insert(difference(rtype, ours, &theirs).ok_or("in no way that is known")?);
    Ok(found)
}

fn difference(rtype: &str, ours: &Said, theirs: &Said) -> Option<Difference> {
    let rcodes = (ours.rcode.as_str(), theirs.rcode.as_str());
    let same_rcode = ours.rcode == theirs.rcode;
    let same_answers = ours.answers == theirs.answers;
    let denied = ours.answers.is_empty() && is_all(&ours.authority, "SOA");
    if !ours.authoritative {
        let same =
            joined(&ours.answers, &ours.authority) == joined(&theirs.answers, &theirs.authority);
        return (theirs.authoritative && same && same_rcode).then_some(ReferralWithAuthority);
    }
    if !theirs.authoritative {
        return None;
    }
    if is_all(&ours.answers, "CNAME") && theirs.authority.is_empty() {
        if is_all(&ours.authority, "NS") {
            let moved = theirs.answers == joined(&ours.answers, &ours.authority);
            return (same_rcode && moved).then_some(AliasReferral);
        }
        return match rcodes {
            ("NOERROR", "NOERROR") if same_answers => Some(AliasNoData),
            ("NXDOMAIN", "NOERROR") if same_answers => Some(AliasMissing),
            _ => None,
        };
    }
    if rcodes == ("NOERROR", "NXDOMAIN") && denied && theirs.answers.is_empty() {
        return (ours.authority == theirs.authority).then_some(WildcardNoData);
    }
    if denied && theirs.rcode == "NOERROR" && is_all(&theirs.answers, rtype) {
        return theirs.authority.is_empty().then_some(WildcardOverNames);
    }
    let no_ds = rtype == "DS" && is_all(&ours.answers, "DS") && theirs.answers.is_empty();
    (no_ds && same_rcode).then_some(NoDs)
}

/// hickory-server with the same zone file.
async fn hickory() -> (Server<Catalog>, SocketAddr) {
    let mut origin = Name::from_ascii("cdn.example").unwrap();
    origin.set_fqdn(true);
    let lines = ZONE.lines().filter(|line| !line.contains(" DS "));
    let text = lines.collect::<Vec<_>>().join("\n");
    let parsed = Parser::new(text, None, Some(origin.clone())).parse();
    let (_, records) = parsed.unwrap();
    let (primary, deny) = (ZoneType::Primary, AxfrPolicy::Deny);
    let zone: InMemoryZoneHandler =
        InMemoryZoneHandler::new(origin.clone(), records, primary, deny).unwrap();
    let zone: Arc<dyn ZoneHandler> = Arc::new(zone);
    let mut catalog = Catalog::new();
    catalog.upsert(LowerName::from(origin), vec![zone]);
    let mut server = Server::new(catalog);
    // A port that UDP and TCP both have.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    server.register_socket(udp);
    server.register_listener(tcp, PATIENCE, 4_096);
    (server, address)
}

/// The GeoDNS with the zone file, and nothing else.
fn perigee(folder: &tempfile::TempDir) -> GeoDns {
    let file = folder.path().join("zone.db");
    std::fs::write(&file, ZONE).unwrap();
    let mut config = Config::new("ns-1".into(), "cdn.example");
    config.listen = vec![([127, 0, 0, 1], 0).into()];
    config.contents.zone_file = Some(file);
    let trust = Trust::by_secret(b"sixteen bytes or more", "ns-1").unwrap();
    GeoDns::start(config, trust, &mut Registry::default(), None).unwrap()
}

#[tokio::test]
async fn hickory_server_answers_the_same_but_where_it_is_known_to_differ() {
    let (_hickory, theirs) = hickory().await;
    let folder = tempfile::tempdir().unwrap();
    let geodns = perigee(&folder);
    let ours = geodns.addresses()[0];
    let mut seen: BTreeMap<Difference, u32> = BTreeMap::new();
    let (mut asked, mut same) = (0, 0);
    for tcp in [false, true] {
        for (name, rtype) in questions() {
            let said = async |server| {
                let answer = query(server, &name, rtype, None, PATIENCE, tcp).await;
                Said::of(&answer.unwrap())
            };
            let (our, their) = (said(ours).await, said(theirs).await);
            let found = differences(rtype, &our, &their);
            let found = found
                .unwrap_or_else(|how| panic!("{name} {rtype} differs {how}\n{our:#?}\n{their:#?}"));
            asked += 1;
            same += u32::from(found.is_empty());
            for difference in found {
                *seen.entry(difference).or_default() += 1;
            }
        }
    }
    println!("{asked} questions, {same} answers wholly the same; {seen:?}");
    let unseen: Vec<_> = ALL.iter().filter(|one| !seen.contains_key(one)).collect();
    assert!(unseen.is_empty(), "it has changed its mind: {unseen:?}");
}
