//! A small world that performs the machine's acts, or fails at them in every real way: before the
//! effect, after it, or half-way. It checks every act against the interlocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom::checks::{CaseReport, Report, Verdict};
use greenroom::history::{
    Direction, JournalEvent, Outcome, PlannedCalls, Recorded, ReleaseKind, ReleaseRecord, Step,
};
use greenroom::inventory::{
    Clocks, Connections, Digest, Edge, EdgeAnswer, EdgeName, EdgeSlots, Edges, FencingToken, Hold,
    ImageLabels, Installation, Instance, InstanceId, InstanceState, LockHolder, LockRecord,
    PeerApproval, PerSlot, Probe, ProxyAnswer, PublicAddress, RegisteredMember, Registration,
    RegistryRecord, ReleaseId, Revisioned, Route, Slot, SlotMembers, Tier, Version,
};
use greenroom::release::{
    Action, ActionError, ActionErrorKind, Approval, Ask, Definition, Effect, Event, LiveBefore,
    Machine, Move, NotWritten, Observation, Observed, OnFailure, Plan, Progress, RouteBefore,
    Scope, Stage, Status, observed, step_summaries,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::life::{Life, PublicSide};
use crate::support::web::{self, digest, endpoint, operator, version};

/// A promote of 1.9.0 to green while 1.8.2 is live in blue, or the first release.
pub(crate) fn plan(tier: Tier, is_first: bool) -> Plan {
    let definition = Definition {
        public: Some(PublicAddress {
            endpoint: "127.0.0.1:80".parse().expect("an endpoint"),
            host: "web.example".into(),
            path: "/".into(),
        }),
        ..web::definition(tier)
    };
    let slot = if is_first { Slot::Blue } else { Slot::Green };
    let calls = step_summaries()
        .map(|(step, _)| step)
        // The model checker has tasks.
        .filter(|step| !step.runs_tasks())
        .filter(|step| !matches!(step, Step::StopOld | Step::Quiet))
        .filter(|step| *step != Step::Install || is_first)
        .filter(|step| !is_first || !matches!(step, Step::Drain | Step::Stop))
        .map(|step| PlannedCalls {
            step,
            calls: vec![format!("does {step}")],
            undo: format!("undoes {step}"),
        })
        .collect();
    Plan {
        mark: None,
        overridden: Vec::new(),
        release: ReleaseId(ulid::Ulid::from_parts(2, 2)),
        kind: ReleaseKind::Promote,
        definition,
        from: (!is_first).then(|| LiveBefore {
            slot: Slot::Blue,
            version: version("1.8.2", 'a'),
            addresses: endpoint(Slot::Blue).into(),
            members: SlotMembers::default(),
            generation: 41,
        }),
        slot,
        version: version("1.9.0", 'b'),
        generation: if is_first { 1 } else { 42 },
        leftover: SlotMembers::default(),
        warm: SlotMembers::default(),
        calls,
        warnings: Vec::new(),
        touched: Vec::new(),
        operator: operator(),
        reason: None,
        made_at: Timestamp::UNIX_EPOCH,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
        newest: None,
    }
}

/// How the world answers an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It succeeds.
    Done,
    /// It never arrived.
    FailedBefore,
    /// It was done, and the answer was lost.
    FailedAfter,
    /// The first half was done.
    HalfDone,
    /// It was refused.
    Refused,
}

#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) digest: Digest,
    pub(super) up: bool,
    pub(super) well: bool,
    pub(super) release: ReleaseId,
    pub(super) life: Life,
}

/// What still needs an answer.
#[derive(Debug, Clone)]
pub(super) enum Owed {
    Record(Box<Effect>),
    Act(Vec<Action>),
    Look(Ask),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "facts of a world, not states of one thing"
)]
pub(crate) struct World {
    pub(crate) machine: Machine,
    /// Everything that was announced.
    pub(super) said: Vec<String>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) now: Timestamp,
    pub(super) slots: PerSlot<Option<Running>>,
    pub(super) registered: PerSlot<bool>,
    pub(super) route: Option<(u64, Slot)>,
    /// The pointer of the first edge.
    pub(super) pointer: Option<(u64, Slot)>,
    /// The second edge, if the target has one.
    pub(super) second: Option<SecondEdge>,
    pub(super) has_image: bool,
    pub(super) is_installed: bool,
    pub(crate) checks_pass: bool,
    pub(super) owed: Option<Owed>,
    pub(super) timer: Option<(greenroom::release::TimerId, Duration)>,
    /// The last probe result that the machine got, by slot.
    pub(super) told_healthy: PerSlot<bool>,
    told_report: Option<Report>,
    pub(super) approved: Vec<Step>,
    pub(super) abort_asked_during_act: bool,
    pub(crate) lock_lost: bool,
    pub(crate) acts: Vec<(Stage, Vec<Action>)>,
    pub(crate) records: u32,
    pub(super) journal: Option<Recorded>,
    /// The release that wrote the route.
    pub(super) routed_by: ReleaseId,
    /// The slots that the edges named at the last observation.
    pub(super) told_pointers: Option<EdgeSlots>,
    /// Whether the machine has observed the proxy since it started to drive, or has switched.
    pub(super) is_pointer_told: bool,
    /// Whether the machine has observed anything since it started to drive, or has acted.
    pub(super) has_looked: bool,
    /// Whether the pointer has the newest driver's token.
    pub(super) is_pointer_fenced: bool,
    /// What a former driver sent and that has not happened yet.
    pub(super) late: Vec<Action>,
    /// Whether such a call has happened since.
    pub(super) has_landed_late: bool,
    /// The hold that an operator placed.
    pub(super) hold: Option<Hold>,
    /// Other machines' clocks.
    pub(super) clocks: Clocks,
    /// The approvals of others.
    pub(super) peer_approvals: Vec<PeerApproval>,
    /// Keys that the store cannot read.
    pub(super) problems: BTreeMap<String, String>,
    /// The live version where the version must be live first, or why that is unknown.
    pub(super) live_in_first: Result<Option<Version>, String>,
    /// The releases there; `None` when they cannot be read.
    pub(super) past_of_first: Option<Vec<ReleaseRecord>>,
    /// What the public gets.
    pub(super) public: PublicSide,
    /// Whether traffic was moved back by hand.
    pub(super) is_put_back: bool,
}

/// The edges of the target. Without a public address, only the answers of the edges say where the traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByEdges {
    One,
    Two,
    TwoWithoutPublicAddress,
}

pub(super) fn by_edges() -> impl Strategy<Value = ByEdges> {
    prop::sample::select(vec![
        ByEdges::One,
        ByEdges::Two,
        ByEdges::TwoWithoutPublicAddress,
    ])
}

/// A second edge of the target.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecondEdge {
    pub(super) pointer: Option<(u64, Slot)>,
    /// Whether it does not answer. It still carries out what it is told.
    pub(super) is_silent: bool,
}

fn edge_names() -> [EdgeName; 2] {
    [EdgeName::default(), "second".parse().expect("a name")]
}

/// The switch among these actions.
pub(super) fn movement(actions: &[Action]) -> Option<&Move> {
    match actions {
        [Action::Switch(movement)] => Some(movement),
        _ => None,
    }
}

/// The slot whose instance these actions stop.
pub(super) fn stopped(actions: &[Action]) -> Option<Slot> {
    actions.iter().find_map(|action| match action {
        Action::Stop { slot, .. } => Some(*slot),
        _ => None,
    })
}

fn route_before(route: Option<(u64, Slot)>) -> RouteBefore {
    route.map_or(RouteBefore::Missing, |(generation, slot)| {
        RouteBefore::Contains(generation, slot)
    })
}

/// The route before the release.
fn before() -> ReleaseId {
    ReleaseId(ulid::Ulid::from_parts(1, 1))
}

impl World {
    pub(crate) fn new(plan: Plan, on_failure: OnFailure) -> Self {
        let plan = Arc::new(plan);
        let from = plan.from.clone();
        let live_in_first = Ok(Some(plan.version.clone()));
        let mut slots = PerSlot::default();
        let mut registered = PerSlot::default();
        if let Some(from) = &from {
            *slots.get_mut(from.slot) = Some(Running {
                digest: from.version.digest.clone(),
                up: true,
                well: true,
                release: before(),
                life: Life::default(),
            });
            *registered.get_mut(from.slot) = true;
        }
        let live = from.map(|from| (from.generation, from.slot));
        let mut world = Self {
            machine: Machine::new(Arc::clone(&plan), on_failure),
            said: Vec::new(),
            plan,
            now: Timestamp::UNIX_EPOCH,
            slots,
            registered,
            route: live,
            pointer: live,
            second: None,
            has_image: false,
            is_installed: false,
            checks_pass: true,
            owed: None,
            timer: None,
            told_healthy: PerSlot::default(),
            told_report: None,
            approved: Vec::new(),
            abort_asked_during_act: false,
            lock_lost: false,
            acts: Vec::new(),
            records: 0,
            journal: None,
            routed_by: before(),
            told_pointers: None,
            is_pointer_told: false,
            has_looked: false,
            is_pointer_fenced: true,
            late: Vec::new(),
            has_landed_late: false,
            hold: None,
            clocks: Clocks::default(),
            peer_approvals: Vec::new(),
            problems: BTreeMap::new(),
            live_in_first,
            past_of_first: Some(Vec::new()),
            public: PublicSide::default(),
            is_put_back: false,
        };
        world.say(Event::Started);
        world
    }

    pub(super) fn status(&self) -> Status {
        self.machine.status()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.machine.status().progress
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.machine.status().outcome().cloned()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.machine.status().is_over()
    }

    pub(crate) fn route(&self) -> Option<Slot> {
        self.route.map(|(_, slot)| slot)
    }

    pub(crate) fn pointer(&self) -> Option<Slot> {
        self.pointer.map(|(_, slot)| slot)
    }

    /// A world with these edges.
    pub(super) fn with_edges(mut plan: Plan, on_failure: OnFailure, edges: ByEdges) -> Self {
        if edges == ByEdges::TwoWithoutPublicAddress {
            plan.definition.public = None;
        }
        let mut world = Self::new(plan, on_failure);
        world.second = (edges != ByEdges::One).then_some(SecondEdge {
            pointer: world.pointer,
            is_silent: false,
        });
        world
    }

    /// Whether the route or any edge names this slot.
    pub(super) fn has_traffic(&self, slot: Slot) -> bool {
        let second = self.second.as_ref().and_then(|edge| edge.pointer);
        let named = [self.route, self.pointer, second].into_iter().flatten();
        named.into_iter().any(|(_, named)| named == slot)
    }

    /// Whether every edge names this slot, or no slot.
    pub(super) fn is_pointed_at(&self, slot: Option<Slot>) -> bool {
        let named = |pointer: Option<(u64, Slot)>| pointer.map(|(_, slot)| slot);
        let second = self.second.as_ref();
        self.pointer() == slot && second.is_none_or(|edge| named(edge.pointer) == slot)
    }

    /// Whether each edge still names the slot that the movement takes its traffic from.
    fn is_from(&self, movement: &Move) -> bool {
        let [first, second] = edge_names();
        let edge = self.second.as_ref();
        movement.from.at(&first) == self.pointer()
            && edge.is_none_or(|edge| movement.from.at(&second) == edge.pointer.map(|(_, it)| it))
    }

    /// A switch arrives at each edge. An edge that no longer names its slot in `from` refuses it.
    pub(super) fn point(&mut self, movement: &Move, is_half: bool) {
        let [first, second] = edge_names();
        let to = Some((movement.generation, movement.to));
        if self.pointer() == movement.from.at(&first) {
            self.pointer = to;
        }
        if let Some(edge) = self.second.as_mut().filter(|_| !is_half)
            && edge.pointer.map(|(_, slot)| slot) == movement.from.at(&second)
        {
            edge.pointer = to;
        }
    }

    pub(crate) fn runs(&self, slot: Slot) -> bool {
        self.slots.get(slot).as_ref().is_some_and(|r| r.up)
    }

    pub(crate) fn holds_something(&self, slot: Slot) -> bool {
        self.slots.get(slot).is_some()
    }

    pub(crate) fn is_registered(&self, slot: Slot) -> bool {
        *self.registered.get(slot)
    }

    pub(crate) fn is_acting(&self) -> bool {
        matches!(self.owed, Some(Owed::Act(_)))
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.checked_add(time).expect("a moment");
    }

    /// The candidate becomes unhealthy, or healthy again.
    pub(crate) fn set_health(&mut self, slot: Slot, is_healthy: bool) {
        if let Some(running) = self.slots.get_mut(slot) {
            running.well = is_healthy;
        }
    }

    pub(crate) fn exit(&mut self, slot: Slot) {
        if let Some(running) = self.slots.get_mut(slot) {
            running.up = false;
        }
    }

    pub(crate) fn back_out(&mut self) {
        self.abort_asked_during_act |= self.is_acting();
        self.say(Event::BackOutAsked {
            by: operator(),
            reason: "asked".into(),
        });
    }

    /// Approves a step, whether or not it waits, with the right name typed.
    pub(crate) fn approve(&mut self, step: Step) {
        let environment = self.plan.target().environment.to_string();
        let approval = Approval::give(
            &self.plan,
            Scope::Step(step),
            operator(),
            Some(&environment),
            self.now,
        )
        .expect("an approval");
        let is_for = match self.progress() {
            Progress::Asking { step: asked, .. } => asked == step,
            // An approval of *stop* that is given before the step asks.
            Progress::Standby { .. } => step == Step::Stop,
            _ => false,
        };
        if is_for {
            self.approved.push(step);
        }
        self.say(Event::Approved(approval));
    }

    pub(crate) fn lose_lock(&mut self) {
        self.lock_lost = true;
        self.say(Event::LockLost("its lease expired".into()));
    }

    pub(crate) fn say(&mut self, event: Event) {
        for effect in self.machine.handle(self.now, event) {
            self.take(effect);
        }
    }

    fn take(&mut self, effect: Effect) {
        let owe = match effect {
            Effect::Announce(said) => {
                self.said.push(said.text);
                return;
            }
            Effect::Schedule { id, after } => {
                self.timer = Some((id, after));
                return;
            }
            record @ (Effect::Record(_) | Effect::Head(_)) => Owed::Record(Box::new(record)),
            Effect::Observe(ask) => Owed::Look(ask),
            Effect::Act {
                actions,
                stage,
                approved,
            } => {
                assert!(approved.covers(&self.plan, stage.step, stage.direction));
                self.hold_against_interlocks(&actions, stage);
                self.hold_against_repeating(&actions);
                self.has_looked = false;
                self.acts.push((stage, actions.clone()));
                Owed::Act(actions)
            }
        };
        assert!(
            !self.lock_lost,
            "nothing is done after the lock is lost: {owe:?}"
        );
        assert!(
            self.owed.is_none(),
            "one thing at a time: {:?}, then {owe:?}",
            self.owed
        );
        self.owed = Some(owe);
    }

    fn hold_against_interlocks(&self, actions: &[Action], stage: Stage) {
        for action in actions {
            self.hold_action_against_interlocks(action, stage);
        }
        if (stage.direction, stage.step) == (Direction::Forward, Step::Stop) {
            let live = self.plan.slot;
            let slot = live.other();
            assert!(
                *self.told_healthy.get(live),
                "interlock 2: {slot} is stopped while {live} was unhealthy at the last observation"
            );
            assert_eq!(
                self.route(),
                Some(live),
                "interlock 1: {slot} is stopped while the store does not route to {live}"
            );
        }
        let needs_person = matches!(stage.step, Step::Register | Step::Switch | Step::Stop);
        if stage.direction == Direction::Forward && self.plan.tier().is_protected() && needs_person
        {
            assert!(
                self.approved.contains(&stage.step),
                "interlock 10: {} without a person",
                stage.step
            );
        }
        if stage.direction == Direction::Back {
            assert!(
                !self.abort_asked_during_act,
                "interlock 8: undone before the act was observed"
            );
        }
    }

    /// Interlock 6: what may have happened is observed first, and what has happened is not done
    /// again.
    fn hold_action_against_interlocks(&self, action: &Action, stage: Stage) {
        match action {
            Action::Stop { slot, .. }
            | Action::Remove { slot, .. }
            | Action::Create { slot, .. }
            | Action::Deregister(slot) => {
                assert!(
                    !self.has_traffic(*slot),
                    "interlock 1: {action:?} while {slot} has traffic"
                );
            }
            Action::Switch(movement) => {
                let to = movement.to;
                assert!(
                    self.is_registered(to),
                    "interlock 2: {to} is not registered"
                );
                assert!(
                    *self.told_healthy.get(to),
                    "interlock 2: {to} was unhealthy at the last observation"
                );
                let from = movement.route.as_ref().expect("a route").from;
                assert!(
                    from == route_before(self.route)
                        || self.route == Some((movement.generation, to)),
                    "interlock 5: from {from:?}, but it is {:?}",
                    self.route
                );
                assert!(self.is_pointer_told, "interlock 5: the proxy was not asked");
                let told = self.told_pointers.as_ref();
                assert_eq!(Some(&movement.from), told, "interlock 5");
                let second = self.second.as_ref().and_then(|edge| edge.pointer);
                let pointers = self.pointer.max(second);
                let newest = self.route.max(pointers).map_or(0, |(newest, _)| newest);
                assert!(
                    movement.generation >= newest,
                    "a generation never goes back: {} after {newest}",
                    movement.generation
                );
                if stage.direction == Direction::Forward {
                    self.hold_checks_against_interlock_3();
                }
            }
            Action::Pull(_) | Action::Install | Action::Register { .. } | Action::Start { .. } => {}
            Action::Route(_)
            | Action::Rebase { .. }
            | Action::CreateTask(_)
            | Action::StartTask(_)
            | Action::Quiet { .. }
            | Action::StopTask(_) => panic!("no release does that: {action:?}"),
        }
    }

    fn hold_against_repeating(&self, actions: &[Action]) {
        // A pull may be repeated any number of times.
        if !matches!(actions, [Action::Pull(_)]) {
            assert!(self.has_looked, "interlock 6: {actions:?} without a look");
        }
        if self.has_landed_late {
            return;
        }
        for action in actions {
            self.hold_action_against_repeating(action);
        }
    }

    fn hold_action_against_repeating(&self, action: &Action) {
        match action {
            Action::Create { .. } => {
                let running = self.slots.get(self.plan.slot).as_ref();
                assert!(
                    running.is_none_or(|r| !r.up || r.release != self.plan.release),
                    "interlock 6: started again"
                );
            }
            Action::Switch(movement) => {
                let to = Some((movement.generation, movement.to));
                let second = self.second.as_ref();
                let is_there = self.pointer == to && second.is_none_or(|edge| edge.pointer == to);
                assert!(self.route != to || !is_there, "interlock 6: switched again");
            }
            _ => {}
        }
    }

    /// Whether an operator has overridden the checks with a reason.
    fn has_overridden(&self) -> bool {
        if !self.plan.overridden_checks.is_empty() {
            return true;
        }
        let entries = self.journal.iter().flat_map(|journal| &journal.entries);
        entries.into_iter().any(|entry| match &entry.event {
            JournalEvent::Chosen {
                choice, decision, ..
            } => choice == "override" && decision.note.is_some(),
            _ => false,
        })
    }

    fn hold_checks_against_interlock_3(&self) {
        let report = self.told_report.as_ref().expect("interlock 3: no checks");
        assert!(
            report.allows() || self.has_overridden(),
            "interlock 3: the checks did not pass"
        );
        assert_eq!(
            report.digest, self.plan.version.digest,
            "interlock 3: another digest"
        );
        let running = self
            .slots
            .get(self.plan.slot)
            .as_ref()
            .expect("interlock 3: nothing runs");
        assert_eq!(
            running.digest, self.plan.version.digest,
            "interlock 3: another digest runs"
        );
    }

    /// Answers the open call or record; returns false when there is none.
    pub(crate) fn answer(&mut self, fate: Fate) -> bool {
        match self.owed.take() {
            None => false,
            Some(Owed::Record(record)) => {
                self.answer_record(*record, fate);
                true
            }
            Some(Owed::Act(actions)) => {
                self.answer_act(&actions, fate);
                true
            }
            Some(Owed::Look(ask)) => {
                let observation = self.look(ask, fate);
                // The act that was under way when the abort was requested is observed now.
                self.abort_asked_during_act = false;
                self.say(Event::Seen(Box::new(observation)));
                true
            }
        }
    }

    fn answer_record(&mut self, record: Effect, fate: Fate) {
        if fate == Fate::Done {
            self.records += 1;
            self.write_down(record);
            self.say(Event::Recorded);
        } else {
            self.say(Event::Unrecorded {
                kind: if fate == Fate::Refused {
                    NotWritten::Refused
                } else {
                    NotWritten::Unanswered
                },
                why: "the registry is not heard".into(),
            });
        }
    }

    pub(super) fn write_down(&mut self, record: Effect) {
        match (record, &mut self.journal) {
            (Effect::Record(entry), Some(journal)) => {
                let next = journal.entries.len() + 1;
                assert_eq!(usize::try_from(entry.sequence), Ok(next), "{entry:?}");
                journal.entries.push(entry);
            }
            (Effect::Head(head), Some(journal)) => journal.head = *head,
            (Effect::Head(head), none) => {
                *none = Some(Recorded {
                    head: *head,
                    entries: Vec::new(),
                });
            }
            (other, _) => panic!("written before it was opened: {other:?}"),
        }
    }

    /// What the journal tells another reader about this release; `None` while an entry is being
    /// written, because then driver and journal may differ.
    pub(crate) fn told(&self) -> Option<Observed> {
        let journal = self.journal.as_ref()?;
        if matches!(self.owed, Some(Owed::Record(_))) || self.is_unwritten() {
            return None;
        }
        // A driver that stops releases its lock.
        let is_driven = !self.is_over();
        let lock = LockHolder {
            record: LockRecord {
                purpose: greenroom::inventory::LockPurpose::Release,
                operator: operator(),
                console: "c1".into(),
                release: self.plan.release,
                since: Timestamp::UNIX_EPOCH,
                message: String::new(),
            },
            token: FencingToken(7),
            ttl_seconds: Some(30),
        };
        let lock = is_driven.then_some(&lock);
        let definition = &self.plan.definition;
        Some(observed(journal, definition, lock, None, self.now))
    }

    /// Whether an end is recorded.
    pub(crate) fn is_closed(&self) -> bool {
        let journal = self.journal.as_ref();
        journal.is_some_and(|journal| journal.head.closed.is_some())
    }

    /// Whether an entry is being written.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.owed, Some(Owed::Record(_)))
    }

    fn is_unwritten(&self) -> bool {
        matches!(self.progress(), Progress::Unrecorded { .. })
    }

    fn answer_act(&mut self, actions: &[Action], mut fate: Fate) {
        match fate {
            // The pointer names its from too: a former driver may have moved it late.
            Fate::Done if self.is_moved_meanwhile(actions) => {
                self.apply(actions, true);
                fate = Fate::Refused;
            }
            Fate::Done | Fate::FailedAfter => self.apply(actions, self.is_moved_meanwhile(actions)),
            Fate::HalfDone => self.apply(actions, true),
            Fate::FailedBefore | Fate::Refused => {}
        }
        let kind = match fate {
            Fate::Done => {
                self.say(Event::Acted(Ok(())));
                return;
            }
            Fate::Refused => ActionErrorKind::Final,
            _ => ActionErrorKind::Temporary,
        };
        self.say(Event::Acted(Err(ActionError {
            kind,
            text: "it broke off".into(),
        })));
    }

    fn is_moved_meanwhile(&self, actions: &[Action]) -> bool {
        movement(actions).is_some_and(|movement| !self.is_from(movement))
    }

    /// Performs the actions, or only the first half: of several actions the last one is left out.
    pub(super) fn apply(&mut self, actions: &[Action], is_half: bool) {
        let whole = match actions {
            [only] => return self.apply_one(only, is_half),
            [whole @ .., _] if is_half => whole,
            all => all,
        };
        for action in whole {
            self.apply_one(action, false);
        }
    }

    fn apply_one(&mut self, action: &Action, is_half: bool) {
        match action {
            Action::Pull(_) => self.has_image = true,
            Action::Install => self.is_installed = true,
            Action::Create { slot, version, .. } => {
                *self.slots.get_mut(*slot) = Some(Running {
                    digest: version.digest.clone(),
                    up: !is_half,
                    well: true,
                    release: self.plan.release,
                    life: Life::default(),
                });
            }
            Action::Register { slot, .. } => *self.registered.get_mut(*slot) = true,
            Action::Switch(movement) => {
                self.route = Some((movement.generation, movement.to));
                self.routed_by = self.plan.release;
                self.is_pointer_told = false;
                // With two edges, half of a switch reaches the route and the first edge.
                if !is_half || self.second.is_some() {
                    self.point(movement, is_half);
                }
                self.is_pointer_fenced |= !is_half;
            }
            Action::Deregister(slot) => *self.registered.get_mut(*slot) = false,
            Action::Stop { slot, .. } => {
                // When the engine answers that it is stopped, it has completed earlier requests.
                if stopped(&self.late) == Some(*slot) {
                    self.late.clear();
                }
                self.exit(*slot);
            }
            Action::Start { slot, .. } => {
                if let Some(running) = self.slots.get_mut(*slot) {
                    running.up = true;
                }
            }
            Action::Remove { slot, .. } => *self.slots.get_mut(*slot) = None,
            Action::Route(_)
            | Action::Rebase { .. }
            | Action::CreateTask(_)
            | Action::StartTask(_)
            | Action::Quiet { .. }
            | Action::StopTask(_) => panic!("no release does that: {action:?}"),
        }
    }

    fn look(&mut self, ask: Ask, fate: Fate) -> Observation {
        if fate != Fate::Done {
            return Observation {
                blind: vec!["it is not heard".into()],
                ..Observation::default()
            };
        }
        self.has_looked = true;
        let edges = self.edges(ask);
        if ask.proxy {
            self.told_pointers = edges.slots();
            self.is_pointer_told = true;
        }
        let probe = ask.probe.map(|slot| self.probe(slot));
        let report = ask.checks.then(|| self.report());
        Observation {
            image: ask.image.then_some(self.has_image),
            edges,
            instances: ask
                .instances
                .then(|| PerSlot::from_fn(|slot| SlotMembers::new(self.instance(slot)))),
            probe,
            registry: ask.registry.then(|| self.record()),
            direct: ask.direct.map(|_| self.public.direct()),
            traffic: ask.traffic.and(self.public.traffic),
            jobs: None,
            connections: ask.connections.map(|_| Connections::Open(0)),
            report,
            tasks: ask.tasks.then(Vec::new),
            live_in_first: self
                .live_in_first
                .clone()
                .ok()
                .filter(|_| ask.live_in_first),
            past_of_first: self.past_of_first.clone().filter(|_| ask.live_in_first),
            clocks: self.clocks.clone(),
            blind: match &self.live_in_first {
                Err(why) if ask.live_in_first => vec![why.clone()],
                _ => Vec::new(),
            },
        }
    }

    fn probe(&mut self, slot: Slot) -> Probe {
        let healthy = self
            .slots
            .get(slot)
            .as_ref()
            .is_some_and(|r| r.up && r.well);
        *self.told_healthy.get_mut(slot) = healthy;
        Probe {
            healthy,
            detail: String::new(),
            took: Duration::from_millis(1),
        }
    }

    fn report(&mut self) -> Report {
        let running = self.slots.get(self.plan.slot).as_ref();
        let report = Report {
            digest: running.map_or_else(|| digest('0'), |r| r.digest.clone()),
            runs: self
                .instance(self.plan.slot)
                .iter()
                .map(Instance::run)
                .collect(),
            at: self.now,
            cases: vec![CaseReport {
                overridden: None,
                tests: Vec::new(),
                name: "home".into(),
                required: true,
                verdict: if self.checks_pass {
                    Verdict::Passed
                } else {
                    Verdict::Failed
                },
                detail: String::new(),
                took: Duration::from_millis(1),
                request: String::new(),
                response: String::new(),
            }],
        };
        self.told_report = Some(report.clone());
        report
    }

    pub(super) fn instance(&self, slot: Slot) -> Option<Instance> {
        let running = self.slots.get(slot).as_ref()?;
        Some(Instance {
            id: InstanceId(format!("{slot}-{}", running.release)),
            name: format!("greenroom-web.production.{slot}"),
            target: self.plan.target().clone(),
            slot,
            number: 1,
            of: 1,
            endpoint: None,
            digest: running.digest.clone(),
            tag: None,
            release: Some(running.release),
            state: if running.up {
                InstanceState::Running
            } else {
                InstanceState::Exited { code: Some(0) }
            },
            health: running.life.health,
            started_at: Some(running.life.started_at),
            restarts: running.life.restarts,
            last_exit: running.life.last_exit,
            pid: None,
            labels: ImageLabels::default(),
            configuration: BTreeMap::new(),
        })
    }

    pub(super) fn record(&self) -> RegistryRecord {
        RegistryRecord {
            route: self.route.map(|(generation, live)| Revisioned {
                value: Route {
                    generation,
                    live,
                    addresses: endpoint(live).into(),
                    digest: if live == self.plan.slot {
                        self.plan.version.digest.clone()
                    } else {
                        digest('a')
                    },
                    release: self.routed_by,
                    token: FencingToken(7),
                },
                revision: 1,
            }),
            slots: PerSlot::from_fn(|slot| {
                let running = self.slots.get(slot).as_ref();
                self.is_registered(slot).then(|| Revisioned {
                    value: Registration {
                        slot,
                        members: vec![RegisteredMember {
                            endpoint: Some(endpoint(slot)),
                            instance: InstanceId("x".into()),
                        }],
                        tag: None,
                        digest: running.map_or_else(|| digest('0'), |r| r.digest.clone()),
                        release: self.plan.release,
                        registered_at: self.now,
                        token: FencingToken(7),
                    },
                    revision: 1,
                })
            }),
            hold: self.hold.clone(),
            peer_approvals: self.peer_approvals.clone(),
            problems: self.problems.clone(),
            revision: i64::MAX,
            ..RegistryRecord::default()
        }
    }

    /// The edges, as far as they are asked.
    fn edges(&mut self, ask: Ask) -> Edges {
        let [first, second] = edge_names();
        let mut edges = Edges::from_iter([(first, self.edge(ask, self.pointer))]);
        if let Some(SecondEdge { pointer, is_silent }) = self.second {
            *edges.edge_mut(&second) = if is_silent {
                Edge::default()
            } else {
                self.edge(ask, pointer)
            };
        }
        edges
    }

    fn edge(&mut self, ask: Ask, pointer: Option<(u64, Slot)>) -> Edge {
        let installation = if self.is_installed {
            Installation::Current
        } else {
            Installation::Missing
        };
        let named = pointer.map(|(_, slot)| slot);
        let public = ask.public.then(|| self.public.answers(named));
        let (public, public_kept) = public.unzip();
        Edge {
            answer: if ask.proxy {
                EdgeAnswer::Routes(proxy_answer(pointer))
            } else {
                EdgeAnswer::Unknown
            },
            installation: ask.installation.then_some(installation),
            public,
            public_kept,
            ..Edge::default()
        }
    }

    /// Fires the timer if one is set; its time passes.
    pub(crate) fn fire(&mut self) -> bool {
        let Some((id, after)) = self.timer.take() else {
            return false;
        };
        self.pass(after);
        self.say(Event::Fired(id));
        true
    }

    /// From here on every call succeeds and every question is approved.
    pub(crate) fn go_well(&mut self, most: usize) {
        for _ in 0..most {
            if self.is_over() {
                return;
            }
            if self.answer(Fate::Done) {
                continue;
            }
            if let Progress::Asking { step, .. } = self.progress() {
                self.approve(step);
            } else if matches!(self.progress(), Progress::Choosing { .. }) || !self.fire() {
                return;
            }
        }
        panic!("not over after {most} turns: {:?}", self.progress());
    }
}

fn proxy_answer(pointer: Option<(u64, Slot)>) -> ProxyAnswer {
    ProxyAnswer {
        slot: pointer.map(|(_, slot)| slot),
        generation: pointer.map_or(0, |(generation, _)| generation),
        token: FencingToken(7),
        configuration: "mark".into(),
    }
}
