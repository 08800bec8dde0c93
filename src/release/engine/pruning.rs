//! Removes images that are not needed. A plan covers all targets with the same repository on the same runtime. The plan
//! lists the images to remove, and why each other image is kept. Before images are removed, all of these targets are
//! locked and everything is read again.

use std::sync::Arc;

use futures_util::future::join_all;
use ulid::Ulid;

use super::{Engine, release_lock, unknown};
use crate::history::ReleaseRecord;
use crate::inventory::{
    EngineImage, LockPurpose, LockRecord, ReleaseId, StoredKey, Target, Version,
};
use crate::ports::{Acquired, Fence, JournalReader, Lease, Locks, RuntimeWriter};
use crate::release::gather::{Past, Sought, search};
use crate::release::prune::{PrunePlan, Use, plan};
use crate::release::{Refusal, Refused, Site, Writing};

/// How many of the newest releases of a target are read at most.
const PAST: usize = 1000;

/// What happened to an image that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "became", content = "why")]
pub enum Pruned {
    /// The image was removed, by this prune or by another program.
    Removed,
    /// The image became needed after the plan was made.
    Needed,
    /// The image was not removed. The text is the reason: the runtime refused, a lock was lost, or a lock could not be
    /// checked.
    Refused(String),
}

impl Engine {
    /// Plans which images to remove: one plan for each repository on each runtime that a wanted target uses. The error
    /// says what could not be read. Changes nothing.
    pub async fn plan_prune(
        &self,
        is_wanted: impl Fn(&Target) -> bool,
    ) -> Result<Vec<PrunePlan>, Refused> {
        let mut groups: Vec<Vec<&Site>> = Vec::new();
        for site in self.sites.values() {
            match groups.iter_mut().find(|group| shares(group[0], site)) {
                Some(group) => group.push(site),
                None => groups.push(vec![site]),
            }
        }
        groups.retain(|group| group.iter().any(|site| is_wanted(&site.definition.target)));
        let mut plans = Vec::new();
        for group in &groups {
            plans.push(plan_group(group).await?);
        }
        Ok(plans)
    }

    /// Removes the images that the plan names and that are still not needed. All targets of the plan are locked until
    /// the end, so no release can start.
    pub async fn prune(&self, planned: &PrunePlan) -> Result<Vec<(EngineImage, Pruned)>, Refused> {
        let sites: Option<Vec<&Site>> = planned
            .targets
            .iter()
            .map(|target| self.sites.get(target))
            .collect();
        let sites = sites.filter(|sites| !sites.is_empty()).ok_or_else(|| {
            Refused::from(Refusal::WorldChanged {
                change: "the targets in the configuration have changed".into(),
            })
        })?;
        let mut held: Vec<(&Writing, &Target, Lease)> = Vec::new();
        let mut done = Err(Refusal::ReadOnly.into());
        for site in &sites {
            match self.lock_to_prune(site).await {
                Ok((write, lease)) => held.push((write, &site.definition.target, lease)),
                Err(refused) => {
                    done = Err(refused);
                    break;
                }
            }
        }
        if held.len() == sites.len() {
            done = remove(planned, &sites, &held).await;
        }
        for (write, target, lease) in held {
            release_lock(write, target, &lease).await;
        }
        done
    }

    async fn lock_to_prune<'a>(&self, site: &'a Site) -> Result<(&'a Writing, Lease), Refused> {
        let write = site.write.as_ref().ok_or(Refusal::ReadOnly)?;
        let record = LockRecord {
            purpose: LockPurpose::Upkeep,
            operator: self.operator.clone(),
            console: self.console.clone(),
            release: ReleaseId(Ulid::generate()),
            since: self.clock.now(),
            message: "removes images that are not needed".into(),
        };
        match write
            .store
            .locks
            .acquire(&site.definition.target, &record)
            .await
        {
            Ok(Acquired::Held(lease)) => Ok((write, lease)),
            Ok(Acquired::Taken(holder)) => {
                Err(Refusal::locked(&site.definition.target, holder).into())
            }
            Err(failure) => Err(unknown("whether the lock is free", &failure)),
        }
    }
}

/// Whether two targets have the same image repository on the same runtime.
fn shares(site: &Site, other: &Site) -> bool {
    Arc::ptr_eq(&site.read.runtime, &other.read.runtime)
        && site.definition.repository == other.definition.repository
}

async fn plan_group(group: &[&Site]) -> Result<PrunePlan, Refused> {
    let first = group[0];
    let repository = first.definition.repository.clone();
    let runtime = &first.read.runtime;
    // The images are listed first: an image that arrives later is not in the list and is kept.
    let images = runtime.images(&repository).await;
    let images = images.map_err(|failure| unknown("which images exist", &failure))?;
    let mut uses = Vec::new();
    for used in join_all(group.iter().map(|site| used(site))).await {
        uses.push(used?);
    }
    let instances = runtime.all_instances().await;
    let instances = instances.map_err(|failure| unknown("what is running", &failure))?;
    let instances: Vec<_> = instances.into_values().flatten().collect();
    Ok(plan(repository, images, &instances, &uses))
}

async fn used(site: &Site) -> Result<Use, Refused> {
    let target = &site.definition.target;
    let record = site.read.registry.read(target).await;
    let record = record.map_err(|failure| unknown("which versions are registered", &failure))?;
    let is_needed = |key: &str| StoredKey::of(target, key).stops_rollback();
    if let Some((key, problem)) = record.problems.iter().find(|(key, _)| is_needed(key)) {
        return Err(Refusal::Unknown {
            fact: format!("which versions of {target} are registered"),
            why: format!("{key}: {problem}"),
        }
        .into());
    }
    let journal = site.read.journal.as_ref();
    let past = whole_past(journal, target).await?;
    let keep = usize::try_from(site.definition.rules.keep_images).unwrap_or(usize::MAX);
    let (good, searched) = last_good(journal, target, &past, keep).await?;
    Ok(Use {
        target: target.clone(),
        record,
        past,
        good,
        searched,
        keep,
    })
}

/// The newest versions that these releases prove to have been live, at most `keep`, and how many of the releases were
/// searched.
async fn last_good(
    journal: &dyn JournalReader,
    target: &Target,
    past: &[ReleaseRecord],
    keep: usize,
) -> Result<(Vec<Version>, usize), Refused> {
    let found = search(journal, target, past.to_vec(), &Sought::Newest(keep)).await;
    let Past { was_live, .. } =
        found.map_err(|failure| unknown("which versions were live", &failure))?;
    let searched = was_live.searched_only.unwrap_or(past.len());
    Ok((was_live.versions, searched.min(past.len())))
}

/// The newest releases of a target. A release that cannot be read is an error: its version may be the last good
/// version, which must be kept.
async fn whole_past(
    journal: &dyn JournalReader,
    target: &Target,
) -> Result<Vec<ReleaseRecord>, Refused> {
    let (past, unreadable) = tokio::join!(
        journal.releases(target, PAST),
        journal.unreadable(target, PAST)
    );
    let past = past.map_err(|failure| unknown("which versions were released", &failure))?;
    let unreadable =
        unreadable.map_err(|failure| unknown("which versions were released", &failure))?;
    match unreadable.first() {
        Some((id, failure)) => {
            let fact = format!("which version release {id} of {target} made live");
            Err(unknown(&fact, failure))
        }
        None => Ok(past),
    }
}

/// Reads everything again under the locks, and removes the images that are still not needed.
async fn remove(
    planned: &PrunePlan,
    sites: &[&Site],
    held: &[(&Writing, &Target, Lease)],
) -> Result<Vec<(EngineImage, Pruned)>, Refused> {
    let now = plan_group(sites).await?;
    let runtime = held[0].0.runtime.as_ref();
    let locked: Vec<Locked<'_>> = held
        .iter()
        .map(|(write, target, lease)| (write.store.locks.as_ref(), *target, &lease.fence))
        .collect();
    Ok(remove_spare((planned, &now), runtime, &locked).await)
}

/// The store of locks, a target, and the fence that this console got with the target's lock.
type Locked<'a> = (&'a dyn Locks, &'a Target, &'a Fence);

/// Removes the images that can be removed by both plans: `planned`, which the operator saw, and `now`, which was made
/// under the locks. Checks all locks before each removal.
async fn remove_spare(
    (planned, now): (&PrunePlan, &PrunePlan),
    runtime: &dyn RuntimeWriter,
    locked: &[Locked<'_>],
) -> Vec<(EngineImage, Pruned)> {
    let mut done = Vec::new();
    for spare in &planned.spare {
        let image = &spare.image;
        let is_spare = now.spare.iter().any(|other| other.image == *image);
        let is_gone = !now.kept.iter().any(|(other, _)| other == image);
        let became = match (is_spare, is_gone) {
            // Earlier removals took time. If a lock was lost since then, a release may have started.
            (true, _) => match still_ours(locked).await {
                Ok(()) => match runtime.remove_image(image).await {
                    Ok(()) => Pruned::Removed,
                    Err(failure) => Pruned::Refused(failure.to_string()),
                },
                Err(why) => Pruned::Refused(why),
            },
            (false, true) => Pruned::Removed,
            (false, false) => Pruned::Needed,
        };
        done.push((image.clone(), became));
    }
    done
}

/// Checks in the store that this console still holds all locks. The error says why the image is not removed.
async fn still_ours(locked: &[Locked<'_>]) -> Result<(), String> {
    for (locks, target, fence) in locked {
        match locks.holds(target, fence).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(format!(
                    "the lock of {target} was lost. The image was not removed: run greenroom prune again"
                ));
            }
            Err(failure) => {
                return Err(format!(
                    "it is not known whether this console still holds the lock of {target}: {failure}. The image was not removed: run greenroom prune again"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
