//! The newest release of each target, as its journal and its lock tell it. Of what is over only the
//! end is read of a release that was watched before: the rest is history.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::grouped;
use crate::history::ReleaseRecord;
use crate::inventory::{KeyLine, RegistryRecord, ReleaseId, Target};
use crate::ports::{Failure, FailureKind, Result};
use crate::release::{Observed, Progress, Releases, Site, observed};

/// What was read of targets in a store.
type Read = BTreeMap<Target, (RegistryRecord, Vec<KeyLine>)>;

/// What is told of these targets' releases. Their records were read before; one that says less than
/// its journal is read again, and what is wrong with a journal is added to its problems.
pub(super) async fn look(
    sites: &[Site],
    read: &mut Read,
    known: &Releases,
    now: Timestamp,
) -> Result<Releases> {
    let mut told = Releases::new();
    for (journal, targets) in grouped(sites, |site| &site.read.journal) {
        let mut heads = journal.newest(&targets).await?;
        for target in targets {
            let site = sites.iter().find(|site| site.definition.target == target);
            let (Some(site), Some(head), Some((record, _))) =
                (site, heads.remove(&target), read.get_mut(&target))
            else {
                continue;
            };
            let known = known.get(&target);
            let release = match head {
                Ok(head) => one(site, &head, record, known, now).await,
                Err(failure) => Err(failure),
            };
            match release {
                Ok(release) => told.extend(release.map(|release| (target, release))),
                Err(failure) if is_about_content(&failure) => {
                    record
                        .problems
                        .insert(format!("/{target}/releases"), failure.to_string());
                    told.extend(known.map(|known| (target, Arc::clone(known))));
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(told)
}

async fn one(
    site: &Site,
    head: &ReleaseRecord,
    record: &mut RegistryRecord,
    known: Option<&Arc<Observed>>,
    now: Timestamp,
) -> Result<Option<Arc<Observed>>> {
    let target = &site.definition.target;
    let known = known.filter(|known| known.status.plan.release == head.id);
    if head.closed.is_some() {
        let Some(known) = known else { return Ok(None) };
        if matches!(known.status.progress, Progress::Closed(_)) {
            return Ok(Some(Arc::clone(known)));
        }
    }
    let Some(recorded) = site.read.journal.release(target, head.id).await? else {
        return Ok(None);
    };
    let is_open = recorded.head.closed.is_none();
    if is_open && !is_for(record, head.id) {
        // It may have been opened after the lock was looked for.
        *record = site.read.registry.read(target).await?;
        if record.lock.is_some() && !is_for(record, head.id) {
            // The next one begins; what it takes over from is told by its own head in a moment.
            return Ok(None);
        }
    }
    let route = record.route.as_ref().map(|route| &route.value);
    let now = observed(
        &recorded,
        &site.definition,
        record.lock.as_ref(),
        route,
        now,
    );
    // What did not change keeps its identity, so that nothing is drawn for it.
    Ok(Some(match known {
        Some(known) if **known == now => Arc::clone(known),
        _ => Arc::new(now),
    }))
}

fn is_for(record: &RegistryRecord, release: ReleaseId) -> bool {
    let holder = record.lock.as_ref();
    holder.is_some_and(|holder| holder.record.release == release)
}

/// Whether the store was heard and only what it holds is the trouble.
fn is_about_content(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Garbled | FailureKind::Unsupported
    )
}
