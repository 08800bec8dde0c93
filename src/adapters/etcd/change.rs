//! A change under a lock. The change is decided from the current values, and its transaction compares the lock and all
//! of these values. So a lost answer does no harm: a second transaction succeeds only if the first was not applied,
//! and a late first one fails after the second.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::{Compare, CompareOp, KeyValue, Txn, TxnOp};
use tokio::time::{Instant, sleep};

use super::error::{EtcdError, Sort};
use super::reader::token;
use super::store::{Store, one};
use super::values;
use crate::inventory::{LockRecord, Target};
use crate::ports::{Failure, FailureKind, Fence, Result};
use crate::sanitize::sanitize;

/// The current values, all read at one revision.
pub(super) struct Seen {
    pairs: BTreeMap<Vec<u8>, KeyValue>,
}

impl Seen {
    pub(super) fn get(&self, key: &str) -> Option<&KeyValue> {
        self.pairs.get(key.as_bytes())
    }

    /// The revision of a key's last change. It is 0 for a missing key, which is how etcd compares it.
    fn revision(&self, key: &str) -> i64 {
        self.get(key).map_or(0, KeyValue::mod_revision)
    }
}

pub(super) enum Decision {
    /// The current values are already correct, so nothing is written.
    Stands,
    /// The operations to apply.
    Write(Vec<TxnOp>),
}

pub(super) struct Change<'a> {
    pub(super) store: &'a Store,
    pub(super) target: &'a Target,
    pub(super) fence: &'a Fence,
    pub(super) doing: &'a str,
    /// The keys that the change is decided from. They must not change until it is applied.
    pub(super) on: Vec<String>,
}

impl Change<'_> {
    /// Applies the change. After a conflict or a lost answer, reads the values again and decides again.
    pub(super) async fn make(self, decide: impl Fn(&Seen) -> Result<Decision>) -> Result<()> {
        let lock = self.store.keys().lock(self.target);
        let until = self.store.deadline();
        let mut lost: Option<EtcdError> = None;
        let mut round = 0;
        loop {
            let seen = match self.read(&lock, until).await {
                Ok(seen) => seen,
                Err(failure) => return Err(self.unseen(failure, lost)),
            };
            let ours = seen.get(&lock).map(token) == Some(self.fence.token);
            if !ours && lost.is_none() {
                return Err(self.fenced(seen.get(&lock)));
            }
            let operations = match decide(&seen) {
                Ok(Decision::Stands) => return Ok(()),
                _ if !ours => return Err(self.fenced(seen.get(&lock))),
                Ok(Decision::Write(operations)) => operations,
                Err(failure) => return Err(failure),
            };
            match self.write(&lock, &seen, operations, until).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.sort == Sort::Unclear => lost = Some(error),
                Err(error) if error.sort == Sort::NotSent => {
                    if Instant::now() >= until {
                        return Err(self.unseen(self.store.unanswered(self.doing, error), lost));
                    }
                }
                Err(error) => return Err(self.store.unanswered(self.doing, error)),
            }
            round += 1;
            sleep(Duration::from_millis(10) * round).await;
        }
    }

    async fn read(&self, lock: &str, until: Instant) -> Result<Seen> {
        let mut reads = vec![one(lock)];
        reads.extend(self.on.iter().map(|key| one(key)));
        let (_, found) = self.store.ranges(self.doing, until, reads).await?;
        let pairs = found
            .into_iter()
            .flatten()
            .map(|pair| (pair.key().to_vec(), pair))
            .collect();
        Ok(Seen { pairs })
    }

    /// Applies the operations if the lock and the values have not changed. Returns whether they were applied.
    async fn write(
        &self,
        lock: &str,
        seen: &Seen,
        operations: Vec<TxnOp>,
        until: Instant,
    ) -> std::result::Result<bool, EtcdError> {
        let mut compares = vec![Compare::mod_revision(
            lock,
            CompareOp::Equal,
            self.fence.token.0,
        )];
        compares.extend(
            self.on.iter().map(|key| {
                Compare::mod_revision(key.as_str(), CompareOp::Equal, seen.revision(key))
            }),
        );
        let txn = Txn::new().when(compares).and_then(operations);
        let answer = self
            .store
            .attempt(until, |client| {
                let txn = txn.clone();
                async move { client.kv_client().txn(txn).await }
            })
            .await?;
        Ok(answer.succeeded())
    }

    /// The failure if the current values cannot be read. After a lost answer, it says that the change may have been
    /// made.
    fn unseen(&self, failure: Failure, lost: Option<EtcdError>) -> Failure {
        let Some(lost) = lost else {
            return failure;
        };
        self.store
            .failure(
                FailureKind::Ambiguous,
                self.doing,
                format!(
                    "{}; reading the result back also failed: {}",
                    lost.said, failure.message
                ),
            )
            .hint("the change may have been made: check before you repeat it")
    }

    fn fenced(&self, lock: Option<&KeyValue>) -> Failure {
        let reason = match lock {
            None => "the lock no longer exists".to_owned(),
            Some(pair) => match values::decode::<LockRecord>(pair) {
                Ok(record) => sanitize(&format!("{} now holds the lock", record.operator)),
                Err(_) => "another operator now holds the lock".to_owned(),
            },
        };
        self.store.failure(FailureKind::Fenced, self.doing, reason)
    }
}
