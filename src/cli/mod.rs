//! The command line, with one module for each verb. A verb reads its arguments, lets `wire` build what it needs, asks
//! the engine, and prints the result: text for people, or lines of JSON for programs (`json`). This module makes no
//! decisions about releases, and no other module prints.

#[macro_use]
mod out;

mod agent;
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
mod notify;
mod open;
mod plan_text;
mod promote;
mod prompt;
mod prune;
mod queue;
mod repair;
mod reporter;
mod resume;
mod rollback_candidates;
mod sample_push;
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
    let verb = arguments.verb.as_ref();
    let log_file = verb.map_or(LogFile::Wanted, Verb::log_file);
    if let Err(report) = diagnostics::install(log_file) {
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

async fn run(arguments: Arguments) -> ExitCode {
    let common = &arguments.common;
    let Some(verb) = arguments.verb else {
        if common.json {
            warn_line!("greenroom: --json needs a verb, for example: greenroom --json status");
            return finish(Exit::Usage, true);
        }
        return finish(Box::pin(console::run(common)).await, true);
    };
    let changes = verb.changes();
    // The future of a verb is too large for the stack.
    match Box::pin(verb.run(common)).await {
        Ok(exit) => finish(exit, changes),
        Err(of_sample) => of_sample,
    }
}
