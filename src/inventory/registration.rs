//! The entries of slots in the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, Addresses, Digest, FencingToken, InstanceId, ReleaseId, Slot, SlotMembers};

/// The entry of a slot: which members answer at its addresses, and which version they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub slot: Slot,
    /// The members in the order of the slot's addresses; never empty.
    pub members: Vec<RegisteredMember>,
    /// The tag that was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest that runs in the slot.
    pub digest: Digest,
    /// The release that wrote the entry.
    pub release: ReleaseId,
    pub registered_at: Timestamp,
    /// The token of the lock under which the entry was written.
    pub token: FencingToken,
}

/// One member of a registered slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredMember {
    /// The address at which the member answers; none for a background service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Address>,
    pub instance: InstanceId,
}

impl Registration {
    /// The addresses of the members, in their order.
    pub fn endpoints(&self) -> impl Iterator<Item = &Address> {
        self.members.iter().filter_map(|it| it.endpoint.as_ref())
    }

    /// Whether the entry names exactly these members.
    pub fn names(&self, members: &SlotMembers) -> bool {
        let mut registered = self.members.iter();
        self.members.len() == members.len()
            && registered.all(|it| members.get(&it.instance).is_some())
    }

    /// The addresses of the members, separated by commas. Members without addresses are counted.
    pub fn addresses(&self) -> String {
        if self.endpoints().next().is_none() {
            return Addresses::counted(self.members.len()).to_string();
        }
        let addresses = self.endpoints().map(ToString::to_string);
        addresses.collect::<Vec<_>>().join(", ")
    }

    /// The short ids of the members, separated by commas.
    pub fn short_ids(&self) -> String {
        let ids = self.members.iter().map(|it| it.instance.short());
        ids.collect::<Vec<_>>().join(", ")
    }
}

/// A stored value with the revision of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisioned<T> {
    pub value: T,
    /// The revision of the store that wrote the value. A later write compares this revision with the current one, to
    /// detect a change in between.
    pub revision: i64,
}

/// One key below a target, for a list of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// The whole key, sanitized.
    pub key: String,
    /// The value on one line, sanitized and cut.
    pub value: String,
    pub revision: i64,
    /// Seconds until the key expires; none if the key has no lease, or if the store does not report it.
    pub ttl_seconds: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::super::drift::world_tests::{agreed, instance, with_copy};
    use super::*;

    #[test]
    fn an_entry_names_exactly_the_members_of_its_slot() {
        let mut snapshot = agreed();
        let registered = snapshot.slots.blue.registration.clone();
        let registered = registered.expect("it is registered").value;
        assert!(registered.names(&snapshot.slots.blue.members));
        assert!(!registered.names(&SlotMembers::default()));
        let other = SlotMembers::new([instance(Slot::Blue, 'a', 8)]);
        assert!(!registered.names(&other));
        with_copy(&mut snapshot, Slot::Blue, 'a');
        assert!(!registered.names(&snapshot.slots.blue.members));
    }
}
