//! The current release of each target, from its journal and lock, and the checks of the live version. A release that
//! has ended is still returned, because the console shows it after its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use jiff::Timestamp;

use super::grouped;
use crate::history::{LivePeriod, Recorded, ReleaseRecord};
use crate::inventory::{KeyLine, RegistryRecord, ReleaseId, Route, Target};
use crate::ports::{Failure, FailureKind, Result};
use crate::release::{LiveChecks, Observed, Progress, Releases, Site, observed};

/// The record and the keys of each target of a store.
type Read = BTreeMap<Target, (RegistryRecord, Vec<KeyLine>)>;

/// How many heads are searched for the release that made the live version live.
const SEARCHED_HEADS: usize = 50;
/// How many journals are read at the same time.
const JOURNALS_AT_ONCE: usize = 16;

/// The current releases of targets whose records are in `read`. If a release may have been opened after the record of
/// its target was read, the record is read again. Problems of a journal are added to the problems of the record.
pub(super) async fn read_current(
    sites: &[Site],
    read: &mut Read,
    known: &Releases,
    now: Timestamp,
) -> Result<Releases> {
    let mut current = Releases::new();
    for (journal, targets) in grouped(sites.iter(), |site| &site.read.journal) {
        let mut heads = journal.current(&targets).await?;
        let mut looks = Vec::new();
        for target in targets {
            let site = sites.iter().find(|site| site.definition.target == target);
            let (Some(site), Some(head)) = (site, heads.remove(&target)) else {
                continue;
            };
            let Some((mut record, keys)) = read.remove(&target) else {
                continue;
            };
            let known = known.get(&target);
            let look = async move {
                let release = match head {
                    Ok(head) => current_release(site, &head, &mut record, known, now).await,
                    Err(failure) => Err(failure),
                };
                (target, record, keys, release)
            };
            // The future is boxed, because otherwise the compiler cannot name the lifetime of a borrowed stream of
            // futures.
            looks.push(look.boxed());
        }
        let mut looks = stream::iter(looks).buffer_unordered(JOURNALS_AT_ONCE);
        while let Some((target, mut record, keys, release)) = looks.next().await {
            match release {
                Ok(release) => current.extend(release.map(|release| (target.clone(), release))),
                Err(failure) if is_about_content(&failure) => {
                    record
                        .problems
                        .insert(format!("targets/{target}/releases"), failure.to_string());
                    let known = known.get(&target);
                    current.extend(known.map(|known| (target.clone(), Arc::clone(known))));
                }
                Err(failure) => return Err(failure),
            }
            read.insert(target, (record, keys));
        }
    }
    Ok(current)
}

async fn current_release(
    site: &Site,
    head: &ReleaseRecord,
    record: &mut RegistryRecord,
    known: Option<&Arc<Observed>>,
    now: Timestamp,
) -> Result<Option<Arc<Observed>>> {
    let target = &site.definition.target;
    let known_checks = known.and_then(|known| known.live_checks.clone());
    let known = known.filter(|known| known.status.plan.release == head.id);
    let generation = record.route.as_ref().map(|route| route.value.generation);
    let is_of_route = |checks: &Arc<LiveChecks>| Some(checks.generation) == generation;
    if let Some(known) = known
        && matches!(known.status.progress, Progress::Closed(_))
        && (generation.is_none() || known_checks.as_ref().is_some_and(is_of_route))
    {
        return Ok(Some(Arc::clone(known)));
    }
    let Some(recorded) = site.read.journal.release(target, head.id).await? else {
        return Ok(None);
    };
    let is_open = recorded.head.closed.is_none();
    if is_open && !is_locked_for(record, head.id) {
        // The release may have been opened after the lock was read.
        *record = site.read.registry.read(target).await?;
        if record.lock.is_some() && !is_locked_for(record, head.id) {
            // The lock is held for another release or for other work. A driver writes the record of its own release in
            // a moment. Until the lock and the record agree, no release is shown.
            return Ok(None);
        }
    }
    let route = record.route.as_ref().map(|route| &route.value);
    let mut now = observed(
        &recorded,
        &site.definition,
        record.lock.as_ref(),
        route,
        now,
    );
    if let Some(route) = route {
        let known = known_checks.filter(|known| known.generation == route.generation);
        now.live_checks = match known {
            Some(known) => Some(known),
            None => live_checks(site, &recorded, route).await?.map(Arc::new),
        };
    }
    // An unchanged value keeps its `Arc`, so that nothing is drawn again.
    Ok(Some(match known {
        Some(known) if **known == now => Arc::clone(known),
        _ => Arc::new(now),
    }))
}

/// The checks of the version in the route, from the newest release that made this version live. None if no such release
/// is found, or if its record cannot be read.
async fn live_checks(site: &Site, newest: &Recorded, route: &Route) -> Result<Option<LiveChecks>> {
    let made_live = |head: &ReleaseRecord, live: Option<LivePeriod>| {
        let (slot, version) = &head.to;
        let stayed = live.is_some_and(|live| live.until.is_none());
        stayed && *slot == route.live && version.digest == route.digest
    };
    // If the switch is recorded only in the route so far, the route names the release.
    let live = LivePeriod::of(&newest.entries).or_else(|| {
        (newest.head.id == route.release).then_some(LivePeriod {
            since: newest.head.opened_at,
            until: None,
        })
    });
    if made_live(&newest.head, live) {
        return Ok(Some(LiveChecks::of(newest, route)));
    }
    let (journal, target) = (&site.read.journal, &site.definition.target);
    // Releases with greater ids are searched too: a host whose clock was ahead may have made such an id.
    let past = journal.releases(target, SEARCHED_HEADS).await?;
    let mut past = past.iter().filter(|head| head.id != newest.head.id);
    let Some(head) = past.find(|head| made_live(head, head.live)) else {
        return Ok(None);
    };
    match journal.release(target, head.id).await {
        Ok(recorded) => Ok(recorded.map(|recorded| LiveChecks::of(&recorded, route))),
        Err(failure) if is_about_content(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn is_locked_for(record: &RegistryRecord, release: ReleaseId) -> bool {
    let holder = record.lock.as_ref();
    holder.is_some_and(|holder| holder.record.release == release)
}

/// Whether the store answered, and only its content cannot be read.
fn is_about_content(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Garbled | FailureKind::Unsupported
    )
}
