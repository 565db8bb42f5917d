//! Binding addresses, with words for what can go wrong.

use std::{
    io::{self, Error, ErrorKind},
    net::SocketAddr,
};

use tokio::net::{TcpListener, TcpSocket};

/// An address that cannot be listened on: says which, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindError(pub String);

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BindError {}

/// Binds all of these addresses, or none, each with this [`crate::Limits::backlog`].
///
/// # Errors
/// [`BindError`] for the first that cannot be bound.
pub async fn bind_all(
    addresses: &[SocketAddr],
    backlog: u32,
) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for &address in addresses {
        listeners.push(bind(address, backlog).map_err(|error| explain(address, &error))?);
    }
    Ok(listeners)
}

fn bind(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a node that starts again need not wait for old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

fn explain(address: SocketAddr, error: &Error) -> BindError {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => "another process listens there; stop it, or choose another port",
        ErrorKind::PermissionDenied => {
            "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
        }
        ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => "choose another address",
    };
    BindError(format!("cannot listen on {address}: {error}: {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_named_with_what_to_do() {
        let first = bind_all(&["127.0.0.1:0".parse().unwrap()], 16)
            .await
            .unwrap();
        let taken = first[0].local_addr().unwrap();
        let error = bind_all(&[taken], 16).await.unwrap_err().to_string();
        assert!(error.contains(&taken.to_string()), "{error}");
        assert!(error.contains("another process listens there"), "{error}");
    }
}
