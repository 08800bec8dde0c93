//! The locks of targets. Each lock is one row with a token and the time at which its lease expires.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::store::Store;
use super::transaction::{LOCK, decode, encode, full_key, now_ms, text};
use crate::inventory::{FencingToken, LONGEST_LEASE, LockHolder, LockRecord, Target, local_time};
use crate::ports::{Acquired, Fence, JournalEnd, Lease, LeaseState, Locks, Result};

/// A lock whose lease has not expired.
pub(super) struct Standing {
    pub(super) token: FencingToken,
    /// The record as it is stored, in JSON.
    pub(super) record: String,
    /// The seconds until the lease expires, rounded up.
    pub(super) ttl_seconds: i64,
}

/// The latest time at which a lease that is renewed at `now` can expire.
fn latest(now: i64) -> i64 {
    let longest = i64::try_from(LONGEST_LEASE.as_millis()).unwrap_or(i64::MAX);
    now.saturating_add(longest)
}

/// Whether a lease is running at `now`: it has not expired, and it expires no later than a lease that starts at
/// `now`.
pub(super) fn is_running(ends: i64, now: i64) -> bool {
    ends > now && ends <= latest(now)
}

/// Describes a lock that expires later than any lease lasts. No driver has written such an expiry with the clock of
/// this machine, so the lock is treated as expired: writes under it are refused, and the next driver takes it over.
/// If its own driver renews the lock first, the expiry is valid again.
pub(super) fn not_believed(sql: &Transaction<'_>, target: &Target) -> Outcome<Option<String>> {
    let latest = latest(now_ms());
    let ends = sql
        .query_row(
            "SELECT expires_at_ms FROM locks WHERE target = ?1 AND expires_at_ms > ?2",
            params![target.to_string(), latest],
            |row| row.get::<_, i64>(0),
        )
        .optional()?;
    Ok(ends.map(|ends| {
        let ends = match Timestamp::from_millisecond(ends) {
            Ok(ends) => local_time::moment(ends),
            Err(_) => format!("{ends} ms after 1970"),
        };
        format!(
            "the lock expires at {ends}. No driver can set a time so far ahead: a clock was wrong, or another program wrote the lock. Greenroom treats the lock as expired, and the next driver takes it over"
        )
    }))
}

/// The current lock of a target. A lock that expires later than any lease lasts is ignored: see [`not_believed`].
pub(super) fn standing(sql: &Transaction<'_>, target: &Target) -> Outcome<Option<Standing>> {
    let now = now_ms();
    let found = sql
        .query_row(
            "SELECT token, record, expires_at_ms FROM locks
             WHERE target = ?1 AND expires_at_ms > ?2 AND expires_at_ms <= ?3",
            params![target.to_string(), now, latest(now)],
            |row| {
                let left: i64 = row.get(2)?;
                Ok(Standing {
                    token: FencingToken(row.get(0)?),
                    record: text(row, 1)?,
                    ttl_seconds: left.saturating_sub(now).saturating_add(999) / 1000,
                })
            },
        )
        .optional()?;
    Ok(found)
}

type Outcome<T> = std::result::Result<T, Fault>;

#[async_trait]
impl Locks for Store {
    async fn acquire(&self, target: &Target, record: &LockRecord) -> Result<Acquired> {
        self.take(target, record, None, None).await
    }

    async fn take_over(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
    ) -> Result<Acquired> {
        self.take(target, record, Some(from), None).await
    }

    async fn take_over_at_rest(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
        end: JournalEnd,
    ) -> Result<Acquired> {
        self.take(target, record, Some(from), Some(end)).await
    }

    async fn holds(&self, target: &Target, fence: &Fence) -> Result<bool> {
        let (of, token) = (target.clone(), fence.token);
        let doing = format!("reading who holds the lock of {target}");
        self.read(doing, move |sql| {
            Ok(standing(sql, &of)?.is_some_and(|lock| lock.token == token))
        })
        .await
    }

    async fn release(&self, target: &Target, fence: &Fence) -> Result<()> {
        let (of, token) = (target.to_string(), fence.token.0);
        self.write(format!("unlocking {target}"), move |change| {
            let deleted = change.sql.execute(
                "DELETE FROM locks WHERE target = ?1 AND token = ?2",
                params![of, token],
            )?;
            if deleted > 0 {
                change.revision()?;
            }
            Ok(())
        })
        .await
    }
}

fn holder(target: &Target, standing: &Standing) -> Outcome<LockHolder> {
    let record = decode(&standing.record).map_err(|error| {
        let problem = unreadable(&error);
        Fault::garbled(format!("{}: {problem}", full_key(target, LOCK)))
    })?;
    Ok(LockHolder {
        record,
        token: standing.token,
        ttl_seconds: Some(standing.ttl_seconds),
    })
}

/// Why a lock cannot be read, and what the operator can do. In SQLite every lock has a lease.
pub(super) fn unreadable(error: &str) -> String {
    format!(
        "{error}. The lock ends when its lease expires: try again in a minute. If it still exists then, another console is driving a release of this target, perhaps with a newer Greenroom"
    )
}

/// When a lease that starts now expires.
fn expiry(lease: Duration) -> i64 {
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    now_ms().saturating_add(lease)
}

/// Whether the journal has an entry after `end`. False without an `end`.
fn has_moved_on(sql: &Transaction<'_>, target: &Target, end: Option<JournalEnd>) -> Outcome<bool> {
    let Some(end) = end else {
        return Ok(false);
    };
    let found = sql.query_row(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE target = ?1 AND release = ?2 AND sequence > ?3)",
        params![target.to_string(), end.release.to_string(), end.last_entry],
        |row| row.get(0),
    )?;
    Ok(found)
}

impl Store {
    /// Takes the lock if it is free, or if its token is `from` and the journal has no entry after `end`.
    async fn take(
        &self,
        target: &Target,
        record: &LockRecord,
        from: Option<FencingToken>,
        end: Option<JournalEnd>,
    ) -> Result<Acquired> {
        let (of, record, lease) = (target.clone(), record.clone(), self.lease);
        // This is the time before the call, so that this process gives up the lock before its row expires.
        let started_at = Instant::now();
        let taken = self
            .write(format!("locking {target}"), move |change| {
                let standing = standing(&change.sql, &of)?;
                if let Some(standing) = standing
                    && (Some(standing.token) != from || has_moved_on(&change.sql, &of, end)?)
                {
                    return holder(&of, &standing).map(Err);
                }
                let token = change.revision()?;
                change.sql.execute(
                    "INSERT INTO locks (target, token, record, expires_at_ms)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET token = excluded.token, record = excluded.record,
                     expires_at_ms = excluded.expires_at_ms",
                    params![of.to_string(), token, encode(&record)?, expiry(lease)],
                )?;
                Ok(Ok(token))
            })
            .await?;
        Ok(match taken {
            Ok(token) => Acquired::Held(self.keep(target, FencingToken(token), started_at)),
            Err(holder) => Acquired::Taken(Box::new(holder)),
        })
    }

    fn keep(&self, target: &Target, token: FencingToken, started_at: Instant) -> Lease {
        let stop = CancellationToken::new();
        let (state, receiver) = watch::channel(LeaseState::Held);
        let beating = beat(self.clone(), target.clone(), token, started_at, state);
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = beating => {}
            }
        });
        Lease {
            fence: Fence { token },
            state: receiver,
            heartbeat: stop.drop_guard(),
        }
    }

    async fn renew(&self, target: &Target, token: FencingToken) -> Result<bool> {
        let (of, lease) = (target.to_string(), self.lease);
        self.write(format!("renewing the lock of {target}"), move |change| {
            let renewed = change.sql.execute(
                "UPDATE locks SET expires_at_ms = ?1
                 WHERE target = ?2 AND token = ?3 AND expires_at_ms > ?4",
                params![expiry(lease), of, token.0, now_ms()],
            )?;
            Ok(renewed > 0)
        })
        .await
    }
}

/// Renews the lock until it is lost. The lock is lost when two thirds of the lease have passed since the last
/// successful renewal was *sent*, whatever the row says. The driver then has time to stop before the lease expires.
async fn beat(
    store: Store,
    target: Target,
    token: FencingToken,
    started_at: Instant,
    state: watch::Sender<LeaseState>,
) {
    let time_limit = store.lease * 2 / 3;
    let mut renewed_at = started_at;
    let mut next = started_at + store.heartbeat;
    let mut last_error = String::from("not renewed in time");
    let reason = loop {
        let deadline = renewed_at + time_limit;
        if deadline <= next {
            tokio::time::sleep_until(deadline).await;
            break last_error;
        }
        tokio::time::sleep_until(next).await;
        let sent = Instant::now();
        match tokio::time::timeout_at(deadline, store.renew(&target, token)).await {
            Ok(Ok(true)) => renewed_at = sent,
            Ok(Ok(false)) => {
                break "the lease expired, or another operator took over the lock".to_owned();
            }
            Ok(Err(failure)) => last_error = failure.to_string(),
            Err(_) => break last_error,
        }
        next = sent + store.heartbeat;
    };
    state.send_replace(LeaseState::Lost(format!("the lock of {target}: {reason}")));
}
