//! Who else is there, in words: who watches, who requests the handover, how a driver went; and the question
//! of somebody who asks.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, wrapped};
use super::text;
use crate::console::action::Action;
use crate::console::model::{Hand, Handover, Model};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::release::LetGo;
use crate::sanitize::sanitize;

/// What is known of a driver that went without a word.
pub(super) const CUT_OFF: &str =
    "its driver went without a word: it was cut off, or killed, and its lease is gone";

/// How many of those who watch are named.
const NAMED: usize = 6;

/// `watched by ben@ops-2, cleo@ops-3`; nothing where nobody says so.
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

/// `given back at 14:02:11: the console was left`.
pub(super) fn let_go(let_go: &LetGo) -> String {
    let at = text::time_of_day(let_go.at);
    sanitize(&format!(
        "its driver let go of it at {at}: {}",
        let_go.reason
    ))
}

/// The line about somebody who requests the handover.
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
    let words = format!("{hand} {who} for the wheel since {age}{message}{answer}");
    let meaning = if is_ours {
        Meaning::Warn
    } else {
        Meaning::Muted
    };
    Some((sanitize(&words), meaning))
}

/// The question of somebody who asks.
pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    handover: &Handover,
    columns: usize,
) -> Sheet<'a> {
    let asked = &handover.asked;
    let who = sanitize(&asked.operator.to_string());
    let target = handover.status.plan.target();
    let mut sheet = Sheet::new(format!("{who} asks for the wheel · {target}"));
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
                format!("after the act under way was observed {who} goes on; you watch"),
            ),
            Hand::Keep => ("keep the wheel", format!("{who} is told so")),
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
