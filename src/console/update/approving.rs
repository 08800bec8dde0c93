//! The key that approves. Depending on the open target, the key opens the question about the waiting step, the choice
//! after a failed step, or the approval of another operator's release. If only other operators can approve, a page
//! shows who can and how.

use std::sync::Arc;

use super::change::{armed_target, not_here};
use crate::console::action::Action;
use crate::console::dialogs::{Failure, MissingApprovals, Question, confirm};
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::release::{Progress, Status, need_to_peer_approve};

pub(super) fn approve(model: &mut Model) -> Vec<Effect> {
    // The page about missing approvals changes nothing, so it opens without arming the target.
    let lacks = |status: &Arc<Status>| model.lacks_approvals(status);
    if model.release_in_flight().is_some_and(lacks) {
        return open(model);
    }
    if armed_target(model).is_none() {
        return Vec::new();
    }
    open(model)
}

/// Opens the question that waits for an answer in the open target, or shows that no question waits. The operator can
/// only answer while the target is armed.
pub(in crate::console) fn open(model: &mut Model) -> Vec<Effect> {
    let open = model.open.clone();
    let peer_approvable = open.and_then(|open| model.peer_approvable(&open));
    if let Some(status) = peer_approvable.map(|observed| Arc::clone(&observed.status)) {
        let need = need_to_peer_approve(&status.plan);
        confirm::ask(model, Question::PeerApprove(status), need);
        return Vec::new();
    }
    let Some(status) = model.release_in_flight().cloned() else {
        let promote = model.keymap.shown(Action::Promote);
        let otherwise =
            format!("this console drives no release of this target: {promote} starts one");
        let text = not_here(model, &otherwise);
        return model.refused(&text);
    };
    if model.lacks_approvals(&status) {
        model.show(MissingApprovals {
            target: status.plan.target().clone(),
        });
        return Vec::new();
    }
    if let Progress::Asking { step, need, .. } = status.progress {
        confirm::ask(model, Question::Step(status, step), need);
        return Vec::new();
    }
    if let Some(failure) = Failure::of(&status) {
        model.show(failure);
        return Vec::new();
    }
    model.refused("no step waits for your answer")
}
