//! A release by its id, or by how that begins.

use super::Exit;
use crate::history::{Kept, KeptAudit};
use crate::watchers::Archive;
use crate::wire::App;

/// How many are named when several are meant.
const NAMED: usize = 6;

/// What an id may name.
pub(in crate::cli) enum Found {
    Release(Box<Kept>),
    Beside(Box<KeptAudit>),
}

impl Found {
    fn is_over(&self) -> bool {
        match self {
            Self::Release(kept) => kept.recorded.head.closed.is_some(),
            Self::Beside(kept) => kept.record.is_settled(),
        }
    }
}

/// The release that is meant, or the end of the command.
pub(super) async fn release(
    app: &App,
    archive: &Archive,
    named: &str,
    offline: bool,
) -> Result<Kept, Exit> {
    match find(app, archive, named, offline).await? {
        Found::Release(kept) => Ok(*kept),
        Found::Beside(kept) => {
            let kind = kept.record.kind();
            warn_line!("greenroom: {named} is a {kind}, and no release");
            Err(Exit::Usage)
        }
    }
}

/// The release, the hold or the repair that is meant, or the end of the command. Where it is not kept, or
/// has no end there, the stores are read first, unless they are not to be.
pub(in crate::cli) async fn find(
    app: &App,
    archive: &Archive,
    named: &str,
    offline: bool,
) -> Result<Found, Exit> {
    let kept = look(archive, named).await?;
    if offline || kept.as_ref().is_some_and(Found::is_over) {
        return found(named, kept);
    }
    super::catch_up(app, archive, |_| true).await;
    let kept = look(archive, named).await?;
    if kept.is_none() && is_forgotten(archive, named).await {
        warn_line!(
            "greenroom: release {named} is forgotten: history.keep_days, keep_last and max_size say what is kept"
        );
        return Err(Exit::Usage);
    }
    found(named, kept)
}

/// Whether it was kept once. Only a whole id tells.
async fn is_forgotten(archive: &Archive, named: &str) -> bool {
    let Ok(id) = named.to_ascii_uppercase().parse() else {
        return false;
    };
    let forgotten = archive.read.forgotten(&[id]).await;
    forgotten.is_ok_and(|forgotten| !forgotten.is_empty())
}

/// What was found, or the end of the command.
fn found(named: &str, kept: Option<Found>) -> Result<Found, Exit> {
    kept.ok_or_else(|| {
        warn_line!("greenroom: no release is called {named}; greenroom history lists them");
        Exit::Usage
    })
}

async fn look(archive: &Archive, named: &str) -> Result<Option<Found>, Exit> {
    let failed = |failure: crate::ports::Failure| {
        warn_line!("greenroom: {failure}");
        Exit::Failed
    };
    let ids = archive.read.named(named, NAMED).await.map_err(failed)?;
    let beside = archive.read.audit_named(named, NAMED).await;
    let mut beside = beside.map_err(failed)?;
    match (ids.as_slice(), beside.len()) {
        ([], 0) => Ok(None),
        ([], 1) => Ok(beside.pop().map(|kept| Found::Beside(Box::new(kept)))),
        ([id], 0) => {
            let kept = archive.read.release(*id).await.map_err(failed)?;
            Ok(kept.map(|kept| Found::Release(Box::new(kept))))
        }
        (several, _) => {
            warn_line!("greenroom: {named} may mean several:");
            for id in several {
                warn_line!("  {id}");
            }
            for KeptAudit { record, .. } in beside {
                warn_line!("  {} ({})", record.id(), record.kind());
            }
            Err(Exit::Usage)
        }
    }
}
