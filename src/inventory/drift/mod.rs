//! Compares the four places that should agree: runtime, store, proxy and public address. Each kind of difference has a
//! stable name, a message that an operator can act on, a meaning and a repair.

#[cfg(test)]
mod edges_tests;
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

use super::{EdgeName, Edges, Slot, Snapshot, SourceState};
pub use name::Name;
pub use public::still_gets_requests;
pub use route::{difference_of_route, store_went_back};

/// One difference between two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub name: Name,
    /// The message, with the slot, addresses and versions that differ.
    #[serde(rename = "says")]
    pub message: String,
    /// None if the difference is not about one slot.
    pub slot: Option<Slot>,
    /// The key below the target; none if the difference is not about one key.
    pub key: Option<String>,
    /// The edge that differs; none if the target has only one edge, or if the difference is not about one edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeName>,
}

impl Drift {
    fn of(mut self, slot: Slot) -> Self {
        self.slot = Some(slot);
        self
    }

    fn at(mut self, edge: Option<&EdgeName>) -> Self {
        self.edge = edge.cloned();
        self
    }

    /// Whether `other` is the same problem. The messages may differ.
    pub fn is_same_problem(&self, other: &Self) -> bool {
        (self.name, self.slot, &self.key, &self.edge)
            == (other.name, other.slot, &other.key, &other.edge)
    }
}

impl Name {
    fn with_message(self, message: String) -> Drift {
        Drift {
            name: self,
            message,
            slot: None,
            key: None,
            edge: None,
        }
    }
}

/// The result of comparing two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    Same,
    /// The places differ. The list is never empty.
    Differs(Vec<Drift>),
    /// The places cannot be compared now. The text is the reason.
    Unknown(String),
}

impl Agreement {
    /// `Unknown` if the source does not answer now, because old answers are not compared. None if the source answers.
    fn unknown_without(name: &str, source: &SourceState) -> Option<Self> {
        (!source.is_live()).then(|| Self::Unknown(format!("the {name} has not answered")))
    }

    /// `Unknown` if no edge answers now. The edges that answer are compared, even if others do not.
    fn unknown_without_edges(edges: &Edges) -> Option<Self> {
        let mut each = edges.each();
        if each.any(|(.., edge)| edge.state.is_live()) {
            return None;
        }
        Self::unknown_because_of_silent_edge(edges)
    }

    /// `Unknown` if an edge does not answer now.
    fn unknown_because_of_silent_edge(edges: &Edges) -> Option<Self> {
        let mut each = edges.each();
        let silent = each.find(|(.., edge)| !edge.state.is_live());
        silent.map(|(_, subject, _)| Self::Unknown(format!("{subject} has not answered")))
    }

    fn of(differences: Vec<Drift>) -> Self {
        if differences.is_empty() {
            Self::Same
        } else {
            Self::Differs(differences)
        }
    }

    pub fn drifts(&self) -> &[Drift] {
        match self {
            Self::Differs(drifts) => drifts,
            Self::Same | Self::Unknown(_) => &[],
        }
    }
}

/// The comparisons of a target, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The instances that run, compared with their registrations.
    pub instances: Agreement,
    /// The route in the store, compared with the configuration that the proxy has loaded.
    pub route: Agreement,
    /// The slot that the proxy names, compared with the slot that answers the public address.
    pub public: Agreement,
    /// Whether there is a proxy to compare.
    has_proxy: bool,
}

/// Two places that should agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// The instances that run, and their registrations.
    Instances,
    /// The route in the store, and the route in the proxy.
    Route,
    /// The slot that the proxy names, and the slot that answers the public address.
    Public,
}

impl Pair {
    /// The names of the two places. For instances, the name depends on the kind of runtime. Without a proxy, the route is
    /// compared only with the slot that it names.
    pub fn sides(self, snapshot: &Snapshot) -> (&'static str, &'static str) {
        match self {
            Self::Instances => (snapshot.runtime_kind.many(), "store"),
            Self::Route if snapshot.edges.is_empty() => ("route", "slot"),
            Self::Route => ("store", "proxy"),
            Self::Public => ("proxy", "public"),
        }
    }

    /// A sentence that is true while the two places agree.
    pub fn means(self, snapshot: &Snapshot) -> &'static str {
        match self {
            Self::Route if snapshot.edges.is_empty() => "the live slot runs what the route says",
            Self::Instances => "each slot runs what the store says",
            Self::Route => "the proxy sends the traffic where the store says",
            Self::Public => "the slot that the proxy names answers the public address",
        }
    }
}

impl Truth {
    /// The comparisons, in the order in which they are shown. Without a proxy, the public address is not compared.
    pub fn pairs(&self) -> impl Iterator<Item = (Pair, &Agreement)> {
        let all = [
            (Pair::Instances, &self.instances),
            (Pair::Route, &self.route),
            (Pair::Public, &self.public),
        ];
        let pairs = all.into_iter();
        pairs.filter(|(pair, _)| self.has_proxy || *pair != Pair::Public)
    }

    /// Every difference, in the order of [`Truth::pairs`].
    pub fn drifts(&self) -> impl Iterator<Item = (Pair, &Drift)> {
        self.pairs()
            .flat_map(|(pair, agreement)| agreement.drifts().iter().map(move |drift| (pair, drift)))
    }

    /// Whether no difference is known. Some comparisons may be missing: see [`Truth::agreed`].
    pub fn agrees(&self) -> bool {
        self.drifts().next().is_none()
    }

    /// The comparisons that cannot be made, each with the reason.
    pub fn unknown(&self) -> impl Iterator<Item = (Pair, &str)> {
        self.pairs()
            .filter_map(|(pair, agreement)| match agreement {
                Agreement::Unknown(why) => Some((pair, why.as_str())),
                Agreement::Same | Agreement::Differs(_) => None,
            })
    }

    /// Whether all places agree. None if no difference is known, but some places could not be compared.
    pub fn agreed(&self) -> Option<bool> {
        if !self.agrees() {
            return Some(false);
        }
        self.unknown().next().is_none().then_some(true)
    }
}

/// Makes all comparisons from one snapshot.
pub fn compare(snapshot: &Snapshot) -> Truth {
    Truth {
        instances: instances::compare(snapshot),
        route: route::compare(snapshot),
        public: public::compare(snapshot),
        has_proxy: !snapshot.edges.is_empty(),
    }
}
