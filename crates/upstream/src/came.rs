//! What comes back for a request.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use smallvec::SmallVec;

use crate::{Body, body};

/// A response.
#[derive(Debug)]
pub enum Came {
    /// Any one.
    Any(Response<Body>),
    /// A usual one, to who asks with [`crate::Head::takes_whole`].
    Whole(Box<Whole>),
}

/// A 200 that has come whole, in one piece.
#[derive(Debug)]
pub struct Whole {
    /// Its fields, without those of framing and of the connection.
    pub lines: Lines,
    /// Its content, which is as long as Content-Length says.
    pub body: Bytes,
}

/// Fields as text: of each its name in lower case, `: `, its value, which is not empty and neither begins nor
/// ends with white space, and CRLF.
#[derive(Debug, Default)]
pub struct Lines {
    /// The text, with room for some more.
    pub text: Vec<u8>,
    /// Of each line, how long its name is, and where it ends.
    pub ends: SmallVec<[(u16, u16); 16]>,
}

impl Came {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        match self {
            Came::Any(response) => response.status(),
            Came::Whole(_) => StatusCode::OK,
        }
    }

    /// As a response that may be any.
    pub fn into_response(self) -> Response<Body> {
        match self {
            Came::Any(response) => response,
            Came::Whole(whole) => whole.into_response(),
        }
    }
}

impl From<Response<Body>> for Came {
    fn from(response: Response<Body>) -> Self {
        Came::Any(response)
    }
}

impl Whole {
    /// The same with its fields in a map.
    pub fn into_response(self) -> Response<Body> {
        let mut headers = self.lines.to_map();
        let length = HeaderValue::from(self.body.len());
        headers.insert(header::CONTENT_LENGTH, length);
        let mut response = Response::new(body::full(self.body));
        *response.headers_mut() = headers;
        response
    }
}

impl Lines {
    /// The same in a map.
    pub(crate) fn to_map(&self) -> HeaderMap {
        let text = Bytes::copy_from_slice(&self.text);
        let mut map = HeaderMap::with_capacity(self.ends.len());
        let mut begin = 0;
        for &(name, end) in &self.ends {
            let (name, end) = (begin + usize::from(name), usize::from(end));
            let value = HeaderValue::from_maybe_shared(text.slice(name + 2..end - 2));
            // They are what names and values may be.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&text[begin..name]), value) {
                map.append(name, value);
            }
            begin = end;
        }
        map
    }
}
