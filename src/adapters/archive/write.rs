//! Implements [`ArchiveWriter`]: copies releases to the archive, and notes later differences.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};

use super::error::{Error, garbled};
use super::query::number;
use super::schema::WEIGH;
use super::store::Archive;
use crate::history::{
    AuditRecord, Change, Entry, KeptLog, Pruning, Recorded, ReleaseRecord, ReleaseState,
    entry_change, head_change, searchable_words,
};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{ArchiveWriter, Result};

#[async_trait]
impl ArchiveWriter for Archive {
    async fn keep(&self, releases: Vec<Recorded>) -> Result<()> {
        let doing = match releases.as_slice() {
            [] => return Ok(()),
            [release] => format!("storing release {}", release.head.id),
            many => format!("storing {} releases", many.len()),
        };
        let now = Timestamp::now();
        self.write(doing, move |sql| {
            for release in &releases {
                Keeping { sql, now }.keep(release)?;
            }
            Ok(())
        })
        .await
    }

    async fn note_seen_up_to(&self, target: &Target, id: ReleaseId) -> Result<()> {
        let target = target.to_string();
        self.write(
            format!("recording up to which release {target} was copied"),
            move |sql| {
                sql.execute(
                    "INSERT INTO seen (target, id) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET id = max(id, excluded.id)",
                    params![target, id.to_string()],
                )?;
                Ok(())
            },
        )
        .await
    }

    async fn keep_log(&self, id: ReleaseId, log: &KeptLog) -> Result<()> {
        self.set_log(id, log).await
    }

    async fn keep_audit(&self, records: Vec<AuditRecord>) -> Result<usize> {
        self.set_audit(records).await
    }

    async fn prune(&self, pruning: &Pruning) -> Result<()> {
        self.forget(pruning).await
    }
}

struct Keeping<'a> {
    sql: &'a Transaction<'a>,
    now: Timestamp,
}

impl Keeping<'_> {
    fn keep(&self, read: &Recorded) -> std::result::Result<(), Error> {
        let Some((number, text)) = self.kept_head(read.head.id)? else {
            if self.is_forgotten(read.head.id)? {
                return Ok(());
            }
            return self.add(read);
        };
        let kept: ReleaseRecord = decode(
            &format!("the archived record of release {}", read.head.id),
            &text,
        )?;
        let mut is_more = self.more_entries(number, &read.entries)?;
        match head_change(&kept, &read.head) {
            Change::Same => {}
            Change::More => {
                self.set_head(number, &read.head)?;
                is_more = true;
            }
            Change::Other => self.note_difference(number, "head", &text, &encode(&read.head)?)?,
        }
        if is_more {
            self.index(number, read)?;
            self.weigh(number)?;
        }
        Ok(())
    }

    fn is_forgotten(&self, id: ReleaseId) -> std::result::Result<bool, Error> {
        let mut statement = self
            .sql
            .prepare_cached("SELECT 1 FROM forgotten WHERE id = ?1")?;
        Ok(statement.exists([id.to_string()])?)
    }

    fn weigh(&self, number: i64) -> std::result::Result<(), Error> {
        self.sql
            .prepare_cached(&format!("{WEIGH} WHERE number = ?1"))?
            .execute([number])?;
        Ok(())
    }

    fn kept_head(&self, id: ReleaseId) -> std::result::Result<Option<(i64, String)>, Error> {
        let found = self.sql.query_row(
            "SELECT r.number, h.head FROM releases r JOIN heads h ON h.number = r.number
             WHERE r.id = ?1",
            [id.to_string()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        Ok(found.optional()?)
    }

    fn add(&self, read: &Recorded) -> std::result::Result<(), Error> {
        let head = &read.head;
        let number = self.free_number(number(head.opened_at, head.id))?;
        let state = ReleaseState::of(head);
        self.sql
            .prepare_cached(
                "INSERT INTO releases (number, id, service, environment, version, digest, operator,
                 host, standing, among) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                number,
                head.id.to_string(),
                head.target.service.as_str(),
                head.target.environment.as_str(),
                head.to.1.name(),
                head.to.1.digest.as_str(),
                head.operator.name,
                head.operator.host,
                state.as_str(),
                state.group().as_str(),
            ])?;
        self.sql
            .prepare_cached("INSERT INTO heads (number, head) VALUES (?1, ?2)")?
            .execute(params![number, encode(head)?])?;
        for entry in &read.entries {
            self.set_entry(number, entry)?;
        }
        self.weigh(number)?;
        self.index(number, read)
    }

    /// `from`, or the next free key. Two releases of the same millisecond can have the same key.
    fn free_number(&self, from: i64) -> std::result::Result<i64, Error> {
        let mut number = from;
        let mut is_taken = self
            .sql
            .prepare_cached("SELECT 1 FROM releases WHERE number = ?1")?;
        while is_taken.exists([number])? {
            number += 1;
        }
        Ok(number)
    }

    fn set_head(&self, number: i64, head: &ReleaseRecord) -> std::result::Result<(), Error> {
        let state = ReleaseState::of(head);
        self.sql.execute(
            "UPDATE heads SET head = ?2 WHERE number = ?1",
            params![number, encode(head)?],
        )?;
        self.sql.execute(
            "UPDATE releases SET standing = ?2, among = ?3 WHERE number = ?1",
            params![number, state.as_str(), state.group().as_str()],
        )?;
        Ok(())
    }

    /// Adds the new entries and compares the existing entries. Returns whether an entry was added or extended.
    fn more_entries(&self, number: i64, read: &[Entry]) -> std::result::Result<bool, Error> {
        let kept = self.kept_entries(number)?;
        let mut is_more = false;
        for entry in read {
            let Some(text) = kept.get(&entry.sequence) else {
                self.set_entry(number, entry)?;
                is_more = true;
                continue;
            };
            match entry_change(&decode("an archived entry of the release", text)?, entry) {
                Change::Same => {}
                Change::More => {
                    self.set_entry(number, entry)?;
                    is_more = true;
                }
                Change::Other => {
                    let label = format!("entry {}", entry.sequence);
                    self.note_difference(number, &label, text, &encode(entry)?)?;
                }
            }
        }
        Ok(is_more)
    }

    fn kept_entries(&self, number: i64) -> std::result::Result<BTreeMap<u32, String>, Error> {
        let mut statement = self
            .sql
            .prepare_cached("SELECT sequence, entry FROM entries WHERE number = ?1")?;
        let rows = statement.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    fn set_entry(&self, number: i64, entry: &Entry) -> std::result::Result<(), Error> {
        self.sql
            .prepare_cached(
                "INSERT INTO entries (number, sequence, entry) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET entry = excluded.entry",
            )?
            .execute(params![number, entry.sequence, encode(entry)?])?;
        Ok(())
    }

    fn note_difference(
        &self,
        number: i64,
        what: &str,
        kept: &str,
        found: &str,
    ) -> std::result::Result<(), Error> {
        let noted = self.sql.execute(
            "INSERT INTO differences (number, what, found, kept, noticed_at)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![number, what, found, kept, self.now.to_string()],
        )?;
        if noted > 0 {
            self.sql.execute(
                "UPDATE releases SET differences = differences + 1 WHERE number = ?1",
                [number],
            )?;
        }
        Ok(())
    }

    fn index(&self, number: i64, read: &Recorded) -> std::result::Result<(), Error> {
        let head = &read.head;
        self.sql
            .prepare_cached(
                "INSERT OR REPLACE INTO words
                 (rowid, service, environment, version, operator, among, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                number,
                head.target.service.as_str(),
                head.target.environment.as_str(),
                head.to.1.name(),
                format!("{} {}", head.operator.name, head.operator.host),
                format!(
                    "{} {}",
                    ReleaseState::of(head).group().as_str(),
                    ReleaseState::of(head)
                ),
                searchable_words(read),
            ])?;
        Ok(())
    }
}

pub(super) fn encode(value: &impl Serialize) -> std::result::Result<String, Error> {
    serde_json::to_string(value).map_err(|error| garbled(error.to_string()))
}

pub(super) fn decode<T: DeserializeOwned>(
    label: &str,
    text: &str,
) -> std::result::Result<T, Error> {
    serde_json::from_str(text).map_err(|error| garbled(format!("{label} cannot be read: {error}")))
}
