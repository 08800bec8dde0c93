//! Choosing a version: the list, the answers that arrive for it one by one, its filter, and the choice.

use crossterm::event::{KeyCode, KeyEvent};

use super::{line, reason};
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::{
    Before, Dialog, Knowledge, LOOK_UPS, LOOKED_UP_UNSEEN, LookUp, Model, Picker, VersionList, Way,
    Weight, best_way, ways,
};
use crate::inventory::{Digest, SourceState, Target, VersionRef, by_version};
use crate::release::{ImageAt, Intent, Refusal, Resolved, Terms, Wanted};
use crate::sanitize::sanitize;

/// Opens the picker with what is already known.
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
            // The registry answers again: look up again what it could not answer before.
            let is_unknown = |it: &LookUp| matches!(it, LookUp::Answered(Resolved::Unknown(_)));
            picker.looked_up.retain(|_, answer| !is_unknown(answer));
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

/// The rules and the past of a target arrived.
pub(super) fn told(
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

/// The place of an image arrived.
pub(super) fn found(
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

/// Computes the rows again. The cursor stays on its version. If the list has just become complete and the cursor is on
/// no row yet, it goes to the version that is most likely wanted.
pub(super) fn arrange(model: &mut Model) {
    let Some(mut picker) = take_picker(model) else {
        return;
    };
    let under = picker.way().cloned();
    if is_world_heard(model, &picker.target) {
        picker.before = Before::Heard;
    }
    (picker.ways, picker.against_all) = ways(model, &picker);
    let same = |under: &Way| picker.ways.iter().position(|way| way.is_same(under));
    let row = under.as_ref().and_then(same);
    picker.has_cursor = row.is_some();
    let last = picker.ways.len().saturating_sub(1);
    picker.row = row.unwrap_or(picker.row).min(last);
    // A list that failed is read again later: as long as it has no rows, the cursor waits for it.
    let has_failed = matches!(picker.list, VersionList::Failed(_));
    let is_empty_by_failure = has_failed && picker.ways.is_empty();
    if picker.is_whole() && !is_empty_by_failure && !picker.is_settled {
        picker.is_settled = true;
        if !picker.has_cursor {
            place(model, &mut picker);
            picker.is_seen = false;
        }
    }
    model.dialog = Some(Dialog::Picker(picker));
}

/// Whether the targets of the environments before this one were observed, or are known to be unreachable.
fn is_world_heard(model: &Model, target: &Target) -> bool {
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

/// Puts the cursor on the version that is most likely wanted.
fn place(model: &Model, picker: &mut Picker) {
    picker.row = best_way(model, picker).unwrap_or(0);
    picker.has_cursor = !picker.ways.is_empty();
}

/// Starts the next look-ups: the rows on the screen first, then the newest by name. Never more than a few at a
/// time, so as not to overload the registry.
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
    let asked = picker.looked_up.values();
    let asked = asked.filter(|answer| **answer == LookUp::Asked).count();
    let in_view = layout::window(picker.row, picker.ways.len(), height);
    let seen = picker.ways.get(in_view).unwrap_or_default();
    let seen = seen.iter().filter_map(|way| match &way.wanted {
        Wanted::Version(_) if way.knowledge == Knowledge::Typed => None,
        // To know whether its tag still names what runs there.
        Wanted::From(_) => names.contains(&way.name).then_some(&way.name),
        _ => Some(&way.name),
    });
    let mut next: Vec<(String, VersionRef)> = Vec::new();
    for name in seen.chain(names.iter().take(LOOKED_UP_UNSEEN)) {
        if asked + next.len() >= LOOK_UPS {
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

/// Looks for the images of the rows on the screen, so that a missing image is known before the choice.
fn images(picker: &mut Picker, height: usize) -> Vec<Effect> {
    let asked = picker.images.values().filter(|image| image.is_none());
    let room = LOOK_UPS.saturating_sub(asked.count());
    let in_view = layout::window(picker.row, picker.ways.len(), height);
    let seen = picker.ways.get(in_view).unwrap_or_default();
    let digests = seen.iter().filter_map(|way| way.digest.clone());
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
            super::say(model, Weight::Told, "nothing was chosen");
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

/// The text has changed: the cursor goes to the best match, the first row. It is unknown until the list is complete.
fn retyped(model: &mut Model) {
    if let Some(Dialog::Picker(picker)) = &mut model.dialog {
        picker.ways.clear();
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

/// The version whose complete name was typed before the list was complete: the rest of the list cannot change that.
fn typed(picker: &Picker) -> Option<&Way> {
    let typed = picker.line.text().trim();
    let mut ways = picker.ways.iter().filter(|_| !picker.is_settled);
    ways.find(|way| way.name == typed)
}

/// Why Enter chooses nothing.
fn nothing_under_cursor(picker: &Picker) -> &'static str {
    match (picker.is_whole(), picker.ways.is_empty()) {
        (false, true) => "the versions are still being loaded: wait, or type a whole tag or digest",
        (false, false) => {
            "the versions are still being loaded: wait, go to one of these with the arrow keys, or type a whole tag or digest"
        }
        (true, true) => "there is nothing to choose: type a whole tag or digest",
        (true, false) => "the version under the cursor has left the list: choose another one",
    }
}

/// Chooses the row under the cursor, or says why it cannot.
fn choose(model: &mut Model, picker: Picker) -> Vec<Effect> {
    let Some(way) = picker.way().or_else(|| typed(&picker)).cloned() else {
        super::say(model, Weight::Refused, nothing_under_cursor(&picker));
        model.dialog = Some(Dialog::Picker(picker));
        return Vec::new();
    };
    if !picker.is_seen {
        let text = "the list has only now been loaded: check the version under the cursor, then press Enter again";
        super::say(model, Weight::Refused, text);
        model.dialog = Some(Dialog::Picker(picker));
        return Vec::new();
    }
    let holds = picker.against_all.iter().filter_map(Refusal::hold);
    let in_spite_of = holds.cloned().collect();
    let mut against_all = picker.against_all.iter();
    let against_all = against_all.find(|why| why.hold().is_none());
    if let Some(why) = way.against.first().or(against_all) {
        let text = format!("not chosen: {why}");
        super::say(model, Weight::Refused, &text);
        model.dialog = Some(Dialog::Picker(picker));
        return Vec::new();
    }
    model.notice = None;
    let required = picker.known_terms().map(|terms| terms.rules.require_reason);
    let (target, wanted, name) = (picker.target, way.wanted, way.name);
    if picker.intent == Intent::GoBack {
        return reason::go_back(model, target, wanted, name);
    }
    reason::ask(model, target, wanted, name, required, in_spite_of)
}
