//! Plain processes of this machine as a runtime, for the sandbox and for machines without a container
//! engine. A catalogue of programs stands for images; a record file and a log file stand for a container.
//! Knows the ports and the nouns; not what the processes serve.
//!
//! A process is known by its id **and** its start time and boot, so that a recycled id is never taken
//! for ours or signalled. It outlives the console: its output goes straight to a file, both streams in
//! the order they were written, and is reported as standard output. Nobody stands between to stamp
//! the lines, so a line's time is the RFC 3339 time it begins with, if it does; else, for a line that
//! came while somebody followed, the moment it was read. Secrets are read at each start and stand
//! in no record. Restart policies are not kept: nothing here outlives the console to watch over a
//! process. Stopping asks the process itself; what that has started is only ended with it when it
//! had to be killed.

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

/// What is read of a process at most.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "processes",
    answer: "a line of their output",
    bytes: follow::BLOCK as u64,
    time: TimeLimit::Endless,
}];

pub use catalogue::{Catalogue, Program};
pub use reader::Processes;
