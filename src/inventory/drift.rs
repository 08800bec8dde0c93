//! Whether the four places that should agree do: containers, registry, proxy, public answer.
//! Each difference is named in words an operator can act on.

use super::{ProxyAnswer, Revisioned, Route, Slot, Snapshot};

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

/// Two places that should agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// What runs, and what is registered.
    Instances,
    /// The route as it is registered, and as the proxy has it.
    Route,
    /// Whom the proxy names, and who answers the public.
    Public,
}

impl Pair {
    /// Both places.
    pub fn sides(self) -> (&'static str, &'static str) {
        match self {
            Self::Instances => ("instances", "registry"),
            Self::Route => ("registry", "proxy"),
            Self::Public => ("proxy", "public"),
        }
    }

    /// What is true while they agree.
    pub fn means(self) -> &'static str {
        match self {
            Self::Instances => "what runs in each slot is what the registry says runs there",
            Self::Route => "the proxy sends the traffic where the registry says",
            Self::Public => "who answers on the public address is whom the proxy names",
        }
    }

    /// What makes them agree again.
    pub fn repair(self) -> &'static str {
        match self {
            Self::Instances => {
                "what was started, stopped or removed by hand is put back by hand; else P promotes \
                 the version that should run, and writes its registration anew"
            }
            Self::Route => {
                "during a switch this lasts a moment. If it stays, a release was cut off or the \
                 pointer was moved by hand: back the release out where it is driven, or point the \
                 proxy at the slot that the registry names. Nothing is planned until they agree"
            }
            Self::Public => {
                "see what listens on the public address, and what stands between it and the proxy: \
                 an answer that came through the proxy has the header X-Greenroom-Slot"
            }
        }
    }
}

impl Truth {
    /// The comparisons, from what runs to what the world gets.
    pub fn pairs(&self) -> [(Pair, &Agreement); 3] {
        [
            (Pair::Instances, &self.instances),
            (Pair::Route, &self.route),
            (Pair::Public, &self.public),
        ]
    }

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
    if snapshot.proxy.is_none() && !(snapshot.route.is_none() && snapshot.sources.router.is_live())
    {
        return Agreement::Unknown("the proxy is not heard".into());
    }
    match difference_of_route(snapshot.route.as_ref(), snapshot.proxy.as_ref()) {
        None => Agreement::Same,
        Some(difference) => Agreement::Differs(difference),
    }
}

/// How the registry's route and the proxy's answer differ; none when they agree. A proxy that was
/// never configured answers nothing and agrees with a registry that has no route.
pub fn difference_of_route(
    route: Option<&Revisioned<Route>>,
    proxy: Option<&ProxyAnswer>,
) -> Option<String> {
    let answered = proxy.and_then(|proxy| proxy.slot);
    let named = answered.map_or("nothing", Slot::as_str);
    let generation = proxy.map_or(0, |proxy| proxy.generation);
    let Some(route) = route.map(|route| &route.value) else {
        return answered
            .map(|slot| format!("the proxy sends traffic to {slot}, the registry has no route"));
    };
    if answered == Some(route.live) && generation == route.generation {
        return None;
    }
    Some(format!(
        "registry: {} generation {}; proxy: {named} generation {generation}",
        route.live, route.generation
    ))
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
