//! Validators of others: `delv` and `kdig`, and an unbound, if they are installed.

use std::{
    fmt::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::process::{Process, finish};

/// Whether these are on PATH (or in /usr/sbin); says so if one is not.
pub(crate) fn are_installed(tools: &[&str]) -> bool {
    tools.iter().all(|tool| {
        let found = program(tool).is_some();
        if !found {
            eprintln!(
                "SKIPPED: there is no `{tool}` on PATH (Debian: apt-get install unbound \
                 bind9-dnsutils bind9-utils knot-dnsutils)"
            );
        }
        found
    })
}

fn program(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}

fn command(tool: &str) -> Command {
    Command::new(program(tool).expect("it was looked for"))
}

/// The arguments after `@SERVER -p PORT`; what it printed.
fn ask(tool: &str, server: SocketAddr, args: &[&str]) -> String {
    let mut command = command(tool);
    command.arg(format!("@{}", server.ip()));
    command.args(["-p", &server.port().to_string()]).args(args);
    let (_, out, err) = finish(&mut command);
    out + &err
}

pub(crate) fn kdig(server: SocketAddr, args: &[&str]) -> String {
    ask("kdig", server, args)
}

pub(crate) fn dig(server: SocketAddr, args: &[&str]) -> String {
    ask("dig", server, args)
}

/// What `delv` says that trusts these DNSKEY records of `zone`, as lines of a zone file.
pub(crate) fn delv(
    server: SocketAddr,
    folder: &Path,
    zone: &str,
    keys: &str,
    name: &str,
    rtype: &str,
) -> String {
    let mut anchors = String::from("trust-anchors {\n");
    for line in keys.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, flags, protocol, algorithm, key] = words[..] else {
            panic!("no DNSKEY record: {line}");
        };
        writeln!(
            anchors,
            "\"{zone}.\" static-key {flags} {protocol} {algorithm} \"{key}\";"
        )
        .unwrap();
    }
    anchors += "};\n";
    // Tests of one scenario ask one after the other.
    let file = folder.join("anchors");
    std::fs::write(&file, anchors).unwrap();
    let root = format!("+root={zone}");
    ask(
        "delv",
        server,
        &["-a", file.to_str().unwrap(), &root, name, rtype],
    )
}

/// A validating resolver that asks one name server for one zone.
#[derive(Debug)]
pub(crate) struct Unbound {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Unbound {
    /// One on this address that trusts these DNSKEY records of `zone`.
    pub(crate) fn start(
        address: SocketAddr,
        folder: &Path,
        zone: &str,
        keys: &str,
        server: SocketAddr,
    ) -> Self {
        let name = format!("unbound-{}", address.ip());
        let (anchor, file) = (
            folder.join(format!("{name}.key")),
            folder.join(format!("{name}.conf")),
        );
        std::fs::write(&anchor, keys).unwrap();
        let (ip, port) = (address.ip(), address.port());
        let text = format!(
            "server:\n  interface: {ip}@{port}\n  access-control: 127.0.0.0/8 allow\n  \
             do-daemonize: no\n  use-syslog: no\n  chroot: \"\"\n  username: \"\"\n  directory: \"{0}\"\n  \
             pidfile: \"\"\n  num-threads: 1\n  do-not-query-localhost: no\n  do-ip6: no\n  \
             local-zone: \"test.\" nodefault\n  module-config: \"validator iterator\"\n  \
             trust-anchor-file: \"{1}\"\nremote-control:\n  control-enable: no\n\
             stub-zone:\n  name: \"{zone}.\"\n  stub-addr: {2}@{3}\n",
            folder.display(),
            anchor.display(),
            server.ip(),
            server.port(),
        );
        std::fs::write(&file, text).unwrap();
        let mut command = command("unbound");
        command.args(["-d", "-c", file.to_str().unwrap()]);
        Unbound {
            address,
            _process: Process::with(&name, folder, &mut command),
        }
    }
}
