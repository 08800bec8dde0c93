//! Plain processes of this machine as a runtime, for the sandbox and for machines without Docker. A catalogue of
//! programs takes the place of images. A record file and a log file take the place of a container. This module knows
//! nothing about what the processes serve.
//!
//! A process is identified by its id **and** its start time and boot. So Greenroom never treats a process with a reused
//! id as its own, and never sends a signal to it.
//!
//! A process continues to run after the console has exited. Its standard output and standard error go directly to one
//! file, in the order in which they were written, and are reported as standard output. Greenroom adds no timestamps to
//! the file. If a line starts with an RFC 3339 time, this time is the time of the line. Otherwise a line that arrived
//! while the output was followed gets the time at which it was read.
//!
//! The command of a task is a process, too. A shell around it writes its exit code to a file, so the code is known also if
//! Greenroom has ended by then.
//!
//! Secrets are read at each start and are not in any record. Restart policies have no effect, because no program of
//! Greenroom runs after the console has exited. Stopping sends a signal only to the process itself. The child processes
//! are ended only if the process has to be killed.

mod address;
mod catalogue;
mod catalogue_file;
mod changes;
mod follow;
mod identity;
mod images;
mod program;
mod reader;
mod record;
mod records;
mod spawn;
mod task_records;
mod tasks;
mod writer;

use crate::ports::{Bound, TimeLimit};

/// The limits for reading from a process.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "processes",
    answer: "a line of output",
    bytes: follow::BLOCK as u64,
    time: TimeLimit::Endless,
}];

pub use catalogue::Catalogue;
pub use catalogue_file::{add as add_to_catalogue, catalogue_json};
pub use program::Program;
pub use reader::Processes;
