//! The edges of a target: the proxies that carry out its route, each with what it reported. The edges count together:
//! the traffic is where the route says only if every edge says so, and a slot may have traffic if any edge may send it
//! there.

mod edge;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Serialize, Serializer};

pub use self::edge::{Edge, EdgeAnswer};
use super::{
    EdgeName, FencingToken, Installation, LiveSlot, PointerState, ProxyAnswer, PublicAnswer, Rates,
    Slot, SourceState,
};

/// All edges of a target. One edge is configured; until settings name edges, it has the default name. Texts about a
/// single edge say `the proxy`, texts about one of several edges `the proxy west`.
///
/// A background service has no edges, because it gets no requests. Then no edge says anything, and the route in the store alone says
/// which slot is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edges(BTreeMap<EdgeName, Edge>);

/// What the edges of a target say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consensus<T> {
    /// Every edge says this.
    Unanimous(T),
    /// At least two edges differ.
    Split,
    /// At least one edge has not said it. The other edges do not differ.
    Unknown,
}

impl<T> Consensus<T> {
    /// What every edge says; none if the edges differ, or if one of them is unknown.
    pub fn unanimous(self) -> Option<T> {
        match self {
            Self::Unanimous(value) => Some(value),
            Self::Split | Self::Unknown => None,
        }
    }
}

/// Whether any edge may send traffic to a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeTraffic {
    /// Every edge answers for the target, and none of them names the slot.
    Without,
    /// An edge names the slot. The text is the edge, e.g. `the proxy`.
    With(String),
    /// No edge is known to name the slot, but at least one edge does not answer for the target. The text is the reason.
    Unknown(String),
}

/// One edge, as a text names it, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeReport<'a> {
    /// The edge, as the subject of a sentence, e.g. `the proxy`.
    pub subject: String,
    /// None if the edge does not answer for the target.
    pub answer: Option<&'a ProxyAnswer>,
}

impl EdgeReport<'_> {
    /// The slot that the edge names; none if it names no slot or does not answer.
    pub fn slot(&self) -> Option<Slot> {
        self.answer.and_then(|answer| answer.slot)
    }

    /// The generation that the edge has; 0 if it does not answer.
    pub fn generation(&self) -> u64 {
        self.answer.map_or(0, |answer| answer.generation)
    }

    fn is_at(&self, slot: Slot, generation: u64) -> bool {
        (self.slot(), self.generation()) == (Some(slot), generation)
    }
}

/// The rest of a sentence about the live slot: `has the traffic`, or `is live` for a background service.
pub const fn live_phrase(is_background: bool) -> &'static str {
    if is_background {
        "is live"
    } else {
        "has the traffic"
    }
}

/// The slot that each edge names. None for an edge that names no slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EdgeSlots(BTreeMap<EdgeName, Option<Slot>>);

/// The slot that the only edge names.
impl From<Option<Slot>> for EdgeSlots {
    fn from(slot: Option<Slot>) -> Self {
        Self([(EdgeName::default(), slot)].into())
    }
}

impl EdgeSlots {
    /// The slot that this edge names; none if it names no slot.
    pub fn at(&self, edge: &EdgeName) -> Option<Slot> {
        self.0.get(edge).copied().flatten()
    }

    /// Whether any edge names this slot.
    pub fn contains(&self, slot: Slot) -> bool {
        self.0.values().any(|named| *named == Some(slot))
    }
}

/// One edge that has not reported anything.
impl Default for Edges {
    fn default() -> Self {
        Self::from(Edge::default())
    }
}

/// The only edge of a target.
impl From<Edge> for Edges {
    fn from(edge: Edge) -> Self {
        Self([(EdgeName::default(), edge)].into())
    }
}

impl FromIterator<(EdgeName, Edge)> for Edges {
    fn from_iter<I: IntoIterator<Item = (EdgeName, Edge)>>(edges: I) -> Self {
        Self(edges.into_iter().collect())
    }
}

impl Edges {
    /// The edges of a target without a proxy.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether the target has no proxy, as a background service.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// See [`live_phrase`].
    pub fn live_phrase(&self) -> &'static str {
        live_phrase(self.is_empty())
    }

    /// What one edge reported, to change it. An edge that is not known yet is added.
    pub fn edge_mut(&mut self, name: &EdgeName) -> &mut Edge {
        match self.0.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Edge::default()),
        }
    }

    #[cfg(test)]
    pub(crate) fn edges_mut(&mut self) -> impl Iterator<Item = &mut Edge> {
        self.0.values_mut()
    }

    /// Each edge: its name if there are several edges, the subject of a sentence about it, and what it reported.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Option<&EdgeName>, String, &Edge)> {
        self.0.iter().map(|(name, edge)| {
            let (subject, is_one) = (self.subject(name), self.0.len() == 1);
            ((!is_one).then_some(name), subject, edge)
        })
    }

    fn subject(&self, name: &EdgeName) -> String {
        if self.0.len() == 1 {
            "the proxy".to_owned()
        } else {
            format!("the proxy {name}")
        }
    }

    /// A text about one edge. If there are several edges, it begins with the name of the edge.
    fn about(&self, name: &EdgeName, text: &str) -> String {
        if self.0.len() == 1 {
            text.to_owned()
        } else {
            format!("{name}: {text}")
        }
    }

    /// The texts about all edges that have one; none if no edge has one.
    fn texts<'a>(&'a self, of: impl Fn(&'a Edge) -> Option<&'a str>) -> Option<String> {
        let texts = self
            .0
            .iter()
            .filter_map(|(name, edge)| Some(self.about(name, of(edge)?)));
        let texts: Vec<String> = texts.collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    fn reports(&self) -> impl Iterator<Item = EdgeReport<'_>> {
        self.0.iter().map(|(name, edge)| EdgeReport {
            subject: self.subject(name),
            answer: edge.answer.proxy(),
        })
    }

    fn consensus<'a, T: PartialEq>(&'a self, of: impl Fn(&'a Edge) -> Option<T>) -> Consensus<T> {
        let all = self.0.len();
        let mut known: Vec<T> = self.0.values().filter_map(of).collect();
        if known.windows(2).any(|pair| pair[0] != pair[1]) {
            return Consensus::Split;
        }
        match known.pop() {
            Some(last) if known.len() + 1 == all => Consensus::Unanimous(last),
            _ => Consensus::Unknown,
        }
    }

    /// The state of the edges as one source: it is live only if every edge answers. The reasons name the edges. Without
    /// edges it is live, because nothing has to answer.
    pub fn state(&self) -> SourceState {
        let named = self.0.iter();
        SourceState::together(named.map(|(name, edge)| (name.as_str(), &edge.state)))
    }

    /// Why it is not known how each edge routes the target; none if every edge has said it.
    pub fn unanswered(&self) -> Option<String> {
        self.texts(|edge| match &edge.state {
            _ if edge.answer != EdgeAnswer::Unknown => None,
            SourceState::Stale { why, .. } | SourceState::Unreachable { why, .. } => {
                Some(why.as_str())
            }
            SourceState::Connecting | SourceState::Live => Some("no answer yet"),
        })
    }

    /// Whether every edge has said how it routes the target, or that it has no configuration for the target.
    pub fn have_answered(&self) -> bool {
        let mut edges = self.0.values();
        edges.all(|edge| edge.answer != EdgeAnswer::Unknown)
    }

    /// Whether every edge answers for the target. An edge without a configuration for the target does not.
    pub fn answer_for_target(&self) -> bool {
        self.reports().all(|report| report.answer.is_some())
    }

    /// Whether any edge answers for the target.
    pub fn does_any_answer(&self) -> bool {
        self.reports().any(|report| report.answer.is_some())
    }

    /// The first edge that does not answer for the target.
    pub fn without_answer(&self) -> Option<EdgeReport<'_>> {
        self.reports().find(|report| report.answer.is_none())
    }

    /// The slot that the edges name. The inner none means that they have no configuration for the target, or that there is
    /// no edge.
    pub fn live(&self) -> Consensus<Option<LiveSlot>> {
        if self.is_empty() {
            return Consensus::Unanimous(None);
        }
        self.consensus(|edge| match &edge.answer {
            EdgeAnswer::Unknown => None,
            EdgeAnswer::NotInstalled => Some(None),
            EdgeAnswer::Routes(answer) => {
                Some(Some(answer.slot.map_or(LiveSlot::NoSlot, LiveSlot::Slot)))
            }
        })
    }

    /// The slot that all edges name; none if they name no slot or differ, or if one of them does not answer.
    pub fn slot(&self) -> Option<Slot> {
        self.live().unanimous().flatten().and_then(LiveSlot::slot)
    }

    /// Whether every edge names this slot.
    pub fn all_name(&self, slot: Slot) -> bool {
        self.slot() == Some(slot)
    }

    /// Whether any edge may send traffic to a slot (interlock 1).
    pub fn traffic(&self, slot: Slot) -> EdgeTraffic {
        let names_it = |report: &EdgeReport<'_>| report.slot() == Some(slot);
        if let Some(naming) = self.reports().find(names_it) {
            return EdgeTraffic::With(naming.subject);
        }
        match self.without_answer() {
            None => EdgeTraffic::Without,
            Some(EdgeReport { subject, .. }) => {
                EdgeTraffic::Unknown(format!("{subject} does not answer for this target"))
            }
        }
    }

    /// The slot that each edge names, to say from where a switch moves the traffic; none if an edge has not answered.
    pub fn slots(&self) -> Option<EdgeSlots> {
        self.have_answered().then(|| {
            let named = self.0.iter();
            EdgeSlots(
                named
                    .map(|(name, edge)| (name.clone(), edge.answer.slot()))
                    .collect(),
            )
        })
    }

    /// The first edge that answers, and names another slot than `slots` says, together with the slot in `slots`.
    pub fn moved_from(&self, slots: &EdgeSlots) -> Option<(EdgeReport<'_>, Option<Slot>)> {
        let reports = self.0.keys().zip(self.reports());
        reports
            .map(|(name, report)| (report, slots.at(name)))
            .find(|(report, before)| report.slot() != *before)
    }

    /// The first edge that names a slot for which `is_expected` is false. For an edge that names no slot, it is asked
    /// with none.
    pub fn unexpected(&self, is_expected: impl Fn(Option<Slot>) -> bool) -> Option<EdgeReport<'_>> {
        self.reports().find(|report| !is_expected(report.slot()))
    }

    /// The first edge that answers for the target, but does not name this slot.
    pub fn answering_elsewhere(&self, slot: Slot) -> Option<EdgeReport<'_>> {
        self.reports()
            .find(|report| report.answer.is_some() && report.slot() != Some(slot))
    }

    /// Whether every edge names this slot and has this generation.
    pub fn are_at(&self, slot: Slot, generation: u64) -> bool {
        self.not_at(slot, generation).is_none()
    }

    /// The first edge that does not name this slot with this generation.
    pub fn not_at(&self, slot: Slot, generation: u64) -> Option<EdgeReport<'_>> {
        self.reports()
            .find(|report| !report.is_at(slot, generation))
    }

    /// The first edge that would refuse a switch to `slot` with `generation`: it has this generation or a higher one,
    /// and the switch has not reached it.
    pub fn refusing(&self, slot: Slot, generation: u64) -> Option<EdgeReport<'_>> {
        self.reports()
            .find(|report| report.generation() >= generation && !report.is_at(slot, generation))
    }

    /// The highest generation that an edge answers with; 0 if no edge answers.
    pub fn answered_generation(&self) -> u64 {
        let generations = self.reports().map(|report| report.generation());
        generations.max().unwrap_or_default()
    }

    /// Whether every edge answers with this generation.
    pub fn all_have_generation(&self, generation: u64) -> bool {
        self.reports()
            .all(|report| report.answer.is_some_and(|it| it.generation == generation))
    }

    /// The highest generation of any switch that the answers or the live pointers of the edges show.
    pub fn highest_generation(&self) -> u64 {
        let generations = self.0.values().map(Edge::highest_generation);
        generations.max().unwrap_or_default()
    }

    /// [`Edges::highest_generation`]; none if it is unknown how many switches an edge has made: the edge has shown
    /// neither a pointer nor a generation.
    pub fn known_generation(&self) -> Option<u64> {
        let mut edges = self.0.values();
        edges
            .all(|edge| edge.pointer.is_some() || edge.highest_generation() > 0)
            .then(|| self.highest_generation())
    }

    /// The edge with the highest token, and that token; none if no edge has shown a token.
    pub fn highest_token(&self) -> Option<(Option<&EdgeName>, String, FencingToken)> {
        self.each()
            .filter_map(|(name, subject, edge)| Some((name, subject, edge.highest_token()?)))
            .max_by_key(|(.., token)| *token)
    }

    /// The live pointers of the edges.
    pub fn pointer(&self) -> Consensus<PointerState> {
        self.consensus(|edge| edge.pointer)
    }

    /// Whether the pointer of every edge was read, and has only tokens up to this revision of the store.
    pub fn have_tokens_up_to(&self, revision: i64) -> bool {
        self.0.values().all(|edge| {
            let token = edge.pointer.map(|pointer| pointer.highest_token().0);
            token.is_some_and(|token| token <= revision)
        })
    }

    /// The state of the configurations of all edges: the one that needs the most care. `Current` only if every edge has
    /// the right configuration, or if there is no edge. None if the state of an edge is unknown, unless another edge has
    /// a configuration that Greenroom must not replace.
    pub fn installation(&self) -> Option<Installation> {
        if self.is_empty() {
            return Some(Installation::Current);
        }
        let known = self
            .0
            .iter()
            .filter_map(|(name, edge)| Some((name, edge.installation.as_ref()?)));
        let is_known = self.0.values().all(|edge| edge.installation.is_some());
        let (name, worst) = known.max_by_key(|(_, installation)| rank(installation))?;
        let about = |text: &str| self.about(name, text);
        match worst {
            Installation::Foreign(why) => Some(Installation::Foreign(about(why))),
            Installation::Newer(why) => Some(Installation::Newer(about(why))),
            _ if !is_known => None,
            Installation::Outdated(why) => Some(Installation::Outdated(about(why))),
            Installation::Missing => Some(Installation::Missing),
            Installation::Current => Some(Installation::Current),
        }
    }

    /// Why the state of a configuration is unknown; none if it is known at every edge.
    pub fn installation_unknown(&self) -> Option<String> {
        self.texts(
            |edge| match (&edge.installation, &edge.installation_unknown) {
                (Some(_), _) => None,
                (None, Some(why)) => Some(why.as_str()),
                (None, None) => Some("it was not checked"),
            },
        )
    }

    /// The answer of the public address at all edges.
    pub fn public(&self) -> Consensus<&PublicAnswer> {
        self.consensus(|edge| edge.public.as_ref())
    }

    /// Whether a request was sent to the public address of any edge.
    pub fn is_any_public_known(&self) -> bool {
        self.0.values().any(|edge| edge.public.is_some())
    }

    /// Why the public gets no good answer at an edge; none if no edge gives a bad answer.
    pub fn outage(&self) -> Option<String> {
        let mut edges = self.0.iter();
        edges.find_map(|(name, edge)| {
            let failure = edge.public.as_ref()?.failure()?;
            Some(self.about(name, &failure))
        })
    }

    /// The answers of the public address at each edge.
    pub fn public_answers(&self) -> impl Iterator<Item = PublicReport<'_>> {
        self.0.iter().map(|(name, edge)| PublicReport {
            address: if self.0.len() == 1 {
                "the public address".to_owned()
            } else {
                format!("the public address at {name}")
            },
            fresh: edge.public.as_ref(),
            kept: edge.public_kept.as_ref(),
            has_edge_answered: edge.answer != EdgeAnswer::Unknown,
            is_compared: edge.state.is_live() && edge.installation != Some(Installation::Missing),
        })
    }

    /// The traffic of a slot over all edges; none if no edge reports it.
    pub fn rates(&self, slot: Slot) -> Option<Rates> {
        let edges = self.0.values();
        Rates::together(edges.filter_map(|edge| edge.rates.get(slot).as_ref()))
    }

    /// Why the traffic of an edge is unknown; none if the traffic of every edge is known, or if it was not asked for.
    pub fn rates_unknown(&self) -> Option<String> {
        self.texts(|edge| edge.rates_unknown.as_deref())
    }
}

/// The answers of the public address at one edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicReport<'a> {
    /// The address, as the subject of a sentence, e.g. `the public address`.
    pub address: String,
    pub fresh: Option<&'a PublicAnswer>,
    pub kept: Option<&'a PublicAnswer>,
    /// Whether the edge itself has answered.
    pub has_edge_answered: bool,
    /// Whether the answer can be compared with the edge: the edge answers now, and has a configuration for the target.
    pub is_compared: bool,
}

/// How much care a state of the configuration needs.
fn rank(installation: &Installation) -> u8 {
    match installation {
        Installation::Current => 0,
        Installation::Missing => 1,
        Installation::Outdated(_) => 2,
        Installation::Newer(_) => 3,
        Installation::Foreign(_) => 4,
    }
}

/// A single edge is written as its own fields. Without edges, the field `proxy` is null. Several edges are written as the
/// field `edges`, a map by name.
impl Serialize for Edges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            source: &'a SourceState,
            #[serde(flatten)]
            edge: &'a Edge,
        }
        #[derive(Serialize)]
        struct None {
            proxy: (),
        }
        #[derive(Serialize)]
        struct Several<'a> {
            edges: BTreeMap<&'a EdgeName, Named<'a>>,
        }
        if self.is_empty() {
            return None { proxy: () }.serialize(serializer);
        }
        if let (1, Some(edge)) = (self.0.len(), self.0.values().next()) {
            return edge.serialize(serializer);
        }
        let named = self.0.iter().map(|(name, edge)| {
            let source = &edge.state;
            (name, Named { source, edge })
        });
        let edges = named.collect();
        Several { edges }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
