//! The servers that are compared, each as bench/peers configures it.

use std::{fs, path::Path, process::Command};

use super::servers::Place;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// By its binary, and which of several it is.
    Perigee(std::path::PathBuf, usize),
    Nginx,
    Haproxy,
    Varnish,
    TrafficServer,
    Squid,
    H2o,
    /// The least that a server can do.
    Floor,
}

impl Peer {
    pub(super) const OTHERS: [Peer; 7] = [
        Peer::Nginx,
        Peer::Haproxy,
        Peer::Varnish,
        Peer::TrafficServer,
        Peer::Squid,
        Peer::H2o,
        Peer::Floor,
    ];

    pub(super) fn name(&self) -> String {
        match self {
            Peer::Perigee(_, 0) => "Perigee".to_owned(),
            Peer::Perigee(_, number) => format!("Perigee {}", number + 1),
            Peer::Nginx => "nginx".to_owned(),
            Peer::Haproxy => "HAProxy".to_owned(),
            Peer::Varnish => "Varnish".to_owned(),
            Peer::TrafficServer => "ATS".to_owned(),
            Peer::Squid => "Squid".to_owned(),
            Peer::H2o => "H2O".to_owned(),
            Peer::Floor => "floor".to_owned(),
        }
    }

    /// As the options have it.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Peer::Perigee(..) => "perigee",
            Peer::Nginx => "nginx",
            Peer::Haproxy => "haproxy",
            Peer::Varnish => "varnish",
            Peer::TrafficServer => "ats",
            Peer::Squid => "squid",
            Peer::H2o => "h2o",
            Peer::Floor => "floor",
        }
    }

    /// Whether it is one to be compared with: a cache that another one could have been.
    pub(super) fn is_rival(name: &str) -> bool {
        !name.starts_with("Perigee") && name != "H2O" && name != "floor"
    }

    /// What must be installed: program and Debian package.
    pub(super) fn needs(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Peer::Perigee(..) | Peer::Floor => None,
            Peer::Nginx => Some(("nginx", "nginx")),
            Peer::Haproxy => Some(("haproxy", "haproxy")),
            Peer::Varnish => Some(("varnishd", "varnish")),
            Peer::TrafficServer => Some(("traffic_server", "trafficserver")),
            Peer::Squid => Some(("squid", "squid")),
            Peer::H2o => Some(("h2o", "h2o")),
        }
    }

    /// Whether it listens for TLS.
    pub(super) fn has_tls(&self) -> bool {
        match self {
            Peer::Squid | Peer::Floor => false,
            Peer::Varnish => super::machine::is_installed("hitch"),
            _ => true,
        }
    }

    /// Whether bodies are in the memory of its processes.
    pub(super) fn keeps_in_memory(&self) -> bool {
        *self != Peer::Nginx
    }

    /// The line that tells its version.
    pub(super) fn version(&self) -> Option<String> {
        let (program, argument) = match self {
            Peer::Perigee(..) | Peer::Floor => return None,
            Peer::Nginx => ("nginx", "-v"),
            Peer::Haproxy => ("haproxy", "-v"),
            Peer::Varnish => ("varnishd", "-V"),
            Peer::TrafficServer => ("traffic_server", "-V"),
            Peer::Squid => ("squid", "-v"),
            Peer::H2o => ("h2o", "-v"),
        };
        super::machine::version(program, argument)
    }

    /// Writes its configuration, and gives the commands that run it in the foreground.
    pub(super) fn commands(&self, place: &Place) -> Result<Vec<Command>, String> {
        match self {
            Peer::Perigee(binary, _) => {
                let file = place.write(
                    "cdn.toml",
                    include_str!("../../../bench/peers/perigee.toml"),
                )?;
                let mut command = Command::new(binary);
                command
                    .args(["edge", "--node", "edge", "--config"])
                    .arg(file);
                Ok(vec![command])
            }
            Peer::Nginx => {
                let file = place.write(
                    "nginx.conf",
                    include_str!("../../../bench/peers/nginx.conf"),
                )?;
                let mut command = Command::new("nginx");
                command.arg("-p").arg(&place.folder).arg("-c").arg(file);
                Ok(vec![command])
            }
            Peer::Haproxy => {
                let file = place.write(
                    "haproxy.cfg",
                    include_str!("../../../bench/peers/haproxy.cfg"),
                )?;
                let mut command = Command::new("haproxy");
                command.arg("-db").arg("-f").arg(file);
                Ok(vec![command])
            }
            Peer::Varnish => varnish(place, self.has_tls()),
            Peer::TrafficServer => traffic_server(place),
            Peer::Squid => {
                let file = place.write(
                    "squid.conf",
                    include_str!("../../../bench/peers/squid.conf"),
                )?;
                let mut command = Command::new("squid");
                command.arg("-N").arg("-f").arg(file);
                Ok(vec![command])
            }
            Peer::H2o => h2o(place),
            Peer::Floor => {
                let mut command = super::myself()?;
                command.args(["helper", "floor", &place.http.to_string()]);
                Ok(vec![command])
            }
        }
    }
}

fn varnish(place: &Place, tls: bool) -> Result<Vec<Command>, String> {
    let vcl = place.write(
        "default.vcl",
        include_str!("../../../bench/peers/varnish.vcl"),
    )?;
    let mut command = Command::new("varnishd");
    command.arg("-F").arg("-f").arg(vcl);
    command.args(["-a", &format!("127.0.0.1:{}", place.http)]);
    command.args(["-a", &format!("proxied=127.0.0.1:{},PROXY", place.spare)]);
    command.args(["-s", &format!("malloc,{}m", place.megabytes), "-T", "none"]);
    for parameter in [
        "feature=+http2",
        "vsl_mask=-VCL_call,-VCL_return,-ReqHeader,-RespHeader,-Timestamp",
        "thread_pools=1",
        "thread_pool_min=200",
        "timeout_idle=600",
        "listen_depth=4096",
    ] {
        command.args(["-p", parameter]);
    }
    command.arg("-n").arg(place.folder.join("varnish"));
    let mut commands = vec![command];
    if tls {
        let file = place.write(
            "hitch.conf",
            include_str!("../../../bench/peers/hitch.conf"),
        )?;
        let mut command = Command::new("hitch");
        command.arg(format!("--config={}", file.display()));
        commands.push(command);
    }
    Ok(commands)
}

fn traffic_server(place: &Place) -> Result<Vec<Command>, String> {
    for name in ["etc", "var", "log", "run", "cache"] {
        fs::create_dir_all(place.folder.join(name)).map_err(|e| e.to_string())?;
    }
    // What Debian gives, for all that the bench says nothing about.
    for entry in fs::read_dir("/etc/trafficserver")
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.path().is_file() {
            let _ = fs::copy(
                entry.path(),
                place.folder.join("etc").join(entry.file_name()),
            );
        }
    }
    macro_rules! write {
        ($to:literal, $name:literal) => {
            place.write(
                $to,
                include_str!(concat!("../../../bench/peers/trafficserver/", $name)),
            )?
        };
    }
    write!("etc/records.config", "records.config");
    write!("etc/remap.config", "remap.config");
    write!("etc/ssl_multicert.config", "ssl_multicert.config");
    write!("etc/storage.config", "storage.config");
    let root = write!("runroot.yaml", "runroot.yaml");
    let mut command = Command::new("traffic_server");
    command.arg(format!("--run-root={}", root.display()));
    command.arg("--bind_stdout").arg(place.folder.join("out"));
    Ok(vec![command])
}

/// The files that it serves are the objects of the rows that it is in.
fn h2o(place: &Place) -> Result<Vec<Command>, String> {
    let root = place.folder.join("www");
    for (target, size) in super::rows::files() {
        let path = root.join(target.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(|e| e.to_string())?;
        let bytes: Vec<u8> = (0..size).map(super::helpers::byte_at).collect();
        fs::write(path, bytes).map_err(|e| e.to_string())?;
    }
    let file = place.write("h2o.conf", include_str!("../../../bench/peers/h2o.conf"))?;
    let mut command = Command::new("h2o");
    command.arg("-c").arg(file);
    Ok(vec![command])
}
