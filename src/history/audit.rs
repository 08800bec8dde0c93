//! Records of holds and of repairs of drift. Neither is part of a release. An operator or a rollback places a hold, and
//! an operator clears the hold. Each hold and each repair has a record of its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Filter, Link, RepairRecord};
use crate::inventory::local_time;
use crate::inventory::{Hold, Operator, ReleaseId, Target};

/// The record of a hold of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRecord {
    pub id: ReleaseId,
    pub target: Target,
    /// The hold, which may already be cleared.
    pub hold: Hold,
    /// The hash over the record; none if an older Greenroom wrote the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

impl HoldRecord {
    /// The id is derived from the hold, so that the record is found again when the hold is cleared.
    pub fn new(target: &Target, hold: &Hold) -> Self {
        let bare = Self {
            id: hold_id(hold),
            target: target.clone(),
            hold: hold.clone(),
            chain: None,
        };
        Self {
            chain: Some(bare.link()),
            ..bare
        }
    }
}

/// The id of a hold: the millisecond at which the hold was placed, then a hash over the time, the author and the
/// reason. Clearing the hold changes none of these.
pub fn hold_id(hold: &Hold) -> ReleaseId {
    let mut hash = Sha256::new();
    for part in [
        hold.since.to_string(),
        hold.author.to_string(),
        hold.reason.clone(),
    ] {
        hash.update(part.as_bytes());
        hash.update(b"\n");
    }
    let mut random = [0; 16];
    random.copy_from_slice(&hash.finalize()[..16]);
    let millisecond = u64::try_from(hold.since.as_millisecond()).unwrap_or_default();
    ReleaseId(ulid::Ulid::from_parts(
        millisecond,
        u128::from_be_bytes(random),
    ))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum AuditRecord {
    Hold(HoldRecord),
    Repair(RepairRecord),
}

impl AuditRecord {
    /// Ids of holds, repairs and releases sort by time together.
    pub fn id(&self) -> ReleaseId {
        match self {
            Self::Hold(record) => record.id,
            Self::Repair(record) => record.id,
        }
    }

    pub fn target(&self) -> &Target {
        match self {
            Self::Hold(record) => &record.target,
            Self::Repair(record) => &record.target,
        }
    }

    pub fn operator(&self) -> &Operator {
        match self {
            Self::Hold(record) => &record.hold.author,
            Self::Repair(record) => &record.operator,
        }
    }

    /// When the hold was placed or the repair was started.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Hold(record) => record.hold.since,
            Self::Repair(record) => record.started_at,
        }
    }

    /// When the hold ends or has ended, or when the repair has ended. None for a hold without a set end, and for a
    /// repair that has not ended. The end of a hold may be in the future.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Hold(record) => record.hold.until,
            Self::Repair(record) => record.closed.as_ref().map(|(at, _)| *at),
        }
    }

    /// Whether the record is final: the hold was cleared, or the repair has ended.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Hold(record) => record.hold.cleared.is_some(),
            Self::Repair(record) => record.closed.is_some(),
        }
    }

    /// One word for tables: `hold` or `repair`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hold(_) => "hold",
            Self::Repair(_) => "repair",
        }
    }

    /// One to three words for tables, e.g. `held`, `held until` or `partly repaired`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Hold(record) if record.hold.cleared.is_some() => "cleared",
            Self::Hold(record) if record.hold.until.is_some() => "held until",
            Self::Hold(_) => "held",
            Self::Repair(record) => record
                .closed
                .as_ref()
                .map_or("open", |(_, outcome)| outcome.word()),
        }
    }

    /// One line: the reason of a hold, or the names of the differences that a repair removes.
    pub fn purpose(&self) -> String {
        match self {
            Self::Hold(record) => record.hold.reason.clone(),
            Self::Repair(record) => record.names(),
        }
    }

    /// One line: who cleared a hold, when and why, or the actions that a repair has done and why the repair ended.
    /// Empty if there is nothing to say.
    pub fn ending(&self) -> String {
        match self {
            Self::Hold(record) => match &record.hold.cleared {
                Some(cleared) => {
                    let why = cleared.why.as_deref().unwrap_or("no reason given");
                    format!(
                        "cleared by {} at {}: {why}",
                        cleared.by,
                        local_time::moment(cleared.at)
                    )
                }
                None => String::new(),
            },
            Self::Repair(record) => {
                let done_actions = record
                    .repair_actions
                    .iter()
                    .filter(|repair_action| repair_action.done_at.is_some());
                let mut parts: Vec<&str> = done_actions
                    .map(|repair_action| repair_action.does.as_str())
                    .collect();
                let ending = record.closed.as_ref();
                parts.extend(ending.and_then(|(_, outcome)| outcome.reason()));
                parts.join("; ")
            }
        }
    }

    /// The operator of the record and, for a cleared hold, the operator who cleared the hold.
    fn people(&self) -> Vec<&Operator> {
        let mut people = vec![self.operator()];
        if let Self::Hold(record) = self {
            people.extend(record.hold.cleared.as_ref().map(|cleared| &cleared.by));
        }
        people
    }

    /// A filter with a version or an outcome matches no hold and no repair, but only releases.
    pub fn matches_filter(&self, filter: &Filter) -> bool {
        let target = self.target();
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let by = |wanted: &String| {
            let mut people = self.people().into_iter();
            people.any(|person| *wanted == person.name || *wanted == person.to_string())
        };
        filter.version.is_none()
            && filter.outcome.is_none()
            && is(&filter.service, target.service.as_str())
            && is(&filter.environment, target.environment.as_str())
            && filter.operator.as_ref().is_none_or(by)
            && filter.since.is_none_or(|since| self.at() >= since)
            && filter.until.is_none_or(|until| self.at() < until)
            && self.contains_words(&filter.words)
    }

    /// Whether each of `words` is the beginning of a word in the record.
    fn contains_words(&self, words: &[String]) -> bool {
        let tokens = |text: &str| -> Vec<String> {
            let text = text.to_lowercase();
            let parts = text.split(|c: char| !c.is_alphanumeric());
            parts
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let mut text = format!(
            "{} {} {} {} {}",
            self.kind(),
            self.outcome(),
            self.target(),
            self.purpose(),
            self.ending()
        );
        for person in self.people() {
            text.push(' ');
            text.push_str(&person.to_string());
        }
        if let Self::Repair(record) = self {
            for difference in &record.differences {
                text.push(' ');
                text.push_str(&difference.message);
            }
        }
        let found = tokens(&text);
        let mut wanted = words.iter().flat_map(|word| tokens(word));
        wanted.all(|word| found.iter().any(|token| token.starts_with(&word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Cleared;

    fn ana() -> Operator {
        Operator {
            name: "ana".into(),
            host: "ops-1".into(),
        }
    }

    fn at(hour: u8) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z")
            .parse()
            .expect("a time")
    }

    fn held(hour: u8, reason: &str) -> AuditRecord {
        let target = Target::new(
            "web".parse().expect("a name"),
            "production".parse().expect("a name"),
        );
        let hold = Hold {
            reason: reason.into(),
            author: ana(),
            since: at(hour),
            until: None,
            release: None,
            cleared: None,
        };
        AuditRecord::Hold(HoldRecord::new(&target, &hold))
    }

    fn cleared(record: &AuditRecord) -> AuditRecord {
        let AuditRecord::Hold(record) = record else {
            panic!("a hold")
        };
        let cleared = Cleared {
            by: Operator {
                name: "ben".into(),
                host: "ops-2".into(),
            },
            at: at(20),
            why: Some("paid out".into()),
        };
        let hold = record.hold.clone().cleared(cleared);
        AuditRecord::Hold(HoldRecord::new(&record.target, &hold))
    }

    #[test]
    fn a_hold_keeps_its_id_when_it_is_cleared() {
        let first = held(9, "payday");
        assert_eq!(first.id(), cleared(&first).id());
        assert_ne!(first.id(), held(9, "holidays").id());
        assert!(first.id() < held(10, "payday").id(), "they sort by time");
    }

    #[test]
    fn a_filter_lets_matching_records_through() {
        let record = cleared(&held(9, "Payday of the warehouse"));
        let matches = |text: &str| {
            let filter = Filter::parse(text, at(21)).expect("a filter");
            record.matches_filter(&filter)
        };
        for text in [
            "",
            "service:web env:production",
            "by:ana",
            "by:ben@ops-2",
            "since:2026-11-20",
            "pay ware",
            "hold paid",
            "since:2026-11-20 until:2026-11-20",
        ] {
            assert!(matches(text), "{text}");
        }
        for text in [
            "service:shop",
            "env:qa",
            "by:cleo",
            "by:ana@ops-2",
            "outcome:ok",
            "version:1.9.0",
            "day",
            "since:2026-11-21",
            "until:2026-11-19",
        ] {
            assert!(!matches(text), "{text}");
        }
    }

    #[test]
    fn a_record_reads_back_with_its_kind() {
        let record = held(9, "payday");
        let value = serde_json::to_value(&record).expect("JSON");
        assert_eq!(value["kind"], "hold");
        assert_eq!(value["hold"]["reason"], "payday");
        let read: AuditRecord = serde_json::from_value(value).expect("a record");
        assert_eq!(read, record);
        assert!(!record.is_settled());
        assert!(cleared(&record).is_settled());
        assert_eq!(
            cleared(&record).ending(),
            "cleared by ben@ops-2 at 2026-11-20 20:00:00 UTC: paid out"
        );
    }
}
