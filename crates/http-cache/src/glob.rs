//! Patterns for paths and names.

/// A pattern in which `*` stands for any run of characters, `/` included, and every other
/// character for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// A pattern. Runs of `*` are one.
    pub fn new(pattern: &str) -> Self {
        let mut text = String::with_capacity(pattern.len());
        for c in pattern.chars() {
            if c != '*' || !text.ends_with('*') {
                text.push(c);
            }
        }
        Glob(text)
    }

    /// Whether all of `text` is of this pattern.
    pub fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut p, mut t) = (0, 0);
        // Where to go on when what follows the last star does not match: one byte later.
        let mut again = None;
        while t < text.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    again = Some((p + 1, t));
                    p += 1;
                }
                Some(byte) if Some(byte) == text.get(t) => (p, t) = (p + 1, t + 1),
                _ => {
                    let Some((after_star, from)) = again else {
                        return false;
                    };
                    again = Some((after_star, from + 1));
                    (p, t) = (after_star, from + 1);
                }
            }
        }
        pattern
            .get(p..)
            .is_some_and(|rest| matches!(rest, b"" | b"*"))
    }
}

impl AsRef<str> for Glob {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, text, matches) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a*", "/a", true),
            ("/a*", "/a/b/c", true),
            ("*.css", "/x.css", true),
            ("*.css", "/x.css?", false),
            ("/*/img/*.png", "/a/b/img/c/d.png", true),
            ("/*/img/*.png", "/img/c.png", false),
            ("a**b", "ab", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*aab", "aaab", true),
        ] {
            let glob = Glob::new(pattern);
            assert_eq!(glob.matches(text.as_bytes()), matches, "{pattern} {text}");
        }
    }

    proptest! {
        /// The definition, with no thought of speed.
        #[test]
        fn is_what_a_star_means(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            fn means(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|n| means(rest, &text[n..])),
                    Some((byte, rest)) => text.first() == Some(byte) && means(rest, &text[1..]),
                }
            }
            let expected = means(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Glob::new(&pattern).matches(text.as_bytes()), expected);
        }
    }
}
