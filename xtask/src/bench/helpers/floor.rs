//! The least that a server can do: find the request in a table, and write the whole response that is
//! there.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use super::{
    origin, pattern,
    serving::{Piece, Respond, target_of},
};

/// When the origin's objects were changed, and these were stored.
const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

#[derive(Default)]
pub(super) struct Floor {
    responses: HashMap<Box<[u8]>, Rc<[u8]>>,
}

impl Respond for Floor {
    fn respond(&mut self, request: &[u8], out: &mut VecDeque<Piece>) {
        if let Some(response) = self.responses.get(request) {
            out.push_back(Piece::whole(response.clone()));
            return;
        }
        let response: Rc<[u8]> = response(request).into();
        self.responses.insert(request.into(), response.clone());
        out.push_back(Piece::whole(response));
    }
}

/// What is to be sent, once it is known that who has a validator has the right one.
fn response(request: &[u8]) -> Vec<u8> {
    let target = target_of(request);
    let size = origin::size_of(target).unwrap_or_default();
    let head = origin::head(target, size, DATE);
    let is_known = b"\r\nIf-None-Match: ";
    if request.windows(is_known.len()).any(|it| it == is_known) {
        let lines = head.split_inclusive("\r\n").skip(1);
        let kept: String = lines.filter(|it| !it.starts_with("Content-")).collect();
        return format!("HTTP/1.1 304 Not Modified\r\n{kept}").into_bytes();
    }
    let mut response = head.into_bytes();
    response.extend_from_slice(&pattern::bytes(size));
    response
}
