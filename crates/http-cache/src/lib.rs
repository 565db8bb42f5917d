//! HTTP caching (RFC 9111 and friends) as pure functions: no IO, no clock, no runtime.
//!
//! A cache decides at three moments, so there are three total functions:
//! [`decide`] before anything is fetched, [`receive`] when an answer comes, and
//! [`recover`] when none does. They take time as an argument and never panic.
//! [`answer`] and [`StoredHead::render`] then say what a client is told.
//!
//! One file per concern of the RFCs:
//!
//! | file | concern |
//! |---|---|
//! | `directives` | Cache-Control, RFC 9111 5.2 |
//! | `targeted` | CDN-Cache-Control and its kin, RFC 9213 |
//! | `storing` | what may be stored, RFC 9111 3 |
//! | `field_text`, `section` | the fields of usual responses as text, and of stored heads |
//! | `fields` | which fields are stored and forwarded, RFC 9111 3.1, RFC 9110 7.6.1 |
//! | `freshen` | updating by a 304, RFC 9111 3.2 and 4.3.4 |
//! | `key`, `key_policy` | what a response is stored under, RFC 9111 2 |
//! | `search` | queries that make no difference, No-Vary-Search |
//! | `vary` | which stored response a request selects, RFC 9111 4.1 |
//! | `freshness` | lifetime and age, RFC 9111 4.2 |
//! | `policy`, `rules` | what an operator decides beyond the RFCs |
//! | `now` | since when what is stored may be trusted |
//! | `reuse` | when a stored response may be used, RFC 9111 4 and 4.2.4, RFC 5861 |
//! | `invalidation` | RFC 9111 4.4, RFC 9875 3 |
//! | `labels` | cache groups and tags, RFC 9875 2 |
//! | `posted` | the answer to a POST, for later GETs, RFC 9110 9.3.3 |
//! | `conditional` | preconditions, RFC 9110 13 |
//! | `range`, `multipart` | one and several ranges, RFC 9110 14 and 15.3.7 |
//! | `part`, `held`, `missing`, `rest` | incomplete responses, RFC 9111 3.3 and 3.4 |
//! | `at_once`, `lines` | answers of the usual kind, without a map of fields |
//! | `asking` | what a fetch asks for, RFC 9111 3.4 and 4.3.1 |
//! | `explain` | a decision in words |
//! | `facts` | what is known of a stored response, for people who ask |
//! | `record` | a stored head as bytes, for a disk |
//! | `packed` | a stored head in one piece of memory |
//! | `present` | which fields a message has |
//! | `etag`, `dates`, `lists`, `reference` | the grammar that they share |

mod answer;
mod asking;
mod at_once;
mod by_hash;
mod conditional;
mod dates;
mod decide;
mod directives;
mod etag;
mod explain;
mod facts;
mod field_text;
mod fields;
mod freshen;
mod freshness;
mod glob;
mod held;
mod invalidation;
mod key;
mod key_policy;
mod labels;
mod lines;
mod lists;
mod missing;
mod multipart;
mod noted;
mod now;
mod packed;
mod part;
mod policy;
mod policy_values;
mod posted;
mod present;
mod range;
mod receive;
mod record;
mod recover;
mod reference;
mod render;
mod rest;
mod reuse;
mod rules;
mod search;
mod section;
mod stored;
mod storing;
mod targeted;
mod vary;

pub use answer::{answer, answer_of_whole};
pub use at_once::{Plain, Sent, at_once};
pub use by_hash::{ByHash, IdentityHasher};
pub use decide::{BodyPart, Decision, Miss, Serve, decide};
pub use explain::{Explanation, Outcome, explain};
pub use facts::Facts;
pub use field_text::{Ends, FieldText};
pub use fields::{end_to_end, remove_hop_by_hop, withheld};
pub use glob::Glob;
pub use held::Held;
pub use invalidation::{Invalidation, invalidates, invalidation};
pub use key::{CacheKey, KeyText, Scheme};
pub use key_policy::{KeyParts, KeyPolicy, QueryRule};
pub use labels::TAG_FIELDS;
pub use lines::{decimal, write_line};
pub use missing::Missing;
pub use multipart::Multipart;
pub use now::Now;
pub use packed::PackedHead;
pub use policy::{Cookies, Policy, RangeMiss};
pub use posted::posted;
pub use present::has_field;
pub use range::first_byte;
pub use receive::{
    Came, NotStored, Receipt, ResponseHead, Times, receive, receive_lines, receive_whole,
};
pub use record::{Coded, Input, NoHead};
pub use recover::{Failure, Recovery, recover};
pub use reference::TargetUri;
pub use rules::{Rule, When};
pub use search::SearchVariance;
pub use section::Section;
pub use stored::StoredHead;
pub use targeted::is_targeted;

use http::{HeaderMap, Method, header};

/// What a decision needs to know of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The request method.
    pub method: &'a Method,
    /// The request fields, as the client sent them, less those that tiers use among themselves.
    pub headers: &'a HeaderMap,
}

impl RequestHead<'_> {
    /// Whether content comes with the request (RFC 9112 section 6). A length that cannot be read
    /// counts as content.
    fn has_content(&self) -> bool {
        self.headers.contains_key(header::TRANSFER_ENCODING)
            || self
                .headers
                .get_all(header::CONTENT_LENGTH)
                .iter()
                .any(|v| v.as_bytes().is_empty() || v.as_bytes().iter().any(|b| *b != b'0'))
    }
}
