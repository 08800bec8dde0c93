//! The key of each stored value. Target names use the inventory's alphabet and need no escaping. Names of people and
//! consoles may have any characters, and are encoded without loss.

use crate::inventory::{PeerApproval, ReleaseId, Slot, Target, key_part};
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

    pub(super) fn route(&self, target: &Target) -> String {
        self.target(target) + "route"
    }

    pub(super) fn slot(&self, target: &Target, slot: Slot) -> String {
        format!("{}slots/{slot}", self.target(target))
    }

    pub(super) fn lock(&self, target: &Target) -> String {
        self.target(target) + "lock"
    }

    /// The name of the problem that a lock expires later than any lease lasts. No key of this name is stored.
    pub(super) fn lock_end(&self, target: &Target) -> String {
        self.target(target) + "lock/expires_at_ms"
    }

    pub(super) fn hold(&self, target: &Target) -> String {
        self.target(target) + "hold"
    }

    /// The prefix of the records of all holds, including ended ones.
    pub(super) fn holds(&self, target: &Target) -> String {
        self.target(target) + "holds/"
    }

    pub(super) fn hold_record(&self, target: &Target, id: ReleaseId) -> String {
        format!("{}{id}", self.holds(target))
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

    pub(super) fn handover_request(&self, target: &Target) -> String {
        self.target(target) + "handover"
    }

    /// The prefix of the consoles that have the target open.
    pub(super) fn watching(&self, target: &Target) -> String {
        self.target(target) + "watching/"
    }

    /// The key of one console that has the target open. The name of a console contains spaces and is encoded.
    pub(super) fn watcher(&self, target: &Target, console: &str) -> String {
        self.watching(target) + &key_part(console)
    }

    /// The prefix of the heads of all releases.
    pub(super) fn heads(&self, target: &Target) -> String {
        self.target(target) + "releases/"
    }

    pub(super) fn head(&self, target: &Target, id: ReleaseId) -> String {
        format!("{}{id}", self.heads(target))
    }

    /// The prefix of the records of all repairs.
    pub(super) fn repairs(&self, target: &Target) -> String {
        self.target(target) + "repairs/"
    }

    pub(super) fn repair(&self, target: &Target, id: ReleaseId) -> String {
        format!("{}{id}", self.repairs(target))
    }

    /// The prefix of the entries of all releases.
    fn all_entries(&self, target: &Target) -> String {
        self.target(target) + "steps/"
    }

    /// The prefix of the entries of one release.
    pub(super) fn entries(&self, target: &Target, id: ReleaseId) -> String {
        format!("{}{id}/", self.all_entries(target))
    }

    pub(super) fn entry(&self, target: &Target, id: ReleaseId, sequence: u32) -> String {
        format!("{}{sequence:04}", self.entries(target, id))
    }

    /// The ranges that together cover a target without its history. The history is the releases, the repairs and the
    /// records of the holds.
    pub(super) fn without_history(&self, target: &Target) -> [Range; 5] {
        let prefix = self.target(target);
        let holds = self.holds(target);
        let heads = self.heads(target);
        let repairs = self.repairs(target);
        let entries = self.all_entries(target);
        [
            Range::between(prefix.as_str(), holds.as_str()),
            Range::between(behind(&holds), heads.as_str()),
            Range::between(behind(&heads), repairs.as_str()),
            Range::between(behind(&repairs), entries.as_str()),
            Range::between(behind(&entries), behind(&prefix)),
        ]
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
            keys.route(&target),
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
            keys.route(&target),
            keys.lock(&target),
            keys.hold(&target),
            keys.handover_request(&target),
            keys.watcher(&target, "ana@ops-1 4711 01JD4"),
            keys.slot(&target, Slot::Green),
            "/g/targets/web/qa/zzz".into(),
        ] {
            assert!(covered(&key), "{key}");
        }
        let id = ReleaseId(ulid::Ulid::nil());
        for key in [
            keys.head(&target, id),
            keys.entry(&target, id, 7),
            keys.repair(&target, id),
            keys.hold_record(&target, id),
            "/g/targets/web/qa-2/route".into(),
            "/g/targets/web/q/route".into(),
        ] {
            assert!(!covered(&key), "{key}");
        }
    }
}
