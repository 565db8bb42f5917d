//! What is stored on a node, for people who ask.

mod question;
mod stats;

pub use question::ListQuestion;
pub use stats::{CacheStats, DiskCounts, MemoryCounts, PurgeCounts};

use std::time::SystemTime;

use perigee_http_cache::{CacheKey, Explanation};
use perigee_storage::Entry;
use serde::{Deserialize, Serialize};

use crate::{Exchange, Question, Services, StoredResponse, purge::keys_of};

/// A page of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The keys. There may be few or none though more come on the next page.
    pub entries: Vec<Listed>,
    /// The `cursor` of the next page; null: this is the last one.
    pub next: Option<String>,
}

/// A key, and what is stored under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The tiers that it is in: `memory`, `disk`.
    pub tiers: Vec<String>,
    /// How often it was looked up since it came into memory; null if it is not there.
    pub hits: Option<u64>,
    /// Its stored responses, newest first.
    pub variants: Vec<StoredResponse>,
}

/// What a node has stored under a URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The URL.
    pub url: String,
    /// Its keys that something is stored under: those of both schemes, by the service's policy and
    /// as the URL is written.
    pub entries: Vec<ShownEntry>,
}

/// A key, what is stored under it, and what that would be used for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownEntry {
    /// The key, and what is stored under it.
    #[serde(flatten)]
    pub listed: Listed,
    /// For each stored response what becomes of a GET that selects it and asks for nothing else.
    pub uses: Vec<Use>,
}

/// What becomes of a GET that selects a stored response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Use {
    /// `hit`, `stale-while-revalidate`, `revalidate`, `miss`, `pass` or `here`; null: no request that
    /// comes now selects it, for the service knows it by something else, or there is no service.
    pub outcome: Option<String>,
    /// Why, with the sections of the RFCs that decide it.
    pub because: String,
}

impl Exchange {
    /// A page of what is stored.
    ///
    /// # Errors
    /// A text that says what is wrong with the question.
    pub async fn list(&self, question: &ListQuestion) -> Result<Listing, String> {
        let now = SystemTime::now();
        let ask = question.ask(now)?;
        let page = self.store().list(&ask).get().await;
        let entries = page.entries.iter().map(|entry| Listed::of(entry, now));
        Ok(Listing {
            entries: entries.collect(),
            next: page.next.map(|cursor| cursor.to_string()),
        })
    }

    /// How the store does.
    pub fn cache_stats(&self) -> CacheStats {
        let (store, config) = (self.store(), &self.config);
        let purges = store.purges().stats();
        CacheStats::of(&config.node, config.tier, store.stats(), &purges)
    }

    /// What is stored under a URL. To eviction it is no use.
    ///
    /// # Errors
    /// A text that says what is wrong with the URL.
    pub async fn show(&self, url: &str, services: &Services) -> Result<Shown, String> {
        let mut entries = Vec::new();
        let now = SystemTime::now();
        for key in keys_of(url, services)? {
            if let Some(entry) = self.store().entry(&key).get().await {
                let variants = entry.variants.iter();
                let url = scheme_of(&key, url);
                let uses = variants.map(|stored| {
                    let question = Question::selecting(url.clone(), stored, now);
                    Use::of(question.use_of(stored, &key, services))
                });
                entries.push(ShownEntry {
                    uses: uses.collect(),
                    listed: Listed::of(&entry, now),
                });
            }
        }
        Ok(Shown {
            url: url.to_owned(),
            entries,
        })
    }
}

impl Listed {
    fn of(entry: &Entry, now: SystemTime) -> Self {
        let variants = entry.variants.iter();
        Listed {
            key: entry.key.to_string(),
            tiers: entry.tiers.iter().map(|t| t.as_str().to_owned()).collect(),
            hits: entry.hits,
            variants: variants.map(|s| StoredResponse::of(s, now)).collect(),
        }
    }
}

impl Use {
    fn of(told: Result<Explanation, String>) -> Self {
        match told {
            Ok(told) => Use {
                outcome: Some(told.outcome.as_str().to_owned()),
                because: told.because,
            },
            Err(because) => Use {
                outcome: None,
                because,
            },
        }
    }
}

/// The URL with the scheme of the key, if that has one.
fn scheme_of(key: &CacheKey, url: &str) -> String {
    let (scheme, _) = key.as_str().split_once("://").unwrap_or_default();
    match url.split_once("://") {
        Some((_, rest)) if scheme != "*" => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}
