//! The remedies if the members of a slot are not a whole version.

use super::super::seen::Seen;
use super::{Remedy, not_proven, person, stop_all};
use crate::inventory::Slot;
use crate::release::Action;

/// The remedy if members are missing, and the rest of them run one version: the missing ones are created again. None if
/// no member is missing, or if the rest is not one version.
pub(super) fn missing(seen: &Seen<'_>, slot: Slot) -> Option<Remedy> {
    let members = seen.members(slot);
    let digest = members.digest()?;
    if !seen.should_have_traffic(slot) {
        let mut actions = vec![Action::Deregister(slot)];
        actions.extend(stop_all(seen, slot));
        return Some(Remedy::Actions(actions));
    }
    if let Some(why) = seen.unproven(slot) {
        let why = not_proven(slot, why);
        return Some(person(format!("{slot} gets no new member: {why}")));
    }
    let addresses = seen.addresses(slot);
    if addresses.members() < members.wanted() {
        return Some(person(format!(
            "{slot} {}, and the configuration has no address for the missing one: configure {} addresses, or promote a version",
            members.difference().unwrap_or_default(),
            members.wanted()
        )));
    }
    let release = members.release()?;
    Some(Remedy::Actions(vec![
        Action::Create {
            slot,
            addresses,
            version: seen.version(members.tag().map(str::to_owned), digest.clone()),
            release,
        },
        seen.register(slot, digest, seen.release_of(slot).unwrap_or(release)),
    ]))
}

/// What a person must do about a slot without a version: the slot is empty, or its members are not a version. A repair
/// cannot know which of several members belongs to the slot.
pub(super) fn no_version(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let members = seen.members(slot);
    let Some(difference) = members.difference() else {
        return person(format!("{slot} is empty now: run greenroom status again"));
    };
    let registered = seen
        .entry(slot)
        .into_iter()
        .flat_map(|entry| &entry.members);
    let registered: Vec<_> = registered.map(|it| &it.instance).collect();
    let mut odd: Vec<_> = members.iter().collect();
    odd.retain(|member| !registered.contains(&&member.id));
    if odd.is_empty() || odd.len() == members.len() {
        odd = members.odd_ones().collect();
    }
    let odd: Vec<&str> = odd.iter().map(|member| member.name.as_str()).collect();
    let odd = odd.join(", ");
    let effect = if seen.should_have_traffic(slot) {
        format!(
            "no release goes back to {slot}; a promote starts its version in {}",
            slot.other()
        )
    } else {
        format!("no release switches to {slot}; a promote stops and removes all of them")
    };
    person(format!(
        "{slot} {difference}. Remove the one that does not belong to {slot}, probably {odd}. Until then, {effect}"
    ))
}
