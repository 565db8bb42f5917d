//! Whatever the text is, the answer is a document or problems, never a panic.

use std::path::Path;

use proptest::prelude::*;

fn answers(text: &str) {
    if let Err(problems) = perigee_config::parse(text, Path::new("cdn.toml")) {
        assert!(
            !problems.is_empty(),
            "no document, and no problem either: {text:?}"
        );
        for problem in problems {
            assert!(problem.line >= 1 && problem.column >= 1);
            assert!(problem.to_string().contains(": error: "));
        }
    }
}

/// A good file, to be damaged.
const GOOD: &str = include_str!("../../examples/production.toml");

proptest! {
    #[test]
    fn arbitrary_text(text in ".*") {
        answers(&text);
    }

    #[test]
    fn arbitrary_keys_and_values(lines in proptest::collection::vec(
        ("(\\[\\[?(cdn|dns|pops|edges|services|storage|services\\.cache)\\]?\\])?", "(name|pop|listen|zone|origins|memory|x)", "(\"[^\"\\\\]{0,9}\"|\\[\\]|-?[0-9]{1,20}|[0-9]\\.5|nan|true|\\{\\}|\\[[0-9],\"é\"\\]|1979-05-27)"),
        0..12,
    )) {
        let lines = lines.iter().map(|(table, key, value)| format!("{table}\n{key} = {value}\n"));
        answers(&lines.collect::<String>());
    }

    #[test]
    fn a_good_file_cut_and_overwritten(at in 0..GOOD.len(), length in 0..80_usize, put in "\\PC{0,6}") {
        let end = (at + length).min(GOOD.len());
        let (Some(before), Some(after)) = (GOOD.get(..at), GOOD.get(end..)) else {
            return Ok(());
        };
        answers(&format!("{before}{put}{after}"));
    }
}

#[test]
fn deeply_nested() {
    answers(&"[".repeat(100_000));
    answers(&format!("a = {}", "[".repeat(100_000)));
    answers(&format!("[{}a]", "a.".repeat(100_000)));
}
