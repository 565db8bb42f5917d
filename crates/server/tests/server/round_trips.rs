//! How far clients are is measured when their connections end.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use perigee_server::{Gauge, Limits, ServerConfig};

use crate::support::{Raw, Running, http2, listen, request, soon, start_with, text};

#[derive(Debug, Default)]
struct Noted(Mutex<Vec<(IpAddr, Duration)>>);

impl Gauge for Noted {
    fn wants(&self, client: IpAddr) -> bool {
        client != IpAddr::from([127, 0, 0, 9])
    }

    fn take(&self, client: IpAddr, round_trip: Duration) {
        self.0.lock().unwrap().push((client, round_trip));
    }
}

async fn measured() -> (Running, Arc<Noted>) {
    let noted = Arc::new(Noted::default());
    let it = start_with(ServerConfig {
        http: vec![listen().await],
        private: vec![listen().await],
        private_tls: None,
        https: Vec::new(),
        certs: None,
        limits: Limits::default(),
        gauge: Some(noted.clone()),
        pages: None,
    });
    (it, noted)
}

/// A connection from this address, to the listener for clients or the private one.
async fn connect(it: &Running, from: [u8; 4], private: bool) -> Raw {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((IpAddr::from(from), 0).into()).unwrap();
    let address = it.server.addresses()[usize::from(private)];
    Raw(socket.connect(address).await.unwrap())
}

#[tokio::test]
async fn clients_are_measured_and_nobody_else() {
    let (it, noted) = measured().await;
    for (from, private, path) in [
        ([127, 0, 0, 2], false, "/node"),
        ([127, 0, 0, 3], true, "/"),
        ([127, 0, 0, 9], false, "/"),
        ([127, 0, 0, 4], false, "/"),
    ] {
        let mut raw = connect(&it, from, private).await;
        raw.get(path).await;
        raw.read_until(if path == "/" { "cl=0" } else { "node" })
            .await;
    }
    // No request.
    drop(connect(&it, [127, 0, 0, 5], false).await);
    for (from, path) in [([127, 0, 0, 6], "/node"), ([127, 0, 0, 7], "/")] {
        let (mut send, _connection) = http2(connect(&it, from, false).await.0).await;
        let uri = format!("http://a.example{path}");
        let response = soon(send.send_request(request(&uri))).await.unwrap();
        text(response).await.unwrap();
    }
    it.wait_for_connections(0).await;
    let mut noted = noted.0.lock().unwrap().clone();
    noted.sort_unstable();
    let who: Vec<IpAddr> = noted.iter().map(|(client, _)| *client).collect();
    if cfg!(target_os = "linux") {
        assert_eq!(who, [IpAddr::from([127, 0, 0, 4]), [127, 0, 0, 7].into()]);
        // Over loopback, however busy the machine is.
        assert!(
            noted.iter().all(|(_, took)| *took < Duration::from_secs(5)),
            "{noted:?}"
        );
    } else {
        assert!(who.is_empty());
    }
}
