//! `only_from`, at the switch: where a version has to be live in another environment first, it is live there still, or
//! a newer version has replaced it there. It may not have left by a rollback or a back-out. Pure.

use super::Plan;
use super::act::Observation;
use super::guard::Verdict;
use crate::history::{Outcome, ReleaseKind, ReleaseRecord};
use crate::inventory::{Digest, EnvironmentName, Version};

/// Nothing, or why the traffic stays where it is. Not knowing is not a yes.
pub(super) fn judge(plan: &Plan, observation: &Observation) -> Result<(), Verdict> {
    let Some(environment) = plan.only_from() else {
        return Ok(());
    };
    let name = plan.version.name();
    let not_known = || {
        Verdict::Wait(format!(
            "whether {name} is live in {environment} is not known: {}",
            observation.why_blind()
        ))
    };
    let why = match observation.live_there.as_ref().ok_or_else(not_known)? {
        Some(live) if live.digest == plan.version.digest => return Ok(()),
        Some(live) => {
            let past = observation.past_there.as_ref().ok_or_else(not_known)?;
            match replaced(past, &plan.version.digest) {
                Ok(()) => return Ok(()),
                Err(why) => format!("{} is, and {why}", live.name()),
            }
        }
        None => "nothing is".to_owned(),
    };
    Err(Verdict::Refuse(format!(
        "{name} is not live in {environment} any more, {why}: traffic stays where it is; promote it there again and retry, or back out"
    )))
}

/// The environment that the version came from, and what has replaced it there.
pub(super) fn replaced_by<'a>(
    plan: &'a Plan,
    observation: &'a Observation,
) -> Option<(&'a EnvironmentName, &'a Version)> {
    let live = observation.live_there.as_ref()?.as_ref()?;
    let environment = plan.only_from()?;
    (live.digest != plan.version.digest).then_some((environment, live))
}

/// Whether a promote has replaced the version, and no release since says that it was bad. `past` is newest first.
fn replaced(past: &[ReleaseRecord], digest: &Digest) -> Result<(), String> {
    for head in past {
        let id = head.id.short();
        let outcome = head.closed.as_ref().map(|(_, outcome)| outcome);
        let is_success = outcome.is_some_and(Outcome::is_success);
        let is_back = head.kind != ReleaseKind::Promote;
        let is_from = head.from.as_ref().is_some_and(|it| it.1.digest == *digest);
        let is_to = head.to.1.digest == *digest;
        if is_back && is_success && !is_to {
            return Err(format!("release {id} rolled back there"));
        }
        match outcome {
            // The version was live again.
            Some(Outcome::BackedOut { .. }) if is_from => {}
            Some(Outcome::BackedOut { .. }) if is_to => {
                return Err(format!("release {id} was backed out there"));
            }
            _ if is_from && is_success => return Ok(()),
            _ if is_from || is_to => {
                let outcome = outcome.map_or("not over", Outcome::word);
                return Err(format!("no promote replaced it: release {id} is {outcome}"));
            }
            _ => {}
        }
    }
    Err("no release there says what replaced it".to_owned())
}
