//! Other operators in words: who watches, who requests the handover, how a driver left; and the question of
//! an operator who requests the handover.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, wrapped};
use super::text;
use crate::console::action::Action;
use crate::console::model::{Hand, Handover, Model};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::release::LetGo;
use crate::sanitize::sanitize;

/// What is known of a driver that left no reason.
pub(super) const CUT_OFF: &str =
    "its driver stopped without notice: it was cut off or killed, and its lease has expired";

/// The most watchers that are named.
const NAMED: usize = 6;

/// `watched by ben@ops-2, cleo@ops-3`; none if no other console watches.
pub(super) fn watched_by(model: &Model) -> Option<String> {
    let watching = model.watching();
    if watching.is_empty() {
        return None;
    }
    let mut names: Vec<String> = watching
        .iter()
        .take(NAMED)
        .map(|watcher| {
            if model.is_here(&watcher.console) {
                "you".to_owned()
            } else {
                sanitize(&watcher.operator.to_string())
            }
        })
        .collect();
    if watching.len() > NAMED {
        names.push(format!("{} more", watching.len() - NAMED));
    }
    Some(format!("watched by {}", names.join(", ")))
}

/// `its driver left it at 14:02:11: the operator quit the console`.
pub(super) fn let_go(let_go: &LetGo) -> String {
    let at = text::time_of_day(let_go.at);
    sanitize(&format!("its driver left it at {at}: {}", let_go.reason))
}

/// The line about an operator who requests the handover.
pub(super) fn asks(model: &Model, theme: &Theme) -> Option<(String, Meaning)> {
    let asked = model.asked_for()?;
    let hand = theme.glyph(Glyph::Hand);
    let age = text::clock(text::seconds(asked.asked_at, model.now));
    let message = asked.message.as_ref();
    let message = message.map_or(String::new(), |words| format!(", \"{words}\""));
    let resume_key = model.keymap.shown(Action::Resume);
    let is_ours = model.release_in_flight().is_some();
    let who = if model.is_here(&asked.console) {
        "you ask".to_owned()
    } else {
        format!("{} asks", asked.operator)
    };
    let answer = if is_ours {
        format!(": {resume_key} answers")
    } else {
        String::new()
    };
    let words = format!("{hand} {who} to take over since {age}{message}{answer}");
    let meaning = if is_ours {
        Meaning::Warn
    } else {
        Meaning::Muted
    };
    Some((sanitize(&words), meaning))
}

/// Asks whether to hand over the release.
pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    handover: &Handover,
    columns: usize,
) -> Sheet<'a> {
    let asked = &handover.asked;
    let who = sanitize(&asked.operator.to_string());
    let target = handover.status.plan.target();
    let mut sheet = Sheet::new(format!("{who} asks to take over · {target}"));
    sheet.frame = Meaning::Warn;
    let mut say = |words: &str, meaning| {
        let words = sanitize(words);
        sheet.body.extend(wrapped(theme, &words, columns, meaning));
    };
    if let Some(message) = &asked.message {
        say(&format!("\"{message}\""), Meaning::Text);
    }
    let asked_at = text::time_of_day(asked.asked_at);
    say(
        &format!("since {asked_at}, from {}", asked.console),
        Meaning::Muted,
    );
    let resume_key = model.keymap.shown(Action::Resume);
    let all = Hand::ALL.map(|hand| {
        let (name, does) = match hand {
            Hand::Later => (
                "answer later",
                format!("nothing is done now; {resume_key} asks again"),
            ),
            Hand::Over => (
                "hand it over",
                format!("{who} drives once the current act was observed; you watch"),
            ),
            Hand::Keep => ("keep driving", format!("{who} is told")),
        };
        Answer::new(name, does)
    });
    sheet.foot = answers(theme, &all, handover.row, (columns, model.size.1));
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[
            ("j k", "choose"),
            ("Enter", "answer"),
            ("Esc", "answer later"),
        ],
    ));
    sheet
}
