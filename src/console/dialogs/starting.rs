//! The questions that start or resume a release. The console then watches the release, or shows why there is none.

use std::sync::Arc;

use super::Refusal;
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::Model;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Approval, Handle, Plan, Refused, ResumeAction, TakeoverRequest};

/// Starts the release of an approved plan.
#[derive(Debug)]
pub struct StartRelease {
    pub plan: Arc<Plan>,
    pub approval: Approval,
}

impl Question for StartRelease {
    type Answer = Result<Handle, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.begin(Arc::clone(&self.plan), self.approval.clone())
    }

    fn answered(&self, model: &mut Model, answer: Self::Answer) -> Vec<Effect> {
        watch_or_refuse(model, self.plan.target(), answer)
    }
}

/// Continues a release that this console does not drive, backs it out, or ends it and keeps everything as it is.
#[derive(Debug)]
pub struct ResumeRelease {
    pub target: Target,
    pub release: ReleaseId,
    pub resume_action: ResumeAction,
    /// Set if another console or command holds the lock. The lock is then taken from this holder.
    pub takeover: Option<TakeoverRequest>,
    pub approval: Approval,
}

impl Question for ResumeRelease {
    type Answer = Result<Handle, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.resume(
            &self.target,
            self.release,
            self.resume_action,
            self.takeover.clone(),
            self.approval.clone(),
        )
    }

    fn answered(&self, model: &mut Model, answer: Self::Answer) -> Vec<Effect> {
        watch_or_refuse(model, &self.target, answer)
    }
}

/// Watches a release that was started or resumed, or shows why it was not.
fn watch_or_refuse(
    model: &mut Model,
    target: &Target,
    answer: Result<Handle, Refused>,
) -> Vec<Effect> {
    match answer {
        Ok(handle) => vec![Effect::WatchRelease(handle)],
        Err(refused) => {
            model.show(Refusal::new(format!("release of {target}"), &refused));
            Vec::new()
        }
    }
}
