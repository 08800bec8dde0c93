//! Checks that the record of a hold or a repair was not altered. Each record carries a hash over itself. Greenroom
//! overwrites a record in only two cases: a hold is cleared, or a repair makes progress or ends.

use jiff::{SignedDuration, Timestamp};

use super::kept::canonical;
use super::{
    AuditRecord, Change, HoldRecord, Integrity, Link, Provable, RecordedAction, RepairRecord,
    hold_id,
};
use crate::inventory::ReleaseId;

/// A hold is treated as open for this long after its end, because an operator whose clock is behind may still
/// clear it.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

impl HoldRecord {
    pub(super) fn link(&self) -> Link {
        let bare = Self {
            chain: None,
            ..self.clone()
        };
        Link::over("greenroom hold", &bare)
    }

    /// Whether `to` is an allowed later version of this record: an operator has cleared the hold, and nothing else was
    /// changed.
    fn may_become(&self, to: &Self) -> bool {
        let Some(cleared) = &to.hold.cleared else {
            return false;
        };
        let is_same = self.id == to.id && self.target == to.target;
        let was_open = self.hold.cleared.is_none();
        is_same && was_open && self.hold.clone().cleared(cleared.clone()) == to.hold
    }
}

impl RepairRecord {
    pub(super) fn link(&self) -> Link {
        let bare = Self {
            chain: None,
            ..self.clone()
        };
        Link::over("greenroom repair", &bare)
    }

    /// Whether `to` is an allowed later version of this record: this repair has not ended, only the progress of its
    /// actions and its end differ, and no action that was done has changed.
    fn may_become(&self, to: &Self) -> bool {
        let without_progress = |record: &Self| Self {
            repair_actions: record.repair_actions.iter().map(not_started).collect(),
            closed: None,
            chain: None,
            ..record.clone()
        };
        // An action can lose its start time: if the start cannot be recorded, the time is removed and the action is not
        // started.
        let mut repair_actions = self.repair_actions.iter().zip(&to.repair_actions);
        self.closed.is_none()
            && without_progress(self) == without_progress(to)
            && repair_actions.all(|(was, is)| was.done_at.is_none() || was == is)
    }
}

fn not_started(repair_action: &RecordedAction) -> RecordedAction {
    RecordedAction {
        started_at: None,
        done_at: None,
        ..repair_action.clone()
    }
}

impl AuditRecord {
    /// Whether `to` is an allowed later version of this record.
    fn may_become(&self, to: &Self) -> bool {
        match (self, to) {
            (Self::Hold(was), Self::Hold(is)) => was.may_become(is),
            (Self::Repair(was), Self::Repair(is)) => was.may_become(is),
            _ => false,
        }
    }
}

impl Provable for AuditRecord {
    fn id(&self) -> ReleaseId {
        AuditRecord::id(self)
    }

    fn kind(&self) -> &'static str {
        AuditRecord::kind(self)
    }

    /// Verifies the hash. The id of a hold is verified too, because it is derived from the hold.
    fn prove(&self) -> Integrity {
        let name = format!("the {}", self.kind());
        let (computed, has_its_id) = match self {
            Self::Hold(record) => (record.link(), record.id == hold_id(&record.hold)),
            Self::Repair(record) => (record.link(), true),
        };
        match self.last_link() {
            Some(link) if !link.is_known() => Integrity::Newer(name),
            Some(link) if *link == computed && has_its_id => Integrity::Whole,
            None if has_its_id => Integrity::NotChained,
            _ => Integrity::Broken(name),
        }
    }

    fn first_difference(&self, read: &Self) -> Option<String> {
        let is_same = canonical(self) == canonical(read) || self.may_become(read);
        (!is_same).then(|| format!("the {}", self.kind()))
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let until = self.ended_at();
        self.is_settled() || until.is_some_and(|until| now.duration_since(until) >= CLOCK_TOLERANCE)
    }

    fn last_link(&self) -> Option<&Link> {
        match self {
            Self::Hold(record) => record.chain.as_ref(),
            Self::Repair(record) => record.chain.as_ref(),
        }
    }
}

/// Compares a record that was read with the archived one. If the record that was read is an earlier version of the
/// archived record, the result is [`Change::Same`].
pub fn audit_change(kept: &AuditRecord, read: &AuditRecord) -> Change {
    if canonical(kept) == canonical(read) {
        Change::Same
    } else if kept.may_become(read) {
        Change::More
    } else if read.may_become(kept) {
        Change::Same
    } else {
        Change::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{FORMAT, RepairOutcome, Repaired};
    use crate::inventory::{Cleared, Hold, Operator, Target};

    fn by(name: &str) -> Operator {
        Operator {
            name: name.into(),
            host: "ops-1".into(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn target() -> Target {
        let name = |name: &str| name.parse().expect("a name");
        Target::new(name("web"), "production".parse().expect("a name"))
    }

    fn hold() -> Hold {
        Hold {
            reason: "payday".into(),
            author: by("ana"),
            since: at(0),
            until: Some(at(3600)),
            release: None,
            cleared: None,
        }
    }

    fn of(hold: &Hold) -> AuditRecord {
        AuditRecord::Hold(HoldRecord::new(&target(), hold))
    }

    fn cleared(why: &str) -> Hold {
        hold().cleared(Cleared {
            by: by("ben"),
            at: at(60),
            why: Some(why.into()),
        })
    }

    fn repair(done: usize, closed: Option<RepairOutcome>) -> AuditRecord {
        let repair_action = |number: usize| RecordedAction {
            does: format!("action {number}"),
            calls: vec!["a call".into()],
            started_at: (number < done).then(|| at(1)),
            done_at: (number < done).then(|| at(2)),
        };
        let record = RepairRecord {
            format: FORMAT,
            id: ReleaseId(ulid::Ulid::from_parts(1, 2)),
            target: target(),
            operator: by("ana"),
            started_at: at(0),
            differences: vec![Repaired {
                name: "route-stale".into(),
                message: "nginx names another slot".into(),
            }],
            repair_actions: (0..2).map(repair_action).collect(),
            closed: closed.map(|outcome| (at(9), outcome)),
            chain: None,
        };
        AuditRecord::Repair(record.linked())
    }

    #[test]
    fn a_record_is_whole_after_it_was_stored() {
        for record in [of(&hold()), of(&cleared("paid")), repair(1, None)] {
            let text = serde_json::to_string(&record).expect("JSON");
            let read: AuditRecord = serde_json::from_str(&text).expect("a record");
            assert_eq!(read.prove(), Integrity::Whole, "{text}");
            assert_eq!(audit_change(&record, &read), Change::Same);
        }
    }

    /// Each case changes one word of a record.
    #[test]
    fn a_changed_word_is_found() {
        let changes = [
            (of(&hold()), "payday", "holiday"),
            (of(&hold()), "ana", "ben"),
            (of(&hold()), "production", "qa"),
            (of(&cleared("paid")), "paid\"", "spent\""),
            (of(&cleared("paid")), "\"ben\"", "\"cleo\""),
            (repair(1, None), "action 1", "action 3"),
            (repair(1, None), "another slot", "no slot"),
            (
                repair(2, Some(RepairOutcome::Done)),
                "\"outcome\":\"done\"",
                "\"outcome\":\"stopped\",\"reason\":\"by hand\"",
            ),
        ];
        for (record, from, to) in changes {
            let text = serde_json::to_string(&record).expect("JSON");
            let other = text.replacen(from, to, 1);
            assert_ne!(text, other, "{from} is in {text}");
            let read: AuditRecord = serde_json::from_str(&other).expect("a record");
            let name = format!("the {}", record.kind());
            assert_eq!(read.prove(), Integrity::Broken(name), "{other}");
            assert_eq!(audit_change(&record, &read), Change::Other, "{other}");
        }
    }

    #[test]
    fn a_changed_hold_does_not_match_its_id_even_without_a_hash() {
        let AuditRecord::Hold(mut record) = of(&hold()) else {
            panic!("a hold")
        };
        record.chain = None;
        assert_eq!(
            AuditRecord::Hold(record.clone()).prove(),
            Integrity::NotChained
        );
        record.hold.reason = "holiday".into();
        let broken = Integrity::Broken("the hold".into());
        assert_eq!(AuditRecord::Hold(record.clone()).prove(), broken);
        // A new hash does not help the forger, because the id no longer matches.
        record.chain = Some(record.link());
        assert_eq!(AuditRecord::Hold(record).prove(), broken);
    }

    #[test]
    fn an_expired_hold_is_final_after_the_clock_tolerance() {
        let record = of(&hold());
        assert!(!record.is_over(at(3600)));
        assert!(!record.is_over(at(2 * 3600 - 1)));
        assert!(record.is_over(at(2 * 3600)));
        assert!(
            of(&cleared("paid")).is_over(at(60)),
            "no tolerance after a clear"
        );
        assert!(
            !repair(2, None).is_over(at(1_000_000)),
            "the repair has no end"
        );
        assert!(repair(2, Some(RepairOutcome::Done)).is_over(at(9)));
    }

    #[test]
    fn only_allowed_later_versions_are_accepted() {
        let (placed, over) = (of(&hold()), of(&cleared("paid")));
        assert_eq!(audit_change(&placed, &over), Change::More);
        assert_eq!(
            audit_change(&over, &placed),
            Change::Same,
            "an older version"
        );
        assert_eq!(audit_change(&over, &of(&cleared("why"))), Change::Other);
        let mut longer = hold();
        longer.until = None;
        assert_eq!(audit_change(&placed, &of(&longer)), Change::Other);
        longer.cleared = cleared("paid").cleared;
        longer.until = Some(at(90));
        assert_eq!(audit_change(&placed, &of(&longer)), Change::Other);

        let done = repair(2, Some(RepairOutcome::Done));
        for (was, is) in [(0, 1), (1, 2), (0, 2)] {
            let (was, is) = (repair(was, None), repair(is, None));
            assert_eq!(audit_change(&was, &is), Change::More);
            assert_eq!(audit_change(&is, &was), Change::Same);
            assert_eq!(audit_change(&was, &done), Change::More);
        }
        let failed = Some(RepairOutcome::Failed {
            reason: "no answer".into(),
        });
        assert_eq!(audit_change(&done, &repair(2, failed)), Change::Other);
        assert_eq!(audit_change(&done, &placed), Change::Other);
    }
}
