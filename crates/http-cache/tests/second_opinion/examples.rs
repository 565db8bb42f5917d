//! An example of each class of disagreement.

use http::{HeaderMap, Method, StatusCode};

use crate::{
    Because,
    common::map,
    question::{Opinion, Question},
    validation::Validation,
};

/// Where each class is told of.
const DOCUMENT: &str = include_str!("../../../../docs/second-opinion.md");

type Given<'a> = &'a [(&'static str, &'static str)];

fn given(fields: Given<'_>) -> HeaderMap {
    let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
    map(&fields.iter().map(own).collect())
}

fn asked(first: Given<'_>, response: Given<'_>, later: Given<'_>, after: u64) -> Question {
    Question {
        first: given(first),
        status: StatusCode::OK,
        response: given(response),
        method: Method::GET,
        later: given(later),
        after,
    }
}

/// Each class is real: here is a question for which nothing but that class explains the
/// disagreement. Should the other learn better, the class goes.
#[test]
fn each_class_has_its_example() {
    use Because::*;
    use Opinion::*;
    let fresh = ("cache-control", "max-age=60");
    let etag = ("etag", "\"a\"");
    let modified = ("last-modified", "Tue, 14 Nov 2023 22:00:00 GMT");
    let expires = |date| ("expires", date);
    let validate = || Ask(Some("\"a\"".to_owned()));
    let head = |question| Question {
        method: Method::HEAD,
        ..question
    };
    let status = |status, question| Question { status, ..question };
    let cc = |value| ("cache-control", value);
    let examples = [
        (
            DirectiveCase,
            asked(&[], &[cc("No-Store, max-age=60")], &[], 1),
            NotStored,
            Fresh(1),
        ),
        (
            DirectiveSyntax,
            asked(&[], &[cc("x=\"a, max-age=60\""), etag], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            RepeatedFields,
            asked(
                &[("x-a", "1")],
                &[fresh, ("vary", "x-a")],
                &[("x-a", "1"), ("x-a", "2")],
                1,
            ),
            Ask(None),
            Fresh(1),
        ),
        (
            ConflictingValues,
            asked(&[], &[cc("max-age=60, max-age=5"), etag], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            StatusWithFreshness,
            status(
                StatusCode::SERVICE_UNAVAILABLE,
                asked(&[], &[fresh], &[], 1),
            ),
            Fresh(1),
            NotStored,
        ),
        (NothingToGain, asked(&[], &[], &[], 1), NotStored, Ask(None)),
        (
            MustUnderstand,
            asked(&[], &[cc("no-store, must-understand, max-age=60")], &[], 1),
            Fresh(1),
            NotStored,
        ),
        (
            PrivateFields,
            asked(&[], &[cc("private=\"x-b\", max-age=60")], &[], 1),
            Fresh(1),
            NotStored,
        ),
        (
            NoCacheFields,
            asked(&[], &[cc("no-cache=\"x-b\", max-age=60"), etag], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            ProxyRevalidate,
            asked(&[], &[cc("proxy-revalidate, max-age=60"), etag], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            SetCookie,
            asked(&[], &[fresh, etag, ("set-cookie", "a=b")], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            CookieHeuristic,
            asked(&[("cookie", "a=b")], &[modified, etag], &[], 1),
            NotStored,
            Fresh(1),
        ),
        (
            VaryStar,
            asked(&[], &[fresh, ("vary", "*")], &[], 1),
            NotStored,
            Ask(None),
        ),
        (
            VaryNormalised,
            asked(
                &[("accept-encoding", "gzip, br")],
                &[fresh, ("vary", "accept-encoding")],
                &[("accept-encoding", "br,gzip")],
                1,
            ),
            Fresh(1),
            Ask(None),
        ),
        (
            Targeted,
            asked(
                &[],
                &[fresh, etag, ("cdn-cache-control", "no-cache")],
                &[],
                1,
            ),
            validate(),
            Fresh(1),
        ),
        (
            StaleWhileRevalidate,
            asked(
                &[],
                &[cc("max-age=60, stale-while-revalidate=60"), etag],
                &[],
                99,
            ),
            ServeAndAsk(Some("\"a\"".to_owned())),
            validate(),
        ),
        (
            DateForms,
            asked(&[], &[etag, expires("Tue Nov 14 22:14:20 2023")], &[], 1),
            Fresh(1),
            validate(),
        ),
        (
            ApparentAge,
            asked(
                &[],
                &[fresh, etag, ("date", "Tue, 14 Nov 2023 22:12:20 GMT")],
                &[],
                1,
            ),
            validate(),
            Fresh(1),
        ),
        (
            AgeList,
            asked(&[], &[fresh, etag, ("age", "60, 0")], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            MaxStale,
            asked(&[], &[cc("s-maxage=60"), etag], &[cc("max-stale")], 99),
            validate(),
            Fresh(99),
        ),
        (
            OnlyIfCached,
            asked(&[], &[fresh, etag], &[cc("only-if-cached")], 99),
            Ask(None),
            validate(),
        ),
        (
            HeadFromGet,
            head(asked(&[], &[fresh], &[], 1)),
            Fresh(1),
            Ask(None),
        ),
        (
            Pragma,
            asked(&[], &[fresh, etag], &[("pragma", "no-cache"), cc("x")], 1),
            Fresh(1),
            validate(),
        ),
        (
            Immutable,
            asked(&[], &[cc("immutable"), etag], &[], 1),
            validate(),
            Fresh(1),
        ),
        (
            ImmutableReload,
            asked(
                &[],
                &[cc("max-age=60, immutable"), etag],
                &[cc("max-age=0")],
                1,
            ),
            Fresh(1),
            validate(),
        ),
    ];
    for (class, question, ours, theirs) in examples {
        assert!(DOCUMENT.contains(&format!("\n| {class:?} |")), "{class:?}");
        assert_eq!(
            (question.ours(), question.theirs()),
            (ours.clone(), theirs.clone()),
            "{class:?}"
        );
        assert_eq!(question.because(&ours, &theirs), Some(class));
    }
}

#[test]
fn each_class_of_updates_has_its_example() {
    let fresh = ("cache-control", "max-age=60");
    let etag = ("etag", "\"a\"");
    let weak = ("etag", "W/\"a\"");
    let modified = ("last-modified", "Tue, 14 Nov 2023 22:00:00 GMT");
    let no_store = ("cache-control", "no-store");
    for (class, stored, not_modified, are_kept) in [
        (
            Because::NotModifiedMatch,
            &[fresh, weak][..],
            &[etag][..],
            (false, true),
        ),
        (
            Because::NotModifiedMatch,
            &[fresh, modified],
            &[],
            (true, false),
        ),
        (
            Because::NotModifiedFields,
            &[fresh, etag],
            &[etag, ("x-b", "1")],
            (true, true),
        ),
        (
            Because::NotModifiedForbids,
            &[fresh, etag],
            &[etag, no_store],
            (false, true),
        ),
    ] {
        assert!(DOCUMENT.contains(&format!("\n| {class:?} |")), "{class:?}");
        let validation = Validation {
            question: asked(&[], stored, &[], 1),
            not_modified: given(not_modified),
        };
        let (ours, theirs) = (validation.ours(), validation.theirs());
        assert_eq!((ours.is_some(), theirs.is_some()), are_kept, "{class:?}");
        assert_ne!(ours, theirs, "{class:?}");
        assert_eq!(
            validation.because(ours.as_ref(), theirs.as_ref()),
            Some(class)
        );
    }
}
