//! One certificate for all servers of a run: ECDSA over P-256, for the host that is asked for.

use std::{fs, path::Path};

#[derive(Debug)]
pub(super) struct Certificate {
    cert: String,
    key: String,
}

impl Certificate {
    pub(super) fn new() -> Result<Certificate, String> {
        let names = vec![super::HOST.to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        Ok(Certificate {
            cert: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        })
    }

    /// Writes cert.pem, key.pem, and both in one file.
    pub(super) fn write(&self, folder: &Path) -> Result<(), String> {
        let Certificate { cert, key } = self;
        for (name, text) in [
            ("cert.pem", cert.clone()),
            ("key.pem", key.clone()),
            ("both.pem", format!("{cert}{key}")),
        ] {
            fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
