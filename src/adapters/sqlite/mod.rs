//! Registrations, journal and locks of one machine without etcd: one `SQLite` file that every Greenroom on that
//! machine opens, with the same contract as the shared store. Depends only on the ports and the domain types. Knows
//! nothing about other machines or the steps of a release.
//!
//! A revision counter grows by one with every change, in the same transaction. Its value when a lock is taken is
//! the lock's token, like the revision of the write in etcd. A lock with an expired lease counts as absent
//! everywhere, so a late write is refused even when no driver has taken the lock since. Leases use the machine's
//! clock: if it jumps ahead, a lock is lost early, and its holder is notified.

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

/// The read limits for a database.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "sqlite",
    answer: "a value",
    bytes: store::LARGEST_VALUE,
    time: TimeLimit::Within(store::DEADLINE),
}];

pub use presence::SqlitePresence;
pub use store::Store;
