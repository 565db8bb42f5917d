//! URI references (RFC 3986), as far as a cache needs them: which target of its own origin does a
//! Location mean?

use crate::{CacheKey, Scheme};

/// What a request is for: its target URI (RFC 9110 section 7.1).
#[derive(Clone, Copy, Debug)]
pub struct TargetUri<'a> {
    /// The scheme that the client came by.
    pub scheme: Scheme,
    /// Host, with its port if it has one.
    pub host: &'a str,
    /// The path and the query.
    pub path_and_query: &'a str,
}

/// The path and query that a reference means, if it is of the origin of `base` (RFC 3986 section
/// 5.2, RFC 9110 section 4.3.1). What has user information is of no origin here.
pub(crate) fn same_origin(base: TargetUri<'_>, reference: &str) -> Option<String> {
    // Not allowed in any URI; whoever sends it may mean anything.
    if reference.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return None;
    }
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = split_scheme(reference);
    let scheme = match scheme {
        None => base.scheme,
        Some(name) if name.eq_ignore_ascii_case("http") => Scheme::Http,
        Some(name) if name.eq_ignore_ascii_case("https") => Scheme::Https,
        Some(_) => return None,
    };
    if let Some(rest) = rest.strip_prefix("//") {
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let origin = |scheme, host| CacheKey::new(scheme, host, "/").origin().to_owned();
        if authority.is_empty() || origin(scheme, authority) != origin(base.scheme, base.host) {
            return None;
        }
        let (path, query) = split_query(target);
        return Some(put_together(&remove_dot_segments(path), query));
    }
    // A scheme without an authority is no http URI (RFC 9110 section 4.2).
    if reference.len() != rest.len() {
        return None;
    }
    let (base_path, base_query) = split_query(base.path_and_query);
    let (path, query) = split_query(rest);
    Some(match path {
        "" => put_together(base_path, query.or(base_query)),
        path if path.starts_with('/') => put_together(&remove_dot_segments(path), query),
        path => {
            let folder = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
            put_together(&remove_dot_segments(&format!("{folder}{path}")), query)
        }
    })
}

/// Section 3.1. A colon later than the first segment begins no scheme.
fn split_scheme(reference: &str) -> (Option<&str>, &str) {
    let is_scheme = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    match reference.split_once(':') {
        Some((name, rest)) if is_scheme(name) => (Some(name), rest),
        _ => (None, reference),
    }
}

fn split_query(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

fn put_together(path: &str, query: Option<&str>) -> String {
    // RFC 9110 section 4.2.3: an empty path is `/`.
    let path = if path.is_empty() { "/" } else { path };
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// Section 5.2.4, for paths that begin with `/` or are empty.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    kept.iter()
        .fold(String::with_capacity(path.len()), |mut path, segment| {
            path.push('/');
            path.push_str(segment);
            path
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(path_and_query: &str, reference: &str) -> Option<String> {
        let base = TargetUri {
            scheme: Scheme::Http,
            host: "a",
            path_and_query,
        };
        same_origin(base, reference)
    }

    #[test]
    fn the_examples_of_rfc_3986_section_5_4() {
        for (reference, target) in [
            ("g:h", None),
            ("g", Some("/b/c/g")),
            ("./g", Some("/b/c/g")),
            ("g/", Some("/b/c/g/")),
            ("/g", Some("/g")),
            ("//g", None),
            ("?y", Some("/b/c/d;p?y")),
            ("g?y", Some("/b/c/g?y")),
            ("#s", Some("/b/c/d;p?q")),
            ("g#s", Some("/b/c/g")),
            ("g?y#s", Some("/b/c/g?y")),
            (";x", Some("/b/c/;x")),
            ("g;x?y#s", Some("/b/c/g;x?y")),
            ("", Some("/b/c/d;p?q")),
            (".", Some("/b/c/")),
            ("./", Some("/b/c/")),
            ("..", Some("/b/")),
            ("../g", Some("/b/g")),
            ("../..", Some("/")),
            ("../../g", Some("/g")),
            ("../../../g", Some("/g")),
            ("../../../../g", Some("/g")),
            ("/./g", Some("/g")),
            ("/../g", Some("/g")),
            ("g.", Some("/b/c/g.")),
            ("..g", Some("/b/c/..g")),
            ("./../g", Some("/b/g")),
            ("./g/.", Some("/b/c/g/")),
            ("g/./h", Some("/b/c/g/h")),
            ("g/../h", Some("/b/c/h")),
            ("g;x=1/../y", Some("/b/c/y")),
            ("g?y/../x", Some("/b/c/g?y/../x")),
            ("http:g", None),
        ] {
            let resolved = from("/b/c/d;p?q", reference);
            assert_eq!(resolved.as_deref(), target, "{reference}");
        }
    }

    #[test]
    fn only_the_same_scheme_host_and_port_are_the_same_origin() {
        for (reference, target) in [
            ("http://a/x?y", Some("/x?y")),
            ("HTTP://A:80/x", Some("/x")),
            ("//a/x", Some("/x")),
            ("http://a", Some("/")),
            ("http://a?y", Some("/?y")),
            ("http://a/b/../x", Some("/x")),
            ("https://a/x", None),
            ("https://a:80/x", None),
            ("http://a:8080/x", None),
            ("http://b/x", None),
            ("http://a.b/x", None),
            ("http://u@a/x", None),
            ("http:///x", None),
            ("ftp://a/x", None),
            ("//a\\@b/x", None),
            ("/x y", None),
        ] {
            assert_eq!(from("/", reference).as_deref(), target, "{reference}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_resolved_is_a_target_without_dot_segments(
            base in "/[a./?]{0,12}",
            reference in "[a./?#:]{0,16}",
        ) {
            if let Some(target) = from(&base, &reference) {
                proptest::prop_assert!(target.starts_with('/'));
                let from_reference = !reference.starts_with(['?', '#']) && !reference.is_empty();
                let path = split_query(&target).0;
                if from_reference {
                    proptest::prop_assert!(path.split('/').all(|s| s != "." && s != ".."));
                }
            }
        }
    }
}
