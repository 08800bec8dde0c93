//! `greenroom history prune`: removes the records that the configuration does not keep, or only lists them.

use super::arguments::PruneHistory;
use super::{Exit, json};
use crate::cli::arguments::Common;
use crate::history::{Cause, Pruning};
use crate::wire::App;

pub(super) async fn run(common: &Common, app: &App, verb: &PruneHistory) -> Exit {
    let archive = match app.open_archive().await {
        Ok(archive) => archive,
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            return Exit::Failed;
        }
    };
    let now = app.engine.clock().now();
    let pruned = if verb.dry_run {
        archive.read.prunable(&app.retention, now).await
    } else {
        archive.prune(&app.retention, now).await
    };
    let pruned = match pruned {
        Ok(pruned) => pruned,
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            return Exit::Failed;
        }
    };
    if common.json {
        json::answer(serde_json::json!({ "dry_run": verb.dry_run, "removed": pruned }));
    } else {
        print_pruning(&pruned, verb.dry_run);
    }
    if pruned.not_freed > 0 {
        warn_line!(
            "greenroom: the records that are never removed make the archive {} larger than history.max_size: set a larger history.max_size",
            mebibytes(pruned.not_freed)
        );
        return Exit::Failed;
    }
    Exit::Done
}

fn print_pruning(pruned: &Pruning, is_dry: bool) {
    for (id, cause) in &pruned.releases {
        let cause = match cause {
            Cause::Age => "older than history.keep_days",
            Cause::Count => "the target has more releases than history.keep_last",
            Cause::Size => "one of the oldest, and the archive is larger than history.max_size",
        };
        say_line!("{id}  {cause}");
    }
    for id in &pruned.logs {
        say_line!(
            "{id}  only the log of this release: the archive is larger than history.max_size"
        );
    }
    for id in &pruned.orphans {
        say_line!("{id}  a log whose release is not in the archive");
    }
    let verb = if is_dry {
        "would be removed"
    } else {
        "were removed"
    };
    say_line!(
        "{} releases and {} logs {verb}, about {}",
        pruned.releases.len(),
        pruned.logs.len() + pruned.orphans.len(),
        mebibytes(pruned.bytes)
    );
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
