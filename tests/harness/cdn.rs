//! A whole CDN: one file, and a process for each node in it.

use std::{collections::HashMap, net::SocketAddr, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{
    client::{Answer, Ask, get},
    net::Net,
    process::{Process, command, finish},
    wait,
};

const HTTP: u16 = 8080;
const ADMIN: u16 = 9901;
const DNS: u16 = 5300;
const TIER: u16 = 8443;
/// The environment variable of the admin API's token.
const TOKEN: &str = "SCENARIO_TOKEN";

/// What to build.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Name, latitude, longitude, and how many edges.
    pub(crate) pops: Vec<(&'static str, f64, f64, u8)>,
    pub(crate) shields: u8,
    pub(crate) geodns: bool,
    /// The origin of the one service, `www`.
    pub(crate) origin: String,
    /// Further lines for the service.
    pub(crate) service: String,
    /// Further tables for the file.
    pub(crate) tables: String,
    /// The token of the admin API; the file says that the environment has it.
    pub(crate) token: Option<&'static str>,
}

impl Plan {
    /// One PoP of two edges and a shield.
    pub(crate) fn small(origin: String) -> Self {
        Plan {
            pops: vec![("fra", 50.11, 8.68, 2)],
            shields: 1,
            geodns: false,
            origin,
            service: String::new(),
            tables: String::new(),
            token: None,
        }
    }
}

/// Gives each edge and shield of a file an address for nodes alone.
pub(crate) fn tier_listen(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines() {
        all += &format!("{line}\n");
        if line.starts_with("listen = ") && line.contains(&format!(":{HTTP}\"")) {
            let line = line.replace("listen", "tier_listen");
            all += &format!(
                "{}\n",
                line.replace(&format!(":{HTTP}"), &format!(":{TIER}"))
            );
        }
    }
    all
}

/// Adds a name server `ns2` beside `ns1` to a file. Nobody starts it but [`Cdn::spawn`].
pub(crate) fn second_name_server(text: &str) -> String {
    let mut tables = text.split("\n\n");
    let first = tables.find(|table| table.contains("[[geodns]]"));
    let second = first
        .unwrap()
        .replace("ns1", "ns2")
        .replace(".200:", ".201:");
    format!("{text}\n{second}\n")
}

/// A running CDN.
#[derive(Debug)]
pub(crate) struct Cdn {
    // Dropped in this order: the processes before the folder that they write to.
    nodes: HashMap<String, Process>,
    net: Net,
    folder: TempDir,
    plan: Plan,
}

impl Cdn {
    /// The host of the one service.
    pub(crate) const HOST: &'static str = "www.cdn.test";

    /// Starts every node, and waits until each is ready.
    pub(crate) async fn start(plan: Plan) -> Self {
        Cdn::start_with(plan, |text| text).await
    }

    /// The same, with the file changed by hand before anyone reads it.
    pub(crate) async fn start_with(plan: Plan, edit: impl FnOnce(String) -> String) -> Self {
        let mut cdn = Cdn {
            net: Net::new(),
            folder: TempDir::new().unwrap(),
            plan,
            nodes: HashMap::new(),
        };
        cdn.write(&edit(cdn.text()));
        let names: Vec<String> = cdn.names();
        for name in &names {
            cdn.spawn(name);
        }
        for name in &names {
            cdn.until_ready(name).await;
        }
        cdn
    }

    /// The configuration file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("cdn.toml")
    }

    pub(crate) fn write(&self, text: &str) {
        // By rename, as editors and deployments do it: no node reads half a file.
        let new = self.folder.path().join("cdn.toml.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, self.file()).unwrap();
    }

    /// Starts a node that is not running.
    pub(crate) fn spawn(&mut self, name: &str) {
        let role = match name {
            name if name.starts_with("shield-") => "shield",
            name if name.starts_with("ns") => "geodns",
            _ => "edge",
        };
        let file = self.file();
        let args = [role, "--config", file.to_str().unwrap(), "--node", name];
        let mut command = command(&args);
        command.envs(self.environment());
        let process = Process::with(name, self.folder.path(), &mut command);
        self.nodes.insert(name.to_owned(), process);
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Process {
        self.nodes.get_mut(name).unwrap()
    }

    pub(crate) async fn until_ready(&mut self, name: &str) {
        let (admin, token) = (self.admin(name), self.plan.token);
        let process = self.nodes.get_mut(name).unwrap();
        assert!(process.is_running(), "{name}: {}", process.stderr());
        wait::until(&format!("{name} is ready"), || async move {
            let ask = get(admin, "localhost", "/ready");
            let ask = match token {
                Some(token) => ask.with("authorization", &format!("Bearer {token}")),
                None => ask,
            };
            let answer = ask.try_send().await.ok()?;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    fn environment(&self) -> Option<(&'static str, &'static str)> {
        self.plan.token.map(|token| (TOKEN, token))
    }

    /// Where a node serves.
    pub(crate) fn at(&self, name: &str) -> SocketAddr {
        let port = if name.starts_with("ns") { DNS } else { HTTP };
        self.net.at(self.host_number(name), port)
    }

    /// Where an edge or a shield serves other nodes, in a file of [`tier_listen`].
    pub(crate) fn tier_at(&self, name: &str) -> SocketAddr {
        self.net.at(self.host_number(name), TIER)
    }

    /// Where a node's admin API is.
    pub(crate) fn admin(&self, name: &str) -> SocketAddr {
        self.net.at(self.host_number(name), ADMIN)
    }

    /// GET `path` of the service from a node.
    pub(crate) async fn get(&self, name: &str, path: &str) -> Answer {
        get(self.at(name), Cdn::HOST, path).send().await
    }

    /// Whether `who` may send requests to `whom`, as it says itself.
    pub(crate) async fn uses(&self, who: &str, whom: &str) -> bool {
        let status = get(self.admin(who), "localhost", "/status").send().await;
        let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
        let mut hops = status["next_hops"].as_array().unwrap().iter();
        let hop = hops.find(|hop| hop["name"] == whom).unwrap();
        hop["usable"].as_bool().unwrap()
    }

    /// A path that this edge owns, of the form `/PREFIX-n`: found by asking the edge, which says
    /// in Cache-Status when it forwards to a peer.
    pub(crate) async fn path_owned_by(&self, name: &str, prefix: &str) -> String {
        for n in 0..200 {
            let path = format!("/{prefix}-{n}");
            let answer = self.get(name, &path).await;
            let status = answer.cache_status();
            if !status.contains("\"peer ") && !status.contains("\"copy of ") {
                return path;
            }
        }
        panic!("{name} owns none of 200 paths");
    }

    /// `perigee COMMAND ... --config FILE`: exit code, standard output, standard error.
    pub(crate) fn perigee(&self, args: &[&str]) -> (i32, String, String) {
        let file = self.file();
        let mut all = args.to_vec();
        all.extend(["--config", file.to_str().unwrap()]);
        let mut command = command(&all);
        command.envs(self.environment());
        finish(&mut command)
    }

    fn names(&self) -> Vec<String> {
        let shields = (1..=self.plan.shields).map(|n| format!("shield-{n}"));
        let pops = self.plan.pops.iter();
        let edges =
            pops.flat_map(|(pop, _, _, count)| (1..=*count).map(move |n| format!("{pop}-{n}")));
        let name_servers = self.plan.geodns.then(|| "ns1".to_owned());
        shields.chain(edges).chain(name_servers).collect()
    }

    fn host_number(&self, name: &str) -> u8 {
        if let Some(number) = name.strip_prefix("ns") {
            return 199 + number.parse::<u8>().unwrap();
        }
        let (group, number) = name.rsplit_once('-').unwrap();
        let number: u8 = number.parse().unwrap();
        if group == "shield" {
            return 100 + number;
        }
        let place = self.plan.pops.iter().position(|(pop, ..)| *pop == group);
        10 * (place.unwrap() as u8 + 1) + number
    }

    /// The text of the configuration file.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "[cdn]\nsecret = \"a secret of the scenarios, 32 b\"\n\n[dns]\nzone = \"cdn.test\"\n\n",
        );
        for (pop, latitude, longitude, _) in &self.plan.pops {
            text += &format!(
                "[[pops]]\nname = \"{pop}\"\nlatitude = {latitude}\nlongitude = {longitude}\n\n"
            );
        }
        for name in self.names() {
            let (table, pop) = match name.rsplit_once('-') {
                Some(("shield", _)) => ("shields", String::new()),
                Some((pop, _)) => ("edges", format!("pop = \"{pop}\"\n")),
                None => ("geodns", String::new()),
            };
            text += &format!(
                "[[{table}]]\nname = \"{name}\"\n{pop}listen = [\"{}\"]\nadmin = \"{}\"\n\n",
                self.at(&name),
                self.admin(&name)
            );
        }
        let Plan {
            origin,
            service,
            tables,
            ..
        } = &self.plan;
        text += &format!("[[services]]\nname = \"www\"\norigins = [\"{origin}\"]\n{service}\n");
        text +=
            "[log]\naccess = \"stdout\"\n\n[shutdown]\ngrace = \"200ms\"\ndeadline = \"10s\"\n\n";
        if self.plan.token.is_some() {
            text += &format!("[admin]\ntoken_env = \"{TOKEN}\"\n\n");
        }
        text + tables
    }
}

/// One edge of a file that lacks nothing but the edge.
pub(crate) struct OneEdge {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    // Dropped before the folder that it writes to.
    pub(crate) process: Process,
    _folder: TempDir,
}

impl OneEdge {
    /// In front of this origin, with further lines for the service `www`, or tables after it.
    pub(crate) async fn before(origin: &str, lines: &str) -> Self {
        one_edge(&format!(
            "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[dns]\nzone = \"cdn.test\"\n\n\
             [[services]]\nname = \"www\"\norigins = [\"{origin}\"]\n{lines}\n"
        ))
        .await
    }

    /// GET `path` of the service.
    pub(crate) fn ask(&self, path: &str) -> Ask {
        get(self.address, Cdn::HOST, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(path).send().await
    }

    /// So many clients at once.
    pub(crate) fn herd(&self, path: &str, clients: usize) -> Vec<JoinHandle<Answer>> {
        let asks = (0..clients).map(|_| self.ask(path));
        asks.map(|ask| tokio::spawn(ask.send())).collect()
    }

    /// Waits until so many requests are under way.
    pub(crate) async fn until_under_way(&self, requests: usize) {
        self.until_status("requests", requests).await;
    }

    /// Waits until as many requests wait for another one's fetch.
    pub(crate) async fn until_waiting(&self, requests: usize) {
        self.until_status("waiting", requests).await;
    }

    async fn until_status(&self, what: &str, count: usize) {
        wait::until(&format!("{what} is {count}"), || async {
            let status = get(self.admin, "localhost", "/status").send().await;
            let status: Value = serde_json::from_str(status.text()).ok()?;
            (status[what] == count).then_some(())
        })
        .await;
    }
}

/// Starts an edge named `one` in the PoP `p` of this file.
pub(crate) async fn one_edge(file: &str) -> OneEdge {
    let net = Net::new();
    let folder = TempDir::new().unwrap();
    let (address, admin) = (net.at(1, HTTP), net.at(1, ADMIN));
    let path = folder.path().join("cdn.toml");
    let text = format!(
        "{file}\n[[edges]]\nname = \"one\"\npop = \"p\"\nlisten = [\"{address}\"]\nadmin = \"{admin}\"\n"
    );
    std::fs::write(&path, text).unwrap();
    let args = ["edge", "--config", path.to_str().unwrap(), "--node", "one"];
    let mut process = Process::start("one", folder.path(), &args);
    wait::until("the edge is ready", || {
        assert!(process.is_running(), "{}", process.stderr());
        async move {
            let answer = get(admin, "localhost", "/ready").try_send().await.ok()?;
            answer.status.is_success().then_some(())
        }
    })
    .await;
    OneEdge {
        address,
        admin,
        process,
        _folder: folder,
    }
}
