//! One line of a history list. Releases, holds and repairs are listed together.

use jiff::Timestamp;

use super::{KeptAudit, Listed};
use crate::inventory::{Operator, ReleaseId, Target};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Release(Box<Listed>),
    /// A hold or a repair.
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
    /// None for a hold or a repair.
    pub fn release(&self) -> Option<&Listed> {
        match self {
            Self::Release(listed) => Some(listed),
            Self::Audit(_) => None,
        }
    }

    pub fn id(&self) -> ReleaseId {
        match self {
            Self::Release(listed) => listed.head.id,
            Self::Audit(kept) => kept.record.id(),
        }
    }

    pub fn target(&self) -> &Target {
        match self {
            Self::Release(listed) => &listed.head.target,
            Self::Audit(kept) => kept.record.target(),
        }
    }

    pub fn operator(&self) -> &Operator {
        match self {
            Self::Release(listed) => &listed.head.operator,
            Self::Audit(kept) => kept.record.operator(),
        }
    }

    pub fn at(&self) -> Timestamp {
        match self {
            Self::Release(listed) => listed.head.opened_at,
            Self::Audit(kept) => kept.record.at(),
        }
    }
}

/// Merges releases with holds and repairs. Both lists and the result are ordered newest first.
pub fn merged(releases: Vec<Listed>, audits: Vec<KeptAudit>) -> Vec<Item> {
    let mut items = Vec::with_capacity(releases.len() + audits.len());
    let mut audits = audits.into_iter().peekable();
    for listed in releases {
        let id = listed.head.id;
        while let Some(newer) = audits.next_if(|kept| kept.record.id() > id) {
            items.push(newer.into());
        }
        items.push(listed.into());
    }
    items.extend(audits.map(Item::from));
    items
}
