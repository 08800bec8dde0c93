//! Hints at changes: at once for those made through this store, and within a quarter of a second
//! for those of other processes, as long as somebody listens.

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

/// How often other processes' changes are looked for.
const LOOK: Duration = Duration::from_millis(250);

/// Where the stream stands.
struct Watch {
    path: Arc<Path>,
    changed: watch::Receiver<i64>,
    seen: Arc<Mutex<Seen>>,
    failing: bool,
}

/// What was seen last, on a connection of its own: `data_version` tells of other connections only.
struct Seen {
    path: Arc<Path>,
    /// None before there is a file.
    connection: Option<Connection>,
    data_version: i64,
    revision: i64,
    /// When the next lease runs out, which changes what is read without any write.
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
                told = self.changed.changed() => if told.is_err() {
                    // The store is gone; other processes may still write.
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
            // One item when it is not heard any more, and one hint when it is heard again.
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
    /// Whether there is anything new. The common case is one pragma that touches shared memory only.
    fn look(&mut self) -> std::result::Result<bool, Fault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None if !is_there(&self.path) => return Ok(false),
            // Another process may be in the middle of making the file: this waits until the tables are there.
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
        // A renewed lease changes the file and not the revision: nothing to hint at.
        let changed = revision != self.revision;
        self.revision = revision;
        Ok(changed || ended)
    }
}
