//! The folder of a zone's keys.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use perigee_dns_wire::Name;

use super::{
    algorithm::{Algorithm, Secret},
    key::Key,
    key_file,
    timing::Timing,
};

/// Whoever can read the private keys can forge the zone.
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// A folder with keys of one zone, and perhaps of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFolder {
    folder: PathBuf,
    apex: Name,
}

impl KeyFolder {
    /// The keys of `zone` in this folder.
    ///
    /// # Errors
    /// If `zone` is no name.
    pub fn new(folder: &Path, zone: &str) -> Result<Self, String> {
        let apex = zone
            .parse()
            .map_err(|e| format!("{zone:?} is no name: {e}"))?;
        let folder = folder.to_owned();
        Ok(KeyFolder { folder, apex })
    }

    /// The zone.
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// All keys of the zone, by key tag. None if there is no folder.
    ///
    /// # Errors
    /// Says which file cannot be used, and why.
    pub fn load(&self) -> Result<Vec<Key>, String> {
        let mut keys = Vec::new();
        for stem in self.stems()? {
            let (public, private) = (self.file(&stem, "key"), self.file(&stem, "private"));
            let key = check_secret(&private)
                .and_then(|()| key_file::read(&self.apex, &read(&public)?, &read(&private)?))
                .map_err(|why| format!("{}: {why}", private.display()))?;
            keys.push(key);
        }
        keys.sort_by_key(|key| (key.tag, key.algorithm));
        Ok(keys)
    }

    /// Makes a key whose tag no other one has.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn create(
        &self,
        algorithm: Algorithm,
        is_entry: bool,
        timing: Timing,
    ) -> Result<Key, String> {
        fs::create_dir_all(&self.folder).map_err(|e| self.cannot("make", &self.folder, &e))?;
        let taken: Vec<u16> = self.load()?.iter().map(Key::tag).collect();
        let (key, secret) = loop {
            let (secret, octets) = Secret::generate(algorithm)?;
            let key = Key::new(algorithm, is_entry, secret, timing);
            if !taken.contains(&key.tag) {
                break (key, octets);
            }
        };
        let stem = key_file::stem(&self.apex, &key);
        let private = key_file::private_text(algorithm, &secret, &timing);
        // Until both are there, nobody takes the folder.
        let public = key_file::public_text(&self.apex, &key);
        self.write(&stem, "key", &public, PUBLIC)?;
        self.write(&stem, "private", &private, SECRET)?;
        Ok(key)
    }

    /// Gives a key other dates.
    ///
    /// # Errors
    /// If its file cannot be read or written.
    pub fn set_timing(&self, key: &Key, timing: &Timing) -> Result<(), String> {
        let stem = key_file::stem(&self.apex, key);
        let text = read(&self.file(&stem, "private"))?;
        self.write(
            &stem,
            "private",
            &key_file::with_dates(&text, timing),
            SECRET,
        )
    }

    /// The names of the files of the zone's keys, without what stands behind the dot.
    fn stems(&self) -> Result<BTreeSet<String>, String> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries.map_err(|e| self.cannot("read", &self.folder, &e))?,
        };
        let prefix = format!("K{}+", self.apex).to_ascii_lowercase();
        let mut stems = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.cannot("read", &self.folder, &e))?;
            let name = entry.file_name();
            // A public key alone is one whose private key was left behind.
            let stem = name.to_str().and_then(|name| {
                let private = name.strip_suffix(".private");
                private.or_else(|| name.strip_suffix(".key"))
            });
            stems.extend(
                stem.filter(|stem| stem.to_ascii_lowercase().starts_with(&prefix))
                    .map(str::to_owned),
            );
        }
        Ok(stems)
    }

    fn file(&self, stem: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{stem}.{extension}"))
    }

    /// By rename: nobody reads half a file, and the folder shows that something changed.
    fn write(&self, stem: &str, extension: &str, text: &str, mode: u32) -> Result<(), String> {
        let file = self.file(stem, extension);
        let new = self.file(stem, &format!("{extension}.new"));
        let written = || -> std::io::Result<()> {
            // What an attempt that broke off has left may have another mode.
            let _ = fs::remove_file(&new);
            let mut options = fs::OpenOptions::new();
            let mut out = options.write(true).create_new(true).mode(mode).open(&new)?;
            out.write_all(text.as_bytes())?;
            out.sync_all()?;
            fs::rename(&new, &file)
        };
        written().map_err(|e| self.cannot("write", &file, &e))
    }

    fn cannot(&self, what: &str, path: &Path, error: &std::io::Error) -> String {
        format!("cannot {what} {}: {error}", path.display())
    }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))
}

fn check_secret(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            "this private key is missing: bring it too, or remove its file .key".to_owned()
        }
        _ => e.to_string(),
    })?;
    match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err("others may read this private key: run chmod 600 on it".to_owned()),
    }
}
