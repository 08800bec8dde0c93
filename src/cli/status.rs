//! `greenroom status`: what runs where, as observed now, both slots of every target, and whatever a
//! release has left behind.

use std::time::Duration;

use super::arguments::{Common, Status};
use super::out::say_json;
use super::{Exit, open};
use crate::history::ReleaseRecord;
use crate::inventory::drift::{Agreement, compare};
use crate::inventory::{Role, Slot, Snapshot, SourceState, Target};
use crate::watchers;
use crate::wire::App;

/// How many releases of a target are looked through for one that was interrupted.
const RECENT: usize = 5;
/// How long the journal may take.
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) async fn run(common: &Common, verb: &Status) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let world = watchers::once(&app.engine, app.frame.clone()).await;
    let wanted =
        |target: &Target| target.is_among(verb.service.as_ref(), verb.environment.as_ref());
    let shown: Vec<&Snapshot> = app
        .targets()
        .filter(|target| wanted(target))
        .filter_map(|target| world.get(target))
        .collect();
    if shown.is_empty() {
        warn_line!("greenroom: no such target is configured");
        return Exit::Usage;
    }
    let looks = shown.iter().map(|snapshot| interrupted(&app, snapshot));
    let interrupted = futures_util::future::join_all(looks).await;
    let mut all_heard = true;
    for (snapshot, interrupted) in shown.into_iter().zip(interrupted) {
        let interrupted = interrupted.unwrap_or_else(|why| {
            warn_line!(
                "greenroom: {}: the journal is not heard: {why}",
                snapshot.target
            );
            all_heard = false;
            Vec::new()
        });
        if common.json {
            say_json(&json(snapshot, &interrupted));
        } else {
            say_line!("{}", text(snapshot, &interrupted));
        }
        all_heard &= silences(snapshot).is_empty();
    }
    if all_heard {
        Exit::Done
    } else {
        Exit::NeedsPerson
    }
}

/// Releases that began, never ended, are driven by nobody now, and have not been overtaken by
/// another that wrote the route.
async fn interrupted(app: &App, snapshot: &Snapshot) -> Result<Vec<ReleaseRecord>, String> {
    let Some(site) = app.engine.site(&snapshot.target) else {
        return Ok(Vec::new());
    };
    let driven = snapshot.lock.as_ref().map(|holder| holder.record.release);
    let recent = site.read.journal.releases(&snapshot.target, RECENT);
    let mut open: Vec<ReleaseRecord> = tokio::time::timeout(PATIENCE, recent)
        .await
        .map_err(|_| format!("no answer within {PATIENCE:?}"))?
        .map_err(|failure| failure.to_string())?;
    // Only what came after the last ending still stands; older ones were overtaken.
    let ended = open.iter().position(|record| record.closed.is_some());
    open.truncate(ended.unwrap_or(open.len()));
    let routed = snapshot.route.as_ref().map(|route| route.value.release);
    open.retain(|record| Some(record.id) != driven && Some(record.id) >= routed);
    Ok(open)
}

fn json(snapshot: &Snapshot, interrupted: &[ReleaseRecord]) -> serde_json::Value {
    let truth = compare(snapshot);
    let roles: serde_json::Map<String, serde_json::Value> = Slot::BOTH
        .into_iter()
        .map(|slot| (slot.to_string(), snapshot.role(slot).to_string().into()))
        .collect();
    let drift = truth.drifts().map(|(pair, drift)| {
        let (left, right) = pair.sides();
        serde_json::json!({
            "name": drift.name,
            "between": [left, right],
            "says": drift.says,
            "means": drift.name.means(),
            "repair": drift.name.mend(),
        })
    });
    let drift: Vec<serde_json::Value> = drift.collect();
    serde_json::json!({
        "target": snapshot.target,
        "live": snapshot.live(),
        "roles": roles,
        "agreed": truth.holds(),
        "drift": drift,
        "holds": snapshot.holds(snapshot.at),
        "snapshot": snapshot,
        "interrupted": interrupted,
    })
}

pub(super) fn text(snapshot: &Snapshot, interrupted: &[ReleaseRecord]) -> String {
    let mut lines = vec![format!("{}  ({})", snapshot.target, snapshot.tier)];
    for slot in Slot::BOTH {
        lines.push(slot_line(snapshot, slot));
    }
    let truth = compare(snapshot);
    for (what, agreement) in [
        ("containers = registry", &truth.instances),
        ("registry = proxy", &truth.route),
        ("proxy = public answer", &truth.public),
    ] {
        match agreement {
            Agreement::Same => {}
            Agreement::Differs(drifts) => {
                for drift in drifts {
                    let name = drift.name;
                    lines.push(format!("  ! {name}: {}", drift.says));
                    lines.push(format!("      {}", name.means()));
                    lines.push(format!("      repair: {}", name.mend()));
                }
            }
            Agreement::Unknown(why) => lines.push(format!("  ? {what}: {why}")),
        }
    }
    if !truth.holds() {
        let target = &snapshot.target;
        lines.push(format!(
            "      plan the repair, and see every call: greenroom repair {} {} --dry-run",
            target.service, target.environment
        ));
    }
    if let Some(holder) = &snapshot.lock {
        lines.push(format!(
            "  > {} drives it since {:.0}: {}",
            holder.record.operator, holder.record.since, holder.record.message
        ));
    }
    let watching = snapshot.watching.iter();
    lines.extend(watching.map(|watcher| {
        let since = watcher.since;
        format!("  > {} watches since {since:.0}", watcher.operator)
    }));
    if let Some(asked) = snapshot
        .wheel
        .as_ref()
        .filter(|asked| asked.declined.is_none())
    {
        let message = asked.message.as_ref();
        let message = message.map_or(String::new(), |words| format!(": \"{words}\""));
        lines.push(format!(
            "  > {} asks for the wheel since {:.0}{message}",
            asked.operator, asked.asked_at
        ));
    }
    for (index, record) in interrupted.iter().enumerate() {
        lines.push(format!(
            "  ! release {} ({} to {} by {}) was interrupted",
            record.id, record.kind, record.to.1, record.operator
        ));
        // What another came after is not gone on with.
        if index == 0 {
            let target = &snapshot.target;
            lines.push(format!(
                "      go on with it, back it out or leave it: greenroom resume {} {}",
                target.service, target.environment
            ));
        }
    }
    for one in &snapshot.endorsements {
        lines.push(format!(
            "  + release {} approved by {}, until {:.0}",
            one.release, one.by, one.expires_at
        ));
    }
    for hold in snapshot.holds(snapshot.at) {
        lines.push(format!("  # {hold}"));
    }
    for (key, problem) in &snapshot.problems {
        lines.push(format!("  ! {key}: {problem}"));
    }
    lines.extend(silences(snapshot));
    // Operators, messages and reasons are whatever stands in the shared store.
    let lines: Vec<String> = lines
        .iter()
        .map(|line| crate::harmless::harmless(line))
        .collect();
    lines.join("\n")
}

fn slot_line(snapshot: &Snapshot, slot: Slot) -> String {
    let side = snapshot.slots.get(slot);
    let role = snapshot.role(slot);
    let mark = if role == Role::Live { "*" } else { " " };
    let Some(instance) = &side.instance else {
        let registered = if side.registration.is_some() {
            "  registered"
        } else {
            ""
        };
        return format!(
            "  {mark} {slot:<5}  {role:<9}  {}{registered}",
            side.endpoint
        );
    };
    let health = match &side.probe {
        Some(probe) if probe.healthy => "healthy".to_owned(),
        Some(probe) => format!("not healthy: {}", probe.detail),
        None if instance.is_running() => "not probed".to_owned(),
        None => "not running".to_owned(),
    };
    let registered = if side.registration.is_some() {
        "registered"
    } else {
        "not registered"
    };
    format!(
        "  {mark} {slot:<5}  {role:<9}  {}  {} {}  {health}, restarts {}, {registered}",
        side.endpoint,
        instance.version_name(),
        instance.digest.short(),
        instance.restarts
    )
}

fn silences(snapshot: &Snapshot) -> Vec<String> {
    let sources = &snapshot.sources;
    [
        ("runtime", &sources.runtime),
        ("registry", &sources.registry),
        ("proxy", &sources.router),
    ]
    .into_iter()
    .filter_map(|(name, state)| match state {
        SourceState::Stale { why, .. } => Some(format!("  ! {name} is not heard: {why}")),
        SourceState::Connecting => Some(format!("  ! {name} was not heard")),
        SourceState::Live => None,
    })
    .collect()
}
