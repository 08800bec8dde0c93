//! What a key below a target decides. Another program, a person or a newer Greenroom may write keys there. An
//! unreadable key stops something only if it decides something, and stops only what it decides.

use super::{Slot, Target};

/// A key below a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredKey {
    /// The slot that has the traffic.
    Route,
    /// The registration of a slot.
    Slot(Slot),
    /// The lock: which operator drives the target.
    Lock,
    /// The hold: whether promotes are stopped.
    Hold,
    /// The releases. The watchers use this name for a journal whose newest release cannot be read.
    Releases,
    /// An approval by another operator. An unreadable one does not count.
    Approval,
    /// An operator who has the target open, or requests to drive it.
    Presence,
    /// When a lock ends, if a store does not accept the value. It stops nothing.
    LockEnd,
    /// A key that Greenroom does not know.
    Unknown,
}

impl StoredKey {
    /// What a key decides. `key` is a whole key as the store names it.
    pub fn of(target: &Target, key: &str) -> Self {
        let below = |what: &str| place_of(key, &format!("{what}/{target}/"));
        // The approver chooses what follows, which may be the name of another key.
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
            "wheel" => Self::Presence,
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

    /// The key below its target: `slots/blue`.
    pub fn name<'a>(target: &Target, key: &'a str) -> &'a str {
        // The prefix of a store may itself contain the names of a target.
        place_of(key, &format!("targets/{target}/")).map_or(key, |(_, name)| name)
    }

    /// Whether a whole key is the key `name` below its target, and does not only end with it.
    pub fn is_named(target: &Target, key: &str, name: &str) -> bool {
        Self::of(target, key) != Self::Approval && Self::name(target, key) == name
    }

    /// Whether a promote cannot be planned or resumed while this key is unreadable.
    pub fn stops_promote(self) -> bool {
        self.stops_rollback() || self == Self::Hold
    }

    /// Whether a rollback cannot be planned or resumed while this key is unreadable. A hold does not stop one.
    pub fn stops_rollback(self) -> bool {
        matches!(self, Self::Route | Self::Slot(_) | Self::Lock)
    }

    /// Whether the target counts as drifted while this key is unreadable.
    pub fn is_drift(self) -> bool {
        self.stops_promote() || self == Self::Releases
    }

    /// A line about a key that a store reported: what is wrong with it, or that it stops nothing.
    pub fn line(target: &Target, key: &str, problem: &str) -> String {
        let name = Self::name(target, key);
        match Self::of(target, key) {
            Self::Unknown => format!("{target} has a key Greenroom does not know: {name}"),
            Self::Approval => format!("{key}: {problem}; this approval does not count"),
            _ => format!("{key}: {problem}"),
        }
    }
}

/// Where `part` starts in a key, at the beginning or after a slash, and what follows it.
fn place_of<'a>(key: &'a str, part: &str) -> Option<(usize, &'a str)> {
    let is_whole = |at: &usize| *at == 0 || key.as_bytes()[at - 1] == b'/';
    let mut places = key.match_indices(part).map(|(at, _)| at);
    let at = places.find(is_whole)?;
    Some((at, key.split_at(at + part.len()).1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key, and whether it stops a promote, stops a rollback, and counts as drift.
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
        ("wheel", false, false, false),
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
        assert_eq!(line, "web/qa has a key Greenroom does not know: note");
    }
}
