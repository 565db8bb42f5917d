//! The configuration that was applied: one key, written on condition that nobody has written it since
//! it was looked at.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::MembershipConfig;
use crate::etcd::{Entry, Etcd, EtcdError, Written};

/// The largest text: etcd takes requests of 1.5 MiB unless it is told otherwise, and the text grows
/// by a third in base64.
pub const MAX_APPLIED: usize = 1 << 20;

/// A configuration as it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The version of the text: its short hash.
    pub version: String,
    /// The text, as it was in the file.
    pub text: String,
    /// Who applied it, for people.
    #[serde(default)]
    pub by: String,
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: u64,
    /// Tells one application of the same text from another.
    #[serde(default)]
    pub id: String,
    /// The revision of etcd at which it was applied.
    #[serde(default)]
    pub revision: i64,
}

/// What became of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Application {
    /// It is applied, at this revision.
    Done(i64),
    /// Another one came first: this is applied now, if anything.
    Overtaken(Option<Applied>),
}

impl Applied {
    /// A text to be applied.
    pub fn new(version: String, text: &str, by: String, now: SystemTime) -> Self {
        let at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Applied {
            version,
            text: text.to_owned(),
            by,
            at: at.as_secs(),
            id: format!("{:016x}", fastrand::u64(..)),
            revision: 0,
        }
    }

    /// Reads what is under the key.
    ///
    /// # Errors
    /// A text that says why it is not believed.
    pub(super) fn parse(entry: &Entry) -> Result<Self, String> {
        let parsed = serde_json::from_slice(&entry.value);
        let parsed: Applied = parsed.map_err(|error| format!("it does not parse: {error}"))?;
        Ok(Applied {
            revision: entry.mod_revision,
            ..parsed
        })
    }

    /// Applies it if what was applied before is of this revision still; zero: if nothing was.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd does not do it.
    pub async fn publish(
        &self,
        etcd: &Etcd,
        config: &MembershipConfig,
        before: i64,
    ) -> Result<Application, EtcdError> {
        let value = serde_json::to_vec(self).unwrap_or_default();
        let written = etcd.put_if(&config.config_key(), &value, 0, before).await?;
        Ok(match written {
            Written::Done(revision) => Application::Done(revision),
            Written::Otherwise(there) => match there.and_then(|e| Applied::parse(&e).ok()) {
                // An answer was lost on its way, and the question asked again.
                Some(there) if there.id == self.id => Application::Done(there.revision),
                there => Application::Overtaken(there),
            },
        })
    }
}
