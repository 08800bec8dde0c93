//! Whether the four places that should agree do: containers, registry, proxy, public answer.
//! Each difference is named in words an operator can act on.

use super::{Slot, Snapshot};

/// How two places compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// They say the same.
    Same,
    /// They differ, in these words.
    Differs(String),
    /// One of them is not known at the moment.
    Unknown(String),
}

/// The truth row: three comparisons, from what runs to what the world gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Containers against registrations.
    pub instances: Agreement,
    /// The registry's route against the generation that the proxy has loaded.
    pub route: Agreement,
    /// What the proxy says against who answers the public.
    pub public: Agreement,
}

impl Truth {
    /// Whether no difference is known.
    pub fn holds(&self) -> bool {
        [&self.instances, &self.route, &self.public]
            .iter()
            .all(|a| !matches!(a, Agreement::Differs(_)))
    }
}

/// Compares what a snapshot knows.
pub fn compare(snapshot: &Snapshot) -> Truth {
    Truth {
        instances: instances(snapshot),
        route: route(snapshot),
        public: public(snapshot),
    }
}

fn instances(snapshot: &Snapshot) -> Agreement {
    if !snapshot.sources.runtime.is_live() {
        return Agreement::Unknown("the runtime is not heard".into());
    }
    if !snapshot.sources.registry.is_live() {
        return Agreement::Unknown("the registry is not heard".into());
    }
    let differences: Vec<String> = Slot::BOTH
        .into_iter()
        .filter_map(|slot| slot_difference(snapshot, slot))
        .collect();
    if differences.is_empty() {
        Agreement::Same
    } else {
        Agreement::Differs(differences.join("; "))
    }
}

fn slot_difference(snapshot: &Snapshot, slot: Slot) -> Option<String> {
    let side = snapshot.slots.get(slot);
    let registration = side.registration.as_ref().map(|r| &r.value);
    match (&side.instance, registration) {
        (Some(instance), Some(entry)) if entry.digest != instance.digest => Some(format!(
            "{slot} runs {} but is registered as {}",
            instance.digest.short(),
            entry.digest.short()
        )),
        (Some(instance), Some(_)) if !instance.is_running() => {
            Some(format!("{slot} is registered but not running"))
        }
        (Some(_), Some(entry)) if entry.endpoint != side.endpoint => Some(format!(
            "{slot} is registered at {} but answers at {}",
            entry.endpoint, side.endpoint
        )),
        (None, Some(_)) => Some(format!(
            "{slot} is registered but nothing of ours runs there"
        )),
        (Some(_), None) if snapshot.live() == Some(slot) => {
            Some(format!("{slot} has the traffic but is not registered"))
        }
        _ => None,
    }
}

fn route(snapshot: &Snapshot) -> Agreement {
    if !snapshot.sources.registry.is_live() {
        return Agreement::Unknown("the registry is not heard".into());
    }
    let Some(proxy) = &snapshot.proxy else {
        return if snapshot.route.is_none() && snapshot.sources.router.is_live() {
            Agreement::Same
        } else {
            Agreement::Unknown("the proxy is not heard".into())
        };
    };
    match (&snapshot.route, proxy.slot) {
        (None, None) => Agreement::Same,
        (None, Some(slot)) => Agreement::Differs(format!(
            "the proxy sends traffic to {slot}, the registry has no route"
        )),
        (Some(route), answered) => {
            let route = &route.value;
            if answered == Some(route.live) && proxy.generation == route.generation {
                Agreement::Same
            } else {
                let slot = answered.map_or("nothing", Slot::as_str);
                Agreement::Differs(format!(
                    "registry: {} generation {}; proxy: {slot} generation {}",
                    route.live, route.generation, proxy.generation
                ))
            }
        }
    }
}

fn public(snapshot: &Snapshot) -> Agreement {
    let (Some(proxy), Some(public)) = (&snapshot.proxy, &snapshot.public) else {
        return Agreement::Unknown("the public address is not heard".into());
    };
    match (proxy.slot, public.slot) {
        (told, got) if told == got && public.detail.is_empty() => Agreement::Same,
        (None, None) => Agreement::Same,
        (told, got) if told == got => Agreement::Differs(public.detail.clone()),
        (told, got) => Agreement::Differs(format!(
            "the proxy names {}, the public address was answered by {}",
            told.map_or("nothing", Slot::as_str),
            got.map_or("nothing", Slot::as_str)
        )),
    }
}
