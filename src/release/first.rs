//! `only_from`, at the switch: where a version has to be live in another environment first, it has to be live there
//! still. It may have been rolled back there since the plan was made. Pure.

use super::Plan;
use super::act::Sight;
use super::guard::Verdict;

/// Nothing, or why the traffic stays where it is. Not knowing is not a yes.
pub(super) fn judge(plan: &Plan, sight: &Sight) -> Result<(), Verdict> {
    let Some(environment) = plan.only_from() else {
        return Ok(());
    };
    let name = plan.version.name();
    let Some(there) = &sight.live_there else {
        return Err(Verdict::Wait(format!(
            "whether {name} is live in {environment} is not known: {}",
            sight.why_blind()
        )));
    };
    let live = match there {
        Some(live) if live.digest == plan.version.digest => return Ok(()),
        Some(live) => live.name(),
        None => "nothing",
    };
    Err(Verdict::Refuse(format!(
        "{name} is not live in {environment} any more, {live} is: traffic stays where it is; promote it there again and retry, or back out"
    )))
}
