//! The command line: one file a verb, no decisions about releases. A verb reads its arguments,
//! has `wire` build what it needs, asks the engine, and says what came of it, in words for people
//! or a line of JSON each for programs. The only room that prints.

#[macro_use]
mod out;

mod approve;
mod arguments;
mod config;
mod consent;
mod console;
mod doctor;
mod ending;
mod exit;
mod following;
mod history;
mod hold;
mod looks;
mod man;
mod open;
mod plan_text;
mod promote;
mod prompt;
mod prune;
mod repair;
mod reporter;
mod resume;
mod sandbox;
mod show;
mod signals;
mod status;
mod ways_back;

use std::process::ExitCode;

use clap::Parser;

use crate::diagnostics::{self, LogFile};
use arguments::{Arguments, Verb};
pub use exit::Exit;

/// Runs the program: reads the arguments, does what they say, and says how it ended.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help_or_mistake) => return help_or_mistake_end(&help_or_mistake),
    };
    if let Err(report) = diagnostics::install(log_file(arguments.verb.as_ref())) {
        warn_line!("greenroom: {report}");
        return Exit::Usage.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            warn_line!("greenroom: no runtime: {error}");
            return Exit::Usage.into();
        }
    };
    let exit = runtime.block_on(run(arguments));
    // A command of ours that hangs must not keep the operator from their prompt.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    if let Some(why) = diagnostics::close() {
        warn_line!("greenroom: the log could not be written: {why}");
    }
    exit
}

/// Prints what was asked for by `--help` or `--version`, or what is wrong with the arguments.
fn help_or_mistake_end(said: &clap::Error) -> ExitCode {
    let printed = said.print();
    if said.use_stderr() {
        return Exit::Usage.into();
    }
    out::written(printed);
    out::end(Exit::Done, false).into()
}

/// Commands that only look, and say what they find, make no log file.
fn log_file(verb: Option<&Verb>) -> LogFile {
    match verb {
        Some(Verb::SampleApp { .. }) => LogFile::Unwanted,
        Some(
            Verb::Status(_) | Verb::Doctor | Verb::Config(_) | Verb::Completions { .. } | Verb::Man,
        ) => LogFile::IfAskedFor,
        _ => LogFile::Wanted,
    }
}

/// Whether a command changes more than the archive of this machine.
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
        Some(Verb::Completions { shell }) => man::completions(shell),
        Some(Verb::Man) => man::man(),
        // Its exit codes are its own: it is another program in the same file.
        Some(Verb::SampleApp { arguments }) => return sandbox::sample_app(arguments).await,
    };
    out::end(exit, changes).into()
}
