//! Heads of answers, before Via and Cache-Status are put on.

use std::{ops::Range, sync::Arc};

use http::{HeaderValue, Response, StatusCode, header};
use perigee_http_cache::{BodyPart, Serve, remove_hop_by_hop};
use perigee_storage::Stored;

use crate::{
    Body, InFlight, Sender,
    cache_status::Handling,
    send::Arrived,
    several::{Several, Source},
    stitched::{Piece, Seam, Stitched},
};

/// An answer, and how it came about.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    pub(crate) handling: Handling,
    /// What the tiers above said of it.
    pub(crate) above: Vec<HeaderValue>,
    /// Fields that are text already: see [`Body::lines`].
    pub(crate) lines: Vec<u8>,
}

impl Answer {
    /// Out of the store.
    pub(crate) fn stored(to: Sender, stored: &Stored, serve: &Serve, handling: Handling) -> Self {
        let body = match &serve.body {
            BodyPart::None => Body::empty(),
            BodyPart::Whole => Body::stored(stored.body.read()),
            BodyPart::Range(range) => Body::stored(stored.body.read_range(range.clone())),
            BodyPart::Multipart(parts) => {
                Body::several(Several::new(Source::Stored(stored.body.clone()), parts))
            }
        };
        Answer::under(to, stored, serve, handling, body)
    }

    /// With the whole of what has come, under the fields that are stored, without Age. How long it is,
    /// the server says of a body that knows it.
    pub(crate) fn as_came(stored: Stored, handling: Handling, takes_lines: bool) -> Self {
        let Stored { mut head, body, .. } = stored;
        let mut response = Response::new(match body.into_one() {
            Ok(bytes) => Body::full(bytes),
            Err(body) => Body::stored(body.read()),
        });
        *response.status_mut() = head.status;
        // Nobody else may want them any more: what is in memory is packed.
        let mut fields = match Arc::get_mut(&mut head) {
            Some(head) => std::mem::take(&mut head.headers),
            None => head.headers.clone(),
        };
        let lines = match takes_lines {
            true => fields.take_lines(),
            false => None,
        };
        if lines.is_none() {
            *response.headers_mut() = fields.into_map();
        }
        Answer {
            response,
            handling,
            above: Vec::new(),
            lines: lines.map(|lines| lines.text).unwrap_or_default(),
        }
    }

    /// Out of what has come or is stored, `stored`, and of what else there is of its version, here and at the
    /// next tier.
    pub(crate) fn stitched(
        to: Sender,
        seam: Arc<Seam>,
        stored: &Stored,
        serve: &Serve,
        handling: Handling,
    ) -> Self {
        let of = |ranges: &mut dyn Iterator<Item = Range<u64>>| {
            // What has come is read from where it is needed first: it may be there only once.
            let came = stored.head.held().and_then(|held| held.runs().first());
            let came = came.cloned().unwrap_or(0..u64::MAX);
            let mut common = ranges.filter_map(|range| {
                let range = range.start.max(came.start)..range.end.min(came.end);
                (!range.is_empty()).then_some(range)
            });
            common.next().and_then(|range| Piece::of(stored, &range))
        };
        let one = |range: Range<u64>| {
            let at_hand = of(&mut std::iter::once(range.clone()));
            Body::stitched(Stitched::new(Arc::clone(&seam), range, at_hand))
        };
        let body = match &serve.body {
            BodyPart::None => Body::empty(),
            BodyPart::Whole => one(all_of(stored, serve)),
            BodyPart::Range(range) => one(range.clone()),
            BodyPart::Multipart(parts) => {
                let at_hand = of(&mut parts.parts.iter().map(|(_, range)| range.clone()));
                let stitched = Box::new(Stitched::new(seam, 0..0, at_hand));
                Body::several(Several::new(Source::Stitched(stitched), parts))
            }
        };
        Answer::under(to, stored, serve, handling, body)
    }

    fn under(to: Sender, stored: &Stored, serve: &Serve, handling: Handling, body: Body) -> Self {
        let length = stored.body.length();
        let (status, headers) = match to {
            Sender::Client => stored.head.render(serve, length),
            Sender::Node => stored.head.render_for_cache(serve, length),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Answer {
            response,
            handling,
            above: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Counts as under way until its body ends.
    pub(crate) fn count(&mut self, under_way: Option<InFlight>) {
        self.response.body_mut().count(under_way);
    }

    /// As the next hop sent it.
    pub(crate) fn relayed(arrived: Arrived, handling: Handling) -> Self {
        let (mut parts, body) = arrived.response.into_parts();
        if parts.status != StatusCode::SWITCHING_PROTOCOLS {
            remove_hop_by_hop(&mut parts.headers);
        }
        parts.version = http::Version::HTTP_11;
        Answer {
            response: Response::from_parts(parts, Body::relayed(body)),
            handling,
            above: arrived.cache_status,
            lines: Vec::new(),
        }
    }

    /// Which methods may be used: to OPTIONS, or to a method that may not.
    pub(crate) fn allow(status: StatusCode, methods: HeaderValue) -> Self {
        let mut answer = Answer::own(status, Handling::default());
        if status == StatusCode::NO_CONTENT {
            *answer.response.body_mut() = Body::empty();
            answer.response.headers_mut().remove(header::CONTENT_TYPE);
        }
        answer.response.headers_mut().insert(header::ALLOW, methods);
        answer
    }

    /// An answer of this node's own.
    pub(crate) fn own(status: StatusCode, handling: Handling) -> Self {
        Answer {
            response: plain(status, ""),
            handling,
            above: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// The bytes of an answer with all that was asked for: of a 206 that is passed on as it came, those
/// that it has.
fn all_of(stored: &Stored, serve: &Serve) -> Range<u64> {
    let held = stored.head.held().and_then(|held| held.runs().first());
    match held {
        Some(held) if serve.status == StatusCode::PARTIAL_CONTENT => held.clone(),
        _ => 0..stored.head.length.unwrap_or(0),
    }
}

/// A short text of this node's own, that no cache keeps.
pub fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or_default();
    let line = if text.is_empty() {
        format!("{} {reason}\n", status.as_u16())
    } else {
        format!("{} {reason}: {text}\n", status.as_u16())
    };
    let mut response = Response::new(Body::full(line));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
