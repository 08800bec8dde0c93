//! *pull*: the runtime gets the image, by digest.
//!
//! - Act: the runtime pulls the digest; left out for a warm rollback.
//! - Done when the runtime has it.
//! - Undone by: nothing: the image stays.

use std::time::Duration;

use super::{Course, Judgement, Situation, StageDefinition, StepDefinition, StepSummary, Verdict};
use crate::release::{Action, Ask, Draft, Plan, ProxyWords};

pub(super) struct Pull;

impl StageDefinition for Pull {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        Ask {
            image: true,
            ..Ask::default()
        }
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        match situation.observation.image {
            Some(true) => Verdict::Already("the image is already pulled".into()),
            _ => Verdict::Act(vec![Action::Pull(situation.plan.version.clone())]),
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        match situation.observation.image {
            Some(true) => Judgement::reached(),
            Some(false) => Judgement::NotYet("the image is not pulled yet".into()),
            None => Judgement::blind(situation.observation),
        }
    }

    fn time_limit(&self, plan: &Plan) -> Duration {
        plan.definition.timing.progress_deadline
    }
}

impl StepDefinition for Pull {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "pull the image, by digest",
            done_when: "Docker has the image",
        }
    }

    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.warm.is_empty()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let pinned = draft.plan.version.pinned();
        if draft.has_image {
            vec![format!("{pinned} is already pulled")]
        } else {
            vec![format!("engine: pull {pinned}")]
        }
    }

    fn undo_words(&self, _plan: &Plan) -> String {
        "nothing: the image is kept".into()
    }
}
