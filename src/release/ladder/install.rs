//! *install*: the proxy gets the target's configuration, if it is missing or outdated.
//!
//! - Act: every edge gets the target's configuration, if it is missing or outdated.
//! - Done when every edge answers with it over fresh connections.
//! - Undone by: nothing: the configuration stays.

use super::{Course, Judgement, Situation, StageDefinition, StepDefinition, StepSummary, Verdict};
use crate::inventory::Installation;
use crate::release::{Action, Ask, Draft, Plan, ProxyWords};

pub(super) struct Install;

impl StageDefinition for Install {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        Ask {
            installation: true,
            ..Ask::default()
        }
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        match situation.observation.edges.installation() {
            Some(Installation::Current) => {
                Verdict::Already("the proxy already has the configuration".into())
            }
            Some(_) => Verdict::Act(vec![Action::Install]),
            None => Verdict::Wait(format!(
                "it is not known whether the proxy's configuration is installed: {}",
                situation.observation.why_blind()
            )),
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        match situation.observation.edges.installation() {
            Some(Installation::Current) => Judgement::reached(),
            Some(Installation::Missing) => {
                Judgement::NotYet("the proxy's configuration is not installed".into())
            }
            Some(Installation::Outdated(why)) => Judgement::NotYet(why),
            Some(Installation::Newer(why) | Installation::Foreign(why)) => Judgement::Never(why),
            None => Judgement::blind(situation.observation),
        }
    }
}

impl StepDefinition for Install {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "write the service's configuration for nginx; only the first time, and after changes to it",
            done_when: "nginx reports the new configuration on fresh connections",
        }
    }

    /// A configuration that is newer than these settings, or that has another owner, is not replaced. Only a rollback
    /// is planned with such a configuration, because a rollback only moves the pointer that the configuration reads.
    fn is_needed(&self, draft: &Draft) -> bool {
        !matches!(
            draft.installation,
            Installation::Current | Installation::Newer(_) | Installation::Foreign(_)
        )
    }

    fn calls(&self, _draft: &Draft, proxy: &ProxyWords) -> Vec<String> {
        proxy.install.clone()
    }

    fn undo_words(&self, _plan: &Plan) -> String {
        "nothing: the configuration stays and routes as before".into()
    }
}
