//! `greenroom config`: checks the configuration, shows it, or writes one to start from.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::{Common, VerbDefinition, see_also};
use super::man::Manual;
use super::{Exit, json, open};
use crate::diagnostics::LogFile;
use crate::settings::{self, Problem};

/// Checks, shows or creates the configuration
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Checks the configuration, and lists all its errors
    #[command(after_help = see_also("config check"))]
    Check,
    /// Prints the JSON schema of the configuration, for editors
    #[command(after_help = see_also("config schema"))]
    Schema,
    /// Writes a commented configuration to start from
    #[command(after_help = see_also("config init"))]
    Init {
        /// The new file; an existing one is never overwritten
        #[arg(default_value = "greenroom.toml")]
        path: PathBuf,
    },
    /// Prints every value in effect and where it came from
    #[command(after_help = see_also("config show"))]
    Show,
}

impl VerbDefinition for Config {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("config", &[("greenroom config init", "Writes a configuration to start from."), ("greenroom config check", "Checks the configuration.")], &["config check", "config show", "config schema", "config init"], &["configuration"]),
        ("config check", &[("greenroom --config new.toml config check", "Checks a file before it is used.")], &["config show", "doctor"], &["configuration"]),
        ("config schema", &[("greenroom config schema > greenroom.schema.json", "Writes the schema for an editor.")], &["config check"], &["configuration"]),
        ("config init", &[("greenroom config init", "Writes ./greenroom.toml, unless that file exists.")], &["config check"], &["configuration"]),
        ("config show", &[("greenroom config show", "Shows every value in effect and where it comes from.")], &["config check"], &["configuration"]),
    ];
    const LOG_FILE: LogFile = LogFile::OnRequest;

    async fn run(self, common: &Common) -> Exit {
        run(common, &self.verb)
    }
}

fn run(common: &Common, verb: &ConfigVerb) -> Exit {
    match verb {
        ConfigVerb::Check => check(common),
        ConfigVerb::Schema => {
            let schema = settings::schema();
            if let Ok(schema) = serde_json::from_str::<serde_json::Value>(&schema) {
                json::answer(serde_json::json!({ "schema": schema }));
            }
            say_line!("{schema}");
            Exit::Done
        }
        ConfigVerb::Init { path } => init(path),
        ConfigVerb::Show => show(common),
    }
}

fn check(common: &Common) -> Exit {
    match open::check(common) {
        Ok(Ok(loaded)) => {
            let targets = loaded.settings.targets.len();
            json::answer(check_json(Some(targets), &[], &loaded.warnings));
            say_line!("the configuration is valid: {targets} targets");
            Exit::Done
        }
        Ok(Err(problems)) => {
            json::answer(check_json(None, &problems.errors, &problems.warnings));
            Exit::Usage
        }
        Err(exit) => exit,
    }
}

fn check_json(
    targets: Option<usize>,
    problems: &[Problem],
    warnings: &[Problem],
) -> serde_json::Value {
    serde_json::json!({ "targets": targets, "problems": problems, "warnings": warnings })
}

fn show(common: &Common) -> Exit {
    match open::load(common) {
        Ok(loaded) => {
            let values: Vec<_> = loaded
                .provenance
                .iter()
                .map(settings::EffectiveValue::json)
                .collect();
            json::answer(serde_json::json!({ "values": values }));
            say_line!("{}", settings::show(&loaded).trim_end());
            Exit::Done
        }
        Err(exit) => exit,
    }
}

/// Writes a configuration to start from. Never overwrites an existing file, which may contain an operator's work.
fn init(path: &Path) -> Exit {
    let written = std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(settings::starter().as_bytes()));
    match written {
        Ok(()) => {
            json::answer(serde_json::json!({ "path": path }));
            say_line!(
                "wrote {}. Change it, then run: greenroom config check",
                path.display()
            );
            Exit::Done
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            warn_line!(
                "greenroom: {} already exists and was not changed. Name another file: greenroom config init FILE",
                path.display()
            );
            Exit::Usage
        }
        Err(error) => {
            warn_line!(
                "greenroom: cannot write {}: {error}. Name another file: greenroom config init FILE",
                path.display()
            );
            Exit::Usage
        }
    }
}
