//! The shared store in etcd: registrations, routes, locks and journals of all targets. Every change under a lock is one
//! transaction that compares the revision of the lock and of every value it was decided from, so that a late or
//! repeated transaction changes nothing. This module knows nothing about the steps of a release.
//!
//! Keys below a prefix (by default `/greenroom/v1`):
//!
//! | key | value |
//! |---|---|
//! | `targets/{service}/{environment}/route` | the route |
//! | `targets/{service}/{environment}/slots/{slot}` | a registration |
//! | `targets/{service}/{environment}/lock` | the lock record, on a lease |
//! | `targets/{service}/{environment}/hold` | the current hold, or the last one |
//! | `targets/{service}/{environment}/holds/{ulid}` | the permanent record of one hold |
//! | `targets/{service}/{environment}/watching/{console}` | a console that has the target open, on the console's lease |
//! | `targets/{service}/{environment}/wheel` | a handover request, on the lease of the requesting console |
//! | `targets/{service}/{environment}/releases/{ulid}` | the head of a release |
//! | `targets/{service}/{environment}/steps/{ulid}/{sequence:04}` | one entry of its journal |
//! | `targets/{service}/{environment}/repairs/{ulid}` | one repair of drift |
//! | `approvals/{service}/{environment}/{name}/{ulid}` | one person's approval of a release that another operator drives |
//! | `seals/{service}/{environment}/{ulid}` | the seal of a release, hold or repair that has ended, written by a keeper |
//!
//! Entries are not below the heads, so that a list of heads is one range with a limit and contains no entries. Seals and
//! approvals are not below the targets, so that a role for a target can write neither. The approver's name comes before
//! the release. So, if authentication is enabled, a role for `approvals/{service}/{environment}/{name}/` proves who
//! wrote an approval. `{name}` is [`crate::inventory::Operator::store_key`].

mod approvals;
mod beside;
mod change;
mod clock;
mod error;
mod extra;
mod heartbeat;
mod holds;
mod journal_reader;
mod journal_writer;
mod keys;
mod kv;
mod kv_watch;
mod locks;
mod options;
mod others;
mod peer_approvals;
mod presence;
mod reader;
mod repairs;
mod seals;
mod store;
mod values;
mod watch;
mod writer;

use crate::ports::{Bound, TimeLimit};

/// The read limits for etcd.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "etcd",
    answer: "an answer",
    bytes: store::LARGEST_ANSWER as u64,
    time: TimeLimit::Within(options::DEADLINE),
}];

pub use crate::inventory::ExtraKey;
pub use holds::EtcdHolds;
pub use locks::{EtcdLocks, LockTimes};
pub use options::{Credentials, DEFAULT_PREFIX, Options, Tls};
pub use peer_approvals::EtcdPeerApprovals;
pub use presence::EtcdPresence;
pub use reader::EtcdReader;
pub use seals::EtcdSeals;
pub use store::Store;
pub use writer::EtcdWriter;
