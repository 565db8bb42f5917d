//! Which of what is stored is asked for, as the query of a URL says it.

use std::time::SystemTime;

use perigee_storage::{Ask, MOST_ON_A_PAGE, Only, Tier};

/// Keys on a page, if nothing is said of it.
const USUAL: usize = 100;

/// Which of what is stored is asked for, as a person writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuestion {
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Keys on a page; 100 if nothing is said of it.
    pub most: Option<usize>,
    /// `memory` or `disk`.
    pub tier: Option<String>,
    /// A host; with a port, or of all ports.
    pub host: Option<String>,
    /// What keys begin with: a URL, or without its scheme that of both schemes.
    pub prefix: Option<String>,
    /// A tag of Surrogate-Key or Cache-Tag.
    pub tag: Option<String>,
    /// Whether only what is stale is wanted.
    pub stale: bool,
}

impl ListQuestion {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// A text that names what is wrong with which of them.
    pub fn parse<N, V>(parameters: impl Iterator<Item = (N, V)>) -> Result<Self, String>
    where
        N: AsRef<str>,
        V: Into<String>,
    {
        let mut question = ListQuestion::default();
        for (name, value) in parameters {
            let value: String = value.into();
            match name.as_ref() {
                "cursor" => question.cursor = Some(value),
                "most" => question.most = Some(number(&value)?),
                "tier" => question.tier = Some(value),
                "host" => question.host = Some(value),
                "prefix" => question.prefix = Some(value),
                "tag" => question.tag = Some(value),
                "stale" => question.stale = yes(&value)?,
                other => {
                    return Err(format!(
                        "{other:?} is no parameter of this: there are cursor, most, tier, host, prefix, \
                         tag and stale"
                    ));
                }
            }
        }
        question.ask(SystemTime::UNIX_EPOCH).map(|_| question)
    }

    /// The parameters that say it.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let text = [
            ("cursor", &self.cursor),
            ("tier", &self.tier),
            ("host", &self.host),
            ("prefix", &self.prefix),
            ("tag", &self.tag),
        ];
        let text = text.into_iter();
        let text = text.filter_map(|(name, value)| Some((name, value.clone()?)));
        let most = self.most.map(|most| ("most", most.to_string()));
        let stale = self.stale.then(|| ("stale", "true".to_owned()));
        text.chain(most).chain(stale).collect()
    }

    pub(super) fn ask(&self, now: SystemTime) -> Result<Ask, String> {
        let cursor = |text: &String| {
            let wrong =
                |_| format!("cursor {text:?} is none: leave it out, or send the `next` of a page");
            text.parse().map_err(wrong)
        };
        Ok(Ask {
            after: self.cursor.as_ref().map(cursor).transpose()?,
            most: self.most.unwrap_or(USUAL),
            only: Only {
                tier: self.tier.as_deref().map(tier).transpose()?,
                host: self.host.clone(),
                prefix: self.prefix.as_deref().map(prefix).transpose()?,
                tag: self.tag.clone(),
                stale: self.stale,
            },
            now,
        })
    }
}

fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|n| (1..=MOST_ON_A_PAGE).contains(n));
    number.ok_or_else(|| format!("most is {text:?}: write a number from 1 to {MOST_ON_A_PAGE}"))
}

fn yes(text: &str) -> Result<bool, String> {
    match text {
        "" | "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("stale is {text:?}: write true or false")),
    }
}

fn tier(text: &str) -> Result<Tier, String> {
    match text {
        "memory" => Ok(Tier::Memory),
        "disk" => Ok(Tier::Disk),
        _ => Err(format!("tier is {text:?}: write memory or disk")),
    }
}

/// What stands in keys behind `://`.
fn prefix(text: &str) -> Result<String, String> {
    match text.split_once("://") {
        // A `/` before it: it stands in the path.
        Some((before, _)) if before.contains('/') => Ok(text.to_owned()),
        Some(("http" | "https", rest)) => Ok(rest.to_owned()),
        Some(_) => Err(format!(
            "prefix {text:?}: write the beginning of a URL, such as www.example.com/img/"
        )),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(parameters: &[(&str, &str)]) -> Result<ListQuestion, String> {
        ListQuestion::parse(parameters.iter().copied())
    }

    #[test]
    fn a_question_is_read_as_it_was_written() {
        let all = [
            ("cursor", "0123456789abcdef"),
            ("tier", "disk"),
            ("host", "a.test"),
            ("prefix", "https://a.test/x"),
            ("tag", "t"),
            ("most", "7"),
            ("stale", "true"),
        ];
        let question = parsed(&all).unwrap();
        let again = question.parameters();
        let again: Vec<_> = again.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(again, all);
        let ask = question.ask(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((ask.most, ask.only.tier), (7, Some(Tier::Disk)));
        assert_eq!(ask.only.prefix.as_deref(), Some("a.test/x"));
        assert!(ask.after.is_some() && ask.only.stale);
        assert!(parsed(&[]).unwrap().parameters().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value, says) in [
            ("cursor", "x", "cursor"),
            ("most", "0", "1 to 1000"),
            ("most", "1001", "1 to 1000"),
            ("most", "", "1 to 1000"),
            ("tier", "tape", "memory or disk"),
            ("stale", "1", "true or false"),
            ("prefix", "ftp://a.test/", "www.example.com"),
            ("prefx", "a.test/", "prefix"),
        ] {
            let wrong = parsed(&[(name, value)]).unwrap_err();
            assert!(wrong.contains(says), "{wrong}");
        }
        assert!(parsed(&[("prefix", "a.test/go?to=http://b.test")]).is_ok());
    }
}
