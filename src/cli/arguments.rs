//! The arguments of the program. Help, completions and manual pages are made from them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, Resettable, StyledStr, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};

use super::exit::MEANINGS;
use super::help::topics;
use super::man::Manual;
use super::{
    Exit, agent, approve, complete, config, doctor, help, history, hold, man, notify, promote,
    prune, queue, repair, resume, sandbox, show, status,
};
use crate::diagnostics::LogFile;

/// The text after the program's help.
fn after_help() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(text, "  {:<3}  {meaning}", exit.code());
    }
    let _ = write!(text, "\n{}", topics::list());
    text.push_str("\nMore help: greenroom help VERB, greenroom help TOPIC");
    text
}

/// The line after the help of a verb: the topics that explain the verb.
pub(super) fn see_also(verb: &str) -> Resettable<StyledStr> {
    let topics = man::topics_of(verb);
    if topics.is_empty() {
        return Resettable::Reset;
    }
    Resettable::Value(format!("See also: greenroom help {}", topics.join(", ")).into())
}

/// A release console for the terminal: blue-green releases on your own hosts, step by step.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, about, after_help = after_help(), arg_required_else_help = false, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

impl Arguments {
    /// Whether standard output carries lines of JSON. `--csv` overrides `--json`, and the sample application prints
    /// its own lines.
    pub(crate) fn prints_json(&self) -> bool {
        let has_own_format = self.verb.as_ref().is_some_and(Verb::has_own_format);
        self.common.json && !has_own_format
    }
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The configuration file [default: ./greenroom.toml, then the user's configuration directory]
    #[arg(
        long,
        short,
        global = true,
        env = "GREENROOM_CONFIG",
        // Unlike clap's parser for paths, this parser accepts an empty text, because an empty variable names no file.
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Sets one value of the configuration, e.g. --set defaults.timing.watch=2m
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Shows everything and changes nothing
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// Prints lines of JSON for programs; greenroom help json describes them
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A verb of the command line. Its arguments are the fields of the type, and its help is the description of the type.
pub(super) trait VerbDefinition {
    /// The examples in the manual page of the verb, and of each verb below it.
    const MANUALS: &'static [Manual];
    /// Whether the verb writes a log file. A command that leaves servers and the archive unchanged, such as `status` or
    /// `doctor`, writes one only if `GREENROOM_LOG` is set.
    const LOG_FILE: LogFile = LogFile::Wanted;

    /// Whether the command changes what is running, or what operators share about releases. If the result of such a
    /// command cannot be printed, the exit code says that a person has to look.
    fn changes(&self) -> bool {
        false
    }

    /// Whether the command prints another format even with `--json`.
    fn has_own_format(&self) -> bool {
        false
    }

    async fn run(self, common: &Common) -> Exit;
}

macro_rules! verbs {
    ($($verb:ident($arguments:ty),)+) => {
        #[derive(Debug, Subcommand)]
        pub(crate) enum Verb {
            $(#[command(after_help = see_also(&stringify!($verb).to_lowercase()))] $verb($arguments),)+
            /// Runs the sample application of the sandbox
            #[command(hide = true, disable_help_flag = true)]
            SampleApp {
                /// The arguments of the sample application
                #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
                arguments: Vec<String>,
            },
        }

        impl Verb {
            /// The manuals of all verbs, in the order of the help.
            pub(super) fn manuals() -> impl Iterator<Item = &'static Manual> {
                [$(<$arguments>::MANUALS),+].into_iter().flatten()
            }

            pub(super) fn log_file(&self) -> LogFile {
                match self {
                    $(Self::$verb(_) => <$arguments>::LOG_FILE,)+
                    Self::SampleApp { .. } => LogFile::Unwanted,
                }
            }

            pub(super) fn changes(&self) -> bool {
                match self {
                    $(Self::$verb(verb) => verb.changes(),)+
                    Self::SampleApp { .. } => false,
                }
            }

            fn has_own_format(&self) -> bool {
                match self {
                    $(Self::$verb(verb) => verb.has_own_format(),)+
                    Self::SampleApp { .. } => true,
                }
            }

            /// Runs the verb. The sample application is another program in the same file, with its own exit codes.
            pub(super) async fn run(self, common: &Common) -> Result<Exit, ExitCode> {
                Ok(match self {
                    $(Self::$verb(verb) => verb.run(common).await,)+
                    Self::SampleApp { arguments } => {
                        return Err(sandbox::sample_app(arguments).await);
                    }
                })
            }
        }
    };
}

// All verbs, in the order of the help.
verbs! {
    Promote(promote::Promote),
    Rollback(promote::Rollback),
    Resume(resume::ResumeVerb),
    Repair(repair::Repair),
    Approve(approve::Approve),
    Hold(hold::HoldVerb),
    Prune(prune::Prune),
    Agent(agent::AgentVerb),
    Queue(queue::Queue),
    Notify(notify::Notify),
    Status(status::Status),
    History(history::History),
    Show(show::Show),
    Doctor(doctor::Doctor),
    Config(config::Config),
    Sandbox(sandbox::Sandbox),
    Completions(complete::Completions),
    Man(man::Man),
    Help(help::Help),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_arguments() {
        Arguments::command().debug_assert();
    }
}
