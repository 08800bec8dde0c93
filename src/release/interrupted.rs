//! A release without an end, as an operator sees it before resuming it, whether or not its driver is running. Pure.

use jiff::Timestamp;

use super::resume_preview::ResumePreview;
use super::{
    Definition, GoOn, Need, Observed, OnFailure, Plan, Refusal, Refused, Standing, need_back,
    need_to_begin, observed,
};
use crate::history::{Direction, Recorded};
use crate::inventory::{Clocks, LockHolder, RegistryRecord, ReleaseId};

/// A release without an end, as found: its intent, and what can be done about it.
#[derive(Debug, Clone)]
pub struct Interrupted {
    /// Its head and entries.
    pub recorded: Recorded,
    /// Its progress according to its journal, and its plan.
    pub observed: Observed,
    /// The holder of the lock of its target now, for this release or another.
    pub holder: Option<LockHolder>,
    /// Heads that claim to have overtaken it and are ignored, one line each.
    pub ignored: Vec<String>,
    /// The reasons against each way to resume it.
    against: Vec<(GoOn, Refused)>,
    preview: ResumePreview,
}

impl Interrupted {
    /// An interrupted release. `overtaken` is a release of its target that overtook it. `record` was read before the
    /// journal: a driver that gave back its lock has already written its end.
    pub fn of(
        recorded: Recorded,
        overtaken: Option<ReleaseId>,
        definition: &Definition,
        record: &RegistryRecord,
        (now, clocks): (Timestamp, &Clocks),
    ) -> Self {
        let standing = Standing {
            record,
            instances: &[],
            now,
            clocks,
        };
        let against = GoOn::ALL.into_iter().filter_map(|go_on| {
            let fits = not_overtaken(overtaken, go_on)
                .and_then(|()| Plan::resumed(&recorded, definition, standing, go_on));
            fits.err().map(|refused| (go_on, refused))
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

    /// Adds the lines about the ignored heads that claim to be later.
    #[must_use]
    pub fn ignoring(self, ignored: Vec<String>) -> Self {
        Self { ignored, ..self }
    }

    /// Its plan: to be shown, and to give an [`super::Approval`] for.
    pub fn plan(&self) -> &Plan {
        &self.observed.status.plan
    }

    /// Its driver, if there is one.
    pub fn driver(&self) -> Option<&LockHolder> {
        let holder = self.holder.as_ref();
        holder.filter(|holder| holder.record.release == self.plan().release)
    }

    /// The reasons against one way to resume it.
    pub fn against(&self, go_on: GoOn) -> Option<&Refused> {
        self.against
            .iter()
            .find_map(|(way, refused)| (*way == go_on).then_some(refused))
    }

    /// The text of where its journal ends: the unconfirmed intent.
    pub fn intended(&self) -> &str {
        &self.preview.intended
    }

    /// The text of what one way to resume it would do.
    pub fn would(&self, go_on: GoOn, on_failure: OnFailure) -> String {
        self.preview.would(go_on, on_failure)
    }

    /// What a person must confirm before requesting the handover from its driver.
    pub fn need_to_ask(&self) -> Need {
        need_to_begin(self.plan())
    }

    /// What a person must confirm before resuming it. Approvals of later steps are asked for there.
    pub fn need(&self, go_on: GoOn) -> Need {
        let status = &self.observed.status;
        let is_backward = go_on == GoOn::BackOut || self.preview.direction == Direction::Back;
        let need = match self.holder {
            // The lock is taken from its holder, who is not asked: a driver, or a repair that is under way.
            Some(_) if self.plan().tier().is_protected() => Need::TypedName,
            _ => need_to_begin(self.plan()),
        };
        if is_backward && go_on != GoOn::Leave {
            need.max(need_back(status.may_have_switched, self.plan().tier()))
        } else {
            need
        }
    }
}

/// Refuses to resume an overtaken release: the later release is based on the state that it left.
pub(super) fn not_overtaken(by: Option<ReleaseId>, go_on: GoOn) -> Result<(), Refused> {
    match by {
        Some(by) if go_on != GoOn::Leave => Err(Refusal::Overtaken { by }.into()),
        _ => Ok(()),
    }
}
