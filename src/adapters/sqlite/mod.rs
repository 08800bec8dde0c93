//! Registrations, journal and lock of one machine that has no etcd: one `SQLite` file that every
//! Greenroom of that machine opens, under the same contract as the shared store. Knows the ports
//! and the nouns; not what a release is, and nothing of another machine.
//!
//! A revision counter grows by one with every change, in the change's own transaction, and the
//! counter's value at an acquisition is the lock's token, as the revision it was written at is etcd's. A lock whose
//! lease ran out counts as gone everywhere, so that a late write is refused even when nobody has
//! taken the lock since. Leases are measured on the machine's clock: if that jumps ahead, a lock is
//! lost early, and its holder is told.

mod beside;
mod changes;
mod fault;
mod holds;
mod journal;
mod lock;
mod peer_approvals;
mod presence;
mod registry;
mod repairs;
mod schema;
mod seals;
mod store;
mod transaction;

use crate::ports::{Bound, TimeLimit};

/// What is read of a database at most.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "sqlite",
    answer: "a value",
    bytes: store::LARGEST_VALUE,
    time: TimeLimit::Within(store::DEADLINE),
}];

pub use presence::SqlitePresence;
pub use store::Store;
