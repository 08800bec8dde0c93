//! A release that lost its driver: what was intended, who has the traffic, and every way to go on with
//! what it comes to.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, row, wrapped};
use super::text;
use crate::console::action::Action;
use crate::console::model::{Model, TakeUp};
use crate::console::theme::{Meaning, Theme};
use crate::harmless::harmless;
use crate::release::{GoOn, OnFailure};

pub(super) fn sheet<'a>(model: &Model, theme: &Theme, asked: &TakeUp, columns: usize) -> Sheet<'a> {
    let found = &asked.found;
    let plan = found.plan();
    let mut sheet = Sheet::new(format!("Interrupted · {}", plan.target()));
    sheet.frame = Meaning::Warn;
    let mut say = |words: &str, meaning| {
        let words = harmless(words);
        sheet.body.extend(wrapped(theme, &words, columns, meaning));
    };
    let who = format!(
        "{} to {} in {}, by {}",
        plan.kind,
        plan.version.name(),
        plan.slot,
        found.recorded.last_driver()
    );
    say(&who, Meaning::Text);
    say(found.intended(), Meaning::Warn);
    if let Some(live) = model.snapshot().and_then(live) {
        say(&live, Meaning::Muted);
    }
    if let Some(go_on) = asked.chosen() {
        say("", Meaning::Text);
        say(&found.would(go_on, OnFailure::Ask), Meaning::Text);
        for reason in found.against(go_on).iter().flat_map(|refused| &refused.0) {
            say(&format!("not possible: {reason}"), Meaning::Bad);
        }
    }
    let take_up = model.keymap.shown(Action::TakeUp);
    let later = format!("nothing is done now; {take_up} asks again");
    let mut push = |index: usize, name: &str, does: &str| {
        let words = harmless(&format!("{name:<14}{does}"));
        let words = text::cut(&words, columns.saturating_sub(2), theme);
        sheet.foot.push(row(theme, asked.row == index, words));
    };
    push(0, "decide later", &later);
    for (index, go_on) in GoOn::ALL.into_iter().enumerate() {
        let does = match found.against(go_on) {
            Some(_) => "not possible".to_owned(),
            None => found.would(go_on, OnFailure::Ask),
        };
        push(index + 1, go_on.as_str(), &does);
    }
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[("j k", "choose"), ("Enter", "ask"), ("Esc", "decide later")],
    ));
    sheet
}

/// Who is observed to be live: never what the journal says.
fn live(snapshot: &crate::inventory::Snapshot) -> Option<String> {
    let slot = snapshot.live()?;
    let version = snapshot
        .slots
        .get(slot)
        .instance
        .as_ref()
        .map_or("nothing", |instance| instance.version_name());
    Some(format!("{slot} {version} has the traffic now"))
}
