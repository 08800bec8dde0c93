//! Stores the logs of candidates as compressed JSON.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{OptionalExtension, params};

use super::error::{Error, garbled};
use super::store::Archive;
use crate::history::CandidateLog;
use crate::inventory::ReleaseId;
use crate::ports::Result;

/// The most bytes of a decompressed log that are read. The limit is needed because another program may have written the
/// file.
const LARGEST: u64 = 64 * 1024 * 1024;

impl Archive {
    pub(super) async fn set_log(&self, id: ReleaseId, log: &CandidateLog) -> Result<()> {
        let log = log.clone();
        self.write(format!("storing the log of release {id}"), move |sql| {
            let is_forgotten = "SELECT 1 FROM forgotten WHERE id = ?1";
            let id = id.to_string();
            if sql.prepare_cached(is_forgotten)?.exists([&id])? {
                return Ok(());
            }
            let lines = i64::try_from(log.count()).unwrap_or(i64::MAX);
            sql.execute(
                "INSERT INTO logs (id, lines, log) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
                 SET lines = excluded.lines, log = excluded.log WHERE excluded.lines >= lines",
                params![id, lines, pack(&log)?],
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn kept_log(&self, id: ReleaseId) -> Result<Option<CandidateLog>> {
        self.read(format!("reading the log of release {id}"), move |sql| {
            let packed: Option<Vec<u8>> = sql
                .query_row(
                    "SELECT log FROM logs WHERE id = ?1",
                    [id.to_string()],
                    |row| row.get(0),
                )
                .optional()?;
            packed.map(|packed| unpack(&packed)).transpose()
        })
        .await
    }
}

fn pack(log: &CandidateLog) -> std::result::Result<Vec<u8>, Error> {
    let text = serde_json::to_vec(log).map_err(|error| garbled(error.to_string()))?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = packed.write_all(&text).and_then(|()| packed.finish());
    written.map_err(|error| garbled(format!("the log cannot be compressed: {error}")))
}

fn unpack(packed: &[u8]) -> std::result::Result<CandidateLog, Error> {
    let mut text = Vec::new();
    let read = ZlibDecoder::new(packed)
        .take(LARGEST)
        .read_to_end(&mut text);
    read.map_err(|error| garbled(format!("the log cannot be decompressed: {error}")))?;
    serde_json::from_slice(&text)
        .map_err(|error| garbled(format!("the log cannot be read: {error}")))
}
