//! Values that cannot be.

use super::broken;

#[test]
fn values_that_cannot_be() {
    let zone = "zone = \"cdn.example\"";
    for (from, to, place, message) in [
        (
            zone,
            "zone = \"cdn_.example:53\"",
            (4, 8),
            "\"cdn_.example:53\" is not a DNS name: write it without a port",
        ),
        (
            zone,
            "zone = \"a\"\nttl = \"20 parsecs\"",
            (5, 7),
            "\"20 parsecs\" is not a duration: write a number and a unit, such as \"500ms\", \"20s\", \"10m\" or \"1h\"",
        ),
        (
            zone,
            "zone = \"a\"\nttl = 20",
            (5, 7),
            "20 has no unit: write a number and a unit, such as \"500ms\", \"20s\", \"10m\" or \"1h\"",
        ),
        (
            zone,
            "zone = \"a\"\nanswers = 0",
            (5, 11),
            "0 is out of range: write a whole number from 1 to 16",
        ),
        (
            zone,
            "zone = \"a\"\nanswers = 99999999999999999999",
            (5, 11),
            "99999999999999999999 is out of range: write a whole number from 1 to 16",
        ),
        (
            zone,
            "zone = \"a\"\ncontact = \"a b@c\"",
            (5, 11),
            "\"a b@c\" is not a mailbox: before the @ stand letters, digits and `-_.+`; expected a mailbox, such as \"hostmaster@cdn.example\"",
        ),
        (
            "50.11",
            "91",
            (7, 12),
            "91 is out of range: write a number from -90 to 90",
        ),
        (
            "8.68",
            "-180.5",
            (8, 13),
            "-180.5 is out of range: write a number from -180 to 180",
        ),
        (
            "\"fra-1\"",
            "\"fra 1\"",
            (10, 8),
            "\"fra 1\" is not a name: write a letter, then letters, digits, `-`, `_` and `.`, at most 63 of them",
        ),
        (
            "\"127.0.11.1:8080\"",
            "\"localhost:80\"",
            (12, 11),
            "\"localhost:80\" is not an address: write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        ),
        (
            "\"127.0.11.1:8080\"",
            "",
            (12, 10),
            "this list is empty: write at least one",
        ),
        (
            "\"www.example.com\"",
            "\"www.example.com:80\"",
            (25, 10),
            "\"www.example.com:80\" is not a host: write it without a port; expected a host, such as \"www.example.com\", \"*.example.com\" or \"*\"",
        ),
        (
            "\"http://127.0.0.1:3000\"",
            "\"localhost:3000\"",
            (26, 12),
            "\"localhost:3000\" is not an origin: write \"http://localhost:3000\" if it is a host, \"./localhost:3000\" if it is a folder",
        ),
        (
            "\"http://127.0.0.1:3000\"",
            "{ url = \"http://a\", sni = \"b\" }",
            (26, 12),
            "`sni` and `ca` are for https:// origins, and this one is http://",
        ),
        (
            "[[services]]",
            "[storage]\nmemory = \"12KiB\"\n[[services]]",
            (24, 10),
            "12KiB is too small: at least 1MiB",
        ),
        (
            "[[services]]",
            "[storage]\nmemory = \"1 parsec\"\n[[services]]",
            (24, 10),
            "\"1 parsec\" is not a size: write a size, such as \"256MiB\", \"1GB\" or a number of bytes",
        ),
        (
            "[[services]]",
            "[storage]\nprefault = \"32\"\n[[services]]",
            (24, 12),
            "\"32\" has no unit: write \"32MiB\", or 32 without quotes for bytes",
        ),
        (
            "[[services]]",
            "[storage]\nprefault = -1\n[[services]]",
            (24, 12),
            "-1 is not a size: write a size, such as \"256MiB\", \"1GB\" or a number of bytes",
        ),
        (
            "[[services]]",
            "[storage]\nmax_object_share = 1.5\n[[services]]",
            (24, 20),
            "1.5 is out of range: write a number above 0 and up to 1",
        ),
        (
            "[[services]]",
            "[health]\npanic_share = -0.1\n[[services]]",
            (24, 15),
            "-0.1 is out of range: write a number from 0 to 1",
        ),
        (
            "[[services]]",
            "[ring]\nload_factor = 1.0\n[[services]]",
            (24, 15),
            "1 is out of range: write a number from 1.05 to 100",
        ),
        (
            "[[services]]",
            "[limits]\nmax_head = \"1KiB\"\n[[services]]",
            (24, 12),
            "1KiB is too small: at least 8KiB",
        ),
        (
            "[[services]]",
            "[limits]\nidle_timeout = \"0s\"\n[[services]]",
            (24, 16),
            "\"0s\" is too short: it must be above zero",
        ),
        (
            "[[services]]",
            "[log]\nlevel = \"loud\"\n[[services]]",
            (24, 9),
            "\"loud\" is not known here",
        ),
    ] {
        let problem = broken(from, to);
        assert_eq!(
            (problem.line, problem.column, problem.message.as_str()),
            (place.0, place.1, message)
        );
    }
}
