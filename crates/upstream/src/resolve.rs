//! Names to addresses: the system's name servers and hosts file, each answer for its own TTL.

use std::{
    fmt,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use hickory_resolver::{
    TokioResolver, config::ResolverConfig, net::NetError, net::runtime::TokioRuntimeProvider,
};
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::OnceCell;
use tower_service::Service;

/// A resolver that is built when a name is first looked up. Clones share it and its cache, which
/// keeps an answer no longer than its TTL.
#[derive(Clone, Default)]
pub(crate) struct Resolve(Arc<OnceCell<TokioResolver>>);

impl Resolve {
    async fn resolver(&self) -> Result<TokioResolver, NetError> {
        let built = self
            .0
            .get_or_try_init(|| async { TokioResolver::builder_tokio()?.build() })
            .await;
        match built {
            Ok(resolver) => Ok(resolver.clone()),
            // Without a usable resolv.conf there are still localhost and the hosts file. Not
            // kept, so that a file that appears later is taken up.
            Err(_) => TokioResolver::builder_with_config(
                ResolverConfig::default(),
                TokioRuntimeProvider::default(),
            )
            .build(),
        }
    }

    async fn addresses(self, name: Name) -> Result<vec::IntoIter<SocketAddr>, ResolveError> {
        let fault = |why: String| ResolveError {
            name: name.to_string(),
            why,
        };
        let resolver = self.resolver().await.map_err(|e| fault(e.to_string()))?;
        let found = resolver
            .lookup_ip(name.as_str())
            .await
            .map_err(|e| fault(e.to_string()))?;
        // The port is the connector's to set.
        let addresses: Vec<_> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        if addresses.is_empty() {
            return Err(fault("it has no address".into()));
        }
        Ok(addresses.into_iter())
    }
}

/// A name without an address.
#[derive(Debug)]
pub(crate) struct ResolveError {
    name: String,
    why: String,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot resolve {}: {}", self.name, self.why)
    }
}

impl std::error::Error for ResolveError {}

impl Service<Name> for Resolve {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future =
        Pin<Box<dyn Future<Output = Result<vec::IntoIter<SocketAddr>, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().addresses(name))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hickory_resolver::{
        config::{ConnectionConfig, NameServerConfig},
        proto::{
            op::{Message, MessageType},
            rr::{RData, Record, RecordType, rdata::A},
        },
    };
    use tokio::net::UdpSocket;

    use super::*;

    async fn look_up(
        resolver: &TokioResolver,
        name: &str,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let resolve = Resolve(Arc::new(OnceCell::new_with(Some(resolver.clone()))));
        let found = resolve.addresses(name.parse().unwrap());
        let found = tokio::time::timeout(Duration::from_secs(20), found).await;
        Ok(found.expect("it ends")?.collect())
    }

    /// A name server that gives each question the next address, for one second.
    async fn restless_server() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            for last in 1.. {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let mut answer = question.clone();
                answer.metadata.message_type = MessageType::Response;
                let query = question.queries[0].clone();
                if query.query_type() == RecordType::A {
                    let data = RData::A(A::new(192, 0, 2, last));
                    answer.add_answer(Record::from_rdata(query.name().clone(), 1, data));
                }
                let bytes = answer.to_vec().unwrap();
                socket.send_to(&bytes, from).await.unwrap();
            }
        });
        addr
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_its_ttl() {
        let addr = restless_server().await;
        let mut connection = ConnectionConfig::udp();
        connection.port = addr.port();
        let server = NameServerConfig::new(addr.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, vec![], vec![server]);
        let resolver =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build();
        let resolver = resolver.unwrap();
        let first = look_up(&resolver, "www.example").await.unwrap();
        assert_eq!(look_up(&resolver, "www.example").await.unwrap(), first);
        let expired = tokio::time::timeout(Duration::from_secs(20), async {
            while look_up(&resolver, "www.example").await.unwrap() == first {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        expired.await.expect("another address after a second");
    }

    #[tokio::test]
    async fn localhost_needs_no_name_server() {
        let lonely = TokioResolver::builder_with_config(
            ResolverConfig::default(),
            TokioRuntimeProvider::default(),
        )
        .build()
        .unwrap();
        let found = look_up(&lonely, "localhost").await.unwrap();
        assert!(found.contains(&"127.0.0.1:0".parse().unwrap()), "{found:?}");
        let error = look_up(&lonely, "www.example").await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot resolve www.example: ")
        );
    }
}
