//! What a 304 does to what is stored.

use http::{HeaderMap, Method, StatusCode};
use http_cache_semantics::AfterResponse;
use perigee_http_cache::{Receipt, RequestHead, ResponseHead, receive};

use crate::{
    Because,
    common::{BASE, at},
    question::{Question, is_repeated, policy, request, response, text, times},
};

/// A 304 that answers the validation of a stored response.
#[derive(Clone, Debug)]
pub(crate) struct Validation {
    pub(crate) question: Question,
    pub(crate) not_modified: HeaderMap,
}

impl Validation {
    /// The fields after the update, of those that both keep; None if it is for another response.
    pub(crate) fn ours(&self) -> Option<HeaderMap> {
        let request = RequestHead {
            method: &Method::GET,
            headers: &self.question.first,
        };
        let head = |status, headers| ResponseHead { status, headers };
        let response = head(self.question.status, &self.question.response);
        let Receipt::Store(stored) = receive(
            &request,
            None,
            &HeaderMap::new(),
            response,
            &policy(),
            times(BASE),
        ) else {
            return None;
        };
        let not_modified = head(StatusCode::NOT_MODIFIED, &self.not_modified);
        match receive(
            &request,
            Some(&stored),
            &HeaderMap::new(),
            not_modified,
            &policy(),
            times(BASE + 9),
        ) {
            Receipt::Freshened(head) => Some(comparable(&head.headers)),
            _ => None,
        }
    }

    pub(crate) fn theirs(&self) -> Option<HeaderMap> {
        let request = request(&Method::GET, &self.question.first);
        let not_modified = response(StatusCode::NOT_MODIFIED, &self.not_modified);
        match self
            .question
            .other()
            .after_response(&request, &not_modified, at(BASE + 9))
        {
            AfterResponse::NotModified(_, parts) => Some(comparable(&parts.headers)),
            AfterResponse::Modified(..) => None,
        }
    }

    pub(crate) fn because(
        &self,
        ours: Option<&HeaderMap>,
        theirs: Option<&HeaderMap>,
    ) -> Option<Because> {
        let tag = |map: &HeaderMap| text(map, "etag");
        let (old, new) = (tag(&self.question.response), tag(&self.not_modified));
        let is_strengthened = old.starts_with("W/") && !new.starts_with("W/");
        let is_tagged = self.not_modified.contains_key("etag");
        let is_dated = self.not_modified.contains_key("last-modified");
        // One date in two forms (RFC 9110 section 5.6.7).
        let modified = |map: &HeaderMap| text(map, "last-modified");
        let is_respelled = modified(&self.question.response) != modified(&self.not_modified);
        let forbids = text(&self.not_modified, "cache-control").to_ascii_lowercase();
        let needs_freshness = matches!(self.question.status.as_u16(), 302 | 303 | 307 | 400..=403);
        let is_forbidden = ["no-store", "private", "no-cache"]
            .iter()
            .any(|d| forbids.contains(d))
            || text(&self.not_modified, "vary").contains('*')
            || needs_freshness;
        let has_repeated = is_repeated(&self.question.response) || is_repeated(&self.not_modified);
        let has_cookie = self.question.response.contains_key("set-cookie");
        let both = [&self.question.response, &self.not_modified];
        let is_targeted = both.iter().any(|map| map.contains_key("cdn-cache-control"));
        match (ours, theirs) {
            (None, Some(_)) | (Some(_), None) if is_targeted => Some(Because::Targeted),
            (None, Some(_)) | (Some(_), None) if has_repeated => Some(Because::RepeatedFields),
            (None, Some(_)) if has_cookie => Some(Because::SetCookie),
            (None, Some(_)) if is_forbidden => Some(Because::NotModifiedForbids),
            (None, Some(_)) => is_strengthened.then_some(Because::NotModifiedMatch),
            (Some(_), None) if is_respelled => Some(Because::NotModifiedMatch),
            (Some(_), None) => (!is_tagged || !is_dated).then_some(Because::NotModifiedMatch),
            (Some(ours), Some(theirs)) => {
                let stored = &self.question.response;
                let names_fields = |map| text(map, "cache-control").contains("=\"x-b\"");
                let is_new = self.not_modified.keys().any(|n| !stored.contains_key(n));
                if names_fields(stored) || names_fields(&self.not_modified) {
                    Some(Because::NoCacheFields)
                } else if is_new || is_repeated(&self.not_modified) || is_repeated(stored) {
                    (ours != theirs).then_some(Because::NotModifiedFields)
                } else {
                    None
                }
            }
            (None, None) => None,
        }
    }
}

/// Without the fields that either makes up or keeps elsewhere.
fn comparable(headers: &HeaderMap) -> HeaderMap {
    let made_up = ["date", "age", "content-length", "warning"];
    let kept = headers
        .iter()
        .filter(|(name, _)| !made_up.contains(&name.as_str()));
    kept.map(|(n, v)| (n.clone(), v.clone())).collect()
}
