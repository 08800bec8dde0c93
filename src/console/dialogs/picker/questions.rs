//! The questions of the picker to the backend. The answers arrive one by one, and belong to the picker only while it is
//! open for the same target.

use super::{LookUp, Picker, VersionList};
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question, QuestionGroup};
use crate::console::model::Model;
use crate::inventory::{Digest, Target, VersionRef, by_version};
use crate::release::{ImageAt, Resolved, Terms};
use crate::sanitize::sanitize;

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

/// Lists the tags of a target. Repeated after a failure.
#[derive(Debug)]
pub struct ListVersions {
    pub target: Target,
}

impl Question for ListVersions {
    type Answer = Result<Vec<String>, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.versions(&self.target)
    }

    fn answered(&self, model: &mut Model, versions: Self::Answer) -> Vec<Effect> {
        add_answer(model, &self.target, |picker| {
            picker.list = match versions {
                Ok(versions) => {
                    let names = versions.iter().map(|name| sanitize(name));
                    let mut names: Vec<String> = names.collect();
                    names.sort_by(|a, b| by_version(b, a));
                    names.dedup();
                    // The image registry answers now, so the tags whose look-up failed before are looked up again.
                    let has_failed = |look_up: &LookUp| {
                        matches!(look_up, LookUp::Answered(Resolved::Unknown(_)))
                    };
                    picker.looked_up.retain(|_, look_up| !has_failed(look_up));
                    VersionList::Listed(names)
                }
                Err(why) => VersionList::Failed(sanitize(&why)),
            };
        })
    }

    fn group(&self) -> Option<QuestionGroup> {
        Some(QuestionGroup::Picker)
    }

    fn is_repeated_after(&self, versions: &Self::Answer) -> bool {
        versions.is_err()
    }
}

/// Asks the image registry which image a tag names now.
#[derive(Debug)]
pub struct LookUpTag {
    pub target: Target,
    pub name: String,
    pub reference: VersionRef,
}

impl Question for LookUpTag {
    type Answer = Resolved;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.look_up(&self.target, &self.reference)
    }

    fn answered(&self, model: &mut Model, resolved: Self::Answer) -> Vec<Effect> {
        let resolved = match resolved {
            Resolved::Unknown(why) => Resolved::Unknown(sanitize(&why)),
            other => other,
        };
        add_answer(model, &self.target, |picker| {
            let answer = LookUp::Answered(resolved);
            picker.looked_up.insert(self.name.clone(), answer);
        })
    }

    fn group(&self) -> Option<QuestionGroup> {
        Some(QuestionGroup::Picker)
    }
}

/// Finds the image of a version that was live in the target before.
#[derive(Debug)]
pub struct FindImage {
    pub target: Target,
    pub digest: Digest,
}

impl Question for FindImage {
    type Answer = ImageAt;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.find_image(&self.target, &self.digest)
    }

    fn answered(&self, model: &mut Model, image: Self::Answer) -> Vec<Effect> {
        let image = match image {
            ImageAt::Unknown(why) => ImageAt::Unknown(sanitize(&why)),
            other => other,
        };
        add_answer(model, &self.target, |picker| {
            picker.images.insert(self.digest.clone(), Some(image));
        })
    }

    fn group(&self) -> Option<QuestionGroup> {
        Some(QuestionGroup::Picker)
    }
}

/// Reads the rules and the past releases of a target.
#[derive(Debug)]
pub struct ReadTerms {
    pub target: Target,
}

impl Question for ReadTerms {
    type Answer = Result<Terms, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.terms(&self.target)
    }

    fn answered(&self, model: &mut Model, terms: Self::Answer) -> Vec<Effect> {
        let terms = terms.map_err(|why| sanitize(&why));
        add_answer(model, &self.target, |picker| picker.terms = Some(terms))
    }

    fn group(&self) -> Option<QuestionGroup> {
        Some(QuestionGroup::Picker)
    }
}
