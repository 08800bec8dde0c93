//! Seals the releases of a target that are over: what a keeper does, as a user of the store that drives nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::history::Seal;
use crate::inventory::{Operator, ReleaseId};
use crate::ports::{Result, Seals};
use crate::release::Site;

/// How many heads are read at a time.
const PAGE: usize = 100;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sealed {
    /// Sealed now.
    pub sealed: Vec<ReleaseId>,
    /// Sealed before.
    pub before: usize,
    /// Over and not sealed, with why.
    pub not: BTreeMap<ReleaseId, String>,
}

/// Seals everything of a target that is over, whole, and not sealed yet.
pub async fn seal(site: &Site, seals: &dyn Seals, by: &Operator, at: Timestamp) -> Result<Sealed> {
    let target = &site.definition.target;
    let journal = &site.read.journal;
    let sealed = journal.seals(target).await?;
    let mut done = Sealed::default();
    let mut page = journal.releases(target, PAGE).await?;
    while let Some(last) = page.last().map(|head| head.id) {
        for head in &page {
            if sealed.contains_key(&head.id) {
                done.before += 1;
                continue;
            }
            let Some(recorded) = journal.release(target, head.id).await? else {
                continue;
            };
            if recorded.head.closed.is_none() {
                continue;
            }
            match Seal::of(&recorded, by.clone(), at) {
                Ok(seal) => {
                    seals.seal(target, head.id, &seal).await?;
                    done.sealed.push(head.id);
                }
                Err(why) => drop(done.not.insert(head.id, why)),
            }
        }
        page = journal.releases_before(target, last, PAGE).await?;
    }
    Ok(done)
}
