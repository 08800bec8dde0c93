//! Why an action is not available now. The palette shows the reason next to the action.

use super::{Mode, Model, is_available};
use crate::console::action::Action;
use crate::release::{Observed, Progress};

/// The reason, and what to do if that is possible. `None` if the action is available.
pub fn why_not(model: &Model, action: Action) -> Option<String> {
    if is_available(model, action) {
        return None;
    }
    let progress = model.release_in_flight().map(|status| &status.progress);
    let is_running = progress.is_some_and(|progress| !progress.is_standby());
    let reason = match (action, progress) {
        (action, _) if action.changes() && model.mode == Mode::ReadOnly => {
            format!("this console is read-only: {}", model.read_only)
        }
        (action, _) if action.changes() && model.open.is_none() => {
            let open = model.keymap.shown(Action::Open);
            format!("no target is open: {open} opens the target under the cursor")
        }
        (Action::Arm, _) => "the target is armed already".into(),
        (action, _) if action.changes() && model.elsewhere().is_some_and(Observed::is_driven) => {
            let resume_key = model.keymap.shown(Action::Resume);
            format!(
                "another console or command drives a release of this target: {resume_key} requests the handover, or takes the release over"
            )
        }
        (Action::Repair, Some(_)) => {
            "this console drives a release of this target: repair when the release has ended".into()
        }
        (Action::Repair, None) if model.elsewhere().is_some_and(Observed::prevents_repair) => {
            let resume_key = model.keymap.shown(Action::Resume);
            format!("a release of this target was interrupted: {resume_key} resumes it")
        }
        (Action::Repair, None) => "no drift of this target was observed".into(),
        (Action::Promote | Action::RollBack, _) if is_running => {
            let back_out = model.keymap.shown(Action::BackOut);
            format!(
                "a release of this target is running: wait until it ends, or back it out with {back_out}"
            )
        }
        (Action::BackOut, Some(Progress::Back(_))) => {
            "the release is already being backed out".into()
        }
        (Action::CheckAgain, Some(_)) => {
            "the checks run again only while register or switch waits for approval".into()
        }
        (Action::Resume, _) => "there is no release to resume, take over or hand over".into(),
        (Action::EndStandby, _) => {
            "this console drives no release that keeps a version warm".into()
        }
        (Action::Mark | Action::Compare | Action::Timeline | Action::Prove, _)
            if !model.history.is_open =>
        {
            let history = model.keymap.shown(Action::History);
            format!("the history is not open: {history} opens it")
        }
        (Action::Compare, _) => {
            let mark = model.keymap.shown(Action::Mark);
            format!("mark two releases with {mark} first")
        }
        (Action::Mark | Action::Timeline, _) => "no release is under the cursor".into(),
        (Action::Reload, _) if model.read_once.is_some() => {
            "the configuration cannot be read again: restart Greenroom to change it".into()
        }
        (Action::Reload, _) => "no change of the configuration on disk was observed".into(),
        (Action::Zoom, _) => "one pane fills the screen already".into(),
        (Action::Unzoom, _) => "all panes that fit on the screen are shown".into(),
        (Action::Suspend, _) if !model.has_shell => {
            "this console was not started from a shell".into()
        }
        (Action::Suspend, _) => {
            "this console drives a release or a repair, and suspending would stop it".into()
        }
        (Action::Approve, Some(_))
            if model
                .release_in_flight()
                .is_some_and(|status| model.lacks_approvals(status)) =>
        {
            "the switch waits for the approval of another operator".into()
        }
        (Action::Waiting, _) if model.mode == Mode::ReadOnly => {
            "this console is read-only, so it does not list what waits for you".into()
        }
        (Action::Waiting, _) => "nothing waits for you".into(),
        (Action::Approve, Some(_)) => "no step waits for an answer".into(),
        _ => "this console drives no release of this target".into(),
    };
    Some(reason)
}
