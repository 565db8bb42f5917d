//! The head of a request that goes out.

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
    fn from(request: Outgoing) -> Self {
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = request.method;
        parts.uri = request.uri;
        parts.headers = request.fields.0.into_iter().collect();
        parts
    }
}

/// Field lines in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldLines(Vec<(HeaderName, HeaderValue)>);

impl FieldLines {
    /// None yet, and room for so many.
    pub fn with_capacity(lines: usize) -> Self {
        FieldLines(Vec::with_capacity(lines))
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
        replaced.replace(&lines(&fields).0.into_iter().collect());
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
}
