//! The locks of targets: one row each, with a token and the time at which its lease expires.

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
    /// Its record, as stored.
    pub(super) record: String,
    /// Seconds left, rounded up.
    pub(super) ttl_seconds: i64,
}

/// The latest time at which a lease renewed now can expire.
fn latest(now: i64) -> i64 {
    let longest = i64::try_from(LONGEST_LEASE.as_millis()).unwrap_or(i64::MAX);
    now.saturating_add(longest)
}

/// Whether a lease is running at `now`: it has not ended, and it ends no later than a lease that begins now.
pub(super) fn is_running(ends: i64, now: i64) -> bool {
    ends > now && ends <= latest(now)
}

/// Describes a lock that expires later than any lease lasts. No driver has written it with this machine's clock, so it
/// counts as expired: writes under it are refused, and the next driver takes it over. Where its own driver renews it
/// before that, it expires in time again.
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
            "the lock ends at {ends}, later than any lease lasts, so it counts as expired and the next driver takes it over"
        )
    }))
}

/// The current lock of a target. A lock that expires later than any lease lasts does not count: see [`not_believed`].
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

/// What a transaction returns.
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
        let doing = format!("reading who has the lock of {target}");
        self.read(doing, move |sql| {
            Ok(standing(sql, &of)?.is_some_and(|lock| lock.token == token))
        })
        .await
    }

    async fn release(&self, target: &Target, fence: &Fence) -> Result<()> {
        let (of, token) = (target.to_string(), fence.token.0);
        self.write(format!("unlocking {target}"), move |change| {
            let gone = change.sql.execute(
                "DELETE FROM locks WHERE target = ?1 AND token = ?2",
                params![of, token],
            )?;
            if gone > 0 {
                change.revision()?;
            }
            Ok(())
        })
        .await
    }
}

fn holder(target: &Target, standing: &Standing) -> Outcome<LockHolder> {
    let record = decode(&standing.record).map_err(|said| {
        let said = unreadable(&said);
        Fault::garbled(format!("{}: {said}", full_key(target, LOCK)))
    })?;
    Ok(LockHolder {
        record,
        token: standing.token,
        ttl_seconds: Some(standing.ttl_seconds),
    })
}

/// Why a lock cannot be read, and what the operator can do. In SQLite every lock has a lease.
pub(super) fn unreadable(said: &str) -> String {
    format!(
        "{said}; it goes away when its lease expires: try again in a minute. If it remains, another console drives a release there, perhaps with a newer Greenroom"
    )
}

/// When a lease that starts now expires.
fn expiry(lease: Duration) -> i64 {
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    now_ms().saturating_add(lease)
}

/// Whether the journal has an entry after that end.
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
    /// Takes the lock if it is free, or if its token is `from` and the journal still has the given end.
    async fn take(
        &self,
        target: &Target,
        record: &LockRecord,
        from: Option<FencingToken>,
        end: Option<JournalEnd>,
    ) -> Result<Acquired> {
        let (of, record, lease) = (target.clone(), record.clone(), self.lease);
        // Measured from before the call, so that this lease always expires before the row does.
        let asked = Instant::now();
        let answer = self
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
        Ok(match answer {
            Ok(token) => Acquired::Held(self.keep(target, FencingToken(token), asked)),
            Err(holder) => Acquired::Taken(Box::new(holder)),
        })
    }

    fn keep(&self, target: &Target, token: FencingToken, asked: Instant) -> Lease {
        let stop = CancellationToken::new();
        let (state, seen) = watch::channel(LeaseState::Held);
        let beating = beat(self.clone(), target.clone(), token, asked, state);
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = beating => {}
            }
        });
        Lease {
            fence: Fence { token },
            state: seen,
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

/// Renews until the lock is lost. It counts as lost two thirds of the lease after the *sending* of the last successful
/// renewal, whatever the row says: then there is time left to stop.
async fn beat(
    store: Store,
    target: Target,
    token: FencingToken,
    asked: Instant,
    state: watch::Sender<LeaseState>,
) {
    let time_limit = store.lease * 2 / 3;
    let mut good = asked;
    let mut next = asked + store.heartbeat;
    let mut trouble = String::from("it was not renewed in time");
    let said = loop {
        let deadline = good + time_limit;
        if deadline <= next {
            tokio::time::sleep_until(deadline).await;
            break trouble;
        }
        tokio::time::sleep_until(next).await;
        let sent = Instant::now();
        match tokio::time::timeout_at(deadline, store.renew(&target, token)).await {
            Ok(Ok(true)) => good = sent,
            Ok(Ok(false)) => {
                break "its lease expired, or another operator took it over".to_owned();
            }
            Ok(Err(failure)) => trouble = failure.to_string(),
            Err(_) => break trouble,
        }
        next = sent + store.heartbeat;
    };
    state.send_replace(LeaseState::Lost(format!("the lock of {target}: {said}")));
}
