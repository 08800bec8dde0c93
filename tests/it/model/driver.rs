//! A driver: production's state machine, what it waits for, and what it was really shown. Every
//! effect is checked against the interlocks before it is performed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use greenroom::history::{Direction, ReleaseKind, Step};
use greenroom::release::{
    Action, Approved, Ask, Effect, Event, Machine, Observation, Plan, Stage, TimerId,
};

use super::calls::{Doing, Who};
use super::flaws::Flaw;
use super::journal::Line;
use super::names::time;
use super::never::Violation;
use super::planning::mark;
use super::scope::Scope;
use super::side::Side;
use super::state::World;

/// What a driver waits for.
#[derive(Debug, Clone)]
pub(crate) enum Owed {
    Write(Effect),
    Act(Doing),
    Look(Ask),
}

/// What was really observed and approved. The machine may have been shown something else.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Knows<S: Side> {
    /// The stage that this driver recorded as started and not as ended.
    pub(crate) intent: Option<Stage>,
    /// Whether nothing has been observed since the last act.
    pub(crate) unseen: bool,
    /// What was really so at the last observation.
    pub(crate) seen: S::Seen,
    /// The digest of the last checks, and whether they passed.
    pub(crate) checked: Option<(char, bool)>,
    /// The last approval: its step, its hour, and whether it was for this plan.
    pub(crate) approved: Option<(Step, u8, bool)>,
}

impl<S: Side> Default for Knows<S> {
    fn default() -> Self {
        Self {
            intent: None,
            unseen: false,
            seen: S::Seen::default(),
            checked: None,
            approved: None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Driver<S: Side> {
    pub(crate) machine: Machine,
    pub(crate) plan: Arc<Plan>,
    pub(crate) by: usize,
    pub(crate) number: u8,
    pub(crate) token: i64,
    pub(crate) owed: Option<Owed>,
    /// The newest timer, and whether it fires although nothing waits for it.
    pub(crate) timer: Option<(TimerId, bool)>,
    pub(crate) knows: Knows<S>,
    /// The last observation, for a flaw that repeats it.
    pub(crate) memory: Option<Arc<Observation>>,
}

impl<S: Side> Hash for Driver<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.machine.hash(state);
        mark(&self.plan).hash(state);
        (self.number, self.token, &self.knows).hash(state);
        self.timer.map(|(_, is_instant)| is_instant).hash(state);
        match &self.owed {
            None => 0_u8.hash(state),
            Some(Owed::Write(written)) => (1_u8, Line::of(written)).hash(state),
            Some(Owed::Act(doing)) => (2_u8, doing).hash(state),
            Some(Owed::Look(ask)) => (3_u8, ask).hash(state),
        }
    }
}

impl<S: Side> Driver<S> {
    pub(crate) fn new(
        machine: Machine,
        plan: Arc<Plan>,
        by: usize,
        number: u8,
        token: i64,
    ) -> Self {
        Self {
            machine,
            plan,
            by,
            number,
            token,
            owed: None,
            timer: None,
            knows: Knows::default(),
            memory: None,
        }
    }

    pub(crate) fn who(&self) -> Who<'_> {
        Who {
            by: self.by,
            token: self.token,
            plan: Some(&self.plan),
        }
    }

    pub(crate) fn hear(&mut self, world: &mut World<S>, scope: &Scope<S>, event: Event) {
        for effect in self.machine.handle(time(world.hour), event) {
            self.take(world, scope, effect);
        }
    }

    fn take(&mut self, world: &mut World<S>, scope: &Scope<S>, effect: Effect) {
        let owe = match effect {
            Effect::Announce(_) => return,
            Effect::Schedule { id, after } => {
                if !scope.has(Flaw::TimersAreLost) {
                    self.timer = Some((id, after == Duration::ZERO));
                }
                return;
            }
            written @ (Effect::Record(_) | Effect::Head(_)) => Owed::Write(written),
            Effect::Observe(ask) => Owed::Look(ask),
            Effect::Act {
                actions,
                stage,
                approved,
            } => {
                self.hold_against(world, scope, &actions, stage, &approved);
                self.knows.unseen = true;
                Owed::Act(Doing::new(actions, Some(stage)))
            }
        };
        if self.owed.is_some() {
            world.violations.add(Violation::Overlapped);
        }
        // The new wait has no timer, so an older one fires without effect.
        self.timer = None;
        self.owed = Some(owe);
    }

    fn hold_against(
        &self,
        world: &mut World<S>,
        scope: &Scope<S>,
        actions: &[Action],
        stage: Stage,
        approved: &Approved,
    ) {
        if !approved.covers(&self.plan, stage.step, stage.direction) {
            world.violations.add(Violation::WrongApproval);
        }
        if self.knows.intent != Some(stage) || self.knows.unseen {
            world.violations.add(Violation::Blindly);
        }
        if world.is_at_it(self.by) {
            world.violations.add(Violation::Overlapped);
        }
        if let Some(violation) = S::forbids(self, actions, stage.direction) {
            world.violations.add(violation);
        }
        if stage.direction == Direction::Forward && scope.tier.is_protected() {
            self.hold_approval(world, stage.step);
        }
    }

    /// In a protected environment: an approval of this step of this plan, in this hour.
    fn hold_approval(&self, world: &mut World<S>, step: Step) {
        let begins_warm = self.plan.kind == ReleaseKind::WarmRollback && step != Step::Stop;
        if begins_warm || !matches!(step, Step::Register | Step::Switch | Step::Stop) {
            return;
        }
        match self.knows.approved {
            Some((yes, hour, is_ours)) if yes == step => {
                if !is_ours || hour != world.hour {
                    world.violations.add(Violation::WrongApproval);
                }
            }
            _ => world.violations.add(Violation::Unasked),
        }
    }
}
