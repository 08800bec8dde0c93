//! Compares the instance that runs in each slot with the registration of that slot in the store.

use super::{Agreement, Drift, Name, keys};
use crate::inventory::{Instance, InstanceState, LiveSlot, Registration, Slot, Snapshot};

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
    match (&slot_snapshot.instance, registration) {
        (Some(instance), Some(entry)) => {
            let mut drifts: Vec<Drift> = difference_from_registration(slot, instance, entry)
                .into_iter()
                .collect();
            if entry.endpoint != slot_snapshot.endpoint {
                let message = format!(
                    "{slot} is registered at {} but its address is {}",
                    entry.endpoint, slot_snapshot.endpoint
                );
                drifts.push(Name::AddressDiffers.with_message(message));
            }
            drifts
        }
        (None, Some(_)) => {
            let message = format!("{slot} is registered but empty");
            vec![Name::InstanceGone.with_message(message)]
        }
        (Some(instance), None) => unregistered(snapshot, slot, instance).into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// How the instance differs from the registration of its slot. Only the first difference is reported, in this order:
/// digest, state, tag, id.
fn difference_from_registration(
    slot: Slot,
    instance: &Instance,
    entry: &Registration,
) -> Option<Drift> {
    if entry.digest != instance.digest {
        return Some(Name::VersionDiffers.with_message(format!(
            "{slot} runs {} but is registered as {}",
            instance.digest.short(),
            entry.digest.short()
        )));
    }
    if !instance.is_running() {
        let state = match instance.state {
            InstanceState::Paused => "paused",
            InstanceState::Restarting => "restarting",
            _ => "not running",
        };
        return Some(
            Name::InstanceStopped.with_message(format!("{slot} is registered but {state}")),
        );
    }
    if let (Some(tag), Some(other)) = (&entry.tag, &instance.tag)
        && tag != other
    {
        let message = format!(
            "{slot} runs tag {other} but is registered with tag {tag}; both have the same digest"
        );
        return Some(Name::TagDiffers.with_message(message));
    }
    (entry.instance != instance.id).then(|| {
        Name::InstanceReplaced.with_message(format!(
            "{slot} runs container or process {} but is registered with {}",
            instance.id.short(),
            entry.instance.short()
        ))
    })
}

fn unregistered(snapshot: &Snapshot, slot: Slot, instance: &Instance) -> Option<Drift> {
    let live = snapshot.live_slot();
    if live == LiveSlot::Unknown {
        return None;
    }
    if live == LiveSlot::Slot(slot) {
        // If the key of the registration exists but cannot be read, `keys` reports that.
        let unreadable = keys::unreadable(snapshot, |name| name == format!("slots/{slot}"));
        let message = format!("{slot} has the traffic but is not registered");
        return unreadable
            .is_empty()
            .then(|| Name::LiveNotRegistered.with_message(message));
    }
    // An instance whose release is not older than the release of the route is a candidate and is not reported. While a
    // lock is held, an old version is not reported either, because the driver may be about to stop it.
    let route = snapshot.route.as_ref()?;
    let is_old = instance
        .release
        .is_none_or(|release| release < route.value.release);
    let is_left_over = is_old && instance.is_running() && snapshot.lock.is_none();
    is_left_over.then(|| {
        Name::InstanceStarted.with_message(format!(
            "{slot} runs the old version {}, but is not registered, and no release is running",
            instance.version_name()
        ))
    })
}
