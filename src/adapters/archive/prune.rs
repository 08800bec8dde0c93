//! Removes the releases and logs that the retention rules no longer keep, in small transactions. On a full disk there
//! is little free space, and each transaction frees space for the next transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::error::{Error, garbled};
use super::store::Archive;
use super::{read, reserve};
use crate::history::{Pruning, ReleaseState, Retention, Weighed, pruning, started_at};
use crate::inventory::{ReleaseId, Target};
use crate::ports::Result;

/// The most logs or releases that one transaction removes.
const BATCH_SIZE: usize = 20;

impl Archive {
    pub(super) async fn weighed(&self, retention: Retention, now: Timestamp) -> Result<Pruning> {
        self.read(
            "finding the releases and logs that can be removed",
            move |sql| {
                let releases = weigh(sql)?;
                let pruning = pruning(&releases, used(sql)?, &retention, now);
                Ok(pruning.with_orphans(&orphans(sql)?, now))
            },
        )
        .await
    }

    pub(super) async fn forget(&self, pruning: &Pruning) -> Result<()> {
        if pruning.is_nothing() {
            return Ok(());
        }
        self.reserve(reserve::delete).await?;
        let forgotten = self.forget_all(pruning).await;
        self.reserve(reserve::create).await?;
        forgotten
    }

    async fn forget_all(&self, pruning: &Pruning) -> Result<()> {
        let now = Timestamp::now();
        // Changes in the write-ahead log take up disk space a second time, so the write-ahead log is truncated first.
        self.tidy().await?;
        let logs = [pruning.logs.as_slice(), &pruning.orphans].concat();
        for batch in logs.chunks(BATCH_SIZE) {
            let batch = batch.to_vec();
            let forgotten = self.write("removing logs", move |sql| {
                for id in batch {
                    forget_logs(sql, id)?;
                }
                Ok(())
            });
            forgotten.await?;
            self.tidy().await?;
        }
        for batch in pruning.releases.chunks(BATCH_SIZE) {
            let batch = batch.to_vec();
            let forgotten = self.write("removing releases", move |sql| {
                for (id, _) in batch {
                    forget_logs(sql, id)?;
                    forget_release(sql, id, now)?;
                }
                Ok(())
            });
            forgotten.await?;
            self.tidy().await?;
        }
        Ok(())
    }

    /// Frees disk space: removes free pages from the file, and truncates the write-ahead log. If another process is
    /// reading the write-ahead log at that moment, a later call truncates it.
    async fn tidy(&self) -> Result<()> {
        self.without_transaction("freeing disk space", |connection| {
            checkpoint(connection)?;
            if let Err(error) = vacuum(connection) {
                // Vacuuming fails on a full disk. `SQLite` can still reuse the free pages.
                tracing::debug!("the archive file was not made smaller: {error}");
            }
            checkpoint(connection)
        })
        .await
    }
}

fn checkpoint(connection: &Connection) -> std::result::Result<(), Error> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn vacuum(connection: &Connection) -> std::result::Result<(), rusqlite::Error> {
    let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut freed = statement.query([])?;
    while freed.next()?.is_some() {}
    Ok(())
}

/// How many bytes of the file are in use.
fn used(sql: &Connection) -> std::result::Result<u64, Error> {
    let pragma = |name: &str| sql.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    let bytes = pages.saturating_mul(pragma("page_size")?);
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// All releases with their sizes, newest first. The sizes without logs are estimates, see [`super::schema::WEIGH`].
fn weigh(sql: &Transaction<'_>) -> std::result::Result<Vec<Weighed>, Error> {
    let logs = log_sizes(sql)?;
    let mut statement = sql.prepare(
        "SELECT id, service, environment, standing, size FROM releases ORDER BY number DESC",
    )?;
    let mut rows = statement.query([])?;
    let mut releases = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |index: usize| row.get_ref(index)?.as_str().map_err(rusqlite::Error::from);
        let id: ReleaseId = read::id(text(0)?)?;
        let invalid = |column: &str| garbled(format!("the {column} of release {id} is invalid"));
        let (service, environment, state) = (text(1)?, text(2)?, text(3)?);
        let state = ReleaseState::ALL
            .into_iter()
            .find(|it| it.as_str() == state);
        releases.push(Weighed {
            id,
            target: Target::new(
                service.parse().map_err(|_| invalid("service"))?,
                environment.parse().map_err(|_| invalid("environment"))?,
            ),
            opened_at: started_at(id),
            state: state.ok_or_else(|| invalid("outcome"))?,
            size: size(row.get(4)?),
            log_size: logs.get(&id).copied().unwrap_or_default(),
        });
    }
    Ok(releases)
}

/// The releases that only have logs, with the sizes of these, oldest first.
fn orphans(sql: &Transaction<'_>) -> std::result::Result<Vec<(ReleaseId, u64)>, Error> {
    let mut statement = sql.prepare(
        "SELECT id, sum(length(log)) FROM logs WHERE id NOT IN (SELECT id FROM releases)
         GROUP BY id ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        found.push((read::id(text)?, size(row.get(1)?)));
    }
    Ok(found)
}

fn log_sizes(sql: &Transaction<'_>) -> std::result::Result<BTreeMap<ReleaseId, u64>, Error> {
    let mut statement = sql.prepare("SELECT id, sum(length(log)) FROM logs GROUP BY id")?;
    let mut rows = statement.query([])?;
    let mut sizes = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        sizes.insert(read::id(text)?, size(row.get(1)?));
    }
    Ok(sizes)
}

fn size(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or_default()
}

fn forget_logs(sql: &Transaction<'_>, id: ReleaseId) -> std::result::Result<(), Error> {
    sql.prepare_cached("DELETE FROM logs WHERE id = ?1")?
        .execute([id.to_string()])?;
    Ok(())
}

fn forget_release(
    sql: &Transaction<'_>,
    id: ReleaseId,
    now: Timestamp,
) -> std::result::Result<(), Error> {
    let id = id.to_string();
    sql.prepare_cached("INSERT INTO forgotten (id, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![id, now.to_string()])?;
    // The row in `releases` is deleted last, because the other rows are found by its number.
    for statement in [
        "DELETE FROM words WHERE rowid = (SELECT number FROM releases WHERE id = ?1)",
        "DELETE FROM differences WHERE number = (SELECT number FROM releases WHERE id = ?1)",
        "DELETE FROM entries WHERE number = (SELECT number FROM releases WHERE id = ?1)",
        "DELETE FROM heads WHERE number = (SELECT number FROM releases WHERE id = ?1)",
        "DELETE FROM releases WHERE id = ?1",
    ] {
        sql.prepare_cached(statement)?.execute([&id])?;
    }
    Ok(())
}
