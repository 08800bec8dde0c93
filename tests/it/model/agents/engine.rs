//! What the engine checks before it plans, opens or resumes a release, and how a release proceeds.

use std::sync::LazyLock;

use greenroom::inventory::{
    EntryState, FencingToken, Hold, LockHolder, LockPurpose, LockRecord, Operator, QueueEntry,
    Slot, Tier, against_rollout,
};
use greenroom::release::{Definition, Refusal, Refused};
use jiff::Timestamp;

use super::super::names;
use super::never::Violation;
use super::scope::{FAILING, Flaw, Scope};
use super::state::{CONSOLE, Lock, Person, Phase, Release, State, ThePlan, moment, named};
use crate::support::web::target;

static OPEN: LazyLock<Definition> = LazyLock::new(|| names::definition(Tier::Development));
static PROTECTED: LazyLock<Definition> = LazyLock::new(|| names::definition(Tier::Protected));

pub(crate) fn definition(tier: Tier) -> &'static Definition {
    if tier.is_protected() {
        &PROTECTED
    } else {
        &OPEN
    }
}

pub(crate) fn operator(person: Person) -> Operator {
    let name = match person {
        Person::Agent => "agent",
        Person::Operator => "ana",
    };
    Operator {
        name: name.into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn hold() -> Hold {
    Hold {
        reason: "a demo".into(),
        author: operator(Person::Operator),
        since: moment(0),
        until: None,
        release: None,
        cleared: None,
    }
}

pub(crate) fn lock_holder(lock: Lock) -> LockHolder {
    let person = if lock.process == CONSOLE {
        Person::Operator
    } else {
        Person::Agent
    };
    LockHolder {
        record: LockRecord {
            purpose: LockPurpose::Release,
            operator: operator(person),
            console: super::state::process_name(lock.process),
            release: names::release(lock.release),
            since: moment(0),
            message: String::new(),
        },
        token: FencingToken(1),
        ttl_seconds: Some(30),
    }
}

fn retry_of(entry: &QueueEntry) -> Option<Timestamp> {
    entry.retried.as_ref().map(|retry| retry.at)
}

fn changed(change: &str) -> Refused {
    let change = change.to_owned();
    Refusal::WorldChanged { change }.into()
}

/// Who plans or opens a release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opener<'a> {
    pub(crate) process: u8,
    /// The entry for which an agent opens the release.
    pub(crate) entry: Option<&'a QueueEntry>,
}

impl Opener<'_> {
    fn person(self) -> Person {
        match self.entry {
            Some(_) => Person::Agent,
            None => Person::Operator,
        }
    }
}

impl State {
    /// The reasons why the lock cannot be taken. A release takes the lock of a standby.
    fn against_lock(&self) -> Option<Refusal> {
        let lock = self.lock?;
        let holder = self.release(lock.release)?;
        let is_standby = holder.phase == Phase::Standby;
        (!is_standby).then(|| Refusal::locked(&target(), Box::new(lock_holder(lock))))
    }

    pub(crate) fn plan(
        &self,
        scope: &Scope,
        opener: Opener<'_>,
        version: char,
        is_back: bool,
    ) -> Result<ThePlan, Refused> {
        let mut against = Vec::new();
        let is_allowed = scope.has(Flaw::PlansForAgentInProtected) || opener.entry.is_none();
        if scope.tier.is_protected() && !is_allowed {
            against.push(Refusal::NeedsOperator(target().environment));
        }
        if version == self.live {
            against.push(Refusal::AlreadyLive {
                slot: Slot::Blue,
                version: version.to_string(),
                unhealthy: None,
            });
        }
        if self.is_held && !is_back {
            against.push(Refusal::Held(hold()));
        }
        against.extend(self.against_lock());
        if !against.is_empty() {
            return Err(Refused(against));
        }
        Ok(ThePlan {
            release: self.ids().last().map_or(1, |last| last + 1),
            newest: self.newest(),
            generation: self.generation,
            version,
            is_back,
        })
    }

    pub(crate) fn open(
        &mut self,
        scope: &Scope,
        opener: Opener<'_>,
        plan: ThePlan,
    ) -> Result<(), Refused> {
        if let Some(refusal) = self.against_lock() {
            return Err(refusal.into());
        }
        if self.is_held && !plan.is_back {
            return Err(Refusal::Held(hold()).into());
        }
        if plan.generation != self.generation {
            return Err(changed("the route has changed"));
        }
        let release = names::release(plan.release);
        if let Some(entry) = opener.entry
            && !scope.has(Flaw::EngineIgnoresQueue)
            && let Some(change) = against_rollout(&self.queue, &entry.id, release)
        {
            return Err(changed(&change));
        }
        let is_changed = if scope.has(Flaw::EngineComparesIds) {
            self.newest() >= Some(plan.release)
        } else {
            self.newest() > plan.newest
        };
        if is_changed {
            return Err(changed("a release was started"));
        }
        if let Some(entry) = opener.entry {
            self.judge_opening(scope, entry, plan);
        }
        for release in &mut self.releases {
            if release.phase == Phase::Standby {
                release.phase = Phase::Superseded;
            }
            if release.phase == Phase::Open {
                self.violations.add(Violation::TwoOpen);
            }
        }
        self.lock = Some(Lock {
            process: opener.process,
            release: plan.release,
        });
        self.releases.push(Release {
            id: plan.release,
            version: plan.version,
            from: self.live,
            is_back: plan.is_back,
            opened_by: opener.person(),
            driven_last_by: opener.person(),
            entry: opener.entry.map(|entry| entry.id.clone()),
            retry: opener.entry.and_then(retry_of),
            phase: Phase::Open,
        });
        self.releases.sort_by_key(|release| release.id);
        Ok(())
    }

    /// Notes what an agent must not open.
    fn judge_opening(&mut self, scope: &Scope, entry: &QueueEntry, plan: ThePlan) {
        if scope.tier.is_protected() {
            self.violations.add(Violation::OpenedInProtected);
        }
        if self.dismissed.contains(&entry.id) {
            self.violations.add(Violation::OpenedDismissed);
        }
        let retry = retry_of(entry);
        let is_for_it = |it: &Release| it.entry.as_ref() == Some(&entry.id) && it.retry == retry;
        if self.releases.iter().any(is_for_it) {
            self.violations.add(Violation::OpenedTwice);
        }
        if retry.is_some() {
            return;
        }
        // In the order of their opening, ids of releases that have ended differ from it only by overlapping plans.
        let past = self.releases.iter().rev();
        let last = past
            .clone()
            .find(|it| !it.is_back && it.version == plan.version);
        if last.is_some_and(|it| it.phase == Phase::BackedOut) {
            self.violations.add(Violation::OpenedAfterFailure);
        }
        let since = past.take_while(|it| it.is_back || it.version != plan.version);
        let mut backs = since.filter(|it| it.is_back && it.phase.is_success());
        if backs.any(|it| it.from == plan.version) {
            self.violations.add(Violation::OpenedAfterRollback);
        }
    }

    /// Resumes a release; returns whether it was possible.
    pub(crate) fn resume(&mut self, scope: &Scope, process: u8, id: u8) -> bool {
        let is_overtaken = self.newest().is_some_and(|newest| newest > id);
        let is_checked = !scope.has(Flaw::EngineResumesAnything);
        let is_free = self.lock.is_none();
        let Some(release) = self.release_mut(id) else {
            return false;
        };
        let is_agents = release.driven_last_by == Person::Agent;
        if !is_free || release.phase.is_over() || is_overtaken || (is_checked && !is_agents) {
            return false;
        }
        release.driven_last_by = Person::Agent;
        if !is_agents {
            self.violations.add(Violation::ResumedFromOperator);
        }
        self.lock = Some(Lock {
            process,
            release: id,
        });
        true
    }

    /// The release that a process drives.
    pub(crate) fn driven(&self) -> Option<&Release> {
        let lock = self.lock.filter(|lock| self.is_alive(lock.process))?;
        self.release(lock.release)
    }

    /// The driver of the open release makes its version live, or backs out.
    pub(crate) fn proceed(&mut self, is_ill: bool) {
        let Some(release) = self.driven().cloned() else {
            return;
        };
        let is_stopped = self.is_held && !release.is_back;
        if is_ill || is_stopped || release.version == FAILING {
            self.end(Phase::BackedOut);
            return;
        }
        self.judge_switch(&release);
        self.live = release.version;
        self.generation += 1;
        self.is_held |= release.is_back;
        if let Some(release) = self.release_mut(release.id) {
            release.phase = Phase::Standby;
        }
    }

    /// An agent's release must not replace the version of a newer push.
    fn judge_switch(&mut self, release: &Release) {
        let Some(entry) = release.entry.as_ref().and_then(|id| self.entry(id)) else {
            return;
        };
        let is_newer = |other: &QueueEntry| other.push.received_at > entry.push.received_at;
        let mut before = self.releases.iter().filter(|it| it.phase.is_success());
        let is_older = before.any(|it| {
            let other = it.entry.as_ref().and_then(|id| self.entry(id));
            other.is_some_and(is_newer)
        });
        if is_older && entry.retried.is_none() {
            self.violations.add(Violation::ReplacedNewer);
        }
    }

    /// The driver ends its release and frees the lock.
    pub(crate) fn end(&mut self, phase: Phase) {
        let Some(lock) = self.lock.take() else {
            return;
        };
        if let Some(release) = self.release_mut(lock.release) {
            release.phase = phase;
        }
    }

    /// Notes an entry whose state says another thing than its release.
    pub(crate) fn judge_entries(&mut self) {
        let is_wrong = |entry: &QueueEntry| {
            let release = named(entry).and_then(|id| self.release(id));
            match entry.state {
                EntryState::Done { release: Some(_) } => {
                    !release.is_some_and(|it| it.phase.is_success())
                }
                EntryState::Failed { .. } => {
                    !release.is_some_and(|it| it.phase == Phase::BackedOut)
                }
                _ => false,
            }
        };
        if self.queue.iter().any(is_wrong) {
            self.violations.add(Violation::WronglySettled);
        }
    }
}
