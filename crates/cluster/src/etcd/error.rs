//! Why etcd did not do what it was asked.

use std::{error, fmt};

use http::StatusCode;

use super::wire::Refusal;

/// Why etcd did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtcdError {
    /// No endpoint answers as it should: for each that was asked, why.
    Unreachable(String),
    /// It answered that it will not, in its own words.
    Refused(String),
    /// What was to be watched has been compacted away: it must be read anew.
    Compacted,
}

impl fmt::Display for EtcdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EtcdError::Unreachable(why) => write!(f, "etcd cannot be reached: {why}"),
            EtcdError::Refused(why) => write!(f, "etcd refuses: {why}{}", advice(why)),
            EtcdError::Compacted => f.write_str("etcd has compacted what was to be watched"),
        }
    }
}

impl error::Error for EtcdError {}

/// What to do about what etcd says of names and passwords.
fn advice(why: &str) -> &'static str {
    let says = |words: &str| why.contains(words);
    if says("user name is empty") {
        ": it wants `user` and `password_env` in [membership]"
    } else if says("authentication is not enabled") {
        ": take `user` and its password out of [membership]"
    } else if says("invalid user ID or password") {
        ": see `user` and its password in [membership]"
    } else if says("permission denied") {
        ": its `user` must be allowed to read and write all keys under `prefix` of [membership]"
    } else {
        ""
    }
}

/// What became of one request at one endpoint.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another endpoint may do better.
    Away(String),
    /// The token has expired: authenticate again.
    Unauthenticated(String),
    /// Another one would say the same.
    Refused(String),
}

/// Codes of gRPC by which a member says that it cannot, and another one may: cancelled, deadline
/// exceeded, unavailable.
const AWAY: [i64; 3] = [1, 4, 14];
const UNAUTHENTICATED: i64 = 16;
/// The longest words of etcd that are repeated.
const MOST_WORDS: usize = 300;

impl Fault {
    /// An answer that is not 200 OK.
    pub(super) fn of_answer(status: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice::<Refusal>(body) {
            Ok(refusal) if !refusal.message.is_empty() => Fault::of_refusal(&refusal),
            _ => Fault::Away(format!("answers {status}")),
        }
    }

    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        let why: String = refusal.message.chars().take(MOST_WORDS).collect();
        if AWAY.contains(&refusal.code) || why.contains("no leader") {
            Fault::Away(why)
        } else if refusal.code == UNAUTHENTICATED || why.contains("invalid auth token") {
            Fault::Unauthenticated(why)
        } else {
            Fault::Refused(why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_password_comes_with_what_to_do() {
        let told = |why: &str| EtcdError::Refused(why.to_owned()).to_string();
        for (why, what) in [
            ("etcdserver: user name is empty", "`password_env`"),
            ("etcdserver: authentication is not enabled", "take `user`"),
            (
                "etcdserver: authentication failed, invalid user ID or password",
                "see `user`",
            ),
            ("etcdserver: permission denied", "`prefix`"),
        ] {
            assert!(told(why).contains(what), "{}", told(why));
        }
        assert_eq!(told("no space"), "etcd refuses: no space");
    }
}
