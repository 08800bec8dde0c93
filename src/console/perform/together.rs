//! What is done about releases that others drive, or nobody any more.

use std::sync::Arc;

use super::Hands;
use crate::console::event::Event;
use crate::inventory::{ReleaseId, Target, HandoverRequest};
use crate::release::{Approval, Force, GoOn};

impl Hands {
    pub(in crate::console) fn resume(
        &mut self,
        target: Target,
        release: ReleaseId,
        (go_on, force): (GoOn, Option<Force>),
        approval: Approval,
    ) {
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        let begins = self.begins.clone();
        self.tasks.spawn(async move {
            let taken = desk.resume(&target, release, go_on, force, approval);
            match taken.await {
                Ok(handle) => {
                    let _ = begins.send(handle).await;
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
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        self.tasks.spawn(async move {
            let asked = desk.request_handover(&target, release, message).await;
            let _ = answers.send(Event::HandoverRequested { target, asked }).await;
        });
    }

    pub(in crate::console) fn ask_no_more(&mut self, target: Target, asked: HandoverRequest) {
        let desk = Arc::clone(&self.desk);
        self.tasks
            .spawn(async move { desk.ask_no_more(&target, &asked).await });
    }

    pub(in crate::console) fn decline_handover(&mut self, target: Target, asked: HandoverRequest) {
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        self.tasks.spawn(async move {
            if let Err(why) = desk.decline_handover(&target, &asked).await {
                let _ = answers.send(Event::NotKept { target, why }).await;
            }
        });
    }
}
