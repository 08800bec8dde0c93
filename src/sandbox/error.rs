//! The errors of the sandbox.

use std::io;
use std::path::{Path, PathBuf};

use crate::ports::Failure;

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or directory could not be used.
    #[error("{doing} {} failed: {source}", path.display())]
    File {
        /// What was being done, as a participle.
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The directory cannot be a sandbox.
    #[error("{} {why}", path.display())]
    Unsuitable {
        path: PathBuf,
        /// The reason and what to do, as a text that follows the path.
        why: String,
    },
    #[error(
        "no {wanted} consecutive free ports were found on 127.0.0.1 below {below}: end programs that listen there, e.g. other sandboxes"
    )]
    NoPorts {
        wanted: u16,
        /// The end of the search: only ports below this one were tried.
        below: u16,
    },
    #[error("no temporary sandbox is open in {}: run greenroom sandbox, or name a directory with --directory", place.display())]
    NoneOpen { place: PathBuf },
    #[error("several temporary sandboxes are open in {}: name the directory of one with --directory", place.display())]
    SeveralOpen { place: PathBuf },
    /// A sample release of a new sandbox could not be made, or did not end as expected.
    #[error("making the sample release of {what} failed: {why}")]
    Seed { what: String, why: String },
    /// The instance in a live slot could not be restarted.
    #[error("restarting {what} failed: {why}")]
    Resume { what: String, why: String },
    #[error(transparent)]
    System(#[from] Failure),
}

impl SandboxError {
    /// A function for `map_err` that adds what was being done, and the path.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }
}
