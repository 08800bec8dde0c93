//! A change of the store. Greenroom reads the current values and decides what to write. The transaction is applied only
//! if these values, and the lock if there is one, are still the same. So Greenroom can repeat a change whose answer was
//! lost: at most one of the two transactions is applied, even if the first one arrives late. The exception is a key
//! that did not exist: if the key is deleted between the two transactions, both can be applied.
//!
//! If the repetition fails, the first transaction may have been applied. Then the failure is ambiguous, unless a read
//! proves that the first transaction was not applied and never will be.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::locks::token;
use super::{Store, values};
use crate::inventory::{LockRecord, StoredKey, Target};
use crate::ports::kv::{Call, Committed, Pair, Range, Txn, Write};
use crate::ports::{Failure, FailureKind, Fence, Result};
use crate::sanitize::sanitize;

/// The longest pause before the values are read again.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The values from which a change is decided, all read at one revision.
pub(super) struct CurrentValues {
    pairs: BTreeMap<Vec<u8>, Pair>,
    /// The pairs of [`Change::also_read`].
    pub(super) also_read: Vec<Vec<Pair>>,
}

impl CurrentValues {
    pub(super) fn get(&self, key: &str) -> Option<&Pair> {
        self.pairs.get(key.as_bytes())
    }

    /// The revision of a key's last change. The revision is 0 for a missing key.
    pub(super) fn revision(&self, key: &str) -> i64 {
        self.get(key).map_or(0, |pair| pair.revision)
    }
}

/// A transaction without an answer. It may have been applied, and it may still be.
struct Unanswered {
    failure: Failure,
    txn: Txn,
}

impl Unanswered {
    /// Whether the values prove that the transaction was not applied and never will be: a key that it writes is
    /// unchanged, and another compared key has changed. Keys that did not exist prove nothing, because they may have
    /// been written and deleted in between.
    fn is_refuted(&self, seen: &CurrentValues) -> bool {
        let existing = || self.txn.when.iter().filter(|(_, revision)| *revision > 0);
        let is_same = |(key, revision): &(String, i64)| seen.revision(key) == *revision;
        let is_written = |key: &str| self.txn.then.iter().any(|write| write.key() == key);
        existing().any(|compared| is_written(&compared.0) && is_same(compared))
            && existing().any(|compared| !is_same(compared))
    }
}

pub(super) enum Decision<T> {
    /// The current values are already correct, or the change does not apply. Nothing is written.
    Done(T),
    Write(Vec<Write>, T),
}

pub(super) struct Change<'a> {
    pub(super) store: &'a Store,
    pub(super) call: Call<'a>,
    /// The lock under which the change is made; none if every operator may make the change at any time.
    pub(super) lock: Option<(&'a Target, &'a Fence)>,
    /// The keys from whose values the change is decided. If one of these keys has another revision when the transaction
    /// arrives, the transaction is not applied.
    pub(super) compared_keys: Vec<String>,
    /// Ranges that are read together with the keys. The transaction does not compare them.
    pub(super) also_read: Vec<Range>,
    /// What the operator can do if the change may have been made.
    pub(super) hint: &'static str,
}

impl<'a> Change<'a> {
    /// A change that needs no lock.
    pub(super) fn without_lock(
        store: &'a Store,
        doing: &'a str,
        compared_keys: Vec<String>,
    ) -> Self {
        Self {
            store,
            call: store.call(doing),
            lock: None,
            compared_keys,
            also_read: Vec::new(),
            hint: "the change may have been made: look at the target (greenroom status) before you repeat it",
        }
    }

    /// A change under the lock of a target.
    pub(super) fn under_lock(
        store: &'a Store,
        doing: &'a str,
        (target, fence): (&'a Target, &'a Fence),
        compared_keys: Vec<String>,
    ) -> Self {
        Self {
            lock: Some((target, fence)),
            ..Self::without_lock(store, doing, compared_keys)
        }
    }

    /// Makes the change. If a compared key has changed, an answer was lost, or the store was unreachable for a moment,
    /// reads the values again and decides again.
    pub(super) async fn apply<T>(
        &self,
        decide: impl Fn(&CurrentValues) -> Result<Decision<T>>,
    ) -> Result<T> {
        Ok(self.apply_with_revision(decide).await?.0)
    }

    /// Like [`Change::apply`], and also returns the revision of the transaction. None if nothing was written, or if the
    /// answer to the transaction was lost.
    pub(super) async fn apply_with_revision<T>(
        &self,
        decide: impl Fn(&CurrentValues) -> Result<Decision<T>>,
    ) -> Result<(T, Option<i64>)> {
        let mut unanswered: Vec<Unanswered> = Vec::new();
        let mut pause = Duration::from_millis(10);
        loop {
            let seen = match self.read().await {
                Ok(seen) => seen,
                Err(failure) => return Err(self.failed(failure, &unanswered)),
            };
            unanswered.retain(|it| !it.is_refuted(&seen));
            let fenced = self.check_lock(&seen);
            // After a lost answer, the values may be correct although the lock has been lost since.
            let decided = match fenced {
                Err(fenced) if unanswered.is_empty() => Err(fenced),
                fenced => match decide(&seen) {
                    Ok(Decision::Write(then, value)) => fenced.map(|()| (then, value)),
                    Ok(Decision::Done(value)) => return Ok((value, None)),
                    Err(refused) => Err(refused),
                },
            };
            let (then, value) = decided.map_err(|refused| self.failed(refused, &unanswered))?;
            let when = self.compared(&seen);
            let txn = Txn { when, then };
            match self.store.kv().commit(self.call, &txn).await {
                Ok(Committed::Done(revision)) => return Ok((value, Some(revision))),
                Ok(Committed::Lost) => {}
                Err(failure) if failure.kind == FailureKind::Ambiguous => {
                    unanswered.push(Unanswered { failure, txn });
                }
                Err(failure)
                    if failure.kind == FailureKind::Unreachable
                        && Instant::now() + pause < self.call.until => {}
                Err(failure) => return Err(self.failed(failure, &unanswered)),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn lock_key(&self) -> Option<String> {
        let (target, _) = self.lock?;
        Some(self.store.keys().key(target, StoredKey::Lock))
    }

    pub(super) async fn read(&self) -> Result<CurrentValues> {
        let mut ranges = self.also_read.clone();
        ranges.extend(self.lock_key().into_iter().map(Range::one));
        ranges.extend(
            self.compared_keys
                .iter()
                .map(|key| Range::one(key.as_str())),
        );
        let mut also_read = self.store.read(self.call, &ranges).await?.ranges;
        let keys = also_read.split_off(self.also_read.len());
        let pairs = keys.into_iter().flatten();
        Ok(CurrentValues {
            pairs: pairs.map(|pair| (pair.key.clone(), pair)).collect(),
            also_read,
        })
    }

    fn compared(&self, seen: &CurrentValues) -> Vec<(String, i64)> {
        let mut compared = Vec::new();
        if let (Some(key), Some((_, fence))) = (self.lock_key(), self.lock) {
            compared.push((key, fence.token.0));
        }
        compared.extend(
            self.compared_keys
                .iter()
                .map(|key| (key.clone(), seen.revision(key))),
        );
        compared
    }

    /// Fails if the lock under which this change is made has another holder or no longer exists.
    fn check_lock(&self, seen: &CurrentValues) -> Result<()> {
        let (Some(key), Some((_, fence))) = (self.lock_key(), self.lock) else {
            return Ok(());
        };
        let current = seen.get(&key);
        if current.map(token) == Some(fence.token) {
            return Ok(());
        }
        let reason = match current.map(values::decode::<LockRecord>) {
            None => "the lock no longer exists".to_owned(),
            Some(Ok(record)) => sanitize(&format!("{} now holds the lock", record.operator)),
            Some(Err(_)) => "another operator or program has replaced the lock".to_owned(),
        };
        let doing = self.call.doing;
        Err(self.store.failure(FailureKind::Fenced, doing, reason))
    }

    /// The failure of the call. After a lost answer, it says that the change may have been made.
    fn failed(&self, failure: Failure, unanswered: &[Unanswered]) -> Failure {
        let Some(lost) = unanswered.last() else {
            return failure;
        };
        let message = format!(
            "{}; the next attempt also failed: {}",
            lost.failure.message, failure.message
        );
        self.store
            .failure(FailureKind::Ambiguous, self.call.doing, message)
            .hint(self.hint)
    }
}
