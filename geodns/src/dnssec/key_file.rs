//! Keys in BIND's format: `K<zone>+<algorithm>+<tag>.key`, the DNSKEY record, and `.private`, the
//! private key and its dates. `dnssec-keygen` and `dnssec-settime` write them too.

use base64::{Engine, engine::general_purpose::STANDARD};
use perigee_dns_wire::Name;

use super::{
    algorithm::{Algorithm, Secret},
    key::Key,
    timing::{Stamp, Timing},
};

/// The name of a key's files, without what stands behind the dot.
pub(crate) fn stem(apex: &Name, key: &Key) -> String {
    format!("K{apex}+{:03}+{:05}", key.algorithm.number(), key.tag)
}

/// The text of the file `.key`.
pub(crate) fn public_text(apex: &Name, key: &Key) -> String {
    let kind = if key.is_entry {
        "key-signing"
    } else {
        "zone-signing"
    };
    format!(
        "; This is a {kind} key, keyid {}, for {apex}\n{apex} IN DNSKEY {}\n",
        key.tag,
        key.dnskey_text()
    )
}

/// The text of the file `.private`.
pub(crate) fn private_text(algorithm: Algorithm, secret: &[u8], timing: &Timing) -> String {
    let mut text = format!(
        "Private-key-format: v1.3\nAlgorithm: {} ({algorithm})\nPrivateKey: {}\n",
        algorithm.number(),
        STANDARD.encode(secret)
    );
    for (name, at) in dates(timing) {
        if let Some(at) = at {
            text += &format!("{name}: {}\n", Stamp(at));
        }
    }
    text
}

/// The text of a file `.private` with other dates; all else stays.
pub(crate) fn with_dates(text: &str, timing: &Timing) -> String {
    let names = dates(timing).map(|(name, _)| name);
    let is_date = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        names.contains(&name)
    };
    let mut kept: String = text
        .lines()
        .filter(|line| !is_date(line))
        .map(|line| format!("{line}\n"))
        .collect();
    for (name, at) in dates(timing) {
        if let Some(at) = at {
            kept += &format!("{name}: {}\n", Stamp(at));
        }
    }
    kept
}

fn dates(timing: &Timing) -> [(&'static str, Option<u64>); 7] {
    [
        ("Created", timing.created),
        ("Publish", timing.publish),
        ("Activate", timing.activate),
        ("Inactive", timing.inactive),
        ("Delete", timing.delete),
        ("SyncPublish", timing.sync_publish),
        ("SyncDelete", timing.sync_delete),
    ]
}

/// A key of the texts of its two files.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn read(apex: &Name, public: &str, private: &str) -> Result<Key, String> {
    let shown = Shown::read(apex, public)?;
    let (algorithm, secret, timing) = read_private(private)?;
    if algorithm != shown.algorithm {
        return Err("the files .key and .private tell of two algorithms".to_owned());
    }
    let key = Key::new(algorithm, shown.is_entry, secret, timing);
    if key.public != shown.public {
        return Err("the private key is not the one of the DNSKEY record".to_owned());
    }
    Ok(key)
}

/// What the file `.key` says.
struct Shown {
    algorithm: Algorithm,
    is_entry: bool,
    public: Vec<u8>,
}

impl Shown {
    fn read(apex: &Name, text: &str) -> Result<Self, String> {
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with(';'))
            .ok_or("the file .key has no record")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words
            .iter()
            .position(|word| word.eq_ignore_ascii_case("DNSKEY"))
            .ok_or("the file .key has no DNSKEY record")?;
        let owner: Name = words
            .first()
            .and_then(|word| word.parse().ok())
            .ok_or("the DNSKEY record has no owner")?;
        if owner != *apex {
            return Err(format!("it is a key of {owner}, not of {apex}"));
        }
        let [flags, protocol, algorithm, public @ ..] = words.get(at + 1..).unwrap_or_default()
        else {
            return Err("the DNSKEY record is cut".to_owned());
        };
        let number: u8 = algorithm.parse().map_err(|_| "an algorithm is a number")?;
        let algorithm = Algorithm::of(number).ok_or_else(|| {
            format!(
                "algorithm {number} is not supported; 13 (ECDSAP256SHA256) and 15 (ED25519) are"
            )
        })?;
        let flags = match (*flags, *protocol) {
            ("256", "3") => false,
            ("257", "3") => true,
            _ => return Err(format!("a key with the flags {flags} signs no zone")),
        };
        let public = STANDARD
            .decode(public.concat())
            .map_err(|_| "the public key is not base64")?;
        Ok(Shown {
            algorithm,
            is_entry: flags,
            public,
        })
    }
}

fn read_private(text: &str) -> Result<(Algorithm, Secret, Timing), String> {
    let (mut algorithm, mut octets, mut timing) = (None, None, Timing::default());
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        let date = || {
            let stamp = Stamp::parse(value).map(|stamp| stamp.0);
            stamp.ok_or_else(|| format!("{name} is no time of the form 20260203040506"))
        };
        match name.trim() {
            "Private-key-format" if !value.starts_with("v1.") => {
                return Err(format!("the format {value} is not known"));
            }
            "Algorithm" => algorithm = value.split(' ').next().and_then(|n| n.parse().ok()),
            "PrivateKey" => {
                let decoded = STANDARD.decode(value);
                octets = Some(decoded.map_err(|_| "the private key is not base64")?);
            }
            "Created" => timing.created = Some(date()?),
            "Publish" => timing.publish = Some(date()?),
            "Activate" => timing.activate = Some(date()?),
            "Inactive" => timing.inactive = Some(date()?),
            "Delete" => timing.delete = Some(date()?),
            "SyncPublish" => timing.sync_publish = Some(date()?),
            "SyncDelete" => timing.sync_delete = Some(date()?),
            // Of other tools.
            _ => {}
        }
    }
    let algorithm = algorithm
        .ok_or("it is no private key in BIND's format: it has no line \"Algorithm: 13\"")?;
    let algorithm = Algorithm::of(algorithm)
        .ok_or("its algorithm is not supported; 13 (ECDSAP256SHA256) and 15 (ED25519) are")?;
    let octets = octets.ok_or("there is no PrivateKey")?;
    Ok((algorithm, Secret::read(algorithm, &octets)?, timing))
}
