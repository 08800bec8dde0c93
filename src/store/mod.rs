//! Everything that Greenroom keeps in the store that operators share: registrations, routes, locks and journals of all
//! targets. Keys, encoding and transactions use only [`Kv`], so they are the same for etcd and SQLite. Every change is
//! one transaction. It compares the revision of every value from which the change was decided, and also the lock if the
//! change needs one. If one of them has changed, a late or repeated transaction changes nothing. A missing key has
//! revision 0. So a key that was missing, and was then written and deleted, counts as unchanged. This module knows
//! nothing about the steps of a release.
//!
//! [`STORED_KEYS`] lists the keys of a target, which are below `targets/{service}/{environment}/`, below the prefix of
//! the store (in etcd by default `/greenroom/v1/`, in SQLite none). Two kinds of keys are not below the targets, so that
//! a role for a target can write neither: `approvals/{service}/{environment}/{name}/{ulid}` is one person's approval of
//! a release that another operator drives, and `seals/{service}/{environment}/{ulid}` is the seal of a release, hold or
//! repair that has ended.
//!
//! Each value states its format. A value that a newer Greenroom wrote in a newer format is neither read nor replaced.
//! The failure, or the problem in the record of a target, names the key and the format. Lists of holds and repairs skip
//! such a value.
//!
//! Entries are not below the heads, so that one range with a limit lists heads without entries. In the key of an
//! approval, the approver's name comes before the id of the release. So, if the store authenticates its users, a role
//! for `approvals/{service}/{environment}/{name}/` proves who wrote an approval. `{name}` is
//! [`crate::inventory::Operator::store_key`].
//!
//! [`STORED_KEYS`]: crate::inventory::STORED_KEYS

mod approvals;
mod audit;
mod change;
mod extra_keys;
mod heartbeat;
mod holds;
mod journal_reader;
mod journal_writer;
mod keys;
mod locks;
mod peer_approvals;
mod presence;
mod queue;
mod reader;
mod repairs;
mod seals;
mod values;
mod watch;
mod writer;

use std::sync::Arc;

use tokio::time::Instant;

use crate::ports::kv::{Call, Kv, Pair, Range, Read, Write};
use crate::ports::{Failure, FailureKind, PresenceStore, Result, StoreWriting};
use change::{Change, Decision};
use keys::Keys;

pub use holds::StoredHolds;
pub use locks::{LockTimes, StoredLocks};
pub use peer_approvals::StoredPeerApprovals;
pub use presence::StoredPresence;
pub use queue::StoredQueue;
pub use reader::StoreReader;
pub use seals::StoredSeals;
pub use writer::StoreWriter;

/// A key-value store with Greenroom's keys. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    kv: Arc<dyn Kv>,
    keys: Keys,
}

impl Store {
    pub fn new(kv: Arc<dyn Kv>) -> Self {
        let keys = Keys::new(kv.prefix());
        Self { kv, keys }
    }

    /// The writers of the store. The extra keys of other programs are in `writer`. Environments may share `presence`.
    pub fn writing(
        &self,
        writer: StoreWriter,
        times: LockTimes,
        presence: Arc<dyn PresenceStore>,
    ) -> StoreWriting {
        let writer = Arc::new(writer);
        StoreWriting {
            registry: Arc::clone(&writer) as _,
            journal: writer,
            locks: Arc::new(StoredLocks::new(self, times)),
            presence,
            holds: Arc::new(StoredHolds::new(self)),
            queue: Arc::new(StoredQueue::new(self)),
            peer_approvals: Arc::new(StoredPeerApprovals::new(self)),
            seals: Arc::new(StoredSeals::new(self)),
        }
    }

    fn kv(&self) -> &dyn Kv {
        self.kv.as_ref()
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A call that starts now.
    fn call<'a>(&self, doing: &'a str) -> Call<'a> {
        Call {
            doing,
            until: Instant::now() + self.kv.time_limit(),
        }
    }

    fn failure(&self, kind: FailureKind, doing: &str, message: impl Into<String>) -> Failure {
        Failure::new(kind, self.kv.name(), doing, message)
    }

    async fn read(&self, call: Call<'_>, ranges: &[Range]) -> Result<Read> {
        self.kv.read(call, ranges).await
    }

    async fn read_range(&self, call: Call<'_>, range: Range) -> Result<Vec<Pair>> {
        let read = self.kv.read(call, &[range]).await?;
        Ok(read.ranges.into_iter().flatten().collect())
    }

    async fn read_one(&self, call: Call<'_>, key: &str) -> Result<Option<Pair>> {
        let pairs = self.read_range(call, Range::one(key)).await?;
        Ok(pairs.into_iter().next())
    }

    /// Deletes a key that every operator may delete.
    async fn delete(&self, doing: &str, key: &str) -> Result<()> {
        Change::without_lock(self, doing, vec![key.to_owned()])
            .apply(|seen| {
                Ok(match seen.get(key) {
                    Some(_) => Decision::Write(vec![Write::delete(key)], ()),
                    None => Decision::Done(()),
                })
            })
            .await
    }
}
