//! The servers, each set up to keep everything that it is asked for.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Perigee,
    Nginx,
    Varnish,
    Ats,
}

impl Server {
    pub(crate) const ALL: [Server; 4] =
        [Server::Perigee, Server::Varnish, Server::Nginx, Server::Ats];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Server::Perigee => "Perigee",
            Server::Nginx => "nginx",
            Server::Varnish => "Varnish",
            Server::Ats => "Traffic Server",
        }
    }

    pub(crate) fn setup(self) -> &'static str {
        match self {
            Server::Perigee => "memory alone",
            Server::Nginx => {
                "proxy_cache, one worker; index in shared memory, a file for each object"
            }
            Server::Varnish => "-s malloc",
            Server::Ats => "RAM cache (CLFUS off) over a cache file",
        }
    }

    /// Whether bodies are in the memory of its processes.
    pub(crate) fn keeps_in_memory(self) -> bool {
        self != Server::Nginx
    }

    /// The command that runs it in the foreground.
    fn command(self, folder: &Path, port: u16, origin: SocketAddr, room: u64) -> Command {
        let megabytes = room.div_ceil(1 << 20).max(64);
        match self {
            Server::Perigee => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_perigee"));
                let listen = format!("127.0.0.1:{port}");
                command.args(["edge", "--origin", &format!("http://{origin}")]);
                command.args(["--listen", &listen, "--memory", &format!("{megabytes}MiB")]);
                command.args(["--admin", "127.0.0.1:0"]);
                command
            }
            Server::Nginx => nginx(folder, port, origin, megabytes),
            Server::Varnish => {
                let vcl = folder.join("default.vcl");
                write(
                    &vcl,
                    &format!(
                        "vcl 4.1;\nbackend origin {{ .host = \"{}\"; .port = \"{}\"; }}\n\
                         sub vcl_deliver {{ if (obj.hits > 0) {{ set resp.http.X-Cache = \"hit\"; }} }}\n",
                        origin.ip(),
                        origin.port()
                    ),
                );
                let mut command = Command::new("varnishd");
                command
                    .args(["-F", "-a", &format!("127.0.0.1:{port}"), "-f"])
                    .arg(&vcl);
                command.args(["-s", &format!("malloc,{megabytes}m"), "-T", "none"]);
                command.arg("-n").arg(folder.join("varnish"));
                command
            }
            Server::Ats => traffic_server(folder, port, origin, megabytes),
        }
    }
}

fn nginx(folder: &Path, port: u16, origin: SocketAddr, megabytes: u64) -> Command {
    let here = folder.display();
    let user = if rustix::process::getuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let text = format!(
        "daemon off; {user} worker_processes 1; pid {here}/pid; error_log {here}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/temp;\n\
           fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
           keepalive_requests 1000000;\n\
           proxy_cache_path {here}/cache levels=1:2 keys_zone=all:64m max_size={megabytes}m\n\
             use_temp_path=off inactive=1d;\n\
           upstream origin {{ server {origin}; keepalive 16; keepalive_requests 1000000; }}\n\
           server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://origin;\n\
             proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_cache all;\n\
             add_header X-Cache $upstream_cache_status; }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    write(&file, &text);
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(folder);
    command
}

fn traffic_server(folder: &Path, port: u16, origin: SocketAddr, megabytes: u64) -> Command {
    let etc = folder.join("etc");
    for name in ["etc", "var", "log", "run", "cache"] {
        std::fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    let here = folder.display();
    let records = [
        format!("CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1"),
        format!("CONFIG proxy.config.cache.ram_cache.size INT {megabytes}M"),
        "CONFIG proxy.config.cache.ram_cache.algorithm INT 1".to_owned(),
        "CONFIG proxy.config.cache.ram_cache.use_seen_filter INT 0".to_owned(),
        "CONFIG proxy.config.http.cache.required_headers INT 0".to_owned(),
        "CONFIG proxy.config.url_remap.remap_required INT 0".to_owned(),
        "CONFIG proxy.config.admin.user_id STRING #-1".to_owned(),
        "CONFIG proxy.config.log.logging_enabled INT 0".to_owned(),
        "CONFIG proxy.config.http.insert_response_via_str INT 3".to_owned(),
        format!("CONFIG proxy.config.local_state_dir STRING {here}/run"),
        format!("CONFIG proxy.config.log.logfile_dir STRING {here}/log"),
    ];
    write(&etc.join("records.config"), &(records.join("\n") + "\n"));
    write(
        &etc.join("storage.config"),
        &format!("{here}/cache {megabytes}M\n"),
    );
    write(
        &etc.join("remap.config"),
        &format!("map / http://{origin}/\n"),
    );
    for name in [
        "ip_allow.yaml",
        "cache.config",
        "hosting.config",
        "parent.config",
        "sni.yaml",
        "ssl_multicert.config",
        "volume.config",
        "logging.yaml",
    ] {
        let given = Path::new("/etc/trafficserver").join(name);
        let _ = std::fs::copy(given, etc.join(name));
    }
    let runroot = folder.join("runroot.yaml");
    write(
        &runroot,
        &format!(
            "prefix: {here}\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/bin\n\
             sysconfdir: {here}/etc\ndatadir: {here}/var\nincludedir: /usr/include\n\
             libdir: /usr/lib/trafficserver\nlibexecdir: /usr/lib/trafficserver/modules\n\
             localstatedir: {here}/var\nruntimedir: {here}/run\nlogdir: {here}/log\n\
             cachedir: {here}/cache\n"
        ),
    );
    let mut command = Command::new("traffic_server");
    command.arg(format!("--run-root={}", runroot.display()));
    command.arg("--bind_stdout").arg(folder.join("out"));
    command
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file can be written");
}

/// A running server. Dropped, it and all its processes are ended.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
}

impl Running {
    /// Starts it, and waits until it listens.
    pub(crate) async fn start(
        server: Server,
        origin: SocketAddr,
        room: u64,
    ) -> Result<Running, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.map_err(|error| error.to_string())?;
        let mut command = server.command(folder.path(), address.port(), origin, room);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("not measured: {error}"))?;
        let mut running = Running {
            process,
            address,
            folder,
        };
        let end = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if let Ok(Some(status)) = running.process.try_wait() {
                return Err(format!("not measured: it ended with {status}"));
            }
            if Instant::now() > end {
                return Err("not measured: it does not listen".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}
