//! Plain processes of this machine as a runtime, for the sandbox and for machines without a container
//! engine. A catalogue of programs replaces images; a record file and a log file replace a container.
//! Depends only on the ports and the domain types, and knows nothing about what the processes serve.
//!
//! A process is identified by its id **and** its start time and boot, so that a process with a reused id
//! is never treated as Greenroom's or signalled. It outlives the console: its output goes directly to a
//! file, both streams in the order in which they were written, and is reported as standard output. No
//! process adds timestamps to the lines. So the time of a line is the RFC 3339 time at its start, if it
//! has one; else, for a line that arrived while the output was followed, the time at which it was read.
//! Secrets are read at each start and are not in any record. Restart policies have no effect: no process
//! outlives the console to supervise. Stopping signals only the process itself; its child processes are
//! ended only if it had to be killed.

mod address;
mod catalogue;
mod catalogue_file;
mod changes;
mod follow;
mod identity;
mod images;
mod reader;
mod record;
mod records;
mod spawn;
mod writer;

use crate::ports::{Bound, TimeLimit};

/// The read limits for a process.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "processes",
    answer: "a line of their output",
    bytes: follow::BLOCK as u64,
    time: TimeLimit::Endless,
}];

pub use catalogue::{Catalogue, Program};
pub use reader::Processes;
