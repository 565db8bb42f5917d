//! Freshness (RFC 9111 section 4.2): how long a response is fresh, and how old it is already.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use crate::{
    Policy, Times,
    dates::DateField,
    directives::{ResponseDirectives, delta_seconds},
    noted::Noted,
    record::{Coded, Input},
};

/// How long a response is fresh, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// In whole seconds.
    pub(crate) lifetime: Duration,
    /// Whether the response itself states one, and not zero.
    pub(crate) explicit: bool,
    /// What it comes from.
    pub(crate) basis: Basis,
}

/// What a freshness lifetime comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    pub(crate) source: Source,
    /// Whether the policy's `max_ttl` made it shorter.
    pub(crate) capped: bool,
    /// Whether a targeted field takes the place of Cache-Control (RFC 9213).
    pub(crate) targeted: bool,
}

/// Who says how long a response is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Cache-Control: s-maxage (section 5.2.2.10).
    SMaxage,
    /// Cache-Control: max-age (section 5.2.2.1).
    MaxAge,
    /// Expires (section 5.3).
    Expires,
    /// The time since Last-Modified (section 4.2.2).
    Heuristic,
    /// The policy, for what allows a heuristic and says nothing to reckon one by.
    DefaultTtl,
    /// The policy, for errors that state nothing.
    NegativeTtl,
    /// The policy, whatever the response states.
    Rule,
    /// Nothing says it, and nothing may be guessed.
    Nothing,
}

impl Basis {
    /// The basis of this lifetime, for people.
    pub(crate) fn in_words(self, lifetime: Duration) -> String {
        let seconds = lifetime.as_secs();
        let control = match self.targeted {
            true => "targeted, RFC 9213",
            false => "Cache-Control",
        };
        let (name, field) = match self.source {
            Source::SMaxage => ("s-maxage", control),
            Source::MaxAge => ("max-age", control),
            Source::Expires => ("Expires", ""),
            Source::Heuristic => ("heuristic", "Last-Modified, RFC 9111 4.2.2"),
            Source::DefaultTtl => ("default_ttl", "policy"),
            Source::NegativeTtl => ("negative_ttl", "policy"),
            Source::Rule => ("ttl", "policy"),
            Source::Nothing => return "no freshness stated".to_owned(),
        };
        let value = match self {
            Basis { capped: true, .. } => format!(", cut by max_ttl to {seconds} s"),
            Basis {
                source: Source::SMaxage | Source::MaxAge,
                ..
            } => format!("={seconds}"),
            _ => format!(" {seconds} s"),
        };
        match field {
            "" => format!("{name}{value}"),
            _ => format!("{name}{value} ({field})"),
        }
    }
}

/// Each source has the number of its place here, so new ones go to the end.
const SOURCES: [Source; 8] = [
    Source::SMaxage,
    Source::MaxAge,
    Source::Expires,
    Source::Heuristic,
    Source::DefaultTtl,
    Source::NegativeTtl,
    Source::Rule,
    Source::Nothing,
];

impl Coded for Basis {
    fn encode(&self, out: &mut Vec<u8>) {
        let number = SOURCES.iter().position(|source| *source == self.source);
        number.unwrap_or(SOURCES.len()).encode(out);
        self.capped.encode(out);
        self.targeted.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Basis {
            source: *SOURCES.get(usize::decode(input)?)?,
            capped: bool::decode(input)?,
            targeted: bool::decode(input)?,
        })
    }
}

/// The freshness lifetime (section 4.2.1). `date` is when the response was generated;
/// `personal` that cookies came with it or with its request: then nothing is guessed.
pub(crate) fn freshness(
    status: StatusCode,
    noted: &Noted<'_>,
    directives: &ResponseDirectives,
    date: SystemTime,
    personal: bool,
    policy: &Policy,
) -> Freshness {
    let stated = stated(noted, directives, date);
    let may_guess = !personal && (is_heuristically_cacheable(status) || directives.public);
    let (lifetime, source) = if let Some(ttl) = policy.ttl_of(status) {
        (ttl, Source::Rule)
    } else if let Some(stated) = stated {
        stated
    } else if let Some(ttl) = policy.negative_ttl_of(status).filter(|_| !personal) {
        (ttl, Source::NegativeTtl)
    } else if may_guess {
        // Section 4.2.2: of statuses that allow it, or if the response is marked public.
        match heuristic(noted, date, policy) {
            Some(share) => (share, Source::Heuristic),
            None => (policy.default_ttl, Source::DefaultTtl),
        }
    } else {
        (Duration::ZERO, Source::Nothing)
    };
    Freshness {
        lifetime: Duration::from_secs(lifetime.min(policy.max_ttl).as_secs()),
        explicit: stated.is_some_and(|(lifetime, _)| !lifetime.is_zero()),
        basis: Basis {
            source,
            capped: lifetime > policy.max_ttl,
            targeted: directives.targeted,
        },
    }
}

/// Section 4.2.1, in its order of precedence for a shared cache.
fn stated(
    noted: &Noted<'_>,
    directives: &ResponseDirectives,
    date: SystemTime,
) -> Option<(Duration, Source)> {
    let directive = |seconds: Option<u64>, source| Some((Duration::from_secs(seconds?), source));
    let expires = || match DateField::noted(noted, (&header::EXPIRES, noted.expires), date) {
        DateField::At(expires) => Some(expires.duration_since(date).unwrap_or_default()),
        // Section 5.3: what is not a date, "0" above all, is in the past.
        DateField::Invalid => Some(Duration::ZERO),
        DateField::Absent => None,
    };
    // RFC 9213 section 2.2: a targeted field takes the place of Expires, too.
    let expires = || expires().filter(|_| !directives.targeted);
    directive(directives.s_maxage, Source::SMaxage)
        .or_else(|| directive(directives.max_age, Source::MaxAge))
        .or_else(|| Some((expires()?, Source::Expires)))
}

/// A share of the time since the last modification (section 4.2.2); none if the share is zero.
fn heuristic(noted: &Noted<'_>, date: SystemTime, policy: &Policy) -> Option<Duration> {
    if policy.heuristic_fraction == 0.0 {
        return None;
    }
    let line = (&header::LAST_MODIFIED, noted.last_modified);
    let modified = DateField::noted(noted, line, date).valid()?;
    let since = date.duration_since(modified).unwrap_or_default();
    let share = since.as_secs_f64() * policy.heuristic_fraction;
    // The conversion saturates, and makes zero of a fraction that is negative or no number.
    Some(Duration::from_secs(share as u64).min(policy.heuristic_max))
}

/// RFC 9110 section 15.1, without 206, which is not stored.
pub(crate) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// The age of a response when it was received: `corrected_initial_age` of section 4.2.3.
/// `stated` is what [`stated_age`] says.
pub(crate) fn initial_age(stated: Duration, date: SystemTime, times: Times) -> Duration {
    // A Date has whole seconds, and so has the apparent age.
    let since_date = times.received.duration_since(date).unwrap_or_default();
    let apparent_age = Duration::from_secs(since_date.as_secs());
    let response_delay = times
        .received
        .duration_since(times.requested)
        .unwrap_or_default();
    let corrected_age_value = stated.saturating_add(response_delay);
    apparent_age.max(corrected_age_value)
}

/// The current age (section 4.2.3) of what had this age when it was received.
pub(crate) fn age(initial_age: Duration, received: SystemTime, now: SystemTime) -> Duration {
    // A clock that was set back makes nothing younger than when it came.
    let resident_time = now.duration_since(received).unwrap_or_default();
    initial_age.saturating_add(resident_time)
}

/// Seconds of freshness left at this age; zero or less once stale.
pub(crate) fn ttl(lifetime: Duration, age: Duration) -> i64 {
    let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
    seconds(lifetime).saturating_sub(seconds(age))
}

/// The value of Age (section 5.1): the first of a list, if it is one that can be read.
pub(crate) fn stated_age(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get(header::AGE)
        .and_then(|line| line.as_bytes().split(|b| *b == b',').next())
        .and_then(|first| delta_seconds(first.trim_ascii()));
    Duration::from_secs(seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderValue;

    use super::*;
    use crate::{dates, targeted::CDN_CACHE_CONTROL};

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000_000)
    }

    fn before(seconds: u64) -> HeaderValue {
        dates::format(now() - Duration::from_secs(seconds)).unwrap()
    }

    fn after(seconds: u64) -> HeaderValue {
        dates::format(now() + Duration::from_secs(seconds)).unwrap()
    }

    fn cache_control(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(value))])
    }

    fn of(status: u16, headers: &HeaderMap, personal: bool, policy: &Policy) -> (u64, bool) {
        let status = StatusCode::from_u16(status).unwrap();
        let noted = Noted::of(headers);
        let directives = ResponseDirectives::of(&noted, &Policy::default().targets);
        let f = freshness(status, &noted, &directives, now(), personal, policy);
        (f.lifetime.as_secs(), f.explicit)
    }

    #[test]
    fn it_is_known_what_a_lifetime_comes_from() {
        let source = |headers: &HeaderMap, policy: &Policy| {
            let noted = Noted::of(headers);
            let directives = ResponseDirectives::of(&noted, &Policy::default().targets);
            freshness(StatusCode::OK, &noted, &directives, now(), false, policy)
                .basis
                .source
        };
        let stated = |line| source(&cache_control(line), &Policy::default());
        assert_eq!(stated("max-age=1, s-maxage=2"), Source::SMaxage);
        assert_eq!(stated("max-age=1"), Source::MaxAge);
        let expires = HeaderMap::from_iter([(header::EXPIRES, after(9))]);
        assert_eq!(source(&expires, &Policy::default()), Source::Expires);
        let modified = HeaderMap::from_iter([(header::LAST_MODIFIED, before(900))]);
        assert_eq!(source(&modified, &Policy::default()), Source::Heuristic);
        assert_eq!(source(&modified, &Policy::for_files()), Source::DefaultTtl);
    }

    #[test]
    fn what_a_lifetime_comes_from_is_told() {
        let words = |source, capped| {
            let basis = Basis {
                source,
                capped,
                targeted: false,
            };
            basis.in_words(Duration::from_secs(60))
        };
        assert_eq!(words(Source::MaxAge, false), "max-age=60 (Cache-Control)");
        assert_eq!(
            words(Source::SMaxage, true),
            "s-maxage, cut by max_ttl to 60 s (Cache-Control)"
        );
        assert_eq!(words(Source::Expires, false), "Expires 60 s");
        assert_eq!(
            words(Source::DefaultTtl, false),
            "default_ttl 60 s (policy)"
        );
        assert_eq!(words(Source::Nothing, false), "no freshness stated");
        let targeted = Basis {
            source: Source::MaxAge,
            capped: false,
            targeted: true,
        };
        assert_eq!(
            targeted.in_words(Duration::from_secs(60)),
            "max-age=60 (targeted, RFC 9213)"
        );
    }

    #[test]
    fn s_maxage_goes_before_max_age_before_expires() {
        let policy = Policy::default();
        let mut headers = cache_control("max-age=5, s-maxage=7");
        headers.insert(header::EXPIRES, after(9));
        assert_eq!(of(200, &headers, false, &policy), (7, true));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=5"));
        assert_eq!(of(200, &headers, false, &policy), (5, true));
        headers.remove(header::CACHE_CONTROL);
        assert_eq!(of(200, &headers, false, &policy), (9, true));
        assert_eq!(of(500, &headers, false, &policy), (9, true));
    }

    /// RFC 9213 section 2.2.
    #[test]
    fn a_targeted_field_takes_the_place_of_expires() {
        let policy = Policy::default();
        let targeted = |value: &'static str| {
            HeaderMap::from_iter([
                (CDN_CACHE_CONTROL, HeaderValue::from_static(value)),
                (header::CACHE_CONTROL, HeaderValue::from_static("max-age=5")),
                (header::EXPIRES, after(9)),
            ])
        };
        assert_eq!(of(200, &targeted("max-age=7"), false, &policy), (7, true));
        assert_eq!(of(200, &targeted("max-age=0"), false, &policy), (0, false));
        assert_eq!(of(200, &targeted("extension"), false, &policy), (0, false));
        assert_eq!(of(200, &targeted("&&&"), false, &policy), (5, true));
    }

    #[test]
    fn an_expires_that_is_past_or_no_date_is_zero() {
        let mut headers = HeaderMap::new();
        for value in [before(1), HeaderValue::from_static("0")] {
            headers.insert(header::EXPIRES, value);
            assert_eq!(of(200, &headers, false, &Policy::default()), (0, false));
        }
    }

    #[test]
    fn the_heuristic_is_a_bounded_share_for_statuses_that_allow_it() {
        let policy = Policy::default();
        let mut headers = HeaderMap::from_iter([(header::LAST_MODIFIED, before(1000))]);
        assert_eq!(of(200, &headers, false, &policy), (100, false));
        assert_eq!(of(404, &headers, false, &policy), (100, false));
        assert_eq!(of(500, &headers, false, &policy), (0, false));
        assert_eq!(of(200, &headers, true, &policy), (0, false));
        headers.insert(header::LAST_MODIFIED, before(900_000_000));
        assert_eq!(of(200, &headers, false, &policy), (86_400, false));
        headers.insert(header::LAST_MODIFIED, after(1000));
        assert_eq!(of(200, &headers, false, &policy), (0, false));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        headers.insert(header::LAST_MODIFIED, before(1000));
        assert_eq!(of(599, &headers, false, &policy), (100, false));
    }

    #[test]
    fn an_odd_fraction_gives_no_freshness() {
        let headers = HeaderMap::from_iter([(header::LAST_MODIFIED, before(1000))]);
        for heuristic_fraction in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            let policy = Policy {
                heuristic_fraction,
                ..Policy::default()
            };
            assert_eq!(of(200, &headers, false, &policy).0, 0);
        }
    }

    #[test]
    fn the_default_is_for_what_says_nothing_and_may_be_guessed() {
        let policy = Policy {
            default_ttl: Duration::from_secs(30),
            ..Policy::default()
        };
        assert_eq!(of(200, &HeaderMap::new(), false, &policy), (30, false));
        assert_eq!(of(200, &HeaderMap::new(), true, &policy), (0, false));
        assert_eq!(of(500, &HeaderMap::new(), false, &policy), (0, false));
        assert_eq!(
            of(200, &cache_control("max-age=5"), false, &policy),
            (5, true)
        );
    }

    #[test]
    fn an_operators_ttl_goes_before_all_that_is_stated_for_its_statuses() {
        let policy = Policy {
            ttl: Some(Duration::from_secs(60)),
            ..Policy::default()
        };
        for line in ["max-age=0", "max-age=99", "s-maxage=1", "must-revalidate"] {
            let (lifetime, _) = of(200, &cache_control(line), false, &policy);
            assert_eq!(lifetime, 60, "{line}");
        }
        assert_eq!(of(206, &HeaderMap::new(), false, &policy).0, 60);
        assert_eq!(of(302, &HeaderMap::new(), false, &policy).0, 0);
        assert_eq!(of(503, &cache_control("max-age=5"), false, &policy).0, 5);
        // It is not the origin that says so: it makes nothing shareable.
        assert_eq!(of(200, &HeaderMap::new(), true, &policy), (60, false));
        assert_eq!(
            of(200, &cache_control("max-age=0"), true, &policy),
            (60, false)
        );
        assert_eq!(
            of(200, &cache_control("max-age=5"), true, &policy),
            (60, true)
        );
    }

    #[test]
    fn errors_that_state_nothing_are_fresh_for_the_negative_ttl() {
        let policy = Policy {
            negative_ttl: Duration::from_secs(30),
            default_ttl: Duration::from_secs(60),
            ..Policy::default()
        };
        for status in [404, 405, 410, 414, 501] {
            assert_eq!(of(status, &HeaderMap::new(), false, &policy), (30, false));
            let stated = of(status, &cache_control("max-age=5"), false, &policy);
            assert_eq!(stated, (5, true), "{status}");
            // What came with cookies is for who sent them.
            assert_eq!(of(status, &HeaderMap::new(), true, &policy), (0, false));
        }
        let modified = HeaderMap::from_iter([(header::LAST_MODIFIED, before(1000))]);
        assert_eq!(of(404, &modified, false, &policy).0, 30);
        assert_eq!(of(404, &modified, false, &Policy::default()).0, 100);
        assert_eq!(of(200, &HeaderMap::new(), false, &policy).0, 60);
        assert_eq!(of(503, &HeaderMap::new(), false, &policy).0, 0);
        let also_503 = Policy {
            negative_statuses: vec![503],
            ..policy
        };
        assert_eq!(of(503, &HeaderMap::new(), false, &also_503).0, 30);
        assert_eq!(of(404, &HeaderMap::new(), false, &also_503).0, 60);
    }

    #[test]
    fn files_are_not_guessed_about() {
        let headers = HeaderMap::from_iter([(header::LAST_MODIFIED, before(900_000_000))]);
        assert_eq!(of(200, &headers, false, &Policy::for_files()), (10, false));
    }

    #[test]
    fn the_policy_bounds_every_lifetime() {
        let policy = Policy {
            max_ttl: Duration::from_secs(60),
            ..Policy::default()
        };
        assert_eq!(
            of(200, &cache_control("s-maxage=61"), false, &policy),
            (60, true)
        );
    }

    fn age(headers: &[(&'static str, &'static str)], date_ago: u64, delay: u64) -> u64 {
        let headers = headers
            .iter()
            .map(|(n, v)| {
                (
                    http::HeaderName::from_static(n),
                    HeaderValue::from_static(v),
                )
            })
            .collect();
        let times = Times {
            requested: now() - Duration::from_secs(delay),
            received: now(),
        };
        let date = now() - Duration::from_secs(date_ago);
        initial_age(stated_age(&headers), date, times).as_secs()
    }

    #[test]
    fn the_age_is_the_greater_of_apparent_and_corrected() {
        assert_eq!(age(&[], 0, 0), 0);
        assert_eq!(age(&[], 50, 0), 50);
        assert_eq!(age(&[("age", "30")], 50, 0), 50);
        assert_eq!(age(&[("age", "30")], 0, 5), 35);
    }

    #[test]
    fn the_first_age_that_can_be_read_counts() {
        for (value, seconds) in [
            ("7200, 0", 7200),
            ("0, 7200", 0),
            ("2147483649", 1 << 31),
            ("abc", 0),
            ("-7200", 0),
            ("7200.0", 0),
            ("", 0),
        ] {
            assert_eq!(age(&[("age", value)], 0, 0), seconds, "{value}");
        }
        assert_eq!(age(&[("age", "7"), ("age", "9")], 0, 0), 7);
    }
}
