//! Effects for a handover: resuming a release, and requesting, withdrawing and refusing its handover.

use std::sync::Arc;

use super::EffectRunner;
use crate::console::event::Event;
use crate::inventory::{HandoverRequest, ReleaseId, Target};
use crate::release::{Approval, Force, GoOn};

impl EffectRunner {
    pub(in crate::console) fn resume(
        &mut self,
        target: Target,
        release: ReleaseId,
        (go_on, force): (GoOn, Option<Force>),
        approval: Approval,
    ) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let starts = self.starts.clone();
        self.tasks.spawn(async move {
            let resumed = backend.resume(&target, release, go_on, force, approval);
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
            let asked = backend.request_handover(&target, release, message).await;
            let event = Event::HandoverRequested { target, asked };
            let _ = answers.send(event).await;
        });
    }

    pub(in crate::console) fn ask_no_more(&mut self, target: Target, asked: HandoverRequest) {
        let backend = Arc::clone(&self.backend);
        self.tasks
            .spawn(async move { backend.ask_no_more(&target, &asked).await });
    }

    pub(in crate::console) fn decline_handover(&mut self, target: Target, asked: HandoverRequest) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        self.tasks.spawn(async move {
            if let Err(why) = backend.decline_handover(&target, &asked).await {
                let _ = answers.send(Event::NotKept { target, why }).await;
            }
        });
    }
}
