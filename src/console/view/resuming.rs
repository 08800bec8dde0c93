//! The dialogs about a release that this console does not drive: what was intended, which slot has the traffic, who
//! drives and who watches, and every choice with its consequence.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, row, typed_over, wrapped};
use super::{text, together};
use crate::console::action::Action;
use crate::console::model::{MessageDialog, Model, OpenReleases, ResumeChoice, ResumeDialog};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::LockHolder;
use crate::release::{Interrupted, OnFailure, ResumeAction};
use crate::sanitize::sanitize;

/// The consequence of taking the lock from a console or command that is still running.
pub(super) const MEANS: &str = "the lock holder's next write is refused, and the holder stops. An action in progress \
     may still complete: its result is observed first";

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    dialog: &ResumeDialog,
    columns: usize,
) -> Sheet<'a> {
    let found = &dialog.found;
    let plan = found.plan();
    let state = match found.driver() {
        Some(holder) => format!(
            "Driven by {}",
            sanitize(&holder.record.operator.to_string())
        ),
        None => "Interrupted".to_owned(),
    };
    let mut sheet = Sheet::new(format!("{state} · {}", plan.target()));
    sheet.frame = Meaning::Warn;
    let say_in = |lines: &mut Vec<Line<'a>>, message: &str, meaning| {
        lines.extend(wrapped(theme, &sanitize(message), columns, meaning));
    };
    if let Some(live) = model.snapshot().and_then(live) {
        say_in(&mut sheet.head, &live, Meaning::Muted);
    }
    if let ResumeChoice::Resume(resume_action) = dialog.chosen() {
        for reason in found
            .against(resume_action)
            .iter()
            .flat_map(|refused| &refused.0)
        {
            let message = format!("not possible: {reason}");
            say_in(&mut sheet.head, &message, Meaning::Bad);
        }
        let would = found.would(resume_action, OnFailure::Ask);
        say_in(&mut sheet.head, &would, Meaning::Text);
        if found.holder.is_some() {
            let message = format!("by force: {MEANS}");
            say_in(&mut sheet.head, &message, Meaning::Bad);
        }
        sheet.head.push(Line::default());
    }
    let mut say = |message: &str, meaning| say_in(&mut sheet.body, message, meaning);
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
    let options = dialog.choices().into_iter().map(|choice| {
        let (name, consequence) = named(model, found, choice);
        Answer::new(name, sanitize(&consequence))
    });
    let options: Vec<Answer> = options.collect();
    sheet.foot = answers(theme, &options, dialog.row, (columns, model.size.1));
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[
            ("j k", "choose"),
            ("Enter", "choose this"),
            ("Esc", "decide later"),
        ],
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
        let label = format!(
            "{} to {}, started {} ago by {}, {}",
            head.kind,
            head.to.1.name(),
            text::age(text::seconds(head.opened_at, model.now)),
            head.operator,
            head.id.short()
        );
        let label = text::cut(&sanitize(&label), columns.saturating_sub(2), theme);
        sheet.body.push(row(theme, index == list.row, label));
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
    let named_choice = |name: &str, consequence: String| (name.to_owned(), consequence);
    match choice {
        ResumeChoice::Later => named_choice(
            "decide later",
            format!("nothing is done now; {resume_key} asks again"),
        ),
        ResumeChoice::Ask => named_choice(
            "ask to take over",
            "the driver hands over after the current action, or refuses".to_owned(),
        ),
        ResumeChoice::WithdrawRequest => named_choice(
            "withdraw the request",
            "the driver keeps driving".to_owned(),
        ),
        ResumeChoice::Resume(resume_action) => {
            let consequence = match found.against(resume_action) {
                Some(_) => "not possible".to_owned(),
                None => found.would(resume_action, OnFailure::Ask),
            };
            let name = match found.holder {
                Some(_) => format!("take it: {}", resume_action.as_str()),
                None => resume_action.as_str().to_owned(),
            };
            (name, consequence)
        }
    }
}

fn release(found: &Interrupted) -> String {
    let plan = found.plan();
    format!(
        "{} to {} in {}, last driven by {}",
        plan.kind,
        plan.version.name(),
        plan.slot,
        found.recorded.last_driver()
    )
}

/// `ben@ops-2 has driven the release since 14:01:11, from console ben@ops-2 4711 01JD4; the lease has 27 s left`. If
/// the lock is held for something else, the text says for what.
pub(super) fn holds(found: &Interrupted, holder: &LockHolder) -> String {
    let record = &holder.record;
    let left = holder.ttl_seconds.map_or(String::new(), |left| {
        format!("; the lease has {left} s left")
    });
    let verb_phrase = match found.driver() {
        Some(_) => "has driven the release".to_owned(),
        None => format!("has held the lock ({})", record.message),
    };
    format!(
        "{} {verb_phrase} since {}, from console {}{left}",
        record.operator,
        text::time_of_day(record.since),
        record.console
    )
}

/// The slot that is observed to be live, with its version, even if the journal says otherwise.
fn live(snapshot: &crate::inventory::Snapshot) -> Option<String> {
    let slot = snapshot.live()?;
    let no_version = if snapshot.sources.runtime.has_answered() {
        "(empty)"
    } else {
        "(version unknown)"
    };
    let instance = snapshot.slots.get(slot).instance.as_ref();
    let version = instance.map_or(no_version, |instance| instance.version_name());
    Some(format!("{slot} {version} has the traffic now"))
}

/// The dialog for the reason of a takeover, or for the message of a handover request.
pub(super) fn message<'a>(theme: &Theme, dialog: &MessageDialog, columns: usize) -> Sheet<'a> {
    let target = dialog.found.plan().target();
    let holder = dialog.found.holder.as_ref();
    let driver = holder.map_or("the driver".to_owned(), |holder| {
        sanitize(&holder.record.operator.to_string())
    });
    let (title, message, meaning) = match dialog.choice {
        ResumeChoice::Resume(resume_action) => (
            format!("Take over {target} from {driver}: why?"),
            format!(
                "{driver} sees the reason, and the history keeps it. {}",
                match resume_action {
                    ResumeAction::Continue => "Then the release continues in this console.",
                    ResumeAction::BackOut => "Then this console backs the release out.",
                    ResumeAction::Leave => "Then the release ends as it is.",
                }
            ),
            Meaning::Warn,
        ),
        _ => (
            format!("Ask {driver} to hand over {target}"),
            format!("Message to {driver} (optional)."),
            Meaning::Muted,
        ),
    };
    let mut sheet = Sheet::new(title);
    sheet.body = wrapped(theme, &message, columns, meaning);
    let mut typed =
        Line::from(theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key));
    let room = columns.saturating_sub(2);
    typed.extend(super::line::typed(theme, &dialog.line, room));
    sheet.foot = typed_over(
        typed,
        keys(
            theme,
            &[
                ("Enter", "continue (asks you to confirm)"),
                ("Esc", "not now"),
            ],
        ),
    );
    sheet
}
