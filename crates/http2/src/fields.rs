//! Lists of fields, and what makes a list a request (RFC 9113 sections 8.2 and 8.3).

/// What a field counts besides its text (RFC 9113 section 6.5.2).
const OVERHEAD: usize = 32;

/// The fields of one header block, in order, in one piece of text. Used again and again.
#[derive(Debug, Default)]
pub struct Fields {
    text: Vec<u8>,
    spans: Vec<Span>,
    /// Where the field begins that is being written, and where its value does.
    begin: usize,
    value: usize,
    size: usize,
    is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    begin: usize,
    value: usize,
    end: usize,
}

/// A list of fields that is no request, or no trailer section (RFC 9113 section 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Fields {
    /// Empties it. What a long list took is given back.
    pub fn clear(&mut self) {
        const KEPT: usize = 8 << 10;
        self.text.clear();
        self.text.shrink_to(KEPT);
        self.spans.clear();
        self.spans.shrink_to(KEPT / OVERHEAD);
        (self.begin, self.value, self.size) = (0, 0, 0);
        self.is_cut = false;
    }

    /// Whether there were more fields than are here.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// All text that names and values are parts of.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Names and values.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.from(0)
    }

    #[inline]
    fn from(&self, at: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        let spans = self.spans.get(at..).unwrap_or_default();
        spans
            .iter()
            .map(|it| (&self.text[it.begin..it.value], &self.text[it.value..it.end]))
    }

    #[inline]
    pub(crate) fn put_name<T>(&mut self, put: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.begin = self.text.len();
        let put = put(&mut self.text);
        self.value = self.text.len();
        put
    }

    #[inline]
    pub(crate) fn put_value<T>(&mut self, put: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        put(&mut self.text)
    }

    /// Name and value that were just put.
    pub(crate) fn last(&self) -> (&[u8], &[u8]) {
        (&self.text[self.begin..self.value], &self.text[self.value..])
    }

    /// Takes the field that was put into the list, if there is room. The size of the list as it
    /// came.
    #[inline]
    pub(crate) fn commit(&mut self, max: usize) -> usize {
        let end = self.text.len();
        self.size = self.size.saturating_add(end - self.begin + OVERHEAD);
        if self.is_cut || self.size > max {
            self.is_cut = true;
            self.text.truncate(self.begin);
            return self.size;
        }
        self.spans.push(Span {
            begin: self.begin,
            value: self.value,
            end,
        });
        self.size
    }

    /// The list as a request.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn request(&self) -> Result<Request<'_>, Malformed> {
        let mut request = Request {
            method: "",
            scheme: None,
            authority: None,
            path: None,
            content_length: None,
            first: 0,
            fields: self,
        };
        let mut method = None;
        for (name, value) in self
            .iter()
            .take_while(|(name, _)| name.first() == Some(&b':'))
        {
            let value = visible(value)?;
            let place = match name {
                b":method" => &mut method,
                b":path" => &mut request.path,
                b":scheme" => &mut request.scheme,
                b":authority" => &mut request.authority,
                _ => return Err(Malformed("a pseudo-field that is none of a request")),
            };
            if place.replace(value).is_some() {
                return Err(Malformed("a pseudo-field twice"));
            }
            request.first += 1;
        }
        request.method = method.ok_or(Malformed("no :method"))?;
        // RFC 9113 section 8.5: CONNECT has an authority alone.
        let is_connect = request.method == "CONNECT";
        let parts = (request.scheme, request.path, request.authority);
        match parts {
            (None, None, Some(_)) if is_connect => {}
            (Some(_), Some(path), _) if !is_connect && !path.is_empty() => {}
            _ => return Err(Malformed("pseudo-fields are missing, or too many")),
        }
        for (name, value) in self.from(request.first) {
            well_formed(name, value)?;
            if name == b"content-length" && request.content_length.replace(length(value)?).is_some()
            {
                return Err(Malformed("two lengths"));
            }
        }
        Ok(request)
    }

    /// Judges the list as a trailer section, which has no pseudo-fields (RFC 9113 section 8.1).
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn check_trailers(&self) -> Result<(), Malformed> {
        self.iter()
            .try_for_each(|(name, value)| well_formed(name, value))
    }
}

/// A request that is well-formed. What it asks for may still be nothing.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `:method`.
    pub method: &'a str,
    /// `:scheme`; none with CONNECT alone.
    pub scheme: Option<&'a str>,
    /// `:authority`.
    pub authority: Option<&'a str>,
    /// `:path`, not empty; none with CONNECT alone.
    pub path: Option<&'a str>,
    /// Content-Length.
    pub content_length: Option<u64>,
    first: usize,
    fields: &'a Fields,
}

impl<'a> Request<'a> {
    /// All but pseudo-fields: names in lower case, and values.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.fields.from(self.first)
    }

    /// How many fields there are but pseudo-fields.
    pub fn count(&self) -> usize {
        self.fields.len() - self.first
    }
}

/// A value of visible ASCII alone, as all pseudo-fields have.
fn visible(value: &[u8]) -> Result<&str, Malformed> {
    const WRONG: Malformed = Malformed("a pseudo-field that says nothing readable");
    if !value.iter().all(u8::is_ascii_graphic) {
        return Err(WRONG);
    }
    str::from_utf8(value).map_err(|_| WRONG)
}

/// A name in lower case, a value without controls or blanks around it, and nothing that is about a
/// connection (RFC 9113 sections 8.2.1 and 8.2.2).
#[inline]
fn well_formed(name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    if name.is_empty() || !name.iter().all(|&b| NAME[usize::from(b)]) {
        return Err(Malformed("a name that is none in lower case"));
    }
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    let control = |&b: &u8| (b < b' ' && b != b'\t') || b == 0x7f;
    if blank(value.first()) || blank(value.last()) || value.iter().any(control) {
        return Err(Malformed("a value with controls, or blanks around it"));
    }
    match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            Err(Malformed("a field about a connection"))
        }
        b"te" if !value.eq_ignore_ascii_case(b"trailers") => {
            Err(Malformed("a transfer coding is asked for"))
        }
        _ => Ok(()),
    }
}

/// Digits, and a number that can be counted to (RFC 9110 section 8.6).
fn length(value: &[u8]) -> Result<u64, Malformed> {
    const WRONG: Malformed = Malformed("a length that is no number");
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    let digits = str::from_utf8(value).map_err(|_| WRONG)?;
    digits.parse().map_err(|_| WRONG)
}

/// What names consist of (RFC 9110 section 5.6.2), but for capitals.
static NAME: [bool; 256] = {
    let mut is = [false; 256];
    let others = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
    let mut at = 0;
    while at < others.len() {
        is[others[at] as usize] = true;
        at += 1;
    }
    is
};
