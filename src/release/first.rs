//! The rule `only_from`, at the switch. If a version must be live in another environment first, it must still be live
//! there, or a newer version must have replaced it there. A rollback or a back-out there does not count. Pure.

use super::Plan;
use super::act::Observation;
use super::guard::Verdict;
use crate::history::{Outcome, ReleaseKind, ReleaseRecord};
use crate::inventory::{Digest, EnvironmentName, Version};

/// Checks the rule; the error says why the traffic does not move. Unknown does not count as yes.
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
        "{name} is no longer live in {environment}, {why}: traffic stays where it is; promote it there again and retry, or back out"
    )))
}

/// The environment that the version came from, and the version that replaced it there.
pub(super) fn replaced_by<'a>(
    plan: &'a Plan,
    observation: &'a Observation,
) -> Option<(&'a EnvironmentName, &'a Version)> {
    let live = observation.live_there.as_ref()?.as_ref()?;
    let environment = plan.only_from()?;
    (live.digest != plan.version.digest).then_some((environment, live))
}

/// Whether a promote replaced the version and no later release says that it was bad. `past` is newest first.
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
                let outcome = outcome.map_or("not finished", Outcome::word);
                return Err(format!("no promote replaced it: release {id} is {outcome}"));
            }
            _ => {}
        }
    }
    Err("no release there says what replaced it".to_owned())
}
