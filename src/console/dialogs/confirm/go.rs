//! What a confirmed question does. If it needs an approval, `Approval::give` or `RepairApproval::give` in `release`
//! decides whether the answer is valid.

use super::{Confirm, Question};
use crate::console::action::Action;
use crate::console::backend::Backend;
use crate::console::dialogs::{Refusal, ResumeRelease, StartRelease};
use crate::console::effect::{self, Call, Effect};
use crate::console::model::{Model, Weight};
use crate::console::update::handover_request;
use crate::inventory::{PeerApproval, ReleaseId, Target, local_time};
use crate::release::{
    Approval, Command, Need, Refused, RepairApproval, Scope, TakeoverRequest, need_of,
    step_after_standby,
};

pub(super) fn confirmed(model: &mut Model, confirm: Box<Confirm>) -> Vec<Effect> {
    if let Some(missing) = confirm.missing() {
        let text = format!("{missing}; Esc cancels");
        model.say(Weight::Prominent, &text);
        model.keep(confirm);
        return Vec::new();
    }
    // Removes the notice about an incomplete name.
    model.notice = None;
    let target = confirm.question.target().clone();
    // A question can be opened before its target is armed, and the arming may have ended since then.
    if !model.is_armed() || model.open.as_ref() != Some(&target) {
        let arm = model.keymap.shown(Action::Arm);
        let text =
            format!("nothing was changed: {target} is not armed. {arm} arms it, then answer again");
        model.keep(confirm);
        return model.refused(&text);
    }
    let by = model.operator.clone();
    let typed = (confirm.need == Need::TypedName).then_some(confirm.typed.as_str());
    let now = model.now;
    let note = confirm.note;
    match confirm.question {
        Question::Begin(plan) => match Approval::give(&plan, Scope::Plan, by, typed, now) {
            Ok(approval) => vec![Effect::ask(StartRelease { plan, approval })],
            Err(why) => model.refused(&why.to_string()),
        },
        Question::Step(status, step) => {
            match Approval::give(&status.plan, Scope::Step(step), by, typed, now) {
                Ok(approval) => vec![Effect::Send {
                    release: status.plan.release,
                    command: Command::Approve(approval),
                }],
                Err(why) => model.refused(&why.to_string()),
            }
        }
        Question::BackOut(status) => vec![Effect::Send {
            release: status.plan.release,
            command: Command::BackOut {
                by,
                reason: note.unwrap_or_else(|| "requested at the console".into()),
            },
        }],
        Question::Resume(found, resume_action) => {
            match Approval::give(found.plan(), Scope::Plan, by, typed, now) {
                Ok(approval) => vec![Effect::ask(ResumeRelease {
                    target,
                    release: found.plan().release,
                    resume_action,
                    takeover: found.holder.as_ref().map(|holder| TakeoverRequest {
                        why: note.unwrap_or_default(),
                        from: holder.token,
                    }),
                    approval,
                })],
                Err(why) => model.refused(&why.to_string()),
            }
        }
        Question::Repair(plan) => match RepairApproval::give(&plan, by, typed, now) {
            Ok(approval) => {
                let text = format!("{target} is being repaired");
                model.say(Weight::Normal, &text);
                model.repairing.insert(target);
                vec![Effect::Repair { plan, approval }]
            }
            Err(why) => model.refused(&why.to_string()),
        },
        Question::RequestHandover(found) => {
            match Approval::give(found.plan(), Scope::Plan, by, typed, now) {
                Ok(approval) => handover_request::ask(model, &found, approval, note),
                Err(why) => model.refused(&why.to_string()),
            }
        }
        Question::PeerApprove(status) => vec![Effect::ask(PeerApprove {
            seen: status.approvable().mark(),
            target,
            release: status.plan.release,
            note: note.unwrap_or_default(),
        })],
        Question::EndStandby(status) => {
            let release = status.plan.release;
            let step = step_after_standby(&status.plan);
            if need_of(&status.plan, step) == Need::Nothing {
                let command = Command::EndStandby;
                return vec![Effect::Send { release, command }];
            }
            // The approval of the next step also ends the time during which the old version is kept warm.
            match Approval::give(&status.plan, Scope::Step(step), by, typed, now) {
                Ok(approval) => vec![Effect::Send {
                    release,
                    command: Command::Approve(approval),
                }],
                Err(why) => model.refused(&why.to_string()),
            }
        }
    }
}

/// Approves a release that another operator drives.
#[derive(Debug)]
pub struct PeerApprove {
    pub target: Target,
    pub release: ReleaseId,
    /// The mark of what the operator has seen, see [`Approvable::mark`].
    pub seen: String,
    /// The note of the operator who approves. May be empty.
    pub note: String,
}

impl effect::Question for PeerApprove {
    type Answer = Result<PeerApproval, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        let seen = (self.release, self.seen.as_str());
        backend.peer_approve(&self.target, seen, self.note.clone())
    }

    fn answered(&self, model: &mut Model, answer: Self::Answer) -> Vec<Effect> {
        let target = &self.target;
        match answer {
            Ok(approval) => {
                let until = local_time::clock(approval.expires_at);
                let text = format!(
                    "you approved the release of {target}; the approval counts until {until}"
                );
                model.say(Weight::Normal, &text);
            }
            Err(refused) => model.show(Refusal::new(
                format!("approval of the release of {target}"),
                &refused,
            )),
        }
        Vec::new()
    }
}
