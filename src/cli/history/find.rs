//! Finds a release, hold or repair by its id, or by a part of its id.

use super::{Exit, names};
use crate::history::{Filter, Kept, KeptAudit};
use crate::settings::nearest;
use crate::watchers::Archive;
use crate::wire::App;

/// How many releases, and how many holds and repairs, are listed at most if an id matches several records.
const MAX_MATCHES: usize = 6;
/// How many of the newest releases are searched for a similar id.
const RECENT: usize = 200;
/// The shortest typed id for which a similar id is suggested. All ids of about the same time have nearly the same first
/// characters, so a shorter text would match many ids.
const SHORTEST: usize = 8;

/// The record that an id names.
pub(in crate::cli) enum Found {
    Release(Box<Kept>),
    Audit(Box<KeptAudit>),
}

impl Found {
    fn is_over(&self) -> bool {
        match self {
            Self::Release(kept) => kept.recorded.head.closed.is_some(),
            Self::Audit(kept) => kept.record.is_settled(),
        }
    }
}

/// Finds the release with this id. Otherwise prints why there is none, and returns the exit code.
pub(super) async fn release(
    app: &App,
    archive: &Archive,
    named: &str,
    offline: bool,
) -> Result<Kept, Exit> {
    match find(app, archive, named, offline).await? {
        Found::Release(kept) => Ok(*kept),
        Found::Audit(kept) => {
            let kind = kept.record.kind();
            warn_line!(
                "greenroom: {named} is a {kind}, and only releases can be compared. To see it: greenroom show {named}"
            );
            Err(Exit::Usage)
        }
    }
}

/// Finds the release, hold or repair with this id. Otherwise prints why there is none, and returns the exit code. If
/// the archive does not have the record, or if the record has no end yet, the stores are read too, unless the command
/// is offline.
pub(in crate::cli) async fn find(
    app: &App,
    archive: &Archive,
    named: &str,
    offline: bool,
) -> Result<Found, Exit> {
    let kept = look_up(archive, named).await?;
    if offline || kept.as_ref().is_some_and(Found::is_over) {
        return found_or_refused(archive, named, kept).await;
    }
    super::catch_up(app, archive, |_| true).await;
    let kept = look_up(archive, named).await?;
    if kept.is_none() && was_pruned(archive, named).await {
        warn_line!(
            "greenroom: release {named} was pruned from the archive: history.keep_days, keep_last and max_size decide what is kept"
        );
        return Err(Exit::Usage);
    }
    found_or_refused(archive, named, kept).await
}

/// Whether the release was pruned from the archive. False for a part of an id: only a whole id can be looked up.
async fn was_pruned(archive: &Archive, named: &str) -> bool {
    let Ok(id) = named.to_ascii_uppercase().parse() else {
        return false;
    };
    let forgotten = archive.read.forgotten(&[id]).await;
    forgotten.is_ok_and(|forgotten| !forgotten.is_empty())
}

/// Returns the record that was found. Otherwise prints a suggestion and returns the exit code.
async fn found_or_refused(
    archive: &Archive,
    named: &str,
    kept: Option<Found>,
) -> Result<Found, Exit> {
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let hint = match similar_id(archive, named).await {
        Some(id) => format!("did you mean {id}?"),
        None => "greenroom history lists the releases".to_owned(),
    };
    Err(names::refuse(
        &format!("no release, hold or repair has the id {named}"),
        &hint,
    ))
}

/// Suggests the id of a recent release: the id whose start is closest to the typed text. None if no start is close
/// enough, or if several ids have the closest start.
async fn similar_id(archive: &Archive, named: &str) -> Option<String> {
    let typed = named.to_ascii_uppercase();
    let length = typed.chars().count();
    if length < SHORTEST {
        return None;
    }
    let recent = archive.read.list(&Filter::default(), None, RECENT).await;
    let ids = recent.ok()?.into_iter();
    let ids: Vec<String> = ids.map(|listed| listed.head.id.to_string()).collect();
    let start_of = |id: &str| id.chars().take(length).collect::<String>();
    let starts: Vec<String> = ids.iter().map(|id| start_of(id)).collect();
    let near = nearest(&typed, starts.iter().map(String::as_str))?;
    let mut found = ids.iter().filter(|id| start_of(id) == near);
    match (found.next(), found.next()) {
        (Some(id), None) => Some(id.clone()),
        _ => None,
    }
}

async fn look_up(archive: &Archive, named: &str) -> Result<Option<Found>, Exit> {
    let failed = |failure: crate::ports::Failure| {
        warn_line!("greenroom: {failure}");
        Exit::Failed
    };
    let ids = archive
        .read
        .named(named, MAX_MATCHES)
        .await
        .map_err(failed)?;
    let audit = archive.read.audit_named(named, MAX_MATCHES).await;
    let mut audit = audit.map_err(failed)?;
    match (ids.as_slice(), audit.len()) {
        ([], 0) => Ok(None),
        ([], 1) => Ok(audit.pop().map(|kept| Found::Audit(Box::new(kept)))),
        ([id], 0) => {
            let kept = archive.read.release(*id).await.map_err(failed)?;
            Ok(kept.map(|kept| Found::Release(Box::new(kept))))
        }
        (several, _) => {
            warn_line!("greenroom: {named} matches several records; write one of these ids:");
            for id in several {
                warn_line!("  {id}");
            }
            for KeptAudit { record, .. } in audit {
                warn_line!("  {} ({})", record.id(), record.kind());
            }
            Err(Exit::Usage)
        }
    }
}
