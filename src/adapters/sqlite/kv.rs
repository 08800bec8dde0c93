//! The store's operations, as transactions on the file.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::database::{DEADLINE, Database};
use super::{pairs, watch};
use crate::ports::Result;
use crate::ports::kv::{Call, Change, Command, Committed, Granted, Kv, LeaseId, Range, Read, Txn};
use crate::sanitize::{in_double_quotes, sanitize, shell_word};

#[async_trait]
impl Kv for Database {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn prefix(&self) -> &'static str {
        ""
    }

    fn time_limit(&self) -> Duration {
        DEADLINE
    }

    /// A user who may write one row of the file may write all of them.
    fn has_roles(&self) -> bool {
        false
    }

    fn command(&self, what: Command<'_>) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let sql = match what {
            Command::Show(key) => format!("SELECT value FROM pairs WHERE key = {}", quoted(key)),
            Command::Delete(key) => format!("DELETE FROM pairs WHERE key = {}", quoted(key)),
            Command::DeleteBelow(prefix) => {
                let prefix = prefix.trim_end_matches('/');
                // `0` is the character after `/`.
                let (from, to) = (quoted(&format!("{prefix}/")), quoted(&format!("{prefix}0")));
                format!("DELETE FROM pairs WHERE key >= {from} AND key < {to}")
            }
        };
        let path = shell_word(&sanitize(&self.inner.path.display().to_string()));
        format!("sqlite3 {path} \"{}\"", in_double_quotes(&sanitize(&sql)))
    }

    async fn version(&self, call: Call<'_>) -> Result<String> {
        let work = |sql: &rusqlite::Transaction<'_>| {
            pairs::current_revision(sql)?;
            let version: String = sql.query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
            Ok((version, sql.path().is_some_and(|path| !path.is_empty())))
        };
        let (version, file_exists) = self.reading(call, work).await?;
        let name = self
            .inner
            .name
            .replacen("sqlite", &format!("SQLite {version}"), 1);
        Ok(if file_exists {
            name
        } else {
            format!("{name}: no file yet, the first change creates it")
        })
    }

    async fn revision(&self, call: Call<'_>) -> Result<i64> {
        self.reading(call, |sql| Ok(pairs::current_revision(sql)?))
            .await
    }

    async fn read(&self, call: Call<'_>, ranges: &[Range]) -> Result<Read> {
        let ranges = ranges.to_vec();
        self.reading(call, move |sql| {
            Ok(Read {
                revision: pairs::current_revision(sql)?,
                ranges: pairs::read(sql, &ranges)?,
            })
        })
        .await
    }

    async fn commit(&self, call: Call<'_>, txn: &Txn) -> Result<Committed> {
        let txn = txn.clone();
        self.writing(call, move |changes| {
            for (key, revision) in &txn.when {
                if changes.revision_of(key)? != *revision {
                    return Ok(Committed::Lost);
                }
            }
            changes.sweep()?;
            for write in &txn.then {
                changes.write(write)?;
            }
            Ok(Committed::Done(changes.revision_after()?))
        })
        .await
    }

    async fn grant(&self, call: Call<'_>, ttl: Duration) -> Result<Granted> {
        let granted = self.writing(call, move |changes| changes.grant(ttl));
        Ok(Granted {
            lease: granted.await?,
            ttl,
        })
    }

    async fn renew(&self, call: Call<'_>, lease: LeaseId) -> Result<Duration> {
        self.writing(call, move |changes| changes.renew(lease))
            .await
    }

    async fn revoke(&self, call: Call<'_>, lease: LeaseId) -> Result<()> {
        self.writing(call, move |changes| changes.revoke(lease))
            .await
    }

    async fn time_left(&self, call: Call<'_>, lease: LeaseId) -> Result<Option<Duration>> {
        self.reading(call, move |sql| pairs::time_left(sql, lease))
            .await
    }

    async fn watch(&self, call: Call<'_>, from: i64) -> Result<BoxStream<'static, Result<Change>>> {
        watch::start(self, call, from).await
    }
}
