//! What an agent reads.

use greenroom::agent::decide::{DrivenRelease, Due, NamedRelease, OpenRelease, Seen};
use greenroom::history::{Outcome, ReleaseKind, ReleaseRecord};
use greenroom::inventory::{
    EntryState, FencingToken, PerSlot, RegisteredMember, Registration, RegistryRecord, ReleaseId,
    Revisioned, Route, Slot, Tier, Watcher, newest_pending,
};

use super::super::names::{self, number_of, version};
use super::engine::{definition, hold, lock_holder, operator};
use super::scope::{Flaw, Scope};
use super::state::{Person, Phase, Release, State, moment, process_name};
use crate::support::web::{endpoint, target};

impl Phase {
    fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Open | Self::Standby => None,
            Self::Done => Some(Outcome::Done),
            Self::Superseded => Some(Outcome::Superseded { by: None }),
            Self::BackedOut => Some(Outcome::BackedOut {
                reason: "a check failed".into(),
            }),
        }
    }
}

impl State {
    pub(crate) fn see<'a>(&self, scope: &Scope, process: u8, name: &'a str) -> Seen<'a> {
        let driven = self.lock.filter(|lock| lock.process == process);
        let driven = driven.and_then(|lock| self.release(lock.release));
        let driven = driven.map(|release| DrivenRelease {
            release: names::release(release.id),
            is_standby: release.phase == Phase::Standby,
        });
        let tier = if scope.has(Flaw::IgnoresTier) {
            Tier::Development
        } else {
            scope.tier
        };
        let named = self.queue.iter().filter_map(|entry| match entry.state {
            EntryState::RollingOut { release, .. } => Some((release, self.named_release(release))),
            _ => None,
        });
        Seen {
            due: Due::Everything,
            definition: definition(tier),
            agent: name,
            record: self.record(scope, process),
            now: moment(self.now),
            driven,
            named: named.collect(),
            left: self.left(scope).filter(|_| self.lock.is_none()),
            has_just_resumed: false,
        }
    }

    fn named_release(&self, release: ReleaseId) -> NamedRelease {
        match self.release(number_of(release)).map(|it| it.phase) {
            None => NamedRelease::NotOpened,
            Some(Phase::Open) => NamedRelease::Open,
            Some(Phase::Standby) => NamedRelease::Standby,
            Some(phase) => phase
                .outcome()
                .map_or(NamedRelease::Open, NamedRelease::Ended),
        }
    }

    /// The newest release, if it was opened for a push, is not over, and an agent drove it last.
    fn left(&self, scope: &Scope) -> Option<ReleaseId> {
        let newest = self.releases.last()?;
        let is_left = newest.driven_last_by == Person::Agent || scope.has(Flaw::ResumesAnything);
        let is_unfinished = newest.entry.is_some() && !newest.phase.is_over();
        (is_left && is_unfinished).then(|| names::release(newest.id))
    }

    fn record(&self, scope: &Scope, process: u8) -> RegistryRecord {
        let takes_from_living = scope.has(Flaw::TakesFromTheLiving);
        let present = self.present.iter().copied();
        let present = present.filter(|other| *other == process || !takes_from_living);
        let watching = present.map(|process| Watcher {
            operator: operator(Person::Agent),
            console: process_name(process),
            since: moment(0),
            is_agent: true,
        });
        let mut queue = self.queue.clone();
        if scope.has(Flaw::TakesOldest)
            && let Some(newest) = newest_pending(&self.queue)
        {
            let newest = newest.push.received_at;
            let pending = |entry: &&_| newest_pending(std::slice::from_ref(*entry)).is_some();
            let oldest = self.queue.iter().filter(pending);
            let oldest = oldest.map(|it| it.push.received_at).min().unwrap_or(newest);
            queue.retain(|it| it.push.received_at == oldest || it.state.release().is_some());
            queue.retain(|it| !matches!(it.state, EntryState::Done { .. }));
        }
        RegistryRecord {
            route: Some(Revisioned {
                value: self.route(),
                revision: 1,
            }),
            slots: PerSlot {
                blue: Some(Revisioned {
                    value: self.registration(),
                    revision: 1,
                }),
                green: None,
            },
            lock: self.lock.map(lock_holder),
            hold: self.is_held.then(hold),
            watching: watching.collect(),
            queue,
            revision: 1,
            ..RegistryRecord::default()
        }
    }

    /// The release that made the live version live.
    fn live_release(&self) -> ReleaseId {
        let made_live = |it: &&Release| it.phase.is_success() && it.version == self.live;
        let release = self.releases.iter().rev().find(made_live);
        names::release(release.map_or(1, |it| it.id))
    }

    fn route(&self) -> Route {
        Route {
            generation: self.generation.into(),
            live: Slot::Blue,
            addresses: endpoint(Slot::Blue).into(),
            digest: names::digest(self.live),
            release: self.live_release(),
            token: FencingToken(1),
        }
    }

    fn registration(&self) -> Registration {
        Registration {
            slot: Slot::Blue,
            members: Vec::<RegisteredMember>::new(),
            tag: Some(self.live.to_string()),
            digest: names::digest(self.live),
            release: self.live_release(),
            registered_at: moment(0),
            token: FencingToken(1),
        }
    }

    /// The earlier releases, newest first.
    pub(crate) fn past(&self, scope: &Scope) -> Vec<ReleaseRecord> {
        if scope.has(Flaw::ForgetsFailures) {
            return Vec::new();
        }
        self.releases.iter().rev().map(record_of).collect()
    }

    /// The release that keeps the next one from being opened.
    pub(crate) fn open_release(&self, scope: &Scope) -> OpenRelease {
        let mut unfinished = self.releases.iter().rev().filter(|it| !it.phase.is_over());
        match unfinished.next() {
            None => OpenRelease::None,
            Some(release) if release.phase == Phase::Standby => {
                if scope.has(Flaw::ForgetsRollbackInStandby) {
                    OpenRelease::None
                } else {
                    OpenRelease::Standby(names::release(release.id))
                }
            }
            Some(release) => OpenRelease::Busy(format!("release {} has not ended", release.id)),
        }
    }
}

fn record_of(release: &Release) -> ReleaseRecord {
    ReleaseRecord {
        format: greenroom::history::FORMAT,
        id: names::release(release.id),
        target: target(),
        kind: if release.is_back {
            ReleaseKind::ColdRollback
        } else {
            ReleaseKind::Promote
        },
        from: Some((Slot::Blue, version(release.from))),
        to: (Slot::Green, version(release.version)),
        operator: operator(release.opened_by),
        reason: None,
        overridden: Vec::new(),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
        opened_at: moment(0),
        plan: Vec::new(),
        baseline: None,
        live: None,
        closed: release.phase.outcome().map(|outcome| (moment(0), outcome)),
        chain: None,
    }
}
