//! Which tags and images the picker looks up next.

use super::{FindImage, Knowledge, LookUp, LookUpTag, Picker, VersionList};
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::Model;
use crate::inventory::{Digest, VersionRef};
use crate::release::{Intent, Wanted};

/// The largest number of look-ups that run at the same time.
const LOOK_UPS: usize = 4;

/// How many of the newest tags (by name) are looked up even if they are not on the screen.
const LOOKED_UP_UNSEEN: usize = 40;

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
            Effect::ask(LookUpTag {
                target: target.clone(),
                name,
                reference,
            })
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
            Effect::ask(FindImage {
                target: self.target.clone(),
                digest,
            })
        };
        next.into_iter().map(ask).collect()
    }
}
