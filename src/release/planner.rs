//! Makes a plan from a request and the facts, or lists every reason against it.
//!
//! First [`decide`] makes a [`Draft`] with all decisions. Then the proxy describes the calls of the draft's switch, and
//! [`Draft::into_plan`] makes the plan with all calls.

mod standby;
mod warnings;

use crate::history::{Overridden, PlannedCalls, ReleaseKind, Step};
use crate::inventory::drift::{difference_of_route, store_went_back};
use crate::inventory::{
    Digest, Edges, Hold, ImageLabels, Installation, Instance, LAST_PLANNED_GENERATION, Occupancy,
    RegistryRecord, Slot, SlotMembers, StoredKey, Version,
};

use self::standby::{may_be_quieted, may_be_switched_to, warm_version};
use self::warnings::{ends_standby, tasks_left_out, tasks_that_stay_done, warnings};
use super::background;
use super::exceptions::{overridden_checks, override_warning, skipped_tasks};
use super::ladder::{self, Ladder};
use super::unreadable::{taken_keys, taken_warnings, unreadable, unreadable_release};
use super::{
    Definition, Draft, Facts, Known, LiveBefore, Plan, PlanRequest, ProxyWords, Refusal, Refused,
    Resolved, Wanted,
};

/// Decides the slot, the generation and the kind of the release, or refuses with all reasons that are known. If the
/// store cannot be read, these are the reasons from the rules and the image.
pub fn decide(
    request: &PlanRequest,
    definition: &Definition,
    facts: &Facts,
) -> Result<Draft, Refused> {
    let mut against = Vec::new();
    refuse_by_rule(request, definition, facts, &mut against);
    let Some(record) = known(&facts.record, "what the store says", &mut against) else {
        refuse_by_image(request, definition, facts, &mut against);
        return Err(Refused(against));
    };
    refuse_by_record(request, definition, facts, record, &mut against);
    let installation = known_installation(&facts.edges);
    let installation = known(
        &installation,
        "which configuration the proxy has",
        &mut against,
    );
    let edges = &facts.edges;
    let answered = edges.unanswered().map_or(Ok(()), Err);
    known(&answered, "where the traffic goes", &mut against);
    against.extend(background::against(definition, facts, record));
    refuse_by_pointer(definition, facts, record, &mut against);

    let from = live_before(record, definition, facts, &mut against);
    let slot = slot_without_traffic(from.as_ref(), edges);
    let other = occupant(slot, definition, facts, &mut against);
    refuse_by_image(request, definition, facts, &mut against);
    let version = match &facts.version {
        Resolved::Version(version) => Some((**version).clone()),
        Resolved::WarmVersion => warm_version(&other, record, definition, slot),
        _ => None,
    };
    if facts.version == Resolved::WarmVersion && (version.is_none() || from.is_none()) {
        against.push(Refusal::NoStandby);
    }
    if let (Some(version), Some(from)) = (&version, &from) {
        refuse_live_version(version, from, facts, &mut against);
    }
    let is_back = matches!(request.wanted, Wanted::Standby | Wanted::Back(_));
    if let Some(version) = version.as_ref().filter(|_| is_back) {
        refuse_unless_was_live(version, facts, &mut against);
    }
    if !is_back {
        refuse_by_installation(installation, &mut against);
        against.extend(taken_keys(&facts.taken));
    }
    let generation = next_generation(record, edges);
    refuse_by_generation(definition, generation, &mut against);
    let (Some(version), Some(installation), true) = (version, installation, against.is_empty())
    else {
        return Err(Refused(against));
    };

    let is_warm = other.digest() == Some(&version.digest)
        && may_be_switched_to(&other, definition)
        && !may_be_quieted(definition, record, slot);
    let kind = kind(is_back, is_warm);
    let (leftover, warm) = match kind {
        ReleaseKind::WarmRollback => (SlotMembers::default(), other),
        _ => (other, SlotMembers::default()),
    };
    let overridden = overridden(request, definition, record, facts, kind);
    let holds = definition.holds_by(record.hold.as_ref(), facts.now, &facts.clocks);
    let mut warnings = warnings(facts, definition, from.as_ref(), &leftover);
    warnings.extend(ends_standby(facts, record));
    warnings.extend(tasks_left_out(facts));
    warnings.extend(skipped_tasks(&request.skipped_tasks));
    warnings.extend(overridden_checks(&request.overridden_checks));
    if let Installation::Foreign(why) = installation {
        warnings.push(why.clone());
    }
    warnings.extend(match kind {
        ReleaseKind::Promote => overridden.iter().map(override_warning).collect(),
        _ => holds.iter().map(Hold::to_string).collect::<Vec<_>>(),
    });
    if kind.is_rollback() {
        warnings.extend(rollback_warnings(definition, facts, record, &version));
    }
    Ok(Draft {
        plan: Plan {
            release: facts.release,
            kind,
            definition: definition.without_tasks(&request.skipped_tasks),
            from,
            slot,
            version,
            generation,
            leftover,
            warm,
            calls: Vec::new(),
            warnings,
            touched: Vec::new(),
            operator: request.operator.clone(),
            reason: request.reason.clone(),
            overridden,
            trigger: request.trigger.clone(),
            skipped_tasks: request.skipped_tasks.clone(),
            overridden_checks: request.overridden_checks.clone(),
            newest: facts.newest(),
            made_at: facts.now,
            mark: None,
        },
        installation: installation.clone(),
        has_image: facts.has_image,
    })
}

fn kind(is_back: bool, is_warm: bool) -> ReleaseKind {
    match (is_back, is_warm) {
        (false, _) => ReleaseKind::Promote,
        (true, true) => ReleaseKind::WarmRollback,
        (true, false) => ReleaseKind::ColdRollback,
    }
}

/// Refuses if the store was wiped, restored or replaced, or if the route and the proxy disagree although a version has
/// traffic.
fn refuse_by_pointer(
    definition: &Definition,
    facts: &Facts,
    record: &RegistryRecord,
    against: &mut Vec<Refusal>,
) {
    let edges = &facts.edges;
    if let Some(message) = store_went_back(record.revision, edges) {
        let target = definition.target.clone();
        against.push(Refusal::StoreWentBack { target, message });
    } else if let Some(difference) = difference_of_route(record.route.as_ref(), edges)
        && !against
            .iter()
            .any(|it| matches!(it, Refusal::KindChanged { .. }))
        && !is_without_live(record.route.is_some(), edges, |slot| {
            matches!(facts.slots.get(slot), Ok(Occupancy::Free))
        })
    {
        against.push(Refusal::RouteDisagrees { difference });
    }
}

/// The slot for the new version: the slot that is not live. Without a route, this is the slot that the edges do not
/// name: a version in their slot would get traffic before its checks. If the edges differ, the plan is refused.
fn slot_without_traffic(from: Option<&LiveBefore>, edges: &Edges) -> Slot {
    let live = from.map(|from| from.slot).or(edges.slot());
    live.map_or(Slot::Blue, Slot::other)
}

/// Whether no version has traffic: there is no route, and the slot that all edges name is empty. Then a release may
/// start, and its switch takes no traffic from a version. `is_empty` is false for a slot whose content is unknown.
pub(super) fn is_without_live(
    has_route: bool,
    edges: &Edges,
    is_empty: impl FnOnce(Slot) -> bool,
) -> bool {
    !has_route && edges.slot().is_some_and(is_empty)
}

fn next_generation(record: &RegistryRecord, edges: &Edges) -> u64 {
    let routed = record
        .route
        .as_ref()
        .map_or(0, |route| route.value.generation);
    routed.max(edges.answered_generation()).saturating_add(1)
}

/// The state of the configurations of all edges, or why it is not known.
fn known_installation(edges: &Edges) -> Known<Installation> {
    let unknown = || edges.installation_unknown().unwrap_or_default();
    edges.installation().ok_or_else(unknown)
}

/// Refuses a generation that is so high that no later switch could have a higher one. If the plan is already refused
/// because the route and the proxy disagree, this refusal is left out: the repair of the route also corrects the
/// generation.
fn refuse_by_generation(definition: &Definition, generation: u64, against: &mut Vec<Refusal>) {
    let disagrees = |refusal: &Refusal| matches!(refusal, Refusal::RouteDisagrees { .. });
    if generation > LAST_PLANNED_GENERATION && !against.iter().any(disagrees) {
        let target = definition.target.clone();
        against.push(Refusal::GenerationsUsedUp { target, generation });
    }
}

impl Draft {
    /// Makes the plan with the calls of every step. `words` are the proxy's descriptions.
    pub fn into_plan(mut self, words: &ProxyWords) -> Plan {
        let calls = |step: &Step| {
            let definition = ladder::definition(*step);
            definition.is_needed(&self).then(|| PlannedCalls {
                step: *step,
                calls: definition.calls(&self, words),
                undo: definition.undo_words(&self.plan),
            })
        };
        let steps = Ladder::of_definition(&self.plan.definition).steps().iter();
        self.plan.calls = steps.filter_map(calls).collect();
        self.plan.warnings.extend(words.warnings.iter().cloned());
        self.plan.touched.clone_from(&words.touched);
        self.plan.warnings.extend(self.plan.touches());
        self.plan
    }

    pub(super) fn installs(&self) -> bool {
        ladder::definition(Step::Install).is_needed(self)
    }
}

/// The value of a fact. If it is not known, adds a refusal. `question` asks for the fact as an
/// indirect question.
fn known<'a, T>(
    fact: &'a Result<T, String>,
    question: &str,
    against: &mut Vec<Refusal>,
) -> Option<&'a T> {
    match fact {
        Ok(value) => Some(value),
        Err(why) => {
            against.push(Refusal::Unknown {
                fact: question.to_owned(),
                why: why.clone(),
            });
            None
        }
    }
}

/// Refuses a promote if the proxy's configuration is newer than these settings, or has another owner.
fn refuse_by_installation(installation: Option<&Installation>, against: &mut Vec<Refusal>) {
    match installation {
        Some(Installation::Newer(why)) => {
            against.push(Refusal::ConfigurationOlder { why: why.clone() });
        }
        Some(Installation::Foreign(why)) => {
            against.push(Refusal::PlaceTaken { why: why.clone() });
        }
        _ => {}
    }
}

/// Refuses the version that is live. If the live slot is empty or not whole, the same version can be released into the
/// other slot with all steps.
fn refuse_live_version(
    version: &Version,
    from: &LiveBefore,
    facts: &Facts,
    against: &mut Vec<Refusal>,
) {
    if *version == from.version && from.members.is_whole() {
        against.push(Refusal::AlreadyLive {
            slot: from.slot,
            version: version.to_string(),
            unhealthy: why_live_is_unhealthy(from.slot, facts),
        });
    }
}

fn refuse_by_skipped(request: &PlanRequest, definition: &Definition, against: &mut Vec<Refusal>) {
    let tasks = || definition.tasks.iter().map(|task| &task.name);
    let skipped = request.skipped_tasks.iter();
    let unknown = skipped.filter(|name| !tasks().any(|task| task == *name));
    against.extend(unknown.map(|name| Refusal::NoSuchTask {
        name: name.clone(),
        tasks: tasks().cloned().collect(),
    }));
}

fn refuse_by_overridden(
    request: &PlanRequest,
    definition: &Definition,
    against: &mut Vec<Refusal>,
) {
    let required = || definition.suite.cases.iter().filter(|case| case.required);
    let checks = || required().map(|case| &case.name);
    let overridden = request.overridden_checks.iter();
    let unknown = overridden.filter(|name| !checks().any(|check| check == *name));
    against.extend(unknown.map(|name| Refusal::NoSuchCheck {
        name: name.clone(),
        checks: checks().cloned().collect(),
    }));
}

fn refuse_by_rule(
    request: &PlanRequest,
    definition: &Definition,
    facts: &Facts,
    against: &mut Vec<Refusal>,
) {
    if !facts.may_write {
        against.push(Refusal::ReadOnly);
    }
    if request.trigger.is_some() && definition.tier.is_protected() {
        against.push(Refusal::NeedsOperator(
            definition.target.environment.clone(),
        ));
    }
    if definition.lacks_health_check() {
        against.push(Refusal::NoHealthCheck);
    }
    let reason_given = request
        .reason
        .as_deref()
        .is_some_and(|r| !r.trim().is_empty());
    // A rollback does not wait for a reason: the reason can be added later.
    let is_back = matches!(request.wanted, Wanted::Standby | Wanted::Back(_));
    if definition.rules.require_reason && !reason_given && !is_back {
        against.push(Refusal::NoReason);
    } else if !request.skipped_tasks.is_empty() && !reason_given {
        against.push(Refusal::NoReasonToSkip);
    } else if !request.overridden_checks.is_empty() && !reason_given {
        against.push(Refusal::NoReasonToOverride);
    }
    refuse_by_skipped(request, definition, against);
    refuse_by_overridden(request, definition, against);
}

fn refuse_by_record(
    request: &PlanRequest,
    definition: &Definition,
    facts: &Facts,
    record: &RegistryRecord,
    against: &mut Vec<Refusal>,
) {
    let is_back = matches!(request.wanted, Wanted::Standby | Wanted::Back(_));
    let stops = if is_back {
        StoredKey::stops_rollback
    } else {
        StoredKey::stops_promote
    };
    against.extend(unreadable(&definition.target, record, stops));
    if !is_back {
        against.extend(facts.unreadable.first().map(unreadable_release));
    }
    if let Some(lock) = &record.lock
        && facts.standby.is_none()
    {
        against.push(Refusal::locked(&definition.target, Box::new(lock.clone())));
    }
    if !is_back && request.override_holds.is_none() {
        let placed = record.hold.as_ref();
        let (now, clocks) = (facts.now, &facts.clocks);
        let holds = definition.holds_by(placed, now, clocks).into_iter();
        against.extend(holds.map(|hold| {
            let only_by = definition.only_by_clock(&hold, placed, now, clocks);
            Refusal::held(hold, only_by)
        }));
    }
}

/// Warnings for a rollback about an unreadable newest release or hold. An unreadable release or hold would stop a
/// promote.
fn rollback_warnings(
    definition: &Definition,
    facts: &Facts,
    record: &RegistryRecord,
    version: &Version,
) -> Vec<String> {
    let stay_done = tasks_that_stay_done(facts, version).into_iter();
    stay_done
        .chain(unreadable_warnings(definition, facts, record))
        .chain(taken_warnings(&facts.taken))
        .collect()
}

fn unreadable_warnings(
    definition: &Definition,
    facts: &Facts,
    record: &RegistryRecord,
) -> Vec<String> {
    let is_hold = |key| key == StoredKey::Hold;
    let hold = unreadable(&definition.target, record, is_hold).into_iter();
    let newest = facts.unreadable.first().map(unreadable_release);
    let all = newest.into_iter().chain(hold);
    all.map(|refusal| refusal.to_string()).collect()
}

/// The active holds that the request overrides; empty for a rollback, which no hold stops.
fn overridden(
    request: &PlanRequest,
    definition: &Definition,
    record: &RegistryRecord,
    facts: &Facts,
    kind: ReleaseKind,
) -> Vec<Overridden> {
    let Some(why) = &request.override_holds else {
        return Vec::new();
    };
    if kind.is_rollback() {
        return Vec::new();
    }
    let holds = definition.holds_by(record.hold.as_ref(), facts.now, &facts.clocks);
    let overridden = holds.into_iter().map(|hold| Overridden {
        hold,
        why: why.clone(),
    });
    overridden.collect()
}

fn refuse_by_image(
    request: &PlanRequest,
    definition: &Definition,
    facts: &Facts,
    against: &mut Vec<Refusal>,
) {
    match &facts.version {
        Resolved::Missing { wanted } => against.push(Refusal::NoSuchVersion {
            wanted: wanted.clone(),
            repository: definition.repository.clone(),
        }),
        Resolved::NothingLive => {
            if let Wanted::From(environment) = &request.wanted {
                against.push(Refusal::NothingLiveIn(environment.clone()));
            }
        }
        Resolved::Unknown(why) => against.push(Refusal::Unknown {
            fact: "which version is requested".into(),
            why: why.clone(),
        }),
        Resolved::Version(version) => {
            refuse_unless_live_in_only_from(request, definition, facts, version, against);
        }
        Resolved::WarmVersion => {}
    }
}

fn refuse_unless_live_in_only_from(
    request: &PlanRequest,
    definition: &Definition,
    facts: &Facts,
    version: &Version,
    against: &mut Vec<Refusal>,
) {
    let (Some(environment), Some(there)) = (&definition.rules.only_from, &facts.live_in_first)
    else {
        return;
    };
    if matches!(request.wanted, Wanted::Back(_)) {
        return;
    }
    let Some(there) = known(there, &format!("what is live in {environment}"), against) else {
        return;
    };
    if there.as_ref() != Some(version) {
        against.push(Refusal::NotLiveIn {
            environment: environment.clone(),
            version: version.to_string(),
        });
    }
}

fn refuse_unless_was_live(version: &Version, facts: &Facts, against: &mut Vec<Refusal>) {
    if known(&facts.past, "which versions were live before", against).is_some()
        && !facts.was_live.versions.contains(version)
    {
        against.push(Refusal::NeverLiveHere {
            version: version.to_string(),
            remarks: facts.was_live.remarks(&version.digest),
        });
    }
}

/// The live version: the members in the slot of the route. If that slot has no digest, the digest comes from the route.
fn live_before(
    record: &RegistryRecord,
    definition: &Definition,
    facts: &Facts,
    against: &mut Vec<Refusal>,
) -> Option<LiveBefore> {
    let route = &record.route.as_ref()?.value;
    let members = occupant(route.live, definition, facts, against);
    let digest = members.digest().unwrap_or(&route.digest).clone();
    let registered = record.slots.get(route.live).as_ref().map(|r| &r.value);
    let tag = registered
        .filter(|entry| entry.digest == digest)
        .and_then(|entry| entry.tag.clone())
        .or_else(|| members.tag().map(str::to_owned));
    Some(LiveBefore {
        slot: route.live,
        version: Version {
            labels: labels_of(members.representative()),
            ..version_of(definition, digest, tag)
        },
        addresses: members.addresses(definition.endpoints.get(route.live)),
        members,
        generation: route.generation,
    })
}

/// Why the live version is not healthy; none if it is healthy, or if that is not known.
fn why_live_is_unhealthy(slot: Slot, facts: &Facts) -> Option<String> {
    let Ok(Occupancy::Ours(members)) = facts.slots.get(slot) else {
        return None;
    };
    match &facts.live_probe {
        Some(probe) => members.unhealthy(Some(probe)),
        None => (!members.are_running()).then(|| "it is not running".to_owned()),
    }
}

/// The labels of an instance's image, for example its commit; empty without an instance.
fn labels_of(instance: Option<&Instance>) -> ImageLabels {
    instance
        .map(|instance| instance.labels.clone())
        .unwrap_or_default()
}

fn version_of(definition: &Definition, digest: Digest, tag: Option<String>) -> Version {
    Version {
        repository: definition.repository.clone(),
        tag,
        digest,
        labels: ImageLabels::default(),
    }
}

fn occupant(
    slot: Slot,
    definition: &Definition,
    facts: &Facts,
    against: &mut Vec<Refusal>,
) -> SlotMembers {
    let fact = facts.slots.get(slot);
    match known(fact, &format!("what is in {slot}"), against) {
        Some(Occupancy::Ours(members)) => members.clone(),
        Some(Occupancy::Free) | None => SlotMembers::default(),
        Some(Occupancy::Foreign(by)) => {
            against.push(Refusal::SlotTaken {
                slot,
                at: definition.endpoints.get(slot).clone(),
                by: by.clone(),
            });
            SlotMembers::default()
        }
    }
}
