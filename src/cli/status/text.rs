//! `status` as text for people: a few lines for each target.

use super::approvals::Approvals;
use crate::history::ReleaseRecord;
use crate::inventory::drift::{Agreement, compare};
use crate::inventory::local_time;
use crate::inventory::{
    Consensus, Instance, LiveSlot, PublicReport, QueueEntry, Role, Slot, SlotSnapshot, Snapshot,
    StoredKey, Target,
};
use crate::release::describe::NO_AGENT;
use crate::release::{Undriven, unread_approvals};
use crate::sanitize::sanitize;

/// The status of one target.
pub(in crate::cli) fn text(
    snapshot: &Snapshot,
    open: Option<&Undriven>,
    approvals: &Approvals,
) -> String {
    let mut lines = vec![format!("{}  ({})", snapshot.target, snapshot.tier)];
    for slot in Slot::BOTH {
        lines.push(slot_line(snapshot, slot));
        lines.extend(member_lines(snapshot, slot));
    }
    let truth = compare(snapshot);
    for (pair, agreement) in truth.pairs() {
        let (left, right) = pair.sides(snapshot);
        match agreement {
            Agreement::Same => {}
            Agreement::Differs(drifts) => {
                for drift in drifts {
                    let name = drift.name;
                    lines.push(format!("  ! {name}: {}", drift.message));
                    lines.push(format!("      {}", name.means()));
                    if snapshot.lock.is_none() {
                        lines.push(format!("      repair: {}", name.mend()));
                    }
                }
            }
            Agreement::Unknown(why) => {
                lines.push(format!("  ? {left} = {right}: unknown, {why}"));
            }
        }
    }
    if !truth.agrees() {
        let target = &snapshot.target;
        lines.push(match &snapshot.lock {
            Some(holder) => format!("      {}", holder.why_no_repair()),
            None => format!(
                "      plan the repair, and see every call: greenroom repair {} {} --dry-run",
                target.service, target.environment
            ),
        });
    }
    if let Some(holder) = &snapshot.lock {
        lines.push(format!(
            "  > {} has driven a release since {}: {}",
            holder.record.operator,
            local_time::moment(holder.record.since),
            holder.record.message
        ));
    }
    lines.extend(snapshot.consoles().map(|watcher| {
        let since = local_time::moment(watcher.since);
        format!(
            "  > {} has watched this target since {since}",
            watcher.operator
        )
    }));
    lines.extend(snapshot.agents().map(|agent| {
        let since = local_time::moment(agent.since);
        format!(
            "  > an agent ({}) has followed this target since {since}",
            agent.operator
        )
    }));
    lines.extend(queue_lines(snapshot));
    if let Some(request) = snapshot
        .handover_request
        .as_ref()
        .filter(|request| request.declined.is_none())
    {
        let message = request.message.as_ref();
        let message = message.map_or(String::new(), |text| format!(": \"{text}\""));
        lines.push(format!(
            "  > {} requested the handover at {}{message}",
            request.operator,
            local_time::moment(request.asked_at)
        ));
    }
    for record in open.iter().flat_map(|open| &open.standby) {
        lines.extend(standby_lines(record));
    }
    lines.extend(interrupted_lines(&snapshot.target, open));
    let ignored = open.iter().flat_map(|open| &open.ignored);
    lines.extend(ignored.map(|line| format!("  ! {line}")));
    for approval in &snapshot.peer_approvals {
        let note = approval.note.as_ref();
        let note = note.map_or(String::new(), |note| format!(": \"{note}\""));
        lines.push(format!(
            "  + release {} approved by {}, until {}{note}",
            approval.release,
            approval.by,
            local_time::moment(approval.expires_at)
        ));
    }
    lines.extend(approvals.lines(snapshot.at));
    lines.extend(holds(snapshot));
    lines.extend(keys(snapshot));
    lines.extend(unknown_lines(snapshot));
    lines.extend(public(snapshot));
    // Other programs can write operators, messages and reasons to the shared store, so all lines are sanitized.
    let lines: Vec<String> = lines.iter().map(|line| sanitize(line)).collect();
    lines.join("\n")
}

/// The releases that were interrupted, and how to go on with the newest.
fn interrupted_lines(target: &Target, open: Option<&Undriven>) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, record) in open.iter().flat_map(|open| &open.interrupted).enumerate() {
        lines.push(format!(
            "  ! release {} ({} to {} by {}) was interrupted",
            record.id, record.kind, record.to.1, record.operator
        ));
        // Only the newest of these releases can be resumed.
        if index == 0 {
            lines.push(format!(
                "      resume it, back it out or leave it: greenroom resume {} {}",
                target.service, target.environment
            ));
        }
    }
    lines
}

/// The newest pending entry of the queue with the number of the others, and whether an agent is missing.
fn queue_lines(snapshot: &Snapshot) -> Vec<String> {
    let pending = snapshot.pending_pushes();
    let Some(newest) = pending.first() else {
        return Vec::new();
    };
    let kind = newest.state.kind();
    let details = newest.state.details();
    let details = details.map_or(String::new(), |details| format!(": {details}"));
    let more = match pending.len() {
        1 => String::new(),
        count => format!("; {} more pending", count - 1),
    };
    let tag = &newest.push.tag;
    let mut lines = vec![format!("  > queue: {tag} {kind}{details}{more}")];
    if snapshot.agents().next().is_none() && pending.iter().any(QueueEntry::needs_agent) {
        lines.push(format!("      {NO_AGENT}"));
    }
    lines
}

/// The holds and freezes in effect, and the hold that was cleared last.
fn holds(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for hold in snapshot.holds(snapshot.at) {
        lines.push(format!("  # {hold}"));
        if let Some(clock) = snapshot.only_by_clock(&hold, snapshot.at) {
            lines.push(format!(
                "      this hold or freeze counts because the clocks differ: {clock}"
            ));
        }
    }
    // A cleared hold is shown as cleared, because another operator may still rely on it.
    let placed = snapshot.hold.as_ref();
    if let Some(hold) = placed.filter(|hold| hold.cleared.is_some()) {
        lines.push(format!("  - hold {}", hold.describe(snapshot.at)));
    }
    lines
}

/// The lines about stored keys that cannot be read or are unknown.
fn keys(snapshot: &Snapshot) -> Vec<String> {
    let target = &snapshot.target;
    let is_approval = |key: &str| StoredKey::of(target, key) == StoredKey::Approval;
    let problems = snapshot.problems.iter();
    let problems = problems.filter(|(key, _)| !is_approval(key));
    let lines = problems.map(|(key, problem)| {
        let is_drift = StoredKey::of(target, key).is_drift();
        let sign = if is_drift { '!' } else { '-' };
        format!("  {sign} {}", StoredKey::line(target, key, problem))
    });
    let unread = unread_approvals(target, &snapshot.problems).into_iter();
    lines
        .chain(unread.map(|line| format!("  - {line}")))
        .collect()
}

/// The old version that a release left running, with the command to stop that version and the command to go back to it.
fn standby_lines(record: &ReleaseRecord) -> [String; 2] {
    let (service, environment) = (&record.target.service, &record.target.environment);
    let old = record.from.as_ref().map_or_else(
        || "the old version".to_owned(),
        |(slot, version)| format!("the old version {version} in {slot}"),
    );
    [
        format!(
            "  - release {} of {} left {old} running",
            record.id, record.operator
        ),
        format!(
            "      stop it: greenroom resume {service} {environment}   go back to it: greenroom rollback {service} {environment}"
        ),
    ]
}

fn slot_line(snapshot: &Snapshot, slot: Slot) -> String {
    let side = snapshot.slots.get(slot);
    let role = snapshot.role(slot);
    let mark = match role {
        Role::Live => "*",
        Role::Unknown => "?",
        _ => " ",
    };
    let prefix = format!("  {mark} {slot:<5}  {role:<9}  {}", side.used_addresses());
    let registered = registered(snapshot, side);
    if let Some(difference) = side.members.difference() {
        return format!("{prefix}  not healthy: {difference}, {registered}");
    }
    let Some(first) = side.members.representative() else {
        if snapshot.sources.runtime.has_answered() {
            // A slot without members and registration is empty, and its role says that.
            return match registered {
                "not registered" => prefix,
                registered => format!("{prefix}  {registered}"),
            };
        }
        if side.addresses.is_empty() {
            return format!("{prefix}  not observed; {registered}");
        }
        let answers = match &side.probe {
            Some(probe) if probe.healthy => "address answers as healthy".to_owned(),
            Some(probe) => format!("address does not answer as healthy: {}", probe.detail),
            None => "address not probed".to_owned(),
        };
        return format!("{prefix}  not observed; {answers}; {registered}");
    };
    let health = match side.members.unhealthy(side.probe.as_ref()) {
        None => "healthy".to_owned(),
        Some(why) if side.members.are_running() => format!("not healthy: {why}"),
        Some(why) => why,
    };
    format!(
        "{prefix}  {} {}  {health}, restarts {}, {registered}",
        first.version_name(),
        first.digest.short(),
        first.restarts
    )
}

/// A line for each member of a slot that is not whole, because only some of them belong to the slot.
fn member_lines(snapshot: &Snapshot, slot: Slot) -> Vec<String> {
    let members = &snapshot.slots.get(slot).members;
    let shown = members.iter().filter(|_| members.difference().is_some());
    let line = |member: &Instance| {
        format!(
            "      {} {} {}, {}, restarts {}",
            member.name,
            member.version_name(),
            member.digest.short(),
            member.state,
            member.restarts
        )
    };
    shown.map(line).collect()
}

fn registered(snapshot: &Snapshot, side: &SlotSnapshot) -> &'static str {
    match &side.registration {
        Some(_) => "registered",
        None if snapshot.sources.registry.has_answered() => "not registered",
        None => "registration unknown",
    }
}

/// A line for each part of the status that is unknown because a source does not answer. If the live slot is unknown, a
/// line about the route in the store follows.
fn unknown_lines(snapshot: &Snapshot) -> Vec<String> {
    let unknown = [
        "which versions are running",
        "registrations, route, lock, holds and interrupted releases",
        "which slot has the traffic",
    ];
    let sources = snapshot.sources.named().into_iter().zip(unknown);
    let mut lines: Vec<String> = sources
        .filter_map(|((name, state), unknown)| {
            let silence = state.silence()?;
            Some(format!("  ! unknown: {unknown}: the {name} {silence}"))
        })
        .collect();
    if snapshot.edges.live() == Consensus::Split && snapshot.sources.router.is_live() {
        let differ = "the proxies name different slots";
        lines.push(format!("  ! unknown: which slot has the traffic: {differ}"));
    }
    let route = snapshot.route.as_ref().map(|route| &route.value);
    if let (LiveSlot::Unknown, Some(route)) = (snapshot.live_slot(), route) {
        lines.push(format!(
            "      the store's route names {}, generation {}",
            route.live, route.generation
        ));
    }
    lines
}

/// The answers at the public address of each edge that does not answer or has no configuration for the target. In both
/// cases the answer cannot be compared with the edge.
fn public(snapshot: &Snapshot) -> Vec<String> {
    let reports = snapshot.edges.public_answers();
    let uncompared = reports.filter(|report| !report.is_compared);
    uncompared
        .filter_map(|PublicReport { address, fresh, .. }| {
            let answer = fresh?;
            Some(match (answer.slot, answer.status) {
                (Some(slot), Some(status)) => {
                    format!("      {slot} answers at {address} with {status}")
                }
                (None, Some(status)) => {
                    format!("  ! a server that names no slot answers at {address} with {status}")
                }
                (_, None) => format!("  ! {address} does not answer: {}", answer.detail),
            })
        })
        .collect()
}
