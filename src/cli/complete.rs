//! Completions for a shell while an operator types: services and environments from the configuration, versions
//! from the image registry and the history, release ids from the archive of this machine. A shell waits for the answer,
//! so a completion takes at most one second. After a failure, nothing is completed and no error is printed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use clap::{ArgMatches, Args, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;

use super::arguments::{Arguments, Common, VerbDefinition};
use super::help::topics::TOPICS;
use super::man::Manual;
use super::{Exit, out};
use crate::diagnostics::LogFile;
use crate::history::{Filter, ReleaseState};
use crate::inventory::drift::Name;
use crate::inventory::{EnvironmentName, ServiceName, Target};
use crate::port_check::OutgoingPorts;
use crate::sanitize::sanitize;
use crate::settings::{Request, Settings};
use crate::wire::{self, App};

/// Prints the completion script of a shell
///
/// Completes verbs, options, services, environments, versions and release ids. For bash, add
/// this line to ~/.bashrc:
///
///   source <(greenroom completions bash)
///
/// For zsh, add the line to ~/.zshrc, with zsh instead of bash. For fish, add this line to
/// ~/.config/fish/config.fish:
///
///   greenroom completions fish | source
///
/// Versions come from the image registry and the history, within one second. If a server does not answer,
/// nothing is completed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SHELLS))]
    shell: String,
}

impl VerbDefinition for Completions {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("completions", &[("source <(greenroom completions bash)", "Turns on completion in this shell.")], &["help"], &[]),
    ];
    const LOG_FILE: LogFile = LogFile::OnRequest;

    async fn run(self, _: &Common) -> Exit {
        script(&self.shell)
    }
}

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// The variable that a completion script sets when it asks for completions. To get the script itself, a shell sets the
/// variable and gives no arguments.
const VARIABLE: &str = "GREENROOM_COMPLETE";
/// How long a shell waits for completions at most.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// How many releases are offered at most, newest first.
const MAX_RELEASES: usize = 50;

/// If a shell asks for completions or for the completion script, prints the answer and ends the process.
pub(super) fn answer_the_shell() {
    // A shell requests the script without arguments, and passes the typed line after `--`. Any other first argument
    // means a normal command that inherited the variable.
    let mut arguments = std::env::args_os().skip(1);
    let is_command = arguments.next().is_some_and(|first| first != "--");
    if is_command {
        return;
    }
    let completed = CompleteEnv::with_factory(Arguments::command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), None);
    // An error must not be printed into the line that the operator is typing. If `--` is missing, no operator is typing
    // a line, and the command runs normally.
    let has_line = std::env::args_os().any(|word| word == "--");
    if matches!(completed, Ok(true)) || (completed.is_err() && has_line) {
        std::process::exit(0);
    }
}

/// Prints the completion script of a shell.
fn script(shell: &str) -> Exit {
    let mut text = Vec::new();
    let name = "greenroom";
    let written = Shells::builtins()
        .completer(shell)
        .map(|shell| shell.write_registration(VARIABLE, name, name, name, &mut text));
    match written {
        Some(Ok(())) => {
            out::say_bytes(&text);
            Exit::Done
        }
        Some(Err(error)) => {
            warn_line!("greenroom: cannot write the completion script for {shell}: {error}");
            Exit::Failed
        }
        None => Exit::Usage,
    }
}

pub(super) fn services(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = in_time(|| {
        let targets = Line::read()?.targets()?.into_iter();
        Some(targets.map(|it| it.service.to_string()).collect())
    });
    candidates(typed, names)
}

/// The verbs and topics that have help.
pub(super) fn topics(typed: &OsStr) -> Vec<CompletionCandidate> {
    let root = Arguments::command();
    let verbs = root.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.map(|verb| verb.get_name().to_owned());
    let topics = TOPICS.iter().map(|topic| topic.name.to_owned());
    let mut names: Vec<String> = verbs.chain(topics).collect();
    names.sort();
    candidates(typed, names)
}

/// The configured environments. If a service was typed before, only the environments of that service.
pub(super) fn environments(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = in_time(|| {
        let line = Line::read()?;
        let targets = line.targets()?.into_iter();
        let is_wanted = |target: &Target| target.is_among(line.service.as_ref(), None);
        let environments = targets
            .filter(is_wanted)
            .map(|it| it.environment.to_string());
        Some(environments.collect())
    });
    candidates(typed, names)
}

/// The tasks of the target.
pub(super) fn tasks(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = in_time(|| {
        let line = Line::read()?;
        let (app, target) = (line.app()?, line.target()?);
        let definition = app.engine.definition(&target)?;
        let tasks = definition.tasks.iter();
        Some(tasks.map(|task| task.name.to_string()).collect())
    });
    candidates(typed, names)
}

/// The checks of the target.
pub(super) fn checks(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = in_time(|| {
        let line = Line::read()?;
        let (app, target) = (line.app()?, line.target()?);
        let definition = app.engine.definition(&target)?;
        let cases = definition.suite.cases.iter();
        Some(cases.map(|case| case.name.clone()).collect())
    });
    candidates(typed, names)
}

/// The tags of the service's image repository.
pub(super) fn tags(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = in_time(|| {
        let line = Line::read()?;
        let (app, target) = (line.app()?, line.target()?);
        block_on(app.engine.tags(&target))?.ok()
    });
    candidates(typed, names)
}

/// The versions that the target can go back to.
pub(super) fn rollback_versions(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = in_time(|| {
        let line = Line::read()?;
        let (app, target) = (line.app()?, line.target()?);
        let candidates = block_on(app.engine.rollback_candidates(&target))?.ok()?;
        let candidates = candidates
            .candidates
            .into_iter()
            .filter(|candidate| candidate.against.is_empty());
        Some(
            candidates
                .map(|candidate| candidate.version.name().to_owned())
                .collect(),
        )
    });
    candidates(typed, names)
}

/// The ids of the newest releases that the archive of this machine has.
pub(super) fn releases(typed: &OsStr) -> Vec<CompletionCandidate> {
    let found = in_time(|| {
        let line = Line::read()?;
        let app = line.app()?;
        // Opening a missing archive would create it, and a completion must not change anything.
        if !Path::new(&app.archive).exists() {
            return None;
        }
        block_on(async move {
            let archive = app.open_archive().await.ok()?;
            let listed = archive
                .read
                .list(&Filter::default(), None, MAX_RELEASES)
                .await;
            let listed = listed.ok()?.into_iter().map(|listed| {
                let (head, state) = (&listed.head, ReleaseState::of(&listed.head));
                let description = format!("{} {} {state}", head.target, head.to.1.name());
                (head.id.to_string(), description)
            });
            Some(listed.collect::<Vec<_>>())
        })?
    });
    described(&typed.to_string_lossy().to_uppercase(), found)
}

/// The entries in the queue of the target, newest first.
pub(super) fn queue_entries(typed: &OsStr) -> Vec<CompletionCandidate> {
    let found = in_time(|| {
        let line = Line::read()?;
        let (app, target) = (line.app()?, line.target()?);
        let queue = block_on(async move { app.engine.queue(&target).await })?.ok()?;
        let entries = queue.into_iter().map(|entry| {
            let description = sanitize(&format!("{} {}", entry.push.tag, entry.state.kind()));
            (entry.id.short().to_owned(), description)
        });
        Some(entries.collect())
    });
    described(&typed.to_string_lossy(), found)
}

/// The ids that start with the typed text, each with its description.
fn described(typed: &str, found: Vec<(String, String)>) -> Vec<CompletionCandidate> {
    let found = found.into_iter().filter(|(id, _)| id.starts_with(typed));
    found
        .map(|(id, description)| CompletionCandidate::new(id).help(Some(description.into())))
        .collect()
}

/// The names of all differences, for `repair --only`.
pub(super) fn differences(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = Name::ALL.into_iter().map(|name| name.as_str().to_owned());
    candidates(typed, names.collect())
}

/// The parts of the typed line that decide which completions fit.
#[derive(Debug, Default)]
struct Line {
    config: Option<PathBuf>,
    overrides: Vec<(String, String)>,
    service: Option<ServiceName>,
    environment: Option<EnvironmentName>,
}

impl Line {
    /// Parses the unfinished line, which the shell passes after `--`.
    fn read() -> Option<Self> {
        let arguments = std::env::args_os().skip_while(|it| it != "--").skip(1);
        let typed = Arguments::command()
            .ignore_errors(true)
            .try_get_matches_from(arguments)
            .ok()?;
        Some(Self::from_matches(&typed))
    }

    fn from_matches(typed: &ArgMatches) -> Self {
        let mut line = Self::default();
        let mut typed = Some(typed);
        while let Some(matches) = typed {
            let text = |name: &str| matches.try_get_one::<PathBuf>(name).ok().flatten().cloned();
            line.config = text("config").or(line.config);
            let set = matches.try_get_many::<String>("set").ok().flatten();
            let set = set.into_iter().flatten();
            line.overrides.extend(set.filter_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                Some((key.to_owned(), value.to_owned()))
            }));
            let service = matches.try_get_one::<ServiceName>("service");
            line.service = service.ok().flatten().cloned().or(line.service);
            let environment = matches.try_get_one::<EnvironmentName>("environment");
            line.environment = environment.ok().flatten().cloned().or(line.environment);
            typed = matches.subcommand().map(|(_, inner)| inner);
        }
        line
    }

    fn settings(&self) -> Option<Settings> {
        let variables = std::env::vars_os();
        let request = Request {
            path: self.config.clone(),
            environment: variables
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            overrides: self.overrides.clone(),
            outgoing: OutgoingPorts::of_this_machine(),
            docker_options: wire::docker_options(),
            may_loosen: false,
            requires_files: false,
        };
        Settings::load(&request).ok().map(|loaded| loaded.settings)
    }

    fn targets(&self) -> Option<Vec<Target>> {
        let targets = self.settings()?.targets.into_iter();
        Some(targets.map(|target| target.definition.target).collect())
    }

    fn target(&self) -> Option<Target> {
        let (service, environment) = (self.service.clone()?, self.environment.clone()?);
        Some(Target::new(service, environment))
    }

    /// The application in read-only mode: a completion must not change anything.
    fn app(&self) -> Option<App> {
        let settings = self.settings()?;
        block_on(async move { wire::build(&settings, true).ok() })?
    }
}

/// Waits for the result of a future. Returns `None` if the async runtime cannot be started. The runtime is kept until
/// the process ends, because clients that were built in it continue to use it.
fn block_on<T>(future: impl Future<Output = T>) -> Option<T> {
    use tokio::runtime::{Builder, Runtime};
    static RUNTIME: std::sync::OnceLock<Option<Runtime>> = std::sync::OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().ok()
    });
    runtime.as_ref().map(|runtime| runtime.block_on(future))
}

/// Returns the values that `find` found, or none if `find` takes longer than a second. A thread that hangs ends with
/// the process.
fn in_time<T: Send + 'static>(find: impl FnOnce() -> Option<Vec<T>> + Send + 'static) -> Vec<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(find()));
    let found = receiver.recv_timeout(MAX_WAIT).ok().flatten();
    found.unwrap_or_default()
}

/// The names that start with the typed text, without duplicates, in the given order.
fn candidates(typed: &OsStr, mut names: Vec<String>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| name.starts_with(&*typed) && seen.insert(name.clone()));
    names.into_iter().map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_line_names_its_target_and_configuration() {
        let arguments = [
            "greenroom",
            "--config",
            "here.toml",
            "promote",
            "web",
            "qa",
            "--version",
            "",
        ];
        let typed = Arguments::command()
            .ignore_errors(true)
            .try_get_matches_from(arguments);
        let line = Line::from_matches(&typed.expect("errors are ignored"));
        assert_eq!(line.config.as_deref(), Some(Path::new("here.toml")));
        let target = line.target().map(|target| target.to_string());
        assert_eq!(target.as_deref(), Some("web/qa"));
    }

    #[test]
    fn a_server_that_hangs_completes_nothing_after_a_second() {
        let started = std::time::Instant::now();
        let (_sender, receiver) = mpsc::channel::<Vec<String>>();
        assert_eq!(in_time(move || receiver.recv().ok()), [""; 0]);
        assert!(started.elapsed() < MAX_WAIT * 5, "{:?}", started.elapsed());
    }
}
