//! Opens the picker, adds the answers that arrive one by one, filters the versions, and handles the choice.

use crossterm::event::{KeyCode, KeyEvent};

use super::{line, reason};
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::{
    Before, Dialog, Knowledge, LOOK_UPS, LOOKED_UP_UNSEEN, LookUp, Model, Picker, VersionList,
    VersionRow, Weight, best_version, version_rows,
};
use crate::inventory::{Digest, SourceState, Target, VersionRef, by_version};
use crate::release::{ImageAt, Intent, Refusal, Resolved, Terms, Wanted};
use crate::sanitize::sanitize;

/// Opens the picker with the versions that are already known, and asks for the others.
pub(super) fn open(model: &mut Model, target: Target, intent: Intent) -> Vec<Effect> {
    model.dialog = Some(Dialog::Picker(Picker::new(target.clone(), intent)));
    arrange(model);
    vec![match intent {
        Intent::Promote => Effect::ListVersions(target),
        Intent::GoBack => Effect::AskTerms(target),
    }]
}

/// The picker of a target, if it is open.
fn picker_of<'a>(model: &'a mut Model, target: &Target) -> Option<&'a mut Picker> {
    match &mut model.dialog {
        Some(Dialog::Picker(picker)) if picker.target == *target => Some(picker),
        _ => None,
    }
}

pub(super) fn listed(
    model: &mut Model,
    target: &Target,
    versions: Result<Vec<String>, String>,
) -> Vec<Effect> {
    let Some(picker) = picker_of(model, target) else {
        return Vec::new();
    };
    picker.list = match versions {
        Ok(versions) => {
            let mut names: Vec<String> = versions.iter().map(|name| sanitize(name)).collect();
            names.sort_by(|a, b| by_version(b, a));
            names.dedup();
            // The image registry answers now, so the tags whose look-up failed before are looked up again.
            let has_failed =
                |look_up: &LookUp| matches!(look_up, LookUp::Answered(Resolved::Unknown(_)));
            picker.looked_up.retain(|_, look_up| !has_failed(look_up));
            VersionList::Listed(names)
        }
        Err(why) => VersionList::Failed(sanitize(&why)),
    };
    arrange(model);
    look_ups(model)
}

pub(super) fn looked_up(
    model: &mut Model,
    target: &Target,
    name: String,
    resolved: Resolved,
) -> Vec<Effect> {
    let Some(picker) = picker_of(model, target) else {
        return Vec::new();
    };
    let resolved = match resolved {
        Resolved::Unknown(why) => Resolved::Unknown(sanitize(&why)),
        other => other,
    };
    picker.looked_up.insert(name, LookUp::Answered(resolved));
    arrange(model);
    look_ups(model)
}

/// Adds the rules and the past releases of a target to the picker, or the rules to the dialog that asks for a reason.
pub(super) fn terms_read(
    model: &mut Model,
    target: &Target,
    terms: Result<Terms, String>,
) -> Vec<Effect> {
    let terms = terms.map_err(|why| sanitize(&why));
    match &mut model.dialog {
        Some(Dialog::Picker(picker)) if picker.target == *target => picker.terms = Some(terms),
        Some(Dialog::Reason(reason)) if reason.target == *target => {
            reason.required = terms.ok().map(|terms| terms.rules.require_reason);
        }
        _ => {}
    }
    arrange(model);
    look_ups(model)
}

/// Adds the result of the search for an image to the picker.
pub(super) fn image_found(
    model: &mut Model,
    target: &Target,
    digest: Digest,
    image: ImageAt,
) -> Vec<Effect> {
    let Some(picker) = picker_of(model, target) else {
        return Vec::new();
    };
    let image = match image {
        ImageAt::Unknown(why) => ImageAt::Unknown(sanitize(&why)),
        other => other,
    };
    picker.images.insert(digest, Some(image));
    arrange(model);
    look_ups(model)
}

/// Computes the rows again. The cursor stays on its version. If the list has just become complete and there is no
/// cursor yet, the cursor goes to the version that the operator most likely wants.
pub(super) fn arrange(model: &mut Model) {
    let Some(mut picker) = take_picker(model) else {
        return;
    };
    let under = picker.version_row().cloned();
    if is_before_observed(model, &picker.target) {
        picker.before = Before::Observed;
    }
    (picker.version_rows, picker.against_all) = version_rows(model, &picker);
    let row_of = |under: &VersionRow| {
        picker
            .version_rows
            .iter()
            .position(|version_row| version_row.is_same(under))
    };
    let row = under.as_ref().and_then(row_of);
    picker.has_cursor = row.is_some();
    let last = picker.version_rows.len().saturating_sub(1);
    picker.row = row.unwrap_or(picker.row).min(last);
    // If the list could not be read, the console tries again. Until there is a row, the cursor is not placed.
    let has_failed = matches!(picker.list, VersionList::Failed(_));
    let is_empty_by_failure = has_failed && picker.version_rows.is_empty();
    if picker.is_whole() && !is_empty_by_failure && !picker.is_settled {
        picker.is_settled = true;
        if !picker.has_cursor {
            place(model, &mut picker);
            picker.is_seen = false;
        }
    }
    model.dialog = Some(Dialog::Picker(picker));
}

/// Whether, in every earlier environment in promotion order, every source of this service's target was observed or does
/// not answer. An environment without a target of this service is skipped.
fn is_before_observed(model: &Model, target: &Target) -> bool {
    let names = model.world.environments.iter().map(|(name, _)| name);
    let before = names.take_while(|name| **name != target.environment);
    let mut targets = before.map(|name| Target::new(target.service.clone(), name.clone()));
    targets.all(|before| {
        let sources = model.world.get(&before).map(|snapshot| &snapshot.sources);
        sources.is_none_or(|sources| {
            let mut sources = sources.named().into_iter();
            sources.all(|(_, state)| *state != SourceState::Connecting)
        })
    })
}

fn take_picker(model: &mut Model) -> Option<Picker> {
    let is_picker = |dialog: &mut Dialog| matches!(dialog, Dialog::Picker(_));
    match model.dialog.take_if(is_picker)? {
        Dialog::Picker(picker) => Some(picker),
        _ => None,
    }
}

/// Puts the cursor on the version that the operator most likely wants.
fn place(model: &Model, picker: &mut Picker) {
    picker.row = best_version(model, picker).unwrap_or(0);
    picker.has_cursor = !picker.version_rows.is_empty();
}

/// Starts the next look-ups: first the rows on the screen, then the newest tags by name. At most [`LOOK_UPS`] run at
/// the same time, so that the image registry is not overloaded. For a rollback, searches for images instead.
fn look_ups(model: &mut Model) -> Vec<Effect> {
    let height = layout::picker_rows(model.size);
    let Some(Dialog::Picker(picker)) = &mut model.dialog else {
        return Vec::new();
    };
    if picker.intent == Intent::GoBack {
        return images(picker, height);
    }
    let VersionList::Listed(names) = &picker.list else {
        return Vec::new();
    };
    let look_ups = picker.looked_up.values();
    let running = look_ups
        .filter(|look_up| **look_up == LookUp::Asked)
        .count();
    let in_view = layout::window(picker.row, picker.version_rows.len(), height);
    let on_screen = picker.version_rows.get(in_view).unwrap_or_default();
    let on_screen = on_screen
        .iter()
        .filter_map(|version_row| match &version_row.wanted {
            Wanted::Version(_) if version_row.knowledge == Knowledge::Typed => None,
            // The look-up shows whether the tag still names the image that is live in that environment.
            Wanted::From(_) => names
                .contains(&version_row.name)
                .then_some(&version_row.name),
            _ => Some(&version_row.name),
        });
    let mut next: Vec<(String, VersionRef)> = Vec::new();
    for name in on_screen.chain(names.iter().take(LOOKED_UP_UNSEEN)) {
        if running + next.len() >= LOOK_UPS {
            break;
        }
        let is_new = !picker.looked_up.contains_key(name) && next.iter().all(|(n, _)| n != name);
        if let (true, Ok(reference)) = (is_new, name.parse()) {
            next.push((name.clone(), reference));
        }
    }
    let target = picker.target.clone();
    let ask = |(name, reference): (String, VersionRef)| {
        picker.looked_up.insert(name.clone(), LookUp::Asked);
        Effect::LookUp {
            target: target.clone(),
            name,
            reference,
        }
    };
    let effects: Vec<Effect> = next.into_iter().map(ask).collect();
    if !effects.is_empty() {
        arrange(model);
    }
    effects
}

/// Searches for the images of the rows on the screen, so that a missing image is known before the operator chooses.
fn images(picker: &mut Picker, height: usize) -> Vec<Effect> {
    let running = picker.images.values().filter(|image| image.is_none());
    let room = LOOK_UPS.saturating_sub(running.count());
    let in_view = layout::window(picker.row, picker.version_rows.len(), height);
    let on_screen = picker.version_rows.get(in_view).unwrap_or_default();
    let digests = on_screen
        .iter()
        .filter_map(|version_row| version_row.digest.clone());
    let new = digests.filter(|digest| !picker.images.contains_key(digest));
    let next: Vec<Digest> = new.take(room).collect();
    let ask = |digest: Digest| {
        picker.images.insert(digest.clone(), None);
        Effect::FindImage {
            target: picker.target.clone(),
            digest,
        }
    };
    next.into_iter().map(ask).collect()
}

pub(super) fn picking(model: &mut Model, mut picker: Picker, key: KeyEvent) -> Vec<Effect> {
    let page = layout::picker_rows(model.size).saturating_sub(1).max(1);
    let page = isize::try_from(page).unwrap_or(1);
    match key.code {
        KeyCode::Esc => {
            super::say(model, Weight::Normal, "no version was chosen");
            return Vec::new();
        }
        KeyCode::Up => picker.go_by(-1),
        KeyCode::Down => picker.go_by(1),
        KeyCode::PageUp => picker.go_by(-page),
        KeyCode::PageDown => picker.go_by(page),
        KeyCode::Enter => return choose(model, picker),
        _ => {
            let changed = line::editing(key).is_some_and(|request| picker.line.edit(request));
            model.dialog = Some(Dialog::Picker(picker));
            if changed {
                retyped(model);
            }
            return look_ups(model);
        }
    }
    model.dialog = Some(Dialog::Picker(picker));
    look_ups(model)
}

/// The operator has changed the text. If the list is complete, the cursor goes to the best match that can be chosen.
/// If no match can be chosen, the cursor goes to the first row.
fn retyped(model: &mut Model) {
    if let Some(Dialog::Picker(picker)) = &mut model.dialog {
        picker.version_rows.clear();
        picker.row = 0;
        picker.has_cursor = false;
    }
    arrange(model);
    let Some(mut picker) = take_picker(model) else {
        return;
    };
    if picker.is_settled {
        place(model, &mut picker);
        picker.is_seen = true;
    }
    model.dialog = Some(Dialog::Picker(picker));
}

pub(super) fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    if let Some(Dialog::Picker(picker)) = &mut model.dialog {
        picker.line.paste(text.trim());
    }
    retyped(model);
    look_ups(model)
}

/// The version whose complete name was typed before the list was complete. The rest of the list cannot change the
/// choice.
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

/// Chooses the version under the cursor, or shows why it cannot be chosen.
fn choose(model: &mut Model, picker: Picker) -> Vec<Effect> {
    let Some(version_row) = picker.version_row().or_else(|| typed(&picker)).cloned() else {
        super::say(model, Weight::Prominent, no_choice(&picker));
        model.dialog = Some(Dialog::Picker(picker));
        return Vec::new();
    };
    if !picker.is_seen {
        let text = "the list was loaded just now: check the version under the cursor, then press Enter again";
        super::say(model, Weight::Prominent, text);
        model.dialog = Some(Dialog::Picker(picker));
        return Vec::new();
    }
    let holds = picker.against_all.iter().filter_map(Refusal::hold);
    let in_spite_of = holds.cloned().collect();
    let mut against_all = picker.against_all.iter();
    let against_all = against_all.find(|why| why.hold().is_none());
    if let Some(why) = version_row.against.first().or(against_all) {
        let text = format!("cannot be chosen: {why}");
        super::say(model, Weight::Prominent, &text);
        model.dialog = Some(Dialog::Picker(picker));
        return Vec::new();
    }
    model.notice = None;
    let required = picker.known_terms().map(|terms| terms.rules.require_reason);
    let (target, wanted, name) = (picker.target, version_row.wanted, version_row.name);
    if picker.intent == Intent::GoBack {
        return reason::go_back(model, target, wanted, name);
    }
    reason::ask(model, target, wanted, name, required, in_spite_of)
}
