//! Says what Greenroom does with each key below a target. Another program, a person or a newer Greenroom may write keys
//! there too. An unreadable key stops only the work that depends on it.

use std::mem;

use super::{Slot, Target};

/// The kinds of keys below a target. [`STORED_KEYS`] says what is stored under each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredKey {
    Route,
    Slot(Slot),
    Lock,
    Hold,
    HoldRecord,
    Watching,
    Handover,
    /// A push for the target.
    Queue,
    /// The heads of releases. If the newest one cannot be read, the watchers report the problem under `releases`.
    Releases,
    Steps,
    Repair,
    /// An approval by another operator, which is not below the target. Greenroom ignores an unreadable approval.
    Approval,
    /// The time at which a lock expires, which is no key of its own. A time that no driver can have written is a
    /// problem, but stops nothing, because Greenroom treats a lock with such a time as expired.
    LockEnd,
    /// A key that Greenroom does not know.
    Unknown,
}

/// What an unreadable key stops, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stops {
    Nothing,
    /// No release, but it is reported as a difference.
    Agreement,
    /// No promote can be planned or resumed. A hold never stops a rollback.
    Promotes,
    /// No release can be planned or resumed.
    Releases,
}

/// What is stored under one kind of key.
#[derive(Debug)]
pub struct StoredKeyRow {
    kind: StoredKey,
    /// The name below the target. A part in braces differs from key to key.
    pub name: &'static str,
    /// What the value contains, as the documentation says it.
    pub contents: &'static str,
    stops: Stops,
    is_history: bool,
}

const fn row(
    kind: StoredKey,
    name: &'static str,
    contents: &'static str,
    stops: Stops,
) -> StoredKeyRow {
    StoredKeyRow {
        kind,
        name,
        contents,
        stops,
        is_history: false,
    }
}

const fn history(
    kind: StoredKey,
    name: &'static str,
    contents: &'static str,
    stops: Stops,
) -> StoredKeyRow {
    StoredKeyRow {
        is_history: true,
        ..row(kind, name, contents, stops)
    }
}

/// Every kind of key below a target. The keys of the store, what an unreadable key stops, the rows of the console and
/// the documentation come from this table. A new kind needs a row here and its transactions in `store`.
#[rustfmt::skip]
pub static STORED_KEYS: &[StoredKeyRow] = &[
    row(StoredKey::Route, "route", "which slot is live, and the generation of the route", Stops::Releases),
    row(StoredKey::Slot(Slot::Blue), "slots/{slot}", "what is registered for a slot: the address of each member, and the digest", Stops::Releases),
    row(StoredKey::Lock, "lock", "who drives the target, on a lease of the driver", Stops::Releases),
    row(StoredKey::Hold, "hold", "the hold that was placed last, in effect or not", Stops::Promotes),
    history(StoredKey::HoldRecord, "holds/{id}", "a record of each hold", Stops::Nothing),
    row(StoredKey::Watching, "watching/{console}", "a console that has the target open, or an agent that follows it, on its lease", Stops::Nothing),
    row(StoredKey::Handover, "handover", "a request to hand over, on the lease of its console", Stops::Nothing),
    row(StoredKey::Queue, "queue/{id}", "a push for the target, and what became of it", Stops::Nothing),
    history(StoredKey::Releases, "releases/{id}", "a release", Stops::Agreement),
    history(StoredKey::Steps, "steps/{id}/{number}", "the steps of a release, one by one", Stops::Nothing),
    history(StoredKey::Repair, "repairs/{id}", "a repair", Stops::Nothing),
];

impl StoredKeyRow {
    /// The first part of the name, e.g. `slots`.
    pub fn group(&self) -> &'static str {
        StoredKey::group_of(self.name)
    }
}

impl StoredKey {
    /// The kind of a key. `key` is the whole key as the store names it.
    pub fn of(target: &Target, key: &str) -> Self {
        let below = |part: &str| place_of(key, &format!("{part}/{target}/"));
        // The approver chooses the text after `approvals`, which may contain the name of another key.
        if let Some((approvals, _)) = below("approvals")
            && below("targets").is_none_or(|(targets, _)| approvals < targets)
        {
            return Self::Approval;
        }
        Self::named(Self::name(target, key))
    }

    /// The kind of a key with this name below its target.
    pub fn named(name: &str) -> Self {
        let group = Self::group_of(name);
        let rest = name.strip_prefix(group).and_then(|it| it.strip_prefix('/'));
        let row = STORED_KEYS.iter().find(|row| row.group() == group);
        match (row.map(|row| (row.kind, row.name == group)), rest) {
            (Some((Self::Lock, _)), Some("expires_at_ms")) => Self::LockEnd,
            (Some((Self::Slot(_), _)), Some(slot)) => {
                slot.parse().map_or(Self::Unknown, Self::Slot)
            }
            (Some((kind, true)), None) | (Some((kind, false)), Some(_)) => kind,
            (Some((Self::Releases, _)), None) => Self::Releases,
            (None, Some(_)) if group == "approvals" => Self::Approval,
            _ => Self::Unknown,
        }
    }

    /// The first part of a name below a target, e.g. `slots` of `slots/blue`.
    pub fn group_of(name: &str) -> &str {
        name.split('/').next().unwrap_or(name)
    }

    fn row(self) -> Option<&'static StoredKeyRow> {
        let kind = mem::discriminant(&self);
        let mut rows = STORED_KEYS.iter();
        rows.find(|row| mem::discriminant(&row.kind) == kind)
    }

    /// The first part of the name of such a key, e.g. `slots`. Empty for a kind that has no key below a target.
    pub fn group(self) -> &'static str {
        self.row().map_or("", StoredKeyRow::group)
    }

    /// The groups of keys that are the history of a target, in the order of their keys.
    pub fn history() -> Vec<&'static str> {
        let rows = STORED_KEYS.iter().filter(|row| row.is_history);
        let mut groups: Vec<_> = rows.map(StoredKeyRow::group).collect();
        groups.sort_unstable();
        groups
    }

    /// The part of a key below its target, e.g. `slots/blue`.
    pub fn name<'a>(target: &Target, key: &'a str) -> &'a str {
        // The prefix of a store may contain the name of the target too.
        place_of(key, &format!("targets/{target}/")).map_or(key, |(_, name)| name)
    }

    /// Whether a whole key is the key `name` below its target. A key that only ends with `name` is not.
    pub fn is_named(target: &Target, key: &str, name: &str) -> bool {
        Self::of(target, key) != Self::Approval && Self::name(target, key) == name
    }

    fn stops(self) -> Stops {
        self.row().map_or(Stops::Nothing, |row| row.stops)
    }

    /// Whether no promote can be planned or resumed while a key of this kind is unreadable.
    pub fn stops_promote(self) -> bool {
        self.stops() >= Stops::Promotes
    }

    /// Whether no rollback can be planned or resumed while a key of this kind is unreadable.
    pub fn stops_rollback(self) -> bool {
        self.stops() >= Stops::Releases
    }

    /// Whether an unreadable key of this kind is reported as a difference.
    pub fn is_drift(self) -> bool {
        self.stops() >= Stops::Agreement
    }

    /// The message about a problem with a key. For an approval, the message says that the approval is ignored. For an
    /// unknown key, the message only names the key.
    pub fn line(target: &Target, key: &str, problem: &str) -> String {
        let name = Self::name(target, key);
        match Self::of(target, key) {
            Self::Unknown => format!("{target} has a key that Greenroom does not know: {name}"),
            Self::Approval => format!("{key}: {problem}; this approval does not count"),
            _ => format!("{key}: {problem}"),
        }
    }
}

/// The position of `part` in a key, and the text after `part`. `part` must be at the beginning of the key or after a
/// slash.
fn place_of<'a>(key: &'a str, part: &str) -> Option<(usize, &'a str)> {
    let is_whole = |at: &usize| *at == 0 || key.as_bytes()[at - 1] == b'/';
    let mut places = key.match_indices(part).map(|(at, _)| at);
    let at = places.find(is_whole)?;
    Some((at, key.split_at(at + part.len()).1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys with three flags: whether the key stops a promote, whether it stops a rollback, and whether it is drift.
    const KEYS: &[(&str, bool, bool, bool)] = &[
        ("route", true, true, true),
        ("lock/expires_at_ms", false, false, false),
        ("slots/blue", true, true, true),
        ("slots/green", true, true, true),
        ("lock", true, true, true),
        ("hold", true, false, true),
        ("releases", false, false, true),
        ("approvals/01JD/ben", false, false, false),
        ("approvals/garbage", false, false, false),
        ("watching/ana", false, false, false),
        ("handover", false, false, false),
        ("queue/0123456789abcdef", false, false, false),
        ("note", false, false, false),
        ("slots/purple", false, false, false),
        ("slots/blue/x", false, false, false),
        ("route/x", false, false, false),
        ("holds/garbage", false, false, false),
        ("notes/hold", false, false, false),
    ];

    #[test]
    fn the_name_of_each_row_is_a_key_of_its_kind() {
        for row in STORED_KEYS {
            let name = row.name.replace("{slot}", "blue");
            assert_eq!(StoredKey::named(&name), row.kind, "{name}");
            assert_eq!(row.kind.row().map(|it| it.name), Some(row.name));
        }
    }

    #[test]
    fn a_key_stops_only_what_it_decides() {
        let target = Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        );
        for (name, promote, rollback, drift) in KEYS {
            for prefix in [
                "/greenroom/v1/targets",
                "targets",
                "/web/qa/greenroom/v1/targets",
            ] {
                let key = StoredKey::of(&target, &format!("{prefix}/web/qa/{name}"));
                let is = (key.stops_promote(), key.stops_rollback(), key.is_drift());
                assert_eq!(is, (*promote, *rollback, *drift), "{name}");
            }
        }
        for name in [
            "ben/01JD",
            "ben/targets/web/qa/lock",
            "targets/web/qa/route",
            "",
        ] {
            let key = format!("/targets/g/approvals/web/qa/{name}");
            assert_eq!(StoredKey::of(&target, &key), StoredKey::Approval, "{name}");
            assert!(!StoredKey::is_named(&target, &key, "route"), "{name}");
        }
        let line = StoredKey::line(&target, "/g/targets/web/qa/note", "");
        assert_eq!(line, "web/qa has a key that Greenroom does not know: note");
    }
}
