//! A decision in words, for who asks why. [`crate::decide`] decides; here it is only told.

use std::borrow::Borrow;

use http::{HeaderMap, StatusCode, header};

use crate::{
    BodyPart, Decision, Miss, Now, Policy, RequestHead, Serve, StoredHead, decide,
    directives::RequestDirectives, vary::Selecting,
};

/// What would become of a request, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What would be done.
    pub outcome: Outcome,
    /// Index of the stored response that would be used, validated or completed.
    pub variant: Option<usize>,
    /// The status of the answer, if it comes from here.
    pub status: Option<StatusCode>,
    /// Why, with the sections of the RFCs that decide it.
    pub because: String,
}

/// What would be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered out of the store.
    Hit,
    /// Answered out of the store, and validated in the background.
    StaleWhileRevalidate,
    /// The next tier is asked whether what is stored still holds.
    Revalidate,
    /// Fetched, and stored if it may be.
    Miss,
    /// Forwarded as it is.
    Pass,
    /// Answered with an error, asking nobody.
    Refuse,
    /// Answered by the node itself, before anything is decided: not by [`explain`].
    Here,
}

impl Outcome {
    /// The outcome in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Hit => "hit",
            Outcome::StaleWhileRevalidate => "stale-while-revalidate",
            Outcome::Revalidate => "revalidate",
            Outcome::Miss => "miss",
            Outcome::Pass => "pass",
            Outcome::Refuse => "refuse",
            Outcome::Here => "here",
        }
    }
}

/// Decides as [`decide`] does, and says why.
pub fn explain<S: Borrow<StoredHead>>(
    request: &RequestHead<'_>,
    stored: &[S],
    policy: &Policy,
    now: impl Into<Now>,
) -> Explanation {
    let now = now.into();
    let asked = Asked {
        request,
        directives: RequestDirectives::of(request.headers, policy.obey_request_directives),
        stored: stored.iter().map(Borrow::borrow).collect(),
        policy,
        now,
    };
    match decide(request, stored, policy, now) {
        Decision::Serve(serve) => Explanation {
            outcome: Outcome::Hit,
            because: asked.served(&serve),
            variant: Some(serve.variant),
            status: Some(serve.status),
        },
        Decision::ServeWhileRevalidating { serve, fields } => Explanation {
            outcome: Outcome::StaleWhileRevalidate,
            because: asked.served_meanwhile(&serve, &fields),
            variant: Some(serve.variant),
            status: Some(serve.status),
        },
        Decision::Fetch {
            variant,
            fields,
            why,
        } => {
            let validates = variant.is_some() && is_conditional(&fields);
            Explanation {
                outcome: if validates {
                    Outcome::Revalidate
                } else {
                    Outcome::Miss
                },
                because: asked.fetched(variant, &fields, why),
                variant,
                status: None,
            }
        }
        Decision::Pass { why } => Explanation {
            outcome: Outcome::Pass,
            because: asked.passed(why),
            variant: None,
            status: None,
        },
        Decision::Refuse(status) => Explanation {
            outcome: Outcome::Refuse,
            because: asked.refused(),
            variant: None,
            status: Some(status),
        },
    }
}

fn is_conditional(fields: &HeaderMap) -> bool {
    fields.contains_key(header::IF_NONE_MATCH) || fields.contains_key(header::IF_MODIFIED_SINCE)
}

/// What was decided about.
struct Asked<'a> {
    request: &'a RequestHead<'a>,
    /// Those that are obeyed.
    directives: RequestDirectives,
    stored: Vec<&'a StoredHead>,
    policy: &'a Policy,
    now: Now,
}

impl Asked<'_> {
    fn head(&self, variant: Option<usize>) -> Option<&StoredHead> {
        self.stored.get(variant?).copied()
    }

    fn served(&self, serve: &Serve) -> String {
        let freshness = self.freshness(Some(serve.variant));
        let stale = match () {
            () if serve.ttl > 0 => "",
            () if self.directives.max_stale.is_some() => {
                "; the request takes it stale (max-stale, RFC 9111 5.2.1.2)"
            }
            () => "; only-if-cached, so that nobody is asked (RFC 9111 5.2.1.7)",
        };
        freshness + stale + &self.told(serve)
    }

    fn served_meanwhile(&self, serve: &Serve, fields: &HeaderMap) -> String {
        let freshness = self.freshness(Some(serve.variant));
        let told = self.told(serve);
        let how = how(fields);
        format!(
            "{freshness}; served while it is validated in the background (RFC 5861 3){told}{how}"
        )
    }

    /// What the answer is, if not the whole of what is stored.
    fn told(&self, serve: &Serve) -> String {
        let headers = self.request.headers;
        match (serve.status, &serve.body) {
            (StatusCode::NOT_MODIFIED, _) if headers.contains_key(header::IF_NONE_MATCH) => {
                "; 304, for If-None-Match has its ETag (RFC 9110 13.1.2)".to_owned()
            }
            (StatusCode::NOT_MODIFIED, _) if headers.contains_key(header::IF_MODIFIED_SINCE) => {
                "; 304, for it has not changed If-Modified-Since (RFC 9110 13.1.3)".to_owned()
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                "; 416, for it has none of the bytes asked for (RFC 9110 15.5.17)".to_owned()
            }
            (StatusCode::PARTIAL_CONTENT, BodyPart::Range(range)) => {
                let last = range.end.saturating_sub(1);
                format!("; 206 with bytes {}-{last} (RFC 9110 14.2)", range.start)
            }
            (StatusCode::PARTIAL_CONTENT, BodyPart::Multipart(parts)) => {
                let count = parts.parts.len();
                format!("; 206 with {count} ranges (RFC 9110 15.3.7.2)")
            }
            (StatusCode::PARTIAL_CONTENT, BodyPart::Whole) => {
                "; 206 as the origin answered this Range before (RFC 9111 3.3)".to_owned()
            }
            _ => String::new(),
        }
    }

    fn fetched(&self, variant: Option<usize>, fields: &HeaderMap, why: Miss) -> String {
        let is_whole = why != Miss::Partial;
        let why = self.why(variant, why);
        match self.head(variant) {
            Some(_) if fields.is_empty() && is_whole => {
                format!("{why}; it has no validator, so it would be fetched anew")
            }
            _ => why + &how(fields),
        }
    }

    fn passed(&self, why: Miss) -> String {
        match why {
            Miss::Uri | Miss::Vary => {
                let method = self.request.method;
                let why = self.why(None, why);
                format!("{why}; the answer to {method} is not stored (RFC 9111 3)")
            }
            Miss::Request => "no-store in the request (RFC 9111 5.2.1.5)".to_owned(),
            _ => self.why(None, why),
        }
    }

    fn refused(&self) -> String {
        "only-if-cached, and nothing that is stored may be used (RFC 9111 5.2.1.7)".to_owned()
    }

    /// Why nothing that is stored is served at once.
    fn why(&self, variant: Option<usize>, why: Miss) -> String {
        match why {
            Miss::Method => {
                let method = self.request.method;
                format!("answers to {method} are not cached (RFC 9111 3)")
            }
            Miss::Bypass if self.request.has_content() => {
                "the request has content, which is not in the key (RFC 9110 9.3.1)".to_owned()
            }
            Miss::Bypass if self.policy.bypass => {
                "the policy has it pass by the store (bypass)".to_owned()
            }
            Miss::Bypass => {
                "it has cookies, which the policy keeps away from the store (cookies)".to_owned()
            }
            Miss::Uri => "nothing is stored under this key (RFC 9111 4)".to_owned(),
            Miss::Vary => self.none_selected(),
            Miss::Request => self.not_wanted(variant),
            Miss::Stale => self.freshness(variant),
            Miss::Partial => {
                "a part is stored, which lacks some of what is asked for (RFC 9111 3.3)".to_owned()
            }
        }
    }

    fn none_selected(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        let selecting = self.stored.iter().filter_map(|h| h.selecting.as_ref());
        for (name, _) in selecting.flat_map(Selecting::values) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let (count, names) = (self.stored.len(), names.join(", "));
        format!("of {count} stored, none is for this request's {names} (Vary, RFC 9111 4.1)")
    }

    fn not_wanted(&self, variant: Option<usize>) -> String {
        let directives = &self.directives;
        let freshness = self.freshness(variant);
        let asks =
            directives.no_cache || directives.max_age.is_some() || directives.min_fresh.is_some();
        if asks {
            format!("{freshness}; the request's Cache-Control wants it fresher (RFC 9111 5.2.1)")
        } else {
            format!(
                "{freshness}; If-Match or If-Unmodified-Since is for the origin (RFC 9111 4.3.2)"
            )
        }
    }

    /// Whether a stored response is fresh, and by what.
    fn freshness(&self, variant: Option<usize>) -> String {
        let Some(head) = self.head(variant) else {
            return String::new();
        };
        if head.always_validate {
            return "no-cache: validated at each use (RFC 9111 5.2.2.4)".to_owned();
        }
        if !self.now.trusts(head) {
            return "received before this node last knew of all purges: validated before it is used"
                .to_owned();
        }
        let now = self.now.time;
        let (ttl, age) = (head.ttl(now), head.age(now).as_secs());
        let by = head.lifetime_by.in_words(head.lifetime);
        match ttl {
            1.. => format!("fresh for {ttl} s more: {by}, age {age} (RFC 9111 4.2)"),
            _ => format!("stale since {} s: {by}, age {age} (RFC 9111 4.2)", -ttl),
        }
    }
}

/// What a fetch sends of its own.
fn how(fields: &HeaderMap) -> String {
    let names: Vec<_> = [
        (header::IF_NONE_MATCH, "If-None-Match"),
        (header::IF_MODIFIED_SINCE, "If-Modified-Since"),
    ]
    .into_iter()
    .filter(|(name, _)| fields.contains_key(name))
    .map(|(_, name)| name)
    .collect();
    match (names.is_empty(), fields.get(header::RANGE)) {
        (false, _) => format!(
            "; would be validated by {} (RFC 9111 4.3.1)",
            names.join(" and ")
        ),
        (true, Some(range)) => {
            let range = String::from_utf8_lossy(range.as_bytes());
            let section = match fields.contains_key(header::IF_RANGE) {
                true => "RFC 9111 3.4",
                false => "RFC 9110 14.2",
            };
            format!("; would be asked for {range} ({section})")
        }
        (true, None) => String::new(),
    }
}

#[cfg(test)]
mod tests;
