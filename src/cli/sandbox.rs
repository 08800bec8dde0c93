//! `greenroom sandbox`: starts the sandbox in a directory, opens the console or waits, and stops everything at the end.
//! A temporary directory is removed.

mod push;

use std::collections::BTreeSet;
use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use futures_util::FutureExt;
use futures_util::future::join_all;
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::agent::RunningAgent;
use super::arguments::{Common, VerbDefinition, see_also};
use super::man::Manual;
use super::signals::{self, StopRequest};
use super::{Exit, console, json, open};
use crate::console::{ExitReason, terminal};
use crate::inventory::{Endpoint, Target};
use crate::port_check::OutgoingPorts;
use crate::sandbox::{self, Place, Ports, SampleTraffic, SandboxError, State, Tally};
use crate::settings::{Loaded, Problems, Request, Settings};
use crate::wire::{self, App, EmbeddedProxy, WireError};

/// Runs Greenroom with sample services on this machine: nothing to install, no network
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Sandbox {
    #[command(subcommand)]
    verb: Option<SandboxVerb>,
    /// Keeps everything in this directory instead of a temporary one
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Runs the sandbox without the console, until it is interrupted
    #[arg(long)]
    headless: bool,
    /// Runs the sandbox without its agent, so that pushed versions are not released
    #[arg(long)]
    no_agent: bool,
}

#[derive(Debug, Subcommand)]
enum SandboxVerb {
    #[command(after_help = see_also("sandbox push"))]
    Push(push::PushVerb),
}

impl VerbDefinition for Sandbox {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("sandbox", &[("greenroom sandbox", "Opens the console with sample services."), ("greenroom sandbox --headless --directory ./try", "Runs the sandbox without the console, and keeps its files.")], &["promote", "status", "sandbox push"], &["keys", "agent"]),
        ("sandbox push", &[("greenroom sandbox push web 1.9.3", "A new version appears, and the agent releases it in dev and qa."), ("greenroom sandbox push web 1.9.4 --fault failing-checks", "A new version whose checks fail is backed out.")], &["sandbox", "queue"], &["agent"]),
    ];

    fn changes(&self) -> bool {
        true
    }

    async fn run(self, common: &Common) -> Exit {
        if let Some(SandboxVerb::Push(verb)) = &self.verb {
            return push::run(common, verb).await;
        }
        Box::pin(run(common, self)).await
    }
}

/// How long running requests may still take when the proxies stop.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

async fn run(common: &Common, verb: Sandbox) -> Exit {
    if common.json && !verb.headless {
        print_error(
            "the console prints no JSON. For JSON, run: greenroom --json sandbox --headless",
        );
        return Exit::Usage;
    }
    if !verb.headless
        && let Err(why) = terminal::check()
    {
        print_error(format!(
            "{why}\nTo run the sandbox without the console: greenroom sandbox --headless"
        ));
        return Exit::Usage;
    }
    let overrides = match open::request(common) {
        Ok(request) => request.overrides,
        Err(exit) => return exit,
    };
    // Signals are caught before anything is created, so that Ctrl-C always cleans up.
    let mut stop_requests = signals::listen();
    let place = match &verb.directory {
        Some(directory) => Place::kept(directory),
        None => Place::temporary(),
    };
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            print_error(&error);
            return Exit::Usage;
        }
    };
    let mut running = RunningSandbox::at(place, overrides);
    running.has_agent = !verb.no_agent;
    let exit = tokio::select! {
        started = running.start() => match started {
            Ok(()) => None,
            Err(error) => {
                print_error(&error);
                Some(Exit::Failed)
            }
        },
        _ = stop_requests.recv() => Some(Exit::Cancelled),
    };
    let exit = match exit {
        Some(exit) => exit,
        None if verb.headless => running.wait_for_stop(&mut stop_requests).await,
        None => running.show(common.read_only).await,
    };
    running.end(exit).await
}

pub(super) async fn sample_app(arguments: Vec<String>) -> std::process::ExitCode {
    sandbox::sample::main_from_environment(arguments).await
}

/// Why the sandbox cannot be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the configuration of the sandbox has errors:\n{0}")]
    Settings(#[from] Problems),
}

/// A sandbox that is being started or is running. Owns everything that was started, so that it can be stopped at any
/// moment.
struct RunningSandbox {
    place: Place,
    overrides: Vec<(String, String)>,
    loaded: Option<Loaded>,
    /// Keeps the ports reserved, so that no other new sandbox uses them.
    ports: Option<Ports>,
    /// The application. It is set before the first instance starts.
    app: Option<App>,
    proxies: Vec<EmbeddedProxy>,
    has_agent: bool,
    agent: Option<RunningAgent>,
    traffic: Option<SampleTraffic>,
}

impl RunningSandbox {
    fn at(place: Place, overrides: Vec<(String, String)>) -> Self {
        Self {
            place,
            overrides,
            loaded: None,
            ports: None,
            app: None,
            proxies: Vec::new(),
            has_agent: true,
            agent: None,
            traffic: None,
        }
    }

    /// Starts the sandbox. A new sandbox gets a sample history first. A kept sandbox restarts the versions that were
    /// live. The remains of an unfinished sandbox are removed, and a new sandbox is made.
    async fn start(&mut self) -> Result<(), StartError> {
        let progress = StartProgress::begin();
        if self.place.state() == State::Unfinished {
            progress.say("removing the remains of an unfinished sandbox");
            self.clear().await?;
        }
        self.place.link_this_program()?;
        if self.place.state() == State::New {
            self.seed(&progress).await?;
        }
        let loaded = self.load(&[])?;
        if self.proxies.is_empty() {
            self.proxies = wire::start_embedded_proxies(&loaded.settings).await?;
        }
        let app = self.app.insert(wire::build(&loaded.settings, false)?);
        progress.say("restarting the live versions");
        sandbox::restart_live(&app.engine).await?;
        let addresses = public(&loaded.settings).into_iter().map(|(_, at)| at);
        self.traffic = Some(SampleTraffic::start(addresses));
        self.start_agent().await?;
        drop(progress);
        json::event("open", self.addresses(&loaded.settings));
        say(self.opened_text(&loaded.settings));
        self.loaded = Some(loaded);
        Ok(())
    }

    /// Starts the agent, as another process would run it: with its own connections and its own name. A sandbox of an
    /// older Greenroom has no inbox and gets no agent.
    async fn start_agent(&mut self) -> Result<(), StartError> {
        if !self.has_agent {
            return Ok(());
        }
        let loaded = self.load(&[("operator.name".to_owned(), super::agent::NAME.to_owned())])?;
        if loaded.settings.agent.inbox.is_none() {
            return Ok(());
        }
        let app = wire::build(&loaded.settings, false)?;
        self.agent =
            Some(RunningAgent::start(&app, &loaded.settings, None, &BTreeSet::new()).await?);
        Ok(())
    }

    async fn seed(&mut self, progress: &StartProgress) -> Result<(), StartError> {
        let (configuration, ports) = sandbox::configuration(self.place.directory())?;
        self.ports = Some(ports);
        let catalogue = wire::catalogue(sandbox::programs(&self.place.program()))?;
        self.place.write_files(&configuration, &catalogue)?;
        let loaded = self.load(&sandbox::seed_overrides())?;
        self.proxies = wire::start_embedded_proxies(&loaded.settings).await?;
        let app = self.app.insert(wire::build(&loaded.settings, false)?);
        sandbox::seed(&app.engine, |done, total| {
            progress.say(&format!("making past releases: {done} of {total}"));
        })
        .await?;
        self.place.finished()?;
        Ok(())
    }

    /// Loads the configuration of the sandbox. The environment variables of this process are ignored, because they
    /// belong to the operator's own configuration.
    fn load(&self, seed_overrides: &[(String, String)]) -> Result<Loaded, Problems> {
        let overrides: Vec<_> = self
            .overrides
            .iter()
            .chain(seed_overrides)
            .cloned()
            .collect();
        load_sandbox(&self.place.configuration(), &overrides)
    }

    /// Stops and removes the remains of a sandbox that was not completed.
    async fn clear(&mut self) -> Result<(), StartError> {
        if self.place.configuration().exists() {
            let loaded = self.load(&[])?;
            let app = wire::build(&loaded.settings, false)?;
            for problem in sandbox::stop_instances(&app.engine, true).await {
                print_error(&problem);
            }
        }
        self.place.clear().await?;
        Ok(())
    }

    /// Runs the console until it ends.
    async fn show(&self, read_only: bool) -> Exit {
        let (Some(app), Some(loaded)) = (&self.app, &self.loaded) else {
            return Exit::Failed;
        };
        let opened = console::open(
            app,
            &loaded.settings,
            read_only.then(|| "started with --read-only".to_owned()),
        );
        // A panic of the console is caught, so that everything can still be stopped.
        match AssertUnwindSafe(opened).catch_unwind().await {
            Ok(Ok(ExitReason::Quit | ExitReason::Reload(_))) => Exit::Done,
            Ok(Ok(ExitReason::Signal(_) | ExitReason::TerminalLost)) => Exit::Cancelled,
            Ok(Ok(ExitReason::Panicked)) | Err(_) => {
                print_error(
                    "the console crashed: read the crash report in the log (greenroom doctor shows its path)",
                );
                Exit::NeedsPerson
            }
            Ok(Err(report)) => {
                print_error(format!("{report:#}"));
                Exit::Failed
            }
        }
    }

    /// Waits for a request to stop.
    async fn wait_for_stop(&self, stop_requests: &mut mpsc::Receiver<StopRequest>) -> Exit {
        say(if self.place.is_kept() {
            "Ctrl-C stops the sandbox and keeps its directory"
        } else {
            "Ctrl-C stops the sandbox and removes everything"
        });
        // A request to stop is the expected end, not a failure.
        stop_requests.recv().await;
        Exit::Done
    }

    fn addresses(&self, settings: &Settings) -> serde_json::Value {
        let addresses = public(settings).into_iter().map(|(target, address)| {
            serde_json::json!({ "target": target, "url": format!("http://{address}/") })
        });
        serde_json::json!({
            "directory": self.place.directory(),
            "configuration": self.place.configuration(),
            "addresses": addresses.collect::<Vec<_>>(),
        })
    }

    fn opened_text(&self, settings: &Settings) -> String {
        let mut lines = vec![format!(
            "the sandbox is open in {}",
            self.place.directory().display()
        )];
        for (target, address) in public(settings) {
            lines.push(format!("  {:<20} http://{address}/", target.to_string()));
        }
        lines.push("use it from another terminal:".to_owned());
        let configuration = self.place.configuration();
        for verb in ["", " status", " promote web production --from qa"] {
            let configuration = configuration.display();
            lines.push(format!("  greenroom --config {configuration}{verb}"));
        }
        if self.agent.is_some() {
            lines.push("push a version, which the agent releases in dev and qa:".to_owned());
            let directory = self.place.directory().display();
            lines.push(format!(
                "  greenroom sandbox push web 1.9.3 --directory {directory}"
            ));
        }
        lines.join("\n")
    }

    /// Stops everything that was started, in this order: sample traffic, the agent, releases, proxies,
    /// processes. In this order,
    /// none of them sends a request to one that has already stopped.
    async fn end(mut self, exit: Exit) -> Exit {
        if let Some(traffic) = self.traffic.take() {
            report(&traffic.stop().await);
        }
        let mut problems = Vec::new();
        if let Some(agent) = self.agent.take()
            && let Err(error) = agent.stop().await
        {
            problems.push(format!("the agent has crashed: {error}"));
        }
        if let Some(app) = self.app.take() {
            sandbox::stop_drivers(&app.engine).await;
            let ending = self
                .proxies
                .drain(..)
                .map(|proxy| proxy.stop(LAST_REQUESTS));
            join_all(ending).await;
            let forget = !self.place.will_be_opened_again();
            problems.extend(sandbox::stop_instances(&app.engine, forget).await);
        }
        if !problems.is_empty() {
            print_error(format!(
                "some processes of the sandbox in {} were not stopped or not removed:\n{}",
                self.place.directory().display(),
                problems.join("\n")
            ));
            return Exit::NeedsPerson;
        }
        let directory = self.place.directory().display().to_string();
        let last = if self.place.will_be_opened_again() {
            format!(
                "the sandbox has ended; open it again: greenroom sandbox --directory {directory}"
            )
        } else {
            format!("the sandbox has ended; {directory} was removed")
        };
        if let Err(error) = self.place.leave().await {
            print_error(format!(
                "the directory of the sandbox was not removed: {error}"
            ));
            return Exit::NeedsPerson;
        }
        json::answer(serde_json::json!({ "text": last }));
        say(last);
        exit
    }
}

/// Loads the configuration of a sandbox.
fn load_sandbox(path: &Path, overrides: &[(String, String)]) -> Result<Loaded, Problems> {
    Settings::load(&Request {
        path: Some(path.to_owned()),
        environment: std::collections::BTreeMap::new(),
        overrides: overrides.to_vec(),
        outgoing: OutgoingPorts::of_this_machine(),
        docker_options: wire::docker_options(),
        may_loosen: true,
        requires_files: false,
    })
}

/// The public address of every target that listens on TCP.
fn public(settings: &Settings) -> Vec<(Target, SocketAddr)> {
    let mut found = Vec::new();
    for target in &settings.targets {
        if let Some(site) = &target.site
            && let Endpoint::Tcp(address) = site.listen
        {
            found.push((target.definition.target.clone(), address));
        }
    }
    found
}

fn report(tally: &Tally) {
    say(format!(
        "sample traffic: {} requests, {} failed",
        tally.requests, tally.failed
    ));
    if let Some(failure) = &tally.first_failure {
        say(format!("  first failure: {failure}"));
    }
}

/// Shows the progress until the sandbox is open.
struct StartProgress {
    bar: Option<ProgressBar>,
}

impl StartProgress {
    fn begin() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => warn_line!("{message}"),
        }
    }
}

impl Drop for StartProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints a line, or with `--json` an event. If the terminal is gone, the line is dropped, so that the sandbox can
/// still be stopped.
fn say(message: impl fmt::Display) {
    if json::is_on() {
        json::event("said", serde_json::json!({ "text": message.to_string() }));
    } else {
        say_line!("{message}");
    }
}

/// Prints an error. If the terminal is gone, the error is dropped.
fn print_error(message: impl fmt::Display) {
    warn_line!("greenroom: {message}");
}
