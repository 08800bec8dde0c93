//! Programs instead of images.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::inventory::{Digest, ImageLabels, Version};
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// A program in the role of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its repository, e.g. `sandbox/web`.
    pub repository: String,
    /// Its tag, e.g. `1.9.0`.
    pub tag: String,
    /// The digest that identifies it.
    pub digest: Digest,
    /// An absolute path and arguments, run without a shell.
    pub argv: Vec<String>,
    /// Its description.
    pub labels: ImageLabels,
}

impl Program {
    /// A program whose digest is computed from its command line: another command line is another
    /// version.
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

    /// The program as a resolved version.
    pub fn version(&self) -> Version {
        Version {
            repository: self.repository.clone(),
            tag: Some(self.tag.clone()),
            digest: self.digest.clone(),
            labels: self.labels.clone(),
        }
    }

    /// Why it cannot be run, as a text. None when it can.
    pub(super) fn obstacle(&self) -> Option<String> {
        let Some(file) = self.argv.first() else {
            return Some("its command line is empty".to_owned());
        };
        if !Path::new(file).is_absolute() {
            return Some(format!("{file} is not an absolute path"));
        }
        match std::fs::metadata(file) {
            Err(error) => Some(format!("{file}: {error}")),
            Ok(is) if !is.is_file() || is.permissions().mode() & 0o111 == 0 => {
                Some(format!("{file} is not a program"))
            }
            Ok(_) => None,
        }
    }
}

/// All programs, in the order in which tags are listed. Of two with the same repository and tag,
/// the tag means the last one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// In the order in which tags are listed.
    pub programs: Vec<Program>,
    /// Why the file cannot be read. None when it was read. Without the file, no program is known.
    pub unread: Option<String>,
}

impl Catalogue {
    /// The program of a version, by digest.
    pub(super) fn of(&self, version: &Version) -> Result<Option<&Program>> {
        let mut programs = self.read_programs()?.iter();
        Ok(programs.find(|p| p.repository == version.repository && p.digest == version.digest))
    }

    /// The programs, or the error of the file.
    pub(super) fn read_programs(&self) -> Result<&[Program]> {
        match &self.unread {
            None => Ok(&self.programs),
            Some(said) => Err(Failure::new(
                FailureKind::Rejected,
                "the catalogue of programs",
                "reading it",
                sanitize(said),
            )
            .hint("make the file readable for this user, and check that it is a catalogue")),
        }
    }
}
