//! One line of a history: a release, a hold or a repair. Pure.

use jiff::Timestamp;

use super::{KeptAudit, Listed};
use crate::inventory::{Operator, ReleaseId, Target};

/// A release, a hold or a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A release.
    Release(Box<Listed>),
    /// A hold, or a repair.
    Audit(Box<KeptAudit>),
}

impl From<Listed> for Item {
    fn from(listed: Listed) -> Self {
        Self::Release(Box::new(listed))
    }
}

impl From<KeptAudit> for Item {
    fn from(kept: KeptAudit) -> Self {
        Self::Audit(Box::new(kept))
    }
}

impl Item {
    /// The release; none if it is a hold or a repair.
    pub fn release(&self) -> Option<&Listed> {
        match self {
            Self::Release(listed) => Some(listed),
            Self::Audit(_) => None,
        }
    }

    /// Its id.
    pub fn id(&self) -> ReleaseId {
        match self {
            Self::Release(listed) => listed.head.id,
            Self::Audit(kept) => kept.record.id(),
        }
    }

    /// Its target.
    pub fn target(&self) -> &Target {
        match self {
            Self::Release(listed) => &listed.head.target,
            Self::Audit(kept) => kept.record.target(),
        }
    }

    /// The operator who started it.
    pub fn operator(&self) -> &Operator {
        match self {
            Self::Release(listed) => &listed.head.operator,
            Self::Audit(kept) => kept.record.operator(),
        }
    }

    /// When it started.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Release(listed) => listed.head.opened_at,
            Self::Audit(kept) => kept.record.at(),
        }
    }
}

/// Merges both lists. Each is ordered newest first, and so is the result.
pub fn merged(releases: Vec<Listed>, beside: Vec<KeptAudit>) -> Vec<Item> {
    let mut items = Vec::with_capacity(releases.len() + beside.len());
    let mut beside = beside.into_iter().peekable();
    for listed in releases {
        let id = listed.head.id;
        while let Some(newer) = beside.next_if(|kept| kept.record.id() > id) {
            items.push(newer.into());
        }
        items.push(listed.into());
    }
    items.extend(beside.map(Item::from));
    items
}
