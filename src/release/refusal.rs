//! Why something cannot be done. All reasons are given at once, each with a way out.

mod describe;

use std::fmt;

use jiff::Timestamp;

use super::approval::NotPeerApproved;
use crate::inventory::{
    Clocks, Endpoint, EnvironmentName, Hold, LockHolder, LockPurpose, Operator, ReleaseId, Slot,
    Target,
};

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such target.
    UnknownTarget(Target),
    /// The console or command may only read.
    ReadOnly,
    /// The image registry does not have the version.
    NoSuchVersion {
        /// The requested version.
        wanted: String,
        /// The repository.
        repository: String,
    },
    /// The proxy's configuration was installed from a newer settings file than the one that this console reads.
    ConfigurationOlder {
        /// Which file, and the age of both.
        why: String,
    },
    /// Something else owns what the release would write in the proxy's configuration or in the store.
    PlaceTaken {
        /// What it is, who owns it, and what to do.
        why: String,
    },
    /// Nothing is live in that environment.
    NothingLiveIn(EnvironmentName),
    /// The requested version already has the traffic.
    AlreadyLive {
        /// Its slot.
        slot: Slot,
        /// The version.
        version: String,
        /// Why it is not healthy there, if that is known.
        unhealthy: Option<String>,
    },
    /// A version cannot be rolled back to.
    NotRollbackCandidate(NotRollbackCandidate),
    /// The other slot has no warm version to go back to.
    NoStandby,
    /// It was never live here with success, as far as the journal proves it.
    NeverLiveHere {
        /// The version.
        version: String,
        /// The releases that say otherwise but are not believed, and how far the search went; one per line.
        remarks: Vec<String>,
    },
    /// The version must be live in another environment first.
    NotLiveIn {
        /// That environment.
        environment: EnvironmentName,
        /// The version.
        version: String,
    },
    /// No health endpoint is configured, so nothing can be released.
    NoHealthCheck,
    /// A reason is required and none was given.
    NoReason,
    /// Another program occupies the place of the candidate.
    SlotTaken {
        /// The slot.
        slot: Slot,
        /// Its address.
        endpoint: Endpoint,
        /// What occupies it.
        by: String,
    },
    /// The proxy and the registry disagree about the live slot.
    RouteDisagrees {
        /// The difference, for people.
        difference: String,
    },
    /// The proxy carries a token that no lock of this store can have had. It refuses every switch.
    StoreWentBack {
        /// The target.
        target: Target,
        /// What the proxy and the store report.
        says: String,
    },
    /// The generation of the next switch is too high.
    GenerationsUsedUp {
        /// The target.
        target: Target,
        /// The generation that the switch would have.
        generation: u64,
    },
    /// A hold or a freeze is active.
    Held(Hold),
    /// A hold or a freeze is active by another machine's clock, but not by this one's.
    HeldByAnotherClock {
        /// The hold.
        hold: Hold,
        /// How the clocks differ.
        clock: String,
    },
    /// A hold cannot be placed because another one is active.
    HeldAlready(Hold),
    /// There is no active hold to clear.
    NoHold,
    /// The hold that was to be cleared is not the one that the operator was shown.
    HoldChanged {
        /// What is there now, in words; none where there is no hold.
        now: Option<String>,
    },
    /// A hold needs a reason.
    HoldWithoutReason,
    /// An approval by another operator is refused.
    NotPeerApproved(NotPeerApproved),
    /// Another operator or command holds the lock of the target.
    Locked {
        /// The target.
        target: Target,
        /// The holder.
        holder: Box<LockHolder>,
    },
    /// A repair or another upkeep holds the lock of a target, and a release is there to resume.
    LockedByUpkeep {
        /// The target.
        target: Target,
        /// The holder.
        holder: Box<LockHolder>,
    },
    /// The lock is held, but there is no release to resume.
    LockedForNoRelease {
        /// The target.
        target: Target,
        /// The holder.
        holder: Box<LockHolder>,
    },
    /// A fact that the plan needs is not known.
    Unknown {
        /// The fact.
        what: String,
        /// Why it is not known.
        why: String,
    },
    /// Something changed between the plan and its start.
    WorldChanged {
        /// What changed.
        what: String,
    },
    /// The plan was shown too long ago.
    PlanExpired {
        /// When it was made.
        made_at: Timestamp,
    },
    /// The release does not exist, or there is none at all.
    NoSuchRelease(Option<ReleaseId>),
    /// No release has an id with this beginning or end.
    NoReleaseNamed {
        /// The typed text.
        named: String,
        /// The open releases.
        open: Vec<ReleaseId>,
    },
    /// Several releases have an id with this beginning or end.
    SeveralReleasesNamed {
        /// The typed text.
        named: String,
        /// Their ids.
        several: Vec<ReleaseId>,
    },
    /// The release to resume has ended.
    AlreadyOver {
        /// Its outcome.
        outcome: String,
    },
    /// Another release of the target started after the one to resume.
    Overtaken {
        /// The newest one.
        by: ReleaseId,
    },
    /// The release cannot be resumed.
    NotResumable {
        /// The reason.
        why: String,
    },
    /// Nothing was live before, and the switch was started.
    NoWayBack,
    /// This console or command already drives it.
    DrivenHere,
    /// The confirmation has expired, or is for another release.
    NotApproved,
    /// A lock of another operator is only taken with a reason.
    TakeoverWithoutReason,
    /// A release has not ended: its unfinished steps are its own.
    Unfinished {
        /// The release.
        release: ReleaseId,
    },
    /// The same if the store went back: no switch can be made, so this release can neither continue nor go back.
    OnlyToLeave {
        /// Its target.
        target: Target,
        /// The release.
        release: ReleaseId,
    },
    /// There is nothing to repair.
    NothingDiffers {
        /// The requested name, if one was given.
        name: Option<String>,
    },
    /// Another operator has already requested the handover.
    HandoverAlreadyRequested {
        /// The operator.
        by: Operator,
        /// The time of the request.
        at: Timestamp,
    },
}

const TAKEOVER_WITHOUT_REASON: &str =
    "another operator holds its lock: give a reason for the takeover with --reason \"...\"";

/// `greenroom doctor` is more exact: a refusal does not know the configuration.
const READ_ONLY: &str = "read-only: it was started with --read-only, or the configuration says console.read_only; greenroom doctor says which";

impl Refusal {
    /// Another operator holds the lock of a target.
    pub fn locked(target: &Target, holder: Box<LockHolder>) -> Self {
        Self::Locked {
            target: target.clone(),
            holder,
        }
    }

    /// The lock of a target is held where one of its releases is to be resumed: also from a repair it can be taken.
    pub fn locked_to_resume(target: &Target, holder: Box<LockHolder>) -> Self {
        match holder.record.purpose {
            LockPurpose::Release => Self::locked(target, holder),
            LockPurpose::Upkeep => Self::LockedByUpkeep {
                target: target.clone(),
                holder,
            },
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

    /// The hold or freeze in the refusal, which can be overridden.
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
    /// It has the traffic.
    #[error("{version} is live now")]
    LiveNow {
        /// The version.
        version: String,
    },
    /// No engine and no registry has its image.
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
