//! Implements [`ArchiveReader`] for the archive.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Rows, Transaction, params_from_iter};

use super::error::{Error, garbled};
use super::query::Query;
use super::store::Archive;
use super::write::decode;
use crate::history::{
    Difference, Entry, Filter, Kept, KeptAudit, KeptLog, Listed, LivePeriod, Pruning, Recorded,
    ReleaseRecord, Retention,
};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{ArchiveReader, Result, Within};

/// The SQL for [`ReleaseId::is_meant_by`], where `?1` is the typed text. `~` sorts after every letter of an id.
pub(super) const MATCHES_TYPED_ID: &str =
    "(id >= ?1 AND id < ?1 || '~' OR length(?1) >= 8 AND substr(id, -length(?1)) = ?1)";

#[async_trait]
impl ArchiveReader for Archive {
    async fn list(
        &self,
        filter: &Filter,
        before: Option<ReleaseId>,
        limit: usize,
    ) -> Result<Vec<Listed>> {
        let query = Query::list(filter, before, limit);
        self.read("listing releases", move |sql| {
            let mut statement = sql.prepare_cached(&query.sql)?;
            let mut rows = statement.query(params_from_iter(query.values))?;
            let mut listed = Vec::new();
            while let Some(row) = rows.next()? {
                let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
                let mut head: ReleaseRecord = decode("the archived record of a release", text)?;
                // The record of an open release does not contain the live period, so the period is computed from the
                // entries.
                if head.closed.is_none() {
                    head.live = LivePeriod::of(&entries(sql, row.get(0)?)?);
                }
                listed.push(Listed {
                    head,
                    differences: row.get(2)?,
                });
            }
            Ok(listed)
        })
        .await
    }

    async fn release(&self, id: ReleaseId) -> Result<Option<Kept>> {
        self.read(format!("reading release {id}"), move |sql| {
            let Some((number, text)) = head_of(sql, id)? else {
                return Ok(None);
            };
            let recorded = Recorded {
                head: decode(&format!("the archived record of release {id}"), &text)?,
                entries: entries(sql, number)?,
            };
            Ok(Some(Kept {
                recorded,
                differences: differences(sql, number)?,
                logs: Vec::new(),
            }))
        })
        .await
    }

    async fn named(&self, typed: &str, limit: usize) -> Result<Vec<ReleaseId>> {
        let typed = typed.to_ascii_uppercase();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("finding a release by its id", move |sql| {
            let mut statement = sql.prepare_cached(&format!(
                "SELECT id FROM releases WHERE {MATCHES_TYPED_ID} ORDER BY id DESC LIMIT ?2"
            ))?;
            let rows = statement.query_map((typed, limit), |row| row.get(0))?;
            ids(&rows.collect::<std::result::Result<Vec<String>, _>>()?)
        })
        .await
    }

    async fn heads(&self, ids: &[ReleaseId]) -> Result<BTreeMap<ReleaseId, ReleaseRecord>> {
        let ids = ids.to_vec();
        self.read("reading releases", move |sql| {
            let mut found = BTreeMap::new();
            for id in ids {
                if let Some((_, text)) = head_of(sql, id)? {
                    found.insert(
                        id,
                        decode(&format!("the archived record of release {id}"), &text)?,
                    );
                }
            }
            Ok(found)
        })
        .await
    }

    async fn unfinished(&self, target: &Target) -> Result<Vec<ReleaseId>> {
        let target = target.clone();
        self.read("finding unfinished releases", move |sql| {
            let mut statement = sql.prepare_cached(
                "SELECT id FROM releases WHERE standing = 'open' AND service = ?1
                 AND environment = ?2 ORDER BY number",
            )?;
            let of = (target.service.as_str(), target.environment.as_str());
            let rows = statement.query_map(of, |row| row.get(0))?;
            ids(&rows.collect::<std::result::Result<Vec<String>, _>>()?)
        })
        .await
    }

    async fn seen_up_to(&self, target: &Target) -> Result<Option<ReleaseId>> {
        let target = target.to_string();
        self.read(
            "reading up to which release the archive is complete",
            move |sql| {
                let found: Option<String> = sql
                    .query_row("SELECT id FROM seen WHERE target = ?1", [target], |row| {
                        row.get(0)
                    })
                    .optional()?;
                found.map(|text| id(&text)).transpose()
            },
        )
        .await
    }

    async fn logs(&self, id: ReleaseId) -> Result<Vec<KeptLog>> {
        self.kept_logs(id).await
    }

    async fn audit(&self, filter: &Filter, within: Within, limit: usize) -> Result<Vec<KeptAudit>> {
        self.kept_audit(filter, within, limit).await
    }

    async fn audit_named(&self, typed: &str, limit: usize) -> Result<Vec<KeptAudit>> {
        self.find_audit(typed, limit).await
    }

    async fn forgotten(&self, ids: &[ReleaseId]) -> Result<BTreeSet<ReleaseId>> {
        let ids = ids.to_vec();
        self.read("finding removed releases", move |sql| {
            let mut statement = sql.prepare_cached("SELECT 1 FROM forgotten WHERE id = ?1")?;
            let mut found = BTreeSet::new();
            for id in ids {
                if statement.exists([id.to_string()])? {
                    found.insert(id);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn prunable(&self, retention: &Retention, now: Timestamp) -> Result<Pruning> {
        self.weighed(*retention, now).await
    }
}

fn head_of(
    sql: &Transaction<'_>,
    id: ReleaseId,
) -> std::result::Result<Option<(i64, String)>, Error> {
    let mut statement = sql.prepare_cached(
        "SELECT r.number, h.head FROM releases r JOIN heads h ON h.number = r.number WHERE r.id = ?1",
    )?;
    let found = statement.query_row([id.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

fn entries(sql: &Transaction<'_>, number: i64) -> std::result::Result<Vec<Entry>, Error> {
    let mut statement =
        sql.prepare_cached("SELECT entry FROM entries WHERE number = ?1 ORDER BY sequence")?;
    let rows = statement
        .query_map([number], |row| row.get(0))?
        .collect::<std::result::Result<Vec<String>, _>>()?;
    rows.iter()
        .map(|text| decode("an archived entry of a release", text))
        .collect()
}

fn differences(sql: &Transaction<'_>, number: i64) -> std::result::Result<Vec<Difference>, Error> {
    let mut statement = sql.prepare_cached(
        "SELECT noticed_at, what, kept, found FROM differences WHERE number = ?1 ORDER BY rowid",
    )?;
    read_differences(statement.query([number])?)
}

/// Reads differences from rows with the columns `noticed_at`, `what`, `kept` and `found`.
pub(super) fn read_differences(mut rows: Rows<'_>) -> std::result::Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let noticed_at: String = row.get(0)?;
        found.push(Difference {
            noticed_at: noticed_at
                .parse()
                .map_err(|_| garbled(format!("{noticed_at:?} is not a valid time")))?,
            what: row.get(1)?,
            kept: row.get(2)?,
            found: row.get(3)?,
        });
    }
    Ok(found)
}

fn ids(texts: &[String]) -> std::result::Result<Vec<ReleaseId>, Error> {
    texts.iter().map(|text| id(text)).collect()
}

pub(super) fn id(text: &str) -> std::result::Result<ReleaseId, Error> {
    text.parse()
        .map_err(|_| garbled(format!("{text:?} is not a valid release id")))
}

impl Archive {
    /// The database's query plan for a list with `filter`, for tests and diagnosis.
    pub async fn explain(&self, filter: &Filter) -> Result<String> {
        let query = Query::list(filter, None, 200);
        self.read("explaining a query", move |sql| {
            let text = format!("EXPLAIN QUERY PLAN {}", query.sql);
            let mut statement = sql.prepare(&text)?;
            let rows = statement.query_map(params_from_iter(query.values), |row| row.get(3))?;
            let lines = rows.collect::<std::result::Result<Vec<String>, _>>()?;
            Ok(lines.join("\n"))
        })
        .await
    }
}
