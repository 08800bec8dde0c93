//! The messages of refusals. The first line says why the request is refused. A second line may say what to do.

use std::fmt;

use jiff::Timestamp;

use super::{FormerKind, READ_ONLY, Refusal, TAKEOVER_WITHOUT_REASON};
use crate::inventory::{
    Addresses, EnvironmentName, Hold, LockHolder, LockPurpose, LockRecord, Operator, ReleaseId,
    Slot, Target, local_time,
};
use crate::release::describe::generations_used_up;
use crate::sanitize::sanitize;

fn used_up(f: &mut fmt::Formatter<'_>, target: &Target, generation: u64) -> fmt::Result {
    f.write_str(&generations_used_up(target, generation))
}

/// A name that the target does not have, and the names that it has.
fn no_such<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    (kind, name, what): (&str, &T, &str),
    known: &[T],
) -> fmt::Result {
    let name = sanitize(&name.to_string());
    write!(f, "there is no {kind} {name} to {what}: ")?;
    let known: Vec<String> = known.iter().map(T::to_string).collect();
    match known.as_slice() {
        [] => write!(f, "the target has no {kind}s"),
        known => write!(f, "the {kind}s of the target are {}", known.join(", ")),
    }
}

fn already_over(f: &mut fmt::Formatter<'_>, outcome: &impl fmt::Display) -> fmt::Result {
    write!(
        f,
        "the release has already ended ({outcome}): there is nothing to resume"
    )
}

fn needs_reason(f: &mut fmt::Formatter<'_>, does: &str) -> fmt::Result {
    write!(f, "a release that {does} needs a reason")
}

fn nothing_live_in(f: &mut fmt::Formatter<'_>, environment: &EnvironmentName) -> fmt::Result {
    write!(
        f,
        "nothing is live in {environment}: name a version instead"
    )
}

fn never_live_here(f: &mut fmt::Formatter<'_>, version: &str, remarks: &[String]) -> fmt::Result {
    write!(
        f,
        "no release proves that {version} was live in this target and was not backed out: promote it instead of rolling back to it"
    )?;
    remarks
        .iter()
        .try_for_each(|remark| write!(f, "; {remark}"))
}

fn plan_expired(made_at: Timestamp) -> String {
    let at = local_time::moment(made_at);
    format!("the plan was made at {at} and has expired: plan again")
}

fn handover_requested(by: &Operator, at: Timestamp) -> String {
    let at = local_time::moment(at);
    format!("{by} already requested the handover at {at}: wait for the driver's answer")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTarget(target) => write!(
                f,
                "{target} is not configured: check the name, or add [services.{}.environments.{}]",
                target.service, target.environment
            ),
            Self::ReadOnly => f.write_str(READ_ONLY),
            Self::PlaceTaken { why } => f.write_str(why),
            Self::NoSuchVersion { wanted, repository } => write!(
                f,
                "{repository} has no version {wanted}: push it, or choose a version that the image registry lists"
            ),
            Self::NoSuchTask { name, tasks } => no_such(f, ("task", name, "skip"), tasks),
            Self::NoSuchCheck { name, checks } => {
                no_such(f, ("required check", name, "override"), checks)
            }
            Self::NoReasonToSkip => needs_reason(f, "skips a task"),
            Self::NoReasonToOverride => needs_reason(f, "overrides a check"),
            Self::NothingLiveIn(environment) => nothing_live_in(f, environment),
            Self::AlreadyLive {
                slot,
                version,
                unhealthy,
            } => already_live(f, (*slot, version), unhealthy.as_deref()),
            Self::NoStandby => f.write_str(
                "the other slot has no warm version that was live before: choose another version to roll back to",
            ),
            Self::NeverLiveHere { version, remarks } => never_live_here(f, version, remarks),
            Self::NotLiveIn {
                environment,
                version,
            } => write!(
                f,
                "{version} is not live in {environment}, which the rules require: promote it there first"
            ),
            Self::NoHealthCheck => f.write_str(
                "no health endpoint is configured: add [services.NAME.health] with a path",
            ),
            Self::NeedsOperator(environment) => needs_operator(f, environment),
            Self::NoReason => f.write_str(
                "the rules require a reason: give one (on the command line with --reason)",
            ),
            Self::SlotTaken { slot, at, by } => slot_taken(f, *slot, at, by),
            Self::RouteDisagrees { difference } => write!(
                f,
                "store and proxy disagree about the live slot ({difference}): run greenroom repair first"
            ),
            Self::KindChanged { target, was } => kind_changed(f, target, *was),
            Self::LiveUnknown { target, why } => live_unknown(f, target, why),
            Self::GenerationsUsedUp { target, generation } => used_up(f, target, *generation),
            Self::StoreWentBack { target, message } => store_went_back(f, target, message),
            Self::Held(hold) => write!(f, "{hold}; wait, clear it, or override it with a reason"),
            Self::HeldByAnotherClock { hold, clock } => held_by_another_clock(f, hold, clock),
            Self::HeldAlready(hold) => write!(f, "{hold}: clear this hold first"),
            Self::HoldWithoutReason => f.write_str(
                "a hold needs a reason, because it stops other operators: give a reason",
            ),
            Self::NotPeerApproved(why) => why.fmt(f),
            Self::NotRollbackCandidate(why) => why.fmt(f),
            Self::NoHold => f.write_str("no hold is active: there is nothing to clear"),
            Self::HoldChanged { now } => hold_changed(f, now.as_deref()),
            Self::Locked { target, holder } => locked(f, target, holder),
            Self::LockedByUpkeep { target, holder } => locked_by_upkeep(f, target, holder),
            Self::LockedForNoRelease { target, holder } => locked_for_no_release(f, target, holder),
            Self::Unknown { fact, why } => write!(f, "it is not known {fact}: {why}"),
            Self::WorldChanged { change } => write!(f, "{change} since the plan was made: plan again"),
            Self::PlanExpired { made_at } => f.write_str(&plan_expired(*made_at)),
            Self::ConfigurationOlder { why } => configuration_older(f, why),
            Self::NoSuchRelease(Some(id)) => write!(
                f,
                "this target has no release {id}: run greenroom history to list its releases"
            ),
            Self::NoSuchRelease(None) => f.write_str("this target has no release yet"),
            Self::NoReleaseNamed { named, open } => no_release_named(f, named, open),
            Self::SeveralReleasesNamed { named, several } => several_named(f, named, several),
            Self::AlreadyOver { outcome } => already_over(f, outcome),
            Self::Overtaken { by } => write!(
                f,
                "this release cannot be resumed, because release {by} of this target started later: leave this release (greenroom resume with --leave)"
            ),
            Self::NotResumable { why } => write!(f, "the release cannot be resumed: {why}"),
            Self::NoWayBack => f.write_str(
                "the release cannot be backed out: its switch was started, and no version was live before it",
            ),
            Self::DrivenHere => f.write_str("this console or command already drives the release"),
            Self::NotApproved => {
                f.write_str("the confirmation has expired, or belongs to another release: confirm again")
            }
            Self::TakeoverWithoutReason => f.write_str(TAKEOVER_WITHOUT_REASON),
            Self::Unfinished { release } => write!(
                f,
                "release {release} has not ended: resume it, back it out or leave it (greenroom resume, or C in the console), then repair"
            ),
            Self::OnlyToLeave { target, release } => only_to_leave(f, target, *release),
            Self::NothingDiffers { name } => nothing_differs(f, name.as_deref()),
            Self::HandoverAlreadyRequested { by, at } => f.write_str(&handover_requested(by, *at)),
            Self::OfQueue(reason) => reason.fmt(f),
        }
    }
}

fn needs_operator(f: &mut fmt::Formatter<'_>, environment: &EnvironmentName) -> fmt::Result {
    write!(
        f,
        "{environment} is protected, so no agent may release a version there: an operator must promote it"
    )
}

fn already_live(
    f: &mut fmt::Formatter<'_>,
    (slot, version): (Slot, &str),
    unhealthy: Option<&str>,
) -> fmt::Result {
    match unhealthy {
        None => write!(
            f,
            "{version} is already live in {slot}: there is nothing to do"
        ),
        Some(why) => write!(
            f,
            "{version} is already live in {slot}, but is not healthy ({why}): run `greenroom repair` to repair it, or `greenroom rollback` to go back to the previous version"
        ),
    }
}

fn only_to_leave(f: &mut fmt::Formatter<'_>, target: &Target, release: ReleaseId) -> fmt::Result {
    let Target {
        service,
        environment,
        ..
    } = target;
    write!(
        f,
        "release {release} has not ended, and cannot switch because the store went back: leave it (greenroom resume {service} {environment} --leave), then repair (greenroom repair {service} {environment})"
    )
}

fn slot_taken(f: &mut fmt::Formatter<'_>, slot: Slot, at: &Addresses, by: &str) -> fmt::Result {
    let or = if at.is_empty() {
        ""
    } else {
        ", or configure another address for the slot"
    };
    write!(f, "{slot}{} is in use by {by}: stop it{or}", at.at())
}

fn live_unknown(f: &mut fmt::Formatter<'_>, target: &Target, why: &str) -> fmt::Result {
    write!(
        f,
        "it is not known which version of {target} is live: {why}"
    )
}

fn kind_changed(f: &mut fmt::Formatter<'_>, target: &Target, was: FormerKind) -> fmt::Result {
    let (was, now) = match was {
        FormerKind::Http => ("a service that gets requests", "one that gets none"),
        FormerKind::Background => ("a service without requests", "one that gets requests"),
        FormerKind::SeveralMembers => {
            return write!(
                f,
                "the live version of {target} has several members, and a scheduler may have only one: set kind = \"worker\" and members = 1, release it, then change the kind"
            );
        }
    };
    write!(
        f,
        "the live version of {target} was released as {was}, and the configuration now says {now}: give the service another name, or set `kind` back"
    )
}

fn store_went_back(f: &mut fmt::Formatter<'_>, target: &Target, says: &str) -> fmt::Result {
    write!(
        f,
        "{says}\n  The proxy refuses every switch of {target}. Find out what happened to the store, then run: greenroom repair {} {}",
        target.service, target.environment
    )
}

fn held_by_another_clock(f: &mut fmt::Formatter<'_>, hold: &Hold, clock: &str) -> fmt::Result {
    write!(
        f,
        "{hold}\n  The hold counts because the clocks differ: {clock}. Correct the wrong clock, clear the hold, or override it with a reason."
    )
}

fn hold_changed(f: &mut fmt::Formatter<'_>, current: Option<&str>) -> fmt::Result {
    let current = current.unwrap_or("none");
    write!(
        f,
        "the hold has changed since it was shown. Nothing was changed. The current hold: {current}\n  Read it, then repeat the command if it is still right."
    )
}

fn configuration_older(f: &mut fmt::Formatter<'_>, why: &str) -> fmt::Result {
    write!(
        f,
        "{why}\n  Get the newer greenroom.toml and restart Greenroom, or reload it in the console. If this file is right, save it again: that makes it newer."
    )
}

fn nothing_differs(f: &mut fmt::Formatter<'_>, name: Option<&str>) -> fmt::Result {
    match name {
        Some(name) => write!(
            f,
            "no difference is named {name}: there is nothing to repair"
        ),
        None => f.write_str("nothing differs: there is nothing to repair"),
    }
}

fn several_named(f: &mut fmt::Formatter<'_>, named: &str, several: &[ReleaseId]) -> fmt::Result {
    write!(
        f,
        "{named} matches several releases: {}. Type more of the id",
        ids(several)
    )
}

fn no_release_named(f: &mut fmt::Formatter<'_>, named: &str, open: &[ReleaseId]) -> fmt::Result {
    write!(
        f,
        "this target has no release whose id begins or ends with {named}: "
    )?;
    match open {
        [] => f.write_str("run greenroom history to list its releases"),
        open => write!(f, "choose an open release: {}", ids(open)),
    }
}

fn ids(ids: &[ReleaseId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// Says who holds the lock of a target, and what the operator can do: watch, wait or take over.
fn locked(f: &mut fmt::Formatter<'_>, target: &Target, holder: &LockHolder) -> fmt::Result {
    let LockRecord {
        operator,
        since,
        message,
        purpose,
        console,
        ..
    } = &holder.record;
    let resume = format!("greenroom resume {} {}", target.service, target.environment);
    write!(
        f,
        "{target} is locked by {operator} since {} ({message}); ",
        local_time::moment(*since)
    )?;
    match purpose {
        LockPurpose::Release => write!(
            f,
            "watch it with: greenroom; take it over with: {resume} --take-over --reason \"...\""
        )?,
        LockPurpose::Upkeep => {
            f.write_str("this work ends by itself: wait, then run the same command again")?;
        }
    }
    match (holder.ttl_seconds, purpose) {
        (Some(left), LockPurpose::Release) => write!(
            f,
            "; if the driver has stopped, the lock expires within {left} s: then run {resume}"
        ),
        (Some(left), LockPurpose::Upkeep) => write!(
            f,
            "; if the driver has stopped, the lock expires within {left} s; if the driver hangs, end its process: {console}"
        ),
        (None, _) => Ok(()),
    }
}

/// The message for an operator who wants to resume a release while a repair or a prune holds the lock: who holds the
/// lock, when the lock ends, and how to take it over.
fn locked_by_upkeep(
    f: &mut fmt::Formatter<'_>,
    target: &Target,
    holder: &LockHolder,
) -> fmt::Result {
    let LockRecord {
        operator,
        since,
        message,
        console,
        ..
    } = &holder.record;
    let Target {
        service,
        environment,
    } = target;
    write!(
        f,
        "{target} is locked by {operator} since {} ({message})\n  This work ends by itself",
        local_time::moment(*since)
    )?;
    if let Some(left) = holder.ttl_seconds {
        write!(
            f,
            ", and its lock expires within {left} s after its driver has stopped"
        )?;
    }
    write!(
        f,
        ": wait, then run the same command again. If the driver hangs, end its process: {console}. Or take over the lock: greenroom resume {service} {environment} --take-over --reason \"...\""
    )
}

/// Says who holds the lock of a target without a release to resume, and when the lock ends.
fn locked_for_no_release(
    f: &mut fmt::Formatter<'_>,
    target: &Target,
    holder: &LockHolder,
) -> fmt::Result {
    let LockRecord {
        operator,
        since,
        message,
        console,
        ..
    } = &holder.record;
    write!(
        f,
        "{target} is locked by {operator} since {} ({message}), and has no release to resume or take over",
        local_time::moment(*since)
    )?;
    match holder.ttl_seconds {
        Some(left) => write!(
            f,
            "\n  The lock ends by itself within {left} s after its driver has stopped. If the driver hangs, end its process: {console}. Then run the same command again."
        ),
        None => write!(
            f,
            "\n  The store does not say when the lock ends. If its driver hangs, end its process: {console}. Then run the same command again."
        ),
    }
}
