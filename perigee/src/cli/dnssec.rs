//! Options of `dnssec`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use perigee_geodns::dnssec::Algorithm;

/// Options of `dnssec`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee dnssec init                       the first key; then bring the folder to all GeoDNS nodes
  perigee dnssec keys --trust-anchors > anchors && delv @192.0.2.53 -a anchors +root=cdn.example www.cdn.example
  perigee dnssec ds                         for the parent zone, at the registrar
  perigee dnssec status                     what each key does, and what comes next
  perigee dnssec roll                       a new key, in place of the one that DS points to
  perigee dnssec parent-has-ds              the parent has the new DS alone: the old key goes")]
pub(crate) struct Dnssec {
    #[command(subcommand)]
    pub(crate) command: DnssecCommand,
    /// The file that describes the CDN, with [dns.dnssec].
    #[arg(long, global = true, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DnssecCommand {
    /// Makes the first key of the zone, in the folder that [dns.dnssec] names.
    Init {
        /// ecdsap256sha256 (13) or ed25519 (15).
        #[arg(long, value_name = "ALGORITHM", default_value = "ecdsap256sha256")]
        algorithm: Algorithm,
        /// Two keys: one that DS points to (KSK), and one that signs the zone (ZSK), which can be
        /// rolled without the parent. By default one key does both (CSK).
        #[arg(long)]
        split: bool,
    },
    /// Shows what each key does, when that changes, and what to do next.
    Status,
    /// Prints the DNSKEY records that are shown now: trust anchors for tests, as unbound takes them.
    Keys {
        /// As `delv -a FILE` and BIND take them: a `trust-anchors` statement.
        #[arg(long)]
        trust_anchors: bool,
    },
    /// Prints the DS records for the parent zone.
    Ds,
    /// Prints the CDS and CDNSKEY records that are shown now (RFC 7344).
    Cds,
    /// Makes a new key that takes the place of one.
    ///
    /// All dates follow from the TTLs in the file, and all GeoDNS nodes keep to them by themselves: the new
    /// key is shown at once, and used when every resolver knows it. Of a key that DS points to, the parent
    /// must then be told (`ds`, or it reads CDS by itself), and that it has followed (`parent-has-ds`).
    Roll {
        /// The key that signs the zone alone (ZSK).
        #[arg(long)]
        zone_key: bool,
        /// The algorithm of the new key [default: that of the old one]
        #[arg(long, value_name = "ALGORITHM", conflicts_with = "zone_key")]
        algorithm: Option<Algorithm>,
    },
    /// Says that the parent has the DS of the new key, and no other: the old key goes, when its DS is
    /// out of every cache.
    ParentHasDs,
}
