//! Parameters of SVCB and HTTPS records (RFC 9460).

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    super::hints::{IPV4_HINT, IPV6_HINT},
    lexer::{Problem, Token},
    words::octets,
};

const KEYS: [(&str, u16); 9] = [
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4_HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6_HINT),
    ("dohpath", DOHPATH),
    ("ohttp", OHTTP),
];
const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const ECH: u16 = 5;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;

/// Writes parameters in the order of their keys.
pub(super) fn parameters(
    tokens: &[Token<'_>],
    is_alias: bool,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let mut parameters = BTreeMap::new();
    for token in tokens {
        if is_alias {
            let what = "with the priority 0 there are no parameters (RFC 9460 section 2.4.2)";
            return Err(token.problem(what));
        }
        let (key, value) = parameter(token)?;
        if parameters.insert(key, value).is_some() {
            return Err(token.problem(format!("{:?} is there twice", token.raw)));
        }
    }
    consistent(tokens, &parameters)?;
    for (key, value) in parameters {
        out.extend(key.to_be_bytes());
        out.extend((value.len() as u16).to_be_bytes());
        out.extend(value);
    }
    Ok(())
}

/// RFC 9460 sections 7.1.1 and 8.
fn consistent(tokens: &[Token<'_>], all: &BTreeMap<u16, Vec<u8>>) -> Result<(), Problem> {
    let refuse = |what: &str| match tokens.first() {
        Some(token) => Err(token.problem(what)),
        None => Ok(()),
    };
    if all.contains_key(&NO_DEFAULT_ALPN) && !all.contains_key(&ALPN) {
        return refuse("no-default-alpn needs alpn beside it");
    }
    let mandatory = all.get(&MANDATORY).map_or(&[][..], Vec::as_slice);
    let (keys, _) = mandatory.as_chunks::<2>();
    let missing = keys
        .iter()
        .any(|key| !all.contains_key(&u16::from_be_bytes(*key)));
    match missing {
        true => refuse("a parameter that is mandatory is not there"),
        false => Ok(()),
    }
}

fn parameter(token: &Token<'_>) -> Result<(u16, Vec<u8>), Problem> {
    let (name, value) = match token.raw.split_once('=') {
        Some((name, value)) => (name, Some(unquoted(value))),
        None => (token.raw, None),
    };
    let key = key(name).ok_or_else(|| {
        let names = KEYS.map(|(name, _)| name).join(", ");
        token.problem(format!(
            "{name:?} is not a parameter: it is one of {names}, or key and its number"
        ))
    })?;
    let wrong = |what: &str| token.problem(format!("{:?}: {what}", token.raw));
    let needed = || {
        value
            .filter(|v| !v.is_empty())
            .ok_or_else(|| wrong("it has no value"))
    };
    let value = match key {
        MANDATORY => mandatory(needed()?).map_err(|what| wrong(&what))?,
        ALPN => alpn(token, needed()?)?,
        NO_DEFAULT_ALPN | OHTTP => match value {
            None => Vec::new(),
            Some(_) => return Err(wrong("it has no value")),
        },
        PORT => {
            let port = needed()?.parse::<u16>();
            port.map_err(|_| wrong("it is not a port"))?
                .to_be_bytes()
                .into()
        }
        IPV4_HINT | IPV6_HINT if value == Some("auto") => Vec::new(),
        IPV4_HINT => addresses(needed()?, |v4: Ipv4Addr| v4.octets().to_vec())
            .ok_or_else(|| wrong("these are not IPv4 addresses with commas between"))?,
        IPV6_HINT => addresses(needed()?, |v6: Ipv6Addr| v6.octets().to_vec())
            .ok_or_else(|| wrong("these are not IPv6 addresses with commas between"))?,
        ECH => {
            let ech = STANDARD.decode(needed()?);
            ech.map_err(|_| wrong("it is not in base 64"))?
        }
        _ => octets(token, value.unwrap_or_default())?,
    };
    match u16::try_from(value.len()) {
        Ok(_) => Ok((key, value)),
        Err(_) => Err(wrong("it is longer than 65535 octets")),
    }
}

fn key(name: &str) -> Option<u16> {
    let known = KEYS.iter().find(|(known, _)| *known == name);
    let numbered = || name.strip_prefix("key")?.parse().ok();
    known
        .map(|(_, key)| *key)
        .or_else(numbered)
        .filter(|key| *key != u16::MAX)
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// Keys in ascending order, each once, and not this one.
fn mandatory(value: &str) -> Result<Vec<u8>, String> {
    let mut keys = Vec::new();
    for name in value.split(',') {
        let key = key(name).ok_or_else(|| format!("{name:?} is not a parameter"))?;
        if key == MANDATORY || keys.contains(&key) {
            return Err(format!("{name:?} cannot stand in it, or is there twice"));
        }
        keys.push(key);
    }
    keys.sort_unstable();
    Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
}

/// RFC 9460 appendix A.1: a comma or backslash inside an item is escaped once more.
fn alpn(token: &Token<'_>, value: &str) -> Result<Vec<u8>, Problem> {
    let mut items = vec![Vec::new()];
    let mut octets = octets(token, value)?.into_iter();
    while let Some(octet) = octets.next() {
        match (octet, items.last_mut()) {
            (b',', _) => items.push(Vec::new()),
            (b'\\', Some(item)) => item.extend(octets.next()),
            (_, Some(item)) => item.push(octet),
            (_, None) => {}
        }
    }
    let mut out = Vec::new();
    for item in items {
        let length = u8::try_from(item.len()).ok().filter(|length| *length > 0);
        out.push(length.ok_or_else(|| {
            token.problem("each protocol of alpn has 1 to 255 octets, as in alpn=h2,h3")
        })?);
        out.extend(item);
    }
    Ok(out)
}

fn addresses<T: FromStr>(value: &str, octets: impl Fn(T) -> Vec<u8>) -> Option<Vec<u8>> {
    let all = value.split(',').map(|text| text.parse().ok().map(&octets));
    Some(all.collect::<Option<Vec<_>>>()?.concat())
}
