//! What is stored, by the query of a URL.

use form_urlencoded::parse;
use perigee_edge::{ListQuestion, Listing, Shown};

use super::{Managed, NotDone};

/// A page of what is stored.
pub(super) async fn list(node: &dyn Managed, query: Option<&str>) -> Result<Listing, NotDone> {
    let parameters = parse(query.unwrap_or_default().as_bytes());
    let question = ListQuestion::parse(parameters).map_err(NotDone::Wrong)?;
    node.list(&question).await
}

/// What is stored under the URL that the query names.
pub(super) async fn show(node: &dyn Managed, query: Option<&str>) -> Result<Shown, NotDone> {
    let mut parameters = parse(query.unwrap_or_default().as_bytes());
    let url = match (parameters.next(), parameters.next()) {
        (Some((name, url)), None) if name == "url" => url,
        _ => {
            let expected = "expected /cache/entry?url=http://HOST/PATH, percent-encoded";
            return Err(NotDone::Wrong(expected.to_owned()));
        }
    };
    node.show(&url).await
}

/// The path and query that ask for a page.
pub(super) fn list_target(question: &ListQuestion) -> String {
    target("/cache", question.parameters())
}

/// The path and query that ask for a URL.
pub(super) fn show_target(url: &str) -> String {
    target("/cache/entry", [("url", url.to_owned())])
}

fn target(path: &str, parameters: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_what_is_asked_for() {
        assert_eq!(list_target(&ListQuestion::default()), "/cache");
        let question = ListQuestion {
            tag: Some("a b&c".to_owned()),
            most: Some(5),
            ..ListQuestion::default()
        };
        let target = list_target(&question);
        assert_eq!(target, "/cache?tag=a+b%26c&most=5");
        let query = target.split_once('?').map(|(_, query)| query);
        let parameters = parse(query.unwrap_or_default().as_bytes());
        assert_eq!(ListQuestion::parse(parameters), Ok(question));
        assert_eq!(
            show_target("http://a.test/x?y=1"),
            "/cache/entry?url=http%3A%2F%2Fa.test%2Fx%3Fy%3D1"
        );
    }
}
