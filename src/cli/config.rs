//! `greenroom config`: whether the configuration is right, what it is, and a start for one.

use std::io::Write;
use std::path::Path;

use super::arguments::{Common, Config};
use super::{Exit, open};
use crate::settings;

pub(super) fn run(common: &Common, verb: &Config) -> Exit {
    match verb {
        Config::Check => check(common),
        Config::Schema => {
            say_line!("{}", settings::schema());
            Exit::Done
        }
        Config::Init { path } => init(path),
        Config::Show => show(common),
    }
}

fn check(common: &Common) -> Exit {
    match open::load(common) {
        Ok(loaded) => {
            let targets = loaded.settings.targets.len();
            say_line!("the configuration is right: {targets} targets");
            Exit::Done
        }
        Err(exit) => exit,
    }
}

fn show(common: &Common) -> Exit {
    match open::load(common) {
        Ok(loaded) => {
            say_line!("{}", settings::show(&loaded).trim_end());
            Exit::Done
        }
        Err(exit) => exit,
    }
}

/// A file that is there is never written over: somebody's work is in it.
fn init(path: &Path) -> Exit {
    let written = std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(settings::starter().as_bytes()));
    match written {
        Ok(()) => {
            say_line!(
                "wrote {}: change it, then: greenroom config check",
                path.display()
            );
            Exit::Done
        }
        Err(error) => {
            warn_line!("greenroom: writing {}: {error}", path.display());
            Exit::Usage
        }
    }
}
