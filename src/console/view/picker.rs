//! The list of versions to choose from, with the line that filters it.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::dialog::{Sheet, keys, row};
use super::{pane, text};
use crate::console::layout::dialog_rows;
use crate::console::model::{Model, Picker, VersionList, ways};
use crate::console::theme::{Glyph, Meaning, Theme};

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    picker: &Picker,
    area: Rect,
    columns: usize,
) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("Promote to {}: which version?", picker.target));
    let ways = ways(model, picker);
    // The first two lines of the body are fixed; the list moves under them.
    let height = dialog_rows((area.width, area.height))
        .saturating_sub(6)
        .max(1);
    let top = pane::top(picker.row, ways.len(), height);
    let filter = format!("{}_", picker.filter);
    sheet.body.push(Line::from(vec![
        theme.span("filter, or a tag or digest: ", Meaning::Muted),
        theme.span(filter, Meaning::Text),
    ]));
    sheet.body.push(match &picker.list {
        VersionList::Loading => {
            let words = format!("{} asking the image registry", theme.glyph(Glyph::Half));
            Line::from(theme.span(words, Meaning::Busy))
        }
        VersionList::Failed(why) => {
            let words = format!("the image registry was not heard: {why}");
            Line::from(theme.span(text::cut(&words, columns, theme), Meaning::Warn))
        }
        VersionList::Listed(all) => {
            let words = format!("{} tags in the image registry", all.len());
            Line::from(theme.span(words, Meaning::Muted))
        }
    });
    for (index, way) in ways.iter().enumerate().skip(top).take(height) {
        let name = text::pad(&way.name, 24.min(columns / 2), theme);
        let words = text::cut(
            &format!("{name}  {}", way.remark),
            columns.saturating_sub(2),
            theme,
        );
        sheet.body.push(row(theme, index == picker.row, words));
    }
    if ways.is_empty() {
        let words = "nothing fits: type a whole tag or digest";
        sheet
            .body
            .push(Line::from(theme.span(words, Meaning::Muted)));
    }
    sheet.foot = vec![keys(theme, &[("Enter", "choose"), ("Esc", "cancel")])];
    sheet
}
