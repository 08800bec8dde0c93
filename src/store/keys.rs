//! The key of each stored value. Target names use the inventory's alphabet and need no escaping. Names of people and
//! consoles may have any characters, and are encoded without loss.

use std::fmt::Display;

use crate::inventory::{PeerApproval, ReleaseId, Slot, StoredKey, Target, key_part};
use crate::ports::kv::{Range, behind};

/// Makes the keys below a prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// `prefix` is empty or ends with a slash.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The prefix of all targets.
    pub(super) fn targets(&self) -> String {
        format!("{}targets/", self.prefix)
    }

    /// The prefix of one target, with a slash at the end.
    pub(super) fn target(&self, target: &Target) -> String {
        format!(
            "{}{}/{}/",
            self.targets(),
            target.service,
            target.environment
        )
    }

    /// The prefix of a target's seals. It is not below the targets, so that a user who may write the keys of a target
    /// cannot write its seals.
    pub(super) fn seals(&self, target: &Target) -> String {
        let Target {
            service,
            environment,
        } = target;
        format!("{}seals/{service}/{environment}/", self.prefix)
    }

    pub(super) fn seal(&self, target: &Target, id: ReleaseId) -> String {
        format!("{}{id}", self.seals(target))
    }

    /// The target of a key below the targets or the peer approvals; none for any other key.
    pub(super) fn target_of(&self, key: &[u8]) -> Option<Target> {
        let key = std::str::from_utf8(key).ok()?;
        let below = key.strip_prefix(&self.targets());
        let below = below.or_else(|| key.strip_prefix(&self.all_peer_approvals()))?;
        let mut names = below.splitn(3, '/');
        let (service, environment) = (names.next()?, names.next()?);
        names.next()?;
        Some(Target::new(
            service.parse().ok()?,
            environment.parse().ok()?,
        ))
    }

    /// A key that a target has once.
    pub(super) fn key(&self, target: &Target, kind: StoredKey) -> String {
        self.target(target) + kind.group()
    }

    /// The prefix of the keys of a kind that a target has many times, with a slash at the end.
    pub(super) fn below(&self, target: &Target, kind: StoredKey) -> String {
        self.key(target, kind) + "/"
    }

    /// One key of a kind that a target has many times.
    pub(super) fn one(&self, target: &Target, kind: StoredKey, name: impl Display) -> String {
        format!("{}{name}", self.below(target, kind))
    }

    /// The kind of a key below the target.
    pub(super) fn kind(&self, target: &Target, key: &[u8]) -> StoredKey {
        let name = key.strip_prefix(self.target(target).as_bytes());
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        name.map_or(StoredKey::Unknown, StoredKey::named)
    }

    pub(super) fn slot(&self, target: &Target, slot: Slot) -> String {
        self.one(target, StoredKey::Slot(slot), slot)
    }

    /// The name of the problem that a lock expires later than any lease lasts. No key of this name is stored.
    pub(super) fn lock_end(&self, target: &Target) -> String {
        self.one(target, StoredKey::Lock, "expires_at_ms")
    }

    fn all_peer_approvals(&self) -> String {
        format!("{}approvals/", self.prefix)
    }

    /// The prefix of a target's peer approvals. It is not below the targets, so that a user who may drive a release
    /// cannot approve it. The approver's name is the next part of the key, so that a role can be limited to the
    /// approvals of one person.
    pub(super) fn peer_approvals(&self, target: &Target) -> String {
        let Target {
            service,
            environment,
        } = target;
        format!("{}{service}/{environment}/", self.all_peer_approvals())
    }

    pub(super) fn peer_approval(&self, target: &Target, of: &PeerApproval) -> String {
        self.peer_approvals(target) + &of.store_key()
    }

    /// The key of one console that has the target open. The name of a console contains spaces and is encoded.
    pub(super) fn watcher(&self, target: &Target, console: &str) -> String {
        self.one(target, StoredKey::Watching, key_part(console))
    }

    /// The prefix of the entries of one release.
    pub(super) fn entries(&self, target: &Target, id: ReleaseId) -> String {
        self.one(target, StoredKey::Steps, id) + "/"
    }

    pub(super) fn entry(&self, target: &Target, id: ReleaseId, sequence: u32) -> String {
        format!("{}{sequence:04}", self.entries(target, id))
    }

    /// The ranges that together cover a target without its history.
    pub(super) fn without_history(&self, target: &Target) -> Vec<Range> {
        let prefix = self.target(target);
        let mut from = prefix.clone();
        let mut ranges = Vec::new();
        for group in StoredKey::history() {
            let left_out = format!("{prefix}{group}/");
            ranges.push(Range::between(from, left_out.as_str()));
            from = behind(&left_out);
        }
        ranges.push(Range::between(from, behind(&prefix)));
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_one_target_or_none() {
        let keys = Keys::new("/g/");
        let target = Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        );
        let id = ReleaseId(ulid::Ulid::nil());
        for key in [
            keys.key(&target, StoredKey::Route),
            keys.entry(&target, id, 1),
            "/g/targets/web/qa/foreign/one".into(),
            "/g/approvals/web/qa/ben/01JD4".into(),
        ] {
            assert_eq!(
                keys.target_of(key.as_bytes()),
                Some(target.clone()),
                "{key}"
            );
        }
        for key in [
            "/g/targets/web/qa",
            "/g/seals/web/qa/x",
            "/g/edges/web/qa/x",
            "/h/targets/web/qa/x",
            "/g/targets/W b/qa/x",
        ] {
            assert_eq!(keys.target_of(key.as_bytes()), None, "{key}");
        }
        assert_eq!(keys.target_of(b"/g/targets/\xff/qa/x"), None);
    }

    #[test]
    fn the_ranges_of_a_target_leave_out_only_its_history() {
        let keys = Keys::new("/g/");
        let target = Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        );
        let covered = |key: &str| {
            let ranges = keys.without_history(&target);
            ranges.iter().any(|range| {
                let to = range.to.as_deref().expect("an end");
                range.from.as_slice() <= key.as_bytes() && key.as_bytes() < to
            })
        };
        for key in [
            keys.key(&target, StoredKey::Route),
            keys.key(&target, StoredKey::Lock),
            keys.key(&target, StoredKey::Hold),
            keys.key(&target, StoredKey::Handover),
            keys.watcher(&target, "ana@ops-1 4711 01JD4"),
            keys.slot(&target, Slot::Green),
            "/g/targets/web/qa/zzz".into(),
        ] {
            assert!(covered(&key), "{key}");
        }
        let id = ReleaseId(ulid::Ulid::nil());
        for key in [
            keys.one(&target, StoredKey::Releases, id),
            keys.entry(&target, id, 7),
            keys.one(&target, StoredKey::Repair, id),
            keys.one(&target, StoredKey::HoldRecord, id),
            "/g/targets/web/qa-2/route".into(),
            "/g/targets/web/q/route".into(),
        ] {
            assert!(!covered(&key), "{key}");
        }
    }
}
