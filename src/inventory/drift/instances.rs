//! Compares the members that run in each slot with the registration of that slot in the store.

use super::{Agreement, Drift, Name, keys};
use crate::inventory::{
    Instance, InstanceState, LiveSlot, Registration, Slot, SlotMembers, Snapshot,
};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    let sources = &snapshot.sources;
    let unknown = Agreement::unknown_without("runtime", &sources.runtime)
        .or_else(|| Agreement::unknown_without("store", &sources.registry));
    if let Some(unknown) = unknown {
        return unknown;
    }
    let differences = Slot::BOTH.into_iter().flat_map(|slot| {
        differences_of_slot(snapshot, slot)
            .into_iter()
            .map(move |drift| drift.of(slot))
    });
    let unreadable = keys::unreadable(snapshot, |name| name != "route");
    Agreement::of(differences.chain(unreadable).collect())
}

fn differences_of_slot(snapshot: &Snapshot, slot: Slot) -> Vec<Drift> {
    let slot_snapshot = snapshot.slots.get(slot);
    let registration = slot_snapshot
        .registration
        .as_ref()
        .map(|entry| &entry.value);
    let members = &slot_snapshot.members;
    // A candidate of which some members are not created yet is no difference, nor is a stopped version of which some were
    // removed. Without a version in the slot, there is nothing to compare with the registration.
    let is_live = snapshot.live_slot() == LiveSlot::Slot(slot);
    let must_be_whole = members.digest().is_none() || registration.is_some() || is_live;
    if let Some(difference) = members.difference().filter(|_| must_be_whole) {
        return vec![Name::MembersDiffer.with_message(format!("{slot} {difference}"))];
    }
    // Only one of a scheduler may run. While a lock is held, its driver may be about to stop the other one.
    let are_up = |slot| {
        let members = &snapshot.slots.get(slot).members;
        members.iter().any(Instance::is_up)
    };
    let is_second = snapshot.kind.is_exclusive()
        && snapshot.live_slot() == LiveSlot::Slot(slot.other())
        && snapshot.lock.is_none()
        && are_up(slot)
        && are_up(slot.other());
    if is_second {
        let message = format!("{slot} is not live but runs, and only one of a scheduler may run");
        return vec![Name::InstanceStarted.with_message(message)];
    }
    match (members.representative(), registration) {
        (Some(first), Some(entry)) => {
            let is_on_purpose = |drift: &Drift| {
                drift.name == Name::InstanceStopped && snapshot.is_stopped_on_purpose(slot)
            };
            let drift = difference_from_registration(slot, (first, members), entry);
            let mut drifts: Vec<Drift> =
                drift.filter(|it| !is_on_purpose(it)).into_iter().collect();
            if !slot_snapshot.is_at(entry.endpoints()) {
                let message = format!(
                    "{slot} is registered at {} but its address is {}",
                    entry.addresses(),
                    slot_snapshot.used_addresses()
                );
                drifts.push(Name::AddressDiffers.with_message(message));
            }
            drifts
        }
        // While a scheduler is backed out, the route names its empty slot.
        (None, Some(_)) if snapshot.is_stopped_on_purpose(slot) => Vec::new(),
        (None, Some(_)) => {
            let message = format!("{slot} is registered but empty");
            vec![Name::InstanceGone.with_message(message)]
        }
        (Some(first), None) => {
            let drift = unregistered(snapshot, slot, (first, members));
            drift.into_iter().collect()
        }
        (None, None) => Vec::new(),
    }
}

/// How the members differ from the registration of their slot. Only the first difference is reported, in this order:
/// digest, state, tag, id.
fn difference_from_registration(
    slot: Slot,
    (first, members): (&Instance, &SlotMembers),
    entry: &Registration,
) -> Option<Drift> {
    if entry.digest != first.digest {
        return Some(Name::VersionDiffers.with_message(format!(
            "{slot} runs {} but is registered as {}",
            first.digest.short(),
            entry.digest.short()
        )));
    }
    if let Some(stopped) = members.iter().find(|member| !member.is_running()) {
        let state = match stopped.state {
            InstanceState::Paused => "paused",
            InstanceState::Restarting => "restarting",
            _ => "not running",
        };
        return Some(Name::InstanceStopped.with_message(format!(
            "{} is registered but {state}",
            members.name_of_member(slot, stopped)
        )));
    }
    if let (Some(tag), Some(other)) = (&entry.tag, &first.tag)
        && tag != other
    {
        let message = format!(
            "{slot} runs tag {other} but is registered with tag {tag}; both have the same digest"
        );
        return Some(Name::TagDiffers.with_message(message));
    }
    (!entry.names(members)).then(|| {
        Name::InstanceReplaced.with_message(format!(
            "{slot} runs container or process {} but is registered with {}",
            first.id.short(),
            entry.short_ids()
        ))
    })
}

fn unregistered(
    snapshot: &Snapshot,
    slot: Slot,
    (first, members): (&Instance, &SlotMembers),
) -> Option<Drift> {
    let live = snapshot.live_slot();
    if live == LiveSlot::Unknown {
        return None;
    }
    if live == LiveSlot::Slot(slot) {
        // If the key of the registration exists but cannot be read, `keys` reports that.
        let unreadable = keys::unreadable(snapshot, |name| name == format!("slots/{slot}"));
        let is_live = snapshot.edges.live_phrase();
        let message = format!("{slot} {is_live} but is not registered");
        return unreadable
            .is_empty()
            .then(|| Name::LiveNotRegistered.with_message(message));
    }
    // A version whose release is not older than the release of the route is a candidate and is not reported. While a
    // lock is held, an old version is not reported either, because the driver may be about to stop it.
    let route = snapshot.route.as_ref()?;
    let is_old = first
        .release
        .is_none_or(|release| release < route.value.release);
    let is_left_over = is_old && members.is_any_running() && snapshot.lock.is_none();
    is_left_over.then(|| {
        Name::InstanceStarted.with_message(format!(
            "{slot} runs the old version {}, but is not registered, and no release is running",
            first.version_name()
        ))
    })
}
