//! The stream of change hints. A change through this store gives a hint immediately, a change by another process
//! within a quarter of a second. The file is checked only while the stream is polled.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use rusqlite::Connection;
use tokio::sync::watch;

use super::fault::{self, Fault};
use super::presence;
use super::store::{Store, blocking, connect, is_there};
use super::transaction::{current_revision, now_ms};
use crate::ports::{FailureKind, Hint, Result};

/// How often the file is checked for changes of other processes.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

struct Watch {
    path: Arc<Path>,
    changed: watch::Receiver<i64>,
    last_check: Arc<Mutex<LastCheck>>,
    failing: bool,
}

/// What the last check found. This has a separate connection, because `data_version` reports only the changes of
/// other connections.
struct LastCheck {
    path: Arc<Path>,
    /// None until the file exists.
    connection: Option<Connection>,
    data_version: i64,
    revision: i64,
    /// When the next lease expires, in milliseconds since 1970. Its expiry changes what is read, although no process
    /// writes.
    next_end: Option<i64>,
}

/// Implements [`crate::ports::RegistryReader::changes`].
pub(super) async fn stream(store: &Store) -> Result<BoxStream<'static, Result<Hint>>> {
    let path = Arc::clone(&store.path);
    let mut changed = store.changed.subscribe();
    changed.mark_unchanged();
    let (place, store) = (Arc::clone(&path), store.clone());
    let last_check = blocking(
        fault::target(&path),
        "watching for changes".into(),
        FailureKind::Unreachable,
        move || {
            let connection = if store.has_file()? {
                Some(connect(&place, false)?)
            } else {
                None
            };
            let mut last_check = LastCheck {
                path: place,
                connection,
                data_version: 0,
                revision: 0,
                next_end: None,
            };
            last_check.check()?;
            Ok(last_check)
        },
    )
    .await?;
    let watch = Watch {
        path,
        changed,
        last_check: Arc::new(Mutex::new(last_check)),
        failing: false,
    };
    Ok(stream::unfold(watch, |watch| async move { Some(watch.next().await) }).boxed())
}

impl Watch {
    async fn next(mut self) -> (Result<Hint>, Self) {
        loop {
            tokio::select! {
                changed = self.changed.changed() => if changed.is_err() {
                    // The store was dropped. Other processes may still write.
                    tokio::time::sleep(CHECK_INTERVAL).await;
                },
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
            }
            let last_check = Arc::clone(&self.last_check);
            let checked = blocking(
                fault::target(&self.path),
                "watching for changes".into(),
                FailureKind::Unreachable,
                move || {
                    let mut last_check = last_check.lock().unwrap_or_else(PoisonError::into_inner);
                    last_check.check()
                },
            )
            .await;
            // The stream returns one failure when the checks start to fail, and one hint when they work again.
            match (checked, std::mem::take(&mut self.failing)) {
                (Ok(true), _) | (Ok(false), true) => return (Ok(Hint::Anything), self),
                (Ok(false), false) => {}
                (Err(_), true) => self.failing = true,
                (Err(failure), false) => {
                    self.failing = true;
                    return (Err(failure), self);
                }
            }
        }
    }
}

impl LastCheck {
    /// Whether anything changed. Usually this runs only one pragma, which reads shared memory.
    fn check(&mut self) -> std::result::Result<bool, Fault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None if !is_there(&self.path) => return Ok(false),
            // Another process may be creating the file. Opening it waits until the tables exist.
            None => self.connection.insert(connect(&self.path, true)?),
        };
        let data_version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let has_expired = self.next_end.is_some_and(|end| end <= now_ms());
        if data_version == self.data_version && !has_expired {
            return Ok(false);
        }
        let sql = connection.transaction()?;
        let revision = current_revision(&sql)?;
        let of_locks: Option<i64> = sql.query_row(
            "SELECT min(expires_at_ms) FROM locks WHERE expires_at_ms > ?1",
            [now_ms()],
            |row| row.get(0),
        )?;
        let of_presence = presence::next_end(&sql)?;
        self.next_end = of_locks.into_iter().chain(of_presence).min();
        drop(sql);
        self.data_version = data_version;
        // A renewed lease changes the file but not the revision, so it is no change.
        let changed = revision != self.revision;
        self.revision = revision;
        Ok(changed || has_expired)
    }
}
