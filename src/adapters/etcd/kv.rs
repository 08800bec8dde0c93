//! The store's operations, as calls to etcd.

use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{
    Client, Compare, CompareOp, GetOptions, KeyValue, PutOptions, ResponseHeader, SortOrder,
    SortTarget, Txn as EtcdTxn, TxnOp,
};
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::cluster::{Answer, Cluster};
use super::error::{Class, EtcdError};
use super::watch;
use crate::ports::kv::{
    Call, Change, Command, Committed, Granted, Kv, LeaseId, Pair, Range, Read, Txn, Write,
};
use crate::ports::{FailureKind, Result};
use crate::sanitize::{sanitize, shell_word};

#[async_trait]
impl Kv for Cluster {
    fn name(&self) -> &str {
        Cluster::name(self)
    }

    fn prefix(&self) -> &str {
        Cluster::prefix(self)
    }

    fn time_limit(&self) -> Duration {
        Cluster::time_limit(self)
    }

    fn user(&self) -> Option<&str> {
        Cluster::user(self)
    }

    fn has_roles(&self) -> bool {
        true
    }

    fn command(&self, what: Command<'_>) -> String {
        match what {
            Command::Show(key) => format!("etcdctl get {}", shell_word(&sanitize(key))),
            Command::Delete(key) => format!("etcdctl del {}", shell_word(&sanitize(key))),
            Command::DeleteBelow(prefix) => {
                format!("etcdctl del --prefix {}", shell_word(&sanitize(prefix)))
            }
        }
    }

    async fn version(&self, call: Call<'_>) -> Result<String> {
        let status = self.ask(call.doing, call.until, |client| async move {
            client.maintenance_client().status().await
        });
        Ok(sanitize(&format!("etcd {}", status.await?.version())))
    }

    async fn clock(&self) -> Result<Option<Timestamp>> {
        Cluster::clock(self).await
    }

    async fn revision(&self, call: Call<'_>) -> Result<i64> {
        // Every answer has the revision. A request for the number of Greenroom's keys has a small answer.
        let answer = self.ask(call.doing, call.until, |client| {
            let options = GetOptions::new().with_prefix().with_count_only();
            let prefix = Cluster::prefix(self).to_owned();
            async move { client.kv_client().get(prefix, Some(options)).await }
        });
        Ok(answer.await?.header().map_or(0, ResponseHeader::revision))
    }

    async fn read(&self, call: Call<'_>, ranges: &[Range]) -> Result<Read> {
        // etcd treats a limit of 0 as no limit.
        let is_read = |range: &&Range| range.limit != Some(0);
        let reads: Vec<TxnOp> = ranges.iter().filter(is_read).map(read_of).collect();
        let (revision, found) = self.ranges(call.doing, call.until, reads).await?;
        let mut found = found.into_iter();
        let ranges = ranges.iter().map(|range| {
            let pairs = if is_read(&range) { found.next() } else { None };
            pairs.unwrap_or_default().into_iter().map(pair).collect()
        });
        Ok(Read {
            revision,
            ranges: ranges.collect(),
        })
    }

    async fn commit(&self, call: Call<'_>, txn: &Txn) -> Result<Committed> {
        let compares = txn.when.iter().map(|(key, revision)| {
            Compare::mod_revision(key.as_str(), CompareOp::Equal, *revision)
        });
        let txn = EtcdTxn::new()
            .when(compares.collect::<Vec<_>>())
            .and_then(txn.then.iter().map(write_of).collect::<Vec<_>>());
        let answer = self.attempt(call.until, |client| {
            let txn = txn.clone();
            async move { client.kv_client().txn(txn).await }
        });
        let answer = answer
            .await
            .map_err(|error| self.failed(call.doing, error))?;
        if !answer.succeeded() {
            return Ok(Committed::Lost);
        }
        let revision = answer.header().map_or(0, ResponseHeader::revision);
        Ok(Committed::Done(revision))
    }

    async fn grant(&self, call: Call<'_>, ttl: Duration) -> Result<Granted> {
        let seconds = i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX);
        let granted = self.ask(call.doing, call.until, |client| async move {
            client.lease_client().grant(seconds, None).await
        });
        let granted = granted.await?;
        let seconds = u64::try_from(granted.ttl()).unwrap_or_default();
        Ok(Granted {
            lease: LeaseId(granted.id()),
            ttl: Duration::from_secs(seconds),
        })
    }

    async fn renew(&self, call: Call<'_>, lease: LeaseId) -> Result<Duration> {
        let renewed = self.attempt(call.until, |client| renewal(client, lease.0));
        let renewed = renewed.await.and_then(remaining_time);
        // A renewal can be repeated.
        renewed.map_err(|error| self.unanswered(call.doing, error))
    }

    async fn revoke(&self, call: Call<'_>, lease: LeaseId) -> Result<()> {
        let revoked = self.attempt(call.until, |client| async move {
            client.lease_client().revoke(lease.0).await
        });
        match revoked.await {
            Ok(_) => Ok(()),
            Err(error) if error.class == Class::Refused(FailureKind::Missing) => Ok(()),
            Err(error) => Err(self.failed(call.doing, error)),
        }
    }

    async fn time_left(&self, call: Call<'_>, lease: LeaseId) -> Result<Option<Duration>> {
        let left = self.attempt(call.until, |client| async move {
            client.lease_client().time_to_live(lease.0, None).await
        });
        let left = left
            .await
            .map_err(|error| self.unanswered(call.doing, error))?;
        // An ended lease has the time -1.
        Ok(u64::try_from(left.ttl()).ok().map(Duration::from_secs))
    }

    async fn watch(&self, call: Call<'_>, from: i64) -> Result<BoxStream<'static, Result<Change>>> {
        watch::start(self, call, from).await
    }
}

/// The operation that reads a range.
fn read_of(range: &Range) -> TxnOp {
    let mut options = GetOptions::new();
    if let Some(to) = &range.to {
        let order = if range.is_descending {
            SortOrder::Descend
        } else {
            SortOrder::Ascend
        };
        options = options
            .with_range(to.clone())
            .with_sort(SortTarget::Key, order);
    }
    if let Some(limit) = range.limit {
        options = options.with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
    }
    if range.is_keys_only {
        options = options.with_keys_only();
    }
    if let Some(revision) = range.changed_at {
        options = options
            .with_min_mod_revision(revision)
            .with_max_mod_revision(revision);
    }
    TxnOp::get(range.from.clone(), Some(options))
}

fn write_of(write: &Write) -> TxnOp {
    match write {
        Write::Put { key, value, lease } => {
            let options = lease.map(|lease| PutOptions::new().with_lease(lease.0));
            TxnOp::put(key.as_str(), value.as_str(), options)
        }
        Write::PutKeepingLease { key, value } => {
            let options = PutOptions::new().with_ignore_lease();
            TxnOp::put(key.as_str(), value.as_str(), Some(options))
        }
        Write::Delete { key } => TxnOp::delete(key.as_str(), None),
    }
}

fn pair(found: KeyValue) -> Pair {
    let (revision, lease) = (found.mod_revision(), found.lease());
    let (key, value) = found.into_key_value();
    Pair {
        key,
        value,
        revision,
        lease: (lease != 0).then_some(LeaseId(lease)),
    }
}

/// Renews the lease over a new stream, because each renewal may go to another node. Returns the remaining time in
/// seconds.
async fn renewal(client: Client, lease: i64) -> std::result::Result<i64, etcd_client::Error> {
    let mut leases = client.lease_client();
    // The library hides the time in the first answer, and turns an ended lease into an error. Therefore a second
    // renewal is sent. Its answer has the remaining time.
    let (mut keeper, mut answers) = leases.keep_alive(lease).await?;
    keeper.keep_alive().await?;
    let answer = answers.message().await?;
    Ok(answer.map_or(0, |answer| answer.ttl()))
}

/// The time to live of a lease, or an error if the lease has ended.
fn remaining_time(ttl: i64) -> Answer<Duration> {
    match u64::try_from(ttl) {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(EtcdError::refused(
            FailureKind::Missing,
            "the lease has expired or was revoked",
        )),
    }
}
