//! The reasons for which Greenroom refuses a request. A refusal lists all reasons, and each reason says what to do.

mod describe;
mod queue;

use std::fmt;

use jiff::Timestamp;

pub use queue::QueueRefusal;

use super::approval::NotPeerApproved;
use crate::inventory::{
    Addresses, ClockReading, EnvironmentName, Hold, LockHolder, LockPurpose, Operator, ReleaseId,
    Slot, Target, TaskName,
};

/// What a live version was released as, if the configuration now says another kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormerKind {
    /// A service that gets requests.
    Http,
    /// A worker or scheduler.
    Background,
    /// A worker with several members, of which a scheduler may have only one.
    SeveralMembers,
}

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such target.
    UnknownTarget(Target),
    /// The console or command may only read.
    ReadOnly,
    /// The image registry does not have the version.
    NoSuchVersion {
        wanted: String,
        repository: String,
    },
    /// The target has no task of this name.
    NoSuchTask {
        name: TaskName,
        /// The tasks of the target.
        tasks: Vec<TaskName>,
    },
    /// A release may leave out tasks only with a reason.
    NoReasonToSkip,
    /// The target has no required check of this name.
    NoSuchCheck {
        name: String,
        /// The required checks of the target.
        checks: Vec<String>,
    },
    /// A release may override checks only with a reason.
    NoReasonToOverride,
    /// The proxy's configuration was installed from a newer settings file. This console reads an older file.
    ConfigurationOlder {
        /// The name of the file, and the ages of both configurations.
        why: String,
    },
    /// The release would write to a place in the proxy's configuration or in the store that has another owner.
    PlaceTaken {
        /// What is already there, who owns it, and what to do.
        why: String,
    },
    /// The request asks for the version that is live in another environment, but no version is live in it.
    NothingLiveIn(EnvironmentName),
    /// The requested version already has the traffic.
    AlreadyLive {
        /// The slot with the traffic.
        slot: Slot,
        version: String,
        /// Why the version is not healthy; none if it is healthy, or if that is unknown.
        unhealthy: Option<String>,
    },
    NotRollbackCandidate(NotRollbackCandidate),
    /// The other slot has no warm version that was live before, so no rollback to it is possible.
    NoStandby,
    /// No release that was searched proves that the version was live in this target.
    NeverLiveHere {
        version: String,
        /// One line for each release whose record names the version but does not prove that it was live. One more line
        /// if only a part of the history was searched.
        remarks: Vec<String>,
    },
    /// The rules require that the version is live in another environment first, and it is not.
    NotLiveIn {
        /// The environment in which the version must be live.
        environment: EnvironmentName,
        version: String,
    },
    /// No health endpoint is configured, so nothing can be released.
    NoHealthCheck,
    /// The rules require a reason, and none was given.
    NoReason,
    /// Another program uses the name or the address of the candidate's slot.
    SlotTaken {
        slot: Slot,
        /// The addresses of the slot.
        at: Addresses,
        /// A description of what uses the slot.
        by: String,
    },
    /// The proxy and the store disagree about the live slot.
    RouteDisagrees {
        /// The difference, as a message.
        difference: String,
    },
    /// The live version was released as another kind of service.
    KindChanged {
        target: Target,
        was: FormerKind,
    },
    /// The store does not say which version of a background service is live, and no proxy says it either.
    LiveUnknown {
        target: Target,
        /// What may be live, why, and what to do, as a message.
        why: String,
    },
    /// The store was wiped, restored or replaced. The proxy has a fencing token that is higher than every token of this
    /// store, so the proxy refuses every switch.
    StoreWentBack {
        target: Target,
        /// The tokens of proxy and store, as a message.
        message: String,
    },
    /// The next switch would get a generation that is so high that no later switch could have a higher one.
    GenerationsUsedUp {
        target: Target,
        /// The generation that the switch would have.
        generation: u64,
    },
    /// An agent wants to release a version in a protected environment.
    NeedsOperator(EnvironmentName),
    /// A hold or a freeze is active.
    Held(Hold),
    /// A hold or a freeze is not active by the clock of this machine, but counts because another clock differs.
    HeldByAnotherClock {
        hold: Hold,
        /// How the clocks differ, as a message.
        clock: String,
    },
    /// A hold cannot be placed, because the target already has an active hold.
    HeldAlready(Hold),
    /// There is no active hold to clear.
    NoHold,
    /// The hold of the target has changed since it was shown to the operator, so it was not cleared or replaced.
    HoldChanged {
        /// The current hold, or the message of the store about it; none if there is no hold.
        now: Option<String>,
    },
    HoldWithoutReason,
    /// An approval by another operator is refused.
    NotPeerApproved(NotPeerApproved),
    /// Another console or command holds the lock of the target.
    Locked {
        target: Target,
        holder: Box<LockHolder>,
    },
    /// An operator wants to resume a release, but a repair or a prune holds the lock of the target.
    LockedByUpkeep {
        target: Target,
        holder: Box<LockHolder>,
    },
    /// The lock is held, but the target has no release to resume.
    LockedForNoRelease {
        target: Target,
        holder: Box<LockHolder>,
    },
    /// A fact that the plan needs is not known.
    Unknown {
        /// The fact as an indirect question, so that it can follow `it is not known`: `whether the lock is free`.
        fact: String,
        /// Why the fact is not known.
        why: String,
    },
    /// Something changed after the plan was made and before it was started.
    WorldChanged {
        /// What changed, worded so that `since the plan was made` can follow.
        change: String,
    },
    /// The plan is too old to be started.
    PlanExpired {
        made_at: Timestamp,
    },
    /// The target does not have this release. The id is none if the target has no release at all.
    NoSuchRelease(Option<ReleaseId>),
    /// No release of the target has an id with the typed beginning or end.
    NoReleaseNamed {
        /// The typed text.
        named: String,
        /// The releases of the target that have not ended.
        open: Vec<ReleaseId>,
    },
    /// Several releases of the target have an id with the typed beginning or end.
    SeveralReleasesNamed {
        named: String,
        /// The ids of these releases.
        several: Vec<ReleaseId>,
    },
    /// The release that is to be resumed has ended.
    AlreadyOver {
        outcome: String,
    },
    /// Another release of the target started after the release that is to be resumed.
    Overtaken {
        /// The last of these later releases.
        by: ReleaseId,
    },
    /// The release cannot be resumed.
    NotResumable {
        why: String,
    },
    /// The release cannot be backed out: no version was live before it, and its switch was started.
    NoWayBack,
    /// This console or command already drives the release.
    DrivenHere,
    /// The operator's confirmation has expired, or is for another release.
    NotApproved,
    /// The takeover of a held lock needs a reason.
    TakeoverWithoutReason,
    /// A repair is refused because a release of the target has not ended. That release may still change what the repair
    /// would change.
    Unfinished {
        release: ReleaseId,
    },
    /// A release has not ended, and the store was wiped, restored or replaced since. The release cannot make its
    /// switch, so the operator can only end it where it is (`Leave`).
    OnlyToLeave {
        target: Target,
        release: ReleaseId,
    },
    NothingDiffers {
        /// The difference that the operator wanted to repair; none if the operator named no difference.
        name: Option<String>,
    },
    /// Another operator has already requested the handover.
    HandoverAlreadyRequested {
        by: Operator,
        at: Timestamp,
    },
    /// A request about a queue is refused.
    OfQueue(QueueRefusal),
}

const TAKEOVER_WITHOUT_REASON: &str =
    "a takeover of the lock needs a reason: type a reason, or give it with --reason \"...\"";

/// The message of [`Refusal::ReadOnly`]. The engine does not know whether the flag or the configuration made Greenroom
/// read-only.
const READ_ONLY: &str = "Greenroom is read-only: it was started with --read-only, or the configuration sets console.read_only. Run greenroom doctor to see which";

impl Refusal {
    pub fn locked(target: &Target, holder: Box<LockHolder>) -> Self {
        Self::Locked {
            target: target.clone(),
            holder,
        }
    }

    /// The refusal to an operator who wants to resume a release while the lock is held. The message names the takeover
    /// command, even if a repair holds the lock.
    pub fn locked_to_resume(target: &Target, holder: Box<LockHolder>) -> Self {
        match holder.record.purpose {
            LockPurpose::Release => Self::locked(target, holder),
            LockPurpose::Upkeep => Self::LockedByUpkeep {
                target: target.clone(),
                holder,
            },
        }
    }

    /// The refusal because of an active hold or freeze. `only_by` is the clock by which it is active, if that is not the
    /// clock of this machine.
    pub fn held(hold: Hold, only_by: Option<&ClockReading>) -> Self {
        match only_by {
            Some(clock) => Self::HeldByAnotherClock {
                hold,
                clock: clock.to_string(),
            },
            None => Self::Held(hold),
        }
    }

    /// Whether the reason can end without a change of the request or the configuration: another operator ends a hold, a
    /// lock becomes free, a server answers again. An agent then waits and plans the release again.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Held(_)
            | Self::HeldByAnotherClock { .. }
            | Self::Locked { .. }
            | Self::LockedByUpkeep { .. }
            | Self::LockedForNoRelease { .. }
            | Self::NotLiveIn { .. }
            | Self::Unknown { .. }
            | Self::WorldChanged { .. }
            | Self::PlanExpired { .. }
            | Self::Unfinished { .. }
            | Self::RouteDisagrees { .. }
            | Self::LiveUnknown { .. }
            | Self::SlotTaken { .. }
            | Self::ConfigurationOlder { .. }
            | Self::DrivenHere => true,
            Self::OfQueue(reason) => reason.may_pass(),
            Self::UnknownTarget(_)
            | Self::ReadOnly
            | Self::KindChanged { .. }
            | Self::NoSuchVersion { .. }
            | Self::PlaceTaken { .. }
            | Self::NothingLiveIn(_)
            | Self::AlreadyLive { .. }
            | Self::NotRollbackCandidate(_)
            | Self::NoStandby
            | Self::NeverLiveHere { .. }
            | Self::NoHealthCheck
            | Self::NoReason
            | Self::NoReasonToSkip
            | Self::NoSuchCheck { .. }
            | Self::NoReasonToOverride
            | Self::NoSuchTask { .. }
            | Self::NeedsOperator(_)
            | Self::StoreWentBack { .. }
            | Self::GenerationsUsedUp { .. }
            | Self::HeldAlready(_)
            | Self::NoHold
            | Self::HoldChanged { .. }
            | Self::HoldWithoutReason
            | Self::NotPeerApproved(_)
            | Self::NoSuchRelease(_)
            | Self::NoReleaseNamed { .. }
            | Self::SeveralReleasesNamed { .. }
            | Self::AlreadyOver { .. }
            | Self::Overtaken { .. }
            | Self::NotResumable { .. }
            | Self::NoWayBack
            | Self::NotApproved
            | Self::TakeoverWithoutReason
            | Self::OnlyToLeave { .. }
            | Self::NothingDiffers { .. }
            | Self::HandoverAlreadyRequested { .. } => false,
        }
    }

    /// The hold or freeze that causes the refusal, so that an operator can override it; none for other reasons.
    pub fn hold(&self) -> Option<&Hold> {
        match self {
            Self::Held(hold) | Self::HeldByAnotherClock { hold, .. } => Some(hold),
            _ => None,
        }
    }
}

/// Why a version that was live cannot be rolled back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRollbackCandidate {
    /// The version has the traffic.
    #[error("{version} is live now")]
    LiveNow { version: String },
    /// The runtime and the image registry do not have the image.
    #[error(
        "the image of {version} is missing on the target's machine and in the image registry: push the same digest again"
    )]
    ImageGone { version: String },
}

/// A refusal with all its reasons.
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

impl From<QueueRefusal> for Refused {
    fn from(reason: QueueRefusal) -> Self {
        Refusal::OfQueue(reason).into()
    }
}

impl From<Refusal> for Refused {
    fn from(reason: Refusal) -> Self {
        Self(vec![reason])
    }
}

#[cfg(test)]
mod tests;
