//! The questions of the picker, and the answers, which arrive one by one.

use super::{Knowledge, LookUp, Picker, VersionList};
use crate::console::dialogs::Reason;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::Model;
use crate::inventory::{Digest, Target, VersionRef, by_version};
use crate::release::{ImageAt, Intent, Resolved, Terms, Wanted};
use crate::sanitize::sanitize;

/// The largest number of look-ups that run at the same time.
const LOOK_UPS: usize = 4;

/// How many of the newest tags (by name) are looked up even if they are not on the screen.
const LOOKED_UP_UNSEEN: usize = 40;

/// Adds an answer to the open picker of a target.
fn add_answer(model: &mut Model, target: &Target, add: impl FnOnce(&mut Picker)) -> Vec<Effect> {
    model.with_shown(|picker: &mut Picker, model| {
        if picker.target != *target {
            return Vec::new();
        }
        add(picker);
        picker.arrange(model);
        picker.look_ups(model)
    })
}

pub(in crate::console) fn listed(
    model: &mut Model,
    target: &Target,
    versions: Result<Vec<String>, String>,
) -> Vec<Effect> {
    add_answer(model, target, |picker| {
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
    })
}

pub(in crate::console) fn looked_up(
    model: &mut Model,
    target: &Target,
    name: String,
    resolved: Resolved,
) -> Vec<Effect> {
    let resolved = match resolved {
        Resolved::Unknown(why) => Resolved::Unknown(sanitize(&why)),
        other => other,
    };
    add_answer(model, target, |picker| {
        picker.looked_up.insert(name, LookUp::Answered(resolved));
    })
}

/// Adds the rules and the past releases of a target to the picker, or the rules to the dialog that asks for a reason.
pub(in crate::console) fn terms_read(
    model: &mut Model,
    target: &Target,
    terms: Result<Terms, String>,
) -> Vec<Effect> {
    let terms = terms.map_err(|why| sanitize(&why));
    if let Some(reason) = model.shown_mut::<Reason>()
        && reason.target == *target
    {
        reason.required = terms.ok().map(|terms| terms.rules.require_reason);
        return Vec::new();
    }
    add_answer(model, target, |picker| picker.terms = Some(terms))
}

/// Adds the result of the search for an image to the picker.
pub(in crate::console) fn image_found(
    model: &mut Model,
    target: &Target,
    digest: Digest,
    image: ImageAt,
) -> Vec<Effect> {
    let image = match image {
        ImageAt::Unknown(why) => ImageAt::Unknown(sanitize(&why)),
        other => other,
    };
    add_answer(model, target, |picker| {
        picker.images.insert(digest, Some(image));
    })
}

impl Picker {
    /// Starts the next look-ups: first the rows on the screen, then the newest tags by name. At most [`LOOK_UPS`] run
    /// at the same time, so that the image registry is not overloaded. For a rollback, searches for images instead.
    pub(super) fn look_ups(&mut self, model: &Model) -> Vec<Effect> {
        let height = layout::picker_rows(model.size);
        if self.intent == Intent::GoBack {
            return self.find_images(height);
        }
        let VersionList::Listed(names) = &self.list else {
            return Vec::new();
        };
        let look_ups = self.looked_up.values();
        let running = look_ups
            .filter(|look_up| **look_up == LookUp::Asked)
            .count();
        let in_view = layout::window(self.row, self.version_rows.len(), height);
        let on_screen = self.version_rows.get(in_view).unwrap_or_default();
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
            let is_new = !self.looked_up.contains_key(name) && next.iter().all(|(n, _)| n != name);
            if let (true, Ok(reference)) = (is_new, name.parse()) {
                next.push((name.clone(), reference));
            }
        }
        let target = self.target.clone();
        let ask = |(name, reference): (String, VersionRef)| {
            self.looked_up.insert(name.clone(), LookUp::Asked);
            Effect::LookUp {
                target: target.clone(),
                name,
                reference,
            }
        };
        let effects: Vec<Effect> = next.into_iter().map(ask).collect();
        if !effects.is_empty() {
            self.arrange(model);
        }
        effects
    }

    /// Searches for the images of the rows on the screen, so that a missing image is known before the operator chooses.
    fn find_images(&mut self, height: usize) -> Vec<Effect> {
        let running = self.images.values().filter(|image| image.is_none());
        let room = LOOK_UPS.saturating_sub(running.count());
        let in_view = layout::window(self.row, self.version_rows.len(), height);
        let on_screen = self.version_rows.get(in_view).unwrap_or_default();
        let digests = on_screen
            .iter()
            .filter_map(|version_row| version_row.digest.clone());
        let new = digests.filter(|digest| !self.images.contains_key(digest));
        let next: Vec<Digest> = new.take(room).collect();
        let ask = |digest: Digest| {
            self.images.insert(digest.clone(), None);
            Effect::FindImage {
                target: self.target.clone(),
                digest,
            }
        };
        next.into_iter().map(ask).collect()
    }
}
