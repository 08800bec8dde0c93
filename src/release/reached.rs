//! Whether the result of an action was observed. Only the observation counts, never the return value of the action.
//! Releases and repairs use the same conditions. A step of a release may demand more, for example good public answers.

use super::action::{Action, Move};
use super::interlocks::{named, replaced};
use super::view::View;
use crate::inventory::{Digest, Installation, Instance, ReleaseId, Slot, SlotMembers};

/// Checks that the result of the action was observed. The error says which part of the result is missing.
pub(super) fn reached(action: &Action, view: &View<'_>) -> Result<(), String> {
    match action {
        Action::Create { slot, version, .. } => {
            let digest = view.healthy(*slot)?;
            require(*digest == version.digest, || {
                format!(
                    "{slot} runs {} instead of {}",
                    digest.short(),
                    version.digest.short()
                )
            })
        }
        Action::Start { slot, instance } => {
            view.healthy(*slot)?;
            let there = view.members(*slot).and_then(|it| it.get(instance));
            require(there.is_some(), || replaced(*slot))
        }
        Action::Install => {
            let is_current = view.edges.installation() == Some(Installation::Current);
            require(is_current && view.edges.answer_for_target(), || {
                "the proxy does not run the new configuration, or does not answer for this target"
                    .into()
            })
        }
        Action::Register {
            slot,
            digest,
            release,
            ..
        } => registered(*slot, digest, *release, view),
        Action::Route(wanted) => {
            let is_written = view.route().is_some_and(|route| {
                (route.generation, route.live) == (wanted.generation, wanted.live)
                    && route.digest == wanted.digest
                    && route.addresses == wanted.addresses
            });
            require(is_written, || {
                "the route does not have the planned slot, generation, digest and addresses".into()
            })
        }
        Action::Rebase { from, generation } => {
            let edges = view.edges;
            let revision = view.store_revision;
            let has_token = revision.is_some_and(|revision| edges.have_tokens_up_to(revision));
            require(
                has_token && (from.live.is_none() || edges.all_have_generation(*generation)),
                || {
                    "the live pointer does not have a token of this store, or the proxy does not have the planned generation".into()
                },
            )
        }
        Action::Switch(movement) => {
            let Move { to, generation, .. } = movement.as_ref();
            let routed = view.route().map(|route| (route.live, route.generation));
            if view.edges.is_empty() && routed != Some((*to, *generation)) {
                return Err(format!(
                    "the route does not name {to} with generation {generation}"
                ));
            }
            let Some(edge) = view.edges.not_at(*to, *generation) else {
                return Ok(());
            };
            Err(format!(
                "{} does not answer with {to} and generation {generation}; it names {}",
                edge.subject,
                edge.answer
                    .map_or("no slot, because it does not answer", |it| named(it.slot))
            ))
        }
        Action::Deregister(slot) => {
            let has_key = view.entry(*slot).is_some() || view.is_entry_unreadable(*slot);
            require(!has_key, || format!("{slot} is still registered"))
        }
        Action::Stop { slot, instance } => match view.members(*slot) {
            Some(members) if !members.is_empty() => match members.get(instance) {
                Some(there) => require(!there.is_up(), || format!("{slot} is still running")),
                None => Err(replaced(*slot)),
            },
            _ => Ok(()),
        },
        Action::Remove { slot, instance } => {
            let there = view.members(*slot).and_then(|it| it.get(instance));
            require(there.is_none(), || format!("{slot} is not empty yet"))
        }
        // A view does not say which images the runtime has. The step *pull* observes the image itself.
        Action::Pull(_) => Err("the image is not pulled yet".into()),
        // No repair has these. The steps observe the containers themselves.
        Action::Quiet { .. } => Err("the jobs are not observed".into()),
        Action::CreateTask(_) | Action::StartTask(_) | Action::StopTask(_) => {
            Err("the tasks are not observed".into())
        }
    }
}

/// Checks that the slot is registered with this digest by this release, with the addresses and members that are
/// configured and observed.
fn registered(
    slot: Slot,
    digest: &Digest,
    release: ReleaseId,
    view: &View<'_>,
) -> Result<(), String> {
    let configured = view.definition.endpoints.get(slot);
    let Some(entry) = view.entry(slot) else {
        return Err(format!("{slot} is not registered"));
    };
    let is_at = match view.members(slot) {
        Some(members) => members.addresses(configured).iter().eq(entry.endpoints()),
        None => configured.begin_with(entry.endpoints()),
    };
    if entry.digest != *digest || !is_at {
        return Err(format!(
            "{slot} is registered as {} at {}",
            entry.digest.short(),
            entry.addresses()
        ));
    }
    let has_tag = |it: &Instance| it.tag.is_none() || it.tag == entry.tag;
    let is_registered = |members: &SlotMembers| entry.names(members) && members.iter().all(has_tag);
    let matches = view.members(slot).is_none_or(is_registered);
    require(matches && entry.release == release, || {
        format!("the registration of {slot} names another container or process, tag or release")
    })
}

fn require(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise()) }
}
