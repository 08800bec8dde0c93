//! Predicts why a plan would be refused, from the data that a console already has. So an operator sees the reason
//! before planning. The planner gives the same texts, and only the planner decides.

use jiff::Timestamp;

use super::planner::is_without_live;
use super::{Known, Refusal, Rules};
use crate::history::{ReleaseRecord, WasLive};
use crate::inventory::drift::difference_of_route;
use crate::inventory::{Digest, LiveSlot, Snapshot};

/// The configuration and records that decide about the versions of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The rules of the environment.
    pub rules: Rules,
    /// Whether this console may write.
    pub may_write: bool,
    /// Whether a health endpoint is configured.
    pub has_health_check: bool,
    /// The releases of the target, newest first.
    pub past: Known<Vec<ReleaseRecord>>,
    /// The versions that these releases prove to have been live in the target.
    pub was_live: Box<WasLive>,
}

/// What an operator wants to do with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    Promote,
    GoBack,
}

/// The data of a console about a target, from which the refusals are predicted.
#[derive(Debug, Clone, Copy)]
pub struct ReleasePreview<'a> {
    /// The snapshot of the target.
    pub target: Option<&'a Snapshot>,
    /// The configuration and records of the target, once known.
    pub terms: Option<&'a Terms>,
    /// The snapshot of the same service in the environment of `rules.only_from`.
    pub first: Option<&'a Snapshot>,
    /// Whether the lock belongs to a standby. The next release ends that standby, so the lock is no reason against it.
    pub lock_is_standby: bool,
    pub now: Timestamp,
}

/// The refusals because of holds and freezes that are active by this machine's clock or by another clock.
fn held(snapshot: &Snapshot, now: Timestamp) -> impl Iterator<Item = Refusal> {
    let holds = snapshot.holds(now).into_iter();
    holds.map(move |hold| {
        let only_by = snapshot.only_by_clock(&hold, now);
        Refusal::held(hold, only_by)
    })
}

impl ReleasePreview<'_> {
    /// The reasons that do not depend on the version.
    pub fn against_all(&self, intent: Intent) -> Vec<Refusal> {
        let mut against = Vec::new();
        if let Some(terms) = self.terms {
            if !terms.may_write {
                against.push(Refusal::ReadOnly);
            }
            if !terms.has_health_check {
                against.push(Refusal::NoHealthCheck);
            }
        }
        let Some(snapshot) = self.target else {
            return against;
        };
        if let Some(lock) = snapshot.lock.as_ref().filter(|_| !self.lock_is_standby) {
            against.push(Refusal::locked(&snapshot.target, Box::new(lock.clone())));
        }
        let sources = &snapshot.sources;
        if sources.registry.is_live()
            && sources.router.is_live()
            && snapshot.edges.does_any_answer()
            && !is_without_live(snapshot.route.is_some(), &snapshot.edges, |slot| {
                sources.runtime.is_live() && snapshot.slots.get(slot).members.is_empty()
            })
            && let Some(difference) = difference_of_route(snapshot.route.as_ref(), &snapshot.edges)
        {
            against.push(Refusal::RouteDisagrees { difference });
        }
        if intent == Intent::Promote {
            against.extend(held(snapshot, self.now));
        }
        against
    }

    /// The reasons that depend on the version. `name` is the name of the version in the texts.
    pub fn against(&self, intent: Intent, name: &str, digest: &Digest) -> Vec<Refusal> {
        let mut against = Vec::new();
        // If the live slot is empty, the planner allows the same version, and releases it into the other slot.
        let live = self.target.and_then(Snapshot::live_instance);
        if let Some(live) = live.filter(|live| live.digest == *digest) {
            against.push(Refusal::AlreadyLive {
                slot: live.slot,
                version: name.to_owned(),
                unhealthy: None,
            });
        }
        let Some(terms) = self.terms else {
            return against;
        };
        if let (Some(environment), Some(first)) = (&terms.rules.only_from, self.first)
            && intent == Intent::Promote
            && first.sources.runtime.is_live()
            && first.live_slot() != LiveSlot::Unknown
            && first
                .live_instance()
                .is_none_or(|live| live.digest != *digest)
        {
            against.push(Refusal::NotLiveIn {
                environment: environment.clone(),
                version: name.to_owned(),
            });
        }
        let was_live = &terms.was_live;
        let mut versions = was_live.versions.iter();
        // If the list is not complete, the planner searches for the version.
        if terms.past.is_ok()
            && was_live.searched_only.is_none()
            && intent == Intent::GoBack
            && !versions.any(|version| version.digest == *digest)
        {
            against.push(Refusal::NeverLiveHere {
                version: name.to_owned(),
                remarks: was_live.remarks(digest),
            });
        }
        against
    }
}
