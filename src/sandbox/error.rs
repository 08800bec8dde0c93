//! What can go wrong with a sandbox, in words that name what and where.

use std::io;
use std::path::{Path, PathBuf};

use crate::ports::Failure;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or directory.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done, as a participle.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory cannot be a sandbox.
    #[error("{} {why}", path.display())]
    Unsuitable {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// There is no place to listen.
    #[error("no {wanted} free ports in a row below {below} on the loopback interface")]
    NoPorts {
        /// How many are needed.
        wanted: u16,
        /// Where the system's own begin.
        below: u16,
    },
    /// A release of the seed did not end as it has to.
    #[error("seeding {what}: {why}")]
    Seed {
        /// Which version where.
        what: String,
        /// Why.
        why: String,
    },
    /// A live version could not be started again.
    #[error("starting {what} again: {why}")]
    Resume {
        /// Which target.
        what: String,
        /// Why.
        why: String,
    },
    /// An outside system failed.
    #[error(transparent)]
    System(#[from] Failure),
}

impl SandboxError {
    /// For `map_err`: what was being done, and where.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }
}
