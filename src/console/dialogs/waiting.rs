//! The list of items that wait for the operator. Enter opens the chosen item.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

use super::{handover, open_releases};
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, WaitingFor, WaitingItem, moved};
use crate::console::sheet::{Sheet, Top, row};
use crate::console::theme::{Meaning, Theme};
use crate::console::update::{approving, target};
use crate::console::view::text;
use crate::sanitize::sanitize;

/// The dialog that lists the waiting items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingList {
    pub row: usize,
}

pub(in crate::console) fn open(model: &mut Model) -> Vec<Effect> {
    if model.waiting().is_empty() {
        return model.refused("nothing waits for you");
    }
    model.show(WaitingList::default());
    Vec::new()
}

impl Dialog for WaitingList {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        let mut items = model.waiting();
        self.row = self.row.min(items.len().saturating_sub(1));
        match key.code {
            KeyCode::Char('q') => Vec::new(),
            KeyCode::Enter if items.is_empty() => Vec::new(),
            KeyCode::Enter => open_item(model, items.swap_remove(self.row)),
            code => {
                self.row = moved(self.row, items.len(), code);
                model.keep(self)
            }
        }
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new("Waits for you");
        sheet.frame = Meaning::Warn;
        let items = model.waiting();
        let selected = self.row.min(items.len().saturating_sub(1));
        for (index, item) in items.iter().enumerate() {
            let line = text::cut(&line(model, item), columns.saturating_sub(2), theme);
            sheet.body.push(row(theme, index == selected, line));
        }
        if items.is_empty() {
            let message = theme.span("nothing waits for you any more", Meaning::Muted);
            sheet.body.push(Line::from(message));
        }
        // Keeps the row under the cursor in view.
        sheet.top = Top::At(selected.saturating_sub(4));
        sheet.keys(
            theme,
            &[("j k", "choose"), ("Enter", "open it"), ("Esc", "close")],
        );
        sheet
    }
}

/// Opens the target of an item, and the question that waits.
fn open_item(model: &mut Model, item: WaitingItem) -> Vec<Effect> {
    let mut effects = target::open(model, item.target.clone());
    effects.extend(match item.wanted {
        WaitingFor::HandOver { .. } => {
            handover::open_request(model, &item.target);
            Vec::new()
        }
        WaitingFor::TakeOver { .. } | WaitingFor::Resume => {
            open_releases::read(model, item.target, None)
        }
        WaitingFor::Choice(_) | WaitingFor::Answer(_) | WaitingFor::Approval { .. } => {
            approving::open(model)
        }
    });
    effects
}

/// `web/production  approve the release of ben@ops-2 (waiting 0:20)`.
fn line(model: &Model, item: &WaitingItem) -> String {
    let task = match &item.wanted {
        WaitingFor::HandOver { to } => format!("{to} asks to take over"),
        WaitingFor::TakeOver { from } => format!("handed over to you by {from}: resume it"),
        WaitingFor::Choice(step) => format!("choose what to do about {step}"),
        WaitingFor::Answer(step) => format!("{step} waits for your answer"),
        WaitingFor::Approval { driver } => format!("approve the release of {driver}"),
        WaitingFor::Resume => "no operator drives the release: resume it or back it out".to_owned(),
    };
    let age = text::clock(text::seconds(item.since, model.now));
    sanitize(&format!("{}  {task} (waiting {age})", item.target))
}
