//! What the screen says about other operators: who watches, who requests a handover, and why a driver stopped driving.
//! This module also draws the dialog about a requested handover.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, wrapped};
use super::text;
use crate::console::action::Action;
use crate::console::model::{Hand, Handover, Model};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::release::LetGo;
use crate::sanitize::sanitize;

/// Shown if the last driver of a release recorded no reason why it stopped.
pub(super) const CUT_OFF: &str = "The driver stopped and recorded no reason, for example because it was killed or lost its connection. It no longer holds the lock.";

/// The most watchers that are named.
const NAMED: usize = 6;

/// `watched by ben@ops-2, cleo@ops-3`. None if no console watches. The console that holds the lock is not counted.
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

/// `The driver left the release at 14:02:11: the operator quit the console`.
pub(super) fn let_go(let_go: &LetGo) -> String {
    let at = text::time_of_day(let_go.at);
    sanitize(&format!(
        "The driver left the release at {at}: {}",
        let_go.reason
    ))
}

/// The line about the operator who requests the handover of the open target's release. None if there is no unanswered
/// request.
pub(super) fn asks(model: &Model, theme: &Theme) -> Option<(String, Meaning)> {
    let request = model.current_request()?;
    let hand = theme.glyph(Glyph::Hand);
    let age = text::clock(text::seconds(request.asked_at, model.now));
    let message = request.message.as_ref();
    let message = message.map_or(String::new(), |message| format!(", \"{message}\""));
    let resume_key = model.keymap.shown(Action::Resume);
    let is_ours = model.release_in_flight().is_some();
    let requester = if model.is_here(&request.console) {
        "you ask".to_owned()
    } else {
        format!("{} asks", request.operator)
    };
    let answer = if is_ours {
        format!("; {resume_key} answers")
    } else {
        String::new()
    };
    let message = format!("{hand} {requester} to take over (waiting {age}){message}{answer}");
    let meaning = if is_ours {
        Meaning::Warn
    } else {
        Meaning::Muted
    };
    Some((sanitize(&message), meaning))
}

/// Asks whether to hand over the release.
pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    handover: &Handover,
    columns: usize,
) -> Sheet<'a> {
    let request = &handover.request;
    let requester = sanitize(&request.operator.to_string());
    let target = handover.status.plan.target();
    let mut sheet = Sheet::new(format!("{requester} asks to take over · {target}"));
    sheet.frame = Meaning::Warn;
    let mut say = |text: &str, meaning| {
        let text = sanitize(text);
        sheet.body.extend(wrapped(theme, &text, columns, meaning));
    };
    if let Some(message) = &request.message {
        say(&format!("\"{message}\""), Meaning::Text);
    }
    let asked_at = text::time_of_day(request.asked_at);
    say(
        &format!("asked at {asked_at} from console {}", request.console),
        Meaning::Muted,
    );
    let resume_key = model.keymap.shown(Action::Resume);
    let options = Hand::ALL.map(|hand| {
        let (name, consequence) = match hand {
            Hand::Later => (
                "answer later",
                format!("nothing is done now; {resume_key} asks again"),
            ),
            Hand::Over => (
                "hand it over",
                format!("{requester} drives the release after the current action; you watch"),
            ),
            Hand::Keep => ("keep driving", format!("{requester} sees that you refused")),
        };
        Answer::new(name, consequence)
    });
    sheet.foot = answers(theme, &options, handover.row, (columns, model.size.1));
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
