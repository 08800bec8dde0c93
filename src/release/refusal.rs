//! Why a plan cannot be made. All the reasons are given at once, each with its way out.

use std::fmt;

use jiff::Timestamp;

use super::approval::NotPeerApproved;
use super::describe::generations_used_up;
use crate::inventory::local_time;
use crate::inventory::{
    Clocks, Endpoint, EnvironmentName, Hold, LockHolder, LockPurpose, LockRecord, Operator,
    ReleaseId, Slot, Target,
};

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such target.
    UnknownTarget(Target),
    /// The console or command may only look.
    ReadOnly,
    /// The image registry does not have it.
    NoSuchVersion {
        /// What was asked for.
        wanted: String,
        /// Where.
        repository: String,
    },
    /// The proxy's configuration was installed from a newer file of settings than the one that is read here.
    ConfigurationOlder {
        /// Which file, and of when both are.
        why: String,
    },
    /// What the release would write in the proxy's configuration or in the store belongs to something else.
    PlaceTaken {
        /// What it is, whose, and what to do.
        why: String,
    },
    /// That environment runs nothing that could be taken from it.
    NothingLiveIn(EnvironmentName),
    /// What is asked for has the traffic already.
    AlreadyLive {
        /// In which slot.
        slot: Slot,
        /// The version.
        version: String,
        /// Why it is not healthy there, where it is known not to be.
        unhealthy: Option<String>,
    },
    /// A version cannot be gone back to.
    NotRollbackCandidate(NotRollbackCandidate),
    /// There is nothing warm to go back to.
    NoStandby,
    /// It was never live here with success, as far as the journal proves it.
    NeverLiveHere {
        /// The version.
        version: String,
        /// Which releases say otherwise and are not believed, and how far the search went, a line each.
        remarks: Vec<String>,
    },
    /// The version has to be live somewhere else first.
    NotLiveIn {
        /// Where.
        environment: EnvironmentName,
        /// The version.
        version: String,
    },
    /// Nothing is released that cannot be asked for its health.
    NoHealthCheck,
    /// A reason is required and none was given.
    NoReason,
    /// Something of somebody else's stands where the candidate would go.
    SlotTaken {
        /// Which slot.
        slot: Slot,
        /// Its address.
        endpoint: Endpoint,
        /// What stands there.
        by: String,
    },
    /// The proxy and the registry disagree about who is live.
    RouteDisagrees {
        /// In words.
        difference: String,
    },
    /// The proxy carries a token that no lock of this store has had: it refuses every switch.
    StoreWentBack {
        /// The target.
        target: Target,
        /// What the proxy and the store say.
        says: String,
    },
    /// The generation of the next switch is too high to count on from.
    GenerationsUsedUp {
        /// The target.
        target: Target,
        /// The generation that the switch would have.
        generation: u64,
    },
    /// A hold or a freeze stands.
    Held(Hold),
    /// A hold or a freeze is in effect by another machine's clock, and not by this one's.
    HeldByAnotherClock {
        /// The hold.
        hold: Hold,
        /// How the clocks differ.
        clock: String,
    },
    /// Another hold stands where one was to be placed.
    HeldAlready(Hold),
    /// None stands where one was to be cleared.
    NoHold,
    /// The hold that was to be cleared is not the one that the operator was shown.
    HoldChanged {
        /// What is there now, in words; none where there is no hold.
        now: Option<String>,
    },
    /// A hold says why.
    HoldWithoutReason,
    /// It is not approved by another.
    NotPeerApproved(NotPeerApproved),
    /// Another operator or command holds the lock of the target.
    Locked {
        /// The target.
        target: Target,
        /// Who holds it.
        holder: Box<LockHolder>,
    },
    /// The lock is held, and no release is there to resume.
    LockedForNoRelease {
        /// The target.
        target: Target,
        /// Who holds it.
        holder: Box<LockHolder>,
    },
    /// Something has to be known to make a plan, and is not.
    Unknown {
        /// What.
        what: String,
        /// Why not.
        why: String,
    },
    /// Something changed between the plan and its beginning.
    WorldChanged {
        /// What.
        what: String,
    },
    /// The plan was shown too long ago.
    PlanExpired {
        /// When it was made.
        made_at: Timestamp,
    },
    /// There is no such release, or none at all.
    NoSuchRelease(Option<ReleaseId>),
    /// No release has an id that begins so.
    NoReleaseNamed {
        /// What was typed.
        named: String,
        /// The releases that have no end.
        open: Vec<ReleaseId>,
    },
    /// Several releases have an id that begins so.
    SeveralReleasesNamed {
        /// What was typed.
        named: String,
        /// Which.
        several: Vec<ReleaseId>,
    },
    /// The release to go on with has ended.
    AlreadyOver {
        /// How.
        outcome: String,
    },
    /// Another release of the target came after the one to go on with.
    Overtaken {
        /// The newest.
        by: ReleaseId,
    },
    /// The release cannot be gone on with.
    NotResumable {
        /// Why.
        why: String,
    },
    /// Nothing was live before, and the switch was begun.
    NoWayBack,
    /// This very console or command drives it.
    DrivenHere,
    /// The yes to go on with it has expired, or is for another.
    NotApproved,
    /// A lock that somebody holds is taken only with a reason.
    TakeoverWithoutReason,
    /// A release has no end: what it has half done is its own to finish.
    Unfinished {
        /// Which.
        release: ReleaseId,
    },
    /// The same where the store went back: no switch can be made, so this release can neither continue nor go back.
    OnlyToLeave {
        /// Its target.
        target: Target,
        /// Which.
        release: ReleaseId,
    },
    /// There is nothing to repair.
    NothingDiffers {
        /// Of what name, where one was asked for.
        name: Option<String>,
    },
    /// Another has requested the handover before.
    HandoverAlreadyRequested {
        /// Who.
        by: Operator,
        /// When.
        at: Timestamp,
    },
}

const TAKEOVER_WITHOUT_REASON: &str =
    "another operator holds its lock: say why it is taken from them, with --reason \"...\"";

/// Said by the doctor more exactly: a refusal does not know the configuration.
const READ_ONLY: &str = "read-only: it was started with --read-only, or the configuration says console.read_only; greenroom doctor says which";

impl Refusal {
    /// The lock of a target is held.
    pub fn locked(target: &Target, holder: Box<LockHolder>) -> Self {
        Self::Locked {
            target: target.clone(),
            holder,
        }
    }

    /// A hold or a freeze stops it, by this machine's clock or only by another one.
    pub fn held(hold: Hold, is_own: bool, clocks: &Clocks) -> Self {
        match clocks.differs() {
            Some(clock) if !is_own => Self::HeldByAnotherClock {
                hold,
                clock: clock.to_string(),
            },
            _ => Self::Held(hold),
        }
    }

    /// The hold or freeze that it is about and that can be overridden.
    pub fn hold(&self) -> Option<&Hold> {
        match self {
            Self::Held(hold) | Self::HeldByAnotherClock { hold, .. } => Some(hold),
            _ => None,
        }
    }
}

fn used_up(f: &mut fmt::Formatter<'_>, target: &Target, generation: u64) -> fmt::Result {
    f.write_str(&generations_used_up(target, generation))
}

fn never_live_here(f: &mut fmt::Formatter<'_>, version: &str, remarks: &[String]) -> fmt::Result {
    write!(
        f,
        "{version} was never live here with success: promote it instead of rolling back to it"
    )?;
    remarks
        .iter()
        .try_for_each(|remark| write!(f, "; {remark}"))
}

fn plan_expired(made_at: Timestamp) -> String {
    let at = local_time::moment(made_at);
    format!("the plan was made at {at} and has expired: plan again")
}

fn asked_for_already(by: &Operator, at: Timestamp) -> String {
    let at = local_time::moment(at);
    format!("{by} asks for the wheel already, since {at}: wait for the answer")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTarget(target) => write!(
                f,
                "{target} is not configured: add [services.{}.environments.{}]",
                target.service, target.environment
            ),
            Self::ReadOnly => f.write_str(READ_ONLY),
            Self::PlaceTaken { why } => f.write_str(why),
            Self::NoSuchVersion { wanted, repository } => write!(
                f,
                "no {wanted} in {repository}: push it, or choose one that the image registry lists"
            ),
            Self::NothingLiveIn(environment) => {
                write!(f, "nothing is live in {environment}: name a version instead")
            }
            Self::AlreadyLive {
                slot,
                version,
                unhealthy: None,
            } => write!(f, "{version} is live already, in {slot}: there is nothing to do"),
            Self::AlreadyLive {
                slot,
                version,
                unhealthy: Some(why),
            } => write!(
                f,
                "{version} is live already, in {slot}, and is not healthy there ({why}): \
                 `greenroom repair` starts it again, `greenroom rollback` goes back to the version before"
            ),
            Self::NoStandby => f.write_str(
                "the other slot holds nothing that was live and is still warm: choose a version to go back to",
            ),
            Self::NeverLiveHere { version, remarks } => never_live_here(f, version, remarks),
            Self::NotLiveIn {
                environment,
                version,
            } => write!(
                f,
                "{version} is not live in {environment}, which the rules ask for: promote it there first"
            ),
            Self::NoHealthCheck => f.write_str(
                "no health endpoint is configured: add [services.NAME.health] with a path",
            ),
            Self::NoReason => f.write_str("the rules ask for a reason: give one with --reason"),
            Self::SlotTaken { slot, endpoint, by } => write!(
                f,
                "{slot} at {endpoint} is in use by {by}: free it, or give the slot another address"
            ),
            Self::RouteDisagrees { difference } => write!(
                f,
                "who is live is not agreed on ({difference}): run greenroom repair first, a switch has to know its from"
            ),
            Self::GenerationsUsedUp { target, generation } => used_up(f, target, *generation),
            Self::StoreWentBack { target, says } => store_went_back(f, target, says),
            Self::Held(hold) => write!(f, "{hold}; wait, clear it, or override it: say why"),
            Self::HeldByAnotherClock { hold, clock } => held_by_another_clock(f, hold, clock),
            Self::HeldAlready(hold) => write!(f, "{hold}: clear that one first"),
            Self::HoldWithoutReason => f.write_str("a hold stops others: say why"),
            Self::NotPeerApproved(why) => why.fmt(f),
            Self::NotRollbackCandidate(why) => why.fmt(f),
            Self::NoHold => f.write_str("nothing that was placed stands: there is nothing to clear"),
            Self::HoldChanged { now } => hold_changed(f, now.as_deref()),
            Self::Locked { target, holder } => locked(f, target, holder),
            Self::LockedForNoRelease { target, holder } => locked_for_no_release(f, target, holder),
            Self::Unknown { what, why } => write!(f, "{what} is not known: {why}"),
            Self::WorldChanged { what } => {
                write!(f, "{what} since the plan was made: plan again")
            }
            Self::PlanExpired { made_at } => f.write_str(&plan_expired(*made_at)),
            Self::ConfigurationOlder { why } => configuration_older(f, why),
            Self::NoSuchRelease(Some(id)) => write!(f, "there is no release {id} here"),
            Self::NoSuchRelease(None) => f.write_str("nothing was ever released here"),
            Self::NoReleaseNamed { named, open } => no_release_named(f, named, open),
            Self::SeveralReleasesNamed { named, several } => several_named(f, named, several),
            Self::AlreadyOver { outcome } => {
                write!(f, "it is over already ({outcome}): there is nothing to go on with")
            }
            Self::Overtaken { by } => write!(
                f,
                "release {by} came after it: it can only be left, and that one gone on with"
            ),
            Self::NotResumable { why } => write!(f, "it cannot be gone on with: {why}"),
            Self::NoWayBack => f.write_str(
                "nothing was live before and the switch was begun: there is nothing to go back to",
            ),
            Self::DrivenHere => f.write_str("it is driven from here already"),
            Self::NotApproved => {
                f.write_str("the yes to go on has expired, or is for another release: say it again")
            }
            Self::TakeoverWithoutReason => f.write_str(TAKEOVER_WITHOUT_REASON),
            Self::Unfinished { release } => write!(
                f,
                "release {release} has no end: go on with it, back it out or leave it (greenroom resume, or C in the console), then repair"
            ),
            Self::OnlyToLeave { target, release } => only_to_leave(f, target, *release),
            Self::NothingDiffers { name } => nothing_differs(f, name.as_deref()),
            Self::HandoverAlreadyRequested { by, at } => f.write_str(&asked_for_already(by, *at)),
        }
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
        "release {release} has no end, and the proxy refuses its switches because the store went back: leave it (greenroom resume {service} {environment} --leave), then repair (greenroom repair {service} {environment})"
    )
}

fn store_went_back(f: &mut fmt::Formatter<'_>, target: &Target, says: &str) -> fmt::Result {
    write!(
        f,
        "{says}\n  The proxy refuses every switch of {target}. See what happened to the store, then run: greenroom repair {} {}",
        target.service, target.environment
    )
}

fn held_by_another_clock(f: &mut fmt::Formatter<'_>, hold: &Hold, clock: &str) -> fmt::Result {
    write!(
        f,
        "{hold}\n  By this machine's clock it is not in effect, but {clock}: one of them says that it is. Set the clock that is wrong, clear the hold, or override it: say why."
    )
}

fn hold_changed(f: &mut fmt::Formatter<'_>, now: Option<&str>) -> fmt::Result {
    let now = now.unwrap_or("there is none any more");
    write!(
        f,
        "the hold changed since it was shown, and nothing was cleared: {now}\n  Look at it, and clear that one where it is to be cleared."
    )
}

fn configuration_older(f: &mut fmt::Formatter<'_>, why: &str) -> fmt::Result {
    write!(
        f,
        "{why}\n  Get the newer greenroom.toml and start again, or reload it in the console. If this one is right, save it again: that makes it newer."
    )
}

fn nothing_differs(f: &mut fmt::Formatter<'_>, name: Option<&str>) -> fmt::Result {
    let of = name.map(|name| format!(" by the name of {name}"));
    let of = of.unwrap_or_default();
    write!(f, "nothing differs{of}: there is nothing to repair")
}

fn several_named(f: &mut fmt::Formatter<'_>, named: &str, several: &[ReleaseId]) -> fmt::Result {
    write!(
        f,
        "{named} may mean several releases: {}; type more of the id",
        ids(several)
    )
}

fn no_release_named(f: &mut fmt::Formatter<'_>, named: &str, open: &[ReleaseId]) -> fmt::Result {
    write!(f, "no release here has an id that begins with {named}; ")?;
    match open {
        [] => f.write_str("no release here is open: greenroom history lists those that ended"),
        open => write!(f, "without an end: {}", ids(open)),
    }
}

fn ids(ids: &[ReleaseId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// Who holds the lock, and the command that goes on.
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
        LockPurpose::Upkeep => f.write_str("it ends by itself: then run the same command again")?,
    }
    match (holder.ttl_seconds, purpose) {
        (Some(left), LockPurpose::Release) => write!(
            f,
            "; if its driver is gone, the lock ends within {left} s: then {resume}"
        ),
        (Some(left), LockPurpose::Upkeep) => write!(
            f,
            "; if its driver is gone, the lock ends within {left} s; if it hangs, end it: {console}"
        ),
        (None, _) => Ok(()),
    }
}

/// Who holds the lock where nothing can be resumed of it, and when it ends.
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
        "{target} is locked by {operator} since {} ({message}), and there is no release to resume or to take over",
        local_time::moment(*since)
    )?;
    match holder.ttl_seconds {
        Some(left) => write!(
            f,
            "\n  The lock ends by itself: within {left} s after its driver ends. If the driver hangs, end it: {console}. Then run the same command again."
        ),
        None => write!(
            f,
            "\n  The store does not say when the lock ends. If its driver hangs, end it: {console}. Then run the same command again."
        ),
    }
}

/// Why a version that was live cannot be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRollbackCandidate {
    /// It has the traffic.
    #[error("{version} is live now")]
    LiveNow {
        /// The version.
        version: String,
    },
    /// Nobody has its image any more.
    #[error(
        "the image of {version} is gone: neither the engine nor the image registry has it; push it again by its digest"
    )]
    ImageGone {
        /// The version.
        version: String,
    },
}

/// A refusal with every reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<Refusal>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl From<Refusal> for Refused {
    fn from(reason: Refusal) -> Self {
        Self(vec![reason])
    }
}

#[cfg(test)]
mod tests;
