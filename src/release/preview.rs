//! What a plan would be refused for, as far as that is seen without making one. The planner
//! decides; this spares an operator the way there, in the planner's own words.

use jiff::Timestamp;

use super::{Known, Refusal, Rules};
use crate::history::{ReleaseRecord, WasLive};
use crate::inventory::drift::difference_of_route;
use crate::inventory::{Digest, LiveSlot, Snapshot};

/// What is configured and recorded that decides about the versions of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What the environment allows.
    pub rules: Rules,
    /// Whether anything may be changed from here.
    pub may_write: bool,
    /// Whether a health endpoint is configured.
    pub has_health_check: bool,
    /// What was released there, newest first.
    pub past: Known<Vec<ReleaseRecord>>,
    /// Which versions those releases prove to have been live there.
    pub was_live: Box<WasLive>,
}

/// What somebody would like to do with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Make it live.
    Promote,
    /// Go back to it: it has to have been live.
    GoBack,
}

/// What is seen of a target from here.
#[derive(Debug, Clone, Copy)]
pub struct ReleasePreview<'a> {
    /// The target itself.
    pub here: Option<&'a Snapshot>,
    /// What is configured and recorded, once it is known.
    pub terms: Option<&'a Terms>,
    /// The same service in the environment that the rules ask for first.
    pub there: Option<&'a Snapshot>,
    /// Whether the lock, if there is one, is that of a standby that the next release ends.
    pub lock_is_standby: bool,
    /// The moment.
    pub now: Timestamp,
}

/// What stops a promote, by this machine's clock or by another one.
fn held(here: &Snapshot, now: Timestamp) -> impl Iterator<Item = Refusal> {
    let holds = here.holds(now).into_iter();
    holds.map(move |hold| {
        let is_own = here.only_by_clock(&hold, now).is_none();
        Refusal::held(hold, is_own, &here.clocks)
    })
}

impl ReleasePreview<'_> {
    /// What stands against any version.
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
        let Some(here) = self.here else {
            return against;
        };
        if let Some(lock) = here.lock.as_ref().filter(|_| !self.lock_is_standby) {
            against.push(Refusal::locked(&here.target, Box::new(lock.clone())));
        }
        let sources = &here.sources;
        if sources.registry.is_live()
            && sources.router.is_live()
            && here.proxy.is_some()
            && let Some(difference) = difference_of_route(here.route.as_ref(), here.proxy.as_ref())
        {
            against.push(Refusal::RouteDisagrees { difference });
        }
        if intent == Intent::Promote {
            against.extend(held(here, self.now));
        }
        against
    }

    /// What stands against one version; `name` is what it is called in the answer.
    pub fn against(&self, intent: Intent, name: &str, digest: &Digest) -> Vec<Refusal> {
        let mut against = Vec::new();
        let live = self.here.and_then(Snapshot::live_instance);
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
        if let (Some(environment), Some(there)) = (&terms.rules.only_from, self.there)
            && intent == Intent::Promote
            && there.sources.runtime.is_live()
            && there.live_slot() != LiveSlot::Unknown
            && there
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
        // Where the list is not of all of them, the plan searches for this one.
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
