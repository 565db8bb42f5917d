//! Two name servers of a CDN, each a process that knows nothing of the other, answer alike: from the same
//! file, the same health and the same keys, octet by octet.

use std::net::TcpStream;

use tempfile::TempDir;

use crate::harness::{
    cdn::{Cdn, Plan, second_name_server},
    dns::{self, A, AAAA, Ask, HTTPS, MX, Message, NS, SOA, TXT, ask},
    origin::Origin,
    process::run,
    wait,
};

const RRSIG: u16 = 46;
const NSEC: u16 = 47;
const DNSKEY: u16 = 48;
const CDS: u16 = 59;

/// Three PoPs, and a service for each kind of policy.
fn plan(origin: &str, folder: &TempDir) -> Plan {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let latencies: String = (0..32)
        .map(|n| {
            let n = n * 8;
            format!("10.{n}.0.0/16,fra,{n}\n10.{n}.0.0/16,nyc,{}\n", 128)
        })
        .collect();
    std::fs::write(folder.path().join("latencies"), latencies).unwrap();
    let service = |name: &str, dns: &str| {
        format!("[[services]]\nname = \"{name}\"\norigins = [\"{origin}\"]\ndns = {{ {dns} }}\n")
    };
    Plan {
        pops: vec![
            ("fra", 50.11, 8.68, 2),
            ("nyc", 40.71, -74.01, 2),
            ("sin", 1.35, 103.82, 1),
        ],
        shields: 0,
        geodns: true,
        tables: [
            service("spread", "policy = \"spread\""),
            service("turning", "rotate = true, ttl = \"1s\""),
            service("measured", "policy = \"measured\""),
            format!(
                "[dns.dnssec]\nkeys = \"{}\"\n\
                 [[dns.policies]]\nname = \"spread\"\n\
                 rules = [{{ pops = {{ fra = 3, nyc = 2, sin = 1 }}, order = \"weight\" }}]\n\
                 [[dns.policies]]\nname = \"measured\"\nrules = [{{ order = \"latency\" }}]\n\
                 [[dns.networks]]\nnetworks = [\"10.0.0.0/10\"]\nlatitude = 52.5\nlongitude = 13.4\n\
                 [[dns.networks]]\nnetworks = [\"10.64.0.0/10\"]\nlatitude = 42.4\nlongitude = -71.1\n\
                 [[dns.networks]]\nnetworks = [\"10.80.0.0/12\"]\npop = \"sin\"\n\
                 [[dns.records]]\nname = \"www\"\ntype = \"HTTPS\"\n\
                 data = [\"1 . alpn=h2 ipv4hint=auto\"]\n\
                 [[dns.records]]\nname = \"*.wild\"\ntype = \"TXT\"\ndata = [\"made\"]\n\
                 [[dns.records]]\nname = \"@\"\ntype = \"MX\"\ndata = [\"10 mail.elsewhere.test.\"]\n\
                 [health]\ninterval = \"100ms\"\n[reload]\ncheck_interval = \"100ms\"\n",
                path("keys")
            ),
        ]
        .concat(),
        ..Plan::small(origin.to_owned())
    }
}

/// Such a CDN with two name servers, `ns1` and `ns2`, and keys of this algorithm.
async fn twins(algorithm: &str) -> (Cdn, TempDir) {
    let origin = Origin::cacheable("content").await;
    let folder = TempDir::new().unwrap();
    let plan = plan(&origin.url(), &folder);
    let latencies = folder.path().join("latencies");
    let mut cdn = Cdn::start_with(plan, |text| {
        let text = text.replace(
            "[dns]\n",
            &format!("[dns]\nlatency_file = \"{}\"\n", latencies.display()),
        );
        let text = second_name_server(&text);
        let file = folder.path().join("cdn.toml");
        std::fs::write(&file, &text).unwrap();
        let file = file.to_str().unwrap();
        let args = ["dnssec", "init", "--config", file, "--algorithm", algorithm];
        let (code, out, err) = run(&args);
        assert_eq!(code, 0, "{out}{err}");
        text
    })
    .await;
    // Later than the first one, which has answered and signed by then.
    told(&cdn, "ns1", &[ask("www.cdn.test", A).edns_flags(DO)]);
    cdn.spawn("ns2");
    cdn.until_ready("ns2").await;
    (cdn, folder)
}

const DO: u16 = 0x8000;

/// Of each kind, from many networks.
fn questions() -> Vec<Ask> {
    let whole = [
        ("", SOA),
        ("", NS),
        ("", MX),
        ("", DNSKEY),
        ("", CDS),
        ("", TXT),
        ("x.wild.", TXT),
        ("nothing.", A),
        ("www.", NSEC),
    ];
    let whole = whole.map(|(name, rtype)| (name, rtype, None)).into_iter();
    let services = ["www.", "spread.", "turning.", "measured."];
    let by_network =
        (0..64).flat_map(|n: u8| services.into_iter().map(move |name| (name, A, Some(n * 4))));
    let others = [("www.", AAAA, Some(9)), ("www.", HTTPS, Some(9))];
    let all = whole.chain(by_network).chain(others);
    let all = all.map(|(name, rtype, network)| {
        let ask = Ask {
            id: 1,
            ..ask(&format!("{name}cdn.test"), rtype)
        };
        match network {
            None => ask,
            Some(network) => ask.subnet(1, 24, 0, &[10, network, 7]),
        }
    });
    let all: Vec<Ask> = all.collect();
    let signed = all.iter().map(|ask| ask.clone().edns_flags(DO));
    all.iter().cloned().chain(signed).collect()
}

/// What a name server answers, all over one connection.
fn told(cdn: &Cdn, server: &str, asks: &[Ask]) -> Vec<Vec<u8>> {
    let mut connection: TcpStream = dns::connect(cdn.at(server));
    let mut answer = |ask: &Ask| {
        dns::send(&mut connection, &ask.bytes());
        dns::receive(&mut connection).expect("an answer")
    };
    asks.iter().map(&mut answer).collect()
}

/// What is compared of an answer: all of it, or all but the signatures, in which ECDSA has chance.
type Compared = fn(&[u8]) -> Vec<u8>;

fn whole(answer: &[u8]) -> Vec<u8> {
    answer.to_vec()
}

fn without_signatures(answer: &[u8]) -> Vec<u8> {
    let message = Message::read(answer).unwrap();
    let mut said = format!("{} {:?}", message.flags, message.opt);
    for rr in message
        .answers
        .iter()
        .chain(&message.authority)
        .chain(&message.additional)
    {
        let signature = if rr.rtype == RRSIG { 64 } else { 0 };
        let data = &rr.data[..rr.data.len() - signature];
        said += &format!("\n{} {} {} {data:?}", rr.name, rr.rtype, rr.ttl);
    }
    said.into_bytes()
}

/// Asks both all questions.
fn assert_alike(cdn: &Cdn, compared: Compared) {
    for ask in &questions() {
        let ask = std::slice::from_ref(ask);
        let said = |server: &str| compared(&told(cdn, server, ask)[0]);
        // What turns with the time may turn between two questions: then both are asked again.
        let stayed = (0..20).find_map(|_| {
            let (before, beside, after) = (said("ns1"), said("ns2"), said("ns1"));
            (before == after).then_some((before, beside))
        });
        let (one, other) = stayed.unwrap_or_else(|| panic!("never twice the same: {ask:?}"));
        assert!(
            one == other,
            "{ask:?}\n{}\n{}",
            String::from_utf8_lossy(&one),
            String::from_utf8_lossy(&other)
        );
    }
}

fn serial(cdn: &Cdn, server: &str) -> u32 {
    let answer = Message::read(&told(cdn, server, &[ask("cdn.test", SOA)])[0]).unwrap();
    let data = &answer.answers[0].data;
    let at = data.len() - 20;
    u32::from_be_bytes(data[at..at + 4].try_into().unwrap())
}

fn addresses(cdn: &Cdn, server: &str) -> usize {
    let client = ask("www.cdn.test", A).subnet(1, 24, 0, &[10, 1, 7]);
    let answer = Message::read(&told(cdn, server, &[client])[0]).unwrap();
    answer.answers.len()
}

async fn are_alike_come_what_may(algorithm: &str, compared: Compared) {
    let (mut cdn, _folder) = twins(algorithm).await;
    assert_alike(&cdn, compared);

    cdn.node("fra-1").kill();
    wait::until("both know of the death of an edge", || async {
        let servers = ["ns1", "ns2"];
        let know = servers.iter().all(|server| addresses(&cdn, server) == 1);
        know.then_some(())
    })
    .await;
    assert_alike(&cdn, compared);

    // Another file counts for both, with the same new serial number; and for one that starts anew.
    let before = serial(&cdn, "ns1");
    let text = std::fs::read_to_string(cdn.file()).unwrap();
    cdn.write(&text.replace("data = [\"made\"]", "data = [\"made anew\"]"));
    wait::until("both have the new zone", || async {
        let servers = ["ns1", "ns2"];
        let have = servers.iter().all(|server| serial(&cdn, server) > before);
        have.then_some(())
    })
    .await;
    assert_alike(&cdn, compared);
    cdn.node("ns2").kill();
    cdn.spawn("ns2");
    cdn.until_ready("ns2").await;
    wait::until("it knows of the death of an edge", || async {
        (addresses(&cdn, "ns2") == 1).then_some(())
    })
    .await;
    assert_alike(&cdn, compared);
}

#[tokio::test]
async fn two_name_servers_answer_and_sign_the_same_octets() {
    are_alike_come_what_may("ed25519", whole).await;
}

#[tokio::test]
async fn with_ecdsa_they_differ_in_signatures_alone() {
    are_alike_come_what_may("ecdsap256sha256", without_signatures).await;
}
