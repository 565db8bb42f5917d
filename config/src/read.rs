//! Text to typed tables, with every mistake found at once: each mistake is noted, the key it is in
//! taken out, and the rest read again.

use std::{ops::Range, path::Path};

use serde::Deserialize;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use crate::{
    problem::{Problem, blot},
    sections::File,
    suggest::{list, nearest},
};

/// Mistakes that are reported at once.
const MOST_PROBLEMS: usize = 20;

/// The file, read; or what is wrong with its keys and values.
pub(crate) fn read(text: &str, file: &Path) -> Result<File, Vec<Problem>> {
    let mut root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => return Err(vec![problem(text, file, &error)]),
    };
    let mut problems = Vec::new();
    let mut damaged: Vec<Range<usize>> = Vec::new();
    loop {
        let error = match File::deserialize(Deserializer::from(root.clone())) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        // What lacks only what was taken out of it is not wrong.
        if !damaged.contains(&span) {
            problems.push(problem(text, file, &error));
        }
        let root_span = root.span();
        let removed = remove(root.get_mut(), &root_span, &span);
        match removed {
            Some(parent) if problems.len() < MOST_PROBLEMS => damaged.push(parent),
            _ => return Err(problems),
        }
    }
}

/// Takes out the key, or the element of an array, that stands at `span`; answers with where what
/// it was in stands.
fn remove(table: &mut DeTable<'_>, at: &Range<usize>, span: &Range<usize>) -> Option<Range<usize>> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let value_span = value.span();
        if key.span() == *span {
            found = Some(key.clone());
            break;
        }
        if let Some(parent) = remove_inside(value.get_mut(), &value_span, span) {
            return Some(parent);
        }
        if value_span == *span {
            found = Some(key.clone());
            break;
        }
    }
    table.remove(&found?).map(|_| at.clone())
}

fn remove_inside(
    value: &mut DeValue<'_>,
    at: &Range<usize>,
    span: &Range<usize>,
) -> Option<Range<usize>> {
    match value {
        DeValue::Table(table) => remove(table, at, span),
        DeValue::Array(array) => {
            for element in array.iter_mut() {
                let element_span = element.span();
                let parent = remove_inside(element.get_mut(), &element_span, span);
                if parent.is_some() {
                    return parent;
                }
            }
            let before = array.len();
            let others = std::mem::replace(array, DeArray::new()).into_iter();
            *array = others.filter(|element| element.span() != *span).collect();
            (array.len() < before).then(|| at.clone())
        }
        _ => None,
    }
}

/// A parser's error as a problem, in the words of the file's format.
fn problem(text: &str, file: &Path, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or_default();
    let at = text.get(span.start..).unwrap_or_default();
    let (message, help) = reword(error.message(), at);
    let new = |text: &str| Problem::new(file.to_owned(), text, &span, message, help);
    match may_be_a_secret(error.message()) {
        true => new(&blot::value(text, &span)),
        false => new(text),
    }
}

/// Whether a key that is not known stands where secrets do, and may have been meant as one.
fn may_be_a_secret(message: &str) -> bool {
    let mut expected = message.split('`').skip(3).step_by(2);
    message.starts_with("unknown field") && expected.any(blot::is_secret)
}

/// Speaks of keys where the parser speaks of fields, and suggests the nearest. `at`: the text from
/// where the mistake is.
fn reword(message: &str, at: &str) -> (String, Option<String>) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, expected)) if message.starts_with("unknown field") => {
            let all = match expected {
                [] => "no keys are expected here".to_owned(),
                [only] => format!("the only key here is `{only}`"),
                several => format!("expected one of {}", list(several.iter().copied(), "or")),
            };
            let help = match nearest(unknown, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? {all}"),
                None => all,
            };
            (format!("unknown key `{unknown}`"), Some(help))
        }
        Some((unknown, expected)) if message.starts_with("unknown variant") => (
            format!("\"{unknown}\" is not known here"),
            Some(format!(
                "expected one of {}",
                list(expected.iter().copied(), "or")
            )),
        ),
        Some((missing, _)) if message.starts_with("missing field") => {
            (format!("the key `{missing}` is missing"), None)
        }
        _ => match not_a_list(message, at) {
            Some(problem) => problem,
            None if message.ends_with(", expected a boolean") => {
                let help = "write true or false, without quotes".to_owned();
                (message.to_owned(), Some(help))
            }
            None if message.starts_with("string values must be quoted") && is_nothing(at) => {
                let help = "write one behind `=`".to_owned();
                ("the value is missing".to_owned(), Some(help))
            }
            None if message.starts_with("invalid type: sequence, expected ") => {
                let expected = message.rsplit_once(", expected ").map_or("", |it| it.1);
                let help = format!("expected {expected}, without brackets");
                (
                    "this is one value, not a list of them".to_owned(),
                    Some(help),
                )
            }
            None if message.starts_with("invalid boolean") => {
                let help = "write true or false, or text in quotes".to_owned();
                (message.to_owned(), Some(help))
            }
            None => (message.to_owned(), None),
        },
    }
}

/// Whether nothing stands there, up to the end of the line.
fn is_nothing(at: &str) -> bool {
    let line = at.lines().next().unwrap_or_default().trim_start();
    line.is_empty() || line.starts_with('#')
}

/// One value where a list of them is expected.
fn not_a_list(message: &str, at: &str) -> Option<(String, Option<String>)> {
    let found = message.strip_prefix("invalid type: ")?;
    let found = found.strip_suffix(", expected a sequence")?;
    let help = match found.strip_prefix("string ") {
        Some(text) => format!("write [{text}]"),
        None if found == "map" => match heading(at) {
            Some(name) => format!("write [[{name}]] in place of [{name}]"),
            None => "write it in brackets: [{ … }]".to_owned(),
        },
        None => "write it in brackets: [ … ]".to_owned(),
    };
    Some((format!("this is a list, not one {found}"), Some(help)))
}

/// The name of the table whose heading stands there.
fn heading(at: &str) -> Option<&str> {
    let (name, _) = at.strip_prefix('[')?.split_once(']')?;
    Some(name.trim())
}
