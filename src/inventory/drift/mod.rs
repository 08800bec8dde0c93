//! Whether the four places that should agree do: containers, registry, proxy, public answer.
//! Each difference has a name that stays, words an operator can act on, a meaning, and what mends it.

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

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Which kind.
    pub name: Name,
    /// What differs here.
    pub says: String,
    /// The slot it is about, where it is about one.
    pub slot: Option<Slot>,
    /// The key it is about, below its target, where it is about one.
    pub key: Option<String>,
}

impl Drift {
    fn of(mut self, slot: Slot) -> Self {
        self.slot = Some(slot);
        self
    }

    /// Whether it is the same difference, however it is said now.
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
    /// They say the same.
    Same,
    /// They differ, in these ways; never in none.
    Differs(Vec<Drift>),
    /// One of them is not known at the moment.
    Unknown(String),
}

impl Agreement {
    /// Nothing is compared with what a source said before it fell silent.
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

/// The truth row: three comparisons, from what runs to what the world gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Containers against registrations.
    pub instances: Agreement,
    /// The registry's route against what the proxy has loaded.
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
    /// Both places, where that is what runs.
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
            Self::Instances => "what runs in each slot is what the store says runs there",
            Self::Route => "the proxy sends the traffic where the store says",
            Self::Public => "who answers on the public address is whom the proxy names",
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

    /// Every difference, from what runs to what the world gets.
    pub fn drifts(&self) -> impl Iterator<Item = (Pair, &Drift)> {
        let pairs = self.pairs().into_iter();
        pairs
            .flat_map(|(pair, agreement)| agreement.drifts().iter().map(move |drift| (pair, drift)))
    }

    /// Whether no difference is known. Not that everything agrees: see [`Truth::agreed`].
    pub fn holds(&self) -> bool {
        self.drifts().next().is_none()
    }

    /// The comparisons that cannot be made, each with why.
    pub fn unknown(&self) -> impl Iterator<Item = (Pair, &str)> {
        let pairs = self.pairs().into_iter();
        pairs.filter_map(|(pair, agreement)| match agreement {
            Agreement::Unknown(why) => Some((pair, why.as_str())),
            Agreement::Same | Agreement::Differs(_) => None,
        })
    }

    /// Whether everything agrees; none where no difference is known and something could not be compared.
    pub fn agreed(&self) -> Option<bool> {
        if !self.holds() {
            return Some(false);
        }
        self.unknown().next().is_none().then_some(true)
    }
}

/// Compares what a snapshot knows.
pub fn compare(snapshot: &Snapshot) -> Truth {
    Truth {
        instances: instances::compare(snapshot),
        route: route::compare(snapshot),
        public: public::compare(snapshot),
    }
}
