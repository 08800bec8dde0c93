//! The hash chain of a release. Every entry carries a hash over itself and the entry before it, the first one over the
//! head as it was opened. The closed head carries a hash over the last entry and the end. To change a record, a writer
//! must change everything after it, and an archive that has seen the old version notes the difference. Pure.
//!
//! The hash covers the content as JSON with sorted names, so it does not depend on how a store formats it. An older
//! Greenroom writes no hashes and ignores them. Its entries count as *not chained*; the hash of the next entry that has
//! one also covers them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::kept::canonical;
use super::{Entry, Happening, LivePeriod, Outcome, Recorded, ReleaseRecord};

/// The mark of the hash format. Another format gets another mark.
const MARK: &str = "1:";

/// A link of the chain: `1:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(String);

impl Link {
    pub(super) fn over(before: &str, what: &impl Serialize) -> Self {
        let mut hash = Sha256::new();
        hash.update(before.as_bytes());
        hash.update(b"\n");
        hash.update(canonical(what).as_bytes());
        let mut text = MARK.to_owned();
        for byte in hash.finalize() {
            use fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The first link of a release: over its head as it was opened.
    pub fn first(head: &ReleaseRecord) -> Self {
        Self::over("greenroom", &head.opening())
    }

    /// As text, e.g. to name the plan of a head.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link of an entry.
    #[must_use]
    pub fn entry(&self, entry: &Entry) -> Self {
        let bare = Entry {
            chain: None,
            ..entry.clone()
        };
        Self::over(&self.0, &bare)
    }

    /// The link of the end.
    #[must_use]
    pub fn end(&self, closed: &(jiff::Timestamp, Outcome)) -> Self {
        Self::over(&self.0, closed)
    }

    /// Whether this Greenroom knows its format.
    pub(super) fn is_known(&self) -> bool {
        self.0.starts_with(MARK)
    }
}

/// The links of a release that is being written, each by its number. The same entry written twice gets the same link.
#[derive(Debug, Clone)]
pub struct Chain(Vec<Link>);

impl Chain {
    /// The chain of a new release.
    pub fn of(head: &ReleaseRecord) -> Self {
        Self(vec![Link::first(head)])
    }

    /// The chain of a resumed release.
    pub fn after(recorded: &Recorded) -> Self {
        let mut chain = Self::of(&recorded.head);
        for entry in &recorded.entries {
            // The stored link counts. If it does not match, it stays and verification finds it.
            let link = entry.chain.clone();
            let link = link.or_else(|| chain.0.last().map(|last| last.entry(entry)));
            chain.0.extend(link);
        }
        chain
    }

    /// The entry with its link. An entry whose number is out of sequence gets none.
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

    /// The head with its link, if it has ended.
    pub fn closed(&self, head: ReleaseRecord) -> ReleaseRecord {
        let end = head.closed.as_ref();
        let chain = self.0.last().zip(end).map(|(last, end)| last.end(end));
        ReleaseRecord { chain, ..head }
    }
}

/// The result of verifying the chain of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Every record is as it was written.
    Whole,
    /// It was written without hashes.
    NotChained,
    /// The records from this one on have no hashes: an older Greenroom resumed the release, or a writer removed them.
    NotChainedFrom(String),
    /// This record, or one before it, was changed.
    Broken(String),
    /// A newer Greenroom wrote this record in a format that cannot be verified here.
    Newer(String),
}

impl Proof {
    /// Whether nothing is wrong with it.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Whole | Self::NotChained)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => write!(f, "its chain is whole"),
            Self::NotChained => write!(f, "not chained: an older Greenroom wrote it"),
            Self::NotChainedFrom(what) => write!(f, "not chained from {what} on"),
            Self::Broken(what) => write!(f, "its chain is broken at {what}"),
            Self::Newer(what) => write!(f, "{what} cannot be verified: a newer Greenroom wrote it"),
        }
    }
}

/// Verifies the chain of a release and names the first record that does not match.
pub fn prove(recorded: &Recorded) -> Proof {
    let mut last = Link::first(&recorded.head);
    let mut is_chained = false;
    let mut bare = None;
    let mut newer = None;
    for (number, entry) in (1u32..).zip(&recorded.entries) {
        let name = || format!("entry {number}");
        if entry.sequence != number {
            return Proof::Broken(name());
        }
        let Some(link) = &entry.chain else {
            bare = bare.or_else(|| is_chained.then(name));
            last = last.entry(entry);
            continue;
        };
        is_chained = true;
        if !link.is_known() || entry.what == Happening::Unknown {
            newer = newer.or_else(|| Some(name()));
        } else if last.entry(entry) != *link {
            return Proof::Broken(name());
        }
        last = link.clone();
    }
    if let Some(closed) = &recorded.head.closed {
        match &recorded.head.chain {
            None => bare = bare.or_else(|| is_chained.then(|| "the end".to_owned())),
            Some(link) if !link.is_known() => newer = newer.or_else(|| Some("the end".into())),
            Some(link) if last.end(closed) != *link => return Proof::Broken("the end".into()),
            // `live` repeats what the entries say, and is not hashed itself.
            Some(_) if recorded.head.live != LivePeriod::of(&recorded.entries) => {
                return Proof::Broken(other_period(&recorded.head).into());
            }
            Some(_) => is_chained = true,
        }
    }
    match (newer, bare) {
        (Some(what), _) => Proof::Newer(what),
        (None, Some(what)) => Proof::NotChainedFrom(what),
        (None, None) if is_chained => Proof::Whole,
        (None, None) => Proof::NotChained,
    }
}

/// What is wrong with the end of a release that tells another time than its entries in which its version was live.
fn other_period(head: &ReleaseRecord) -> &'static str {
    match head.live {
        None => "the end: it does not say when the version was live, and the entries do",
        Some(_) => "the end: it says otherwise than the entries when the version was live",
    }
}

/// The first record that was changed or removed between the kept and the read version. The release may have continued
/// since.
pub fn departs(kept: &Recorded, read: &Recorded) -> Option<String> {
    if canonical(&kept.head.opening()) != canonical(&read.head.opening()) {
        return Some("the head".into());
    }
    for (index, entry) in kept.entries.iter().enumerate() {
        let name = format!("entry {}", entry.sequence);
        match read.entries.get(index) {
            None => return Some(format!("{name}, which is gone")),
            Some(now) if super::entry_change(entry, now) == super::Change::Other => {
                return Some(name);
            }
            Some(_) => {}
        }
    }
    let end = |record: &ReleaseRecord| canonical(&(&record.closed, &record.chain, &record.live));
    let is_other = kept.head.closed.is_some() && end(&kept.head) != end(&read.head);
    if is_other {
        return Some("the end".into());
    }
    let is_longer = kept.head.closed.is_some() && read.entries.len() > kept.entries.len();
    is_longer.then(|| format!("entry {}, which came after the end", kept.entries.len() + 1))
}

#[cfg(test)]
mod tests;
