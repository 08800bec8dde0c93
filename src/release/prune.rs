//! Decides which images of a runtime can be removed, and why the others are kept. An image that was never released is
//! kept. The newest versions that releases claim without proof to have been live also keep their images.

use std::collections::BTreeMap;

use crate::history::{ReleaseRecord, once_live};
use crate::inventory::{Digest, EngineImage, Instance, RegistryRecord, Slot, Target, Version};

/// Why an image is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum KeptBecause {
    /// An instance was created from the image.
    Instance {
        /// The target of the instance.
        target: Target,
        slot: Slot,
        /// Whether the instance is in the slot that the route names.
        is_live: bool,
    },
    /// The route or a registration names the digest of the image.
    Registered { target: Target },
    /// A release that has not ended goes from this version or to this version.
    Open { target: Target },
    /// The version is one of the last good versions.
    Good {
        target: Target,
        /// The position in the list of good versions, 1 for the newest.
        nth: usize,
    },
    /// A release claims that the version was live. The release does not prove this, or was not searched for a proof.
    Claimed { target: Target },
    /// No release of a configured target used the version.
    NeverReleased,
}

/// An image that can be removed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Spare {
    pub image: EngineImage,
    /// The tag under which the image was released.
    pub tag: Option<String>,
}

/// The decision about each image of a repository on one runtime.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PrunePlan {
    pub repository: String,
    /// Every target with this repository on this runtime. All of them are locked while images are removed.
    pub targets: Vec<Target>,
    /// The images that are kept, each with the reason.
    pub kept: Vec<(EngineImage, KeptBecause)>,
    pub spare: Vec<Spare>,
}

impl PrunePlan {
    /// The sum of the sizes of the images to remove, in bytes. Less space may become free, because other images may
    /// share layers.
    pub fn bytes(&self) -> u64 {
        self.spare.iter().map(|spare| spare.image.size).sum()
    }
}

/// The use of images by one target.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) target: Target,
    pub(super) record: RegistryRecord,
    /// The records of the releases of the target, newest first.
    pub(super) past: Vec<ReleaseRecord>,
    /// The last versions that these releases prove to have been live, newest first.
    pub(super) good: Vec<Version>,
    /// How many of the releases, from the newest on, were searched for good versions.
    pub(super) searched: usize,
    /// How many good versions are kept.
    pub(super) keep: usize,
}

/// Makes the plan for a repository on one runtime, from all images of the repository, all instances of the runtime, and
/// all targets with this repository and runtime.
pub(super) fn plan(
    repository: String,
    images: Vec<EngineImage>,
    instances: &[Instance],
    uses: &[Use],
) -> PrunePlan {
    let mut needed: BTreeMap<&Digest, KeptBecause> = BTreeMap::new();
    // Only the first reason of an image is shown, so the strongest reasons are added first.
    for instance in instances {
        let live = uses.iter().find(|used| used.target == instance.target);
        let live = live.and_then(|used| used.record.route.as_ref());
        let is_live = live.is_some_and(|route| route.value.live == instance.slot);
        let kept = KeptBecause::Instance {
            target: instance.target.clone(),
            slot: instance.slot,
            is_live,
        };
        match needed.get(&instance.digest) {
            Some(KeptBecause::Instance { is_live: true, .. }) => {}
            Some(_) if !is_live => {}
            _ => drop(needed.insert(&instance.digest, kept)),
        }
    }
    for used in uses {
        for digest in registered(&used.record) {
            let target = used.target.clone();
            needed
                .entry(digest)
                .or_insert(KeptBecause::Registered { target });
        }
        for head in used.past.iter().filter(|head| head.closed.is_none()) {
            for digest in versions(head) {
                let target = used.target.clone();
                needed.entry(digest).or_insert(KeptBecause::Open { target });
            }
        }
        for (nth, version) in (1..).zip(used.good.iter().take(used.keep)) {
            let target = used.target.clone();
            needed
                .entry(&version.digest)
                .or_insert(KeptBecause::Good { target, nth });
        }
    }
    for used in uses {
        for version in claimed(used) {
            let target = used.target.clone();
            needed
                .entry(&version.digest)
                .or_insert(KeptBecause::Claimed { target });
        }
    }
    let mut kept = Vec::new();
    let mut spare = Vec::new();
    for image in images {
        let released = uses.iter().flat_map(|used| &used.past);
        let tag = released
            .flat_map(|head| [Some(&head.to.1), head.from.as_ref().map(|(_, from)| from)])
            .flatten()
            .find(|version| version.digest == image.digest)
            .map(|version| version.tag.clone());
        match (needed.get(&image.digest).cloned(), tag) {
            (Some(why), _) => kept.push((image, why)),
            (None, None) => kept.push((image, KeptBecause::NeverReleased)),
            (None, Some(tag)) => spare.push(Spare { image, tag }),
        }
    }
    PrunePlan {
        repository,
        targets: uses.iter().map(|used| used.target.clone()).collect(),
        kept,
        spare,
    }
}

/// The versions that releases claim to have been live, without proof: the newest `keep` of them. If the search found
/// fewer than `keep` good versions, also all claimed versions of the releases that were not searched. So a forged
/// record can keep an image that is not needed, but cannot remove an image that is needed.
fn claimed(used: &Use) -> impl Iterator<Item = &Version> {
    let newest = once_live(&used.past).into_iter().take(used.keep);
    let is_complete = used.good.len() >= used.keep;
    let unsearched = used.past.get(used.searched..).filter(|_| !is_complete);
    newest.chain(once_live(unsearched.unwrap_or_default()))
}

fn registered(record: &RegistryRecord) -> impl Iterator<Item = &Digest> {
    let route = record.route.iter().map(|route| &route.value.digest);
    let slots = [&record.slots.blue, &record.slots.green];
    let slots = slots.into_iter().flatten();
    route.chain(slots.map(|registration| &registration.value.digest))
}

fn versions(head: &ReleaseRecord) -> impl Iterator<Item = &Digest> {
    let from = head.from.iter().map(|(_, version)| &version.digest);
    from.chain([&head.to.1.digest])
}

#[cfg(test)]
mod tests;
