//! Nodes that register in a real etcd.

use std::{collections::HashMap, net::SocketAddr, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::{Answer, get},
    etcd::EtcdServer,
    net::Net,
    origin::Origin,
    process::{Process, command, finish},
    wait,
};

/// The host of its only service.
pub(crate) const HOST: &str = "www.cdn.test";

/// Nodes that each have a file of their own, which says little; the rest is applied.
pub(crate) struct Fleet {
    // Dropped in this order: the processes before what they use.
    nodes: HashMap<String, Process>,
    net: Net,
    pub(crate) folder: TempDir,
    pub(crate) etcd: Vec<String>,
    pub(crate) lines: String,
}

impl Fleet {
    pub(crate) fn new(etcd: &EtcdServer) -> Self {
        Fleet {
            nodes: HashMap::new(),
            net: Net::new(),
            folder: TempDir::new().unwrap(),
            etcd: etcd.urls(),
            lines: "lease = \"2s\"\nstart_wait = \"20s\"\n".to_owned(),
        }
    }

    /// `[cdn]` and `[membership]`.
    pub(crate) fn head(&self) -> String {
        format!(
            "[cdn]\nid = \"test\"\nsecret = \"a secret of the scenarios, 32 b\"\n\n\
             [membership]\netcd = {:?}\n{}\n",
            self.etcd, self.lines
        )
    }

    /// What is applied: everything but nodes.
    pub(crate) fn policy(&self, origin: &str, more: &str) -> String {
        format!(
            "{}[dns]\nzone = \"cdn.test\"\n\n\
             [[pops]]\nname = \"fra\"\nlatitude = 50\nlongitude = 8\n\n\
             [[services]]\nname = \"www\"\norigins = [\"{origin}\"]\n{more}\n",
            self.head()
        )
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    pub(crate) fn host(name: &str) -> u8 {
        let number: u8 = name[name.len() - 1..].parse().unwrap();
        match &name[..name.len() - 1] {
            "shield-" => 100 + number,
            "ns" => 200 + number,
            _ => number,
        }
    }

    pub(crate) fn at(&self, name: &str) -> SocketAddr {
        let port = if name.starts_with("ns") { 5300 } else { 8080 };
        self.net.at(Fleet::host(name), port)
    }

    pub(crate) fn admin(&self, name: &str) -> SocketAddr {
        self.net.at(Fleet::host(name), 9901)
    }

    /// Writes a node's own file, and starts it.
    pub(crate) fn spawn(&mut self, name: &str) {
        self.spawn_with(name, "");
    }

    pub(crate) fn spawn_with(&mut self, name: &str, more: &str) {
        let (table, role) = match &name[..2] {
            "sh" => ("shields", "shield"),
            "ns" => ("geodns", "geodns"),
            _ => ("edges", "edge"),
        };
        let pop = if role == "edge" {
            "pop = \"fra\"\n"
        } else {
            ""
        };
        let own = format!(
            "{}[log]\naccess = \"off\"\n[shutdown]\ngrace = \"100ms\"\n\
             [[{table}]]\nname = \"{name}\"\n{pop}listen = [\"{}\"]\nadmin = \"{}\"\n{more}",
            self.head(),
            self.at(name),
            self.admin(name)
        );
        let file = self.write(&format!("{name}.toml"), &own);
        let args = [role, "--config", file.to_str().unwrap(), "--node", name];
        let process = Process::with(name, self.folder.path(), &mut command(&args));
        self.nodes.insert(name.to_owned(), process);
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Process {
        self.nodes.get_mut(name).unwrap()
    }

    pub(crate) async fn until_ready(&mut self, name: &str) {
        let admin = self.admin(name);
        let process = self.nodes.get_mut(name).unwrap();
        wait::until(&format!("{name} is ready"), || {
            assert!(process.is_running(), "{name}: {}", process.stderr());
            async move {
                let answer = get(admin, "localhost", "/ready").try_send().await.ok()?;
                answer.status.is_success().then_some(())
            }
        })
        .await;
    }

    /// Starts these, and waits until each knows all the others.
    pub(crate) async fn start(&mut self, names: &[&str]) {
        for name in names {
            self.spawn(name);
        }
        for name in names {
            self.until_ready(name).await;
        }
        for name in names {
            self.until_knows(name, names).await;
        }
    }

    /// Waits until a node is registered.
    pub(crate) async fn until_registered(&self, name: &str) {
        wait::until(&format!("{name} is registered"), || async {
            let (_, out, _) = self.status(&self.head());
            out.lines().any(|line| line.starts_with(name)).then_some(())
        })
        .await;
    }

    /// What a node thinks of the nodes that it sends requests to or tells clients of.
    pub(crate) async fn known(&self, name: &str) -> Option<Vec<String>> {
        let answer = get(self.admin(name), "localhost", "/status")
            .try_send()
            .await;
        let status: Value = serde_json::from_slice(&answer.ok()?.body).ok()?;
        let names = |list: &Value, key: &str| -> Vec<String> {
            let list = list.as_array().cloned().unwrap_or_default();
            let nodes = list.iter().filter(|hop| hop["kind"] != "origin");
            nodes
                .filter_map(|node| node[key].as_str().map(str::to_owned))
                .collect()
        };
        let mut known = names(&status["next_hops"], "name");
        known.extend(names(&status["edges"], "node"));
        known.retain(|name| name.contains('-'));
        known.sort();
        Some(known)
    }

    /// Waits until a node knows those of these that its role cares for.
    pub(crate) async fn until_knows(&self, name: &str, all: &[&str]) {
        let cares = |other: &&str| match &name[..2] {
            "sh" => false,
            "ns" => other.starts_with("fra"),
            _ => *other != name && !other.starts_with("ns"),
        };
        let mut expected: Vec<_> = all.iter().copied().filter(cares).collect();
        expected.sort_unstable();
        wait::until(&format!("{name} knows {expected:?}"), || async {
            (self.known(name).await? == expected).then_some(())
        })
        .await;
    }

    pub(crate) async fn ask(&self, name: &str, path: &str) -> Answer {
        get(self.at(name), HOST, path).send().await
    }

    /// `perigee apply` of this text.
    pub(crate) fn apply(&self, text: &str, more: &[&str]) -> (i32, String, String) {
        let file = self.write("applied.toml", text);
        let mut args = vec!["apply", file.to_str().unwrap()];
        args.extend(more);
        finish(&mut command(&args))
    }

    pub(crate) fn status(&self, text: &str) -> (i32, String, String) {
        let file = self.write("seen.toml", text);
        finish(&mut command(&[
            "status",
            "--config",
            file.to_str().unwrap(),
        ]))
    }
}

/// The fleet of a test, where everything has been applied.
pub(crate) async fn fleet(etcd: &EtcdServer, names: &[&str]) -> (Fleet, Origin) {
    let origin = Origin::cacheable("from the origin").await;
    let mut fleet = Fleet::new(etcd);
    let (code, out, err) = fleet.apply(&fleet.policy(&origin.url(), ""), &[]);
    assert_eq!(code, 0, "{out}{err}");
    fleet.start(names).await;
    (fleet, origin)
}
