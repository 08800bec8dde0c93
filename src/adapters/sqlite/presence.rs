//! Presence: which consoles watch a target, and who requests a handover. Each is a row that expires after its console
//! exits. An expired row is treated as absent everywhere, and the next write deletes it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};

use super::fault::Fault;
use super::store::Store;
use super::transaction::{Change, decode, encode, now_ms, text};
use crate::inventory::{Declined, HandoverRequest, PeerApproval, Target, Watcher, key_part};
use crate::ports::{PresenceStore, Result};

/// How long a console is still shown after it exited.
const LEASE: Duration = Duration::from_secs(30);
/// How often a console renews its rows.
const BEAT: Duration = Duration::from_secs(10);
/// The key of a handover request below a target.
const HANDOVER_REQUEST: &str = "wheel";
/// The prefix of the keys of watching consoles.
const WATCHING: &str = "watching/";
/// The prefix of the keys of peer approvals.
pub(super) const APPROVALS: &str = "approvals/";

/// The table is created when it is missing: a database of an older Greenroom has no such table, and an older
/// Greenroom ignores it.
pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS company (
    target TEXT NOT NULL, name TEXT NOT NULL, console TEXT NOT NULL, value TEXT NOT NULL,
    revision INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, PRIMARY KEY (target, name)
) STRICT, WITHOUT ROWID;
";

/// The presence of the consoles of this process. Clones share the renewals, which end when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct SqlitePresence {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    lease: Duration,
    beat: Duration,
    /// The ids of the consoles in this process that have written something.
    consoles: Mutex<Vec<String>>,
}

type Outcome<T> = std::result::Result<T, Fault>;

/// The name, value and revision of a row.
pub(super) type Row = (String, String, i64);

/// The rows of a target that have not expired.
pub(super) fn standing(sql: &Transaction<'_>, target: &Target) -> Outcome<Vec<Row>> {
    let mut statement = sql.prepare_cached(
        "SELECT name, value, revision FROM company
         WHERE target = ?1 AND expires_at_ms > ?2 ORDER BY name",
    )?;
    let rows = statement.query_map(params![target.to_string(), now_ms()], |row| {
        Ok((text(row, 0)?, text(row, 1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

#[derive(Default)]
pub(super) struct Present {
    pub(super) watching: Vec<Watcher>,
    pub(super) handover_request: Option<HandoverRequest>,
    pub(super) peer_approvals: Vec<PeerApproval>,
    /// The rows that cannot be read or do not match their name: each name with the problem.
    pub(super) problems: Vec<(String, String)>,
}

/// Reads the rows of a target. An unreadable row is skipped, and listed in `problems`.
pub(super) fn read(sql: &Transaction<'_>, target: &Target) -> Outcome<Present> {
    let mut present = Present::default();
    for (name, value, _) in standing(sql, target)? {
        let read = if name == HANDOVER_REQUEST {
            decode(&value).map(|value| present.handover_request = Some(value))
        } else if let Some(below) = name.strip_prefix(APPROVALS) {
            let given = decode::<PeerApproval>(&value);
            let given = given.and_then(|given| given.check_key(below).map(|()| given));
            given.map(|given| present.peer_approvals.push(given))
        } else {
            decode(&value).map(|value| present.watching.push(value))
        };
        if let Err(problem) = read {
            present.problems.push((name, problem));
        }
    }
    Ok(present)
}

/// When the next row expires, in milliseconds since 1970.
pub(super) fn next_end(sql: &Transaction<'_>) -> Outcome<Option<i64>> {
    let expiry = sql.query_row(
        "SELECT min(expires_at_ms) FROM company WHERE expires_at_ms > ?1",
        [now_ms()],
        |row| row.get(0),
    )?;
    Ok(expiry)
}

impl SqlitePresence {
    pub fn new(store: &Store) -> Self {
        Self::with(store, LEASE, BEAT)
    }

    /// Like [`SqlitePresence::new`], with another lease and another renewal interval.
    pub fn with(store: &Store, lease: Duration, beat: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                store: store.clone(),
                lease,
                beat,
                consoles: Mutex::default(),
            }),
        }
    }

    /// When a row that is written now expires, in milliseconds since 1970.
    fn end(&self) -> i64 {
        let lease = i64::try_from(self.inner.lease.as_millis()).unwrap_or(i64::MAX);
        now_ms().saturating_add(lease)
    }

    /// Starts the renewals of the rows of a console. They continue as long as this value or a clone exists.
    fn keep(&self, console: &str) {
        let consoles = self.inner.consoles.lock();
        let mut consoles = consoles.unwrap_or_else(PoisonError::into_inner);
        let is_renewing = !consoles.is_empty();
        if !consoles.iter().any(|known| known == console) {
            consoles.push(console.to_owned());
        }
        if is_renewing {
            return;
        }
        let (inner, beat) = (Arc::downgrade(&self.inner), self.inner.beat);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(beat).await;
                if !renew(&inner).await {
                    return;
                }
            }
        });
    }

    /// Declines (`no`) or removes the current handover request, if it is `request`. Any other request stays
    /// unchanged.
    async fn change_request(
        &self,
        target: &Target,
        doing: String,
        request: &HandoverRequest,
        no: Option<Declined>,
    ) -> Result<()> {
        let (of, request) = (target.clone(), request.clone());
        let work = move |change: &Change<'_>| {
            let current = handover_request(&change.sql, &of)?;
            let Some(current) = current.filter(|current| current.is_same(&request)) else {
                return Ok(());
            };
            let target = of.to_string();
            match no {
                Some(_) if current.declined.is_some() => Ok(()),
                Some(no) => {
                    let declined = Some(no);
                    let value = encode(&HandoverRequest {
                        declined,
                        ..current
                    })?;
                    let revision = change.revision()?;
                    change.sql.execute(
                        "UPDATE company SET value = ?1, revision = ?2
                         WHERE target = ?3 AND name = ?4",
                        params![value, revision, target, HANDOVER_REQUEST],
                    )?;
                    Ok(())
                }
                None => remove(change, &target, HANDOVER_REQUEST),
            }
        };
        self.inner.store.write(doing, work).await
    }
}

fn handover_request(sql: &Transaction<'_>, target: &Target) -> Outcome<Option<HandoverRequest>> {
    let value: Option<String> = sql
        .query_row(
            "SELECT value FROM company WHERE target = ?1 AND name = ?2 AND expires_at_ms > ?3",
            params![target.to_string(), HANDOVER_REQUEST, now_ms()],
            |row| text(row, 0),
        )
        .optional()?;
    // A value that cannot be read is not a valid request.
    Ok(value.and_then(|value| decode(&value).ok()))
}

pub(super) fn put(
    change: &Change<'_>,
    at: (&Target, &str),
    console: &str,
    value: &str,
    end: i64,
) -> Outcome<()> {
    change
        .sql
        .execute("DELETE FROM company WHERE expires_at_ms <= ?1", [now_ms()])?;
    let revision = change.revision()?;
    change.sql.execute(
        "INSERT INTO company (target, name, console, value, revision, expires_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET console = excluded.console, value = excluded.value,
         revision = excluded.revision, expires_at_ms = excluded.expires_at_ms",
        params![at.0.to_string(), at.1, console, value, revision, end],
    )?;
    Ok(())
}

fn remove(change: &Change<'_>, target: &str, name: &str) -> Outcome<()> {
    let deleted = change.sql.execute(
        "DELETE FROM company WHERE target = ?1 AND name = ?2",
        [target, name],
    )?;
    if deleted > 0 {
        change.revision()?;
    }
    Ok(())
}

fn name_of(console: &str) -> String {
    format!("{WATCHING}{}", key_part(console))
}

#[async_trait]
impl PresenceStore for SqlitePresence {
    async fn show(&self, target: &Target, watcher: &Watcher) -> Result<()> {
        let (of, watcher, end) = (target.clone(), watcher.clone(), self.end());
        let console = watcher.console.clone();
        let work = move |change: &Change<'_>| {
            let value = encode(&watcher)?;
            let name = name_of(&watcher.console);
            let current = standing(&change.sql, &of)?;
            if current.iter().any(|(n, v, _)| (n, v) == (&name, &value)) {
                return Ok(());
            }
            put(change, (&of, &name), &watcher.console, &value, end)
        };
        let doing = format!("showing this console at {target}");
        self.inner.store.write(doing, work).await?;
        self.keep(&console);
        Ok(())
    }

    async fn hide(&self, target: &Target, console: &str) -> Result<()> {
        let (of, name) = (target.to_string(), name_of(console));
        let work = move |change: &Change<'_>| remove(change, &of, &name);
        self.inner
            .store
            .write(format!("removing this console from {target}"), work)
            .await
    }

    async fn request_handover(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<Option<HandoverRequest>> {
        let (of, own_request, end) = (target.clone(), request.clone(), self.end());
        let work = move |change: &Change<'_>| {
            let current = handover_request(&change.sql, &of)?;
            if let Some(other) = current.filter(|current| current.console != own_request.console) {
                return Ok(Some(other));
            }
            put(
                change,
                (&of, HANDOVER_REQUEST),
                &own_request.console,
                &encode(&own_request)?,
                end,
            )?;
            Ok(None)
        };
        let doing = format!("requesting the handover of {target}");
        let other_request = self.inner.store.write(doing, work).await?;
        self.keep(&request.console);
        Ok(other_request)
    }

    async fn decline(
        &self,
        target: &Target,
        request: &HandoverRequest,
        no: &Declined,
    ) -> Result<()> {
        let doing = format!("declining the handover of {target}");
        self.change_request(target, doing, request, Some(no.clone()))
            .await
    }

    async fn withdraw(&self, target: &Target, request: &HandoverRequest) -> Result<()> {
        let doing = format!("withdrawing the handover request for {target}");
        self.change_request(target, doing, request, None).await
    }

    async fn leave(&self) -> Result<()> {
        let consoles = {
            let consoles = self.inner.consoles.lock();
            std::mem::take(&mut *consoles.unwrap_or_else(PoisonError::into_inner))
        };
        if consoles.is_empty() {
            return Ok(());
        }
        let work = move |change: &Change<'_>| {
            for console in consoles {
                let deleted = change
                    .sql
                    .execute("DELETE FROM company WHERE console = ?1", [console])?;
                if deleted > 0 {
                    change.revision()?;
                }
            }
            Ok(())
        };
        self.inner.store.write("removing this console", work).await
    }
}

/// Renews the rows once. Returns false if no console needs renewals any more. A renewal is not a change, so watchers
/// get no hint.
async fn renew(inner: &Weak<Inner>) -> bool {
    let Some(inner) = inner.upgrade() else {
        return false;
    };
    let consoles = inner.consoles.lock();
    let consoles = consoles.unwrap_or_else(PoisonError::into_inner).clone();
    if consoles.is_empty() {
        return false;
    }
    let expiry = SqlitePresence {
        inner: Arc::clone(&inner),
    }
    .end();
    let work = move |change: &Change<'_>| {
        for console in consoles {
            change.sql.execute(
                "UPDATE company SET expires_at_ms = ?1
                 WHERE console = ?2 AND (expires_at_ms > ?3 OR name <> ?4)",
                params![expiry, console, now_ms(), HANDOVER_REQUEST],
            )?;
        }
        Ok(())
    };
    if let Err(failure) = inner
        .store
        .write("renewing the presence of this console", work)
        .await
    {
        tracing::debug!("other consoles cannot see this console: {failure}");
    }
    true
}
