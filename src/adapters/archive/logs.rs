//! Stores the logs of releases as compressed JSON.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::params;

use super::error::{Error, garbled};
use super::store::Archive;
use crate::history::{KeptLog, OutputLog};
use crate::inventory::ReleaseId;
use crate::ports::Result;

/// The most bytes of a decompressed log that are read. The limit is needed because another program may have written the
/// file.
const LARGEST: u64 = 64 * 1024 * 1024;

impl Archive {
    pub(super) async fn set_log(&self, id: ReleaseId, log: &KeptLog) -> Result<()> {
        let KeptLog { owner, log } = log.clone();
        let doing = format!("storing the log of {} of release {id}", owner.words());
        self.write(doing, move |sql| {
            let is_forgotten = "SELECT 1 FROM forgotten WHERE id = ?1";
            let id = id.to_string();
            if sql.prepare_cached(is_forgotten)?.exists([&id])? {
                return Ok(());
            }
            let lines = i64::try_from(log.count()).unwrap_or(i64::MAX);
            sql.execute(
                "INSERT INTO logs (id, owner, lines, log) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET lines = excluded.lines, log = excluded.log
                 WHERE excluded.lines >= lines",
                params![id, owner.to_string(), lines, pack(&log)?],
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn kept_logs(&self, id: ReleaseId) -> Result<Vec<KeptLog>> {
        self.read(format!("reading the logs of release {id}"), move |sql| {
            let mut statement = sql.prepare("SELECT owner, log FROM logs WHERE id = ?1")?;
            let mut rows = statement.query([id.to_string()])?;
            let mut logs = Vec::new();
            while let Some(row) = rows.next()? {
                let owner = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                let packed = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                logs.push(KeptLog {
                    owner: owner.parse().map_err(garbled)?,
                    log: unpack(packed)?,
                });
            }
            logs.sort_by_key(|log| (log.began_at(), log.owner.clone()));
            Ok(logs)
        })
        .await
    }
}

fn pack(log: &OutputLog) -> std::result::Result<Vec<u8>, Error> {
    let text = serde_json::to_vec(log).map_err(|error| garbled(error.to_string()))?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = packed.write_all(&text).and_then(|()| packed.finish());
    written.map_err(|error| garbled(format!("the log cannot be compressed: {error}")))
}

fn unpack(packed: &[u8]) -> std::result::Result<OutputLog, Error> {
    let mut text = Vec::new();
    let read = ZlibDecoder::new(packed)
        .take(LARGEST)
        .read_to_end(&mut text);
    read.map_err(|error| garbled(format!("the log cannot be decompressed: {error}")))?;
    serde_json::from_slice(&text)
        .map_err(|error| garbled(format!("the log cannot be read: {error}")))
}
