//! A program of the catalogue, which takes the place of an image.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::inventory::{Digest, ImageLabels, Version};

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
