//! Parts, stored and completed: whatever is asked for, in whatever order, and whatever the origin
//! does meanwhile, each answer has the bytes of one version, each at its position; what is held is
//! not fetched again, and what changes while an answer is sent ends it.

mod origin;

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use perigee_http_cache::{
    BodyPart, Decision, Held, Miss, Policy, RangeMiss, Receipt, RequestHead, ResponseHead, Serve,
    StoredHead, Times, answer, answer_of_whole, decide, receive,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::common::{BASE, at};
use origin::{Manners, Validators, byte, manners};

#[derive(Clone, Debug)]
enum Step {
    Origin(Manners),
    Ask {
        range: Option<String>,
        if_range: Option<u8>,
        /// What the origin becomes once the head of the answer is out.
        meanwhile: Option<Manners>,
    },
    Purge,
}

/// A stored response: its head, and its bytes by position.
type Stored = (StoredHead, BTreeMap<u64, u8>);

/// What has come under this head.
fn stored(head: StoredHead, body: &[u8]) -> Stored {
    let body = (head.body_start()..).zip(body.iter().copied()).collect();
    (head, body)
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
    stored: Option<Stored>,
    origin: Manners,
    policy: Policy,
    now: SystemTime,
    seen: Seen,
}

impl Cache {
    fn ask(
        &mut self,
        request: &HeaderMap,
        meanwhile: Option<Manners>,
    ) -> Result<(), TestCaseError> {
        let head = RequestHead {
            method: &Method::GET,
            headers: request,
        };
        for _ in 0..4 {
            let heads: Vec<_> = self.stored.iter().map(|(head, _)| head.clone()).collect();
            let (variant, fields) = match decide(&head, &heads, &self.policy, self.now) {
                Decision::Serve(serve) | Decision::ServeWhileRevalidating { serve, .. } => {
                    self.seen.served += 1;
                    return self.check(request, &serve, self.stored.as_ref().unwrap());
                }
                Decision::Fetch {
                    variant,
                    fields,
                    why,
                } => {
                    if why == Miss::Partial {
                        self.check_lacks(request)?;
                    }
                    (variant, fields)
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let old = variant.and_then(|_| self.stored.clone());
            let Some(come) = self.fetch(request, old, fields)? else {
                return Ok(());
            };
            if let Some(serve) = answer(&head, 0, &come.0, &self.policy, self.now) {
                return self.check(request, &serve, &come);
            }
            if let Some(serve) = answer_of_whole(&head, 0, &come.0, &self.policy, self.now) {
                self.origin = meanwhile.unwrap_or(self.origin);
                return self.stitch(request, &serve, come);
            }
        }
        // It ends with a fetch for itself alone. Only a strange origin comes to that.
        prop_assert!(self.origin.is_strange());
        Ok(())
    }

    /// What is stored does not hold all that is asked for.
    fn check_lacks(&self, request: &HeaderMap) -> Result<(), TestCaseError> {
        let (head, body) = self.stored.as_ref().unwrap();
        let line = request
            .get(header::RANGE)
            .map(|line| line.to_str().unwrap());
        // A plain range, whose meaning hangs on nothing.
        let plain = line.and_then(|line| line.strip_prefix("bytes=")?.split_once('-'));
        let plain = plain.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let (Some((first, last)), Some(length)) = (plain, head.length) else {
            return Ok(());
        };
        if !request.contains_key(header::IF_RANGE) && first <= last && first < length {
            let mut wanted = first..length.min(last + 1);
            prop_assert!(wanted.any(|at| !body.contains_key(&at)), "{line:?}");
        }
        Ok(())
    }

    /// Asks the origin, once more without conditions if need be, and stores what comes. None if it
    /// goes to the client as it is, or is of no use.
    fn fetch(
        &mut self,
        request: &HeaderMap,
        mut old: Option<Stored>,
        mut fields: HeaderMap,
    ) -> Result<Option<Stored>, TestCaseError> {
        let head = RequestHead {
            method: &Method::GET,
            headers: request,
        };
        loop {
            self.check_asked(&fields)?;
            let response = self.origin.answer(&fields);
            let arrived = ResponseHead {
                status: response.status,
                headers: &response.headers,
            };
            let times = Times {
                requested: self.now,
                received: self.now,
            };
            let reference = old.as_ref().map(|(head, _)| head);
            let come = match receive(&head, reference, &fields, arrived, &self.policy, times) {
                Receipt::Store(head) => {
                    self.seen.part_stored += usize::from(head.status == 206);
                    stored(Arc::unwrap_or_clone(head), &response.body)
                }
                Receipt::Combine(head) => {
                    self.seen.combined += 1;
                    prop_assert!(head.is_same_version(reference.unwrap()));
                    stored(Arc::unwrap_or_clone(head), &response.body)
                }
                Receipt::Freshened(head) => {
                    self.seen.freshened += 1;
                    self.stored = old.map(|(_, body)| (Arc::unwrap_or_clone(head), body));
                    return Ok(Some(self.stored.clone().unwrap()));
                }
                Receipt::FetchAgain => {
                    self.seen.again += 1;
                    prop_assert!(!fields.is_empty());
                    (old, fields) = (None, HeaderMap::new());
                    continue;
                }
                Receipt::AskAgain(_) => {
                    prop_assert!(self.policy.slice.is_some());
                    return Ok(None);
                }
                Receipt::Relay(_) => {
                    check_relayed(response.status, request, &fields)?;
                    return Ok(None);
                }
                Receipt::ServeStale => return Ok(None),
            };
            prop_assert_eq!(come.0.body_length(), Some(come.1.len() as u64));
            self.put(come.clone())?;
            return Ok(Some(come));
        }
    }

    /// Of what can be completed, only what is not there is fetched.
    fn check_asked(&self, fields: &HeaderMap) -> Result<(), TestCaseError> {
        let Some((head, body)) = &self.stored else {
            return Ok(());
        };
        let completes = fields.contains_key(header::IF_RANGE)
            && head.version().as_ref() == fields.get(header::IF_RANGE)
            && head.can_be_completed();
        let is_exact = self.policy.slice.is_none() && self.policy.refetch_below == 0;
        let line = fields.get(header::RANGE).map(|line| line.to_str().unwrap());
        let (Some(length), Some(line)) = (head.length, line) else {
            return Ok(());
        };
        let range = Manners {
            length,
            shifted: false,
            ..self.origin
        }
        .range(line);
        if let (true, true, Some(mut range)) = (completes, is_exact, range) {
            prop_assert!(!range.any(|at| body.contains_key(&at)), "{line} is there");
        }
        Ok(())
    }

    /// As a store does it.
    fn put(&mut self, (head, body): Stored) -> Result<(), TestCaseError> {
        let Some((old, bytes)) = self.stored.take() else {
            self.stored = Some((head, body));
            return Ok(());
        };
        self.stored = Some(match head.joined(&old) {
            Some(joined) => {
                self.seen.with_holes +=
                    usize::from(joined.held().is_some_and(|h| h.runs().len() > 1));
                let both: BTreeMap<_, _> = bytes.into_iter().chain(body).collect();
                let held: Vec<_> = both.keys().copied().collect();
                let said = joined
                    .held()
                    .map_or(vec![0..joined.length.unwrap()], |h| h.runs().to_vec());
                prop_assert_eq!(held, said.into_iter().flatten().collect::<Vec<_>>());
                (joined, both)
            }
            None if head.yields_to(&old) => (old, bytes),
            None => (head, body),
        });
        Ok(())
    }

    /// Sends what is held of an answer, and fetches what is not, piece by piece.
    fn stitch(
        &mut self,
        request: &HeaderMap,
        serve: &Serve,
        first: Stored,
    ) -> Result<(), TestCaseError> {
        let (reference, origin) = (first.0.clone(), self.origin);
        let ranges = match &serve.body {
            BodyPart::None => return Ok(()),
            BodyPart::Whole => vec![0..reference.length.unwrap()],
            BodyPart::Range(range) => vec![range.clone()],
            BodyPart::Multipart(parts) => parts.parts.iter().map(|(_, r)| r.clone()).collect(),
        };
        let mut whole: BTreeMap<u64, u8> = BTreeMap::new();
        let mut at_hand = first;
        for range in ranges {
            let mut position = range.start;
            while position < range.end {
                let of_store = self
                    .stored
                    .iter()
                    .filter(|(head, _)| head.is_same_version(&reference));
                let mut sources = [&at_hand].into_iter().chain(of_store);
                let byte = sources.find_map(|(_, body)| body.get(&position)).copied();
                drop(sources);
                if let Some(byte) = byte {
                    whole.insert(position, byte);
                    position += 1;
                    continue;
                }
                let held = match self
                    .stored
                    .iter()
                    .find(|(head, _)| head.is_same_version(&reference))
                {
                    Some((head, _)) => head.held().unwrap().clone(),
                    None => Held::default(),
                };
                let missing = reference.missing(&held, &(position..range.end), &self.policy);
                let missing = missing.unwrap();
                prop_assert!(missing.bytes.contains(&position));
                self.seen.stitched += 1;
                let old = Some((reference.clone(), BTreeMap::new()));
                match self.fetch(request, old, missing.fields)? {
                    // A strange origin may send other bytes of it than those that it is asked for.
                    Some(come)
                        if come.0.is_same_version(&reference) && come.1.contains_key(&position) =>
                    {
                        at_hand = come;
                    }
                    _ => {
                        self.seen.cut += 1;
                        // What has been sent is of one version all the same.
                        let changed = origin.version != reference_version(&reference)
                            || origin.is_strange()
                            || origin.validators != Validators::Strong;
                        prop_assert!(changed, "cut without need");
                        return self.sent(&reference, &whole);
                    }
                }
            }
        }
        self.seen.stitched_whole += 1;
        let (_, headers) = reference.render(serve, None);
        let body = (reference, whole);
        self.sent(&body.0, &body.1)?;
        let length = headers.get(header::CONTENT_LENGTH).unwrap();
        if !matches!(serve.body, BodyPart::Multipart(_)) {
            prop_assert_eq!(length.to_str().unwrap(), body.1.len().to_string());
            return self.check(request, serve, &body);
        }
        Ok(())
    }

    /// Bytes that were sent, at their positions, are of the version that the head tells.
    fn sent(&self, head: &StoredHead, sent: &BTreeMap<u64, u8>) -> Result<(), TestCaseError> {
        let is_of = |version| sent.iter().all(|(at, sent)| byte(version, *at) == *sent);
        match head.headers.get(header::ETAG) {
            Some(_) => prop_assert!(is_of(reference_version(head))),
            None => prop_assert!((0..4).any(is_of)),
        }
        Ok(())
    }

    /// The bytes of an answer out of the store are those of one version, at their positions.
    fn check(
        &self,
        request: &HeaderMap,
        serve: &Serve,
        (head, body): &Stored,
    ) -> Result<(), TestCaseError> {
        let (status, headers) = head.render(serve, Some(body.len() as u64));
        let text = |name| {
            headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let slice = |range: &Range<u64>| -> Vec<u8> {
            range.clone().map(|at| *body.get(&at).unwrap()).collect()
        };
        let (first, sent) = match &serve.body {
            BodyPart::None => return Ok(()),
            BodyPart::Whole => {
                let first = body.keys().next().copied().unwrap_or_default();
                (first, body.values().copied().collect())
            }
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

/// The version that a strong tag names.
fn reference_version(head: &StoredHead) -> u8 {
    let tag = head
        .headers
        .get(header::ETAG)
        .map(|tag| tag.to_str().unwrap());
    let version = tag.and_then(|tag| tag.strip_prefix("\"v")?.strip_suffix('"'));
    version.map_or(u8::MAX, |version| version.parse().unwrap())
}

fn step() -> impl Strategy<Value = Step> {
    let range = prop_oneof![
        4 => (0..22_u64, 0..8_u64).prop_map(|(first, more)| format!("bytes={first}-{}", first + more)),
        2 => (0..22_u64).prop_map(|first| format!("bytes={first}-")),
        1 => (0..9_u64).prop_map(|last| format!("bytes=-{last}")),
        2 => select(vec!["bytes=0-1,4-5", "bytes=19-,0-0", "bytes=9-12,2-3,16-", "bytes=3-2"]).prop_map(str::to_owned),
    ];
    let if_range = prop_oneof![4 => Just(None), 1 => (0..4_u8).prop_map(Some)];
    let meanwhile = prop::option::weighted(0.2, manners());
    prop_oneof![
        8 => (prop::option::weighted(0.8, range), if_range, meanwhile)
            .prop_map(|(range, if_range, meanwhile)| Step::Ask { range, if_range, meanwhile }),
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
        slice in prop::option::weighted(0.3, 1..9_u64),
        refetch_below in select(vec![0, 0, 3]),
    ) {
        play(first, steps, all_at_once, (slice, refetch_below))?;
    }
}

/// How often each thing happened in a game.
#[derive(Debug, Default)]
struct Seen {
    served: usize,
    part_stored: usize,
    combined: usize,
    with_holes: usize,
    freshened: usize,
    again: usize,
    /// Pieces that were fetched after the head of an answer was out.
    stitched: usize,
    stitched_whole: usize,
    cut: usize,
}

fn play(
    first: Manners,
    steps: Vec<Step>,
    all_at_once: bool,
    (slice, refetch_below): (Option<u64>, u64),
) -> Result<Seen, TestCaseError> {
    let range_miss = if all_at_once {
        RangeMiss::Whole
    } else {
        RangeMiss::Part
    };
    let policy = Policy {
        range_miss,
        slice,
        refetch_below,
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
            Step::Ask {
                range,
                if_range,
                meanwhile,
            } => {
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
                cache.ask(&request, meanwhile)?;
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
        let seen = play(first, steps, false, (None, 0)).unwrap();
        all.served += seen.served;
        all.part_stored += seen.part_stored;
        all.combined += seen.combined;
        all.with_holes += seen.with_holes;
        all.freshened += seen.freshened;
        all.again += seen.again;
        all.stitched += seen.stitched;
        all.stitched_whole += seen.stitched_whole;
        all.cut += seen.cut;
    }
    let Seen {
        served,
        part_stored,
        combined,
        with_holes,
        freshened,
        again,
        stitched,
        stitched_whole,
        cut,
    } = all;
    for count in [
        served,
        part_stored,
        combined,
        with_holes,
        freshened,
        again,
        stitched,
        stitched_whole,
        cut,
    ] {
        assert!(count > 10, "{all:?}");
    }
}
