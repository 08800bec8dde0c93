//! Change hints: immediate for changes through this store, and within a quarter of a second for those of
//! other processes. Checks only while the stream is polled.

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

/// The interval of checks for changes of other processes.
const LOOK: Duration = Duration::from_millis(250);

/// The state of the stream.
struct Watch {
    path: Arc<Path>,
    changed: watch::Receiver<i64>,
    seen: Arc<Mutex<Seen>>,
    failing: bool,
}

/// The last observed state. It has its own connection, because `data_version` reports only the changes of
/// other connections.
struct Seen {
    path: Arc<Path>,
    /// None before the file exists.
    connection: Option<Connection>,
    data_version: i64,
    revision: i64,
    /// When the next lease expires. That changes what is read, without a write.
    next_end: Option<i64>,
}

/// The stream of hints; see [`crate::ports::RegistryReader::changes`].
pub(super) async fn stream(store: &Store) -> Result<BoxStream<'static, Result<Hint>>> {
    let path = Arc::clone(&store.path);
    let mut changed = store.changed.subscribe();
    changed.mark_unchanged();
    let (place, store) = (Arc::clone(&path), store.clone());
    let seen = blocking(
        fault::target(&path),
        "watching for changes".into(),
        FailureKind::Unreachable,
        move || {
            let connection = if store.has_file()? {
                Some(connect(&place, false)?)
            } else {
                None
            };
            let mut seen = Seen {
                path: place,
                connection,
                data_version: 0,
                revision: 0,
                next_end: None,
            };
            seen.look()?;
            Ok(seen)
        },
    )
    .await?;
    let watch = Watch {
        path,
        changed,
        seen: Arc::new(Mutex::new(seen)),
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
                    tokio::time::sleep(LOOK).await;
                },
                () = tokio::time::sleep(LOOK) => {}
            }
            let seen = Arc::clone(&self.seen);
            let looked = blocking(
                fault::target(&self.path),
                "watching for changes".into(),
                FailureKind::Unreachable,
                move || {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.look()
                },
            )
            .await;
            // One item when the watch starts to fail, and one hint when it works again.
            match (looked, std::mem::take(&mut self.failing)) {
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

impl Seen {
    /// Whether anything changed. Usually this is one pragma that reads only shared memory.
    fn look(&mut self) -> std::result::Result<bool, Fault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None if !is_there(&self.path) => return Ok(false),
            // Another process may be creating the file: this waits until the tables exist.
            None => self.connection.insert(connect(&self.path, true)?),
        };
        let data_version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let ended = self.next_end.is_some_and(|end| end <= now_ms());
        if data_version == self.data_version && !ended {
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
        // A renewed lease changes the file but not the revision, so it gives no hint.
        let changed = revision != self.revision;
        self.revision = revision;
        Ok(changed || ended)
    }
}
