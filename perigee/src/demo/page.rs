//! What is printed when the demo is up: the nodes, and what to try. Pure.

use std::{collections::HashMap, fmt::Write, path::Path};

use super::shell::word;
use super::{
    clients::{CLIENTS, EUROPEAN},
    plan::{Content, HOST, Kind, Plan, PlannedNode},
};
use crate::{style::Style, table::Table};

/// What the page is about.
pub(super) struct Page<'a> {
    pub(super) plan: &'a Plan,
    pub(super) pids: &'a HashMap<String, u32>,
    pub(super) config: &'a Path,
    /// This binary, as a shell finds it.
    pub(super) binary: &'a str,
    pub(super) has_dig: bool,
    /// Whether the content is the sample site.
    pub(super) is_sample: bool,
    /// Of the page that is asked for, if the origin tells one.
    pub(super) validator: Option<(&'static str, String)>,
    pub(super) style: Style,
}

impl Page<'_> {
    /// The page that is asked for. Of the sample site one that, at the default port, belongs to
    /// the second edge of the region, so that the way from the first leads through it.
    pub(super) fn asset(&self) -> &'static str {
        if self.is_sample { "/orbit.svg" } else { "/" }
    }

    /// The nodes as a table.
    pub(super) fn nodes(&self) -> String {
        let mut table = Table::new(&["node", "role", "place", "address", "admin API", ">pid"]);
        for node in &self.plan.nodes {
            let place = match node.kind {
                Kind::Edge(region) => region.city,
                _ => "",
            };
            let pid = self.pids.get(&node.name).map(ToString::to_string);
            table.row([
                node.name.clone(),
                node.kind.as_str().into(),
                place.into(),
                node.address.to_string(),
                node.admin.to_string(),
                pid.unwrap_or_default(),
            ]);
        }
        if let Content::App(url) = &self.plan.content {
            table.row([
                "app".into(),
                "origin".into(),
                String::new(),
                url.to_string(),
            ]);
        }
        let mut lines = table.lines().into_iter().map(|line| format!("  {line}\n"));
        let head = lines
            .next()
            .map(|head| self.style.dim(&head))
            .unwrap_or_default();
        head + &lines.collect::<String>()
    }

    /// What to look at and to paste.
    pub(super) fn things_to_try(&self) -> String {
        let mut text = String::new();
        let edges = self.plan.edges_in(EUROPEAN.nearest);
        let Some(edge) = edges.first() else {
            return text;
        };
        let asset = self.asset();
        let big = if self.is_sample { "/big.bin" } else { "/" };

        self.title(&mut text, "In a browser");
        let _ = writeln!(text, "    http://{}/", edge.address);

        self.title(&mut text, "Ask the DNS, as a client on each continent");
        let width = CLIENTS
            .iter()
            .map(|client| client.prefix.len())
            .max()
            .unwrap_or(0);
        for client in &CLIENTS {
            let space = " ".repeat(width - client.prefix.len());
            let ask = self.dns_question(client.prefix);
            let note = self
                .style
                .dim(&format!("# {}: {}", client.city, client.nearest));
            let _ = writeln!(text, "    {ask}{space}  {note}");
        }

        self.title(
            &mut text,
            "Ask the nearest edge: a miss, then a hit, at this edge or at the neighbour that owns it (peer)",
        );
        self.command(&mut text, &self.curl(edge, "-sD- -o /dev/null", asset));
        self.command(&mut text, &self.curl(edge, "-sD- -o /dev/null", asset));

        let config = word(&self.config.display().to_string());
        let url = format!("http://{HOST}:{}{asset}", edge.address.port());
        let explain = format!("{} explain http {url} --config {config}", self.binary);
        self.title(
            &mut text,
            "See who owns it, where it is stored, and what each node would do and why",
        );
        self.command(&mut text, &explain);

        if let Some((field, value)) = &self.validator {
            self.title(&mut text, "Ask whether a copy still holds: 304");
            let options = format!("-sD- -H '{field}: {value}'");
            self.command(&mut text, &self.curl(edge, &options, asset));
        }

        self.title(&mut text, "Ask for a part: 206");
        self.command(
            &mut text,
            &self.curl(edge, "-sD- -o /dev/null -r 0-99", big),
        );

        self.title(&mut text, "Purge a page everywhere, and see all nodes");
        self.command(
            &mut text,
            &format!("{} purge {url} --config {config}", self.binary),
        );
        self.command(
            &mut text,
            &format!("{} status --config {config}", self.binary),
        );

        self.title(
            &mut text,
            "Take the nearest edge out: its clients go elsewhere, none sees an error; then take it back",
        );
        let drain = format!("{} drain {} --config {config}", self.binary, edge.name);
        self.command(&mut text, &format!("{drain} --keep-running"));
        self.command(&mut text, &self.dns_question(EUROPEAN.prefix));
        self.command(&mut text, &format!("{drain} --undo"));

        self.title(
            &mut text,
            "Kill the nearest edge and ask again after a second; then the other one of its region",
        );
        for edge in &edges {
            if let Some(pid) = self.pids.get(&edge.name) {
                let note = self.style.dim(&format!("# {}", edge.name));
                let _ = writeln!(text, "    kill -9 {pid}  {note}");
                self.command(&mut text, &self.dns_question(EUROPEAN.prefix));
            }
        }

        self.title(&mut text, "Watch the requests arrive");
        let folder = self
            .config
            .parent()
            .unwrap_or(Path::new(""))
            .display()
            .to_string();
        self.command(
            &mut text,
            &format!("tail -f {}/*.access.log", word(&folder)),
        );
        text
    }

    fn title(&self, text: &mut String, title: &str) {
        let _ = writeln!(text, "\n  {}", self.style.bold(title));
    }

    fn command(&self, text: &mut String, command: &str) {
        let _ = writeln!(text, "    {command}");
    }

    fn dns_question(&self, prefix: &str) -> String {
        let server = self.plan.dns();
        let (ip, port) = (server.ip(), server.port());
        match self.has_dig {
            true => format!("dig +short @{ip} -p {port} {HOST} +subnet={prefix}"),
            false => format!(
                "{} query {HOST} --server {server} --client {prefix}",
                self.binary
            ),
        }
    }

    fn curl(&self, edge: &PlannedNode, options: &str, path: &str) -> String {
        let (ip, port) = (edge.address.ip(), edge.address.port());
        format!("curl {options} --resolve {HOST}:{port}:{ip} http://{HOST}:{port}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::plan::Ports, *};

    fn page(has_dig: bool) -> (String, String) {
        let ports = Ports {
            serve: 8080,
            admin: 9090,
            dns: 5300,
            one_address: false,
        };
        let plan = Plan::new(Content::Ours, ports).expect("fits");
        let pids = plan
            .nodes
            .iter()
            .map(|node| node.name.clone())
            .zip(100..)
            .collect();
        let page = Page {
            plan: &plan,
            pids: &pids,
            config: Path::new("/tmp/a b/cdn.toml"),
            binary: "/opt/perigee",
            has_dig,
            is_sample: true,
            validator: Some(("If-None-Match", "\"abc\"".into())),
            style: Style::stdout(),
        };
        (page.nodes(), page.things_to_try())
    }

    #[test]
    fn all_nodes_are_in_the_table() {
        let (nodes, _) = page(true);
        assert_eq!(nodes.lines().count(), 11);
        assert!(nodes.contains("Frankfurt  127.0.2.1:8080"), "{nodes}");
    }

    #[test]
    fn commands_are_whole() {
        let (_, text) = page(true);
        for command in [
            "dig +short @127.0.0.1 -p 5300 www.cdn.test +subnet=130.161.0.0/24",
            "--resolve www.cdn.test:8080:127.0.2.1 http://www.cdn.test:8080/orbit.svg",
            "/opt/perigee explain http http://www.cdn.test:8080/orbit.svg --config '/tmp/a b/cdn.toml'",
            "-H 'If-None-Match: \"abc\"'",
            "/opt/perigee purge http://www.cdn.test:8080/orbit.svg --config '/tmp/a b/cdn.toml'",
            "kill -9 103",
        ] {
            assert!(text.contains(command), "{command}\n{text}");
        }
    }

    #[test]
    fn without_dig_the_binary_asks() {
        let (_, text) = page(false);
        let command =
            "/opt/perigee query www.cdn.test --server 127.0.0.1:5300 --client 130.161.0.0/24";
        assert!(text.contains(command) && !text.contains("dig "), "{text}");
    }
}
