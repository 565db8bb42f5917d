//! Each class of mistake: where it is pointed at, and what is said.

mod dns;
mod format;
mod nodes;
mod services;
mod storage;
mod trust;
mod values;

use std::path::Path;

use perigee_config::{Problem, parse};

/// A file that is good, with parts to break.
const GOOD: &str = r#"[cdn]
secret = "0123456789abcdef"
[dns]
zone = "cdn.example"
[[pops]]
name = "fra"
latitude = 50.11
longitude = 8.68
[[edges]]
name = "fra-1"
pop = "fra"
listen = ["127.0.11.1:8080"]
[[edges]]
name = "fra-2"
pop = "fra"
listen = ["127.0.11.2:8080"]
[[shields]]
name = "shield-1"
listen = ["127.0.31.1:8080"]
[[geodns]]
name = "ns1"
listen = ["127.0.41.1:5300"]
[[services]]
name = "www"
hosts = ["www.example.com"]
origins = ["http://127.0.0.1:3000"]
"#;

fn problems(text: &str) -> Vec<Problem> {
    match parse(text, Path::new("cdn.toml")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    }
}

/// The only problem of the good file with `from` replaced by `to`.
#[track_caller]
fn broken(from: &str, to: &str) -> Problem {
    assert!(GOOD.contains(from), "{from:?} is in the good file");
    let found = problems(&GOOD.replacen(from, to, 1));
    let [only] = found.as_slice() else {
        panic!("one problem expected, not {found:#?}");
    };
    only.clone()
}

/// Breaks the good file and checks the place, the message and a part of the help.
#[track_caller]
fn check(from: &str, to: &str, place: (usize, usize), message: &str, help: &str) {
    let problem = broken(from, to);
    assert_eq!((problem.line, problem.column), place, "{problem}");
    assert_eq!(problem.message, message);
    let said = problem.help.unwrap_or_default();
    assert!(said.contains(help), "{said:?} has no {help:?}");
}

/// Puts a rule into the good file, and says where it begins: the last line but what it says.
fn with_rule(keys: &str) -> Vec<Problem> {
    problems(&format!("{GOOD}[[services.cache.rules]]\n{keys}\n"))
}

#[test]
fn the_good_file_is_good() {
    assert_eq!(problems(GOOD), []);
}
