//! A migration of the sample's store, for a task of a release: it writes what it does, and can be undone.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use super::store::Store;

/// The pause between two lines of output, so that a person can follow them.
const PAUSE: Duration = Duration::from_millis(150);

/// A migration, from the arguments `NAME` and `--back`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Migration {
    name: String,
    is_back: bool,
}

impl Migration {
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        let (name, is_back) = match arguments {
            [name] => (name, false),
            [name, back] if back == "--back" => (name, true),
            _ => {
                return Err(
                    "migrate needs a name, and at most --back: migrate NAME [--back]\n".to_owned(),
                );
            }
        };
        Ok(Self {
            name: name.clone(),
            is_back,
        })
    }

    /// Runs on the store in `directory`. Blocks.
    pub(super) fn run(&self, directory: Option<&PathBuf>) -> ExitCode {
        match self.change(directory) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let line = format!("{} failed: {error}\n", self.name);
                drop(io::stderr().write_all(line.as_bytes()));
                ExitCode::FAILURE
            }
        }
    }

    fn change(&self, directory: Option<&PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
        let store = Store::open(directory.map(PathBuf::as_path))?;
        let mut out = io::stdout();
        let (name, word) = (&self.name, if self.is_back { "undoing " } else { "" });
        writeln!(out, "{word}{name}: checking the schema")?;
        sleep(PAUSE);
        let has_changed = if self.is_back {
            store.remove_migration(name)?
        } else {
            store.add_migration(name)?
        };
        if has_changed {
            writeln!(out, "{word}{name}: changing the tables")?;
            sleep(PAUSE);
            writeln!(out, "{word}{name}: done")?;
        } else {
            writeln!(out, "{word}{name}: the schema has this change already")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_changes_the_store_once_and_back() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().to_owned();
        let run = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
            let migration = Migration::read(&arguments).expect("a migration");
            assert_eq!(migration.run(Some(&directory)), ExitCode::SUCCESS);
            let store = Store::open(Some(&directory)).expect("a store");
            store.migrations().expect("read")
        };
        assert_eq!(run(&["add-currency"]), ["add-currency"]);
        assert_eq!(run(&["add-currency"]), ["add-currency"]);
        assert_eq!(run(&["add-currency", "--back"]), [""; 0]);
        assert!(Migration::read(&[]).is_err());
    }
}
