//! The approvals that the switch of a release lacks, who can give them, and how.

use crossterm::event::{KeyCode, KeyEvent};

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling};
use crate::console::sheet::Sheet;
use crate::console::theme::{Meaning, Theme};
use crate::inventory::Target;
use crate::release::{approve_command, approvers_words};
use crate::sanitize::sanitize;

/// Tells the driver which approvals are missing, who can give them, and how; or that no approval is missing any more.
#[derive(Debug, Clone)]
pub struct MissingApprovals {
    pub target: Target,
}

impl Dialog for MissingApprovals {
    fn pressed(self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Enter | KeyCode::Char('q' | '?') => Vec::new(),
            _ => model.keep(self),
        }
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Letters
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let target = &self.target;
        let mut sheet = Sheet::new(format!("Waiting for approval · {}", self.target));
        sheet.frame = Meaning::Warn;
        sheet.grows = true;
        sheet.keys(theme, &[("Esc", "close")]);
        let mut say = |message: &str, meaning| {
            sheet.say(theme, &sanitize(message), columns, meaning);
        };
        let approve = model.keymap.shown(Action::Approve);
        let Some(status) = model.releases.get(target) else {
            return sheet;
        };
        let Some((needed, given)) = model.peer_approved(status) else {
            say("The release no longer waits for approvals.", Meaning::Text);
            return sheet;
        };
        let message = model.peer_approved_words(status).unwrap_or_default();
        say(&format!("The switch {message}."), Meaning::Warn);
        for approval in &given {
            if let Some(note) = &approval.note {
                say(&format!("  {}: \"{note}\"", approval.by), Meaning::Muted);
            }
        }
        for why in model.not_peer_approved(status) {
            say(&format!("  {why}"), Meaning::Warn);
        }
        if given.len() >= needed {
            let message = format!(
                "The release has all approvals. Close this page with Esc, then press {approve} to switch."
            );
            say(&message, Meaning::Ok);
            return sheet;
        }
        let snapshot = model.world.get(target);
        let driver = snapshot.and_then(|snapshot| snapshot.lock.as_ref());
        let driver = driver.map(|holder| &holder.record.operator);
        let by = approvers_words(&status.plan, driver);
        say(&format!("Approvals can be given by {by}:"), Meaning::Text);
        let arm = model.keymap.shown(Action::Arm);
        let list = model.keymap.shown(Action::Waiting);
        let console = format!(
            "  in a console: {list} lists the release, Enter opens it, {arm} arms {target}"
        );
        say(&console, Meaning::Text);
        let command = format!("  in a shell:   {}", approve_command(target));
        say(&command, Meaning::Text);
        let back = model.keymap.shown(Action::BackOut);
        say(
            &format!(
                "The traffic does not move before all approvals are given. {back} backs the release out."
            ),
            Meaning::Muted,
        );
        sheet
    }
}
