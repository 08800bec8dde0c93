//! The list of versions, with the line that filters it, and the details of the version under the cursor. The row of a
//! version that cannot be chosen, or only by overriding a hold, says why. It is dimmed unless the cursor is on it.

use ratatui::text::{Line, Span};

use super::version_rows::was_bad;
use super::{Knowledge, Picker, VersionList, VersionRow};
use crate::console::layout::{picker_rows, window};
use crate::console::model::Model;
use crate::console::sheet::{Sheet, line_spans, wrapped};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::console::view::{queue_words, text};
use crate::history::Fate;
use crate::inventory::EnvironmentName;
use crate::inventory::local_time;
use crate::release::{ImageAt, Intent, NotRollbackCandidate, Refusal};

/// The lines for the details of the version under the cursor.
const DETAILS: usize = 4;
const DIGEST_COLUMNS: usize = 10;
const AGE_COLUMNS: usize = 7;

pub(super) fn sheet(model: &Model, theme: &Theme, picker: &Picker, columns: usize) -> Sheet {
    let target = &picker.target;
    let mut sheet = Sheet::new(match picker.intent {
        Intent::Promote => format!("Promote to {target}: which version?"),
        Intent::GoBack => format!("Roll back {target}: to which version?"),
    });
    let sign = "filter, or a tag or digest: ";
    let mut filter = Line::from(theme.span(sign, Meaning::Muted));
    let room = columns.saturating_sub(text::width(sign));
    filter.extend(line_spans(theme, &picker.line, room));
    sheet.body.push(filter);
    for (message, meaning) in state(theme, picker) {
        let message = text::cut(&message, columns, theme);
        sheet.body.push(Line::from(theme.span(message, meaning)));
    }
    let height = picker_rows(model.size);
    let in_view = window(picker.row, picker.version_rows.len(), height);
    let first = in_view.start;
    let visible = picker.version_rows.get(in_view).unwrap_or_default();
    let wide = visible
        .iter()
        .map(|version_row| text::width(&version_row.name))
        .max();
    let wide = wide.unwrap_or(0).clamp(8, (columns / 3).max(8));
    for (index, version_row) in visible.iter().enumerate() {
        let selected = picker.has_cursor && first + index == picker.row;
        let row = row(model, theme, picker, version_row, (selected, wide, columns));
        sheet.body.push(row);
    }
    if picker.version_rows.is_empty() && picker.list != VersionList::Loading {
        let message = "no version is listed: type a whole tag or digest";
        sheet
            .body
            .push(Line::from(theme.span(message, Meaning::Muted)));
    }
    // For a promote, the dialog keeps its height while the operator types.
    let list_rows = match &picker.list {
        VersionList::Listed(names) => names.len().min(height),
        _ => 0,
    };
    let missing = list_rows.saturating_sub(visible.len());
    sheet
        .body
        .extend(std::iter::repeat_n(Line::default(), missing));
    sheet.foot = details(model, theme, picker, columns);
    sheet.keys(
        theme,
        &[("arrows", "move"), ("Enter", "choose"), ("Esc", "cancel")],
    );
    sheet
}

/// How much of the list is known, and the refusals that apply to all versions.
fn state(theme: &Theme, picker: &Picker) -> Vec<(String, Meaning)> {
    let busy = theme.glyph(Glyph::Half);
    let is_filtered = !picker.line.text().trim().is_empty();
    // One row is one version, which may have several tags.
    let listed = counted(picker.version_rows.len(), "version");
    let mut lines = vec![match &picker.list {
        VersionList::Loading => (
            format!("{busy} asking the image registry; a tag can already be typed"),
            Meaning::Busy,
        ),
        VersionList::Failed(why) => (
            format!("the image registry cannot be read: {why} (the console tries again)"),
            Meaning::Warn,
        ),
        VersionList::Listed(tags) => {
            let mut message = format!("{} in the image registry", counted(tags.len(), "tag"));
            if is_filtered {
                message = format!("{message}, {listed} listed");
            }
            if picker.is_whole() {
                (message, Meaning::Muted)
            } else if picker.terms.is_none() {
                (
                    format!("{busy} {message}; reading the rules"),
                    Meaning::Busy,
                )
            } else {
                let asking = "asking what runs in the environments before this one";
                (format!("{busy} {message}; {asking}"), Meaning::Busy)
            }
        }
        VersionList::NotAsked => match &picker.terms {
            Some(Ok(terms)) if terms.past.is_ok() => (
                match picker.version_rows.len() {
                    _ if is_filtered => format!("{listed} listed"),
                    0 => "no version is proven to have been live in this target".to_owned(),
                    1 => format!("{listed} was live in this target"),
                    _ => format!("{listed} were live in this target"),
                },
                Meaning::Muted,
            ),
            Some(_) => (
                "the past versions of this target are unknown".into(),
                Meaning::Warn,
            ),
            None => (
                format!("{busy} reading the past versions of this target"),
                Meaning::Busy,
            ),
        },
    }];
    let past = picker.known_terms().map(|terms| &terms.past);
    match (&picker.terms, past) {
        (Some(Err(why)), _) => {
            let message = format!("the rules and the past releases cannot be read: {why}");
            lines.push((message, Meaning::Warn));
        }
        (_, Some(Err(why))) => {
            lines.push((
                format!("the past versions of this target cannot be read: {why}"),
                Meaning::Warn,
            ));
        }
        _ => {}
    }
    if let Some(why) = picker.against_all.first() {
        let (glyph, _) = short_refusal(why);
        lines.push((format!("{} {why}", theme.glyph(glyph)), Meaning::Warn));
    }
    lines
}

/// `1 tag`, `5,000 tags`.
fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    let count = text::count(count.try_into().unwrap_or(u64::MAX));
    format!("{count} {noun}{ending}")
}

/// One row: name, digest, age, and a remark.
fn row(
    model: &Model,
    theme: &Theme,
    picker: &Picker,
    version_row: &VersionRow,
    (selected, wide, columns): (bool, usize, usize),
) -> Line<'static> {
    let is_refused = !version_row.against.is_empty() || !picker.against_all.is_empty();
    let meaning = match (selected, is_refused) {
        (true, _) => Meaning::Selection,
        (false, true) => Meaning::Muted,
        (false, false) => Meaning::Text,
    };
    let mark = if selected {
        theme.glyph(Glyph::Cursor)
    } else {
        " "
    };
    let mut line = Line::from(theme.span(format!("{mark} "), Meaning::Key));
    line.extend(name(theme, version_row, wide, meaning));
    let digest = match (&version_row.digest, &version_row.knowledge) {
        (Some(digest), _) => digest.short().to_owned(),
        (None, Knowledge::Asked) => format!("{} asking", theme.glyph(Glyph::Half)),
        (None, Knowledge::Failed(_)) => format!("{} unknown", theme.glyph(Glyph::Unknown)),
        (None, _) => String::new(),
    };
    let age = version_row
        .built_at
        .map_or(String::new(), |at| text::age(text::seconds(at, model.now)));
    let fixed = format!(
        "  {}  {}  ",
        text::pad(&digest, DIGEST_COLUMNS, theme),
        text::pad(&age, AGE_COLUMNS, theme)
    );
    let (glyph, label, tone) = remark(model, picker, version_row);
    let label = glyph.map_or(label.clone(), |glyph| {
        format!("{} {label}", theme.glyph(glyph))
    });
    let room = columns.saturating_sub(line.width() + text::width(&fixed));
    line.push_span(theme.span(fixed, meaning));
    let label = text::cut(&label, room, theme);
    let tone = if selected || is_refused {
        meaning
    } else {
        tone
    };
    line.push_span(theme.span(label, tone));
    line
}

/// The name with the filter's match marked, padded to `wide` columns.
fn name<'a>(
    theme: &Theme,
    version_row: &VersionRow,
    wide: usize,
    meaning: Meaning,
) -> Vec<Span<'a>> {
    let padded = text::pad(&version_row.name, wide, theme);
    let mut spans: Vec<Span<'a>> = Vec::new();
    let mut piece = String::new();
    let mut was_match = false;
    for (index, c) in padded.chars().enumerate() {
        let is_match = version_row.matched.binary_search(&index).is_ok();
        if is_match != was_match && !piece.is_empty() {
            let tone = if was_match { Meaning::Match } else { meaning };
            spans.push(theme.span(std::mem::take(&mut piece), tone));
        }
        was_match = is_match;
        piece.push(c);
    }
    let tone = if was_match { Meaning::Match } else { meaning };
    spans.push(theme.span(piece, tone));
    spans
}

/// The glyph and the short text of a refusal.
fn short_refusal(why: &Refusal) -> (Glyph, String) {
    match why {
        Refusal::AlreadyLive { .. } => (Glyph::Full, "already live".into()),
        Refusal::NotLiveIn { environment, .. } => {
            (Glyph::Cross, format!("not live in {environment}"))
        }
        Refusal::Held(_) | Refusal::HeldByAnotherClock { .. } => (Glyph::Held, "held".into()),
        Refusal::Locked { holder, .. } => (
            Glyph::Half,
            format!("locked by {}", holder.record.operator.name),
        ),
        Refusal::RouteDisagrees { .. } => (Glyph::Differs, "drifted".into()),
        Refusal::NoHealthCheck => (Glyph::Cross, "no health check".into()),
        Refusal::NoSuchVersion { .. } => (Glyph::Cross, "not found".into()),
        Refusal::NeverLiveHere { .. } => (Glyph::Cross, "never live".into()),
        Refusal::ReadOnly => (Glyph::Cross, "read-only".into()),
        Refusal::NotRollbackCandidate(NotRollbackCandidate::ImageGone { .. }) => {
            (Glyph::Cross, "image gone".into())
        }
        _ => (Glyph::Cross, "refused".into()),
    }
}

/// The remark on a version: why the version cannot be chosen, where it is live, and what happened to it in this target.
fn remark(
    model: &Model,
    picker: &Picker,
    version_row: &VersionRow,
) -> (Option<Glyph>, String, Meaning) {
    let against = version_row.against.first().or(picker.against_all.first());
    let is_live = matches!(against, Some(Refusal::AlreadyLive { .. }));
    let mut parts: Vec<String> = Vec::new();
    let glyph = against.map(|why| {
        let (glyph, text) = short_refusal(why);
        parts.push(text);
        glyph
    });
    parts.extend(remarks(model, version_row, is_live));
    let meaning = if was_bad(version_row) {
        Meaning::Warn
    } else {
        Meaning::Muted
    };
    let glyph = glyph.or(was_bad(version_row).then_some(Glyph::Back));
    (glyph, parts.join(", "), meaning)
}

/// Remarks about a version: who pushed it, where it is live or warm, what happened to it in this target, where its image
/// is, and whether its tag still names it.
fn remarks(model: &Model, version_row: &VersionRow, is_live: bool) -> Vec<String> {
    let push = version_row.push.as_ref();
    let wanted = push.map(|push| queue_words::wanted_by(push, model.now));
    let mut parts: Vec<String> = wanted.into_iter().collect();
    if !version_row.live_in.is_empty() {
        parts.push(format!("live in {}", places(&version_row.live_in)));
    }
    if let Some(slot) = version_row.warm_in {
        parts.push(format!("warm in {slot}"));
    }
    if let Some(fate) = version_row.fate.as_ref().filter(|_| !is_live) {
        parts.push(fate_words(model, fate));
    }
    match &version_row.image {
        Some(ImageAt::Engine) => parts.push("image present".into()),
        Some(ImageAt::Registry) => parts.push("image to be pulled".into()),
        Some(ImageAt::Unknown(_)) => parts.push("image unknown".into()),
        Some(ImageAt::Gone) | None => {}
    }
    if version_row.knowledge == Knowledge::Typed {
        parts.push("typed".into());
    }
    if let Some(environment) = &version_row.differs_in {
        parts.push(format!("{environment} runs another image under this tag"));
    }
    parts
}

fn places(environments: &[EnvironmentName]) -> String {
    let names: Vec<&str> = environments.iter().map(EnvironmentName::as_str).collect();
    names.join(", ")
}

fn fate_words(model: &Model, fate: &Fate) -> String {
    let ago = |at| format!("{} ago", text::age(text::seconds(at, model.now)));
    match fate {
        Fate::LiveSince(at) => format!("became live {}", ago(*at)),
        Fate::LiveUntil(at) => format!("live until {}", ago(*at)),
        Fate::BackedOut { at, reason } => {
            format!("backed out {}: {}", ago(*at), text::clean(reason))
        }
        Fate::Left { at, reason } => format!("left {}: {}", ago(*at), text::clean(reason)),
        Fate::Unfinished(at) => format!("started {}, not finished", ago(*at)),
    }
}

/// The details of the version under the cursor. The number of lines is always the same, so that the list above does not
/// move.
fn details(model: &Model, theme: &Theme, picker: &Picker, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(version_row) = picker.version_row() {
        let identity = match &version_row.digest {
            Some(digest) => digest.to_string(),
            None => match &version_row.knowledge {
                Knowledge::Failed(why) => format!("the tag could not be looked up: {why}"),
                Knowledge::Typed => "the digest is looked up when the plan is made".into(),
                _ => "the digest is not known yet".into(),
            },
        };
        let identity = text::cut(&identity, columns, theme);
        lines.push(Line::from(theme.span(identity, Meaning::Muted)));
        let mut facts = Vec::new();
        if let Some(at) = version_row.built_at {
            facts.push(format!(
                "built {}",
                local_time::local(at).strftime("%Y-%m-%d %H:%M %Z")
            ));
        }
        if !version_row.also.is_empty() {
            facts.push(format!("also tagged {}", version_row.also.join(", ")));
        }
        let is_live = matches!(
            version_row.against.first(),
            Some(Refusal::AlreadyLive { .. })
        );
        facts.extend(remarks(model, version_row, is_live));
        let why: Vec<String> = version_row
            .against
            .iter()
            .chain(&picker.against_all)
            .map(ToString::to_string)
            .collect();
        let room = DETAILS - lines.len();
        let mut details = Vec::new();
        let mut reasons = version_row.against.iter().chain(&picker.against_all);
        let is_only_held = reasons.all(|why| why.hold().is_some());
        if !why.is_empty() {
            let why = why.join("; ");
            let message = if is_only_held {
                let held = theme.glyph(Glyph::Held);
                format!("{held} Enter asks for a reason to override: {why}")
            } else {
                format!("{} cannot be chosen: {why}", theme.glyph(Glyph::Cross))
            };
            details.extend(wrapped(theme, &message, columns, Meaning::Warn));
        }
        details.extend(wrapped(theme, &facts.join(", "), columns, Meaning::Muted));
        details.truncate(room);
        lines.extend(details);
    }
    lines.resize(DETAILS, Line::default());
    lines
}
