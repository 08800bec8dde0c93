//! Reads registrations, routes, holds and locks. A value that cannot be read is reported and skipped, so that a value
//! of another program does not hide the other values. `inventory::StoredKey` decides what an unreadable key stops.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::approvals::Approvals;
use super::locks::{self, LockStatus};
use super::{Store, values, watch};
use crate::inventory::{RegistryRecord, Revisioned, StoredKey, Target};
use crate::ports::kv::{Call, LeaseId, Pair};
use crate::ports::{Hint, KeyLine, RegistryReader, Result};

/// Reads everything that Greenroom has in the store. Changes nothing.
#[derive(Debug, Clone)]
pub struct StoreReader {
    pub(super) store: Store,
}

/// The keys of a target without its history, and the approvals of its releases.
struct Stored {
    revision: i64,
    pairs: Vec<Pair>,
    approvals: Approvals,
}

/// The most leases for which one list of keys reads the remaining time, because each lease needs a call.
const MOST_LEASES: usize = 16;

impl StoreReader {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    /// Reads the keys of a target at one revision. The approvals are read separately, so that approvers cannot make
    /// this answer too large.
    async fn stored(&self, call: Call<'_>, target: &Target) -> Result<Stored> {
        let ranges = self.store.keys().without_history(target);
        let (read, approvals) = tokio::join!(
            self.store.read(call, &ranges),
            self.approvals(target, call.until)
        );
        let (read, approvals) = (read?, approvals?);
        Ok(Stored {
            revision: read.revision,
            pairs: read.ranges.into_iter().flatten().collect(),
            approvals,
        })
    }

    async fn record(&self, call: Call<'_>, target: &Target, stored: &Stored) -> RegistryRecord {
        let mut record = RegistryRecord {
            revision: stored.revision,
            ..RegistryRecord::default()
        };
        let keys = self.store.keys();
        for pair in &stored.pairs {
            let read = match keys.kind(target, &pair.key) {
                StoredKey::Slot(slot) => values::decode_registration(pair, slot)
                    .map(|value| *record.slots.get_mut(slot) = Some(revisioned(pair, value))),
                StoredKey::Route => {
                    values::decode(pair).map(|value| record.route = Some(revisioned(pair, value)))
                }
                StoredKey::Hold => values::decode(pair).map(|value| record.hold = Some(value)),
                StoredKey::Handover => {
                    values::decode(pair).map(|value| record.handover_request = Some(value))
                }
                StoredKey::Watching => {
                    values::decode(pair).map(|value| record.watching.push(value))
                }
                StoredKey::Queue => {
                    values::decode_queue_entry(pair, target).map(|value| record.queue.push(value))
                }
                StoredKey::Lock => match locks::lock_status(&self.store, call, pair).await {
                    LockStatus::Held(holder) => {
                        record.lock = Some(holder);
                        Ok(())
                    }
                    LockStatus::Endless(problem) => {
                        record.problems.insert(keys.lock_end(target), problem);
                        Ok(())
                    }
                    LockStatus::Unreadable(reason) => Err(reason),
                },
                // The ranges leave out the history and the approvals, so only a key of another program gets here.
                StoredKey::HoldRecord
                | StoredKey::Releases
                | StoredKey::Steps
                | StoredKey::Repair
                | StoredKey::Approval
                | StoredKey::LockEnd
                | StoredKey::Unknown => Err("Greenroom does not know this key".to_owned().into()),
            };
            if let Err(reason) = read {
                record
                    .problems
                    .insert(values::key(pair), reason.to_string());
            }
        }
        let below = keys.peer_approvals(target);
        stored.approvals.add_to(&below, &mut record);
        record
    }

    async fn lines(&self, call: Call<'_>, target: &Target, stored: &Stored) -> Vec<KeyLine> {
        let mut lines = Vec::new();
        // Several keys may be on one lease, so the remaining time of each lease is read only once.
        let mut remaining: BTreeMap<LeaseId, Option<i64>> = BTreeMap::new();
        for pair in stored.pairs.iter().chain(&stored.approvals.pairs) {
            // The keys of consoles appear and expire by themselves, so their remaining time helps no operator.
            let kind = self.store.keys().kind(target, &pair.key);
            let is_presence = matches!(kind, StoredKey::Watching | StoredKey::Handover);
            let lease = pair.lease.filter(|_| !is_presence);
            let ttl_seconds = match lease {
                None => None,
                Some(lease) => match remaining.get(&lease) {
                    Some(known) => *known,
                    None if remaining.len() < MOST_LEASES => {
                        let seconds = locks::seconds_left(&self.store, call, lease).await;
                        remaining.insert(lease, seconds);
                        seconds
                    }
                    None => None,
                },
            };
            lines.push(KeyLine {
                key: values::key(pair),
                value: values::value_line(pair),
                revision: pair.revision,
                ttl_seconds,
            });
        }
        lines
    }
}

#[async_trait]
impl RegistryReader for StoreReader {
    fn address(&self) -> String {
        self.store.kv().name().to_owned()
    }

    async fn store(&self) -> Result<String> {
        let call = self.store.call("reading the version of the store");
        self.store.kv().version(call).await
    }

    async fn clock(&self) -> Result<Option<Timestamp>> {
        self.store.kv().clock().await
    }

    async fn read(&self, target: &Target) -> Result<RegistryRecord> {
        let doing = format!("reading {target}");
        let call = self.store.call(&doing);
        let stored = self.stored(call, target).await?;
        Ok(self.record(call, target, &stored).await)
    }

    async fn read_with_keys(&self, target: &Target) -> Result<(RegistryRecord, Vec<KeyLine>)> {
        let doing = format!("reading {target}");
        let call = self.store.call(&doing);
        let stored = self.stored(call, target).await?;
        Ok(tokio::join!(
            self.record(call, target, &stored),
            self.lines(call, target, &stored)
        ))
    }

    async fn changes(&self) -> Result<BoxStream<'static, Result<Hint>>> {
        Ok(watch::changes(self.store.clone()).await)
    }
}

fn revisioned<T>(pair: &Pair, value: T) -> Revisioned<T> {
    Revisioned {
        value,
        revision: pair.revision,
    }
}
