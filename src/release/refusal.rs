//! The reasons for which Greenroom refuses a request. A refusal lists all reasons at once, and each reason says what to
//! do.

mod describe;

use std::fmt;

use jiff::Timestamp;

use super::approval::NotPeerApproved;
use crate::inventory::{
    Clocks, Endpoint, EnvironmentName, Hold, LockHolder, LockPurpose, Operator, ReleaseId, Slot,
    Target,
};

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
    /// The proxy's configuration was installed from a newer settings file than the one that this console reads.
    ConfigurationOlder {
        /// The name of the file, and the ages of both configurations.
        why: String,
    },
    /// Another owner has what the release would write in the proxy's configuration or in the store.
    PlaceTaken {
        /// What is already there, who owns it, and what to do.
        why: String,
    },
    /// No version is live in the environment from which the version should be taken.
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
    /// The other slot has no warm version to switch back to.
    NoStandby,
    /// The journal does not prove that the version was live in this target with success.
    NeverLiveHere {
        version: String,
        /// One line for each release that claims the version without proving it, and one if only a part of the history
        /// was searched.
        remarks: Vec<String>,
    },
    /// The rules require that the version is live in another environment first.
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
        /// The address of the slot.
        endpoint: Endpoint,
        /// A description of what uses the slot.
        by: String,
    },
    /// The proxy and the store disagree about the live slot.
    RouteDisagrees {
        /// The difference, as a message.
        difference: String,
    },
    /// The proxy carries a token that no lock of this store can have had, so it refuses every switch.
    StoreWentBack {
        target: Target,
        /// The tokens of proxy and store, as a message.
        message: String,
    },
    /// The generation of the next switch is too high.
    GenerationsUsedUp {
        target: Target,
        /// The generation that the switch would have.
        generation: u64,
    },
    /// A hold or a freeze is active.
    Held(Hold),
    /// A hold or a freeze is active by the clock of another machine, but not by the clock of this machine.
    HeldByAnotherClock {
        hold: Hold,
        /// How the clocks differ, as a message.
        clock: String,
    },
    /// A hold cannot be placed, because another hold is active.
    HeldAlready(Hold),
    /// There is no active hold to clear.
    NoHold,
    /// The hold of the target is no longer the one that was shown to the operator who wants to clear it.
    HoldChanged {
        /// The current hold, as a message; none if there is no hold.
        now: Option<String>,
    },
    HoldWithoutReason,
    /// An approval by another operator is refused.
    NotPeerApproved(NotPeerApproved),
    /// Another operator or command holds the lock of the target.
    Locked {
        target: Target,
        holder: Box<LockHolder>,
    },
    /// A repair or other upkeep holds the lock of a target whose release is to be resumed.
    LockedByUpkeep {
        target: Target,
        holder: Box<LockHolder>,
    },
    /// The lock is held, but the target has no release that could be resumed.
    LockedForNoRelease {
        target: Target,
        holder: Box<LockHolder>,
    },
    /// A fact that the plan needs is not known.
    Unknown {
        /// The fact, worded so that `is not known` can follow.
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
    /// The target does not have this release. `None` if the target has no release at all.
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
    /// A release cannot be backed out: no version was live before, and the switch was started.
    NoWayBack,
    /// This console or command already drives the release.
    DrivenHere,
    /// The operator's confirmation has expired, or is for another release.
    NotApproved,
    /// A takeover of another operator's lock needs a reason.
    TakeoverWithoutReason,
    /// A release has not ended, so a repair must not change what that release may still change.
    Unfinished {
        release: ReleaseId,
    },
    /// A release has not ended, and the store went back. No switch can be made, so the release can only be left.
    OnlyToLeave {
        target: Target,
        release: ReleaseId,
    },
    NothingDiffers {
        /// The difference that the operator wanted to repair; none if the operator named none.
        name: Option<String>,
    },
    /// Another operator has already requested the handover.
    HandoverAlreadyRequested {
        by: Operator,
        at: Timestamp,
    },
}

const TAKEOVER_WITHOUT_REASON: &str = "another operator holds the lock of the release: give a reason for the takeover with --reason \"...\"";

/// A refusal does not know whether the flag or the configuration made Greenroom read-only. `greenroom doctor` does.
const READ_ONLY: &str = "Greenroom is read-only: it was started with --read-only, or the configuration sets console.read_only; greenroom doctor says which";

impl Refusal {
    pub fn locked(target: &Target, holder: Box<LockHolder>) -> Self {
        Self::Locked {
            target: target.clone(),
            holder,
        }
    }

    /// The lock is held, and the operator wants to resume a release. The lock of a repair can be taken over for that.
    pub fn locked_to_resume(target: &Target, holder: Box<LockHolder>) -> Self {
        match holder.record.purpose {
            LockPurpose::Release => Self::locked(target, holder),
            LockPurpose::Upkeep => Self::LockedByUpkeep {
                target: target.clone(),
                holder,
            },
        }
    }

    /// A hold or a freeze is active. `is_own` says whether it is active by the clock of this machine.
    pub fn held(hold: Hold, is_own: bool, clocks: &Clocks) -> Self {
        match clocks.differs() {
            Some(clock) if !is_own => Self::HeldByAnotherClock {
                hold,
                clock: clock.to_string(),
            },
            _ => Self::Held(hold),
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
    /// Neither the engine nor the image registry has the image.
    #[error(
        "the image of {version} is gone: neither the engine nor the image registry has it; push the same digest again"
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

impl From<Refusal> for Refused {
    fn from(reason: Refusal) -> Self {
        Self(vec![reason])
    }
}

#[cfg(test)]
mod tests;
