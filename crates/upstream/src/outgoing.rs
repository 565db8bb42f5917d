//! The head of a request that goes out.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request::Parts};

/// The head of a request that goes out: its fields in a row, as they are written. They are put
/// together for each request anew, and hardly looked up: a map would cost several times as much.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The target, in origin form.
    pub uri: Uri,
    /// The fields. Host is the client's.
    pub fields: FieldLines,
}

impl From<Parts> for Outgoing {
    fn from(parts: Parts) -> Self {
        let mut fields = FieldLines::with_capacity(parts.headers.len());
        for (name, value) in &parts.headers {
            fields.add(name.clone(), value.clone());
        }
        Outgoing {
            method: parts.method,
            uri: parts.uri,
            fields,
        }
    }
}

impl From<Outgoing> for Parts {
    fn from(mut request: Outgoing) -> Self {
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = request.method;
        parts.uri = request.uri;
        parts.headers = request.fields.0.drain(..).collect();
        parts
    }
}

/// Rooms for field lines that a thread keeps for its next requests, and lines that such a one has room
/// for at most.
const MOST_KEPT: usize = 64;
const LARGEST_KEPT: usize = 32;

thread_local! {
    static KEPT: RefCell<Vec<Vec<(HeaderName, HeaderValue)>>> = const { RefCell::new(Vec::new()) };
}

/// Field lines in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldLines(Vec<(HeaderName, HeaderValue)>);

impl FieldLines {
    /// None yet, and room for so many.
    pub fn with_capacity(lines: usize) -> Self {
        let kept = KEPT.try_with(|kept| kept.borrow_mut().pop());
        let mut room = kept.ok().flatten().unwrap_or_default();
        room.reserve(lines);
        FieldLines(room)
    }

    /// Adds a line behind all others.
    pub fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Puts one line in the place of all of this name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(&name);
        self.add(name, value);
    }

    /// Puts these fields in the place of all that have their names.
    pub fn replace(&mut self, fields: &HeaderMap) {
        if !fields.is_empty() {
            self.0.retain(|(name, _)| !fields.contains_key(name));
            let fields = fields.iter();
            self.0.extend(fields.map(|(n, v)| (n.clone(), v.clone())));
        }
    }

    /// Removes all lines of this name.
    pub fn remove(&mut self, name: &HeaderName) {
        if self.has(name) {
            self.0.retain(|(other, _)| other != name);
        }
    }

    /// The first value of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut lines = self.iter();
        lines.find_map(|(other, value)| (other == name).then_some(value))
    }

    /// Whether there is a line of this name.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl Drop for FieldLines {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.0);
        room.clear();
        if room.capacity() == 0 || room.capacity() > LARGEST_KEPT {
            return;
        }
        // Not at the end of a thread.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST_KEPT {
                kept.push(room);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn lines(fields: &[(HeaderName, &'static str)]) -> FieldLines {
        let mut lines = FieldLines::default();
        for (name, value) in fields {
            lines.add(name.clone(), HeaderValue::from_static(value));
        }
        lines
    }

    #[test]
    fn lines_stay_in_order_and_are_replaced_by_name() {
        let all = [(header::VIA, "a"), (header::RANGE, "b"), (header::VIA, "c")];
        let mut set = lines(&all);
        assert_eq!(set.get(&header::VIA).unwrap(), "a");
        set.set(header::VIA, HeaderValue::from_static("d"));
        assert_eq!(set, lines(&[(header::RANGE, "b"), (header::VIA, "d")]));
        let mut replaced = lines(&all);
        let fields = [(header::VIA, "e"), (header::HOST, "f")];
        replaced.replace(&lines(&fields).0.drain(..).collect());
        let [via, host] = fields;
        assert_eq!(replaced, lines(&[(header::RANGE, "b"), via, host]));
        replaced.remove(&header::HOST);
        assert!(!replaced.has(&header::HOST));
    }

    #[test]
    fn it_becomes_a_request_and_one_becomes_it() {
        let all = [(header::VIA, "a"), (header::VIA, "c"), (header::RANGE, "b")];
        let request = Outgoing {
            method: Method::PUT,
            uri: Uri::from_static("/a?b"),
            fields: lines(&all),
        };
        let parts = Parts::from(request);
        assert_eq!((&parts.method, parts.headers.len()), (&Method::PUT, 3));
        let back = Outgoing::from(parts);
        assert_eq!(
            (back.uri, back.fields),
            (Uri::from_static("/a?b"), lines(&all))
        );
    }

    #[test]
    fn rooms_are_used_again_and_are_empty() {
        let kept = || KEPT.with(|kept| kept.borrow().len());
        drop(FieldLines::with_capacity(LARGEST_KEPT + 1));
        drop(FieldLines::default());
        assert_eq!(kept(), 0);
        drop(lines(&[(header::VIA, "a")]));
        assert_eq!(kept(), 1);
        let again = FieldLines::with_capacity(9);
        assert_eq!((again.iter().count(), kept()), (0, 0));
        assert!(again.0.capacity() >= 9);
        let many: Vec<_> = (0..2 * MOST_KEPT)
            .map(|_| FieldLines::with_capacity(1))
            .collect();
        drop(many);
        assert_eq!(kept(), MOST_KEPT);
    }
}
