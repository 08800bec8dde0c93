//! The side of two slots behind one proxy: two places for a version, a route and registrations in the store, and the
//! pointer of the proxy. A worker has the same without a proxy.

mod acts;
mod bounds;
mod edits;
mod engine;
mod events;
mod flaws;
mod look;
mod mutants;
mod planning;
mod proxy;
mod repair_mutants;
mod repair_scopes;
mod repairs;
mod scopes;
mod store;
mod task_mutants;
mod task_scopes;
mod tasks;

use greenroom::history::{Direction, Recorded};
use greenroom::inventory::{Address, ServiceKind, Slot, Snapshot, Task};
use greenroom::release::{Action, Definition, Facts, Move, Plan, Resolved, ResumeAction};

use super::calls::{Call, Doing, Hand};
use super::driver::Driver;
use super::journal::forget_task;
use super::look::{Blind, Look};
use super::names::{LIVE, OLDER, is_digest};
use super::never::Violation;
use super::scope::Scope;
use super::side::{Side, Sighting};
use super::state::{End, State, World};
use crate::support::web::endpoint;
use bounds::{Bounds, ByHand};
use edits::Edited;
use engine::{BEFORE, Running, index};
use events::SlotsEvent;
use flaws::SlotsFlaw;
use proxy::Proxy;
use store::{Entered, Route};
use tasks::Tasks;

#[derive(Debug, Clone, Hash)]
pub(crate) struct Slots {
    pub(crate) engine: [Option<Running>; 2],
    pub(crate) route: Option<Route>,
    pub(crate) registered: [Option<Entered>; 2],
    pub(crate) proxy: Proxy,
    pub(crate) kind: ServiceKind,
    /// Whether people have moved traffic by hand, or never do.
    pub(crate) meddled: bool,
    /// How many edits may still happen.
    pub(crate) edits: u8,
    pub(crate) edited: Edited,
    /// A slot in which requests arrive that the proxy does not send there.
    pub(crate) lingers: Option<Slot>,
    /// The version of each slot that was live there last. Kept only where an operator repairs.
    pub(crate) was_live: [Option<char>; 2],
    pub(crate) tasks: Tasks,
}

/// What a driver really observed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Seen {
    /// The slot that was probed, and whether it was healthy.
    probe: Option<(Slot, bool)>,
    /// What was running in the candidate's slot.
    digest: Option<char>,
}

impl Slots {
    pub(crate) fn has_traffic(&self, slot: Slot) -> bool {
        let by_route = self.route.is_some_and(|route| route.live == slot);
        by_route || self.proxy.link == Some(slot)
    }

    /// The address of a slot; none for a worker.
    pub(crate) fn address(&self, slot: Slot) -> Option<Address> {
        (!self.kind.is_background()).then(|| endpoint(slot))
    }

    /// Whether a slot is registered and answers, or takes jobs, or would without events from outside.
    pub(crate) fn can_answer(&self, slot: Slot) -> bool {
        let at = index(slot);
        let runs = self.engine[at].is_some_and(|it| it.hurt || it.is_healthy() && !it.quiet);
        let is_registered = self.registered[at].is_some() || self.edited.unregistered[at];
        (runs || self.edited.gone[at]) && is_registered
    }
}

impl Scope<Slots> {
    /// Whether the world has this flaw, which only slots have.
    fn has_own(&self, flaw: SlotsFlaw) -> bool {
        self.has(super::flaws::Flaw::Side(flaw))
    }
}

impl Side for Slots {
    type Bounds = Bounds;
    type Flaw = SlotsFlaw;
    type Event = SlotsEvent;
    type Seen = Seen;

    /// `a` is live in blue, as the 41st generation.
    fn start(scope: &Scope<Self>) -> Self {
        let entered = |digest, instance| {
            Some(Entered {
                digest,
                instance,
                release: BEFORE,
                token: 0,
            })
        };
        let mut slots = Self {
            engine: [Some(Running::started(BEFORE, LIVE)), None],
            route: Some(Route {
                generation: 41,
                live: Slot::Blue,
                digest: LIVE,
                release: BEFORE,
                token: 0,
            }),
            registered: [entered(LIVE, BEFORE), None],
            proxy: if scope.side.kind.is_background() {
                Proxy::none()
            } else {
                Proxy::at(41, Slot::Blue)
            },
            kind: scope.side.kind,
            meddled: scope.side.by_hand == ByHand::Never,
            edits: scope.side.edit_count,
            edited: Edited::default(),
            lingers: None,
            was_live: [scope.has_repair().then_some(LIVE), None],
            tasks: Tasks::new(scope.side.task_budget),
        };
        if scope.side.leftover {
            slots.engine[1] = Some(Running {
                id: 50,
                up: !scope.side.kind.is_exclusive(),
                ..Running::started(BEFORE, OLDER)
            });
            slots.registered[1] = entered(OLDER, 50);
        }
        slots
    }

    /// At every moment and after any act, traffic goes to a slot that can answer. The live slot of an exclusive service is
    /// stopped during a release, but two slots never run.
    fn broken(&self) -> Option<Violation> {
        if self.kind.is_exclusive() {
            let mut up = self.engine.iter().flatten().filter(|it| it.up);
            return up.nth(1).map(|_| Violation::TwoAtOnce);
        }
        let live = self.route.filter(|_| !self.edited.route);
        let live = live.map(|route| route.live);
        let link = self.proxy.link.filter(|_| !self.edited.pointer);
        let mut slots = [live, link].into_iter().flatten();
        let is_broken = slots.any(|slot| !self.can_answer(slot));
        is_broken.then_some(Violation::RoutedToNothing)
    }

    fn is_hurt(&self) -> bool {
        let mut running = self.engine.iter().flatten();
        running.any(|it| it.hurt)
    }

    fn candidate(&self, plan: &Plan) -> Option<char> {
        self.engine[index(plan.slot)].map(|it| it.digest)
    }

    fn facts(world: &World<Self>, scope: &Scope<Self>, number: u8, version: Resolved) -> Facts {
        planning::facts(world, scope, number, version)
    }

    fn is_as_planned(world: &World<Self>, plan: &Plan) -> bool {
        planning::is_as_planned(world, plan)
    }

    fn resumed(
        world: &World<Self>,
        recorded: &Recorded,
        definition: &Definition,
        resume_action: ResumeAction,
    ) -> Option<Plan> {
        planning::resumed(world, recorded, definition, resume_action)
    }

    fn see(
        world: &World<Self>,
        scope: &Scope<Self>,
        driver: &Driver<Self>,
        look: Look,
    ) -> Sighting<Self> {
        look::see(world, scope, driver, look)
    }

    fn forbids(
        driver: &Driver<Self>,
        actions: &[Action],
        direction: Direction,
    ) -> Option<Violation> {
        match actions {
            [Action::Switch(movement)] => forbids_switch(driver, movement, direction),
            _ => None,
        }
    }

    fn make(hand: &mut Hand<'_, '_, Self>, doing: &mut Doing, action: &Action) -> Call {
        hand.next_call(doing, action)
    }

    fn events(scope: &Scope<Self>, state: &State<Self>) -> Vec<SlotsEvent> {
        events::possible(scope, state)
    }

    fn befalls(state: &mut State<Self>, event: &SlotsEvent) {
        events::befalls(state, event);
    }

    fn quiet(scope: &Scope<Self>) -> bool {
        scope.side.quiet
    }

    fn kind(scope: &Scope<Self>) -> ServiceKind {
        scope.side.kind
    }

    fn tasks(scope: &Scope<Self>) -> Vec<Task> {
        scope.side.tasks.defined()
    }

    fn broken_by(&self, plan: &Plan, end: End) -> Option<Violation> {
        let is_over = matches!(end, End::Done | End::BackedOut) && self.kind.is_exclusive();
        let live = self.route.filter(|_| is_over).map(|route| route.live);
        if live.is_some_and(|live| !self.can_answer(live)) {
            return Some(Violation::RoutedToNothing);
        }
        self.tasks.broken_by(plan, end)
    }

    fn needs_a_person(&self, is_back: bool) -> bool {
        self.tasks.needs_a_person(is_back)
    }

    fn read_journal(scope: &Scope<Self>, recorded: &mut Recorded) {
        if scope.has_own(SlotsFlaw::BegunForgotten) {
            recorded.entries.iter_mut().for_each(forget_task);
        }
    }

    fn finish_tasks(&mut self) {
        self.tasks.finish();
    }

    fn snapshot(
        world: &World<Self>,
        scope: &Scope<Self>,
        own: Option<i64>,
        blind: Blind,
    ) -> Option<Snapshot> {
        Some(repairs::snapshot(world, scope, own, blind))
    }

    fn can_be_repaired(&self) -> bool {
        let mut running = self.engine.iter().flatten();
        self.lingers.is_none() && running.all(|it| it.well)
    }

    fn forbids_repair(&self, action: &Action) -> Option<Violation> {
        self.forbids_action(action)
    }

    fn connections(&self, slot: Slot) -> Option<u64> {
        Some(u64::from(self.lingers == Some(slot)))
    }

    fn earlier() -> Option<Recorded> {
        Some(repairs::earlier())
    }
}

/// A switch needs a healthy slot, and a switch forward the planned version with passed checks.
fn forbids_switch(
    driver: &Driver<Slots>,
    movement: &Move,
    direction: Direction,
) -> Option<Violation> {
    let knows = &driver.knows;
    if knows.seen.probe != Some((movement.to, true)) {
        return Some(match direction {
            Direction::Forward => Violation::Unchecked,
            Direction::Back => Violation::RoutedToNothing,
        });
    }
    let is_planned = |letter: char| is_digest(&driver.plan.version.digest, letter);
    let runs = knows.seen.digest.is_some_and(is_planned);
    let checked = knows.checked;
    let checked = checked.is_some_and(|(letter, passed)| passed && is_planned(letter));
    let is_forbidden = direction == Direction::Forward && !(runs && checked);
    is_forbidden.then_some(Violation::Unchecked)
}
