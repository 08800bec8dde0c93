//! The dialog about a configuration that changed on disk: what differs, or which errors the configuration has.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, row, wrapped};
use super::text;
use crate::console::model::{
    ConfigurationChange, FoundConfiguration, Model, NewConfiguration, ReloadAnswer, ReloadDialog,
};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Target;

/// How many of the affected targets are named.
const NAMED: usize = 4;

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    dialog: ReloadDialog,
    columns: usize,
) -> Sheet<'a> {
    let Some(new) = &model.configuration else {
        return Sheet::new("The console already uses the configuration on disk".to_owned());
    };
    match &new.found {
        FoundConfiguration::Broken(errors) => broken(theme, new, errors, columns),
        FoundConfiguration::Differs { changes, targets } => {
            let mut sheet = Sheet::new(format!("{} changed on disk", new.file));
            let message = summary(model, changes.len(), targets);
            sheet.head = wrapped(theme, &message, columns, Meaning::Title);
            let refused = model.keeps_configuration();
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
                sheet.foot.push(row(theme, dialog.row == index, message));
            }
            sheet.foot.push(Line::default());
            sheet.foot.push(keys(
                theme,
                &[("j k", "choose"), ("Enter", "do it"), ("Esc", "keep")],
            ));
            sheet
        }
    }
}

fn broken<'a>(
    theme: &Theme,
    new: &NewConfiguration,
    errors: &[String],
    columns: usize,
) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("{} changed on disk and has errors", new.file));
    sheet.frame = Meaning::Warn;
    let message = "The console keeps its current configuration. Correct the errors; this dialog then shows the differences.";
    sheet.head = wrapped(theme, message, columns, Meaning::Title);
    sheet.head.push(Line::default());
    for error in errors {
        let message = format!("{} {error}", theme.glyph(Glyph::Cross));
        sheet
            .body
            .extend(wrapped(theme, &message, columns, Meaning::Bad));
    }
    sheet.foot = vec![keys(theme, &[("Esc", "close")])];
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

fn change_lines<'a>(theme: &Theme, change: &ConfigurationChange, columns: usize) -> Vec<Line<'a>> {
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
