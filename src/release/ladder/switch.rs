//! *switch*: moves the traffic to the candidate.
//!
//! - Act: the route in the store moves *from* X *to* Y, then the pointer of every edge moves.
//! - Done when route and every edge name slot and generation, and the slot answers the public address over a fresh and
//!   a kept connection, without a server error. If the public answers of the old version agreed with its direct
//!   answers, the candidate's public answers must have the status and the kind of body of its direct answers. Three
//!   bad answers in a row move the traffic of a promote back.
//! - Undone by: the same in the other direction, with a higher generation.

mod back;

use std::time::Duration;

use jiff::Timestamp;

use super::conditions::{BAD_IN_A_ROW, checked_candidate, checks_passed, slots_and_traffic};
use super::public::{self, Public};
use super::{
    AfterFailure, Course, Evidence, Judgement, Property, Situation, StageDefinition,
    StepDefinition, StepSummary, Verdict, first,
};
use crate::checks::hide_in_query;
use crate::inventory::{EdgeSlots, PeerApproval, RegistryRecord, Slot, SlotMembers};
use crate::release::{
    Action, Approvable, Ask, Draft, Move, Need, Observation, Plan, ProxyWords, Purpose, Refusal,
    Rewrite, RouteBefore, Weighed, peer_approved_words, unread_approvals, weigh,
};

/// The pause between two observations of the movement.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// The pause before the next request to a public address that gave a bad answer.
const BAD_ANSWER_AGAIN: Duration = Duration::from_millis(250);

pub(super) struct Switch;

impl StageDefinition for Switch {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            probe: Some(plan.slot),
            public: true,
            direct: plan.from.as_ref().map(|from| from.slot),
            live_in_first: plan.only_from().is_some(),
            ..slots_and_traffic()
        }
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        if is_switched(situation.plan, situation.observation) {
            return Verdict::Nothing;
        }
        match movement(situation) {
            Ok(movement) => Verdict::Act(vec![movement]),
            Err(verdict) => verdict,
        }
    }

    fn evidence(&self, situation: &Situation<'_>) -> Evidence {
        let (plan, observation) = (situation.plan, situation.observation);
        let is_observed =
            plan.definition.public.is_none() || observation.edges.is_any_public_known();
        Evidence {
            agreed: is_observed.then(|| public::agreed_before(plan, observation)),
            ..evidence_of_approvals(situation)
        }
    }

    fn ask_after(&self, plan: &Plan, _course: &Course) -> Ask {
        Ask {
            registry: true,
            proxy: true,
            public: true,
            direct: Some(plan.slot),
            ..Ask::default()
        }
    }

    /// Judges whether the traffic has moved to the candidate. For a promote, also judges whether the public gets good
    /// answers of the candidate.
    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let (plan, observation) = (situation.plan, situation.observation);
        let routed = routed(plan, plan.slot, Some(plan.generation), observation);
        if !matches!(routed, Judgement::True(_)) || plan.kind.is_rollback() {
            return routed;
        }
        let Public::Bad(why) = public::judge(plan, plan.slot, observation, course.compares) else {
            return routed;
        };
        course.bad_in_a_row += 1;
        if course.bad_in_a_row >= BAD_IN_A_ROW {
            return Judgement::Never(format!("{BAD_IN_A_ROW} bad answers in a row: {why}"));
        }
        Judgement::NotYet(why)
    }

    fn pause(&self, _plan: &Plan, course: &Course, _now: Timestamp) -> Duration {
        if course.bad_in_a_row > 0 {
            BAD_ANSWER_AGAIN
        } else {
            LOOK_AGAIN
        }
    }
}

/// The approvals by other operators that count, and what is live now in the environment that must have the version
/// first.
pub(super) fn evidence_of_approvals(situation: &Situation<'_>) -> Evidence {
    let plan = situation.plan;
    let replaced = first::replaced_by(plan, situation.observation);
    Evidence {
        peer_approvals: peer_approvals(situation)
            .counted
            .into_iter()
            .cloned()
            .collect(),
        remark: replaced.map(|(environment, live)| {
            format!(
                "in {environment}, {} is live now and has replaced {}",
                live.name(),
                plan.version.name()
            )
        }),
        ..Evidence::default()
    }
}

/// How many other operators must approve the plan before the live version changes.
pub(super) fn approvers(plan: &Plan) -> usize {
    Approvable::planned(plan).approvers_needed()
}

/// Checks that the live version may change, as far as this does not depend on the candidate: no hold is active, the
/// version is live where it must be first, the route is that of the plan, and enough operators have approved. The
/// approvals are those that count.
pub(super) fn may_change_live(situation: &Situation<'_>) -> Result<Vec<PeerApproval>, Verdict> {
    let (plan, observation) = (situation.plan, situation.observation);
    let Some(record) = &observation.registry else {
        return Err(unknown_live(observation));
    };
    match plan.held(record.hold.as_ref(), situation.now, &observation.clocks) {
        Some(Refusal::Held(hold)) => {
            let stays = if plan.definition.is_background() {
                "The live version does not change"
            } else {
                "The traffic does not move"
            };
            return Err(Verdict::Refuse(format!(
                "{hold}. {stays} while the hold or freeze is active: retry after its end, or back out"
            )));
        }
        Some(refusal) => {
            return Err(Verdict::Refuse(format!(
                "the traffic does not move: {refusal}"
            )));
        }
        None => {}
    }
    first::judge(plan, observation)?;
    let planned = planned_route(plan);
    let route = observation.route();
    if route != planned && route != Some((plan.generation, plan.slot)) {
        return Err(Verdict::Refuse(format!(
            "the route was {} when the plan was made, and is now {}: back out, then plan again",
            route_words(planned),
            route_words(route)
        )));
    }
    if plan.kind.is_rollback() {
        return Ok(Vec::new());
    }
    enough_peer_approvals(situation, record)
}

/// The generation and the live slot of the route when the plan was made.
fn planned_route(plan: &Plan) -> Option<(u64, Slot)> {
    plan.from.as_ref().map(|from| (from.generation, from.slot))
}

/// The movement of the traffic to the candidate, or the verdict of the guard that prevents it.
fn movement(situation: &Situation<'_>) -> Result<Action, Verdict> {
    let (plan, observation) = (situation.plan, situation.observation);
    checked_candidate(situation)?;
    checks_passed(situation)?;
    let edges = &observation.edges;
    let (Some(record), Some(from)) = (&observation.registry, edges.slots()) else {
        return Err(unknown_live(observation));
    };
    let peer_approvals = may_change_live(situation)?;
    registered(plan, record)?;
    let (planned, route) = (planned_route(plan), observation.route());
    // An earlier switch of this release may have reached some edges. If no version was live, an edge may name an empty
    // slot. This release may already have written the route, so the plan says whether there was a route before.
    let expected = [planned.map(|(_, slot)| slot), Some(plan.slot)];
    let is_empty = |slot| observation.members(slot).is_some_and(SlotMembers::is_empty);
    let unexpected = edges.unexpected(|named| {
        expected.contains(&named) || planned.is_none() && named.is_some_and(is_empty)
    });
    if let Some(edge) = unexpected {
        return Err(Verdict::Refuse(format!(
            "{} names {}, but {} was live when the plan was made: back out, then plan again",
            edge.subject,
            edge.slot().map_or("no slot", Slot::as_str),
            planned.map_or("no version", |(_, slot)| slot.as_str())
        )));
    }
    let purpose = if plan.kind.is_rollback() {
        Purpose::Rollback(plan.hold_left())
    } else {
        // The store compares the hold and the approvals at the switch: an operator may place a hold or withdraw an
        // approval after this observation.
        Purpose::Promote {
            hold: record.hold.clone(),
            peer_approvals,
        }
    };
    let rewrite = Rewrite {
        // An earlier driver of this release may already have written the route, under an earlier token.
        from: RouteBefore::of(route),
        live: plan.slot,
        generation: plan.generation,
        addresses: plan.addresses(),
        digest: plan.version.digest.clone(),
        release: plan.release,
        purpose,
    };
    Ok(move_to(rewrite, from))
}

/// The action that writes the route, and moves each edge from the slot that the edge names now.
fn move_to(route: Rewrite, from: EdgeSlots) -> Action {
    Action::Switch(Box::new(Move {
        from,
        to: route.live,
        generation: route.generation,
        route: Some(route),
    }))
}

fn unknown_live(observation: &Observation) -> Verdict {
    Verdict::Wait(format!(
        "it is not known which slot is live: {}",
        observation.why_blind()
    ))
}

fn registered(plan: &Plan, record: &RegistryRecord) -> Result<(), Verdict> {
    match record.slots.get(plan.slot).as_ref().map(|r| &r.value) {
        Some(entry) if entry.digest == plan.version.digest => Ok(()),
        Some(entry) => Err(Verdict::Refuse(format!(
            "{} is registered with {} instead of {}",
            plan.slot,
            entry.digest.short(),
            plan.version.digest.short()
        ))),
        None => Err(Verdict::Refuse(format!("{} is not registered", plan.slot))),
    }
}

/// The approvals by other operators that count now, or the verdict that too few of them count.
fn enough_peer_approvals(
    situation: &Situation<'_>,
    record: &RegistryRecord,
) -> Result<Vec<PeerApproval>, Verdict> {
    let plan = situation.plan;
    let needed = situation.approvable().approvers_needed();
    let Weighed { counted, ignored } = peer_approvals(situation);
    if counted.len() >= needed {
        return Ok(counted.into_iter().cloned().collect());
    }
    let mut summary = peer_approved_words(needed, &counted, situation.now);
    let unread = unread_approvals(plan.target(), &record.problems);
    for why in ignored.into_iter().chain(unread) {
        summary = format!("{summary}; {why}");
    }
    Err(Verdict::AskAgain(format!(
        "{summary}. The traffic does not move until enough operators have approved"
    )))
}

/// The approvals by other operators that count now. The holder of the lock is the driver. The driver's own approval
/// does not count.
fn peer_approvals<'a>(situation: &Situation<'a>) -> Weighed<'a> {
    let observation = situation.observation;
    let Some(record) = observation
        .registry
        .as_ref()
        .filter(|_| situation.approvable().approvers_needed() > 0)
    else {
        return Weighed::default();
    };
    let driver = record.lock.as_ref().map(|holder| &holder.record.operator);
    weigh(
        situation.approvable(),
        &record.peer_approvals,
        driver,
        (situation.now, &observation.clocks),
    )
}

/// Whether the route and every edge have exactly the slot and the generation of the plan.
fn is_switched(plan: &Plan, observation: &Observation) -> bool {
    let edges = &observation.edges;
    observation.route() == Some((plan.generation, plan.slot))
        && edges.are_at(plan.slot, plan.generation)
}

fn route_words(route: Option<(u64, Slot)>) -> String {
    route.map_or_else(
        || "missing".to_owned(),
        |(generation, slot)| format!("{slot} generation {generation}"),
    )
}

/// Judges whether the route, every edge and the public answers over a fresh and a kept connection name the slot `to`.
/// The edges must have this generation; if `generation` is none, the generation of the route.
fn routed(plan: &Plan, to: Slot, generation: Option<u64>, observation: &Observation) -> Judgement {
    let edges = &observation.edges;
    if observation.registry.is_none() || !edges.have_answered() {
        return Judgement::blind(observation);
    }
    let route = observation.route();
    if route.map(|(_, slot)| slot) != Some(to) {
        return Judgement::NotYet(format!("the route does not name {to}"));
    }
    let wanted = generation.or(route.map(|(generation, _)| generation));
    if let Some(edge) = edges.not_at(to, wanted.unwrap_or_default()) {
        return Judgement::NotYet(format!(
            "{} names {} at generation {}",
            edge.subject,
            edge.slot().map_or("no slot", Slot::as_str),
            edge.generation()
        ));
    }
    match public::judge(plan, to, observation, false) {
        Public::Unknown => Judgement::blind(observation),
        Public::ProxyDown(why) | Public::Silent(why) | Public::Elsewhere(why) => {
            Judgement::NotYet(why)
        }
        Public::NotConfigured | Public::Bad(_) | Public::Good => Judgement::reached(),
    }
}

impl StepDefinition for Switch {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "change the route in etcd from X to Y if it is still X; then rename nginx's live pointer",
            done_when: "nginx names the new slot, and the public address answers (see below)",
        }
    }

    fn calls(&self, draft: &Draft, proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let mut calls = vec![match &plan.from {
            Some(from) => format!(
                "store: move the route from {} generation {} to {} generation {}, only if it has not changed",
                from.slot, from.generation, plan.slot, plan.generation
            ),
            None => format!(
                "store: set the route to {} generation {}, only if no route exists",
                plan.slot, plan.generation
            ),
        }];
        calls.extend(proxy.switch.iter().cloned());
        if let Some(public) = &plan.definition.public {
            calls.push(format!(
                "GET {} on {} as {}, over a fresh and a kept-alive connection, until {}",
                hide_in_query(&public.path).0,
                public.endpoint,
                public.host,
                until_words(plan)
            ));
        }
        calls
    }

    fn undo_words(&self, plan: &Plan) -> String {
        back_words(plan)
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &back::SwitchBack
    }

    /// A person types the environment's name, because *switch* moves the traffic.
    fn need_if_protected(&self) -> Need {
        Need::TypedName
    }

    fn approvers(&self, plan: &Plan) -> usize {
        approvers(plan)
    }

    /// Too many bad public answers in a row move the traffic back.
    fn after_failure(&self, bad_in_a_row: u32) -> AfterFailure {
        if bad_in_a_row >= BAD_IN_A_ROW {
            AfterFailure::BackOut
        } else {
            AfterFailure::AsConfigured
        }
    }

    fn properties(&self) -> &'static [Property] {
        &[
            Property::MovesTraffic,
            Property::NeedsApprovers,
            Property::MayCheckAgain,
        ]
    }
}

/// Says which public answers *switch* waits for, as the judge decides.
fn until_words(plan: &Plan) -> String {
    let slot = plan.slot;
    let then = match (plan.kind.is_rollback(), &plan.from) {
        (true, _) => return format!("{slot} answers"),
        (false, Some(_)) => "switch back",
        (false, None) => "fail the step",
    };
    format!("{slot} answers as it does directly; {BAD_IN_A_ROW} bad answers in a row {then}")
}

/// Describes how the traffic goes back.
pub(super) fn back_words(plan: &Plan) -> String {
    match &plan.from {
        Some(from) if plan.definition.is_exclusive() => format!(
            "remove {}, start {} {} again, and make it live again",
            plan.slot,
            from.slot,
            from.version.name()
        ),
        Some(from) => format!(
            "switch back to {} {}, the same way",
            from.slot,
            from.version.name()
        ),
        None => "not possible: nothing was live before".into(),
    }
}
