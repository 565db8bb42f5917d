//! Answers that are there: hits of the usual kind, out of memory into the bytes of a response head.
//!
//! Nothing is allocated, and nobody waits. [`Exchange::answer`] would have given the same answer, and
//! has the same counted and logged; what is not plain goes there.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use perigee_http_cache::{
    BodyPart, CacheKey, Plain, Policy, Rule, Scheme, Sent, Serve, at_once, decimal,
};
use perigee_storage::Hit;

use crate::{
    Body, Disclosure, Exchange, InFlight, Origination, Sender, ServiceConfig, Services,
    cache_status::Handling,
    observe::{LogEntry, Observation},
};

/// A GET or HEAD without content, as it stands in the buffer of its connection. It wants nothing of
/// the connection, and Host is valid and there once.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a, F> {
    /// HEAD rather than GET.
    pub is_head: bool,
    /// The value of Host.
    pub host: &'a str,
    /// Path and query, as they came.
    pub target: &'a str,
    /// Names, in any case, and values of its other fields; none is one that nodes use among
    /// themselves.
    pub fields: F,
}

/// An answer that is there, but for its field lines.
#[derive(Debug)]
pub struct Found {
    /// The status.
    pub status: StatusCode,
    /// The value of Content-Length, if there is to be one.
    pub length: Option<u64>,
    /// What follows the head.
    pub content: Content,
    /// Whether it is the answer to all who ask for the same at this time, and they need only be counted:
    /// [`Exchange::again`].
    pub for_all: bool,
}

/// What follows a head.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Empty,
    /// All of it, so many bytes, is written behind the head.
    Written(u64),
    /// All of it, in one piece.
    Bytes(Bytes),
    /// More than one piece. In a box, so that all others are small where they are handed on.
    Body(Box<Body>),
}

/// Where an answer goes that is there.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The time.
    pub now: SystemTime,
    /// The field lines of the answer are appended here, Date among them, but those for framing and the
    /// connection. What is appended without an answer is to be dropped.
    pub text: &'a mut Vec<u8>,
    /// Behind what this appends small content is appended, too.
    pub end_head: Option<EndHead>,
}

/// Ends a head that is followed by content of this length.
pub type EndHead = fn(u64, &mut Vec<u8>);

/// What this node appends to the lines of every hit.
#[derive(Debug)]
pub(crate) struct Signature {
    /// A line of Via, and one of Cache-Status up to the seconds.
    full: Box<[u8]>,
    /// How much of that is the line of Via.
    via: usize,
    /// How much of it is all up to `hit`.
    hit: usize,
}

impl Signature {
    /// `None` if the name of the node cannot be a field value.
    pub(crate) fn of(node: &str) -> Option<Self> {
        http::HeaderValue::try_from(node).ok()?;
        let via = format!("via: 1.1 {node}\r\n");
        let hit = format!("{via}cache-status: {node}; hit");
        Some(Signature {
            via: via.len(),
            hit: hit.len(),
            full: format!("{hit}; ttl=").into_bytes().into(),
        })
    }

    fn write(&self, told: Disclosure, ttl: i64, lines: &mut Vec<u8>) {
        let end = match told {
            Disclosure::Off => self.via,
            Disclosure::Brief => self.hit,
            Disclosure::Full | Disclosure::Debug => self.full.len(),
        };
        lines.extend_from_slice(self.full.get(..end).unwrap_or_default());
        match told {
            Disclosure::Off => return,
            Disclosure::Brief => {}
            Disclosure::Full | Disclosure::Debug => {
                if ttl < 0 {
                    lines.push(b'-');
                }
                decimal(ttl.unsigned_abs(), lines);
            }
        }
        lines.extend_from_slice(b"\r\n");
    }
}

impl Exchange {
    /// Answers a request at once, if it is plain and memory has a fresh response for it. `enter` counts an
    /// answer that takes its time as under way.
    pub fn at_once<'a, F>(
        &self,
        asked: &Asked<'a, F>,
        services: &Services,
        from: Origination,
        enter: impl FnOnce() -> Option<InFlight>,
        reply: Reply<'_>,
    ) -> Option<Found>
    where
        F: IntoIterator<Item = (&'a str, &'a [u8])> + Clone,
    {
        let signature = self.signature.as_ref()?;
        let plain = Plain::of(asked.is_head, asked.fields.clone())?;
        let service = services.find(asked.host)?;
        let config = &service.config;
        if from.sender != Sender::Client || config.cache_status == Disclosure::Debug {
            return None;
        }
        let policy = policy(config, asked.target)?;
        let Reply {
            now,
            text,
            end_head,
        } = reply;
        let started = self.log.is_some().then(Instant::now);
        let sent = |name: &HeaderName| match config.request_fields.passes(&Method::GET, name) {
            true => sent(asked.fields.clone(), name),
            false => Sent::No,
        };
        let key = policy.key.text(from.scheme, asked.host, asked.target);
        let mut found = None;
        self.store.at_once(key.as_bytes(), &mut |hits| {
            let heads = hits.iter().map(|hit| hit.head());
            let serve = at_once(&plain, heads, sent, policy, self.in_touch.at(now));
            found = serve.and_then(|serve| {
                let hit = hits.iter().nth(serve.variant)?;
                let (head, length) = (hit.head(), hit.body_length());
                let length = head.render_lines(&serve, length, policy.show_tags, text)?;
                signature.write(config.cache_status, serve.ttl, text);
                let content = content(hit, &serve, end_head, text)?;
                Some((length, content, serve.status, serve.ttl))
            });
            found.is_some()
        });
        let (length, content, status, ttl) = found?;
        let observed = match (&content, started) {
            (Content::Body(_), _) => Some(Some(enter()?)),
            (_, Some(_)) => Some(None),
            _ => None,
        };
        let observed = observed.map(|in_flight| {
            let started = started.unwrap_or_else(Instant::now);
            let mut observation = self.observed(asked, &config.name, from, (now, started));
            observation.metrics = Some(Arc::clone(&service.metrics));
            observation.in_flight = in_flight;
            observation.handling = Handling::hit(ttl);
            observation.status = status.as_u16();
            observation.first_byte = started.elapsed();
            observation
        });
        let content = match (content, observed) {
            (Content::Body(body), Some(observation)) => {
                let mut body = body;
                body.observe(Box::new(observation));
                Content::Body(body)
            }
            (content, Some(mut observation)) => {
                observation.sent(content.length());
                observation.ended();
                content
            }
            (content, None) => {
                service.metrics.hits(1, content.length());
                content
            }
        };
        Some(Found {
            status,
            length,
            // A line of the log is about one of them.
            for_all: self.log.is_none() && matches!(content, Content::Empty | Content::Written(_)),
            content,
        })
    }

    /// Counts requests that had the answer that one like them was given at once, with so many bytes of content each.
    pub fn again<F>(
        &self,
        asked: &Asked<'_, F>,
        services: &Services,
        scheme: Scheme,
        (times, content): (u64, u64),
    ) {
        let Some(service) = services.find(asked.host) else {
            return;
        };
        service.metrics.hits(times, content);
        if let Some(policy) = policy(&service.config, asked.target) {
            let key = policy.key.text(scheme, asked.host, asked.target);
            let times = u32::try_from(times).unwrap_or(u32::MAX);
            self.store.again(key.as_bytes(), times);
        }
    }

    /// What the log wants to know of a request, if there is one.
    fn observed<F>(
        &self,
        asked: &Asked<'_, F>,
        service: &str,
        from: Origination,
        (at, started): (SystemTime, Instant),
    ) -> Observation {
        let entry = self.log.as_ref().map(|log| LogEntry {
            log: Arc::clone(log),
            tier: self.config.tier,
            client: from.client,
            service: Some(service.to_owned()),
            method: match asked.is_head {
                true => Method::HEAD,
                false => Method::GET,
            },
            url: CacheKey::new(from.scheme, asked.host, asked.target).shared(),
        });
        Observation::new(at, started, entry)
    }
}

impl Content {
    /// How many bytes there are, but for a body that is read.
    fn length(&self) -> u64 {
        match self {
            Content::Empty | Content::Body(_) => 0,
            Content::Written(length) => *length,
            Content::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// The policy of a request, where no field of it makes a difference.
fn policy<'s>(config: &'s ServiceConfig, target: &str) -> Option<&'s Policy> {
    if config.rules.is_empty() {
        return Some(&config.policy);
    }
    let path = target.split('?').next().unwrap_or_default();
    Some(config.policy(Rule::find_by_path(&config.rules, path)?))
}

/// How a request has a field.
fn sent<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>, name: &HeaderName) -> Sent<'a> {
    let mut lines = fields
        .into_iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name.as_str()));
    match (lines.next(), lines.next()) {
        (None, _) => Sent::No,
        (Some((_, line)), None) => Sent::Once(line),
        _ => Sent::Often,
    }
}

/// What of a body goes with an answer; `None` for what must be read from elsewhere, or is rare.
fn content(
    hit: Hit<'_>,
    serve: &Serve,
    end_head: Option<EndHead>,
    text: &mut Vec<u8>,
) -> Option<Content> {
    let range = match &serve.body {
        BodyPart::None => return Some(Content::Empty),
        BodyPart::Whole => 0..hit.body_length()?,
        BodyPart::Range(range) => range.clone(),
        BodyPart::Multipart(_) => return None,
    };
    if range.is_empty() {
        return Some(Content::Empty);
    }
    if let (Some(end_head), Some(bytes)) = (end_head, hit.in_place(range.clone())) {
        let length = bytes.len() as u64;
        end_head(length, text);
        text.extend_from_slice(bytes);
        return Some(Content::Written(length));
    }
    Some(match hit.at_hand(range.clone()) {
        Some(bytes) => Content::Bytes(bytes),
        None => Content::Body(Box::new(Body::stored(hit.body().read_range(range)))),
    })
}

#[cfg(test)]
mod tests;
