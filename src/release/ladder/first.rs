//! Checks the rule `only_from` before the switch. The version must still be live in the environment that the rule
//! names, or a promote must have replaced the version in that environment. A rollback or a back-out does not count as a
//! replacement.

use super::Verdict;
use crate::history::{Outcome, ReleaseRecord};
use crate::inventory::{Digest, EnvironmentName, Version};
use crate::release::{Observation, Plan};

/// Checks the rule. The error says why the traffic does not move. The traffic also does not move if it is not known
/// which version is live.
pub(super) fn judge(plan: &Plan, observation: &Observation) -> Result<(), Verdict> {
    let Some(environment) = plan.only_from() else {
        return Ok(());
    };
    let name = plan.version.name();
    let not_known = || {
        Verdict::Wait(format!(
            "it is not known whether {name} is live in {environment}: {}",
            observation.why_blind()
        ))
    };
    let why = match observation.live_in_first.as_ref().ok_or_else(not_known)? {
        Some(live) if live.digest == plan.version.digest => return Ok(()),
        Some(live) => {
            let past = observation.past_of_first.as_ref().ok_or_else(not_known)?;
            match replaced(past, &plan.version.digest) {
                Ok(()) => return Ok(()),
                Err(why) => format!("{} is live, and {why}", live.name()),
            }
        }
        None => "no version is live".to_owned(),
    };
    Err(Verdict::Refuse(format!(
        "{name} is no longer live in {environment} ({why}). The traffic does not move: promote {name} to {environment} again and retry, or back out"
    )))
}

/// The environment of `rules.only_from` and the version that replaced the plan's version in it.
pub(super) fn replaced_by<'a>(
    plan: &'a Plan,
    observation: &'a Observation,
) -> Option<(&'a EnvironmentName, &'a Version)> {
    let live = observation.live_in_first.as_ref()?.as_ref()?;
    let environment = plan.only_from()?;
    (live.digest != plan.version.digest).then_some((environment, live))
}

/// Checks, from the newest release on, that a promote replaced the version. The check fails if the search first finds a
/// rollback to another version, a back-out of this version, or an unsuccessful release from or to this version. `past`
/// is newest first.
fn replaced(past: &[ReleaseRecord], digest: &Digest) -> Result<(), String> {
    for head in past {
        let id = head.id.short();
        let outcome = head.closed.as_ref().map(|(_, outcome)| outcome);
        let is_success = outcome.is_some_and(Outcome::is_success);
        let is_back = head.kind.is_rollback();
        let is_from = head.from.as_ref().is_some_and(|it| it.1.digest == *digest);
        let is_to = head.to.1.digest == *digest;
        if is_back && is_success && !is_to {
            return Err(format!("release {id} was a rollback"));
        }
        match outcome {
            // The version was live again at the end of this release.
            Some(Outcome::BackedOut { .. }) if is_from => {}
            Some(Outcome::BackedOut { .. }) if is_to => {
                return Err(format!("release {id} was backed out"));
            }
            _ if is_from && is_success => return Ok(()),
            _ if is_from || is_to => {
                let outcome = outcome.map_or("not finished", Outcome::word);
                return Err(format!(
                    "no promote replaced this version: release {id} is {outcome}"
                ));
            }
            _ => {}
        }
    }
    Err("no recent release replaced this version".to_owned())
}
