//! Servers that run, each in a folder of its own, on loopback, on the cores that it is given.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use super::{
    certificate::Certificate,
    peers::Peer,
    usage::{self, Cpu},
};

/// CPU seconds, in a fifth of a second, of a server that does nothing much.
const AT_REST: f64 = 0.02;

/// What a server is told.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) origin: u16,
    pub(super) certificate: Arc<Certificate>,
    /// As taskset(1) wants them.
    pub(super) cores: &'static str,
    /// The size of its cache.
    pub(super) megabytes: u64,
    /// Of these, what is taken when it starts; for Perigee.
    pub(super) prefault: u64,
    /// Delivery services that its configuration has, beside the one for all hosts; for Perigee.
    pub(super) services: usize,
}

/// Where a server is put.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) http: u16,
    pub(super) tls: u16,
    pub(super) spare: u16,
    pub(super) megabytes: u64,
    terms: Terms,
}

impl Place {
    /// Writes a file of its configuration, with what differs from run to run filled in.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let is_root = rustix::process::getuid().is_root();
        let user = |line: &str| {
            if is_root {
                line.to_owned()
            } else {
                String::new()
            }
        };
        let cores = self.terms.cores.split(',').count();
        let mut text = text.to_owned();
        for (placeholder, value) in [
            ("@FOLDER@", self.folder.display().to_string()),
            ("@PORT@", self.http.to_string()),
            ("@TLS@", self.tls.to_string()),
            ("@PROXY@", self.spare.to_string()),
            ("@ORIGIN@", self.terms.origin.to_string()),
            ("@MEMORY@", self.megabytes.to_string()),
            ("@PREFAULT@", self.terms.prefault.to_string()),
            ("@CORES@", cores.to_string()),
            ("@OPEN_FILES@", "12000".to_owned()),
            ("@USER@", user("user root;")),
            ("@H2O_USER@", user("user: root")),
            (
                "@HITCH_USER@",
                user("user = \"nobody\"\ngroup = \"nogroup\""),
            ),
        ] {
            text = text.replace(placeholder, &value);
        }
        if name == "cdn.toml" {
            text += &services(&self.terms);
        }
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

/// So many delivery services more, each for a host.
fn services(terms: &Terms) -> String {
    let service = |number| {
        let origin = terms.origin;
        format!(
            "\n[[services]]\nname = \"s{number}\"\nhosts = [\"s{number}.example.com\"]\n\
             origins = [\"http://127.0.0.1:{origin}\"]\n"
        )
    };
    (0..terms.services).map(service).collect()
}

/// A running server. Dropped, it is ended.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) peer: Peer,
    pub(super) name: String,
    pub(super) http: SocketAddr,
    pub(super) tls: Option<SocketAddr>,
    children: Vec<Child>,
    folder: TempDir,
}

impl Server {
    /// Starts it, and waits until it listens. If somebody took its port in between, it gets another one.
    pub(super) fn start(peer: &Peer, terms: &Terms) -> Result<Server, String> {
        for _ in 0..2 {
            match Server::start_once(peer, terms) {
                Err(why) if why.to_lowercase().contains("in use") => {}
                started => return started,
            }
        }
        Server::start_once(peer, terms)
    }

    fn start_once(peer: &Peer, terms: &Terms) -> Result<Server, String> {
        super::interrupt::check()?;
        let folder = tempfile::Builder::new()
            .prefix("perigee-bench-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        // Some give up the rights that they were started with.
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).map_err(|error| error.to_string())?;
        let [http, tls, spare] = ports()?;
        let place = Place {
            folder: folder.path().to_owned(),
            http,
            tls,
            spare,
            megabytes: terms.megabytes,
            terms: terms.clone(),
        };
        terms.certificate.write(folder.path())?;
        let log = fs::File::create(folder.path().join("stdout")).map_err(|e| e.to_string())?;
        let mut server = Server {
            peer: peer.clone(),
            name: peer.name(),
            http: ([127, 0, 0, 1], http).into(),
            tls: peer.has_tls().then_some(([127, 0, 0, 1], tls).into()),
            children: Vec::new(),
            folder,
        };
        for command in peer.commands(&place)? {
            let mut command = on_cores(terms.cores, &command);
            command.stdin(Stdio::null());
            command.stdout(log.try_clone().map_err(|e| e.to_string())?);
            command.stderr(log.try_clone().map_err(|e| e.to_string())?);
            let child = command.process_group(0).spawn();
            let child = child.map_err(|error| error.to_string())?;
            server.children.push(child);
        }
        for address in std::iter::once(server.http).chain(server.tls) {
            server.wait_for(address)?;
        }
        server.settle()?;
        match usage::strays(&server.processes(), terms.cores) {
            true => Err("it has threads on other cores".to_owned()),
            false => Ok(server),
        }
    }

    fn wait_for(&mut self, address: SocketAddr) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            super::interrupt::check()?;
            let ended = self
                .children
                .iter_mut()
                .any(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || Instant::now() > end {
                let said = fs::read_to_string(self.folder.path().join("stdout"));
                return Err(format!(
                    "it does not listen; {}",
                    said.unwrap_or_default().trim()
                ));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until it has done what it does at start: some take their memory then.
    fn settle(&self) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(60);
        let mut before = self.cpu();
        loop {
            super::interrupt::check()?;
            sleep(Duration::from_millis(200));
            let now = self.cpu();
            if now.since(before) < AT_REST || Instant::now() > end {
                return Ok(());
            }
            before = now;
        }
    }

    fn processes(&self) -> Vec<u32> {
        self.children
            .iter()
            .flat_map(|child| usage::tree(child.id()))
            .collect()
    }

    pub(super) fn cpu(&self) -> Cpu {
        Cpu::of(&self.processes())
    }

    /// Bytes.
    pub(super) fn memory(&self) -> u64 {
        usage::memory(&self.processes())
    }

    /// Where it keeps all its files.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate that it has.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let processes = self.processes();
        for child in &self.children {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
        let end = Instant::now() + Duration::from_secs(2);
        let mut all_ended = false;
        while !all_ended && Instant::now() < end {
            all_ended = self
                .children
                .iter_mut()
                .all(|child| matches!(child.try_wait(), Ok(Some(_))));
            sleep(Duration::from_millis(20));
        }
        if !all_ended {
            // Those that are left of the tree: all are ours.
            for id in processes {
                if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                    let _ = kill_process(id, Signal::KILL);
                }
            }
        }
        for child in &mut self.children {
            let _ = child.wait();
            // Those that it has left behind.
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
        }
    }
}

/// The same command, on these cores alone. It is told to end when who started it ends, however that comes.
pub(super) fn on_cores(cores: &str, command: &Command) -> Command {
    let mut pinned = Command::new("setpriv");
    pinned
        .args(["--pdeathsig", "TERM", "taskset", "-c"])
        .arg(cores)
        .arg(command.get_program())
        .args(command.get_args());
    pinned
}

/// Ports that nobody uses.
pub(super) fn ports<const N: usize>() -> Result<[u16; N], String> {
    let bound: std::io::Result<Vec<TcpListener>> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let bound = bound.map_err(|error| error.to_string())?;
    let ports: Vec<u16> = bound
        .iter()
        .filter_map(|l| Some(l.local_addr().ok()?.port()))
        .collect();
    ports.try_into().map_err(|_| "no ports".to_owned())
}
