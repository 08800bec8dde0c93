//! Says what Greenroom does with each key below a target. Another program, a person or a newer Greenroom may write keys
//! there too. An unreadable key stops only the work that depends on it.

use super::{Slot, Target};

/// The kinds of keys below a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredKey {
    /// The route, which says which slot has the traffic.
    Route,
    /// The registration of a slot.
    Slot(Slot),
    /// The lock, which says which operator drives the target.
    Lock,
    /// The hold, which can stop promotes.
    Hold,
    /// The journals of releases. The watchers also report this kind if the newest release of a target cannot be read.
    Releases,
    /// An approval by another operator. Greenroom ignores an unreadable approval.
    Approval,
    /// A console that has the target open, or a request to drive its release.
    Presence,
    /// The time at which a lock expires. A time that no driver can have written is a problem, but stops nothing,
    /// because Greenroom treats a lock with such a time as expired.
    LockEnd,
    /// A key that Greenroom does not know.
    Unknown,
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
        let name = Self::name(target, key);
        match name {
            "route" => Self::Route,
            "lock" => Self::Lock,
            "lock/expires_at_ms" => Self::LockEnd,
            "hold" => Self::Hold,
            "releases" => Self::Releases,
            "handover" => Self::Presence,
            _ => {
                if let Some(slot) = name.strip_prefix("slots/").and_then(|it| it.parse().ok()) {
                    Self::Slot(slot)
                } else if name.starts_with("approvals/") {
                    Self::Approval
                } else if name.starts_with("watching/") {
                    Self::Presence
                } else {
                    Self::Unknown
                }
            }
        }
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

    /// Whether no promote can be planned or resumed while a key of this kind is unreadable.
    pub fn stops_promote(self) -> bool {
        self.stops_rollback() || self == Self::Hold
    }

    /// Whether no rollback can be planned or resumed while a key of this kind is unreadable. A hold never stops a
    /// rollback.
    pub fn stops_rollback(self) -> bool {
        matches!(self, Self::Route | Self::Slot(_) | Self::Lock)
    }

    /// Whether an unreadable key of this kind is reported as a difference.
    pub fn is_drift(self) -> bool {
        self.stops_promote() || self == Self::Releases
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
        ("note", false, false, false),
        ("slots/purple", false, false, false),
        ("slots/blue/x", false, false, false),
        ("route/x", false, false, false),
        ("holds/garbage", false, false, false),
        ("notes/hold", false, false, false),
    ];

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
