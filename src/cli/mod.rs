//! The command line, with one module for each verb. A verb reads its arguments, lets `wire` build what it needs, asks
//! the engine, and prints the result: text for people, or lines of JSON for programs (`json`). This module makes no
//! decisions about releases, and no other module prints.

#[macro_use]
mod out;

mod approve;
mod arguments;
mod complete;
mod config;
mod consent;
mod console;
mod doctor;
mod ending;
mod exit;
mod following;
mod help;
mod history;
mod hold;
mod json;
mod looks;
mod man;
mod names;
mod open;
mod plan_text;
mod promote;
mod prompt;
mod prune;
mod repair;
mod reporter;
mod resume;
mod rollback_candidates;
mod sandbox;
mod show;
mod signals;
mod status;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::diagnostics::{self, LogFile};
use arguments::{Arguments, Verb};
pub use exit::Exit;

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    // If a shell asks for completions, this call ends the process.
    complete::answer_the_shell();
    let parsed = Arguments::command().try_get_matches().and_then(|matches| {
        Ok((
            help::verb_name(&matches),
            Arguments::from_arg_matches(&matches)?,
        ))
    });
    let (name, arguments) = match parsed {
        Ok(parsed) => parsed,
        Err(help_or_mistake) => return print_help_or_mistake(&help_or_mistake),
    };
    if arguments.prints_json() {
        json::start(&name);
    }
    if let Err(report) = diagnostics::install(log_file(arguments.verb.as_ref())) {
        warn_line!("greenroom: {report}");
        return finish(Exit::Usage, false);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            warn_line!("greenroom: cannot start the async runtime: {error}");
            return finish(Exit::Usage, false);
        }
    };
    let exit = runtime.block_on(run(arguments));
    // A task that hangs must not keep the operator waiting for the prompt.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    if let Some(why) = diagnostics::close() {
        warn_line!("greenroom: the log could not be written: {why}");
    }
    exit
}

/// Prints the text of `--help` or `--version`, or the error in the arguments.
fn print_help_or_mistake(error: &clap::Error) -> ExitCode {
    if let Some(command) = help::json_was_asked_for() {
        json::start(&command);
        return finish(help::in_json(error), false);
    }
    let printed = error.print();
    if error.use_stderr() {
        return Exit::Usage.into();
    }
    out::remember_failure(printed);
    out::final_exit(Exit::Done, false).into()
}

/// Prints the last line of `--json`, and turns the end of the command into the exit code of the process.
fn finish(exit: Exit, changes: bool) -> ExitCode {
    json::finish(exit);
    out::final_exit(exit, changes).into()
}

/// Whether a command writes a log file. A command that leaves servers and the archive unchanged, such as `status` or
/// `doctor`, writes a log file only if `GREENROOM_LOG` is set. The sample application never writes a log file.
fn log_file(verb: Option<&Verb>) -> LogFile {
    match verb {
        Some(Verb::SampleApp { .. }) => LogFile::Unwanted,
        Some(
            Verb::Status(_)
            | Verb::Doctor
            | Verb::Config(_)
            | Verb::Completions { .. }
            | Verb::Man { .. }
            | Verb::Help(_),
        ) => LogFile::OnRequest,
        _ => LogFile::Wanted,
    }
}

/// Whether a command changes what is running, or what operators share about releases. If the result of such a command
/// cannot be printed, the exit code says that a person has to look.
fn changes(verb: Option<&Verb>) -> bool {
    match verb {
        None | Some(Verb::Promote(_) | Verb::Resume(_) | Verb::Approve(_) | Verb::Sandbox(_)) => {
            true
        }
        Some(Verb::Rollback(rollback)) => !rollback.list,
        Some(Verb::Repair(repair)) => !repair.dry_run,
        Some(Verb::Prune(prune)) => !prune.dry_run,
        Some(Verb::Hold(hold)) => hold.reason.is_some() || hold.clear,
        Some(_) => false,
    }
}

async fn run(arguments: Arguments) -> ExitCode {
    let common = &arguments.common;
    let changes = changes(arguments.verb.as_ref());
    let exit = match arguments.verb {
        None if common.json => {
            warn_line!("greenroom: --json needs a verb, for example: greenroom --json status");
            Exit::Usage
        }
        None => console::run(common).await,
        Some(Verb::Promote(promote)) => promote::promote(common, promote).await,
        Some(Verb::Rollback(rollback)) => promote::rollback(common, rollback).await,
        Some(Verb::Resume(resume)) => resume::run(common, resume).await,
        Some(Verb::Repair(repair)) => repair::run(common, repair).await,
        Some(Verb::Approve(approve)) => approve::run(common, approve).await,
        Some(Verb::Hold(hold)) => hold::run(common, hold).await,
        Some(Verb::Prune(prune)) => prune::run(common, &prune).await,
        Some(Verb::Status(status)) => status::run(common, &status).await,
        Some(Verb::History(history)) => history::run(common, &history).await,
        Some(Verb::Show(show)) => show::run(common, &show).await,
        Some(Verb::Doctor) => doctor::run(common).await,
        Some(Verb::Config(verb)) => config::run(common, &verb),
        Some(Verb::Sandbox(sandbox)) => sandbox::run(common, sandbox).await,
        Some(Verb::Completions { shell }) => complete::script(&shell),
        Some(Verb::Man { dir }) => man::run(dir.as_deref()),
        Some(Verb::Help(help)) => help::run(&help),
        // The sample application is another program in the same file, with its own exit codes.
        Some(Verb::SampleApp { arguments }) => return sandbox::sample_app(arguments).await,
    };
    finish(exit, changes)
}
