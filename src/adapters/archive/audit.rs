//! Stores holds and repairs. These records belong to no release. They are few and small, so the archive never removes
//! them.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::Error;
use super::read::{MATCHES_TYPED_ID, read_differences};
use super::store::Archive;
use super::write::{decode, encode};
use crate::history::{AuditRecord, Change, Filter, KeptAudit, audit_change};
use crate::ports::{Result, Within};

impl Archive {
    pub(super) async fn kept_audit(
        &self,
        filter: &Filter,
        within: Within,
        limit: usize,
    ) -> Result<Vec<KeptAudit>> {
        let filter = filter.clone();
        self.read("listing holds and repairs", move |sql| {
            // The empty text sorts before every id, and `~` sorts after every id.
            let after = within.after.map_or(String::new(), |id| id.to_string());
            let before = within.before.map_or("~".to_owned(), |id| id.to_string());
            let mut statement = sql.prepare_cached(
                "SELECT record FROM audit WHERE id > ?1 AND id < ?2
                 AND (?3 IS NULL OR service = ?3) AND (?4 IS NULL OR environment = ?4)
                 ORDER BY id DESC",
            )?;
            let mut rows =
                statement.query(params![after, before, filter.service, filter.environment])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()?
                && found.len() < limit
            {
                let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                let record: AuditRecord = decode("the archived hold or repair", text)?;
                if record.matches_filter(&filter) {
                    found.push(record);
                }
            }
            with_differences(sql, found)
        })
        .await
    }

    pub(super) async fn find_audit(&self, typed: &str, limit: usize) -> Result<Vec<KeptAudit>> {
        let typed = typed.to_ascii_uppercase();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("finding a hold or a repair by its id", move |sql| {
            let mut statement = sql.prepare_cached(&format!(
                "SELECT record FROM audit WHERE {MATCHES_TYPED_ID} ORDER BY id DESC LIMIT ?2"
            ))?;
            let rows = statement.query_map(params![typed, limit], |row| row.get(0))?;
            let texts = rows.collect::<std::result::Result<Vec<String>, _>>()?;
            let records = texts
                .iter()
                .map(|text| decode("the archived hold or repair", text))
                .collect::<std::result::Result<_, Error>>()?;
            with_differences(sql, records)
        })
        .await
    }

    /// Stores the records. Returns how many of them were new or had new content.
    pub(super) async fn set_audit(&self, records: Vec<AuditRecord>) -> Result<usize> {
        if records.is_empty() {
            return Ok(0);
        }
        self.write("storing holds and repairs", move |sql| {
            let mut stored = 0;
            for record in &records {
                let kept: Option<String> = sql
                    .prepare_cached("SELECT record FROM audit WHERE id = ?1")?
                    .query_row([record.id().to_string()], |row| row.get(0))
                    .optional()?;
                // A stored record that cannot be decoded is replaced.
                let kept = kept.and_then(|text| {
                    decode::<AuditRecord>("the archived hold or repair", &text).ok()
                });
                match kept.as_ref().map(|kept| (kept, audit_change(kept, record))) {
                    Some((_, Change::Same)) => {}
                    Some((kept, Change::Other)) => note_difference(sql, kept, record)?,
                    Some((_, Change::More)) | None => {
                        insert_or_replace(sql, record)?;
                        stored += 1;
                    }
                }
            }
            Ok(stored)
        })
        .await
    }
}

fn with_differences(
    sql: &Transaction<'_>,
    records: Vec<AuditRecord>,
) -> std::result::Result<Vec<KeptAudit>, Error> {
    let mut statement = sql.prepare_cached(
        "SELECT noticed_at, what, kept, found FROM audit_differences WHERE id = ?1 ORDER BY rowid",
    )?;
    let mut audits = Vec::with_capacity(records.len());
    for record in records {
        let differences = read_differences(statement.query([record.id().to_string()])?)?;
        audits.push(KeptAudit {
            record,
            differences,
        });
    }
    Ok(audits)
}

fn insert_or_replace(
    sql: &Transaction<'_>,
    record: &AuditRecord,
) -> std::result::Result<(), Error> {
    let target = record.target();
    sql.prepare_cached(
        "INSERT INTO audit (id, service, environment, record) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET record = excluded.record",
    )?
    .execute(params![
        record.id().to_string(),
        target.service.as_str(),
        target.environment.as_str(),
        encode(record)?
    ])?;
    Ok(())
}

/// Notes that a later copy of the record differs. The stored record does not change. The same difference is noted
/// only once.
fn note_difference(
    sql: &Transaction<'_>,
    kept: &AuditRecord,
    read: &AuditRecord,
) -> std::result::Result<(), Error> {
    sql.prepare_cached(
        "INSERT INTO audit_differences (id, what, found, kept, noticed_at)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        kept.id().to_string(),
        format!("the {}", kept.kind()),
        encode(read)?,
        encode(kept)?,
        Timestamp::now().to_string()
    ])?;
    Ok(())
}
