//! What is broken in the files that a cdn.toml names, as far as they are on this machine.

use std::path::Path;

use perigee_geodns::{Places, Zone, dnssec::KeyFolder};

use super::Env;
use crate::Document;

impl Document {
    /// The files of name servers that are on this machine, and with which none would start: a zone file,
    /// a database or table of places, keys. Those that are not here are told by [`Document::notes`].
    /// Looks at the file system, and reads the files whole.
    pub fn broken(&self, env: Env<'_>) -> Vec<String> {
        let mut broken: Vec<String> = self.broken_keys().into_iter().collect();
        let Some(server) = self.file.geodns.first() else {
            return broken;
        };
        let Ok(mut config) = self.geodns(&server.name.0, env) else {
            return broken;
        };
        let is_here = |path: &Path| path.exists();
        let zone_file = config.contents.zone_file.as_deref();
        if zone_file.is_none_or(is_here) {
            broken.extend(Zone::load(&config).err().map(|error| error.to_string()));
        }
        // Each for itself, so that all are told.
        let place = std::mem::take(&mut config.place);
        config.place.mapped = place.mapped;
        for path in place.databases.iter().filter(|path| is_here(path)) {
            config.place.databases = vec![path.clone()];
            broken.extend(broken_places(&config));
        }
        config.place.databases.clear();
        config.place.networks_file = place.networks_file.filter(|path| is_here(path));
        broken.extend(broken_places(&config));
        config.place.networks_file = None;
        config.place.latency_file = place.latency_file.filter(|path| is_here(path));
        broken.extend(broken_places(&config));
        broken
    }

    fn broken_keys(&self) -> Option<String> {
        let signed = self.signed_zone()?;
        let folder = KeyFolder::new(&signed.config.keys, &signed.zone).ok()?;
        folder.load().err()
    }
}

fn broken_places(config: &perigee_geodns::Config) -> Option<String> {
    let error = Places::load(config, None).err()?;
    Some(error.to_string())
}
