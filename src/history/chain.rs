//! The hash chain of a release. Every entry carries a hash over itself and the hash of the entry before it. The hash of
//! the first entry also covers the head as it was opened. The closed head carries a hash over the end of the release
//! and the hash of the last entry. To change a record unnoticed, a writer must also change every later record. An
//! archive that has copied the old version still notices the difference.
//!
//! A hash covers the content as JSON with sorted names, so the formatting in a store does not change the hash. An older
//! Greenroom writes no hashes and ignores them. Its entries are *not chained*, but the next entry with a hash covers
//! them too.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::kept::canonical;
use super::{Entry, LivePeriod, Outcome, Recorded, ReleaseRecord};

/// The prefix that identifies the hash format. A future format gets another prefix.
const MARK: &str = "1:";

/// One hash of the chain: `1:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(String);

impl Link {
    pub(super) fn over(before: &str, content: &impl Serialize) -> Self {
        let mut hash = Sha256::new();
        hash.update(before.as_bytes());
        hash.update(b"\n");
        hash.update(canonical(content).as_bytes());
        let mut text = MARK.to_owned();
        for byte in hash.finalize() {
            use fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The first link of a release, over its head as it was opened.
    pub fn first(head: &ReleaseRecord) -> Self {
        Self::over("greenroom", &head.opening())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link of `entry`, if this is the link before it.
    #[must_use]
    pub fn entry(&self, entry: &Entry) -> Self {
        let bare = Entry {
            chain: None,
            ..entry.clone()
        };
        Self::over(&self.0, &bare)
    }

    /// The link of the end of a release, if this is the link of its last entry.
    #[must_use]
    pub fn end(&self, closed: &(jiff::Timestamp, Outcome)) -> Self {
        Self::over(&self.0, closed)
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.starts_with(MARK)
    }
}

/// The links of a release that is being written, by entry number. If an entry is written again without a change, its
/// link stays the same.
#[derive(Debug, Clone)]
pub struct Chain(Vec<Link>);

impl Chain {
    pub fn of(head: &ReleaseRecord) -> Self {
        Self(vec![Link::first(head)])
    }

    /// The chain of a release that is resumed.
    pub fn after(recorded: &Recorded) -> Self {
        let mut chain = Self::of(&recorded.head);
        for entry in &recorded.entries {
            // The stored link is used even if it does not match. `prove` reports the mismatch later.
            let link = entry.chain.clone();
            let link = link.or_else(|| chain.0.last().map(|last| last.entry(entry)));
            chain.0.extend(link);
        }
        chain
    }

    /// The entry with its link. An entry whose number is out of sequence gets no link.
    pub fn linked(&mut self, entry: Entry) -> Entry {
        let before = usize::try_from(entry.sequence)
            .ok()
            .and_then(|sequence| sequence.checked_sub(1));
        let Some(before) = before.filter(|before| *before < self.0.len()) else {
            return entry;
        };
        let link = self.0.get(before).map(|link| link.entry(&entry));
        self.0.truncate(before + 1);
        self.0.extend(link.clone());
        Entry {
            chain: link,
            ..entry
        }
    }

    /// The head with the link that covers its end and the last entry. If the release has not ended, the head gets no
    /// link.
    pub fn closed(&self, head: ReleaseRecord) -> ReleaseRecord {
        let end = head.closed.as_ref();
        let chain = self.0.last().zip(end).map(|(last, end)| last.end(end));
        ReleaseRecord { chain, ..head }
    }
}

/// The result of verifying the hashes of a release, a hold or a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// The hashes match and cover every part.
    Whole,
    /// No part has a hash: an older Greenroom wrote the record, or a writer removed every hash.
    NotChained,
    /// The named part has no hash, although an earlier part has one: an older Greenroom resumed the release, or a
    /// writer removed the hash.
    NotChainedFrom(String),
    /// The named part, or a part before it, was changed or removed.
    Broken(String),
    /// This Greenroom does not know the format of the hash or the event of the named part. A newer Greenroom probably
    /// wrote it.
    Newer(String),
}

impl Integrity {
    /// Whether no problem was found.
    pub fn is_intact(&self) -> bool {
        matches!(self, Self::Whole | Self::NotChained)
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => write!(f, "the hash chain is intact"),
            Self::NotChained => write!(
                f,
                "the record has no hash chain: an older Greenroom wrote it, or its hashes were removed"
            ),
            Self::NotChainedFrom(part) => write!(
                f,
                "the hash chain is missing from {part} on: an older Greenroom wrote that part, or its hashes were removed"
            ),
            Self::Broken(part) => write!(f, "the hash chain is broken at {part}"),
            Self::Newer(part) => {
                write!(
                    f,
                    "{part} cannot be verified, because this Greenroom does not know its format. A newer Greenroom may have written it: verify it with that version"
                )
            }
        }
    }
}

/// Verifies the chain of a release. The result names the first part that does not match.
pub fn prove(recorded: &Recorded) -> Integrity {
    let mut last = Link::first(&recorded.head);
    let mut is_chained = false;
    let mut unhashed = None;
    let mut newer = None;
    for (number, entry) in (1u32..).zip(&recorded.entries) {
        let name = || format!("entry {number}");
        if entry.sequence != number {
            return Integrity::Broken(name());
        }
        let Some(link) = &entry.chain else {
            unhashed = unhashed.or_else(|| is_chained.then(name));
            last = last.entry(entry);
            continue;
        };
        is_chained = true;
        if !link.is_known() {
            newer = newer.or_else(|| Some(name()));
        } else if last.entry(entry) != *link {
            return Integrity::Broken(name());
        }
        last = link.clone();
    }
    if let Some(closed) = &recorded.head.closed {
        match &recorded.head.chain {
            None => unhashed = unhashed.or_else(|| is_chained.then(|| "the end".to_owned())),
            Some(link) if !link.is_known() => newer = newer.or_else(|| Some("the end".into())),
            Some(link) if last.end(closed) != *link => return Integrity::Broken("the end".into()),
            // The entries prove the period in `live`. The period itself is not hashed.
            Some(_) if recorded.head.live != LivePeriod::of(&recorded.entries) => {
                return Integrity::Broken(wrong_period(&recorded.head).into());
            }
            Some(_) => is_chained = true,
        }
    }
    match (newer, unhashed) {
        (Some(part), _) => Integrity::Newer(part),
        (None, Some(part)) => Integrity::NotChainedFrom(part),
        (None, None) if is_chained => Integrity::Whole,
        (None, None) => Integrity::NotChained,
    }
}

/// Names the end of a release, and says how its period with the traffic differs from the period that its entries prove.
fn wrong_period(head: &ReleaseRecord) -> &'static str {
    match head.live {
        None => "the end: the record does not say when the version was live, but its entries do",
        Some(_) => "the end: the record and its entries disagree about when the version was live",
    }
}

/// Names the first part of an archived release that is different or missing in the store. Entries that were added in
/// the store are allowed, unless the archived release has ended.
pub fn first_difference(kept: &Recorded, read: &Recorded) -> Option<String> {
    if canonical(&kept.head.opening()) != canonical(&read.head.opening()) {
        return Some("the opening of the release".into());
    }
    for (index, entry) in kept.entries.iter().enumerate() {
        let name = format!("entry {}", entry.sequence);
        match read.entries.get(index) {
            None => return Some(format!("{name}, which is missing")),
            Some(now) if super::entry_change(entry, now) == super::Change::Other => {
                return Some(name);
            }
            Some(_) => {}
        }
    }
    let end = |record: &ReleaseRecord| canonical(&(&record.closed, &record.chain, &record.live));
    let is_changed = kept.head.closed.is_some() && end(&kept.head) != end(&read.head);
    if is_changed {
        return Some("the end".into());
    }
    let is_longer = kept.head.closed.is_some() && read.entries.len() > kept.entries.len();
    is_longer.then(|| {
        format!(
            "entry {}, which was added after the end",
            kept.entries.len() + 1
        )
    })
}

#[cfg(test)]
mod tests;
