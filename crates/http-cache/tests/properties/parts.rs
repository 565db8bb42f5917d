//! Parts, stored and combined: whatever is asked for, in whatever order, and whatever the origin
//! does meanwhile, each answer has the bytes of one version, each at its position.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use perigee_http_cache::{
    BodyPart, Decision, Order, Policy, RangeMiss, Receipt, RequestHead, ResponseHead, Serve,
    StoredHead, Times, answer, decide, receive,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::common::{BASE, at};

/// The byte at a position of a version.
fn byte(version: u8, position: u64) -> u8 {
    version.wrapping_mul(31).wrapping_add(position as u8)
}

/// How the origin behaves for a while.
#[derive(Clone, Copy, Debug)]
struct Manners {
    version: u8,
    length: u64,
    validators: Validators,
    /// Ignores Range.
    whole: bool,
    /// Ignores If-Range and If-None-Match.
    careless: bool,
    /// Sends another range than the one asked for.
    shifted: bool,
    /// Sends so many bytes less than Content-Range says.
    short: u64,
    fresh: bool,
    says_length: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Validators {
    Strong,
    Weak,
    Date,
    None,
}

#[derive(Clone, Debug)]
enum Step {
    Origin(Manners),
    Ask {
        range: Option<String>,
        if_range: Option<u8>,
    },
    Purge,
}

struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Manners {
    fn tag(self) -> Option<String> {
        match self.validators {
            Validators::Strong => Some(format!("\"v{}\"", self.version)),
            Validators::Weak => Some("W/\"weak\"".to_owned()),
            Validators::Date | Validators::None => None,
        }
    }

    fn date(self) -> Option<String> {
        // One date per version, a while ago.
        let date = at(BASE - 1000 + u64::from(self.version));
        (self.validators == Validators::Date).then(|| httpdate::fmt_http_date(date))
    }

    fn answer(self, fields: &HeaderMap) -> Response {
        let has = |name, value: &Option<String>| {
            let sent: Option<&HeaderValue> = fields.get(name);
            sent.is_some() && sent.and_then(|v| v.to_str().ok()) == value.as_deref()
        };
        let holds = has(header::IF_NONE_MATCH, &self.tag())
            || (!fields.contains_key(header::IF_NONE_MATCH)
                && has(header::IF_MODIFIED_SINCE, &self.date()));
        let mut headers = HeaderMap::new();
        let cache_control = if self.fresh {
            "max-age=1000"
        } else {
            "max-age=0"
        };
        let mut put = |name, value: String| headers.insert(name, value.try_into().unwrap());
        put(header::CACHE_CONTROL, cache_control.to_owned());
        put(header::DATE, httpdate::fmt_http_date(at(BASE)));
        if let Some(tag) = self.tag() {
            put(header::ETAG, tag);
        }
        if let Some(date) = self.date() {
            put(header::LAST_MODIFIED, date);
        }
        if holds && !self.careless {
            return Response {
                status: StatusCode::NOT_MODIFIED,
                headers,
                body: vec![],
            };
        }
        let is_strong = matches!(self.validators, Validators::Strong | Validators::Date);
        let may_be_part = self.careless
            || !fields.contains_key(header::IF_RANGE)
            || is_strong
                && (has(header::IF_RANGE, &self.tag()) || has(header::IF_RANGE, &self.date()));
        let range = fields
            .get(header::RANGE)
            .filter(|_| may_be_part && !self.whole);
        let (status, bytes) = match range.map(|range| self.range(range.to_str().unwrap())) {
            None => (StatusCode::OK, 0..self.length),
            Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
            Some(Some(bytes)) => (StatusCode::PARTIAL_CONTENT, bytes),
        };
        let mut end = bytes.end;
        if status == StatusCode::PARTIAL_CONTENT {
            let complete = match self.says_length {
                true => self.length.to_string(),
                false => "*".to_owned(),
            };
            put(
                header::CONTENT_RANGE,
                format!("bytes {}-{}/{complete}", bytes.start, bytes.end - 1),
            );
            end = bytes.end.saturating_sub(self.short).max(bytes.start);
        }
        put(header::CONTENT_LENGTH, (end - bytes.start).to_string());
        let body = (bytes.start..end)
            .map(|at| byte(self.version, at))
            .collect();
        Response {
            status,
            headers,
            body,
        }
    }

    fn range(self, line: &str) -> Option<std::ops::Range<u64>> {
        let (first, last) = line.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.parse::<u64>().ok();
        let bytes = match (number(first), number(last)) {
            (Some(first), None) => first..self.length,
            (Some(first), Some(last)) => first..self.length.min(last + 1),
            (None, last) => self.length.saturating_sub(last?)..self.length,
        };
        let shift = u64::from(self.shifted && bytes.end < self.length);
        (!bytes.is_empty()).then_some(bytes.start + shift..bytes.end + shift)
    }
}

/// Bytes that are relayed must be those that the client asked for itself.
fn check_relayed(
    status: StatusCode,
    request: &HeaderMap,
    fields: &HeaderMap,
) -> Result<(), TestCaseError> {
    let same = |name: header::HeaderName| fields.get(&name) == request.get(&name);
    let is_whole = status == StatusCode::OK;
    let cares = request.contains_key(header::IF_RANGE);
    prop_assert!(is_whole || same(header::RANGE) && (!cares || same(header::IF_RANGE)));
    Ok(())
}

/// A cache of one key over this origin.
struct Cache {
    stored: Option<(StoredHead, Vec<u8>)>,
    origin: Manners,
    policy: Policy,
    now: SystemTime,
    seen: Seen,
}

impl Cache {
    fn ask(&mut self, request: &HeaderMap) -> Result<(), TestCaseError> {
        let head = RequestHead {
            method: &Method::GET,
            headers: request,
        };
        for _ in 0..4 {
            let heads: Vec<_> = self.stored.iter().map(|(head, _)| head.clone()).collect();
            let (variant, mut fields) = match decide(&head, &heads, &self.policy, self.now) {
                Decision::Serve(serve) | Decision::ServeWhileRevalidating { serve, .. } => {
                    self.seen.served += 1;
                    return self.check(request, &serve, self.stored.as_ref().unwrap());
                }
                Decision::Fetch {
                    variant, fields, ..
                } => (variant, fields),
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let mut old = variant.and_then(|_| self.stored.clone());
            let come = loop {
                let response = self.origin.answer(&fields);
                let arrived = ResponseHead {
                    status: response.status,
                    headers: &response.headers,
                };
                let times = Times {
                    requested: self.now,
                    received: self.now,
                };
                let stored = old.as_ref().map(|(head, _)| head);
                match receive(&head, stored, &fields, arrived, &self.policy, times) {
                    Receipt::Store(head) => {
                        self.seen.part_stored += usize::from(head.status == 206);
                        break Some((*head, response.body));
                    }
                    Receipt::Freshened(head) => {
                        self.seen.freshened += 1;
                        break old.map(|(_, body)| (*head, body));
                    }
                    Receipt::Combine { head, order } => {
                        let stored = old.map(|(_, body)| body).unwrap_or_default();
                        let body = match order {
                            Order::StoredFirst => [stored, response.body].concat(),
                            Order::NewFirst => [response.body, stored].concat(),
                        };
                        self.seen.combined += 1;
                        break Some((*head, body));
                    }
                    Receipt::FetchAgain => {
                        self.seen.again += 1;
                        prop_assert!(!fields.is_empty());
                        (old, fields) = (None, HeaderMap::new());
                    }
                    Receipt::Relay(_) => {
                        return check_relayed(response.status, request, &fields);
                    }
                    Receipt::ServeStale => break self.stored.clone(),
                }
            };
            let come = come.unwrap();
            prop_assert_eq!(come.0.body_length(), Some(come.1.len() as u64));
            let yields = matches!(&self.stored, Some((old, _)) if come.0.yields_to(old));
            if !yields {
                self.stored = Some(come.clone());
            }
            if let Some(serve) = answer(&head, 0, &come.0, &self.policy, self.now) {
                return self.check(request, &serve, &come);
            }
        }
        // It ends with a fetch for itself alone. Only a strange origin comes to that.
        let Manners {
            shifted,
            short,
            careless,
            ..
        } = self.origin;
        prop_assert!(shifted || careless || short > 0);
        Ok(())
    }

    /// The bytes of an answer out of the store are those of one version, at their positions.
    fn check(
        &self,
        request: &HeaderMap,
        serve: &Serve,
        (head, body): &(StoredHead, Vec<u8>),
    ) -> Result<(), TestCaseError> {
        let (status, headers) = head.render(serve, Some(body.len() as u64));
        let text = |name| {
            headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let start = head.body_start();
        let slice = |range: &std::ops::Range<u64>| {
            let at = |position: u64| position.checked_sub(start).unwrap() as usize;
            body[at(range.start)..at(range.end)].to_vec()
        };
        let (first, sent) = match &serve.body {
            BodyPart::None => return Ok(()),
            BodyPart::Whole => (start, body.clone()),
            BodyPart::Range(range) => (range.start, slice(range)),
            BodyPart::Multipart(parts) => {
                for (_, range) in &parts.parts {
                    self.one_version(range.start, &slice(range))?;
                }
                return Ok(());
            }
        };
        self.one_version(first, &sent)?;
        prop_assert_eq!(
            text(header::CONTENT_LENGTH).unwrap(),
            sent.len().to_string()
        );
        if status == StatusCode::PARTIAL_CONTENT {
            let said = text(header::CONTENT_RANGE).unwrap();
            prop_assert!(said.starts_with(&format!("bytes {first}-")), "{}", said);
            // A client that has a part of another version gets no more of this one.
            if let Some(validator) = request.get(header::IF_RANGE) {
                let own =
                    [header::ETAG, header::LAST_MODIFIED].map(|name| headers.get(name).cloned());
                prop_assert!(own.contains(&Some(validator.clone())));
            }
        } else {
            prop_assert_eq!(status, StatusCode::OK);
            prop_assert_eq!((first, sent.len() as u64), (0, head.length.unwrap()));
        }
        Ok(())
    }

    fn one_version(&self, first: u64, sent: &[u8]) -> Result<(), TestCaseError> {
        let is_of = |version| {
            let expected = (first..).map(|at| byte(version, at));
            expected.zip(sent).all(|(expected, byte)| expected == *byte)
        };
        prop_assert!((0..4).any(is_of), "{} {:?}", first, sent);
        Ok(())
    }
}

fn manners() -> impl Strategy<Value = Manners> {
    let validators = prop_oneof![
        4 => Just(Validators::Strong),
        1 => Just(Validators::Weak),
        2 => Just(Validators::Date),
        1 => Just(Validators::None),
    ];
    let seldom = || prop::bool::weighted(0.1);
    let often = || prop::bool::weighted(0.9);
    (
        (0..4_u8, validators, seldom(), seldom(), seldom()),
        (
            prop_oneof![9 => Just(0_u64), 1 => 1..3_u64],
            prop::bool::weighted(0.7),
            often(),
        ),
    )
        .prop_map(
            |((version, validators, whole, careless, shifted), (short, fresh, says_length))| {
                Manners {
                    version,
                    length: 20 + u64::from(version) % 2,
                    validators,
                    whole,
                    careless,
                    shifted,
                    short,
                    fresh,
                    says_length,
                }
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    let range = prop_oneof![
        4 => (0..22_u64, 0..8_u64).prop_map(|(first, more)| format!("bytes={first}-{}", first + more)),
        2 => (0..22_u64).prop_map(|first| format!("bytes={first}-")),
        1 => (0..9_u64).prop_map(|last| format!("bytes=-{last}")),
        1 => select(vec!["bytes=0-1,4-5", "bytes=19-,0-0", "bytes=3-2"]).prop_map(str::to_owned),
    ];
    let if_range = prop_oneof![4 => Just(None), 1 => (0..4_u8).prop_map(Some)];
    prop_oneof![
        8 => (prop::option::weighted(0.8, range), if_range)
            .prop_map(|(range, if_range)| Step::Ask { range, if_range }),
        2 => manners().prop_map(Step::Origin),
        1 => Just(Step::Purge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_answer_has_the_bytes_of_one_version_at_their_positions(
        first in manners(),
        steps in vec(step(), 1..16),
        all_at_once: bool,
    ) {
        play(first, steps, all_at_once)?;
    }
}

/// How often each thing happened in a game.
#[derive(Debug, Default)]
struct Seen {
    served: usize,
    part_stored: usize,
    combined: usize,
    freshened: usize,
    again: usize,
}

fn play(first: Manners, steps: Vec<Step>, all_at_once: bool) -> Result<Seen, TestCaseError> {
    let range_miss = if all_at_once {
        RangeMiss::Whole
    } else {
        RangeMiss::Part
    };
    let policy = Policy {
        range_miss,
        ..Policy::default()
    };
    let mut cache = Cache {
        stored: None,
        origin: first,
        policy,
        now: at(BASE),
        seen: Seen::default(),
    };
    for step in steps {
        cache.now += std::time::Duration::from_secs(1);
        match step {
            Step::Origin(manners) => cache.origin = manners,
            Step::Purge => cache.stored = None,
            Step::Ask { range, if_range } => {
                let mut request = HeaderMap::new();
                if let Some(range) = range {
                    request.insert(header::RANGE, range.try_into().unwrap());
                }
                if let Some(version) = if_range {
                    request.insert(
                        header::IF_RANGE,
                        format!("\"v{version}\"").try_into().unwrap(),
                    );
                }
                cache.ask(&request)?;
            }
        }
    }
    Ok(cache.seen)
}

#[test]
fn generated_games_reach_all_that_is_about_parts() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut all = Seen::default();
    for _ in 0..1000 {
        let games = (manners(), vec(step(), 1..16));
        let (first, steps) = games.new_tree(&mut runner).unwrap().current();
        let seen = play(first, steps, false).unwrap();
        all.served += seen.served;
        all.part_stored += seen.part_stored;
        all.combined += seen.combined;
        all.freshened += seen.freshened;
        all.again += seen.again;
    }
    let Seen {
        served,
        part_stored,
        combined,
        freshened,
        again,
    } = all;
    for count in [served, part_stored, combined, freshened, again] {
        assert!(count > 10, "{all:?}");
    }
}
