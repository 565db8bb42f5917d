//! A client of etcd, version 3, by the JSON gateway that it serves beside gRPC: several endpoints,
//! of which another one is asked when one does not answer; a name and password where it wants them.

mod error;
mod transport;
mod watch;
mod wire;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Uri;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use error::EtcdError;
use error::Fault;
use transport::Transport;
pub use watch::{Change, Watch};
use wire::{
    Changed, KeyValue, LeaseAnswer, RangeAnswer, Streamed, TokenAnswer, TxnAnswer, encode,
    prefix_end,
};

/// Where etcd is, and how to speak to it.
#[derive(Clone, PartialEq)]
pub struct EtcdConfig {
    /// Its members: `http://HOST:PORT` or `https://HOST:PORT`.
    pub endpoints: Vec<Uri>,
    /// Name and password, if it wants them.
    pub user: Option<(String, String)>,
    /// Authorities that https endpoints are verified against, as a PEM file; none: the system's.
    pub ca: Option<PathBuf>,
    /// How long one request to one endpoint may take. Default 2 s.
    pub timeout: Duration,
}

/// What etcd has under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// What is there.
    pub value: Bytes,
    /// The revision at which it was last changed.
    pub mod_revision: i64,
    /// The lease that it is under; zero: none.
    pub lease: i64,
}

/// Entries as they were at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// The revision of that moment.
    pub revision: i64,
    /// What was there, by key.
    pub entries: Vec<Entry>,
}

/// What became of a write on a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written, at this revision.
    Done(i64),
    /// The condition did not hold: what is there instead, if anything.
    Otherwise(Option<Entry>),
}

/// How an answer is taken.
#[derive(Clone, Copy)]
enum How {
    Whole,
    AsItComes,
}

enum Answer {
    Whole(Bytes),
    Beginning(Incoming),
}

/// A client of etcd. Keeps its connections.
pub struct Etcd {
    config: EtcdConfig,
    transport: Transport,
    /// The endpoint that is asked first: the one that answered last.
    current: AtomicUsize,
    token: Mutex<Option<String>>,
}

impl Etcd {
    /// A client of these endpoints. Nothing is asked yet.
    ///
    /// # Errors
    /// A text that says which file cannot be used, or that there is no endpoint.
    pub fn new(config: EtcdConfig) -> Result<Self, String> {
        if config.endpoints.is_empty() {
            return Err("no endpoint of etcd is given".to_owned());
        }
        let tls = |endpoint: &Uri| endpoint.scheme_str() == Some("https");
        let tls = config.endpoints.iter().any(tls);
        let transport = Transport::new(config.timeout, tls, config.ca.as_deref())?;
        Ok(Etcd {
            config,
            transport,
            current: AtomicUsize::new(0),
            token: Mutex::default(),
        })
    }

    /// What is under a key, as all of etcd agrees that it is now (a linearizable read).
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn get(&self, key: &str) -> Result<(i64, Option<Entry>), EtcdError> {
        let body = json!({ "key": encode(key) });
        let answer: RangeAnswer = self.call("/v3/kv/range", &body).await?;
        let entry = answer.kvs.into_iter().next().map(Entry::from);
        Ok((answer.header.revision.0, entry))
    }

    /// The keys from `from` on that are before `end`, in their order, at most `limit` of them (zero:
    /// all), as they are now (a linearizable read).
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn list_range(
        &self,
        from: &str,
        end: &str,
        limit: u32,
    ) -> Result<Entries, EtcdError> {
        let body = json!({
            "key": encode(from),
            "range_end": encode(end),
            "limit": limit.to_string(),
        });
        let answer: RangeAnswer = self.call("/v3/kv/range", &body).await?;
        Ok(Entries {
            revision: answer.header.revision.0,
            entries: answer.kvs.into_iter().map(Entry::from).collect(),
        })
    }

    /// All that begins with each of these prefixes, at one moment.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn list_all(&self, prefixes: &[&str]) -> Result<Entries, EtcdError> {
        let ranges = prefixes
            .iter()
            .map(|p| json!({ "request_range": range(p) }));
        let body = json!({ "success": ranges.collect::<Vec<_>>() });
        let answer: TxnAnswer = self.call("/v3/kv/txn", &body).await?;
        let ranges = answer
            .responses
            .into_iter()
            .filter_map(|r| r.response_range);
        Ok(Entries {
            revision: answer.header.revision.0,
            entries: ranges.flat_map(|r| r.kvs).map(Entry::from).collect(),
        })
    }

    /// Writes a key, under a lease unless that is zero. Answers with the revision.
    ///
    /// # Errors
    /// [`EtcdError`]; [`EtcdError::Refused`] if there is no such lease.
    pub async fn put(&self, key: &str, value: &[u8], lease: i64) -> Result<i64, EtcdError> {
        let body = put(key, value, lease);
        let answer: Changed = self.call("/v3/kv/put", &body).await?;
        Ok(answer.header.revision.0)
    }

    /// Writes a key if it was last changed at this revision; zero: if it is not there.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn put_if(
        &self,
        key: &str,
        value: &[u8],
        lease: i64,
        mod_revision: i64,
    ) -> Result<Written, EtcdError> {
        let put = put(key, value, lease);
        self.write_if(key, mod_revision, vec![put]).await
    }

    /// Writes several keys at once if the first of them was last changed at this revision; zero: if
    /// it is not there.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn put_all_if(
        &self,
        puts: &[(String, Vec<u8>)],
        mod_revision: i64,
    ) -> Result<Written, EtcdError> {
        let first = puts.first().map(|(key, _)| key.as_str());
        let puts = puts.iter().map(|(key, value)| put(key, value, 0));
        let first = first.unwrap_or_default();
        self.write_if(first, mod_revision, puts.collect()).await
    }

    async fn write_if(
        &self,
        key: &str,
        mod_revision: i64,
        puts: Vec<Value>,
    ) -> Result<Written, EtcdError> {
        let puts = puts.into_iter().map(|put| json!({ "request_put": put }));
        let body = json!({
            "compare": [{
                "key": encode(key),
                "target": "MOD",
                "result": "EQUAL",
                "mod_revision": mod_revision.to_string(),
            }],
            "success": puts.collect::<Vec<_>>(),
            "failure": [{ "request_range": { "key": encode(key) } }],
        });
        let answer: TxnAnswer = self.call("/v3/kv/txn", &body).await?;
        if answer.succeeded {
            return Ok(Written::Done(answer.header.revision.0));
        }
        let ranges = answer
            .responses
            .into_iter()
            .filter_map(|r| r.response_range);
        let there = ranges.flat_map(|range| range.kvs).next();
        Ok(Written::Otherwise(there.map(Entry::from)))
    }

    /// Takes the keys from `from` on away that are before `end`.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn delete_range(&self, from: &str, end: &str) -> Result<(), EtcdError> {
        let body = json!({ "key": encode(from), "range_end": encode(end) });
        let _: Changed = self.call("/v3/kv/deleterange", &body).await?;
        Ok(())
    }

    /// A new lease, for a time that etcd may make longer: its number, and that time.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn grant(&self, ttl: Duration) -> Result<(i64, Duration), EtcdError> {
        let seconds = ttl.as_secs().max(1);
        let body = json!({ "TTL": seconds.to_string() });
        let answer: LeaseAnswer = self.call("/v3/lease/grant", &body).await?;
        Ok((answer.id.0, seconds_of(&answer)))
    }

    /// Keeps a lease alive; `false` if it is gone.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn keep_alive(&self, lease: i64) -> Result<bool, EtcdError> {
        let body = json!({ "ID": lease.to_string() });
        let answer: Streamed<LeaseAnswer> = self.call("/v3/lease/keepalive", &body).await?;
        match answer {
            Streamed::Result(answer) => Ok(answer.ttl.0 > 0),
            Streamed::Error(refusal) => Err(EtcdError::Unreachable(refusal.message)),
        }
    }

    /// Ends a lease, and takes away what is under it.
    ///
    /// # Errors
    /// [`EtcdError`]; [`EtcdError::Refused`] if it is gone already.
    pub async fn revoke(&self, lease: i64) -> Result<(), EtcdError> {
        let body = json!({ "ID": lease.to_string() });
        let _: Changed = self.call("/v3/lease/revoke", &body).await?;
        Ok(())
    }

    /// Watches all that begins with a prefix, from a revision on.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn watch(&self, prefix: &str, revision: i64) -> Result<Watch, EtcdError> {
        let mut create = range(prefix);
        create["start_revision"] = revision.to_string().into();
        let body = json!({ "create_request": create });
        match self.ask("/v3/watch", &body, How::AsItComes).await? {
            Answer::Beginning(stream) => Ok(Watch::new(stream)),
            Answer::Whole(_) => Err(EtcdError::Unreachable("no stream came".to_owned())),
        }
    }

    async fn call<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, EtcdError> {
        match self.ask(path, body, How::Whole).await? {
            Answer::Whole(answer) => serde_json::from_slice(&answer).map_err(|error| {
                EtcdError::Unreachable(format!("an answer that does not parse: {error}"))
            }),
            Answer::Beginning(_) => Err(EtcdError::Unreachable("a stream came".to_owned())),
        }
    }

    /// Asks one endpoint after the other until one answers; each once, and once more if only a token
    /// was too old.
    async fn ask(&self, path: &str, body: &Value, how: How) -> Result<Answer, EtcdError> {
        let endpoints = &self.config.endpoints;
        let first = self.current.load(Ordering::Relaxed) % endpoints.len();
        let mut faults = Vec::new();
        let mut anew = false;
        let places = (first..endpoints.len()).chain(0..first);
        for (place, endpoint) in places.filter_map(|place| Some((place, endpoints.get(place)?))) {
            let mut asked = self.ask_one(endpoint, path, body, how).await;
            if matches!(asked, Err(Fault::Unauthenticated(_))) && !anew {
                anew = true;
                self.set_token(None);
                asked = self.ask_one(endpoint, path, body, how).await;
            }
            match asked {
                Ok(answer) => {
                    self.current.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Fault::Refused(why) | Fault::Unauthenticated(why)) => {
                    return Err(EtcdError::Refused(why));
                }
                Err(Fault::Away(why)) => faults.push(format!("{endpoint} {why}")),
            }
        }
        Err(EtcdError::Unreachable(faults.join("; ")))
    }

    async fn ask_one(
        &self,
        endpoint: &Uri,
        path: &str,
        body: &Value,
        how: How,
    ) -> Result<Answer, Fault> {
        let token = self.token(endpoint).await?;
        let token = token.as_deref();
        Ok(match how {
            How::Whole => Answer::Whole(self.transport.post(endpoint, path, token, body).await?),
            How::AsItComes => {
                Answer::Beginning(self.transport.open(endpoint, path, token, body).await?)
            }
        })
    }

    /// What to prove oneself with, if a name and password are configured.
    async fn token(&self, endpoint: &Uri) -> Result<Option<String>, Fault> {
        let Some((name, password)) = &self.config.user else {
            return Ok(None);
        };
        if let Some(token) = self.known_token() {
            return Ok(Some(token));
        }
        let body = json!({ "name": name, "password": password });
        let path = "/v3/auth/authenticate";
        let answer = self.transport.post(endpoint, path, None, &body).await?;
        let answer: TokenAnswer = parse(&answer)?;
        self.set_token(Some(answer.token.clone()));
        Ok(Some(answer.token))
    }

    fn known_token(&self) -> Option<String> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.clone()
    }

    fn set_token(&self, token: Option<String>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Fault> {
    let garbled = |error| Fault::Away(format!("answers what does not parse: {error}"));
    serde_json::from_slice(answer).map_err(garbled)
}

fn range(prefix: &str) -> Value {
    json!({ "key": encode(prefix), "range_end": encode(prefix_end(prefix)) })
}

fn put(key: &str, value: &[u8], lease: i64) -> Value {
    json!({ "key": encode(key), "value": encode(value), "lease": lease.to_string() })
}

fn seconds_of(answer: &LeaseAnswer) -> Duration {
    Duration::from_secs(answer.ttl.0.max(1).unsigned_abs())
}

impl From<KeyValue> for Entry {
    fn from(found: KeyValue) -> Self {
        Entry {
            key: String::from_utf8_lossy(&found.key.0).into_owned(),
            value: found.value.0.into(),
            mod_revision: found.mod_revision.0,
            lease: found.lease.0,
        }
    }
}

impl fmt::Debug for EtcdConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdConfig")
            .field("endpoints", &self.endpoints)
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("ca", &self.ca)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Etcd")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
