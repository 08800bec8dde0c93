//! A side of the model: the part of a world that depends on how a target runs and gets its traffic.
//!
//! [`super::state::World`] has what every target has: the clock, the lock, the journals, late calls and other
//! operators. A side adds what runs, what is stored about it, and the proxies. Each side has its own folder with its
//! scopes. [`super::two_slots::Slots`] is the side of two slots behind one proxy.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use greenroom::history::{Direction, Recorded};
use greenroom::inventory::{ServiceKind, Slot, Snapshot, Task};
use greenroom::release::{Action, Definition, Facts, Observation, Plan, Resolved, ResumeAction};

use super::calls::{Call, Doing, Hand};
use super::driver::Driver;
use super::look::{Blind, Look};
use super::never::Violation;
use super::scope::Scope;
use super::state::{End, State, World};

/// What a driver observes.
pub(crate) struct Sighting<S: Side> {
    /// What the machine is shown, changed by the flaws.
    pub(crate) observation: Observation,
    /// What is really so.
    pub(crate) seen: S::Seen,
    /// The observation that a flaw repeats later.
    pub(crate) memory: Option<Arc<Observation>>,
}

pub(crate) trait Side: Clone + Debug + Hash + Send + Sync + 'static {
    /// The bounds that only this side has.
    type Bounds: Clone + Debug + Default + Send + Sync;
    /// The flaws that only this side has.
    type Flaw: Copy + Debug + PartialEq + Send + Sync;
    /// An event that no operator of Greenroom causes.
    type Event: Clone + Debug + PartialEq + Send + Sync;
    /// What a driver really observed last. The machine may have been shown something else.
    type Seen: Clone + Debug + Default + Hash + Send + Sync;

    /// The side before the first release of the model.
    fn start(scope: &Scope<Self>) -> Self;

    /// The interlock that is broken now.
    fn broken(&self) -> Option<Violation>;

    /// Whether an event from outside changed what runs in a way that no release can mend.
    fn is_hurt(&self) -> bool;

    /// What runs where the plan puts its version.
    fn candidate(&self, plan: &Plan) -> Option<char>;

    /// The facts for production's planner. `number` is the number of the release.
    fn facts(world: &World<Self>, scope: &Scope<Self>, number: u8, version: Resolved) -> Facts;

    /// Whether the world is still as the plan needs it, see `Engine::open`.
    fn is_as_planned(world: &World<Self>, plan: &Plan) -> bool;

    /// The plan of a release that another operator resumes.
    fn resumed(
        world: &World<Self>,
        recorded: &Recorded,
        definition: &Definition,
        resume_action: ResumeAction,
    ) -> Option<Plan>;

    fn see(
        world: &World<Self>,
        scope: &Scope<Self>,
        driver: &Driver<Self>,
        look: Look,
    ) -> Sighting<Self>;

    /// The interlock that these actions break, by what their driver really observed.
    fn forbids(
        driver: &Driver<Self>,
        actions: &[Action],
        direction: Direction,
    ) -> Option<Violation>;

    /// Makes the next call of the action under way.
    fn make(hand: &mut Hand<'_, '_, Self>, doing: &mut Doing, action: &Action) -> Call;

    /// The events that are possible now.
    fn events(scope: &Scope<Self>, state: &State<Self>) -> Vec<Self::Event>;

    fn befalls(state: &mut State<Self>, event: &Self::Event);

    /// What a repair observes; none for a side that is not repaired. `own` is the token of the repair's lock, if it has
    /// the lock.
    fn snapshot(
        _world: &World<Self>,
        _scope: &Scope<Self>,
        _own: Option<i64>,
        _blind: Blind,
    ) -> Option<Snapshot> {
        None
    }

    /// Whether a repair can remove every difference that it has actions for: nothing is ill that has to heal first.
    fn can_be_repaired(&self) -> bool {
        true
    }

    /// The interlock that an action of a repair breaks if it is performed now.
    fn forbids_repair(&self, _action: &Action) -> Option<Violation> {
        None
    }

    /// Whether the old version of a worker is told to take no more jobs.
    fn quiet(_scope: &Scope<Self>) -> bool {
        false
    }

    fn kind(_scope: &Scope<Self>) -> ServiceKind {
        ServiceKind::Http
    }

    /// The tasks of the first release.
    fn tasks(_scope: &Scope<Self>) -> Vec<Task> {
        Vec::new()
    }

    /// The interlock that is broken if a release of this plan ends this way now.
    fn broken_by(&self, _plan: &Plan, _end: End) -> Option<Violation> {
        None
    }

    /// Whether a release cannot end in this direction although nothing more fails, so that an operator leaves it.
    fn needs_a_person(&self, _is_back: bool) -> bool {
        false
    }

    /// Every running command of a task ends with 0.
    fn finish_tasks(&mut self) {}

    /// What a driver reads in the journal of the release that it resumes, changed by the flaws.
    fn read_journal(_scope: &Scope<Self>, _recorded: &mut Recorded) {}

    /// The number of connections of a slot.
    fn connections(&self, _slot: Slot) -> Option<u64> {
        None
    }

    /// The release from before the first release of the model.
    fn earlier() -> Option<Recorded> {
        None
    }
}
