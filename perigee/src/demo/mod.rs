//! A whole CDN on one machine, as processes of this binary.

mod children;
mod clients;
mod http;
mod page;
mod plan;
mod preflight;
mod ready;
mod scratch;
mod shell;
mod stop;
mod tour;

use std::{collections::HashMap, path::PathBuf, process::ExitCode, time::Instant};

use self::{
    children::{Children, Launch},
    page::Page,
    plan::{Content, HOST, Plan, Ports},
    scratch::Scratch,
    stop::Stop,
};
use crate::{
    cli,
    commands::Outcome,
    style::{Style, print, say},
};

/// Runs the demo until Ctrl-C, or the tour through it.
pub(crate) async fn run(options: cli::Demo) -> Outcome {
    if let Some(folder) = &options.folder {
        preflight::check_folder(folder)?;
    }
    let plan = plan(&options)?;
    if options.tour && plan.one_address {
        return Err(
            "the tour tells nodes apart by their addresses, and here only 127.0.0.1 is \
                    local; `perigee demo` without --tour works"
                .into(),
        );
    }
    preflight::check_addresses(&plan)?;
    let mut stop = Stop::listen()?;
    let demo = Demo::new(plan, options)?;
    let mut children = Children::default();
    let result = tokio::select! {
        result = demo.show(&mut children) => result,
        () = stop.asked() => Ok(ExitCode::SUCCESS),
        // Nobody reads what to try, as after `perigee demo | head`.
        () = stop::reader_left() => Ok(ExitCode::SUCCESS),
    };
    let killed = children.end().await;
    if killed > 0 {
        eprintln!("perigee: {killed} processes did not end in time and were killed");
    }
    if result.is_ok() {
        say!("\nThe demo has ended; nothing is left of it.");
    }
    result
}

fn plan(options: &cli::Demo) -> Result<Plan, String> {
    let ports = Ports {
        serve: options.port,
        admin: options.admin_port,
        dns: options.dns_port,
        one_address: options.one_address || !preflight::has_many_addresses(),
    };
    let content = options.origin.clone().map_or(Content::Ours, Content::App);
    Plan::new(content, ports)
}

/// The demo, its files written.
struct Demo {
    plan: Plan,
    options: cli::Demo,
    folder: Option<PathBuf>,
    scratch: Scratch,
    config: PathBuf,
    secret: String,
    style: Style,
}

impl Demo {
    fn new(plan: Plan, options: cli::Demo) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("cannot write the demo's files: {e}");
        let folder = options.folder.as_ref().map(std::path::absolute).transpose();
        let places = perigee_geodns::build_database(clients::PLACES)
            .map_err(|e| format!("the bundled table of places: {e}"))?;
        let secret = secret()?;
        // Late, so that there are children soon that remove it if this process is killed.
        let scratch = Scratch::new().map_err(failed)?;
        scratch.write("places.mmdb", places).map_err(failed)?;
        let config = scratch.write("cdn.toml", plan.config()).map_err(failed)?;
        Ok(Demo {
            folder: folder.map_err(failed)?,
            secret,
            style: Style::stdout(),
            plan,
            options,
            scratch,
            config,
        })
    }

    /// Starts the nodes, tells what to try or takes the tour.
    async fn show(&self, children: &mut Children) -> Outcome {
        let begun = Instant::now();
        say!("Starting {} processes:", self.plan.nodes.len());
        self.start(children)?;
        tokio::select! {
            ready = ready::wait(&self.plan, |name, took| {
                say!("  {name:<9} ready after {:.2} s", took.as_secs_f64());
            }) => ready?,
            ended = children.next_end() => {
                let words = ended.last_words();
                return Err(format!("{} {}:\n{words}", ended.name, ended.how()));
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        let up = format!("The CDN is up, after {seconds:.2} s.");
        say!("\n{}\n", self.style.bold(&up));
        if self.plan.one_address {
            say!(
                "Here only 127.0.0.1 is local, so that nodes differ by port, and the DNS answers \
                 with the same address for all.\n"
            );
        }
        let pids = self.pids(children);
        let binary = shell::binary();
        let page = self.page(&pids, &binary).await;
        print(&page.nodes());
        if self.options.tour {
            return tour::run(&self.plan, children, self.launch(), self.style).await;
        }
        say!(
            "\nThings to try in another terminal:\n{}",
            page.things_to_try()
        );
        say!("  {}", self.style.bold("Ctrl-C ends all of it."));
        self.watch(children).await
    }

    fn launch(&self) -> Launch<'_> {
        Launch {
            folder: self.scratch.path(),
            config: &self.config,
            secret: &self.secret,
            content: self.folder.as_deref(),
        }
    }

    fn start(&self, children: &mut Children) -> Result<(), String> {
        let launch = self.launch();
        for node in &self.plan.nodes {
            let failed = |e| format!("cannot start {}: {e}", node.name);
            children.start(node, &launch).map_err(failed)?;
        }
        Ok(())
    }

    /// Tells which nodes end: in a demo of failure that is no failure.
    async fn watch(&self, children: &mut Children) -> Outcome {
        loop {
            let ended = children.next_end().await;
            say!(
                "\n{} (pid {}) {}.",
                self.style.name(&ended.name),
                ended.pid,
                ended.how()
            );
            match self.plan.edges().any(|edge| edge.name == ended.name) {
                true => say!("The DNS will answer without it in a moment. Ask again."),
                false => say!("The others go on without it."),
            }
        }
    }

    fn pids(&self, children: &Children) -> HashMap<String, u32> {
        let pid = |name: &String| Some((name.clone(), children.pid(name)?));
        self.plan
            .nodes
            .iter()
            .filter_map(|node| pid(&node.name))
            .collect()
    }

    async fn page<'a>(&'a self, pids: &'a HashMap<String, u32>, binary: &'a str) -> Page<'a> {
        let is_sample = self.folder.is_none() && self.plan.content == Content::Ours;
        let mut page = Page {
            plan: &self.plan,
            pids,
            config: &self.config,
            binary,
            has_dig: shell::is_on_path("dig"),
            is_sample,
            validator: None,
            style: self.style,
        };
        page.validator = self.validator(page.asset()).await;
        page
    }

    /// What the origin tells to recognise its page by.
    async fn validator(&self, path: &str) -> Option<(&'static str, String)> {
        let reply = http::ask(http::Ask {
            method: ::http::Method::HEAD,
            address: self.plan.origin()?.address,
            host: HOST,
            path,
            fields: &[],
        });
        let reply = reply.await.ok()?;
        [
            ("etag", "If-None-Match"),
            ("last-modified", "If-Modified-Since"),
        ]
        .into_iter()
        .map(|(told, asked)| (asked, reply.field(told)))
        .find(|(_, value)| !value.is_empty())
    }
}

/// A secret for this run: 64 hexadecimal digits.
fn secret() -> Result<String, String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
