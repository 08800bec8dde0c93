//! A release that has not ended, with everything that an operator needs to know before resuming it. The release may
//! still have a driver.

use jiff::Timestamp;

use super::resume_preview::ResumePreview;
use super::{
    Definition, Need, Observed, OnFailure, Plan, Refusal, Refused, ResumeAction, TargetState,
    need_back, need_to_begin, observed,
};
use crate::history::{Direction, Recorded};
use crate::inventory::{Clocks, LockHolder, RegistryRecord, ReleaseId};

/// A release that has not ended: its records, and the ways to resume it.
#[derive(Debug, Clone)]
pub struct Interrupted {
    pub recorded: Recorded,
    /// The plan, the progress and the driver, according to the journal and the lock. Nothing of it was observed on a
    /// server.
    pub observed: Observed,
    /// The current holder of the target's lock, for this release or another.
    pub holder: Option<LockHolder>,
    /// One message for each release that claims to have overtaken this release, but is ignored because nothing proves
    /// the claim.
    pub ignored: Vec<String>,
    /// The reasons against each way to resume the release.
    against: Vec<(ResumeAction, Refused)>,
    preview: ResumePreview,
}

impl Interrupted {
    /// Reads the progress from `recorded`, and decides which ways to resume are possible. `overtaken_by` is the later
    /// release that overtook this release, if any. `record` is what the store says about the target. The caller must
    /// read it before the journal: then a driver that has released its lock has already recorded that it stopped, or how
    /// the release ended.
    pub fn of(
        recorded: Recorded,
        overtaken_by: Option<ReleaseId>,
        definition: &Definition,
        record: &RegistryRecord,
        (now, clocks): (Timestamp, &Clocks),
    ) -> Self {
        let target_state = TargetState {
            record,
            instances: &[],
            now,
            clocks,
        };
        let against = ResumeAction::ALL.into_iter().filter_map(|resume_action| {
            let fits = not_overtaken(overtaken_by, resume_action)
                .and_then(|()| Plan::resumed(&recorded, definition, target_state, resume_action));
            fits.err().map(|refused| (resume_action, refused))
        });
        let against = against.collect();
        let route = record.route.as_ref().map(|route| &route.value);
        let observed = observed(&recorded, definition, record.lock.as_ref(), route, now);
        Self {
            preview: ResumePreview::of(&recorded, &observed.status.plan),
            observed,
            holder: record.lock.clone(),
            ignored: Vec::new(),
            against,
            recorded,
        }
    }

    /// Adds the messages about ignored releases that claim to have overtaken this release.
    #[must_use]
    pub fn ignoring(self, ignored: Vec<String>) -> Self {
        Self { ignored, ..self }
    }

    /// The plan of the release. A user interface shows it, and an operator gives an [`super::Approval`] for it.
    pub fn plan(&self) -> &Plan {
        &self.observed.status.plan
    }

    /// The driver of this release, if it has one.
    pub fn driver(&self) -> Option<&LockHolder> {
        let holder = self.holder.as_ref();
        holder.filter(|holder| holder.record.release == self.plan().release)
    }

    /// The reasons against one way to resume the release.
    pub fn against(&self, resume_action: ResumeAction) -> Option<&Refused> {
        self.against
            .iter()
            .find_map(|(way, refused)| (*way == resume_action).then_some(refused))
    }

    /// Describes where the journal ends, e.g. `switch was started at 12:04; its outcome was not recorded`.
    pub fn journal_end(&self) -> &str {
        &self.preview.journal_end
    }

    /// Describes what one way to resume the release would do.
    pub fn would(&self, resume_action: ResumeAction, on_failure: OnFailure) -> String {
        self.preview.would(resume_action, on_failure)
    }

    /// What a person must confirm before requesting the handover of the release.
    pub fn need_to_request_handover(&self) -> Need {
        need_to_begin(self.plan())
    }

    /// What a person must confirm before resuming the release. Later steps require their own approvals.
    pub fn need(&self, resume_action: ResumeAction) -> Need {
        let status = &self.observed.status;
        let is_backward =
            resume_action == ResumeAction::BackOut || self.preview.direction == Direction::Back;
        let need = match self.holder {
            // The operator takes the lock from its holder: a driver, a repair or a prune.
            Some(_) if self.plan().tier().is_protected() => Need::TypedName,
            _ => need_to_begin(self.plan()),
        };
        if is_backward && resume_action != ResumeAction::Leave {
            need.max(need_back(status.may_have_switched, self.plan().tier()))
        } else {
            need
        }
    }
}

/// Refuses to continue or back out an overtaken release, because the later release started from the state that the
/// overtaken release left.
pub(super) fn not_overtaken(
    by: Option<ReleaseId>,
    resume_action: ResumeAction,
) -> Result<(), Refused> {
    match by {
        Some(by) if resume_action != ResumeAction::Leave => Err(Refusal::Overtaken { by }.into()),
        _ => Ok(()),
    }
}
