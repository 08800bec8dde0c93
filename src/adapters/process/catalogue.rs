//! The catalogue of programs, which takes the place of an image registry.

use std::borrow::Cow;
use std::path::PathBuf;

use super::{Program, catalogue_file};
use crate::inventory::Version;
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// All programs, in the order in which tags are listed. If two programs have the same repository and tag, the tag means
/// the last program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Catalogue {
    Programs(Vec<Program>),
    /// A file, which is read for each call. So a program that is added later is found like an image that is pushed.
    File {
        path: PathBuf,
        /// The key that configures the file, for errors.
        setting: String,
    },
}

impl Catalogue {
    /// Finds the program of a version by its repository and digest.
    pub(super) fn program_of(&self, version: &Version) -> Result<Option<Program>> {
        let is_meant =
            |p: &Program| p.repository == version.repository && p.digest == version.digest;
        Ok(self.read()?.iter().find(|p| is_meant(p)).cloned())
    }

    /// The programs, or the error of reading the file.
    pub(super) fn read(&self) -> Result<Cow<'_, [Program]>> {
        let (path, setting) = match self {
            Self::Programs(programs) => return Ok(Cow::Borrowed(programs)),
            Self::File { path, setting } => (path, setting),
        };
        catalogue_file::read(path).map(Cow::Owned).map_err(|why| {
            Failure::new(
                FailureKind::Rejected,
                "the catalogue of programs",
                "reading the file",
                sanitize(&format!("{setting}: {}: {why}", path.display())),
            )
            .hint("make the file readable for this user, and check that it contains a catalogue")
        })
    }
}
