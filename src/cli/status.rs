//! `greenroom status`: shows what is running where, as observed now: both slots of every target, and the releases that
//! were interrupted or left an old version running.

mod approvals;
mod json;
mod text;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::arguments::{Common, Status};
use super::{Exit, json as lines, open};
use crate::history::{
    ReleaseRecord, SEARCHED_FOR_OPEN, SwitchesSeen, current, ignored_claims, overtaken_by,
};
use crate::inventory::drift::{Drift, Pair, compare};
use crate::inventory::{EnvironmentName, LiveSlot, Snapshot, Target, highest_generation};
use crate::release::standby_entry;
use crate::watchers;
use crate::wire::App;

pub(super) use approvals::Approvals;
pub(super) use json::observed;
pub(super) use text::text;

pub(super) async fn run(common: &Common, verb: &Status) -> Exit {
    let app = match open::app_for(common, verb.service.as_ref(), verb.environment.as_ref()) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let wanted =
        |target: &&Target| target.is_among(verb.service.as_ref(), verb.environment.as_ref());
    let targets: Vec<&Target> = app.targets().filter(wanted).collect();
    let is_shown = |name: &EnvironmentName| targets.iter().any(|it| it.environment == *name);
    // These reads run at the same time, so that a journal or a password that hangs adds no time.
    let (world, recent, late) = tokio::join!(
        watchers::once(&app.engine, app.frame.clone()),
        join_all(targets.iter().map(|target| left_behind(&app, target))),
        app.late_passwords(is_shown, watchers::TIMEOUT),
    );
    for (_, failure) in late {
        warn_line!("greenroom: {failure}");
    }
    let (mut exit, mut listed) = (Exit::Done, Vec::new());
    for (target, recent) in targets.into_iter().zip(recent) {
        let Some(snapshot) = world.get(target) else {
            continue;
        };
        let (recent, approvals) = recent;
        let is_registry_live = snapshot.sources.registry.is_live();
        let open = match recent {
            Ok(recent) if is_registry_live => Some(open(snapshot, recent)),
            // Only the store knows the current driver. Without the store, the interrupted releases are unknown.
            Ok(_) => None,
            Err(why) => {
                if is_registry_live {
                    warn_line!("greenroom: {target}: the journal cannot be read: {why}");
                }
                None
            }
        };
        if common.json {
            listed.push(json::of(snapshot, open.as_ref(), &approvals));
        } else {
            say_line!("{}", text(snapshot, open.as_ref(), &approvals));
        }
        if needs_person(snapshot, open.as_ref()) {
            exit = Exit::NeedsPerson;
        }
    }
    lines::answer(serde_json::json!({ "targets": listed }));
    // Environments that are not used were not observed, so a person has to look. A warning has said why.
    if verb.environment.is_none() && !app.refused.is_empty() {
        exit = Exit::NeedsPerson;
    }
    exit
}

/// One of the newest releases of a target.
#[derive(Debug)]
struct Recent {
    head: ReleaseRecord,
    /// Whether only the stop of the old version remains.
    is_in_standby: bool,
}

/// The releases of a target that have no end and no driver, and the records that were ignored.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// The releases that were interrupted before their end.
    interrupted: Vec<ReleaseRecord>,
    /// The releases whose version is live and that left the old version running.
    standby: Vec<ReleaseRecord>,
    /// One line for each record that claims to have overtaken one of these releases, but contradicts the switches of
    /// the target. Such records are ignored.
    ignored: BTreeSet<String>,
}

/// The newest releases of a target, and the approvals that the current release needs. Both are read within one
/// deadline.
async fn left_behind(app: &App, target: &Target) -> (Result<Vec<Recent>, String>, Approvals) {
    let Some(site) = app.engine.site(target) else {
        return (Ok(Vec::new()), Approvals::NotNeeded);
    };
    let deadline = Instant::now() + watchers::TIMEOUT;
    let recent = async {
        let journal = &site.read.journal;
        let mut recent = Vec::new();
        for (id, failure) in journal.unreadable(target, SEARCHED_FOR_OPEN).await? {
            warn_line!("greenroom: {target}: release {id} cannot be read: {failure}");
        }
        for head in journal.releases(target, SEARCHED_FOR_OPEN).await? {
            let recorded = match head.closed {
                None => journal.release(target, head.id).await?,
                Some(_) => None,
            };
            let entry = recorded.and_then(|recorded| standby_entry(&recorded, &site.definition));
            recent.push(Recent {
                head,
                is_in_standby: entry.is_some(),
            });
        }
        crate::ports::Result::Ok(recent)
    };
    let recent = match timeout_at(deadline, recent).await {
        Ok(recent) => recent.map_err(|failure| failure.to_string()),
        Err(_) => Err(format!("no answer within {:?}", watchers::TIMEOUT)),
    };
    let heads = recent.as_ref().ok();
    let newest = heads.and_then(|recent| current(recent.iter().map(|recent| &recent.head)));
    let Some(newest) = newest.filter(|newest| approvals::may_wait(newest, &site.definition)) else {
        return (recent, Approvals::NotNeeded);
    };
    let approvals = timeout_at(deadline, approvals::of(&app.engine, newest)).await;
    (recent, approvals.unwrap_or(Approvals::Unknown))
}

/// Selects the releases that have no end, have no driver now, and were not overtaken by a later release.
fn open(snapshot: &Snapshot, mut recent: Vec<Recent>) -> Open {
    let driven = snapshot.lock.as_ref().map(|holder| holder.record.release);
    // If a later release has switched, the earlier open release needs no action: the next release closes it.
    let routed = snapshot.route.as_ref().map(|route| route.value.release);
    let mut settled: Vec<ReleaseRecord> = recent.iter().map(|it| it.head.clone()).collect();
    settled.retain(|head| head.closed.is_some() || Some(head.id) == routed);
    let switches = switches_seen(snapshot);
    let is_known = recent.iter().any(|it| Some(it.head.id) == routed);
    recent.retain(|it| {
        let head = &it.head;
        let by_route = !is_known && routed.is_some_and(|routed| routed > head.id);
        let is_overtaken = by_route || overtaken_by(head, &settled, switches).is_some();
        head.closed.is_none() && Some(head.id) != driven && !is_overtaken
    });
    let open = recent.iter().map(|it| &it.head);
    let ignored = open.flat_map(|head| ignored_claims(head, &settled, switches));
    let ignored: BTreeSet<String> = ignored.collect();
    let (standby, interrupted): (Vec<_>, Vec<_>) =
        recent.into_iter().partition(|it| it.is_in_standby);
    let heads = |recent: Vec<Recent>| recent.into_iter().map(|it| it.head).collect();
    Open {
        interrupted: heads(interrupted),
        standby: heads(standby),
        ignored,
    }
}

/// The switches that the route and the proxy show. The highest generation is unknown if the proxy does not answer now,
/// or if it has shown neither a pointer nor a generation.
fn switches_seen(snapshot: &Snapshot) -> SwitchesSeen {
    let route = snapshot.route.as_ref().map(|route| &route.value);
    let (proxy, pointer) = (snapshot.proxy.as_ref(), snapshot.pointer.as_ref());
    let highest = highest_generation(None, proxy, pointer);
    // Without a pointer and without a generation, it is unknown how many switches there were.
    let has_answered = pointer.is_some() || highest > 0;
    let is_known = has_answered && snapshot.sources.router.is_live();
    SwitchesSeen::new(route, is_known.then_some(highest))
}

/// Whether a person has to look at a target: something is unknown, the live version is missing or unhealthy, servers
/// differ (while a release is running, only a difference at the public address counts), or a release was interrupted.
fn needs_person(snapshot: &Snapshot, open: Option<&Open>) -> bool {
    let is_driven = snapshot.lock.is_some();
    // A running release causes differences elsewhere, and its driver watches these differences.
    let counts = |(pair, _): (Pair, &Drift)| pair == Pair::Public || !is_driven;
    let truth = compare(snapshot);
    let is_live_bad = match snapshot.live_slot() {
        LiveSlot::Slot(slot) => {
            snapshot.is_unwell(slot) || snapshot.slots.get(slot).instance.is_none()
        }
        LiveSlot::NoSlot => false,
        LiveSlot::Unknown => true,
    };
    !snapshot.sources.are_live()
        || truth.unknown().next().is_some()
        || truth.drifts().any(counts)
        || is_live_bad
        || open.is_none_or(|open| !open.interrupted.is_empty())
}

#[cfg(test)]
mod tests;
