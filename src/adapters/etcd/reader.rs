//! Reads registrations, routes, holds and locks. A value that cannot be read is reported and skipped, so that a value
//! of another program does not hide the rest. `inventory::StoredKey` decides what an unreadable key stops.

use std::collections::BTreeMap;

use async_trait::async_trait;
use etcd_client::{KeyValue, TxnOp};
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::time::Instant;

use super::store::{Store, range};
use super::{values, watch};
use crate::inventory::{
    FencingToken, LockHolder, LockRecord, RegistryRecord, Revisioned, Slot, Target,
};
use crate::ports::{Hint, KeyLine, RegistryReader, Result};
use crate::sanitize::sanitize;

/// Reads everything that Greenroom has in the store. Changes nothing.
#[derive(Debug, Clone)]
pub struct EtcdReader {
    pub(super) store: Store,
}

impl EtcdReader {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    fn is_presence(&self, target: &Target, pair: &KeyValue) -> bool {
        let keys = self.store.keys();
        pair.key().starts_with(keys.watching(target).as_bytes())
            || pair.key() == keys.handover_request(target).as_bytes()
    }

    /// The operations that read a target without its history.
    fn ranges_of(&self, target: &Target) -> Vec<TxnOp> {
        let of_target = self.store.keys().without_releases(target);
        of_target.iter().map(|(from, to)| range(from, to)).collect()
    }
}

/// The most leases whose remaining time one list of keys reads, because each needs a call.
const MOST_LEASES: usize = 16;

#[async_trait]
impl RegistryReader for EtcdReader {
    fn address(&self) -> String {
        self.store.name().to_owned()
    }

    async fn store(&self) -> Result<String> {
        let status = self
            .store
            .ask(
                "reading the version of etcd",
                self.store.deadline(),
                |client| async move { client.maintenance_client().status().await },
            )
            .await?;
        Ok(sanitize(&format!("etcd {}", status.version())))
    }

    async fn clock(&self) -> Result<Option<Timestamp>> {
        self.store.clock().await
    }

    async fn read(&self, target: &Target) -> Result<RegistryRecord> {
        let doing = format!("reading {target}");
        let until = self.store.deadline();
        let (read, approvals) = tokio::join!(
            self.store.ranges(&doing, until, self.ranges_of(target)),
            self.approvals(target, until)
        );
        let (revision, found) = read?;
        let mut record = RegistryRecord {
            revision,
            ..RegistryRecord::default()
        };
        let keys = self.store.keys();
        for pair in found.iter().flatten() {
            let is = |key: String| pair.key() == key.as_bytes();
            let slot = Slot::BOTH
                .into_iter()
                .find(|slot| is(keys.slot(target, *slot)));
            let read = if let Some(slot) = slot {
                values::decode_registration(pair, slot)
                    .map(|value| *record.slots.get_mut(slot) = Some(revisioned(pair, value)))
            } else if is(keys.route(target)) {
                values::decode(pair).map(|value| record.route = Some(revisioned(pair, value)))
            } else if is(keys.hold(target)) {
                values::decode(pair).map(|value| record.hold = Some(value))
            } else if is(keys.handover_request(target)) {
                values::decode(pair).map(|value| record.handover_request = Some(value))
            } else if self.is_presence(target, pair) {
                values::decode(pair).map(|value| record.watching.push(value))
            } else if is(keys.lock(target)) {
                match holder(&self.store, pair, until).await {
                    Ok(holder) => {
                        record.lock = Some(holder);
                        Ok(())
                    }
                    Err(reason) => Err(reason),
                }
            } else {
                Err("Greenroom does not know this key".to_owned())
            };
            if let Err(reason) = read {
                record.problems.insert(values::key(pair), reason);
            }
        }
        approvals?.into_record(&keys.peer_approvals(target), &mut record);
        Ok(record)
    }

    async fn keys(&self, target: &Target) -> Result<Vec<KeyLine>> {
        let doing = format!("listing the keys of {target}");
        let until = self.store.deadline();
        let (read, approvals) = tokio::join!(
            self.store.ranges(&doing, until, self.ranges_of(target)),
            self.approvals(target, until)
        );
        let ((_, found), approvals) = (read?, approvals?);
        let mut lines = Vec::new();
        // One lease may have many keys.
        let mut left: BTreeMap<i64, Option<i64>> = BTreeMap::new();
        for pair in found.iter().flatten().chain(&approvals.pairs) {
            let lease = pair.lease();
            // The keys of consoles appear and expire by themselves, so their remaining time helps no operator.
            let of_presence = self.is_presence(target, pair);
            let ttl_seconds = match left.get(&lease) {
                _ if of_presence => None,
                Some(known) => *known,
                None if left.len() < MOST_LEASES => {
                    let seconds = seconds_left(&self.store, lease, until).await;
                    left.insert(lease, seconds);
                    seconds
                }
                None => None,
            };
            lines.push(KeyLine {
                key: values::key(pair),
                value: values::value_line(pair),
                revision: pair.mod_revision(),
                ttl_seconds,
            });
        }
        Ok(lines)
    }

    async fn changes(&self) -> Result<BoxStream<'static, Result<Hint>>> {
        Ok(watch::changes(self.store.clone()).await)
    }
}

fn revisioned<T>(pair: &KeyValue, value: T) -> Revisioned<T> {
    Revisioned {
        value,
        revision: pair.mod_revision(),
    }
}

/// The token of a lock: the revision of the write of its key. Each holder writes the key once, so a takeover makes a
/// new token in one transaction.
pub(super) fn token(pair: &KeyValue) -> FencingToken {
    FencingToken(pair.mod_revision())
}

/// The holder of the lock. The error says why the key cannot be read and what to do.
pub(super) async fn holder(
    store: &Store,
    pair: &KeyValue,
    until: Instant,
) -> std::result::Result<LockHolder, String> {
    let record: LockRecord =
        values::decode(pair).map_err(|reason| unreadable_lock(pair, &reason))?;
    Ok(LockHolder {
        record,
        token: token(pair),
        ttl_seconds: seconds_left(store, pair.lease(), until).await,
    })
}

/// Says why a lock cannot be read and what the operator can do. While the lock exists, no release can start or be
/// resumed.
fn unreadable_lock(pair: &KeyValue, reason: &str) -> String {
    let key = values::key(pair);
    let ends = match pair.lease() {
        0 => "the lock has no lease, so it remains until an operator deletes it",
        _ => "the lock has a lease, so it expires after its holder exits",
    };
    format!(
        "{reason}; {ends}: read it with `etcdctl get {key}`, and if no console drives a release of this target, delete it with `etcdctl del {key}`"
    )
}

/// The seconds left on a lease; none without a lease, or if etcd does not answer.
async fn seconds_left(store: &Store, lease: i64, until: Instant) -> Option<i64> {
    if lease == 0 {
        return None;
    }
    let answer = store
        .attempt(until, |client| async move {
            client.lease_client().time_to_live(lease, None).await
        })
        .await
        .ok()?;
    Some(answer.ttl().max(0))
}
