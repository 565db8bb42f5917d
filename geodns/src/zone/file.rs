//! The zone file, read from disk.

use std::{fs::File, io::Read, path::Path, time::UNIX_EPOCH};

use super::{Zone, ZoneError, record::Source};
use crate::config::Config;

/// The largest zone file that is read, in bytes: 32 MiB.
const MAX_ZONE_FILE: u64 = 32 << 20;

impl Zone {
    /// Reads the zone file of `config`, if it has one, and builds the zone.
    ///
    /// # Errors
    /// [`ZoneError`] if the file cannot be read or is larger than 32 MiB, and as
    /// [`Zone::with_file`].
    pub fn load(config: &Config) -> Result<Self, ZoneError> {
        let Some(path) = &config.contents.zone_file else {
            return Zone::build(config);
        };
        let (text, modified) = read(path).map_err(|why| {
            let what = format!("cannot read the zone file {}: {why}", path.display());
            ZoneError::new(Source::Own, what)
        })?;
        if !config.contents.serial_is_time {
            return Zone::with_file(config, &text);
        }
        let mut config = config.clone();
        config.soa.serial = config.soa.serial.max(modified);
        Zone::with_file(&config, &text)
    }
}

/// The text of a file, and when it was written, in seconds since 1970.
fn read(path: &Path) -> Result<(String, u32), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let modified = modified
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = modified.map_or(0, |since| since.as_secs() as u32);
    let mut bytes = Vec::new();
    file.take(MAX_ZONE_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_ZONE_FILE {
        return Err("it is larger than 32 MiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 text (see byte {at})")
    })?;
    Ok((text, seconds))
}
