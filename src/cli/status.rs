//! `greenroom status`: shows what is running where, as observed now: both slots of every target, and the releases that
//! were interrupted or left an old version running.

mod approvals;
mod json;
mod text;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::man::Manual;
use super::{Exit, json as lines, open};
use crate::diagnostics::LogFile;
use crate::inventory::drift::{Drift, Pair, compare};
use crate::inventory::{EnvironmentName, LiveSlot, ServiceName, Snapshot, Target};
use crate::release::{NewestReleases, Undriven};
use crate::watchers;
use crate::wire::App;

pub(super) use approvals::Approvals;
pub(super) use json::observed;
pub(super) use text::text;

/// Shows what runs where, as observed now
///
/// Answers within three seconds. A value that is unknown because a server does not answer is `null` in JSON. The
/// exit code is 3 when a person has to look: something is unknown or differs, the live version is unhealthy, the
/// public address answers with errors, or a release was interrupted.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: Option<ServiceName>,
    /// Only this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: Option<EnvironmentName>,
}

impl VerbDefinition for Status {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("status", &[("greenroom status", "Shows every target."), ("greenroom --json status web production", "Shows one target as JSON, for a program.")], &["repair", "doctor", "help"], &["drift"]),
    ];
    const LOG_FILE: LogFile = LogFile::OnRequest;

    async fn run(self, common: &Common) -> Exit {
        run(common, &self).await
    }
}

async fn run(common: &Common, verb: &Status) -> Exit {
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
        join_all(
            targets
                .iter()
                .map(|target| newest_and_approvals(&app, target))
        ),
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
        let (newest, approvals) = recent;
        let is_registry_live = snapshot.sources.registry.is_live();
        let open = match newest {
            Ok(newest) if is_registry_live => {
                for (id, failure) in &newest.unreadable {
                    warn_line!("greenroom: {target}: release {id} cannot be read: {failure}");
                }
                Some(newest.undriven(snapshot))
            }
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

/// The newest releases of a target, and the approvals that the current release needs. Both are read within one
/// deadline.
async fn newest_and_approvals(
    app: &App,
    target: &Target,
) -> (Result<NewestReleases, String>, Approvals) {
    let deadline = Instant::now() + watchers::TIMEOUT;
    let newest = match timeout_at(deadline, app.engine.newest_releases(target)).await {
        Ok(newest) => newest.map_err(|failure| failure.to_string()),
        Err(_) => Err(format!("no answer within {:?}", watchers::TIMEOUT)),
    };
    let current = newest.as_ref().ok().and_then(NewestReleases::current);
    let site = app.engine.site(target);
    let waiting = current
        .zip(site)
        .filter(|(current, site)| approvals::may_wait(current, &site.definition));
    let Some((current, _)) = waiting else {
        return (newest, Approvals::NotNeeded);
    };
    let approvals = timeout_at(deadline, approvals::read(&app.engine, current)).await;
    (newest, approvals.unwrap_or(Approvals::Unknown))
}

/// Whether a person has to look at a target: something is unknown, the live version is missing or unhealthy, servers
/// differ, or a release was interrupted. While a release is running, only differences at the public address need a
/// look.
fn needs_person(snapshot: &Snapshot, open: Option<&Undriven>) -> bool {
    let is_driven = snapshot.lock.is_some();
    // A running release causes differences elsewhere, and its driver watches these differences.
    let needs_look = |(pair, _): (Pair, &Drift)| pair == Pair::Public || !is_driven;
    let truth = compare(snapshot);
    let is_live_bad = match snapshot.live_slot() {
        LiveSlot::Slot(slot) => snapshot.is_live_broken(slot),
        LiveSlot::NoSlot => false,
        LiveSlot::Unknown => true,
    };
    !snapshot.sources.are_live()
        || truth.unknown().next().is_some()
        || truth.drifts().any(needs_look)
        || is_live_bad
        || open.is_none_or(|open| !open.interrupted.is_empty())
}

#[cfg(test)]
mod tests;
