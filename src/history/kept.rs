//! What an archive keeps of a release, a hold or a repair, and how it compares with the record in the store. If the
//! record in the store was changed, the archive keeps its own version and notes the difference.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{AuditRecord, Entry, JournalEvent, KeptLog, Recorded, ReleaseRecord};

/// Shown in a list next to a record that differs from the record in the store.
pub const DIFFERS: &str = "the store now has a different record";

/// A release in a list, with the number of noticed differences between the store and the archived copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub head: ReleaseRecord,
    pub differences: u32,
}

/// A part of a record that differed between store and archive when the archive was updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub noticed_at: Timestamp,
    /// The part that differs, e.g. `head` or `entry 3`.
    pub what: String,
    /// The archived value.
    pub kept: String,
    /// The value that the store had.
    pub found: String,
}

/// A release with everything that the archive keeps about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The release as it was first read, with the entries that were added later.
    pub recorded: Recorded,
    /// Differences between the store and this copy, in the order in which they were noticed.
    pub differences: Vec<Difference>,
    /// The output of the candidate and of the tasks, in the order in which they began. Empty if the caller did not read
    /// it, or if the archive has none.
    pub logs: Vec<KeptLog>,
}

/// A hold or a repair with everything that the archive keeps about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAudit {
    /// The record as it was first read, with the allowed later changes.
    pub record: AuditRecord,
    /// Differences between the store and this copy, in the order in which they were noticed.
    pub differences: Vec<Difference>,
}

/// How a record in the store relates to the archived one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The record in the store adds nothing: its content is the same as the content of the archived record, or it is an
    /// earlier version of the archived record.
    Same,
    /// The record in the store adds to the archived one without contradicting it, e.g. the release has ended
    /// since.
    More,
    /// The record in the store contradicts the archived one.
    Other,
}

/// Compares a head that was read with the archived head. If the head was read before the release ended, it adds nothing
/// and counts as the same.
pub fn head_change(kept: &ReleaseRecord, read: &ReleaseRecord) -> Change {
    if canonical(kept) == canonical(read) {
        return Change::Same;
    }
    if canonical(&kept.opening()) != canonical(&read.opening()) {
        return Change::Other;
    }
    match (&kept.closed, &read.closed) {
        (None, Some(_)) => Change::More,
        (Some(_), None) => Change::Same,
        _ => Change::Other,
    }
}

/// Compares an entry that was read with the archived entry of the same number.
pub fn entry_change(kept: &Entry, read: &Entry) -> Change {
    if canonical(kept) == canonical(read) {
        return Change::Same;
    }
    Change::Other
}

/// A value as JSON text with sorted names and no white space, so that every program makes the same text.
pub fn canonical(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .map_or_else(|error| error.to_string(), |value| sorted(value).to_string())
}

/// Sorts the names of every object, so that the text does not depend on the map type of the JSON library.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(String, Value)> = map.into_iter().collect();
            members.sort_by(|(first, _), (second, _)| first.cmp(second));
            Value::Object(members.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The texts in which a search for words looks: reasons, remarks, people, versions, pushes, failures and checks. The
/// target, the operator and the name of the outcome are left out, because a filter has a field for each.
pub fn searchable_words(recorded: &Recorded) -> String {
    let head = &recorded.head;
    let mut words: Vec<&str> = Vec::new();
    words.extend(head.reason.as_deref());
    if let Some(trigger) = &head.trigger {
        words.extend([trigger.push.as_str(), trigger.entry.as_str()]);
    }
    for overridden in &head.overridden {
        let hold = &overridden.hold;
        words.extend([&overridden.why, &hold.reason, &hold.author.name].map(String::as_str));
    }
    if let Some((_, outcome)) = &head.closed {
        words.extend(outcome.reason());
    }
    let from = head.from.iter().map(|(_, version)| version);
    for version in from.chain([&head.to.1]) {
        words.extend([version.repository.as_str(), version.digest.as_str()]);
        words.extend(version.tag.as_deref());
        words.extend(version.labels.revision.as_deref());
    }
    for entry in &recorded.entries {
        entry_words(entry, &mut words);
    }
    words.join("\n")
}

fn entry_words<'a>(entry: &'a Entry, words: &mut Vec<&'a str>) {
    match &entry.event {
        JournalEvent::Intent { peer_approvals, .. } => {
            for approval in peer_approvals {
                words.push(&approval.by.name);
                words.extend(approval.note.as_deref());
            }
        }
        JournalEvent::Unknown(_) => {}
        JournalEvent::Outcome { failure, .. } => words.extend(failure.as_deref()),
        JournalEvent::Checked { report } => {
            for case in &report.cases {
                words.extend([case.name.as_str(), case.detail.as_str()]);
            }
        }
        JournalEvent::BackOutAsked { decision, reason } => {
            words.push(reason);
            if let Some(decision) = decision {
                words.push(&decision.by.name);
            }
        }
        JournalEvent::DriverStopped { reason, to } => {
            words.push(reason);
            words.extend(
                to.as_ref()
                    .map(|successor| successor.operator.name.as_str()),
            );
        }
        JournalEvent::Approved { decision, .. }
        | JournalEvent::Chosen { decision, .. }
        | JournalEvent::Resumed { decision, .. } => {
            words.push(&decision.by.name);
            words.extend(decision.note.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::samples_for_tests::{entry, head};
    use crate::history::{Outcome, Step};
    use crate::inventory::Trigger;

    #[test]
    fn an_end_adds_to_a_head() {
        let open = head(1);
        let mut closed = open.clone();
        closed.closed = Some((open.opened_at, Outcome::Done));
        assert_eq!(head_change(&open, &open), Change::Same);
        assert_eq!(head_change(&open, &closed), Change::More);
        assert_eq!(head_change(&closed, &open), Change::Same);
    }

    #[test]
    fn another_reason_or_another_end_is_a_difference() {
        let kept = head(1);
        let mut read = kept.clone();
        read.reason = Some("another".into());
        read.closed = Some((kept.opened_at, Outcome::Done));
        assert_eq!(head_change(&kept, &read), Change::Other);
        let mut kept = read.clone();
        kept.closed = Some((
            kept.opened_at,
            Outcome::Left {
                reason: "why".into(),
            },
        ));
        assert_eq!(head_change(&kept, &read), Change::Other);
    }

    #[test]
    fn another_tag_is_a_difference_although_the_versions_are_equal() {
        let kept = head(1);
        let mut read = kept.clone();
        read.to.1.tag = Some("other".into());
        assert_eq!(kept.to.1, read.to.1);
        assert_eq!(head_change(&kept, &read), Change::Other);
    }

    #[test]
    fn another_step_in_an_entry_is_a_difference() {
        let read = entry(3, Step::Start);
        assert_eq!(entry_change(&read, &read), Change::Same);
        assert_eq!(entry_change(&entry(3, Step::Pull), &read), Change::Other);
    }

    #[test]
    fn a_release_is_found_by_its_push() {
        let mut recorded = Recorded {
            head: head(1),
            entries: Vec::new(),
        };
        let words = searchable_words(&recorded);
        assert!(!words.contains("develop"), "{words}");
        let entry = "1a2b3c4d".repeat(4);
        recorded.head.trigger = Some(Trigger {
            entry: entry.parse().expect("an id"),
            push: "develop of team/web, from hub, by cleo".into(),
        });
        let words = searchable_words(&recorded);
        assert!(
            words.contains("develop of team/web") && words.contains(&entry),
            "{words}"
        );
    }

    #[test]
    fn canonical_text_has_its_names_in_order() {
        let value = serde_json::json!({ "b": [{ "d": 1, "c": null }], "a": "x y" });
        assert_eq!(canonical(&value), r#"{"a":"x y","b":[{"c":null,"d":1}]}"#);
    }
}
