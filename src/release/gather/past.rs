//! Reads the earlier releases of a target, and finds the versions that they prove to have been live.

use super::super::Site;
use crate::history::{LivePeriod, ReleaseRecord, WasLive};
use crate::inventory::{Digest, Target, Version, VersionRef};
use crate::ports::{FailureKind, JournalReader, Result};

/// How many records of releases are read at a time.
pub(in crate::release) const PAGE: usize = 200;
/// The most pages that a search reads, so that a rollback does not take too long.
const PAGES: usize = 10;
/// A list of all versions ends after this many versions, because each further version would cost another read.
const ENOUGH: usize = 20;
/// The most releases that a search reads with their entries. The entries of a release prove that versions were live, or
/// the search adds a remark that they do not.
const PROOFS: usize = 100;

/// What a search for versions that were live must find.
#[derive(Debug, Clone)]
pub(in crate::release) enum Sought {
    /// No version, because the release is not a rollback.
    None,
    /// The newest versions. The search ends once it has found `ENOUGH` of them.
    All,
    /// Any version with one of these digests.
    OneOf(Vec<Digest>),
    /// The newest version with this tag or digest.
    Named(VersionRef),
    /// This many versions, newest first.
    Newest(usize),
}

impl Sought {
    fn is_wanted(&self, version: &Version) -> bool {
        match self {
            Self::None => false,
            Self::All | Self::Newest(_) => true,
            Self::OneOf(digests) => digests.contains(&version.digest),
            Self::Named(VersionRef::Digest(digest)) => version.digest == *digest,
            Self::Named(VersionRef::Tag(tag)) => version.tag.as_ref() == Some(tag),
        }
    }

    fn is_found(&self, was_live: &WasLive) -> bool {
        match self {
            Self::None => true,
            Self::All => was_live.versions.len() >= ENOUGH,
            Self::Newest(count) => was_live.versions.len() >= *count,
            _ => was_live.versions.iter().any(|it| self.is_wanted(it)),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(in crate::release) struct Past {
    /// The records of releases that were read, newest first.
    pub(in crate::release) heads: Vec<ReleaseRecord>,
    /// The versions that these releases prove to have been live.
    pub(in crate::release) was_live: WasLive,
}

/// The earlier releases of a target, for a list of the versions that were live. The record of an open release does not
/// say when its version became live, so the entries of such a release are read.
pub(in crate::release) async fn past_releases(site: &Site) -> Result<Past> {
    past_of(site.read.journal.as_ref(), &site.definition.target).await
}

async fn past_of(journal: &dyn JournalReader, target: &Target) -> Result<Past> {
    let mut newest = journal.releases(target, PAGE).await?;
    for head in newest.iter_mut().filter(|head| head.closed.is_none()) {
        // One unreadable release does not hide the others.
        if let Ok(Some(recorded)) = journal.release(target, head.id).await {
            head.live = LivePeriod::of(&recorded.entries);
        }
    }
    search(journal, target, newest, &Sought::All).await
}

/// Searches the earlier releases page by page, from the newest to the oldest. The search ends when it has found what is
/// sought, when there are no more releases, or when a limit is reached. If a limit ended it, `searched_only` says how
/// many releases were searched.
pub(in crate::release) async fn search(
    journal: &dyn JournalReader,
    target: &Target,
    newest: Vec<ReleaseRecord>,
    sought: &Sought,
) -> Result<Past> {
    let mut past = Past {
        heads: newest,
        was_live: WasLive::default(),
    };
    let (mut proofs, mut searched) = (0, 0);
    for page in 1.. {
        while let Some(head) = past.heads.get(searched) {
            if sought.is_found(&past.was_live) {
                if matches!(sought, Sought::All) {
                    past.was_live.searched_only = Some(searched);
                }
                return Ok(past);
            }
            let mut unproven = past.was_live.unproven(head).into_iter();
            if unproven.any(|version| sought.is_wanted(version)) {
                if proofs == PROOFS {
                    past.was_live.searched_only = Some(searched);
                    return Ok(past);
                }
                proofs += 1;
                add_proven(journal, target, head, &mut past.was_live).await?;
            }
            searched += 1;
        }
        let Some(oldest) = past.heads.last().map(|head| head.id) else {
            return Ok(past);
        };
        // A list of all versions must say whether it is complete. So it continues to the next page even if it is full.
        if !matches!(sought, Sought::All) && sought.is_found(&past.was_live) {
            return Ok(past);
        }
        let older = journal.releases_before(target, oldest, PAGE).await?;
        if older.is_empty() {
            return Ok(past);
        }
        if page == PAGES {
            past.was_live.searched_only = Some(searched);
            return Ok(past);
        }
        past.heads.extend(older);
    }
    Ok(past)
}

/// Reads a release with its entries, and adds the versions that the entries prove to have been live. An unreadable
/// release proves nothing. An unreachable store is an error.
async fn add_proven(
    journal: &dyn JournalReader,
    target: &Target,
    head: &ReleaseRecord,
    was_live: &mut WasLive,
) -> Result<()> {
    match journal.release(target, head.id).await {
        Ok(Some(recorded)) => was_live.add(&recorded, target),
        Ok(None) => was_live.note_unproven(
            head,
            "the release was removed while the journal was read".to_owned(),
        ),
        Err(failure) if failure.kind == FailureKind::Unreachable => return Err(failure),
        Err(failure) => was_live.note_unproven(head, failure.to_string()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
