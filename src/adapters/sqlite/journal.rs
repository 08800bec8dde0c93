//! Reads and writes the journals of releases.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;

use super::fault::{self, Fault};
use super::store::Store;
use super::transaction::{decode, encode, full_key, text};
use crate::history::{
    AuditRecord, Entry, HoldRecord, Recorded, ReleaseRecord, RepairRecord, SEARCHED_FOR_OPEN,
    Written, check_whole, current_read,
};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{Failure, FailureKind, Fence, JournalReader, JournalWriter, Result};

/// A text that sorts after every release id.
const BEHIND_ALL: &str = "~";

#[async_trait]
impl JournalReader for Store {
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>> {
        let read = self.heads_before(target, BEHIND_ALL.to_owned(), limit, Head::is_ok);
        Ok(readable(read.await?))
    }

    async fn releases_before(
        &self,
        target: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        let read = self.heads_before(target, before.to_string(), limit, Head::is_ok);
        Ok(readable(read.await?))
    }

    async fn unreadable(&self, target: &Target, limit: usize) -> Result<Vec<(ReleaseId, Failure)>> {
        let read = self.heads_before(target, BEHIND_ALL.to_owned(), limit, |_| true);
        let doing = format!("listing the releases of {target}");
        let unreadable = read.await?.into_iter().filter_map(|(id, head)| {
            let place = fault::target(&self.path);
            let fault = head.err()?;
            Some((
                id,
                fault.into_failure(place, doing.clone(), FailureKind::Garbled),
            ))
        });
        Ok(unreadable.collect())
    }

    async fn current(&self, targets: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>> {
        let of = targets.to_vec();
        let doing = "reading the newest releases";
        let place = fault::target(&self.path);
        Store::read(self, doing, move |sql| {
            let mut current = BTreeMap::new();
            for target in &of {
                let found = newest_heads(sql, target, BEHIND_ALL, |_| true, SEARCHED_FOR_OPEN)?;
                let heads = found.into_iter().map(|(_, head)| {
                    head.map_err(|fault| {
                        fault.into_failure(place.clone(), doing.into(), FailureKind::Garbled)
                    })
                });
                if let Some(head) = current_read(heads) {
                    current.insert(target.clone(), head);
                }
            }
            Ok(current)
        })
        .await
    }

    async fn release(&self, target: &Target, id: ReleaseId) -> Result<Option<Recorded>> {
        let Some((recorded, unread)) = self.as_stored(target, id).await? else {
            return Ok(None);
        };
        let mut unread = unread.into_iter();
        unread.next().map_or(Ok(Some(recorded)), Err)
    }

    async fn as_stored(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<(Recorded, Vec<Failure>)>> {
        let of = target.clone();
        let doing = format!("reading release {id} of {target}");
        let read = Store::read(self, doing.clone(), move |sql| {
            let Some(text) = stored_head(sql, &of, id)? else {
                return Ok(None);
            };
            let head = head(&of, &id.to_string(), &text)?;
            let (entries, unread) = entries(sql, &of, id)?;
            Ok(Some((Recorded { head, entries }, unread)))
        });
        let place = fault::target(&self.path);
        let failure =
            |fault: Fault| fault.into_failure(place.clone(), doing.clone(), FailureKind::Garbled);
        let read = read.await?;
        Ok(read.map(|(recorded, unread)| (recorded, unread.into_iter().map(failure).collect())))
    }

    async fn audit_record(&self, target: &Target, id: ReleaseId) -> Result<Option<AuditRecord>> {
        self.beside_of(target, id).await
    }

    async fn holds(&self, target: &Target, limit: usize) -> Result<Vec<HoldRecord>> {
        self.holds_of(target, limit).await
    }

    async fn repairs(&self, target: &Target, limit: usize) -> Result<Vec<RepairRecord>> {
        self.repairs_of(target, limit).await
    }
}

/// The head of a release, or why it cannot be read.
type Head = std::result::Result<ReleaseRecord, Fault>;

/// The newest heads before an id that `is_wanted` accepts, newest first. A row without a valid release id is skipped,
/// and does not hide other rows.
fn newest_heads(
    sql: &Transaction<'_>,
    target: &Target,
    before: &str,
    is_wanted: impl Fn(&Head) -> bool,
    limit: usize,
) -> std::result::Result<Vec<(ReleaseId, Head)>, Fault> {
    let mut statement = sql.prepare_cached(
        // Release ids sort by time.
        "SELECT id, head FROM releases WHERE target = ?1 AND id < ?2 ORDER BY id DESC",
    )?;
    let mut rows = statement.query(params![target.to_string(), before])?;
    let mut heads = Vec::new();
    while heads.len() < limit
        && let Some(row) = rows.next()?
    {
        let name = text(row, 0)?;
        let id = name.parse::<ReleaseId>().ok();
        let Some(id) = id.filter(|id| id.to_string() == name) else {
            continue;
        };
        let head = head(target, &name, &text(row, 1)?);
        if is_wanted(&head) {
            heads.push((id, head));
        }
    }
    Ok(heads)
}

impl Store {
    async fn heads_before(
        &self,
        target: &Target,
        before: String,
        limit: usize,
        is_wanted: fn(&Head) -> bool,
    ) -> Result<Vec<(ReleaseId, Head)>> {
        let of = target.clone();
        let doing = format!("listing the releases of {target}");
        Store::read(self, doing, move |sql| {
            newest_heads(sql, &of, &before, is_wanted, limit)
        })
        .await
    }
}

fn readable(heads: Vec<(ReleaseId, Head)>) -> Vec<ReleaseRecord> {
    let heads = heads.into_iter();
    heads.filter_map(|(_, head)| head.ok()).collect()
}

#[async_trait]
impl JournalWriter for Store {
    async fn head(&self, record: &ReleaseRecord, fence: &Fence) -> Result<()> {
        let (record, fence) = (record.clone(), fence.clone());
        let doing = format!("writing the record of release {}", record.id);
        self.write(doing, move |change| {
            change.compare(&record.target, &fence)?;
            let text = encode(&record)?;
            if let Some(stored) = stored_head(&change.sql, &record.target, record.id)? {
                if stored == text {
                    return Ok(());
                }
                if !closes(&stored, &record)? {
                    return Err(Fault::conflict(
                        "a different record is already stored, and this write does not close it",
                    ));
                }
            }
            change.revision()?;
            change.sql.execute(
                "INSERT INTO releases (target, id, head) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET head = excluded.head",
                params![record.target.to_string(), record.id.to_string(), text],
            )?;
            Ok(())
        })
        .await
    }

    async fn append(
        &self,
        target: &Target,
        release: ReleaseId,
        entry: &Entry,
        fence: &Fence,
    ) -> Result<()> {
        let (of, entry, fence) = (target.clone(), entry.clone(), fence.clone());
        let doing = format!("writing entry {} of release {release}", entry.sequence);
        self.write(doing, move |change| {
            change.compare(&of, &fence)?;
            if stored_head(&change.sql, &of, release)?.is_none() {
                return Err(Fault::refused(
                    FailureKind::Missing,
                    "the release was never opened",
                ));
            }
            let text = encode(&entry)?;
            let (last, stored) = around(&change.sql, &of, release, entry.sequence)?;
            match stored {
                Some(stored) if stored == text => return Ok(()),
                Some(_) => {
                    return Err(Fault::conflict("a different entry is already stored"));
                }
                None => {}
            }
            if i64::from(entry.sequence) != last + 1 {
                return Err(Fault::conflict(format!(
                    "the next entry must have number {}",
                    last + 1
                )));
            }
            change.revision()?;
            change.sql.execute(
                "INSERT INTO entries (target, release, sequence, entry) VALUES (?1, ?2, ?3, ?4)",
                params![of.to_string(), release.to_string(), entry.sequence, text],
            )?;
            Ok(())
        })
        .await
    }

    async fn repair(&self, record: &RepairRecord, fence: &Fence) -> Result<()> {
        self.write_repair(record, fence).await
    }
}

/// The last entry number of a release (0 without entries), and the entry with number `sequence`.
fn around(
    sql: &Transaction<'_>,
    target: &Target,
    release: ReleaseId,
    sequence: u32,
) -> std::result::Result<(i64, Option<String>), Fault> {
    let (target, release) = (target.to_string(), release.to_string());
    let last = sql.query_row(
        "SELECT coalesce(max(sequence), 0) FROM entries WHERE target = ?1 AND release = ?2",
        params![target, release],
        |row| row.get(0),
    )?;
    let stored = sql
        .query_row(
            "SELECT entry FROM entries WHERE target = ?1 AND release = ?2 AND sequence = ?3",
            params![target, release, sequence],
            |row| text(row, 0),
        )
        .optional()?;
    Ok((last, stored))
}

pub(super) fn stored_head(
    sql: &Transaction<'_>,
    target: &Target,
    id: ReleaseId,
) -> std::result::Result<Option<String>, Fault> {
    let found = sql
        .query_row(
            "SELECT head FROM releases WHERE target = ?1 AND id = ?2",
            [target.to_string(), id.to_string()],
            |row| text(row, 0),
        )
        .optional()?;
    Ok(found)
}

/// Whether `record` is the open head `stored` with only the outcome added. The two are compared as JSON text, because
/// two versions are equal if their digests are equal. The stored head is encoded again first: a field that a newer
/// Greenroom has added must not keep the release open for ever.
fn closes(stored: &str, record: &ReleaseRecord) -> std::result::Result<bool, Fault> {
    let opened = record.opening();
    let Ok(stored) = decode::<ReleaseRecord>(stored) else {
        return Ok(false);
    };
    Ok(record.closed.is_some() && encode(&opened)? == encode(&stored)?)
}

/// The readable entries of a release in order, and a fault for each unreadable entry or gap.
fn entries(
    sql: &Transaction<'_>,
    target: &Target,
    release: ReleaseId,
) -> std::result::Result<(Vec<Entry>, Vec<Fault>), Fault> {
    let mut statement = sql.prepare_cached(
        "SELECT sequence, entry FROM entries WHERE target = ?1 AND release = ?2 ORDER BY sequence",
    )?;
    let rows = statement
        .query_map([target.to_string(), release.to_string()], |row| {
            Ok((row.get(0)?, text(row, 1)?))
        })?
        .collect::<std::result::Result<Vec<(i64, String)>, _>>()?;
    let name = |sequence: &i64| format!("releases/{release}/{sequence}");
    let (mut entries, mut unread) = (Vec::new(), Vec::new());
    for (sequence, text) in &rows {
        match parsed::<Entry>(target, &name(sequence), text) {
            Ok(entry) if i64::from(entry.sequence) == *sequence => entries.push(entry),
            Ok(entry) => {
                let problem = format!("the value is entry {}", entry.sequence);
                unread.push(garbled(target, &name(sequence), &problem));
            }
            Err(fault) => unread.push(fault),
        }
    }
    if let Err(problem) = check_whole(&entries) {
        unread.push(garbled(target, &format!("releases/{release}"), &problem));
    }
    Ok((entries, unread))
}

/// Decodes a head. Lists skip an unreadable head, but [`JournalReader::unreadable`] reports it, because its release
/// may be open.
fn head(target: &Target, id: &str, text: &str) -> std::result::Result<ReleaseRecord, Fault> {
    let name = format!("releases/{id}");
    check_format(target, &name, text)?;
    let record: ReleaseRecord = parsed(target, &name, text)?;
    let is_of = match id.parse() {
        Ok(id) => record.check_is_of(target, id),
        Err(_) => Err("the key names no release".to_owned()),
    };
    is_of.map_err(|problem| garbled(target, &name, &problem))?;
    Ok(record)
}

/// Fails if a newer Greenroom wrote the record. Records without a format are accepted.
pub(super) fn check_format(
    target: &Target,
    name: &str,
    text: &str,
) -> std::result::Result<(), Fault> {
    match decode::<Written>(text) {
        Ok(written) if written.is_newer() => {
            let key = full_key(target, name);
            let message = format!(
                "{key} has format {}, which this Greenroom cannot read",
                written.format
            );
            Err(Fault::refused(FailureKind::Unsupported, message)
                .hint("a newer Greenroom wrote the record: use that version"))
        }
        _ => Ok(()),
    }
}

pub(super) fn parsed<T: DeserializeOwned>(
    target: &Target,
    name: &str,
    text: &str,
) -> std::result::Result<T, Fault> {
    decode(text).map_err(|problem| garbled(target, name, &problem))
}

pub(super) fn garbled(target: &Target, name: &str, problem: &str) -> Fault {
    Fault::garbled(format!("{}: {problem}", full_key(target, name)))
        .hint("a newer Greenroom or another program may have written this value")
}
