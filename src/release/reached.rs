//! Whether the result of an action was observed. Only the observation counts, never the return value of the action.
//! Releases and repairs use the same conditions. A step of a release may demand more, for example good public answers.

use super::action::{Action, Move};
use super::interlocks::{named, replaced};
use super::view::View;
use crate::inventory::{Installation, Instance};

/// Checks that the result of the action was observed. The error says which part of the result is missing.
pub(super) fn reached(action: &Action, view: &View<'_>) -> Result<(), String> {
    match action {
        Action::Create { slot, version, .. } => {
            let instance = view.healthy(*slot)?;
            require(instance.digest == version.digest, || {
                format!(
                    "{slot} runs {} instead of {}",
                    instance.digest.short(),
                    version.digest.short()
                )
            })
        }
        Action::Start { slot, instance } => {
            let running = view.healthy(*slot)?;
            require(running.id == *instance, || replaced(*slot))
        }
        Action::Install => {
            let is_current = view.installation == Some(&Installation::Current);
            require(is_current && view.proxy.is_some(), || {
                "the proxy does not run the new configuration, or does not answer for this target"
                    .into()
            })
        }
        Action::Register {
            slot,
            digest,
            release,
            ..
        } => {
            let endpoint = view.definition.endpoints.get(*slot);
            let Some(entry) = view.entry(*slot) else {
                return Err(format!("{slot} is not registered"));
            };
            if entry.digest != *digest || entry.endpoint != *endpoint {
                return Err(format!(
                    "{slot} is registered as {} at {}",
                    entry.digest.short(),
                    entry.endpoint
                ));
            }
            let is_registered = |running: &Instance| {
                running.id == entry.instance && (running.tag.is_none() || running.tag == entry.tag)
            };
            let matches = !view.knows_slots() || view.instance(*slot).is_some_and(is_registered);
            require(matches && entry.release == *release, || {
                format!(
                    "the registration of {slot} names another container or process, tag or release"
                )
            })
        }
        Action::Route(wanted) => {
            let endpoint = view.definition.endpoints.get(wanted.live);
            let is_written = view.route().is_some_and(|route| {
                (route.generation, route.live) == (wanted.generation, wanted.live)
                    && route.digest == wanted.digest
                    && route.endpoint == *endpoint
            });
            require(is_written, || {
                "the route does not have the planned slot, generation, digest and address".into()
            })
        }
        Action::Rebase { from, generation } => {
            let highest = view.pointer.map(|pointer| pointer.highest_token().0);
            let has_token = highest.is_some_and(|token| Some(token) <= view.store_revision);
            let answered = view.proxy.map(|proxy| proxy.generation);
            require(
                has_token && (from.live.is_none() || answered == Some(*generation)),
                || {
                    "the live pointer does not have a token of this store, or the proxy does not have the planned generation".into()
                },
            )
        }
        Action::Switch(movement) => {
            let Move { to, generation, .. } = movement.as_ref();
            let proxy = view.proxy;
            let answer = proxy.map(|proxy| (proxy.slot, proxy.generation));
            require(answer == Some((Some(*to), *generation)), || {
                format!(
                    "the proxy does not answer with {to} and generation {generation}; it names {}",
                    proxy.map_or("no slot, because it does not answer", |it| named(it.slot))
                )
            })
        }
        Action::Deregister(slot) => {
            let has_key = view.entry(*slot).is_some() || view.is_entry_unreadable(*slot);
            require(!has_key, || format!("{slot} is still registered"))
        }
        Action::Stop { slot, instance } => match view.instance(*slot) {
            None => Ok(()),
            Some(there) if there.id == *instance => {
                require(!there.is_up(), || format!("{slot} is still running"))
            }
            Some(_) => Err(replaced(*slot)),
        },
        Action::Remove { slot, .. } => require(view.instance(*slot).is_none(), || {
            format!("{slot} is not empty yet")
        }),
        // A view does not say which images the runtime has. The step *pull* observes the image itself.
        Action::Pull(_) => Err("the image is not pulled yet".into()),
    }
}

fn require(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise()) }
}
