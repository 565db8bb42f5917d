//! Cache-Control (RFC 9111 section 5.2), what is said in its place (RFC 9213), and Pragma where it
//! stands in for it (RFC 9111 section 5.4).

use http::{HeaderMap, HeaderName, header};
use sfv::{BareItem, Dictionary, ListEntry};

use crate::{
    lists,
    noted::{Line, Noted},
    present::Present,
    targeted,
};

/// What a number of seconds beyond all use counts as (RFC 9111 section 1.2.2).
pub(crate) const MOST_SECONDS: u64 = 1 << 31;

/// The directives of a response (RFC 9111 section 5.2.2, RFC 5861, RFC 8246).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseDirectives {
    pub(crate) no_store: bool,
    /// Without field names; with them they are in `withheld`.
    pub(crate) no_cache: bool,
    /// Without field names; with them they are in `withheld`.
    pub(crate) private: bool,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) immutable: bool,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) max_age: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    /// The fields that `no-cache="..."` and `private="..."` name.
    pub(crate) withheld: Vec<HeaderName>,
    /// Whether a targeted field says it all (RFC 9213 section 2.2): Expires counts for nothing.
    pub(crate) targeted: bool,
}

/// The directives of a request (RFC 9111 section 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestDirectives {
    pub(crate) only_if_cached: bool,
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    /// Seconds; `u64::MAX` when the client takes any staleness.
    pub(crate) max_stale: Option<u64>,
}

impl ResponseDirectives {
    /// Those that govern here: of the first of the targeted fields that says anything (RFC 9213
    /// section 2.2), or else of Cache-Control.
    pub(crate) fn of(noted: &Noted<'_>, targets: &[HeaderName]) -> Self {
        let targets = if noted.present.has(Present::TARGETED) {
            targets
        } else {
            &[]
        };
        match targeted::governing(noted.headers, targets) {
            Some(dictionary) => Self::of_dictionary(&dictionary),
            None if noted.present.has(Present::CONTROL) => Self::of_cache_control(noted),
            None => ResponseDirectives::default(),
        }
    }

    fn of_dictionary(dictionary: &Dictionary) -> Self {
        let mut all = ResponseDirectives {
            targeted: true,
            ..ResponseDirectives::default()
        };
        for (name, member) in dictionary {
            if let Some(directive) = Directive::of_member(name.as_str(), member) {
                all.take(&directive);
            }
        }
        all
    }

    fn of_cache_control(noted: &Noted<'_>) -> Self {
        let mut all = ResponseDirectives::default();
        match noted.cache_control {
            // Section 5.4 leaves Pragma in a response undefined; senders mean no-cache by it.
            Line::No => all.no_cache = pragma_no_cache(noted.headers),
            Line::Once(line) => all.take_all(line),
            Line::Often => {
                let lines = noted.headers.get_all(header::CACHE_CONTROL).iter();
                lines.for_each(|line| all.take_all(line.as_bytes()));
            }
        }
        all
    }

    fn take_all(&mut self, line: &[u8]) {
        for member in lists::split(line) {
            self.take(&Directive::of(member));
        }
    }

    fn take(&mut self, directive: &Directive<'_>) {
        let mut room = [0; LONGEST_NAME];
        match directive.in_lower_case(&mut room) {
            b"no-store" => self.no_store = true,
            b"no-cache" => match directive.field_names() {
                Some(names) => self.withheld.extend(names),
                None => self.no_cache = true,
            },
            b"private" => match directive.field_names() {
                Some(names) => self.withheld.extend(names),
                None => self.private = true,
            },
            // Where a value is an error, it does not count: this is the one that allows more.
            b"public" => {
                self.public = matches!(directive.argument, Argument::None | Argument::Text(_));
            }
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"immutable" => self.immutable = true,
            b"s-maxage" => directive.lifetime(&mut self.s_maxage),
            b"max-age" => directive.lifetime(&mut self.max_age),
            b"stale-if-error" => directive.lifetime(&mut self.stale_if_error),
            b"stale-while-revalidate" => directive.lifetime(&mut self.stale_while_revalidate),
            // Section 5.2.3: unknown directives are ignored.
            _ => {}
        }
    }

    /// The directives that forbid any stale use (RFC 9111 section 4.2.4). s-maxage is one of
    /// them: it implies proxy-revalidate (section 5.2.2.10).
    pub(crate) fn forbid_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache
    }
}

impl RequestDirectives {
    /// Reads those that are obeyed: only-if-cached always, the rest if `obey` is set.
    pub(crate) fn of(headers: &HeaderMap, obey: bool) -> Self {
        let mut all = RequestDirectives::default();
        for member in lists::members(headers.get_all(header::CACHE_CONTROL)) {
            let directive = Directive::of(member);
            if directive.is("only-if-cached") {
                all.only_if_cached = true;
            } else if obey {
                all.take(&directive);
            }
        }
        all.no_cache |= obey && pragma_no_cache(headers);
        all
    }

    fn take(&mut self, directive: &Directive<'_>) {
        match () {
            () if directive.is("no-cache") => self.no_cache = true,
            () if directive.is("no-store") => self.no_store = true,
            () if directive.is("max-age") => directive.lifetime(&mut self.max_age),
            // The greater of several is the stricter; one that cannot be read asks for nothing.
            () if directive.is("min-fresh") => {
                self.min_fresh = self.min_fresh.max(directive.seconds());
            }
            // Without a value any staleness will do; with one that cannot be read, none.
            () if directive.is("max-stale") => {
                let most = match directive.argument {
                    Argument::None => u64::MAX,
                    _ => directive.seconds().unwrap_or(0),
                };
                self.max_stale = Some(self.max_stale.map_or(most, |other| other.min(most)));
            }
            () => {}
        }
    }
}

/// No name of a directive that is known is longer.
const LONGEST_NAME: usize = "stale-while-revalidate".len();

/// One directive: `name` or `name=value`.
struct Directive<'a> {
    name: &'a [u8],
    argument: Argument<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument<'a> {
    None,
    /// As it stands in Cache-Control: a token or a quoted string (RFC 9111 section 5.2).
    Text(&'a [u8]),
    /// An Integer (RFC 9651 section 3.3.1).
    Number(i64),
    /// The inside of a String (RFC 9651 section 3.3.3).
    String(&'a str),
    /// Of a type that no directive has (RFC 9213 section 2.1).
    Wrong,
}

impl<'a> Directive<'a> {
    /// A member of Cache-Control.
    fn of(member: &'a [u8]) -> Self {
        match member.iter().position(|b| *b == b'=') {
            // White space beside the sign stays in the value, which makes a number unreadable,
            // but not in the name: `no-store =1` is still meant.
            Some(at) => {
                let (name, value) = member.split_at(at);
                let value = value.get(1..).unwrap_or_default();
                let spaced = name.last().is_some_and(u8::is_ascii_whitespace);
                Directive {
                    name: name.trim_ascii_end(),
                    argument: Argument::Text(if spaced { b" " } else { value }),
                }
            }
            None => Directive {
                name: member,
                argument: Argument::None,
            },
        }
    }

    /// A member of a dictionary (RFC 9213 section 2.1), parameters aside; None if it is false. A
    /// value of the wrong type is not used, but what is restricted by the name alone stays so.
    fn of_member(name: &'a str, member: &'a ListEntry) -> Option<Self> {
        let argument = match member {
            ListEntry::InnerList(_) => Argument::Wrong,
            ListEntry::Item(item) => match &item.bare_item {
                BareItem::Boolean(true) => Argument::None,
                BareItem::Boolean(false) => return None,
                BareItem::Integer(number) => Argument::Number(i64::from(*number)),
                BareItem::String(text) => Argument::String(text.as_str()),
                _ => Argument::Wrong,
            },
        };
        Some(Directive {
            name: name.as_bytes(),
            argument,
        })
    }

    /// The name, if it is no longer than any that is known; else nothing.
    fn in_lower_case<'r>(&self, room: &'r mut [u8; LONGEST_NAME]) -> &'r [u8]
    where
        'a: 'r,
    {
        // As nearly all write it.
        if !self.name.iter().any(u8::is_ascii_uppercase) {
            return self.name;
        }
        let Some(name) = room.get_mut(..self.name.len()) else {
            return b"";
        };
        name.copy_from_slice(self.name);
        name.make_ascii_lowercase();
        name
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// delta-seconds (section 1.2.2); in Cache-Control also as a quoted string (section 5.2).
    fn seconds(&self) -> Option<u64> {
        match self.argument {
            Argument::Text(value) => delta_seconds(lists::unquote(value)),
            Argument::Number(number) => Some(u64::try_from(number).ok()?.min(MOST_SECONDS)),
            Argument::None | Argument::String(_) | Argument::Wrong => None,
        }
    }

    /// Section 4.2.1: what cannot be read, or comes twice with different values, is stale.
    fn lifetime(&self, known: &mut Option<u64>) {
        let seconds = self.seconds().unwrap_or(0);
        *known = match *known {
            Some(other) if other != seconds => Some(0),
            _ => Some(seconds),
        };
    }

    /// The fields of the qualified form. None for the unqualified one, for a list that cannot be
    /// read, and for one with fields that nobody could use the rest without, so that the stricter
    /// meaning holds.
    fn field_names(&self) -> Option<Vec<HeaderName>> {
        let list = match self.argument {
            Argument::Text(value) => lists::unquote(value),
            Argument::String(text) => text.as_bytes(),
            Argument::None | Argument::Number(_) | Argument::Wrong => return None,
        };
        let names: Vec<HeaderName> = lists::split(list)
            .map(HeaderName::from_bytes)
            .collect::<Result<_, _>>()
            .ok()?;
        let is_usable = !names.iter().any(is_needed);
        (!names.is_empty() && is_usable).then_some(names)
    }
}

/// Whether a response without this field would be taken for what it is not: by whom it may be had,
/// for how long, or what its bytes are.
fn is_needed(name: &HeaderName) -> bool {
    let needed = [
        header::VARY,
        header::CACHE_CONTROL,
        header::PRAGMA,
        header::EXPIRES,
        header::DATE,
        header::AGE,
        header::CONTENT_ENCODING,
        header::CONTENT_TYPE,
        header::CONTENT_RANGE,
    ];
    needed.contains(name) || targeted::is_targeted(name)
}

/// Digits only; more than can be told apart count as the most (RFC 9111 section 1.2.2).
pub(crate) fn delta_seconds(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some((sum * 10 + digit).min(MOST_SECONDS))
    })
}

/// Pragma: no-cache counts where Cache-Control is absent (RFC 9111 section 5.4).
fn pragma_no_cache(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CACHE_CONTROL)
        && lists::members(headers.get_all(header::PRAGMA))
            .any(|member| member.eq_ignore_ascii_case(b"no-cache"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::targeted::CDN_CACHE_CONTROL;

    fn map(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (header::CACHE_CONTROL, HeaderValue::from_str(line).unwrap()))
            .collect()
    }

    fn response(lines: &[&str]) -> ResponseDirectives {
        ResponseDirectives::of(&Noted::of(&map(lines)), &[])
    }

    /// Of a CDN-Cache-Control beside a Cache-Control.
    fn targeted(value: &'static str, cache_control: &'static str) -> ResponseDirectives {
        let mut headers = map(&[cache_control]);
        headers.insert(CDN_CACHE_CONTROL, HeaderValue::from_static(value));
        ResponseDirectives::of(&Noted::of(&headers), &[CDN_CACHE_CONTROL])
    }

    #[test]
    fn names_have_no_case_and_lines_add_up() {
        let all = response(&["No-Store, MAX-AGE=5", "Must-Revalidate"]);
        assert!(all.no_store && all.must_revalidate);
        assert_eq!(all.max_age, Some(5));
    }

    #[test]
    fn seconds_are_digits_bare_or_quoted() {
        for (line, seconds) in [
            ("max-age=3600", 3600),
            ("max-age=\"3600\"", 3600),
            ("max-age=003600", 3600),
            ("max-age=99999999999999999999999", MOST_SECONDS),
            ("max-age='3600'", 0),
            ("max-age=-1", 0),
            ("max-age=3600.0", 0),
            ("max-age=3600a", 0),
            ("max-age =3600", 0),
            ("max-age= 3600", 0),
            ("max-age=", 0),
            ("max-age", 0),
        ] {
            assert_eq!(response(&[line]).max_age, Some(seconds), "{line}");
        }
    }

    #[test]
    fn what_is_inside_of_quotes_is_no_directive() {
        let all = response(&["ext=\"max-age=3600, no-store\", max-age=1"]);
        assert_eq!(all.max_age, Some(1));
        assert!(!all.no_store);
    }

    #[test]
    fn conflicting_values_are_stale_and_equal_ones_hold() {
        assert_eq!(response(&["max-age=5, max-age=9"]).max_age, Some(0));
        assert_eq!(response(&["max-age=5", "max-age=9"]).max_age, Some(0));
        assert_eq!(response(&["max-age=5", "max-age=5"]).max_age, Some(5));
    }

    #[test]
    fn qualified_forms_name_fields() {
        let all = response(&["no-cache=\"Set-Cookie, x-a\", private=x-b"]);
        assert!(!all.no_cache && !all.private);
        assert_eq!(all.withheld, ["set-cookie", "x-a", "x-b"]);
        for strict in [
            "private",
            "private=",
            "private=\"\"",
            "private=\"a b\"",
            "private=\"a",
            "private=\"x-a, Vary\"",
            "private=\"cdn-cache-control\"",
        ] {
            assert!(response(&[strict]).private, "{strict}");
        }
        assert!(response(&["no-cache=content-encoding"]).no_cache);
    }

    /// RFC 9213 section 2.2.
    #[test]
    fn a_targeted_field_takes_the_place_of_cache_control() {
        let all = targeted("max-age=9, immutable", "no-store, private, s-maxage=1");
        let expected = ResponseDirectives {
            max_age: Some(9),
            immutable: true,
            targeted: true,
            ..ResponseDirectives::default()
        };
        assert_eq!(all, expected);
        assert!(targeted("private", "max-age=9").private);
        let unknown = targeted("extension, other=(1 2);x", "no-store");
        assert!(unknown.targeted && !unknown.no_store);
        let not_ours = ResponseDirectives::of(
            &Noted::of(&HeaderMap::from_iter([(
                CDN_CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            )])),
            &[],
        );
        assert_eq!(not_ours, ResponseDirectives::default());
    }

    /// RFC 9213 section 2.1: what cannot be read as a dictionary, or is empty, counts as absent.
    #[test]
    fn a_targeted_field_that_cannot_be_read_leaves_cache_control_in_place() {
        for value in [
            "",
            "max-age=9, &&&",
            "MAX-AGE=9",
            "max-age =9",
            "max-age= 9",
        ] {
            let all = targeted(value, "max-age=1");
            assert_eq!((all.max_age, all.targeted), (Some(1), false), "{value:?}");
        }
    }

    /// RFC 9213 section 2.1: values have types; the last member of a name counts; parameters do
    /// not.
    #[test]
    fn members_of_a_targeted_field_have_types() {
        for (value, seconds) in [
            ("max-age=3600", Some(3600)),
            ("max-age=3600;x=1", Some(3600)),
            ("max-age=999999999999999", Some(MOST_SECONDS)),
            ("max-age=5, max-age=9", Some(9)),
            ("max-age=-1", Some(0)),
            ("max-age=9.0", Some(0)),
            ("max-age=\"9\"", Some(0)),
            ("max-age=nine", Some(0)),
            ("max-age=(9)", Some(0)),
            ("max-age", Some(0)),
            ("max-age=?0", None),
        ] {
            assert_eq!(targeted(value, "").max_age, seconds, "{value}");
        }
        let fields = targeted("no-cache=\"x-a, X-B\"", "");
        assert_eq!(fields.withheld, ["x-a", "x-b"]);
        for strict in ["no-cache", "no-cache=1", "no-cache=\"a b\"", "no-cache=x-a"] {
            assert!(targeted(strict, "").no_cache, "{strict}");
        }
        assert!(targeted("no-store=1", "").no_store);
        assert!(!targeted("no-store=?0", "").no_store);
        assert!(targeted("public", "").public && !targeted("public=a", "").public);
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        let mut headers = map(&[]);
        headers.insert(header::PRAGMA, HeaderValue::from_static("x, No-Cache"));
        assert!(ResponseDirectives::of(&Noted::of(&headers), &[]).no_cache);
        assert!(RequestDirectives::of(&headers, true).no_cache);
        assert!(!RequestDirectives::of(&headers, false).no_cache);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        assert!(!ResponseDirectives::of(&Noted::of(&headers), &[]).no_cache);
    }

    #[test]
    fn a_client_is_obeyed_only_where_the_policy_says_so() {
        let headers = map(&["no-cache, no-store, max-age=0, min-fresh=9, only-if-cached"]);
        let ignored = RequestDirectives {
            only_if_cached: true,
            ..RequestDirectives::default()
        };
        assert_eq!(RequestDirectives::of(&headers, false), ignored);
        let obeyed = RequestDirectives::of(&headers, true);
        assert!(obeyed.no_cache && obeyed.no_store);
        assert_eq!((obeyed.max_age, obeyed.min_fresh), (Some(0), Some(9)));
    }

    #[test]
    fn max_stale_without_a_value_takes_anything() {
        let of = |line| RequestDirectives::of(&map(&[line]), true).max_stale;
        assert_eq!(of("max-stale"), Some(u64::MAX));
        assert_eq!(of("max-stale=10"), Some(10));
        assert_eq!(of("max-stale=x"), Some(0));
        assert_eq!(of("max-stale, max-stale=3"), Some(3));
    }

    proptest! {
        /// And what both fields hold is told by the one that governs.
        #[test]
        fn never_panics(
            cache_control in "[ -~é]{0,40}",
            targeted in r#"([a-z*-]{0,8}[=; ,]{0,2}[?:@%("0-9a-z.)]{0,8}, ?){0,4}[ -~é]{0,12}"#,
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::try_from(cache_control).unwrap());
            let alone = ResponseDirectives::of(&Noted::of(&headers), &[]);
            let _ = RequestDirectives::of(&headers, true);
            headers.insert(CDN_CACHE_CONTROL, HeaderValue::try_from(targeted).unwrap());
            let both = ResponseDirectives::of(&Noted::of(&headers), &[CDN_CACHE_CONTROL]);
            prop_assert!(both.targeted || both == alone);
        }
    }
}
