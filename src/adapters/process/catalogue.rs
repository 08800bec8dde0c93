//! The catalogue of programs, which takes the place of an image registry.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::inventory::{Digest, ImageLabels, Version};
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// A program that takes the place of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name that takes the place of an image repository, e.g. `sandbox/web`.
    pub repository: String,
    pub tag: String,
    pub digest: Digest,
    /// The absolute path of the executable, and the arguments. No shell is used.
    pub argv: Vec<String>,
    pub labels: ImageLabels,
}

impl Program {
    /// Makes a program. The digest is computed from the command line, so another command line is another version.
    pub fn identified(
        repository: impl Into<String>,
        tag: impl Into<String>,
        argv: Vec<String>,
        labels: ImageLabels,
    ) -> Self {
        let mut line = Vec::new();
        for part in &argv {
            line.extend_from_slice(part.as_bytes());
            line.push(0);
        }
        Self {
            repository: repository.into(),
            tag: tag.into(),
            digest: Digest::of(&line),
            argv,
            labels,
        }
    }

    pub fn version(&self) -> Version {
        Version {
            repository: self.repository.clone(),
            tag: Some(self.tag.clone()),
            digest: self.digest.clone(),
            labels: self.labels.clone(),
        }
    }

    /// Why the program cannot be run. None if it can be run.
    pub(super) fn obstacle(&self) -> Option<String> {
        let Some(file) = self.argv.first() else {
            return Some("the command line of the program is empty".to_owned());
        };
        if !Path::new(file).is_absolute() {
            return Some(format!("{file} is not an absolute path"));
        }
        match std::fs::metadata(file) {
            Err(error) => Some(format!("{file} cannot be used: {error}")),
            Ok(metadata) if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 => {
                Some(format!("{file} is not an executable file"))
            }
            Ok(_) => None,
        }
    }
}

/// All programs. If two programs have the same repository and tag, the tag means the last program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// The programs, in the order in which tags are listed.
    pub programs: Vec<Program>,
    /// Why the file of the catalogue cannot be read. None if it was read.
    pub unread: Option<String>,
}

impl Catalogue {
    /// Finds the program of a version by its repository and digest.
    pub(super) fn program_of(&self, version: &Version) -> Result<Option<&Program>> {
        let mut programs = self.read_programs()?.iter();
        Ok(programs.find(|p| p.repository == version.repository && p.digest == version.digest))
    }

    /// The programs, or the error of reading the file.
    pub(super) fn read_programs(&self) -> Result<&[Program]> {
        match &self.unread {
            None => Ok(&self.programs),
            Some(error) => Err(Failure::new(
                FailureKind::Rejected,
                "the catalogue of programs",
                "reading the file",
                sanitize(error),
            )
            .hint("make the file readable for this user, and check that it contains a catalogue")),
        }
    }
}
