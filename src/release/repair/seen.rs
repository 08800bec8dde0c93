//! Answers the questions of a repair about one observation of a target: which slot should have the traffic, whether the
//! store or the proxy is newer, and which generations are possible.

use crate::inventory::drift::{Drift, Name, still_gets_requests};
use crate::inventory::{
    Addresses, Digest, Edges, ImageLabels, Instance, Registration, ReleaseId, Route, Slot,
    SlotMembers, Snapshot, SourceState, StoredKey, Version, is_beyond_any_switch,
};
use crate::release::action::{Action, Rewrite};
use crate::release::interlocks::out_of_reach;
use crate::release::{Definition, Known, Refusal, Refused};

#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) definition: &'a Definition,
    /// All differences of the snapshot, whether the repair includes them or not.
    pub(super) drifts: &'a [Drift],
    /// Whether a release proves that it made the version in the slot of the route live. The error says why no release
    /// proves it.
    pub(super) released: &'a Known<()>,
}

impl<'a> Seen<'a> {
    pub(super) fn members(&self, slot: Slot) -> &'a SlotMembers {
        &self.snapshot.slots.get(slot).members
    }

    /// Any member of a slot, if all run the same digest; none if the slot has no digest.
    pub(super) fn instance(&self, slot: Slot) -> Option<&'a Instance> {
        self.members(slot).representative()
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&'a Registration> {
        let entry = self.snapshot.slots.get(slot).registration.as_ref()?;
        Some(&entry.value)
    }

    pub(super) fn route(&self) -> Option<&'a Route> {
        Some(&self.snapshot.route.as_ref()?.value)
    }

    /// The route, if it names this slot.
    pub(super) fn routed(&self, slot: Slot) -> Option<&'a Route> {
        self.route().filter(|route| route.live == slot)
    }

    pub(super) fn edges(&self) -> &'a Edges {
        &self.snapshot.edges
    }

    fn runs(&self, slot: Slot) -> bool {
        self.members(slot).is_any_running()
    }

    /// Whether a slot can answer requests: it is whole, all members are running, and no probe found it unhealthy.
    pub(super) fn can_answer(&self, slot: Slot) -> bool {
        let probe = self.snapshot.slots.get(slot).probe.as_ref();
        self.members(slot).are_running() && probe.is_none_or(|probe| probe.healthy)
    }

    /// Whether the proxy names another slot than the route, and the proxy's slot is right. Edges that differ name no
    /// slot together.
    ///
    /// The proxy's slot is right if the proxy has a higher generation than the route, and its slot can answer. Each
    /// switch writes the route before the proxy. So a proxy with a higher generation means that the route was edited,
    /// or that the store was restored.
    ///
    /// If no switch can have made the generation of the route, the proxy's slot is right with one exception: the
    /// route's slot is right if a release proves its version, the route's slot can answer, and the proxy's slot cannot.
    fn is_proxy_ahead(&self) -> bool {
        let (Some(route), Some(slot)) = (self.route(), self.edges().slot()) else {
            return false;
        };
        if slot == route.live {
            return false;
        }
        if is_beyond_any_switch(route.generation, self.proxys_generation()) {
            return self.can_answer(slot) || !self.can_answer(route.live) || self.released.is_err();
        }
        self.edges().answered_generation() > route.generation && self.can_answer(slot)
    }

    /// Whether the store is older than the proxy: the proxy has a token that no lock of this store can have had. Then
    /// the proxy's slot is right.
    pub(super) fn store_went_back(&self) -> bool {
        let mut drifts = self.drifts.iter();
        drifts.any(|drift| drift.name == Name::StoreWentBack)
    }

    /// Whether the version in a slot is right where the store differs from it: the proxy names the slot, and the proxy
    /// is newer than the store.
    pub(super) fn overrules_store(&self, slot: Slot) -> bool {
        (self.store_went_back() || self.is_proxy_ahead()) && self.is_pointed_at(slot)
    }

    /// A generation that is higher than the generation of every switch that was planned before the store was wiped,
    /// restored or replaced. Each switch raises the generation in the store by one, and moves the pointer before the
    /// next switch starts. So an unfinished switch is at most a few generations ahead of the pointer.
    pub(super) fn generation_out_of_reach(&self) -> u64 {
        let routed = self
            .route()
            .map_or(0, |route| self.possible_generation(route));
        out_of_reach(self.proxys_generation().max(routed))
    }

    /// The highest generation in the answers and in the live pointers of the edges.
    pub(super) fn proxys_generation(&self) -> u64 {
        self.edges().highest_generation()
    }

    /// The generation of the route. If no switch can have made that generation, the result is the generation of the
    /// proxy, or 0 if the proxy does not answer. A background service has no proxy, so its generation is always possible.
    pub(super) fn possible_generation(&self, route: &Route) -> u64 {
        let has_proxy = !self.edges().is_empty();
        if has_proxy && is_beyond_any_switch(route.generation, self.proxys_generation()) {
            self.edges().answered_generation()
        } else {
            route.generation
        }
    }

    /// The slot that should have the traffic; none if neither the route nor the proxy names a slot. Usually it is the
    /// slot in the route. It is the proxy's slot, so that no traffic moves, in these cases: the proxy is newer than the
    /// store; there is no route; no release proves the route; or an instance is running only in the proxy's slot.
    pub(super) fn slot_for_traffic(&self) -> Option<Slot> {
        let named = self.edges().slot();
        if named.is_some() && (self.store_went_back() || self.is_proxy_ahead()) {
            return named;
        }
        match (self.route().map(|route| route.live), named) {
            (Some(routed), Some(named)) if routed != named => {
                let is_gone = !self.runs(routed) && self.runs(named);
                let follows = is_gone || self.released.is_err();
                Some(if follows { named } else { routed })
            }
            (Some(routed), _) => Some(routed),
            (None, named) => named,
        }
    }

    pub(super) fn should_have_traffic(&self, slot: Slot) -> bool {
        self.slot_for_traffic() == Some(slot)
    }

    /// The release that started the version in a slot: the release in the registration, otherwise in the route,
    /// otherwise in the instance's label. If the instance overrules the store, its label comes first.
    pub(super) fn release_of(&self, slot: Slot) -> Option<ReleaseId> {
        let by_entry = self.entry(slot).map(|entry| entry.release);
        let by_route = self.routed(slot).map(|route| route.release);
        let by_label = self.members(slot).release();
        if self.overrules_store(slot) && by_label.is_some() {
            return by_label;
        }
        by_entry.or(by_route).or(by_label)
    }

    /// Whether the version of the instance in a slot is accepted as released there:
    /// - If the instance overrules the store, every version is accepted.
    /// - If the route names the slot, the version must be the version in the route.
    /// - If only a registration exists, its digest or its instance must match. A container cannot change its image, so
    ///   a registration of the same container with another digest was edited.
    /// - If neither exists, every version is accepted.
    pub(super) fn is_released(&self, slot: Slot) -> bool {
        let Some(instance) = self.instance(slot) else {
            return false;
        };
        if self.overrules_store(slot) {
            return true;
        }
        match (self.routed(slot), self.entry(slot)) {
            (Some(route), _) => route.digest == instance.digest,
            (None, Some(entry)) => entry.digest == instance.digest || self.is_registered(slot),
            (None, None) => true,
        }
    }

    /// The addresses that a slot uses.
    pub(super) fn addresses(&self, slot: Slot) -> Addresses {
        self.members(slot)
            .addresses(self.definition.endpoints.get(slot))
    }

    /// Whether the registration of a slot names exactly the members that are in it.
    pub(super) fn is_registered(&self, slot: Slot) -> bool {
        let entry = self.entry(slot);
        entry.is_some_and(|entry| entry.names(self.members(slot)))
    }

    /// The action that registers the version in a slot. If its members name no tag, the registered tag is kept.
    pub(super) fn register(&self, slot: Slot, digest: &Digest, release: ReleaseId) -> Action {
        Action::Register {
            slot,
            digest: digest.clone(),
            tag: self.entry(slot).and_then(|entry| entry.tag.clone()),
            release,
        }
    }

    pub(super) fn version(&self, tag: Option<String>, digest: Digest) -> Version {
        Version {
            repository: self.definition.repository.clone(),
            tag,
            digest,
            labels: ImageLabels::default(),
        }
    }

    pub(super) fn has_requests(&self, slot: Slot) -> bool {
        still_gets_requests(self.snapshot, slot)
    }

    /// Whether every edge names this slot.
    pub(super) fn is_pointed_at(&self, slot: Slot) -> bool {
        self.edges().all_name(slot)
    }

    /// Why the version in a slot must not be started or get traffic. None if a release proves the version, or if
    /// every edge already names the slot.
    pub(super) fn unproven(&self, slot: Slot) -> Option<&'a str> {
        let why = self.released.as_ref().err()?;
        (!self.is_pointed_at(slot)).then_some(why.as_str())
    }

    /// Whether the proxy's configuration is missing or was edited. A repair of all differences then installs the
    /// configuration.
    pub(super) fn needs_install(&self) -> bool {
        let differs = [Name::ProxyEdited, Name::ProxyNotInstalled];
        self.drifts
            .iter()
            .any(|drift| differs.contains(&drift.name))
    }

    /// Whether the key `name` of the target exists and cannot be read.
    pub(super) fn is_unreadable(&self, name: &str) -> bool {
        let target = &self.snapshot.target;
        let mut keys = self.snapshot.problems.keys();
        keys.any(|key| StoredKey::is_named(target, key, name))
    }

    /// Whether the digest in the route was edited: the release that the route names has registered exactly the instance
    /// in the slot, with that instance's digest, and the route has another digest.
    pub(super) fn is_digest_of_route_edited(&self) -> bool {
        let Some(route) = self.route() else {
            return false;
        };
        let (Some(instance), Some(entry)) = (self.instance(route.live), self.entry(route.live))
        else {
            return false;
        };
        instance.digest != route.digest
            && entry.digest == instance.digest
            && self.is_registered(route.live)
            && entry.release == route.release
    }

    /// Whether the current route is already the wanted one.
    pub(super) fn is_route(&self, wanted: &Rewrite) -> bool {
        self.route().is_some_and(|route| {
            route.live == wanted.live
                && route.generation == wanted.generation
                && route.digest == wanted.digest
                && route.addresses == wanted.addresses
        })
    }
}

/// Refuses if the runtime, the store or an edge has not answered: an unknown state cannot be repaired.
pub fn all_answered(snapshot: &Snapshot) -> Result<(), Refused> {
    let states = &snapshot.sources;
    let sources = [
        ("what is running in the slots", &states.runtime),
        ("what is registered", &states.registry),
        ("where the proxy sends the traffic", &states.router),
    ];
    let silent: Vec<Refusal> = sources
        .into_iter()
        .filter_map(|(fact, state)| match state {
            SourceState::Live => None,
            SourceState::Connecting => Some((fact, "no answer yet".to_owned())),
            SourceState::Stale { why, .. } | SourceState::Unreachable { why, .. } => {
                Some((fact, why.clone()))
            }
        })
        .map(|(fact, why)| Refusal::Unknown {
            fact: fact.into(),
            why,
        })
        .collect();
    if silent.is_empty() {
        Ok(())
    } else {
        Err(Refused(silent))
    }
}
