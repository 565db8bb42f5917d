//! `perigee dnssec`: the keys of the zone.

use std::{
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use perigee_config::{Document, SignedZone};
use perigee_geodns::dnssec::{
    Change, Key, KeyFolder, Kind, Plan, Roles, Seconds, Stamp, init, parent_has, roll,
};

use super::Outcome;
use crate::{
    cli::{Dnssec, DnssecCommand},
    style::print,
    table::Table,
};

pub(super) fn run(options: &Dnssec) -> Outcome {
    let document = Document::load(&options.config).map_err(|e| e.to_string())?;
    let signed = document.signed_zone().ok_or_else(|| {
        format!(
            "{} signs no zone: write a [dns.dnssec] table",
            options.config.display()
        )
    })?;
    let keys = Keys::of(signed)?;
    let text = match &options.command {
        DnssecCommand::Init { algorithm, split } => {
            keys.carry_out(init(&keys.all, *algorithm, *split, keys.now)?)?
        }
        DnssecCommand::Roll {
            zone_key,
            algorithm,
        } => {
            let kind = if *zone_key { Kind::Zone } else { Kind::Entry };
            let terms = &keys.signed.terms;
            keys.carry_out(roll(&keys.all, kind, *algorithm, terms, keys.now)?)?
        }
        DnssecCommand::ParentHasDs => {
            keys.carry_out(parent_has(&keys.all, &keys.signed.terms, keys.now)?)?
        }
        DnssecCommand::Status => keys.status(),
        DnssecCommand::Keys {
            trust_anchors: false,
        } => keys.dnskeys()?,
        DnssecCommand::Keys {
            trust_anchors: true,
        } => keys.trust_anchors()?,
        DnssecCommand::Ds => keys.ds()?,
        DnssecCommand::Cds => keys.cds()?,
    };
    print(&text);
    Ok(ExitCode::SUCCESS)
}

/// The keys of the zone, at one moment.
struct Keys {
    signed: SignedZone,
    folder: KeyFolder,
    all: Vec<Key>,
    now: Seconds,
}

impl Keys {
    fn of(signed: SignedZone) -> Result<Self, String> {
        let folder = KeyFolder::new(&signed.config.keys, &signed.zone)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Keys {
            all: folder.load()?,
            now: now.unwrap_or_default().as_secs(),
            signed,
            folder,
        })
    }

    /// Writes what was planned, and tells how things stand then.
    fn carry_out(&self, plan: Plan) -> Result<String, String> {
        let mut text = String::new();
        // New keys first: should that fail, the old ones are as they were.
        for change in plan {
            match change {
                Change::Create(algorithm, kind, timing) => {
                    let is_entry = kind == Kind::Entry;
                    let key = self.folder.create(algorithm, is_entry, timing)?;
                    text += &format!(
                        "key {} ({algorithm}) made in {}\n",
                        key.tag(),
                        self.folder.path().display()
                    );
                }
                Change::Retime(at, timing) => {
                    if let Some(key) = self.all.get(at) {
                        self.folder.set_timing(key, &timing)?;
                    }
                }
            }
        }
        let after = Keys::of(self.signed.clone())?;
        Ok(format!(
            "{text}Bring the folder to all GeoDNS nodes now; they notice it.\n\n{}",
            after.status()
        ))
    }

    fn status(&self) -> String {
        if self.all.is_empty() {
            return format!("{}\n", self.without_keys());
        }
        let roles = Roles::at(&self.all, self.now);
        let mut table = Table::new(&[">KEY", "ALGORITHM", "KIND", "DOES", "NEXT"]);
        for (at, key) in self.all.iter().enumerate() {
            table.row([
                key.tag().to_string(),
                key.algorithm().to_string(),
                self.kind(key).to_owned(),
                roles
                    .as_ref()
                    .map_or_else(|_| "-".to_owned(), |roles| does(roles, at)),
                self.next(
                    key,
                    roles
                        .as_ref()
                        .is_ok_and(|roles| roles.sign_data.contains(&at)),
                ),
            ]);
        }
        let warning = roles
            .err()
            .map_or(String::new(), |why| format!("\n{why}\n"));
        format!("{table}{warning}\n{}", self.advice())
    }

    fn without_keys(&self) -> String {
        format!(
            "{} has no keys in {}; `perigee dnssec init` makes the first one",
            self.signed.zone,
            self.folder.path().display()
        )
    }

    fn kind(&self, key: &Key) -> &'static str {
        let alone = !self.all.iter().any(|key| !key.is_entry());
        match (key.is_entry(), alone) {
            (true, true) => "CSK",
            (true, false) => "KSK",
            (false, _) => "ZSK",
        }
    }

    /// The next date of a key, in words. One of another algorithm `signs` from the beginning.
    fn next(&self, key: &Key, signs: bool) -> String {
        let timing = key.timing();
        let activated = if signs {
            "takes over"
        } else {
            "signs the zone"
        };
        let dates = [
            (timing.publish, "is shown"),
            (timing.activate, activated),
            (timing.sync_publish, "is in CDS"),
            (timing.inactive, "stops to sign"),
            (timing.delete, "is gone"),
        ];
        let coming = dates.into_iter().filter_map(|(at, what)| Some((at?, what)));
        let next = coming
            .filter(|(at, _)| *at > self.now)
            .min_by_key(|(at, _)| *at);
        match next {
            Some((at, what)) => format!("{what} from {}", Stamp(at).readable()),
            None if !timing.is_published(self.now) => "its files can be removed".to_owned(),
            None => "-".to_owned(),
        }
    }

    /// What there is to do.
    fn advice(&self) -> String {
        let entries = || {
            let staying = |key: &&Key| key.is_entry() && key.timing().inactive.is_none();
            self.all.iter().filter(staying)
        };
        let newest = entries().max_by_key(|key| (key.timing().activate, key.timing().publish));
        let Some(new) = newest else {
            return "Nothing is to be done.\n".to_owned();
        };
        if entries().count() < 2 {
            return "The parent must have the DS records of `perigee dnssec ds`; nothing else is to be \
                    done.\n"
                .to_owned();
        }
        match new.timing().activate.filter(|&at| at > self.now) {
            Some(at) => format!(
                "Wait until {}: then every resolver knows key {}.\n",
                Stamp(at).readable(),
                new.tag()
            ),
            None => format!(
                "Let the parent have the DS of key {} alone (`perigee dnssec ds`; it may read CDS by \
                 itself), and\nsay so with `perigee dnssec parent-has-ds` when it has.\n",
                new.tag()
            ),
        }
    }

    fn roles(&self) -> Result<Roles, String> {
        if self.all.is_empty() {
            return Err(self.without_keys());
        }
        Roles::at(&self.all, self.now)
    }

    /// Lines of a zone file.
    fn records(&self, places: &[usize], rtype: &str, data: impl Fn(&Key) -> String) -> String {
        let (apex, ttl) = (self.folder.apex(), self.signed.config.dnskey_ttl);
        let keys = places.iter().filter_map(|&at| self.all.get(at));
        keys.map(|key| format!("{apex} {ttl} IN {rtype} {}\n", data(key)))
            .collect()
    }

    fn dnskeys(&self) -> Result<String, String> {
        Ok(self.records(&self.roles()?.published, "DNSKEY", Key::dnskey_text))
    }

    /// A statement of BIND's, as `delv -a` takes it.
    fn trust_anchors(&self) -> Result<String, String> {
        let roles = self.roles()?;
        let shown = roles.published.iter().filter_map(|&at| self.all.get(at));
        let anchors: String = shown
            .filter(|key| key.is_entry())
            .map(|key| {
                let text = key.dnskey_text();
                let (numbers, public) = text.rsplit_once(' ').unwrap_or_default();
                let apex = self.folder.apex();
                format!("    \"{apex}\" static-key {numbers} \"{public}\";\n")
            })
            .collect();
        Ok(format!("trust-anchors {{\n{anchors}}};\n"))
    }

    /// Of those keys that the parent should point to: what CDS says, whether it is shown or not.
    fn ds(&self) -> Result<String, String> {
        let apex = self.folder.apex();
        let records = self.records(&self.roles()?.synced, "DS", |key| key.ds_text(apex));
        // Its TTL is the parent's.
        let ttl = format!(" {} IN ", self.signed.config.dnskey_ttl);
        Ok(records.replace(&ttl, " IN "))
    }

    fn cds(&self) -> Result<String, String> {
        if !self.signed.config.cds {
            return Err("`cds = false` in [dns.dnssec]: none are shown".to_owned());
        }
        let (apex, synced) = (self.folder.apex(), self.roles()?.synced);
        let cds = self.records(&synced, "CDS", |key| key.ds_text(apex));
        Ok(cds + &self.records(&synced, "CDNSKEY", Key::dnskey_text))
    }
}

/// What a key does now.
fn does(roles: &Roles, at: usize) -> String {
    let parts = [
        (&roles.published, "shown"),
        (&roles.sign_keys, "signs the keys"),
        (&roles.sign_data, "signs the zone"),
        (&roles.synced, "in CDS"),
    ];
    let does = parts.iter().filter(|(places, _)| places.contains(&at));
    let words: Vec<_> = does.map(|(_, word)| *word).collect();
    match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(", "),
    }
}
