//! The page that Enter opens on a pane, the text that is copied from a pane, and the number of its rows.

use super::{check_page, logs, slots_page};
use crate::console::dialogs::Page;
use crate::console::model::{Model, Pane, checks, registrations};

/// The number of rows in the checks or in the registrations. 0 for the other panes.
pub(super) fn row_count(model: &Model, pane: Pane) -> usize {
    match pane {
        Pane::Checks => checks(model).len(),
        Pane::Registrations => model.snapshot().map_or(0, |s| registrations(s).len()),
        Pane::Environments | Pane::Slots | Pane::Logs => 0,
    }
}

/// The page of the focused pane: the complete text of the row under the cursor, both slots, or the log lines in view.
pub(super) fn page(model: &Model) -> Page {
    let (title, lines) = match model.focus {
        Pane::Environments | Pane::Slots => slots_page::page(model),
        Pane::Checks => check_page::page(model),
        Pane::Registrations => super::stored::page(model),
        Pane::Logs => (
            "Log lines in view".into(),
            logs::in_view(model)
                .iter()
                .map(|line| line.text.to_string())
                .collect(),
        ),
    };
    Page {
        title,
        lines: if lines.is_empty() {
            vec!["nothing to show yet".into()]
        } else {
            lines
                .iter()
                .map(|line| crate::sanitize::sanitize(line))
                .collect()
        },
    }
}

/// The text to copy from the focused pane, and a name for this text.
pub(super) fn copied(model: &Model) -> Option<(&'static str, String)> {
    match model.focus {
        Pane::Environments => {
            let target = super::world::under_cursor(model)?;
            let instance = model.world.get(&target)?.live_instance()?;
            Some((
                "the digest of the live version",
                instance.digest.to_string(),
            ))
        }
        Pane::Slots => {
            let snapshot = model.snapshot()?;
            let (label, slot) = match model.log.slot() {
                Some(slot) => ("the digest of the slot whose log is shown", slot),
                None => ("the digest of the live version", snapshot.live()?),
            };
            let instance = snapshot.slots.get(slot).members.representative()?;
            Some((label, instance.digest.to_string()))
        }
        Pane::Checks => {
            let rows = checks(model);
            let row = rows.get(model.row(Pane::Checks))?;
            Some(("the check", format!("{}: {}", row.name, row.detail)))
        }
        Pane::Registrations => {
            let rows = registrations(model.snapshot()?);
            let line = rows.get(model.row(Pane::Registrations))?.line?;
            Some((
                "the key and its value",
                format!("{} {}", line.key, line.value),
            ))
        }
        Pane::Logs => {
            let lines: Vec<&str> = logs::in_view(model)
                .iter()
                .map(|line| &*line.text)
                .collect();
            (!lines.is_empty()).then(|| ("the lines in view", lines.join("\n")))
        }
    }
}
