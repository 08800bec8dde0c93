//! The store of one machine without etcd: registrations, journals and locks in one `SQLite` file, which every
//! Greenroom on that machine opens. It has the same contract as etcd. It depends only on the ports and the domain
//! types, and knows nothing about other machines or the steps of a release.
//!
//! A revision counter grows by one with every change, in the same transaction. The token of a lock is the revision of
//! the transaction that wrote the lock, as in etcd. A lock with an expired lease is treated as absent everywhere, so
//! a late write is refused even if no other driver has the lock. Leases use the clock of the machine: if the clock
//! jumps ahead, a lock is lost early and its driver is notified.

mod beside;
mod changes;
mod database;
mod fault;
mod file;
mod holds;
mod journal;
mod kv;
mod lock;
mod pairs;
mod peer_approvals;
mod presence;
mod registry;
mod repairs;
mod schema;
mod seals;
mod store;
mod tables;
mod transaction;
mod watch;

use crate::ports::{Bound, TimeLimit};

/// The limits for reading from a database.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "sqlite",
    answer: "a value",
    bytes: store::LARGEST_VALUE,
    time: TimeLimit::Within(store::DEADLINE),
}];

pub use database::Database;
pub use presence::SqlitePresence;
pub use store::Store;
