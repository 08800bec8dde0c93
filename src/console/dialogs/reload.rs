//! The dialog about a configuration that changed on disk: what differs, or which errors the configuration has. Reloads
//! the configuration.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

use crate::console::effect::{Effect, ExitReason};
use crate::console::model::{
    ConfigurationChange, Dialog, FoundConfiguration, Model, NewConfiguration, Scrolling, ViewState,
    moved,
};
use crate::console::sheet::{Sheet, row, wrapped};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::console::view::text;
use crate::inventory::Target;

/// Shows the differences and asks whether to reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReloadDialog {
    /// The row of the cursor: an index into [`ReloadAnswer::ALL`].
    pub row: usize,
}

/// The answers to [`ReloadDialog`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadAnswer {
    Keep,
    Reload,
}

impl ReloadAnswer {
    /// All answers. The answer that changes nothing comes first.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Reload];
}

/// Shows the differences and asks whether to reload.
pub(in crate::console) fn open(model: &mut Model) -> Vec<Effect> {
    if let Some(file) = &model.read_once {
        let text = format!(
            "the configuration was read from {file}, which cannot be read again: restart Greenroom to change it"
        );
        return model.refused(&text);
    }
    if model.configuration.is_none() {
        let text =
            "no change of the configuration on disk was observed: there is nothing to reload";
        return model.refused(text);
    }
    model.show(ReloadDialog::default());
    Vec::new()
}

impl Dialog for ReloadDialog {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        let new = model.configuration.as_ref();
        let is_usable = new.is_some_and(|new| new.is_usable());
        if key.code == KeyCode::Enter {
            return match ReloadAnswer::ALL.get(self.row) {
                Some(ReloadAnswer::Reload) if is_usable => reload(model),
                _ => Vec::new(),
            };
        }
        let row = moved(self.row, ReloadAnswer::ALL.len(), key.code);
        self.row = if is_usable { row } else { 0 };
        model.keep(self)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let Some(new) = &model.configuration else {
            return Sheet::new("The console already uses the configuration on disk");
        };
        match &new.found {
            FoundConfiguration::Broken(errors) => broken(theme, new, errors, columns),
            FoundConfiguration::Differs { changes, targets } => {
                let mut sheet = Sheet::new(format!("{} changed on disk", new.file));
                let message = summary(model, changes.len(), targets);
                sheet.head = wrapped(theme, &message, columns, Meaning::Title);
                let refused = model.why_no_reload();
                if let Some(why) = &refused {
                    sheet
                        .head
                        .extend(wrapped(theme, why, columns, Meaning::Warn));
                }
                sheet.head.push(Line::default());
                for change in changes {
                    sheet.body.extend(change_lines(theme, change, columns));
                }
                for (index, answer) in ReloadAnswer::ALL.into_iter().enumerate() {
                    let message = text::cut(answer_words(answer), columns.saturating_sub(2), theme);
                    sheet.foot.push(row(theme, self.row == index, message));
                }
                sheet.foot.push(Line::default());
                sheet.keys(
                    theme,
                    &[("j k", "choose"), ("Enter", "do it"), ("Esc", "keep")],
                );
                sheet
            }
        }
    }
}

fn reload(model: &mut Model) -> Vec<Effect> {
    if let Some(why) = model.why_no_reload() {
        return model.refused(&why);
    }
    vec![Effect::Leave(ExitReason::Reload(Box::new(ViewState {
        open: model.open.clone(),
        cursor: model.cursor.clone(),
        focus: model.focus,
    })))]
}

/// How many of the affected targets are named.
const NAMED: usize = 4;

fn broken(theme: &Theme, new: &NewConfiguration, errors: &[String], columns: usize) -> Sheet {
    let mut sheet = Sheet::new(format!("{} changed on disk and has errors", new.file));
    sheet.frame = Meaning::Warn;
    let message = "The console keeps its current configuration. Correct the errors; this dialog then shows the differences.";
    sheet.head = wrapped(theme, message, columns, Meaning::Title);
    sheet.head.push(Line::default());
    for error in errors {
        let message = format!("{} {error}", theme.glyph(Glyph::Cross));
        sheet.say(theme, &message, columns, Meaning::Bad);
    }
    sheet.keys(theme, &[("Esc", "close")]);
    sheet
}

fn summary(model: &Model, changes: usize, targets: &[Target]) -> String {
    let values = match changes {
        1 => "1 value differs".to_owned(),
        many => format!("{many} values differ"),
    };
    let total = model.world.snapshots.len();
    let mut names: Vec<String> = targets
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    if targets.len() > NAMED {
        names.push(format!("and {} more", targets.len() - NAMED));
    }
    let names = names.join(", ");
    match targets.len() {
        0 => format!("{values}; no target is affected."),
        1 => format!("{values}; 1 of {total} targets is affected: {names}."),
        many => format!("{values}; {many} of {total} targets are affected: {names}."),
    }
}

fn change_lines(theme: &Theme, change: &ConfigurationChange, columns: usize) -> Vec<Line<'static>> {
    let place = match change.place.as_str() {
        "" => String::new(),
        place => format!("  ({place})"),
    };
    let key = &change.key;
    let (message, meaning) = match (&change.before, &change.after) {
        (None, Some(now)) => (format!("+ {key} = {now}{place}"), Meaning::Ok),
        (Some(was), None) => (format!("- {key} = {was}"), Meaning::Bad),
        // Both texts are equal if the value is hidden because it may be secret.
        (Some(was), Some(now)) if was == now => (
            format!("~ {key} has changed; its value is hidden{place}"),
            Meaning::Warn,
        ),
        (Some(was), Some(now)) => (format!("~ {key}: {was} is now {now}{place}"), Meaning::Warn),
        (None, None) => (format!("~ {key} has changed"), Meaning::Warn),
    };
    wrapped(theme, &message, columns, meaning)
}

fn answer_words(answer: ReloadAnswer) -> &'static str {
    match answer {
        ReloadAnswer::Keep => "Keep the configuration in use",
        ReloadAnswer::Reload => "Reload: use the new configuration, and observe everything again",
    }
}
