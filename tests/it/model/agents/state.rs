//! The state of the model: the queue, the releases and the lock of a target, and what each agent and the operator are
//! about to do.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use greenroom::agent::decide::{EntryChange, Next};
use greenroom::inventory::{EntryId, EntryState, Push, PushSource, QueueEntry};
use greenroom::release::Refused;
use jiff::{SignedDuration, Timestamp};

use super::super::names::{letter, number_of};
use super::never::Violations;
use super::scope::{Budget, Scope};
use crate::support::web::target;

/// The version that is live before the first push.
pub(crate) const LIVE: char = 'a';
/// The operator's console, which never crashes.
pub(crate) const CONSOLE: u8 = 0;

/// A moment. Two moments are further apart than an agent's first pause.
pub(crate) fn moment(number: u8) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(number) * 10)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Person {
    Agent,
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Open,
    Standby,
    Done,
    Superseded,
    BackedOut,
}

impl Phase {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Superseded | Self::BackedOut)
    }

    /// Whether the version became live.
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Standby | Self::Done | Self::Superseded)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) id: u8,
    pub(crate) version: char,
    pub(crate) from: char,
    pub(crate) is_back: bool,
    pub(crate) opened_by: Person,
    pub(crate) driven_last_by: Person,
    pub(crate) entry: Option<EntryId>,
    /// The last retry of the entry when the release was opened.
    pub(crate) retry: Option<Timestamp>,
    pub(crate) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) process: u8,
    pub(crate) release: u8,
}

/// A plan, as far as its opening compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThePlan {
    pub(crate) release: u8,
    pub(crate) newest: Option<u8>,
    pub(crate) generation: u8,
    pub(crate) version: char,
    pub(crate) is_back: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Doing {
    Nothing,
    Decided(Next),
    /// The version is to be written into the entry.
    Planned(QueueEntry, Result<ThePlan, Refused>),
    /// The earlier releases are to be read.
    Identified(QueueEntry, Result<ThePlan, Refused>),
    /// The release is to be named in the entry.
    Names(Box<EntryChange>, ThePlan),
    /// The release is to be opened.
    Opens(QueueEntry, ThePlan),
}

#[derive(Debug, Clone)]
pub(crate) struct Agent {
    /// The number of the process. A process that takes the place of a crashed one has another number.
    pub(crate) process: u8,
    pub(crate) doing: Doing,
}

impl Agent {
    pub(crate) fn name(&self) -> String {
        process_name(self.process)
    }
}

pub(crate) fn process_name(process: u8) -> String {
    format!("agent-{process}")
}

#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) now: u8,
    pub(crate) queue: Vec<QueueEntry>,
    /// The pushes that are stored.
    pub(crate) arrived: BTreeSet<usize>,
    /// In the order of their ids.
    pub(crate) releases: Vec<Release>,
    pub(crate) live: char,
    pub(crate) generation: u8,
    pub(crate) is_held: bool,
    pub(crate) lock: Option<Lock>,
    /// The agents' processes that are seen as alive.
    pub(crate) present: BTreeSet<u8>,
    /// The entries that an operator has dismissed and not retried.
    pub(crate) dismissed: BTreeSet<EntryId>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) operator: Option<ThePlan>,
    pub(crate) left: Budget,
    pub(crate) violations: Violations,
}

impl State {
    pub(crate) fn first(scope: &Scope) -> Self {
        let processes = 1..=u8::try_from(scope.agents).expect("few");
        let before = Release {
            id: 1,
            version: LIVE,
            from: LIVE,
            is_back: false,
            opened_by: Person::Operator,
            driven_last_by: Person::Operator,
            entry: None,
            retry: None,
            phase: Phase::Done,
        };
        let agent = |process| Agent {
            process,
            doing: Doing::Nothing,
        };
        Self {
            now: u8::try_from(scope.pushes.len()).expect("few"),
            queue: Vec::new(),
            arrived: BTreeSet::new(),
            releases: vec![before],
            live: LIVE,
            generation: 1,
            is_held: false,
            lock: None,
            present: processes.clone().collect(),
            dismissed: BTreeSet::new(),
            agents: processes.map(agent).collect(),
            operator: None,
            left: scope.budget,
            violations: Violations::default(),
        }
    }

    /// The push of this number. All pushes were received before the first turn.
    pub(crate) fn push(scope: &Scope, number: usize) -> QueueEntry {
        let source = PushSource::Inbox("hub".into());
        let at = moment(u8::try_from(number).expect("few"));
        let tag = scope.pushes[number].to_string();
        let push = Push::new(
            "registry.example/web",
            &tag,
            source,
            &number.to_string(),
            at,
        );
        QueueEntry::new(&target(), push.expect("a push"))
    }

    pub(crate) fn is_alive(&self, process: u8) -> bool {
        process == CONSOLE || self.agents.iter().any(|agent| agent.process == process)
    }

    pub(crate) fn release(&self, id: u8) -> Option<&Release> {
        self.releases.iter().find(|release| release.id == id)
    }

    pub(crate) fn release_mut(&mut self, id: u8) -> Option<&mut Release> {
        self.releases.iter_mut().find(|release| release.id == id)
    }

    pub(crate) fn newest(&self) -> Option<u8> {
        self.releases.last().map(|release| release.id)
    }

    pub(crate) fn entry(&self, id: &EntryId) -> Option<&QueueEntry> {
        self.queue.iter().find(|entry| entry.id == *id)
    }

    /// Changes an entry if it is still the one that was read.
    pub(crate) fn change(&mut self, scope: &Scope, change: &EntryChange) -> bool {
        let is_compared = !scope.has(super::scope::Flaw::StoreTakesAnyEntry);
        let mut queue = self.queue.iter_mut();
        let stored = queue.find(|entry| entry.id == change.from.id);
        match stored.filter(|stored| !is_compared || **stored == change.from) {
            Some(stored) => {
                stored.clone_from(&change.to);
                true
            }
            None => false,
        }
    }

    /// All ids of releases and plans, in their order.
    pub(crate) fn ids(&self) -> BTreeSet<u8> {
        let mut ids: BTreeSet<u8> = self.releases.iter().map(|it| it.id).collect();
        ids.extend(self.queue.iter().flat_map(ids_of));
        ids.extend(self.operator.map(|plan| plan.release));
        for agent in &self.agents {
            match &agent.doing {
                Doing::Planned(_, Ok(plan))
                | Doing::Identified(_, Ok(plan))
                | Doing::Names(_, plan)
                | Doing::Opens(_, plan) => ids.extend([plan.release]),
                Doing::Decided(Next::Change(changes)) => {
                    let ends = changes.iter().flat_map(|it| [&it.from, &it.to]);
                    ids.extend(ends.flat_map(ids_of));
                }
                Doing::Decided(Next::Wait { change, .. }) => {
                    ids.extend([&change.from, &change.to].into_iter().flat_map(ids_of));
                }
                _ => {}
            }
        }
        ids
    }
}

/// The release that an entry names.
pub(crate) fn named(entry: &QueueEntry) -> Option<u8> {
    entry.state.release().map(number_of)
}

/// The releases that an entry names or has named.
fn ids_of(entry: &QueueEntry) -> impl Iterator<Item = u8> {
    named(entry).into_iter().chain(entry.named.map(number_of))
}

/// Hashes a state. Only the order of ids decides anything, so states that differ only in their ids are the same.
struct Hashing<'a, H> {
    ids: Vec<u8>,
    to: &'a mut H,
}

impl<H: Hasher> Hashing<'_, H> {
    fn put(&mut self, value: impl Hash) {
        value.hash(self.to);
    }

    fn id(&mut self, id: u8) {
        let rank = self.ids.binary_search(&id).ok();
        self.put(rank);
    }

    fn plan(&mut self, plan: &ThePlan) {
        self.id(plan.release);
        self.put(plan.newest.and_then(|id| self.ids.binary_search(&id).ok()));
        self.put((plan.generation, plan.version, plan.is_back));
    }

    fn planned(&mut self, planned: &Result<ThePlan, Refused>) {
        match planned {
            Ok(plan) => self.plan(plan),
            Err(refused) => {
                for reason in &refused.0 {
                    self.put(std::mem::discriminant(reason));
                }
            }
        }
    }

    fn entry(&mut self, entry: &QueueEntry) {
        self.put(&entry.id);
        self.put(entry.state.kind());
        self.put(named(entry).and_then(|id| self.ids.binary_search(&id).ok()));
        match &entry.state {
            EntryState::Waiting { why } => self.put(why.is_some()),
            EntryState::RollingOut { agent, .. } => self.put(agent),
            _ => {}
        }
        self.put(entry.version.as_ref().map(|it| letter(&it.digest)));
        self.put(entry.retried.as_ref().map(|it| it.at));
        self.put(entry.changed_at);
        let last = entry.named.map(number_of);
        self.put(last.and_then(|id| self.ids.binary_search(&id).ok()));
    }

    fn change(&mut self, change: &EntryChange) {
        self.entry(&change.from);
        self.entry(&change.to);
    }

    fn doing(&mut self, doing: &Doing) {
        self.put(std::mem::discriminant(doing));
        match doing {
            Doing::Nothing => {}
            Doing::Decided(next) => {
                self.put(std::mem::discriminant(next));
                match next {
                    Next::Change(changes) => changes.iter().for_each(|it| self.change(it)),
                    Next::Wait { change, .. } | Next::RollOut(change) => self.change(change),
                    Next::Resume(release) => self.id(number_of(*release)),
                    Next::LookUp(entry) | Next::Plan(entry) => self.entry(entry),
                    Next::Rest(_) => {}
                }
            }
            Doing::Planned(entry, planned) | Doing::Identified(entry, planned) => {
                self.entry(entry);
                self.planned(planned);
            }
            Doing::Names(change, plan) => {
                self.change(change);
                self.plan(plan);
            }
            Doing::Opens(entry, plan) => {
                self.entry(entry);
                self.plan(plan);
            }
        }
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, to: &mut H) {
        let ids = self.ids().into_iter().collect();
        let mut hashing = Hashing { ids, to };
        self.queue.iter().for_each(|entry| hashing.entry(entry));
        for release in &self.releases {
            hashing.id(release.id);
            hashing.put((release.version, release.from, release.is_back));
            hashing.put((release.opened_by, release.driven_last_by, release.phase));
            hashing.put((&release.entry, release.retry));
        }
        hashing.put(self.lock.is_some());
        if let Some(lock) = self.lock {
            hashing.put(lock.process);
            hashing.id(lock.release);
        }
        for agent in &self.agents {
            hashing.put(agent.process);
            hashing.doing(&agent.doing);
        }
        hashing.put(self.operator.is_some());
        if let Some(plan) = &self.operator {
            hashing.plan(plan);
        }
        hashing.put((
            self.now,
            &self.arrived,
            self.live,
            self.generation,
            self.is_held,
        ));
        hashing.put((&self.present, &self.dismissed, self.left, self.violations));
    }
}

impl State {
    pub(crate) fn hashed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.hashed() == other.hashed()
    }
}
