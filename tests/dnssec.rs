//! The zone is signed, and validators of others agree.

use std::path::Path;

use tempfile::TempDir;

use crate::harness::{
    cdn::{Cdn, Plan},
    dns::{ask, over_tcp},
    metrics::metric,
    net::Net,
    origin::Origin,
    process::run,
    validator::{Unbound, are_installed, delv, kdig},
    wait,
};

const RECORDS: &str = "\
[[dns.records]]\nname = \"@\"\ntype = \"MX\"\ndata = [\"10 mail\"]\n\n\
[[dns.records]]\nname = \"mail\"\ntype = \"A\"\ndata = [\"192.0.2.25\"]\n\n\
[[dns.records]]\nname = \"alias\"\ntype = \"CNAME\"\ndata = [\"www\"]\n\n\
[[dns.records]]\nname = \"*.wild\"\ntype = \"TXT\"\ndata = [\"whatever\"]\n\n\
[[dns.records]]\nname = \"deep.empty\"\ntype = \"TXT\"\ndata = [\"below\"]\n\n\
[[dns.records]]\nname = \"child\"\ntype = \"NS\"\ndata = [\"ns.child\"]\n\n\
[[dns.records]]\nname = \"ns.child\"\ntype = \"A\"\ndata = [\"192.0.2.53\"]\n\n\
[[dns.records]]\nname = \"signed\"\ntype = \"NS\"\ndata = [\"ns.elsewhere.test.\"]\n\n\
[[dns.records]]\nname = \"signed\"\ntype = \"DS\"\ndata = [\"12345 13 2 \
0000000000000000000000000000000000000000000000000000000000000000\"]\n\n";

const DNSKEY: u16 = 48;
const CDS: u16 = 59;

fn plan(origin: String, dnssec: &str) -> Plan {
    Plan {
        geodns: true,
        tables: format!("{RECORDS}[dns.dnssec]\n{dnssec}\n"),
        ..Plan::small(origin)
    }
}

/// A CDN whose keys are made before its name server is started.
async fn signed(dnssec: &str, init: &[&str]) -> (Cdn, TempDir) {
    let origin = Origin::cacheable("content").await;
    let keys = TempDir::new().unwrap();
    let folder = keys.path().to_path_buf();
    let dnssec = format!("keys = \"{}\"\n{dnssec}", folder.display());
    let cdn = Cdn::start_with(plan(origin.url(), &dnssec), |text| {
        let file = folder.join("cdn.toml");
        std::fs::write(&file, &text).unwrap();
        let mut args = vec!["dnssec", "init", "--config", file.to_str().unwrap()];
        args.extend(init);
        let (code, out, err) = run(&args);
        assert_eq!(code, 0, "{out}{err}");
        text
    });
    (cdn.await, keys)
}

fn told(cdn: &Cdn, args: &[&str]) -> String {
    let (code, out, err) = cdn.perigee(args);
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    out
}

/// Each question, and what a validator is to find.
const QUESTIONS: &[(&str, &str, Is)] = &[
    ("www.cdn.test", "A", Is::There),
    ("www.cdn.test", "AAAA", Is::Denied),
    ("www.cdn.test", "TXT", Is::Denied),
    ("alias.cdn.test", "A", Is::There),
    ("cdn.test", "SOA", Is::There),
    ("cdn.test", "NS", Is::There),
    ("cdn.test", "MX", Is::There),
    ("cdn.test", "DNSKEY", Is::There),
    ("cdn.test", "CDS", Is::There),
    ("cdn.test", "CDNSKEY", Is::There),
    ("cdn.test", "TXT", Is::Denied),
    ("any.wild.cdn.test", "TXT", Is::There),
    ("a.b.wild.cdn.test", "TXT", Is::There),
    ("any.wild.cdn.test", "A", Is::Denied),
    ("wild.cdn.test", "TXT", Is::Denied),
    ("empty.cdn.test", "A", Is::Denied),
    ("nothing.cdn.test", "A", Is::Denied),
    ("deep.nothing.cdn.test", "MX", Is::Denied),
    ("child.cdn.test", "DS", Is::Denied),
    ("signed.cdn.test", "DS", Is::There),
    ("www.cdn.test", "NSEC", Is::There),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    There,
    Denied,
}

/// All that a validator must find, by `delv` and by an unbound that were given these keys.
async fn validators_agree(cdn: &Cdn, folder: &Path, keys: &str, host: u8) {
    let server = cdn.at("ns1");
    for &(name, rtype, is) in QUESTIONS {
        let said = delv(server, folder, "cdn.test", keys, name, rtype);
        let expected = match is {
            Is::There => "; fully validated",
            Is::Denied => "; negative response, fully validated",
        };
        assert!(said.contains(expected), "delv {name} {rtype}: {said}");
    }
    let address = Net::new().at(host, 5301);
    let unbound = Unbound::start(address, folder, "cdn.test", keys, server);
    wait::until("unbound answers", || async {
        let said = kdig(unbound.address, &["+time=2", "cdn.test", "SOA"]);
        said.contains("status: NOERROR").then_some(())
    })
    .await;
    for &(name, rtype, is) in QUESTIONS {
        let said = kdig(unbound.address, &["+dnssec", "+time=10", name, rtype]);
        let flags = said.lines().find(|line| line.contains(";; Flags:"));
        let flags = flags.unwrap_or_default();
        assert!(flags.contains(" ad"), "unbound {name} {rtype}: {said}");
        let is_there = !flags.contains("ANSWER: 0");
        assert_eq!(is_there, is == Is::There, "unbound {name} {rtype}: {said}");
    }
}

#[tokio::test]
async fn delv_and_unbound_validate_what_is_there_and_what_is_not() {
    if !are_installed(&["delv", "kdig", "unbound"]) {
        return;
    }
    for algorithm in ["ecdsap256sha256", "ed25519"] {
        let (cdn, folder) = signed("", &["--algorithm", algorithm]).await;
        let keys = told(&cdn, &["dnssec", "keys"]);
        validators_agree(&cdn, folder.path(), &keys, 1).await;
        // What is printed for delv is what it has just taken.
        let taken = std::fs::read_to_string(folder.path().join("anchors")).unwrap();
        let anchors = told(&cdn, &["dnssec", "keys", "--trust-anchors"]);
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(&anchors), words(&taken));
        // A key that is not the zone's: nothing validates.
        let wrong = keys
            .replace("257 3 13 ", "257 3 13 AAAA")
            .replace("257 3 15 ", "257 3 15 AAAA");
        let wrong = format!(
            "{}\n",
            wrong
                .trim_end()
                .trim_end_matches("==")
                .trim_end_matches('=')
        );
        let said = delv(
            cdn.at("ns1"),
            folder.path(),
            "cdn.test",
            &wrong,
            "www.cdn.test",
            "A",
        );
        assert!(!said.contains("fully validated"), "{said}");
    }
}

#[tokio::test]
async fn a_delegation_tells_whether_the_child_is_signed() {
    if !are_installed(&["kdig"]) {
        return;
    }
    let (cdn, _folder) = signed("", &[]).await;
    let insecure = kdig(cdn.at("ns1"), &["+dnssec", "x.child.cdn.test", "A"]);
    for part in [
        "NS\tns.child",
        "NSEC\t\\000.child.cdn.test. NS RRSIG NSEC",
        "192.0.2.53",
    ] {
        assert!(insecure.contains(part), "{part}: {insecure}");
    }
    let secure = kdig(cdn.at("ns1"), &["+dnssec", "x.signed.cdn.test", "A"]);
    for part in ["NS\tns.elsewhere.test.", "DS\t12345 13 2", "RRSIG\tDS 13 3"] {
        assert!(secure.contains(part), "{part}: {secure}");
    }
    assert!(!secure.contains("NSEC\t"), "{secure}");
}

#[tokio::test]
async fn without_do_there_are_no_signatures_and_missing_names_are_nxdomain() {
    if !are_installed(&["kdig"]) {
        return;
    }
    let (cdn, _folder) = signed("", &[]).await;
    let server = cdn.at("ns1");
    let plain = kdig(server, &["+edns", "nothing.cdn.test", "A"]);
    assert!(
        plain.contains("status: NXDOMAIN") && !plain.contains("NSEC"),
        "{plain}"
    );
    let signed = kdig(server, &["+dnssec", "nothing.cdn.test", "A"]);
    assert!(signed.contains("status: NOERROR"), "{signed}");
    assert!(signed.contains("RRSIG NSEC TYPE128"), "{signed}");
    let plain = kdig(server, &["www.cdn.test", "A"]);
    assert!(
        plain.contains("ANSWER: 2") && !plain.contains("RRSIG"),
        "{plain}"
    );
    let nxname = kdig(server, &["+dnssec", "www.cdn.test", "TYPE128"]);
    assert!(nxname.contains("status: FORMERR"), "{nxname}");
}

/// The tags of the keys that have signed a set, as `kdig` shows them.
fn signed_by(cdn: &Cdn, name: &str, rtype: &str) -> Vec<String> {
    let said = kdig(cdn.at("ns1"), &["+dnssec", name, rtype]);
    let mut tags: Vec<String> = said
        .lines()
        .filter(|line| line.contains("\tRRSIG\t"))
        .filter_map(|line| line.split_whitespace().nth(10).map(str::to_owned))
        .collect();
    tags.sort();
    tags
}

fn tags(keys: &str, cdn: &Cdn) -> Vec<String> {
    let status = told(cdn, &["dnssec", "status"]);
    assert!(!keys.is_empty());
    let rows = status.lines().skip(1).take_while(|line| !line.is_empty());
    rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned))
        .collect()
}

const SHORT: &str = "dnskey_ttl = \"1s\"\npropagation = \"1s\"\nparent_ttl = \"1s\"\n";

#[tokio::test]
async fn a_key_is_rolled_while_the_zone_validates_all_along() {
    if !are_installed(&["delv", "kdig", "unbound"]) {
        return;
    }
    let (cdn, folder) = signed(SHORT, &[]).await;
    let old_keys = told(&cdn, &["dnssec", "keys"]);
    let [old] = tags(&old_keys, &cdn).try_into().unwrap();
    told(&cdn, &["dnssec", "roll"]);
    let [one, other] = tags(&old_keys, &cdn).try_into().unwrap();
    let new = if one == old { other } else { one };

    let still_good = |keys: &str| {
        let said = delv(
            cdn.at("ns1"),
            folder.path(),
            "cdn.test",
            keys,
            "www.cdn.test",
            "A",
        );
        assert!(said.contains("; fully validated"), "{said}");
    };
    wait::until("the name server shows both keys", || async {
        still_good(&old_keys);
        (signed_by(&cdn, "cdn.test", "DNSKEY").len() == 2).then_some(())
    })
    .await;
    wait::until("the new key signs the zone", || async {
        still_good(&old_keys);
        (signed_by(&cdn, "www.cdn.test", "A") == [new.clone()]).then_some(())
    })
    .await;
    let ds = told(&cdn, &["dnssec", "ds"]);
    assert!(
        ds.contains(&format!("IN DS {new} 13 2 ")) && !ds.contains(&format!(" {old} ")),
        "{ds}"
    );
    let cds = kdig(cdn.at("ns1"), &["cdn.test", "CDS"]);
    assert!(cds.contains(&format!("{new} 13 2")), "{cds}");

    told(&cdn, &["dnssec", "parent-has-ds"]);
    wait::until("the old key signs nothing any more", || async {
        (signed_by(&cdn, "cdn.test", "DNSKEY") == [new.clone()]).then_some(())
    })
    .await;
    // Of both that are shown, the new one alone.
    let keys = told(&cdn, &["dnssec", "keys"]);
    let new_keys: String = keys
        .lines()
        .filter(|line| !old_keys.contains(line))
        .map(|line| format!("{line}\n"))
        .collect();
    validators_agree(&cdn, folder.path(), &new_keys, 2).await;
}

#[tokio::test]
async fn a_key_for_the_zone_alone_is_rolled_by_its_dates() {
    if !are_installed(&["delv", "kdig"]) {
        return;
    }
    let (cdn, folder) = signed(SHORT, &["--split"]).await;
    let keys = told(&cdn, &["dnssec", "keys"]);
    let entry: String = keys
        .lines()
        .filter(|line| line.contains(" 257 "))
        .map(|line| format!("{line}\n"))
        .collect();
    let before = signed_by(&cdn, "www.cdn.test", "A");
    told(&cdn, &["dnssec", "roll", "--zone-key"]);
    wait::until("another key signs the zone", || async {
        let said = delv(
            cdn.at("ns1"),
            folder.path(),
            "cdn.test",
            &entry,
            "www.cdn.test",
            "A",
        );
        assert!(said.contains("; fully validated"), "{said}");
        (signed_by(&cdn, "www.cdn.test", "A") != before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_names_spends_a_budget_and_no_more() {
    if !are_installed(&["kdig"]) {
        return;
    }
    let (cdn, _folder) = signed("max_signatures_per_second = 1\n", &[]).await;
    let server = cdn.at("ns1");
    // What is asked for again and again is signed already, or soon, without the budget.
    let ask = |name: &str, more: &[&str]| {
        let mut args = vec!["+dnssec", "+ignore", "+retry=0", "+time=10"];
        args.extend(more);
        args.extend([name, "A"]);
        kdig(server, &args)
    };
    // Before anybody asks, for then it is made for that.
    wait::until("something is signed ahead", || async {
        let ahead = metric(&cdn, "ns1", "perigee_dns_signatures_ahead_total").await;
        (ahead > 0.0).then_some(())
    })
    .await;
    wait::until("www is signed ahead", || async {
        ask("www.cdn.test", &[])
            .contains("\tRRSIG\tA")
            .then_some(())
    })
    .await;
    let mut refused = (0, 0);
    for n in 0..20 {
        let udp = ask(&format!("x{n}.cdn.test"), &[]);
        let truncated = udp
            .lines()
            .any(|line| line.starts_with(";; Flags:") && line.contains(" tc"));
        assert!(truncated || udp.contains("NSEC"), "{udp}");
        refused.0 += u32::from(truncated);
        let tcp = ask(&format!("y{n}.cdn.test"), &["+tcp"]);
        let failed = tcp.contains("status: SERVFAIL");
        assert!(failed || tcp.contains("NSEC"), "{tcp}");
        refused.1 += u32::from(failed);
        assert!(ask("www.cdn.test", &[]).contains("\tRRSIG\tA"));
    }
    assert!(refused.0 > 0 && refused.1 > 0, "{refused:?}");
    for (kind, least) in [
        ("made", 1),
        ("ahead", 1),
        ("refused", refused.0 + refused.1),
    ] {
        let name = format!("perigee_dns_signatures_{kind}_total");
        let counted = metric(&cdn, "ns1", &name).await;
        assert!(counted >= f64::from(least), "{name}: {counted} of {least}");
    }
}

/// As editors and `dnssec-settime` may write them: over what is there, so that the folder stays the same.
#[tokio::test]
async fn a_key_file_that_is_written_over_counts() {
    let origin = Origin::cacheable("content").await;
    let folder = TempDir::new().unwrap();
    let dnssec = format!(
        "keys = \"{0}\"\n[reload]\ncheck_interval = \"100ms\"\n",
        folder.path().display()
    );
    let cdn = Cdn::start_with(plan(origin.url(), &dnssec), |text| {
        let file = folder.path().join("cdn.toml");
        std::fs::write(&file, &text).unwrap();
        let args = ["dnssec", "init", "--config", file.to_str().unwrap()];
        let (code, out, err) = run(&args);
        assert_eq!(code, 0, "{out}{err}");
        std::fs::remove_file(file).unwrap();
        text
    })
    .await;
    let shows = |rtype: u16| {
        over_tcp(cdn.at("ns1"), &ask("cdn.test", rtype))
            .answers
            .len()
    };
    assert_eq!((shows(DNSKEY), shows(CDS)), (1, 1));
    let files = std::fs::read_dir(folder.path()).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    let private = paths.find(|path| path.extension().is_some_and(|is| is == "private"));
    let private = private.unwrap();
    let text = std::fs::read_to_string(&private).unwrap();
    std::fs::write(private, text + "SyncDelete: 20200101000000\n").unwrap();
    wait::until("CDS is shown no more", || async {
        (shows(CDS) == 0).then_some(())
    })
    .await;
    assert_eq!(shows(DNSKEY), 1);
}

#[tokio::test]
async fn keys_of_bind_sign_too() {
    if !are_installed(&["dnssec-keygen", "delv", "kdig"]) {
        return;
    }
    let origin = Origin::cacheable("content").await;
    let folder = TempDir::new().unwrap();
    let mut keygen = std::process::Command::new("dnssec-keygen");
    let path = folder.path().to_str().unwrap();
    keygen.args(["-q", "-a", "ED25519", "-f", "KSK", "-K", path, "cdn.test"]);
    assert!(keygen.output().unwrap().status.success());
    let dnssec = format!("keys = \"{path}\"");
    let cdn = Cdn::start(plan(origin.url(), &dnssec)).await;
    let keys = told(&cdn, &["dnssec", "keys"]);
    let said = delv(
        cdn.at("ns1"),
        folder.path(),
        "cdn.test",
        &keys,
        "www.cdn.test",
        "A",
    );
    assert!(said.contains("; fully validated"), "{said}");
}

#[test]
fn what_cannot_be_signed_is_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cdn.toml");
    let of = |text: &str, args: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let mut all = vec!["dnssec"];
        all.extend(args);
        all.extend(["--config", file.to_str().unwrap()]);
        let (code, out, err) = run(&all);
        (code, out + &err)
    };
    let unsigned = "[dns]\nzone = \"cdn.test\"\n";
    let (code, said) = of(unsigned, &["status"]);
    assert!(code != 0 && said.contains("[dns.dnssec]"), "{said}");
    let signed = format!("{unsigned}[dns.dnssec]\n");
    let (code, said) = of(&signed, &["status"]);
    assert!(code == 0 && said.contains("perigee dnssec init"), "{said}");
    let (code, said) = of(&signed, &["roll"]);
    assert!(code != 0 && said.contains("perigee dnssec init"), "{said}");
    assert_eq!(of(&signed, &["init"]).0, 0);
    let (code, said) = of(&signed, &["init"]);
    assert!(code != 0 && said.contains("roll"), "{said}");
    let (code, said) = of(&signed, &["roll", "--zone-key"]);
    assert!(code != 0 && said.contains("--zone-key"), "{said}");
    let (code, said) = of(&signed, &["parent-has-ds"]);
    assert!(code != 0 && said.contains("no rollover"), "{said}");
    assert_eq!(of(&signed, &["roll"]).0, 0);
    let (code, said) = of(&signed, &["roll"]);
    assert!(code != 0 && said.contains("under way"), "{said}");
    let (code, said) = of(&signed, &["parent-has-ds"]);
    assert!(
        code != 0 && said.contains("not known to every resolver"),
        "{said}"
    );
    let (code, said) = of(&signed, &["status"]);
    assert!(code == 0 && said.contains("Wait until"), "{said}");
}
