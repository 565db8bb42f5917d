//! Services, their hosts and rules.

use super::{GOOD, check, problems, with_rule};

#[test]
fn hosts_claimed_twice() {
    let second = |host: &str| {
        format!(
            "[[services]]\nname = \"two\"\nhosts = [{host:?}]\norigins = [\"./a\"]\n[[services]]"
        )
    };
    check(
        "[[services]]",
        &second("WWW.example.com"),
        (29, 10),
        "the host \"www.example.com\" is claimed twice",
        "on line 25",
    );
    // The host that a service has by its name.
    check(
        "[[services]]",
        &second("www.cdn.example"),
        (28, 8),
        "the host \"www.cdn.example\" is claimed twice",
        "on line 25",
    );
    // Its own may be written out.
    let own = GOOD.replace("\"www.example.com\"", "\"www.cdn.example\"");
    assert_eq!(problems(&own), []);
}

#[test]
fn services_that_cannot_be() {
    let alone = "[[pops]]\nname = \"a\"\nlatitude = 1\nlongitude = 1\n[[edges]]\nname = \"a\"\npop = \"a\"\nlisten = [\"127.0.0.1:1\"]\n";
    let nothing = problems(alone);
    assert_eq!(
        (nothing[0].line, nothing[0].message.as_str()),
        (6, "\"a\" has nothing to serve")
    );
    let no_host = problems(&format!(
        "{alone}[[services]]\nname = \"www\"\norigins = [\"./a\"]\n"
    ));
    assert_eq!(
        (no_host[0].line, no_host[0].message.as_str()),
        (10, "the service \"www\" answers for no host")
    );
    check(
        "\nname = \"ns1\"",
        "\nname = \"www\"",
        (21, 8),
        "www.cdn.example is the name of a service too (line 24)",
        "another name",
    );
}

#[test]
fn rules_say_something_and_do_not_contradict_themselves() {
    for (keys, message) in [
        ("paths = [\"/a/*\"]", "this rule changes nothing"),
        (
            "bypass = true\nttl = \"1h\"",
            "what passes by the store has no lifetime in it",
        ),
        (
            "cookies = \"ignore\"\nstatuses = [302]",
            "`statuses` says what `ttl` is for, and there is none",
        ),
    ] {
        let found = with_rule(keys);
        let [only] = found.as_slice() else {
            panic!("one problem expected, not {found:#?}");
        };
        assert_eq!(only.message, message);
        assert_eq!(only.line, GOOD.lines().count() + 1, "{only}");
    }
    assert!(with_rule("with_cookies = [\"session\"]\nbypass = true").is_empty());
    assert!(with_rule("ttl = \"0s\"\nstatuses = [200, 302]").is_empty());
}

#[test]
fn lists_of_a_rule_have_bounds() {
    let many = vec!["\"/a\""; 65].join(", ");
    let found = with_rule(&format!("bypass = true\npaths = [{many}]"));
    assert_eq!(
        found[0].message,
        "this list has 65 entries: write at most 64"
    );
    let found = with_rule("bypass = true\npaths = [\"/a?b\"]");
    assert!(
        found[0]
            .message
            .contains("the query is no part of the path"),
        "{found:#?}"
    );
}
