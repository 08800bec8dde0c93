//! Effects for a handover: resuming a release, and requesting, withdrawing and refusing its handover.

use std::sync::Arc;

use super::EffectRunner;
use crate::console::event::Event;
use crate::inventory::{HandoverRequest, ReleaseId, Target};
use crate::release::{Approval, Force, ResumeAction};

impl EffectRunner {
    pub(in crate::console) fn resume(
        &mut self,
        target: Target,
        release: ReleaseId,
        (resume_action, force): (ResumeAction, Option<Force>),
        approval: Approval,
    ) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let starts = self.starts.clone();
        self.tasks.spawn(async move {
            let resumed = backend.resume(&target, release, resume_action, force, approval);
            match resumed.await {
                Ok(handle) => {
                    let _ = starts.send(handle).await;
                }
                Err(refused) => {
                    let _ = answers.send(Event::BeginRefused { target, refused }).await;
                }
            }
        });
    }

    pub(in crate::console) fn request_handover(
        &mut self,
        target: Target,
        release: ReleaseId,
        message: Option<String>,
    ) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        self.tasks.spawn(async move {
            let request = backend.request_handover(&target, release, message).await;
            let event = Event::HandoverRequested { target, request };
            let _ = answers.send(event).await;
        });
    }

    pub(in crate::console) fn withdraw_request(
        &mut self,
        target: Target,
        request: HandoverRequest,
    ) {
        let backend = Arc::clone(&self.backend);
        self.tasks
            .spawn(async move { backend.withdraw_request(&target, &request).await });
    }

    pub(in crate::console) fn decline_handover(
        &mut self,
        target: Target,
        request: HandoverRequest,
    ) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        self.tasks.spawn(async move {
            if let Err(why) = backend.decline_handover(&target, &request).await {
                let _ = answers.send(Event::RefusalNotStored { target, why }).await;
            }
        });
    }
}
