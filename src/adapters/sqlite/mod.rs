//! The key-value store of one machine without etcd: one `SQLite` file, which every Greenroom on that machine opens.
//! This module knows nothing about the stored data.
//!
//! A revision counter grows by one with every change, in the same transaction. A pair with an expired lease is treated
//! as absent in reads and comparisons. The next transaction that writes deletes the pair. Leases use the clock of the
//! machine: if the clock jumps ahead, a lock is lost early and its driver is notified.

mod database;
mod fault;
mod file;
mod kv;
mod pairs;
mod tables;
mod watch;

use crate::ports::{Bound, TimeLimit};

/// The limits for reading from a database.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "sqlite",
    answer: "a value",
    bytes: file::LARGEST_VALUE,
    time: TimeLimit::Within(database::DEADLINE),
}];

pub use database::Database;
