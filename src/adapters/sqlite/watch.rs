//! A watch of all keys in the file. A change through this process is reported immediately. A change by another process,
//! or the end of a lease, is reported within a quarter of a second. The file is checked only while the stream is
//! polled.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use rusqlite::Connection;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::database::{DEADLINE, Database, one_at_a_time};
use super::fault::{self, Fault};
use super::file::{connect, may_exist};
use super::pairs::{KEPT_REVISIONS, bytes, current_revision, now_ms};
use crate::ports::kv::{Call, Change};
use crate::ports::{Failure, FailureKind, Result};

/// How often the file is checked for changes of other processes.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

struct Watch {
    database: Database,
    doing: String,
    changed: watch::Receiver<i64>,
    last_check: Arc<Mutex<LastCheck>>,
    found: VecDeque<Change>,
}

/// The state of the last check. The check has its own connection, because `data_version` reports only the changes of
/// other connections.
struct LastCheck {
    /// None until the file exists.
    connection: Option<Connection>,
    data_version: i64,
    /// The first revision that was not reported.
    next: i64,
    /// When the last check was made, in milliseconds since 1970.
    at: i64,
    /// When the next lease expires. At that time the watch reports the keys on that lease, although no process writes.
    next_end: Option<i64>,
}

pub(super) async fn start(
    database: &Database,
    call: Call<'_>,
    from: i64,
) -> Result<BoxStream<'static, Result<Change>>> {
    let last_check = LastCheck {
        connection: None,
        data_version: -1,
        next: from,
        at: now_ms(),
        next_end: None,
    };
    let mut watch = Watch {
        database: database.clone(),
        doing: call.doing.to_owned(),
        changed: database.inner.changed.subscribe(),
        last_check: Arc::new(Mutex::new(last_check)),
        found: VecDeque::new(),
    };
    watch.check().await?;
    Ok(stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.next().await {
            Ok(Change::Compacted) => Some((Ok(Change::Compacted), None)),
            Ok(change) => Some((Ok(change), Some(watch))),
            Err(failure) => Some((Err(failure), None)),
        }
    })
    .boxed())
}

impl Watch {
    async fn next(&mut self) -> Result<Change> {
        loop {
            if let Some(change) = self.found.pop_front() {
                return Ok(change);
            }
            tokio::select! {
                changed = self.changed.changed() => if changed.is_err() {
                    sleep(CHECK_INTERVAL).await;
                },
                () = sleep(CHECK_INTERVAL) => {}
            }
            self.check().await?;
        }
    }

    async fn check(&mut self) -> Result<()> {
        let failed = |kind, message: String| {
            let name = self.database.inner.name.as_str();
            Failure::new(kind, name, self.doing.as_str(), message)
        };
        let last_check = Arc::clone(&self.last_check);
        let inner = Arc::clone(&self.database.inner);
        let check = one_at_a_time(&self.database.inner.check_turn, move || {
            let mut last_check = last_check.lock().unwrap_or_else(PoisonError::into_inner);
            last_check.check(&inner.path)
        });
        let found = match timeout(DEADLINE, check).await {
            Ok(Ok(found)) => found.map_err(|fault| {
                let name = self.database.inner.name.clone();
                fault::failure(fault, name, &self.doing, FailureKind::Unreachable)
            })?,
            Ok(Err(error)) => {
                let message = format!("the check failed: {error}");
                return Err(failed(FailureKind::Unreachable, message));
            }
            Err(_) => {
                let message = format!("no answer within {DEADLINE:?}");
                return Err(failed(FailureKind::Unreachable, message));
            }
        };
        self.found.extend(found);
        Ok(())
    }
}

impl LastCheck {
    /// The changes since the last check. Usually the check is one pragma that reads only shared memory.
    fn check(&mut self, path: &Path) -> std::result::Result<Vec<Change>, Fault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None if !may_exist(path) => return Ok(Vec::new()),
            // Another process may be creating the file. `connect` waits until the tables exist.
            None => self.connection.insert(connect(path)?),
        };
        let data_version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let now = now_ms();
        let has_ended = self.next_end.is_some_and(|end| end <= now);
        if data_version == self.data_version && !has_ended {
            self.at = now;
            return Ok(Vec::new());
        }
        let sql = connection.transaction()?;
        let revision = current_revision(&sql)?;
        // A lower revision than before comes from another program, or from an older copy of the file.
        if self.next <= revision.saturating_sub(KEPT_REVISIONS)
            || revision < self.next.saturating_sub(1)
        {
            return Ok(vec![Change::Compacted]);
        }
        let mut keys = BTreeSet::new();
        {
            let mut changed =
                sql.prepare_cached("SELECT key FROM changes WHERE revision BETWEEN ?1 AND ?2")?;
            let changed = changed.query_map([self.next, revision], |row| bytes(row, 0))?;
            keys.extend(changed.collect::<rusqlite::Result<Vec<_>>>()?);
            let mut ended = sql.prepare_cached(
                "SELECT key FROM pairs JOIN leases ON leases.id = lease
                 WHERE expires_at_ms > ?1 AND expires_at_ms <= ?2",
            )?;
            let ended = ended.query_map([self.at, now], |row| bytes(row, 0))?;
            keys.extend(ended.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        self.next_end = sql.query_row(
            "SELECT min(expires_at_ms) FROM leases WHERE expires_at_ms > ?1",
            [now],
            |row| row.get(0),
        )?;
        drop(sql);
        self.data_version = data_version;
        self.next = revision.saturating_add(1);
        self.at = now;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Change::Changed {
            revision,
            keys: keys.into_iter().collect(),
        }])
    }
}
