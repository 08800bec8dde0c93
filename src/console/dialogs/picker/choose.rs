//! Chooses the version under the cursor, or says why it cannot be chosen.

use super::{Picker, VersionRow};
use crate::console::dialogs::reason;
use crate::console::effect::Effect;
use crate::console::model::{Model, Weight};
use crate::release::{Intent, Refusal};

/// Chooses the version under the cursor, or shows why it cannot be chosen.
pub(super) fn choose(model: &mut Model, picker: Box<Picker>) -> Vec<Effect> {
    let Some(version_row) = picker.version_row().or_else(|| typed(&picker)).cloned() else {
        model.say(Weight::Prominent, no_choice(&picker));
        model.keep(picker);
        return Vec::new();
    };
    if !picker.is_seen {
        let text = "the list was loaded just now: check the version under the cursor, then press Enter again";
        model.say(Weight::Prominent, text);
        model.keep(picker);
        return Vec::new();
    }
    let holds = picker.against_all.iter().filter_map(Refusal::hold);
    let overridden_holds = holds.cloned().collect();
    let mut against_all = picker.against_all.iter();
    let against_all = against_all.find(|why| why.hold().is_none());
    if let Some(why) = version_row.against.first().or(against_all) {
        let text = format!("cannot be chosen: {why}");
        model.say(Weight::Prominent, &text);
        model.keep(picker);
        return Vec::new();
    }
    model.notice = None;
    let required = picker.known_terms().map(|terms| terms.rules.require_reason);
    let (target, wanted, name) = (picker.target, version_row.wanted, version_row.name);
    if picker.intent == Intent::GoBack {
        return reason::go_back(model, target, wanted, name);
    }
    reason::ask(model, target, wanted, name, required, overridden_holds)
}

/// The version whose complete name was typed before the list was complete. Tags that arrive later cannot
/// change the choice.
fn typed(picker: &Picker) -> Option<&VersionRow> {
    let typed = picker.line.text().trim();
    let mut version_rows = picker.version_rows.iter().filter(|_| !picker.is_settled);
    version_rows.find(|version_row| version_row.name == typed)
}

/// Why Enter cannot choose a version, and what to do.
fn no_choice(picker: &Picker) -> &'static str {
    match (picker.is_whole(), picker.version_rows.is_empty()) {
        (false, true) => "the versions are still being loaded: wait, or type a whole tag or digest",
        (false, false) => {
            "the versions are still being loaded: wait, move to a version with the arrow keys, or type a whole tag or digest"
        }
        (true, true) => "no version was found: type a whole tag or digest",
        (true, false) => {
            "the version under the cursor is no longer in the list: choose another version"
        }
    }
}
