//! The history: a table of past releases, newest first, and the page over the table. Past failures are not red, because
//! red is for what needs attention now.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::{pane, text};
use crate::console::model::{History, HistoryPage, Model, Waiting};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{DIFFERS, Item, KeptAudit, Listed, LivePeriod, ReleaseState, StateGroup};
use crate::inventory::local_time;
use crate::release::report::{self, Tone};

/// The width from which the table has the columns TOOK and WHY.
const WIDE: u16 = 110;
/// The width from which the table has the column WHO.
const MEDIUM: u16 = 76;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let history = &model.history;
    let Some(page) = &history.page else {
        let inner = framed(theme, frame, place, &title(history), "");
        return table(model, theme, frame, inner);
    };
    let below = page.lines.len().saturating_sub(page.top);
    let is_more = below + 2 > usize::from(place.height);
    let more = match (page.top, is_more) {
        (0, false) => "",
        (0, true) => " more below, arrows scroll ",
        (_, true) => " more above and below, arrows scroll ",
        (_, false) => " more above, arrows scroll ",
    };
    let inner = framed(theme, frame, place, &page.title, more);
    draw_page(theme, frame, inner, page);
}

fn framed(
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    title: &str,
    more: &'static str,
) -> Rect {
    let columns = usize::from(place.width.saturating_sub(2));
    let title = text::cut(&format!(" {title} "), columns, theme);
    let block = Block::bordered()
        .border_set(theme.charset().border())
        .border_style(theme.style(Meaning::Focus))
        .title(theme.span(title, Meaning::Focus))
        .title_bottom(theme.span(more, Meaning::Key));
    let inner = block.inner(place);
    frame.render_widget(block, place);
    inner
}

fn title(history: &History) -> String {
    let shown = text::count(u64::try_from(history.rows.len()).unwrap_or(u64::MAX));
    let more = if history.is_whole { "" } else { ", more below" };
    let filter = history.typed.trim();
    let filter = if filter.is_empty() {
        String::new()
    } else {
        format!(" · {filter}")
    };
    format!("History, newest first{filter} · {shown} shown{more}")
}

/// The name of the column for the start time. The heading adds the time zone.
const STARTED: &str = "START";

/// The name and the width of a column. A column without a width takes the remaining width.
type Column = (&'static str, Option<usize>);

fn columns(width: u16) -> Vec<Column> {
    let when = if width >= MEDIUM { 16 } else { 11 };
    let mut columns = vec![
        (STARTED, Some(when)),
        ("TARGET", Some(18)),
        ("VERSION", Some(if width >= WIDE { 18 } else { 14 })),
        ("OUTCOME", Some(16)),
    ];
    if width >= MEDIUM {
        columns.push(("WHO", Some(10)));
    }
    if width >= WIDE {
        columns.insert(4, ("TOOK", Some(7)));
        columns.push(("WHY", None));
    }
    columns
}

fn table(model: &Model, theme: &Theme, frame: &mut Frame<'_>, inner: Rect) {
    let history = &model.history;
    let columns = columns(inner.width);
    let [head, body] = ratatui::layout::Layout::vertical([
        ratatui::layout::Constraint::Length(1),
        ratatui::layout::Constraint::Fill(1),
    ])
    .areas(inner);
    pane::lines(frame, head, [names(model, theme, &columns, inner.width)]);
    if let Some((message, meaning)) = in_place_of_list(history) {
        let room = usize::from(body.width.saturating_sub(2));
        let lines = text::wrap(&message, room, 0);
        let lines = lines
            .into_iter()
            .map(|line| Line::from(theme.span(format!("  {line}"), meaning)));
        let place = Rect {
            y: body.y + body.height.min(1),
            height: body.height.saturating_sub(1),
            ..body
        };
        return pane::lines(frame, place, lines);
    }
    let height = usize::from(body.height);
    let top = pane::top(history.row, history.rows.len(), height);
    let visible = history.rows.iter().enumerate().skip(top).take(height);
    let lines = visible.map(|(index, item)| {
        let is_marked = history.marked.contains(&item.id());
        row(
            theme,
            &columns,
            inner.width,
            item,
            (index == history.row, is_marked),
        )
    });
    pane::lines(frame, body, lines);
}

/// The message in place of a list that is empty, cannot be read, or has a wrong filter.
fn in_place_of_list(history: &History) -> Option<(String, Meaning)> {
    if let Some(message) = &history.filter_error {
        return Some((message.clone(), Meaning::Warn));
    }
    if let Some(why) = &history.read_error {
        return Some((format!("the history cannot be read: {why}"), Meaning::Warn));
    }
    if !history.rows.is_empty() {
        return None;
    }
    let message = match history.waiting {
        Some(Waiting::List) => "reading the history",
        _ if history.typed.trim().is_empty() => {
            "No release is archived on this machine yet. The console archives past releases in the background. This list shows each release as soon as it is archived."
        }
        _ => "no release matches the filter",
    };
    Some((message.to_owned(), Meaning::Muted))
}

fn names<'a>(model: &Model, theme: &Theme, columns: &[Column], width: u16) -> Line<'a> {
    let mut line = Line::from(Span::raw("   "));
    for (name, wide) in columns {
        let wide = wide.unwrap_or_else(|| last_column_width(columns, width));
        let heading = match *name {
            STARTED => format!("{STARTED} ({})", local_time::zone_name(model.now)),
            name => name.to_owned(),
        };
        line.push_span(theme.span(text::pad(&heading, wide, theme), Meaning::Title));
        line.push_span(Span::raw(" "));
    }
    line
}

/// The width that is left for the last column.
fn last_column_width(columns: &[Column], width: u16) -> usize {
    let used: usize = columns
        .iter()
        .filter_map(|(_, wide)| *wide)
        .map(|wide| wide + 1)
        .sum();
    usize::from(width).saturating_sub(used + 3)
}

fn row<'a>(
    theme: &Theme,
    columns: &[Column],
    width: u16,
    item: &Item,
    (is_under_cursor, is_marked): (bool, bool),
) -> Line<'a> {
    let meaning = match item {
        Item::Release(listed) => outcome_look(listed).1,
        Item::Audit(_) => Meaning::Muted,
    };
    let meaning = if is_under_cursor {
        Meaning::Selection
    } else {
        meaning
    };
    let cursor = if is_under_cursor {
        theme.glyph(Glyph::Cursor)
    } else {
        " "
    };
    let mark = if is_marked {
        theme.glyph(Glyph::Full)
    } else {
        " "
    };
    let mut line = Line::from(vec![
        theme.span(cursor.to_owned(), Meaning::Key),
        theme.span(mark.to_owned(), Meaning::Key),
        Span::raw(" "),
    ]);
    for (name, wide) in columns {
        let wide = wide.unwrap_or_else(|| last_column_width(columns, width));
        let cell = match *name {
            "TARGET" => item.target().to_string(),
            "WHO" => item.operator().name.clone(),
            STARTED if wide < 16 => local_time::local(item.at())
                .strftime("%m-%d %H:%M")
                .to_string(),
            STARTED => local_time::local(item.at())
                .strftime("%Y-%m-%d %H:%M")
                .to_string(),
            name => match item {
                Item::Release(listed) => of_release(theme, name, wide, listed),
                Item::Audit(kept) => of_audit(name, kept),
            },
        };
        let mut cell = text::pad(&cell, wide, theme);
        cell.push(' ');
        line.push_span(theme.span(cell, meaning));
    }
    line
}

fn of_release(theme: &Theme, column: &str, wide: usize, listed: &Listed) -> String {
    match column {
        "VERSION" => version(theme, listed, wide),
        "OUTCOME" => {
            let state = ReleaseState::of(&listed.head);
            format!("{} {state}", theme.glyph(outcome_look(listed).0))
        }
        "TOOK" => took(listed),
        _ => why(listed),
    }
}

/// The text of a column for a hold or a repair. The column VERSION shows the kind of the record.
fn of_audit(column: &str, kept: &KeptAudit) -> String {
    let record = &kept.record;
    match column {
        "VERSION" => record.kind().to_owned(),
        "OUTCOME" => format!("  {}", record.outcome()),
        "TOOK" => record
            .ended_at()
            .map(|at| text::clock(text::seconds(record.at(), at)))
            .unwrap_or_default(),
        _ => {
            let differs = (!kept.differences.is_empty()).then(|| DIFFERS.to_owned());
            let parts = [
                differs.unwrap_or_default(),
                record.purpose(),
                record.ending(),
            ];
            let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
            parts.join("; ")
        }
    }
}

fn outcome_look(listed: &Listed) -> (Glyph, Meaning) {
    match ReleaseState::of(&listed.head).group() {
        StateGroup::Open => (Glyph::Half, Meaning::Busy),
        StateGroup::Good => (Glyph::Tick, Meaning::Text),
        // A failure that has ended needs no attention now, so it is not red.
        StateGroup::Failed => (Glyph::Cross, Meaning::Muted),
    }
}

/// The old and the new version, or only the new version if there is no room for both.
fn version(theme: &Theme, listed: &Listed, wide: usize) -> String {
    let to = listed.head.to.1.name();
    let from = listed.head.from.as_ref().map(|(_, version)| version.name());
    let both = format!("{} {} {to}", from.unwrap_or("-"), theme.glyph(Glyph::Arrow));
    if text::width(&both) <= wide {
        both
    } else {
        to.to_owned()
    }
}

fn took(listed: &Listed) -> String {
    let head = &listed.head;
    let seconds = |at| text::clock(text::seconds(head.opened_at, at));
    head.closed
        .as_ref()
        .map(|(at, _)| seconds(*at))
        .unwrap_or_default()
}

fn why(listed: &Listed) -> String {
    let head = &listed.head;
    let ending = head
        .closed
        .as_ref()
        .and_then(|(_, outcome)| outcome.reason());
    let differs = (listed.differences > 0).then_some(DIFFERS);
    let live = head.live.as_ref().and_then(LivePeriod::length);
    let live = live.map(|length| format!("was live for {}", text::took(length)));
    let parts: Vec<&str> = [differs, live.as_deref(), ending, head.why()]
        .into_iter()
        .flatten()
        .collect();
    parts.join("; ")
}

fn draw_page(theme: &Theme, frame: &mut Frame<'_>, inner: Rect, page: &HistoryPage) {
    let room = usize::from(inner.width.saturating_sub(2));
    let height = usize::from(inner.height);
    let wrapped = |line: &report::Line| {
        let text = line.text.trim_start_matches(' ');
        // Other programs wrote the text, so it may consist of spaces only.
        let indent = (line.text.len() - text.len()).min(room / 2);
        (indent, text::wrap(text, room.saturating_sub(indent), 2))
    };
    let mut rows = 0;
    let fits = |line: &&report::Line| {
        rows += wrapped(line).1.len();
        rows <= height
    };
    let fitting = page.lines.iter().rev().take_while(fits).count();
    page.end
        .set(page.lines.len().saturating_sub(fitting.max(1)));
    let lines = page.lines.iter().skip(page.top).flat_map(|line| {
        let meaning = match line.tone {
            Tone::Heading => Meaning::Title,
            Tone::Plain => Meaning::Text,
            // A past failure is not red. The text says that it failed.
            Tone::Bad => Meaning::Warn,
            Tone::Quiet => Meaning::Muted,
        };
        let (indent, wrapped) = wrapped(line);
        wrapped.into_iter().map(move |text| {
            let text = format!(" {:indent$}{text}", "");
            Line::from(theme.span(text, meaning))
        })
    });
    pane::lines(frame, inner, lines.take(height));
}
