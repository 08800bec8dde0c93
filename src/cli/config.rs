//! `greenroom config`: checks the configuration, shows it, or writes one to start from.

use std::io::{ErrorKind, Write};
use std::path::Path;

use super::arguments::{Common, Config};
use super::{Exit, json, open};
use crate::settings::{self, Problem};

pub(super) fn run(common: &Common, verb: &Config) -> Exit {
    match verb {
        Config::Check => check(common),
        Config::Schema => {
            let schema = settings::schema();
            if let Ok(schema) = serde_json::from_str::<serde_json::Value>(&schema) {
                json::answer(serde_json::json!({ "schema": schema }));
            }
            say_line!("{schema}");
            Exit::Done
        }
        Config::Init { path } => init(path),
        Config::Show => show(common),
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
