//! A line of a history: a release, or something that was decided beside one. Pure.

use jiff::Timestamp;

use super::{KeptAudit, Listed};
use crate::inventory::{Operator, ReleaseId, Target};

/// See the module.
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
    /// The release, where it is one.
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

    /// What it is about.
    pub fn target(&self) -> &Target {
        match self {
            Self::Release(listed) => &listed.head.target,
            Self::Audit(kept) => kept.record.target(),
        }
    }

    /// Who began it.
    pub fn operator(&self) -> &Operator {
        match self {
            Self::Release(listed) => &listed.head.operator,
            Self::Audit(kept) => kept.record.operator(),
        }
    }

    /// When it began.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Release(listed) => listed.head.opened_at,
            Self::Audit(kept) => kept.record.at(),
        }
    }
}

/// Both in one list. Each comes newest first, and so does what comes out.
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
