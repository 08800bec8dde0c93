//! `greenroom show`: one release, or one hold or repair, all of it.

use super::arguments::{Common, Show};
use super::history::Found;
use super::out::say_json;
use super::{Exit, history, open};
use crate::history::{CandidateLog, KeptAudit, Provable, prove};
use crate::release::account::{account, beside};

pub(super) async fn run(common: &Common, verb: &Show) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let Some(archive) = history::archive(&app).await else {
        return Exit::Failed;
    };
    let mut kept = match history::find(&app, &archive, &verb.release, verb.offline).await {
        Ok(Found::Release(kept)) => kept,
        Ok(Found::Beside(kept)) => {
            show_beside(common, &kept);
            return Exit::Done;
        }
        Err(exit) => return exit,
    };
    let log = match archive.read.log(kept.recorded.head.id).await {
        Ok(log) => log,
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            return Exit::Failed;
        }
    };
    let count = log.as_ref().map(CandidateLog::count);
    kept.log = log.filter(|_| verb.logs);
    if common.json {
        say_json(&serde_json::json!({
            "release": kept.recorded.head,
            "entries": kept.recorded.entries,
            "differences": kept.differences,
            "chain": prove(&kept.recorded).to_string(),
            "log_lines": count,
            "log": kept.log,
        }));
        return Exit::Done;
    }
    for line in account(&kept) {
        say_line!("{}", line.text);
    }
    match count {
        None if verb.logs => warn_line!("greenroom: no log of its candidate is kept here"),
        Some(count) if !verb.logs => {
            say_line!("\nIts candidate wrote {count} lines: --logs shows them");
        }
        _ => {}
    }
    Exit::Done
}

fn show_beside(common: &Common, kept: &KeptAudit) {
    if common.json {
        say_json(&serde_json::json!({
            "record": kept.record,
            "differences": kept.differences,
            "chain": kept.record.prove().to_string(),
        }));
        return;
    }
    for line in beside(kept) {
        say_line!("{}", line.text);
    }
}
