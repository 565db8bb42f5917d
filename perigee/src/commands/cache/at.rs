//! The node that is asked.

use std::net::SocketAddr;

use crate::{
    admin::{AdminClient, CallError},
    cli,
    commands::fleet::Fleet,
};

/// The node that is asked.
pub(super) struct At {
    /// What to call it.
    pub(super) name: String,
    pub(super) admin: AdminClient,
}

impl At {
    /// By its name in a file, or by its address.
    pub(super) async fn find(options: &cli::OneNode) -> Result<Self, String> {
        if let Some(address) = options.node.as_deref().and_then(address) {
            let token = options.token_env.as_deref().map(token).transpose()?;
            return Ok(At {
                name: address.to_string(),
                admin: AdminClient {
                    address,
                    token,
                    timeout: options.wait,
                },
            });
        }
        if options.token_env.is_some() {
            return Err(
                "--token-env is for --node ADDR:PORT: a file says itself where the token \
                        is, with `token_env` in [admin]"
                    .to_owned(),
            );
        }
        let fleet = Fleet::load(&options.config).await.map_err(|why| match &options.node {
            Some(node) if node.contains(':') => {
                format!(
                    "{why}\n{node:?} is not an address: write it in numbers, like 127.0.0.1:9901"
                )
            }
            Some(_) => why,
            None => {
                format!("{why}\nsay which node: --node NAME --config FILE, or --node ADDR:PORT")
            }
        })?;
        let mut members = fleet.that_store(options.node.as_deref())?;
        match (members.pop(), members.is_empty()) {
            (Some(member), true) => Ok(At {
                name: format!("{} ({})", member.node.name, member.node.admin),
                admin: member.admin.within(options.wait),
            }),
            (Some(last), false) => {
                members.push(last);
                let names = members.iter().map(|m| m.node.name.to_string());
                let names: Vec<_> = names.collect();
                Err(format!("say which node: --node {}", names.join(", ")))
            }
            (None, _) => Err(fleet.nobody("edge or shield")),
        }
    }

    /// What went wrong with a call, and what to do.
    pub(super) fn failed(&self, why: &CallError) -> String {
        let name = &self.name;
        let hint = match why {
            CallError::Down(_) | CallError::Late(_) => {
                "; is the node running, and is this its admin API?"
            }
            CallError::WrongToken { .. } => {
                "; the node wants the token that `token_env` in [admin] of its file names: with \
                 --node ADDR:PORT say --token-env"
            }
            CallError::Garbled(_) => "; is this its admin API?",
            CallError::Refused(..) => "",
        };
        format!("{name}: {why}{hint}")
    }
}

/// An address of an admin API, as a person writes it.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix("http://").unwrap_or(text);
    bare.strip_suffix('/').unwrap_or(bare).parse().ok()
}

fn token(variable: &str) -> Result<String, String> {
    let value = std::env::var(variable).ok();
    let value = value.filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("the environment variable {variable} is not set"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_is_one_with_or_without_its_scheme() {
        let expected = Some(([127, 0, 0, 1], 9901).into());
        for text in [
            "127.0.0.1:9901",
            "http://127.0.0.1:9901",
            "http://127.0.0.1:9901/",
        ] {
            assert_eq!(address(text), expected, "{text}");
        }
        for text in ["fra-1", "127.0.0.1", "https://127.0.0.1:9901", ""] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn what_went_wrong_says_what_to_do() {
        let at = At {
            name: "fra-1".to_owned(),
            admin: AdminClient {
                address: ([127, 0, 0, 1], 1).into(),
                token: None,
                timeout: Duration::from_secs(5),
            },
        };
        let told = at.failed(&CallError::Down("connection refused".to_owned()));
        assert!(told.starts_with("fra-1: connection refused; is the node running"));
        let garbled = CallError::Garbled("an answer that does not parse".to_owned());
        assert!(at.failed(&garbled).ends_with("is this its admin API?"));
        let refused = CallError::WrongToken { sent: false };
        assert!(at.failed(&refused).contains("--token-env"));
    }
}
