//! Decides which images an engine can remove, and why it keeps the others. An image whose use is not known is kept, and so
//! is one that was never released.

use std::collections::BTreeMap;

use crate::history::{ReleaseRecord, once_live};
use crate::inventory::{Digest, EngineImage, Instance, RegistryRecord, Slot, Target, Version};

/// Why an image is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum Kept {
    /// An instance uses it.
    Instance {
        /// The target of the instance.
        target: Target,
        slot: Slot,
        /// Whether it has the traffic.
        is_live: bool,
    },
    /// The route or a registration names it.
    Registered { target: Target },
    /// An open release replaces it or makes it live.
    Open { target: Target },
    /// It is among the last good versions.
    Good {
        target: Target,
        /// The position among the good versions, 1 for the newest.
        nth: usize,
    },
    /// A release says that it was live, and does not prove it or was not searched.
    Claimed { target: Target },
    /// No release of a configured target ever used it.
    NeverReleased,
}

/// An image that can be removed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Spare {
    pub image: EngineImage,
    /// The tag under which the image was released.
    pub tag: Option<String>,
}

/// What happens to the images of a repository on one engine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PrunePlan {
    pub repository: String,
    /// Every target that has its image there. All of them are locked while images are removed.
    pub targets: Vec<Target>,
    /// What is kept, and why.
    pub kept: Vec<(EngineImage, Kept)>,
    pub spare: Vec<Spare>,
}

impl PrunePlan {
    /// The size of the removed images in bytes, at most: layers that other images share stay.
    pub fn bytes(&self) -> u64 {
        self.spare.iter().map(|spare| spare.image.size).sum()
    }
}

/// What is known about one target.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) target: Target,
    pub(super) record: RegistryRecord,
    /// The heads of its releases, newest first.
    pub(super) past: Vec<ReleaseRecord>,
    /// The last versions that these releases prove to have been live, newest first.
    pub(super) good: Vec<Version>,
    /// How many of the heads were searched for them, from the newest on.
    pub(super) searched: usize,
    /// How many good versions are kept.
    pub(super) keep: usize,
}

/// The plan for a repository on an engine: from all its images there, all instances that run there, and every target of
/// the repository there.
pub(super) fn plan(
    repository: String,
    images: Vec<EngineImage>,
    instances: &[Instance],
    uses: &[Use],
) -> PrunePlan {
    let mut needed: BTreeMap<&Digest, Kept> = BTreeMap::new();
    // The strongest reason first: only the first one is shown.
    for instance in instances {
        let live = uses.iter().find(|one| one.target == instance.target);
        let live = live.and_then(|one| one.record.route.as_ref());
        let is_live = live.is_some_and(|route| route.value.live == instance.slot);
        let kept = Kept::Instance {
            target: instance.target.clone(),
            slot: instance.slot,
            is_live,
        };
        match needed.get(&instance.digest) {
            Some(Kept::Instance { is_live: true, .. }) => {}
            Some(_) if !is_live => {}
            _ => drop(needed.insert(&instance.digest, kept)),
        }
    }
    for one in uses {
        for digest in registered(&one.record) {
            let target = one.target.clone();
            needed.entry(digest).or_insert(Kept::Registered { target });
        }
        for head in one.past.iter().filter(|head| head.closed.is_none()) {
            for digest in versions(head) {
                let target = one.target.clone();
                needed.entry(digest).or_insert(Kept::Open { target });
            }
        }
        for (nth, version) in (1..).zip(one.good.iter().take(one.keep)) {
            let target = one.target.clone();
            needed
                .entry(&version.digest)
                .or_insert(Kept::Good { target, nth });
        }
    }
    for one in uses {
        for version in claimed(one) {
            let target = one.target.clone();
            needed
                .entry(&version.digest)
                .or_insert(Kept::Claimed { target });
        }
    }
    let mut kept = Vec::new();
    let mut spare = Vec::new();
    for image in images {
        let released = uses.iter().flat_map(|one| &one.past);
        let tag = released
            .flat_map(|head| [Some(&head.to.1), head.from.as_ref().map(|(_, from)| from)])
            .flatten()
            .find(|version| version.digest == image.digest)
            .map(|version| version.tag.clone());
        match (needed.get(&image.digest).cloned(), tag) {
            (Some(why), _) => kept.push((image, why)),
            (None, None) => kept.push((image, Kept::NeverReleased)),
            (None, Some(tag)) => spare.push(Spare { image, tag }),
        }
    }
    PrunePlan {
        repository,
        targets: uses.iter().map(|one| one.target.clone()).collect(),
        kept,
        spare,
    }
}

/// Versions that only the heads name as live. As many of them are kept as of the proven ones, and all of them if the search
/// for proven ones ended early. So a head that another program wrote can keep an image that is not needed, but never
/// removes one that is.
fn claimed(of: &Use) -> impl Iterator<Item = &Version> {
    let newest = once_live(&of.past).into_iter().take(of.keep);
    let is_complete = of.good.len() >= of.keep;
    let rest = of.past.get(of.searched..).filter(|_| !is_complete);
    newest.chain(once_live(rest.unwrap_or_default()))
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
