//! The approvals by other operators that the newest release of a target needs.

use serde_json::{Value, json};

use crate::history::{ReleaseKind, ReleaseRecord};
use crate::inventory::{PeerApproval, ReleaseId, Target};
use crate::release::{
    Definition, Engine, PeerApprovable, Refusal, approve_command, approvers_words, own_release,
    peer_approved_words,
};
use crate::sanitize::sanitize;

/// The approvals that the newest release of a target needs.
pub(in crate::cli) enum Approvals {
    /// No release waits for approvals.
    NotNeeded,
    /// It is not known whether a release waits for approvals, for example because the store has not answered in time.
    Unknown,
    /// A release needs approvals before its switch. Enough of them may already be given.
    Needed(Box<Needed>),
}

/// The approvals that a release needs and has.
pub(in crate::cli) struct Needed {
    pub(super) release: ReleaseId,
    pub(super) count: usize,
    pub(super) given: Vec<PeerApproval>,
    /// Approvals that do not count, with the reasons.
    pub(super) ignored: Vec<String>,
    /// The operators who can approve the release, as text.
    pub(super) by: String,
    /// Whether the operator of this command can approve the release and has not yet done so.
    pub(super) is_for_caller: bool,
    /// Whether the operator of this command has given one of the approvals that count.
    has_caller_approved: bool,
    pub(super) target: Target,
}

/// Whether a release may be waiting for approvals, judged by its record without the entries. Reading the entries would
/// take longer. In a protected environment, a hold or a check may be overridden.
pub(super) fn may_wait(newest: &ReleaseRecord, definition: &Definition) -> bool {
    newest.closed.is_none()
        && newest.kind == ReleaseKind::Promote
        && (definition.rules.approvals > 0 || definition.tier.is_protected())
}

/// Reads the approvals that a release needs and has.
pub(super) async fn read(engine: &Engine, newest: &ReleaseRecord) -> Approvals {
    match engine
        .peer_approvable(&newest.target, Some(newest.id))
        .await
    {
        Ok(found) => Approvals::Needed(Box::new(needed(engine, found))),
        Err(refused) if matches!(refused.0.first(), Some(Refusal::Unknown { .. })) => {
            Approvals::Unknown
        }
        Err(_) => Approvals::NotNeeded,
    }
}

fn needed(engine: &Engine, found: PeerApprovable) -> Needed {
    let plan = found.found.plan();
    let driver = found.found.driver().map(|holder| &holder.record.operator);
    let caller = engine.operator();
    let has_caller_approved = found
        .given
        .iter()
        .any(|approval| approval.by.is_same_person(caller));
    Needed {
        release: plan.release,
        count: found.needed,
        by: approvers_words(plan, driver),
        is_for_caller: own_release(caller, found.found.observed.status.approvable(), driver)
            .is_none()
            && !has_caller_approved,
        has_caller_approved,
        target: plan.target().clone(),
        given: found.given,
        ignored: found.ignored,
    }
}

impl Needed {
    fn is_enough(&self) -> bool {
        self.given.len() >= self.count
    }

    pub(super) fn lines(&self, now: jiff::Timestamp) -> Vec<String> {
        let given: Vec<&PeerApproval> = self.given.iter().collect();
        let approvals = peer_approved_words(self.count, &given, now);
        let mut lines = vec![format!("  > release {} {approvals}", self.release)];
        lines.extend(
            self.ignored
                .iter()
                .map(|why| format!("  ! {}", sanitize(why))),
        );
        if self.is_enough() {
            return lines;
        }
        let who = if self.is_for_caller {
            "you can approve it".to_owned()
        } else if self.has_caller_approved {
            format!(
                "you have approved it, and another person ({}) must approve it too",
                self.by
            )
        } else {
            format!("{} can approve it", self.by)
        };
        lines.push(format!("      {who}: {}", approve_command(&self.target)));
        lines
    }
}

impl Approvals {
    pub(super) fn lines(&self, now: jiff::Timestamp) -> Vec<String> {
        match self {
            Self::NotNeeded => Vec::new(),
            Self::Unknown => {
                vec!["  ! the approvals by other operators are unknown".to_owned()]
            }
            Self::Needed(needed) => needed.lines(now),
        }
    }

    /// `null` if no release waits for approvals. The numbers are `null` if they are unknown.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::NotNeeded => Value::Null,
            Self::Unknown => json!({ "needed": null, "has": null }),
            Self::Needed(it) => json!({
                "release": it.release,
                "needed": it.count,
                "has": it.given.len(),
                "given": it.given,
                "do_not_count": it.ignored,
                "waits_for_you": it.is_for_caller && !it.is_enough(),
                "command": approve_command(&it.target),
            }),
        }
    }
}
