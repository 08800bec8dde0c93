//! Why an operator cannot approve the release of another operator.

use crate::inventory::Operator;

/// Why an operator's approval of a release is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPeerApproved {
    #[error(
        "the release needs no approval by others, because it is a rollback or rules.approvals is 0: there is nothing to approve"
    )]
    NeedsNone,
    /// The switch was started, so the traffic may have moved.
    #[error("the switch of the release has already started: there is nothing to approve")]
    TooLate,
    #[error(
        "{by} opened or drives the release, and operators cannot approve their own releases: another operator must approve it"
    )]
    Own { by: Operator },
    /// The approver's name looks like the name of the operator who opened or drives the release.
    #[error(
        "your name looks like that of {owner}, who opened or drives the release: an operator with another name must approve it"
    )]
    LooksLike { owner: Operator },
    /// The store authenticates the approver under another name than the configured one.
    #[error(
        "the store authenticates you as {proved}, but your operator name is {name}: with approvals, both names must be the same\n  Set name = \"{proved}\" in [operator], or from = \"etcd\". Operators who share a login cannot approve each other's releases."
    )]
    NameNotProved { name: String, proved: String },
    /// A check was overridden after the operator had looked at the release.
    #[error("a check was overridden since you looked: look at the release again, then approve it")]
    Changed,
    #[error("the store refused the approval: {why}")]
    NotTaken { why: String },
    /// This operator has no approval to withdraw.
    #[error("this release has no approval of yours that counts: there is nothing to withdraw")]
    Nothing,
}
