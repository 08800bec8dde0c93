//! A release that has no driver, or another driver: what was intended, who has the traffic, who drives and
//! who watches, and every choice with its consequence.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, row, typed_over, wrapped};
use super::{text, together};
use crate::console::action::Action;
use crate::console::model::{Model, OpenReleases, ResumeChoice, ResumeDialog, Words};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::LockHolder;
use crate::release::{GoOn, Interrupted, OnFailure};
use crate::sanitize::sanitize;

/// The consequence of taking a lock from a driver that is still alive.
pub(super) const MEANS: &str = "their next write is refused and their console parks; an act in progress there \
     may still complete, and is observed before anything else is done";

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    asked: &ResumeDialog,
    columns: usize,
) -> Sheet<'a> {
    let found = &asked.found;
    let plan = found.plan();
    let what = match found.driver() {
        Some(holder) => format!(
            "Driven by {}",
            sanitize(&holder.record.operator.to_string())
        ),
        None => "Interrupted".to_owned(),
    };
    let mut sheet = Sheet::new(format!("{what} · {}", plan.target()));
    sheet.frame = Meaning::Warn;
    let say_in = |lines: &mut Vec<Line<'a>>, words: &str, meaning| {
        lines.extend(wrapped(theme, &sanitize(words), columns, meaning));
    };
    if let Some(live) = model.snapshot().and_then(live) {
        say_in(&mut sheet.head, &live, Meaning::Muted);
    }
    if let ResumeChoice::GoOn(go_on) = asked.chosen() {
        for reason in found.against(go_on).iter().flat_map(|refused| &refused.0) {
            let words = format!("not possible: {reason}");
            say_in(&mut sheet.head, &words, Meaning::Bad);
        }
        let would = found.would(go_on, OnFailure::Ask);
        say_in(&mut sheet.head, &would, Meaning::Text);
        if found.holder.is_some() {
            let words = format!("by force: {MEANS}");
            say_in(&mut sheet.head, &words, Meaning::Bad);
        }
        sheet.head.push(Line::default());
    }
    let mut say = |words: &str, meaning| say_in(&mut sheet.body, words, meaning);
    say(&release(found), Meaning::Text);
    if let Some(holder) = &found.holder {
        say(&holds(found, holder), Meaning::Warn);
    }
    match (&found.observed.let_go, found.driver()) {
        (_, Some(_)) => {}
        (Some(let_go), None) => say(&together::let_go(let_go), Meaning::Muted),
        (None, None) => say(together::CUT_OFF, Meaning::Muted),
    }
    if let Some(watching) = together::watched_by(model) {
        say(&watching, Meaning::Muted);
    }
    say(found.intended(), Meaning::Warn);
    for ignored in &found.ignored {
        say(ignored, Meaning::Warn);
    }
    let all = asked.choices().into_iter().map(|choice| {
        let (name, does) = named(model, found, choice);
        Answer::new(name, sanitize(&does))
    });
    let all: Vec<Answer> = all.collect();
    sheet.foot = answers(theme, &all, asked.row, (columns, model.size.1));
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[("j k", "choose"), ("Enter", "ask"), ("Esc", "decide later")],
    ));
    sheet
}

/// The list from which the operator chooses one of several open releases.
pub(super) fn open_releases<'a>(
    model: &Model,
    theme: &Theme,
    list: &OpenReleases,
    columns: usize,
) -> Sheet<'a> {
    let target = list.releases.first().map(|head| head.target.to_string());
    let target = target.unwrap_or_default();
    let mut sheet = Sheet::new(format!("Several releases of {target} are open: choose one"));
    sheet.frame = Meaning::Warn;
    for (index, head) in list.releases.iter().enumerate() {
        let words = format!(
            "{} to {}, started {} ago by {}, {}",
            head.kind,
            head.to.1.name(),
            text::age(text::seconds(head.opened_at, model.now)),
            head.operator,
            head.id.short()
        );
        let words = text::cut(&sanitize(&words), columns.saturating_sub(2), theme);
        sheet.body.push(row(theme, index == list.row, words));
    }
    // Keeps the row under the cursor in view.
    sheet.top = list.row.saturating_sub(4);
    sheet.foot = vec![keys(
        theme,
        &[
            ("j k", "choose"),
            ("Enter", "show it"),
            ("Esc", "decide later"),
        ],
    )];
    sheet
}

fn named(model: &Model, found: &Interrupted, choice: ResumeChoice) -> (String, String) {
    let resume_key = model.keymap.shown(Action::Resume);
    let words = |name: &str, does: String| (name.to_owned(), does);
    match choice {
        ResumeChoice::Later => words(
            "decide later",
            format!("nothing is done now; {resume_key} asks again"),
        ),
        ResumeChoice::Ask => words(
            "ask to take over",
            "they hand it over after the current act, or refuse".to_owned(),
        ),
        ResumeChoice::AskNoMore => words("withdraw the request", "they keep driving".to_owned()),
        ResumeChoice::GoOn(go_on) => {
            let does = match found.against(go_on) {
                Some(_) => "not possible".to_owned(),
                None => found.would(go_on, OnFailure::Ask),
            };
            let name = match found.holder {
                Some(_) => format!("take it: {}", go_on.as_str()),
                None => go_on.as_str().to_owned(),
            };
            (name, does)
        }
    }
}

fn release(found: &Interrupted) -> String {
    let plan = found.plan();
    format!(
        "{} to {} in {}, by {}",
        plan.kind,
        plan.version.name(),
        plan.slot,
        found.recorded.last_driver()
    )
}

/// `ben@ops-2 has driven it since 14:01:11, from ben@ops-2 4711 01JD4; the lease has 27 s left`. For a lock that is held
/// for something else, it says what for.
pub(super) fn holds(found: &Interrupted, holder: &LockHolder) -> String {
    let record = &holder.record;
    let left = holder.ttl_seconds.map_or(String::new(), |left| {
        format!("; the lease has {left} s left")
    });
    let does = match found.driver() {
        Some(_) => "has driven it".to_owned(),
        None => format!("has held its lock ({})", record.message),
    };
    format!(
        "{} {does} since {}, from {}{left}",
        record.operator,
        text::time_of_day(record.since),
        record.console
    )
}

/// Which slot is observed to be live, never what the journal says.
fn live(snapshot: &crate::inventory::Snapshot) -> Option<String> {
    let slot = snapshot.live()?;
    let nothing = if snapshot.sources.runtime.has_answered() {
        "nothing"
    } else {
        "(version unknown)"
    };
    let instance = snapshot.slots.get(slot).instance.as_ref();
    let version = instance.map_or(nothing, |instance| instance.version_name());
    Some(format!("{slot} {version} has the traffic now"))
}

/// Asks for a message to a driver.
pub(super) fn words<'a>(theme: &Theme, asked: &Words, columns: usize) -> Sheet<'a> {
    let target = asked.found.plan().target();
    let holder = asked.found.holder.as_ref();
    let who = holder.map_or("its driver".to_owned(), |holder| {
        sanitize(&holder.record.operator.to_string())
    });
    let (title, words, meaning) = match asked.choice {
        ResumeChoice::GoOn(go_on) => (
            format!("Take {target} from {who}: why?"),
            format!(
                "{who} is told the reason; it is kept in the history; {}",
                match go_on {
                    GoOn::Continue => "then the release continues here",
                    GoOn::BackOut => "then it is backed out from here",
                    GoOn::Leave => "then it ends as it is",
                }
            ),
            Meaning::Warn,
        ),
        _ => (
            format!("Ask {who} to hand over {target}"),
            "a message to them (optional)".to_owned(),
            Meaning::Muted,
        ),
    };
    let mut sheet = Sheet::new(title);
    sheet.body = wrapped(theme, &words, columns, meaning);
    let mut typed =
        Line::from(theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key));
    let room = columns.saturating_sub(2);
    typed.extend(super::line::typed(theme, &asked.line, room));
    sheet.foot = typed_over(
        typed,
        keys(
            theme,
            &[("Enter", "ask (changes nothing yet)"), ("Esc", "not now")],
        ),
    );
    sheet
}
