//! The releases of a target that have no end and no driver: interrupted releases, and releases whose old version is
//! still running after a standby.

use std::collections::BTreeSet;

use super::Engine;
use crate::history::{
    ObservedSwitches, ReleaseRecord, SEARCHED_FOR_OPEN, current, ignored_claims, overtaken_by,
};
use crate::inventory::{ReleaseId, Snapshot, Target};
use crate::ports::{Failure, Result};
use crate::release::standby_entry;

/// The newest releases of a target, as the journal contains them.
#[derive(Debug, Default)]
pub struct NewestReleases {
    releases: Vec<Newest>,
    /// The releases that cannot be read, each with the reason.
    pub unreadable: Vec<(ReleaseId, Failure)>,
}

#[derive(Debug)]
struct Newest {
    head: ReleaseRecord,
    /// Whether only the stop of the old version remains.
    is_in_standby: bool,
}

/// The releases of a target that have no end and no driver, and the records that were ignored.
#[derive(Debug, Default)]
pub struct Undriven {
    /// The releases that were interrupted before their end.
    pub interrupted: Vec<ReleaseRecord>,
    /// The releases whose version is live and that left the old version running.
    pub standby: Vec<ReleaseRecord>,
    /// One line for each record that claims to have overtaken one of these releases, but contradicts the switches of
    /// the target. Such records are ignored.
    pub ignored: BTreeSet<String>,
}

impl Engine {
    /// Reads the newest releases of a target. A target that is not configured has none.
    pub async fn newest_releases(&self, target: &Target) -> Result<NewestReleases> {
        let Some(site) = self.sites.get(target) else {
            return Ok(NewestReleases::default());
        };
        let journal = &site.read.journal;
        let unreadable = journal.unreadable(target, SEARCHED_FOR_OPEN).await?;
        let mut releases = Vec::new();
        for head in journal.releases(target, SEARCHED_FOR_OPEN).await? {
            let recorded = match head.closed {
                None => journal.release(target, head.id).await?,
                Some(_) => None,
            };
            let entry = recorded.and_then(|recorded| standby_entry(&recorded, &site.definition));
            releases.push(Newest {
                head,
                is_in_standby: entry.is_some(),
            });
        }
        Ok(NewestReleases {
            releases,
            unreadable,
        })
    }
}

impl NewestReleases {
    pub fn current(&self) -> Option<&ReleaseRecord> {
        current(self.releases.iter().map(|newest| &newest.head))
    }

    /// Selects the releases that have no end, have no driver now, and were not overtaken by a later release. The lock
    /// and the route of the snapshot must have been read from the store, because only the store knows the driver.
    #[must_use]
    pub fn undriven(mut self, snapshot: &Snapshot) -> Undriven {
        let driven = snapshot.lock.as_ref().map(|holder| holder.record.release);
        // If a later release has switched, the earlier open release needs no action: the next release closes it.
        let routed = snapshot.route.as_ref().map(|route| route.value.release);
        let heads = self.releases.iter().map(|newest| &newest.head);
        let is_settled = |head: &&ReleaseRecord| head.closed.is_some() || Some(head.id) == routed;
        let settled: Vec<ReleaseRecord> = heads.clone().filter(is_settled).cloned().collect();
        let is_known = heads.map(|head| head.id).any(|id| Some(id) == routed);
        let switches = switches_seen(snapshot);
        self.releases.retain(|newest| {
            let head = &newest.head;
            let by_route = !is_known && routed.is_some_and(|routed| routed > head.id);
            let is_overtaken = by_route || overtaken_by(head, &settled, switches).is_some();
            head.closed.is_none() && Some(head.id) != driven && !is_overtaken
        });
        let mut undriven = Undriven::default();
        for Newest {
            head,
            is_in_standby,
        } in self.releases
        {
            undriven
                .ignored
                .extend(ignored_claims(&head, &settled, switches));
            if is_in_standby {
                undriven.standby.push(head);
            } else {
                undriven.interrupted.push(head);
            }
        }
        undriven
    }
}

/// The switches that the route and the edges show. The highest generation is unknown if an edge does not answer now, or
/// if it has shown neither a pointer nor a generation.
fn switches_seen(snapshot: &Snapshot) -> ObservedSwitches {
    let route = snapshot.route.as_ref().map(|route| &route.value);
    let known = snapshot.edges.known_generation();
    let is_live = snapshot.sources.router.is_live();
    ObservedSwitches::new(route, known.filter(|_| is_live))
}
