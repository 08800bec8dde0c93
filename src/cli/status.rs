//! `greenroom status`: what runs where, as observed now, both slots of every target, and whatever a
//! release has left behind.

mod approvals;
mod json;
mod text;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::arguments::{Common, Status};
use super::out::say_json;
use super::{Exit, open};
use crate::history::ReleaseRecord;
use crate::inventory::drift::{Drift, Pair, compare};
use crate::inventory::{LiveSlot, Snapshot, Target};
use crate::watchers;
use crate::wire::App;

pub(super) use approvals::Approvals;
pub(super) use json::observed;
pub(super) use text::text;

/// How many releases of a target are looked through for one that was interrupted.
const RECENT: usize = 5;

pub(super) async fn run(common: &Common, verb: &Status) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let wanted =
        |target: &&Target| target.is_among(verb.service.as_ref(), verb.environment.as_ref());
    let targets: Vec<&Target> = app.targets().filter(wanted).collect();
    if targets.is_empty() {
        warn_line!("greenroom: no such target is configured");
        return Exit::Usage;
    }
    // All at the same time: a journal that does not answer costs no time of its own.
    let (world, recent) = tokio::join!(
        watchers::once(&app.engine, app.frame.clone()),
        join_all(targets.iter().map(|target| left_behind(&app, target))),
    );
    let mut exit = Exit::Done;
    for (target, recent) in targets.into_iter().zip(recent) {
        let Some(snapshot) = world.get(target) else {
            continue;
        };
        let (recent, approvals) = recent;
        let is_registry_live = snapshot.sources.registry.is_live();
        let interrupted = match recent {
            Ok(recent) if is_registry_live => Some(interrupted(snapshot, recent)),
            // What drives a release now is unknown, and with it which of them is interrupted.
            Ok(_) => None,
            Err(why) => {
                if is_registry_live {
                    warn_line!("greenroom: {target}: its journal has not answered: {why}");
                }
                None
            }
        };
        let interrupted = interrupted.as_deref();
        if common.json {
            say_json(&json::of(snapshot, interrupted, &approvals));
        } else {
            let interrupted = interrupted.unwrap_or_default();
            say_line!("{}", text(snapshot, interrupted, &approvals));
        }
        if needs_person(snapshot, interrupted) {
            exit = Exit::NeedsPerson;
        }
    }
    exit
}

type Recent = Result<Vec<ReleaseRecord>, String>;

/// The last releases of a target, and the approvals that the newest of them waits for. One deadline is for both.
async fn left_behind(app: &App, target: &Target) -> (Recent, Approvals) {
    let Some(site) = app.engine.site(target) else {
        return (Ok(Vec::new()), Approvals::NotNeeded);
    };
    let deadline = Instant::now() + watchers::PATIENCE;
    let recent = timeout_at(deadline, site.read.journal.releases(target, RECENT)).await;
    let recent = match recent {
        Ok(recent) => recent.map_err(|failure| failure.to_string()),
        Err(_) => Err(format!("no answer within {:?}", watchers::PATIENCE)),
    };
    let newest = recent.as_ref().ok().and_then(|recent| recent.first());
    let Some(newest) = newest.filter(|newest| approvals::may_wait(newest, &site.definition)) else {
        return (recent, Approvals::NotNeeded);
    };
    let looked = timeout_at(deadline, approvals::of(&app.engine, newest)).await;
    (recent, looked.unwrap_or(Approvals::Unknown))
}

/// Releases that began, never ended, are driven by nobody now, and have not been overtaken by
/// another that wrote the route.
fn interrupted(snapshot: &Snapshot, mut open: Vec<ReleaseRecord>) -> Vec<ReleaseRecord> {
    let driven = snapshot.lock.as_ref().map(|holder| holder.record.release);
    // Only what came after the last ending still stands; older ones were overtaken.
    let ended = open.iter().position(|record| record.closed.is_some());
    open.truncate(ended.unwrap_or(open.len()));
    let routed = snapshot.route.as_ref().map(|route| route.value.release);
    open.retain(|record| Some(record.id) != driven && Some(record.id) >= routed);
    open
}

/// Whether a person has to look at a target: something is unknown, what is live is unwell or the public is
/// not served, places differ, or a release was interrupted.
fn needs_person(snapshot: &Snapshot, interrupted: Option<&[ReleaseRecord]>) -> bool {
    let is_driven = snapshot.lock.is_some();
    // A release moves the others, and its driver looks at them.
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
        || interrupted.is_none_or(|interrupted| !interrupted.is_empty())
}

#[cfg(test)]
mod tests;
