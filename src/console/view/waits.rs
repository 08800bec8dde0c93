//! The list of items that wait for the operator.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, row};
use super::text;
use crate::console::model::{Model, WaitingFor, WaitingItem, WaitingList};
use crate::console::theme::{Meaning, Theme};
use crate::sanitize::sanitize;

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    list: WaitingList,
    columns: usize,
) -> Sheet<'a> {
    let mut sheet = Sheet::new("Waits for you".to_owned());
    sheet.frame = Meaning::Warn;
    let items = model.waiting();
    let selected = list.row.min(items.len().saturating_sub(1));
    for (index, item) in items.iter().enumerate() {
        let line = text::cut(&line(model, item), columns.saturating_sub(2), theme);
        sheet.body.push(row(theme, index == selected, line));
    }
    if items.is_empty() {
        let message = theme.span("nothing waits for you any more", Meaning::Muted);
        sheet.body.push(Line::from(message));
    }
    // Keeps the row under the cursor in view.
    sheet.top = selected.saturating_sub(4);
    sheet.foot = vec![keys(
        theme,
        &[("j k", "choose"), ("Enter", "open it"), ("Esc", "close")],
    )];
    sheet
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
