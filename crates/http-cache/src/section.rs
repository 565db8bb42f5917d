//! The fields of a stored head: a map, or the lines that came, of which a map is made only for who asks for one.

use std::{ops::Deref, sync::OnceLock};

use http::HeaderMap;

use crate::FieldText;

/// The fields of a stored head. They are read as the map that they are, or that is made of them then.
#[derive(Clone, Debug, Default)]
pub struct Section {
    map: OnceLock<HeaderMap>,
    lines: Option<Box<FieldText>>,
}

impl Section {
    /// The lines, if they came as such: all of them are for clients, and Date is among them.
    pub fn lines(&self) -> Option<&FieldText> {
        self.lines.as_deref()
    }

    /// The same, for who is the last to need them.
    pub fn take_lines(&mut self) -> Option<Box<FieldText>> {
        self.lines.take()
    }

    /// Whether nothing was ever put in.
    pub(crate) fn is_nothing(&self) -> bool {
        self.map.get().is_none() && self.lines.is_none()
    }

    /// The map, for who is the last to need it.
    pub fn into_map(self) -> HeaderMap {
        let Section { map, lines } = self;
        map.into_inner()
            .or_else(|| Some(lines?.to_map()))
            .unwrap_or_default()
    }

    /// Changes the fields, which are a map then.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut HeaderMap)) {
        let mut map = std::mem::take(self).into_map();
        change(&mut map);
        *self = map.into();
    }
}

impl Deref for Section {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        let lines = self.lines.as_ref();
        self.map
            .get_or_init(|| lines.map(|lines| lines.to_map()).unwrap_or_default())
    }
}

impl From<HeaderMap> for Section {
    fn from(map: HeaderMap) -> Self {
        Section {
            map: map.into(),
            lines: None,
        }
    }
}

impl From<Box<FieldText>> for Section {
    fn from(lines: Box<FieldText>) -> Self {
        Section {
            map: OnceLock::new(),
            lines: Some(lines),
        }
    }
}

impl PartialEq for Section {
    fn eq(&self, other: &Section) -> bool {
        **self == **other
    }
}

impl PartialEq<HeaderMap> for Section {
    fn eq(&self, other: &HeaderMap) -> bool {
        **self == *other
    }
}
