//! Whether the four places that should agree do agree: containers, registry, proxy, public answer. Each difference has
//! a stable name, a message that an operator can act on, a meaning and a repair.

mod instances;
mod keys;
mod name;
mod public;
mod route;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world_tests;

use serde::Serialize;

use super::{RuntimeKind, Slot, Snapshot, SourceState};
pub use name::Name;
pub use public::still_gets_requests;
pub use route::{difference_of_route, store_went_back};

/// One difference between two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Which kind.
    pub name: Name,
    /// The message: what differs here.
    pub says: String,
    /// The slot that differs, if it is about one slot.
    pub slot: Option<Slot>,
    /// The key below the target that differs, if it is about one key.
    pub key: Option<String>,
}

impl Drift {
    fn of(mut self, slot: Slot) -> Self {
        self.slot = Some(slot);
        self
    }

    /// Whether both are the same difference; the message may have changed.
    pub fn is_still(&self, other: &Self) -> bool {
        (self.name, self.slot, &self.key) == (other.name, other.slot, &other.key)
    }
}

impl Name {
    fn says(self, says: String) -> Drift {
        Drift {
            name: self,
            says,
            slot: None,
            key: None,
        }
    }
}

/// How two places compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// Both say the same.
    Same,
    /// They differ. The list is never empty.
    Differs(Vec<Drift>),
    /// One of them is not known at the moment; why.
    Unknown(String),
}

impl Agreement {
    /// Unknown unless the source is live: an old answer is not compared.
    fn needs(name: &str, source: &SourceState) -> Option<Self> {
        (!source.is_live()).then(|| Self::Unknown(format!("the {name} has not answered")))
    }

    fn of(differences: Vec<Drift>) -> Self {
        if differences.is_empty() {
            Self::Same
        } else {
            Self::Differs(differences)
        }
    }

    /// The differences.
    pub fn drifts(&self) -> &[Drift] {
        match self {
            Self::Differs(drifts) => drifts,
            Self::Same | Self::Unknown(_) => &[],
        }
    }
}

/// The truth row: three comparisons, from what is running to what the public gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Containers against registrations.
    pub instances: Agreement,
    /// The registry's route against the configuration that the proxy has loaded.
    pub route: Agreement,
    /// The slot that the proxy names against the slot that answers the public.
    pub public: Agreement,
}

/// Two places that should agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// What is running, and what is registered.
    Instances,
    /// The route in the registry, and the route in the proxy.
    Route,
    /// The slot that the proxy names, and the slot that answers the public.
    Public,
}

impl Pair {
    /// The names of both places, for this kind of runtime.
    pub fn sides(self, runs: RuntimeKind) -> (&'static str, &'static str) {
        match self {
            Self::Instances => (runs.many(), "store"),
            Self::Route => ("store", "proxy"),
            Self::Public => ("proxy", "public"),
        }
    }

    /// What is true while they agree.
    pub fn means(self) -> &'static str {
        match self {
            Self::Instances => "each slot runs what the store says",
            Self::Route => "the proxy sends the traffic where the store says",
            Self::Public => "the slot that the proxy names answers the public address",
        }
    }
}

impl Truth {
    /// The comparisons, from what is running to what the public gets.
    pub fn pairs(&self) -> [(Pair, &Agreement); 3] {
        [
            (Pair::Instances, &self.instances),
            (Pair::Route, &self.route),
            (Pair::Public, &self.public),
        ]
    }

    /// Every difference, from what is running to what the public gets.
    pub fn drifts(&self) -> impl Iterator<Item = (Pair, &Drift)> {
        let pairs = self.pairs().into_iter();
        pairs
            .flat_map(|(pair, agreement)| agreement.drifts().iter().map(move |drift| (pair, drift)))
    }

    /// Whether no difference is known. This does not mean that everything agrees: see [`Truth::agreed`].
    pub fn holds(&self) -> bool {
        self.drifts().next().is_none()
    }

    /// The comparisons that cannot be made, each with the reason.
    pub fn unknown(&self) -> impl Iterator<Item = (Pair, &str)> {
        let pairs = self.pairs().into_iter();
        pairs.filter_map(|(pair, agreement)| match agreement {
            Agreement::Unknown(why) => Some((pair, why.as_str())),
            Agreement::Same | Agreement::Differs(_) => None,
        })
    }

    /// Whether everything agrees; none if no difference is known but something could not be compared.
    pub fn agreed(&self) -> Option<bool> {
        if !self.holds() {
            return Some(false);
        }
        self.unknown().next().is_none().then_some(true)
    }
}

/// Compares everything that a snapshot knows.
pub fn compare(snapshot: &Snapshot) -> Truth {
    Truth {
        instances: instances::compare(snapshot),
        route: route::compare(snapshot),
        public: public::compare(snapshot),
    }
}
