//! Whether the version in the other slot can become live without a start.

use super::{labels_of, version_of};
use crate::inventory::{RegistryRecord, Slot, SlotMembers, Version};
use crate::release::Definition;

/// Whether all members of the other slot are running, so that a switch alone makes it live. Never for a scheduler.
pub(super) fn may_be_switched_to(other: &SlotMembers, definition: &Definition) -> bool {
    other.are_running() && !definition.is_exclusive()
}

/// Whether the version in the slot may have been told to take no more jobs, because it is no longer registered. Then it
/// must be started again.
pub(super) fn may_be_quieted(definition: &Definition, record: &RegistryRecord, slot: Slot) -> bool {
    definition.is_background() && record.slots.get(slot).is_none()
}

/// The version in the other slot, if all its members are running and the slot is registered with the same digest.
pub(super) fn warm_version(
    other: &SlotMembers,
    record: &RegistryRecord,
    definition: &Definition,
    slot: Slot,
) -> Option<Version> {
    let digest = other
        .digest()
        .filter(|_| may_be_switched_to(other, definition))?;
    let entry = &record.slots.get(slot).as_ref()?.value;
    if entry.digest != *digest {
        return None;
    }
    let tag = entry.tag.clone();
    let tag = tag.or_else(|| other.tag().map(str::to_owned));
    Some(Version {
        labels: labels_of(other.representative()),
        ..version_of(definition, digest.clone(), tag)
    })
}
