//! `perigee tier-certs`: an authority of the CDN's own, and a certificate for each node.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use perigee_config::Document;
use perigee_edge::{TlsFiles, Trust, TrustConfig, server_name};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use super::Outcome;
use crate::{cli::TierCerts, style::print, telemetry::Timestamp};

const DAY: Duration = Duration::from_secs(86_400);

/// The authority is good for ten years.
const AUTHORITY_DAYS: u32 = 3_653;

/// What the authority is called in each certificate. Not told by its name, but by its key.
const AUTHORITY: &str = "Perigee tier authority";

pub(super) fn run(options: &TierCerts) -> Outcome {
    let names = names(options)?;
    let (out, now) = (&options.out, SystemTime::now());
    fs::create_dir_all(out).map_err(|e| format!("cannot make {}: {e}", out.display()))?;
    let authority = Authority::of(out, now)?;
    for name in &names {
        authority.certify(out, name, options.days, now)?;
    }
    print(&told(&authority, options, &names, now));
    Ok(ExitCode::SUCCESS)
}

/// Whose certificates to make.
fn names(options: &TierCerts) -> Result<Vec<String>, String> {
    let names = match options.node.is_empty() {
        false => options.node.clone(),
        true => {
            let document = Document::load(&options.config).map_err(|e| e.to_string())?;
            let nodes = document.nodes().into_iter();
            nodes.map(|node| node.name.to_string()).collect()
        }
    };
    for name in &names {
        server_name(name)?;
        // It becomes the name of a file.
        if name.contains(['/', '\\']) || name.eq_ignore_ascii_case("ca") {
            return Err(format!("a node cannot be named {name:?} here"));
        }
    }
    Ok(names)
}

/// What signs the certificates of all nodes.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    is_new: bool,
}

impl Authority {
    /// The one whose key is in the folder, or else a new one.
    fn of(out: &Path, now: SystemTime) -> Result<Self, String> {
        let (cert, key) = (out.join("ca.pem"), out.join("ca.key"));
        let params = authority_params(now);
        match (cert.exists(), key.exists()) {
            (true, true) => {
                let text = fs::read_to_string(&key)
                    .map_err(|e| format!("cannot read {}: {e}", key.display()))?;
                let pair = KeyPair::from_pem(&text)
                    .map_err(|e| format!("{}: the key cannot be used: {e}", key.display()))?;
                Ok(Authority {
                    issuer: Issuer::new(params, pair),
                    is_new: false,
                })
            }
            (false, false) => {
                let pair = new_key()?;
                let made = params.self_signed(&pair).map_err(not_made)?;
                write(&key, &pair.serialize_pem(), SECRET)?;
                write(&cert, &made.pem(), PUBLIC)?;
                Ok(Authority {
                    issuer: Issuer::new(params, pair),
                    is_new: true,
                })
            }
            (true, false) => Err(format!(
                "{} is there, but not its key, ca.key: bring it here to make further certificates, or choose \
                 another folder for a new authority",
                cert.display()
            )),
            (false, true) => Err(format!(
                "{} is there, but not its certificate, ca.pem: bring it here, or take the key away",
                key.display()
            )),
        }
    }

    /// Writes key and certificate of a node, when they have been found good.
    fn certify(&self, out: &Path, name: &str, days: u32, now: SystemTime) -> Result<(), String> {
        let key = new_key()?;
        let made = node_params(name, days, now)?
            .signed_by(&key, &self.issuer)
            .map_err(not_made)?;
        let file = |suffix: &str| out.join(format!("{name}.{suffix}"));
        let (new_cert, new_key) = (file("pem.new"), file("key.new"));
        write(&new_cert, &made.pem(), PUBLIC)?;
        write(&new_key, &key.serialize_pem(), SECRET)?;
        let trust = TrustConfig {
            node: name.into(),
            secret: None,
            tls: Some(TlsFiles {
                ca: out.join("ca.pem"),
                cert: new_cert.clone(),
                key: new_key.clone(),
            }),
        };
        let good = Trust::load(&trust, None, now);
        for (new, file) in [(&new_key, file("key")), (&new_cert, file("pem"))] {
            let moved = match &good {
                Ok(_) => fs::rename(new, &file),
                Err(_) => fs::remove_file(new),
            };
            moved.map_err(|e| format!("cannot write {}: {e}", file.display()))?;
        }
        good.map(|_| ())
    }
}

fn new_key() -> Result<KeyPair, String> {
    KeyPair::generate().map_err(not_made)
}

fn authority_params(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = called(AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * AUTHORITY_DAYS).into();
    params
}

fn node_params(name: &str, days: u32, now: SystemTime) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(not_made)?;
    params.distinguished_name = called(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // A node is asked, and asks.
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    // From a day ago, as clocks differ.
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn not_made(error: rcgen::Error) -> String {
    format!("a certificate cannot be made: {error}")
}

/// Modes of files.
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

fn write(file: &Path, text: &str, mode: u32) -> Result<(), String> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// What was made, until when it is good, and what to do with it.
fn told(authority: &Authority, options: &TierCerts, names: &[String], now: SystemTime) -> String {
    let out = options.out.display();
    let day = |days: u32| {
        let shown = Timestamp(now + DAY * days).to_string();
        shown.chars().take(10).collect::<String>()
    };
    let mut text = String::new();
    text += &match authority.is_new {
        true => format!(
            "{out}/ca.pem  the authority, good until {}\n\
             {out}/ca.key  its key: keep it here and on no node; who has it makes nodes\n",
            day(AUTHORITY_DAYS)
        ),
        false => format!("{out}/ca.pem  the authority that was there\n"),
    };
    for name in names {
        let file = options.out.join(name);
        let file = file.display();
        text += &format!("{file}.pem, {file}.key  good until {}\n", day(options.days));
    }
    if names.is_empty() {
        text += "no node is in the file: say which with --node NAME\n";
    }
    if !authority.is_new {
        text += "\nBring a node's own two files to it: nodes notice changed files, and take them for new\n\
                 connections without a restart.\n";
        return text;
    }
    let folder = fs::canonicalize(&options.out).unwrap_or_else(|_| PathBuf::from(&options.out));
    let folder = folder.display();
    text += &format!(
        "\nBring ca.pem and a node's own two files to each node, and write:\n\n\
         [tier]\ntrust = \"mtls\"\n\n\
         [tier.tls]\nca = \"{folder}/ca.pem\"\ncert = \"{folder}/{{node}}.pem\"\nkey = \"{folder}/{{node}}.key\"\n\n\
         Before they run out, make new ones with the same command: nodes notice changed files, and\n\
         take them for new connections without a restart.\n"
    );
    text
}
