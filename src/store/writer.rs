//! Changes registrations, routes and the extra keys that other programs read. Each method decides from the current
//! values; `change` makes the transaction and handles lost answers.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, Decision};
use super::values::{self, Unreadable};
use super::{Store, extra_keys, holds};
use crate::inventory::{
    Addresses, ExtraKey, ExtraKeys, Hold, HoldChange, OthersKeys, PeerApproval, PerSlot,
    Registration, Route, ServiceName, Slot, StoredKey, Target,
};
use crate::ports::kv::{Command, Pair, Write};
use crate::ports::{Failure, FailureKind, Fence, RegistryWriter, Result, RouteChange};
use crate::sanitize::sanitize;
use async_trait::async_trait;

/// Writes registrations, routes, journals and the records of repairs.
#[derive(Debug)]
pub struct StoreWriter {
    pub(super) store: Store,
    pub(super) extra: BTreeMap<ServiceName, ExtraKeys>,
}

impl StoreWriter {
    /// A writer for `store`. `extra` has the keys that are written with each route of a service. Fails if a template
    /// cannot be compiled or uses an unknown value.
    pub fn new(store: &Store, extra: &BTreeMap<ServiceName, Vec<ExtraKey>>) -> Result<Self> {
        let prefix = store.kv().prefix().trim_end_matches('/');
        let extra = extra
            .iter()
            .map(|(service, keys)| {
                let compiled = extra_keys::compile(prefix, service.as_str(), keys)?;
                Ok((service.clone(), compiled))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            store: store.clone(),
            extra,
        })
    }

    fn conflict(&self, doing: &str, reason: impl Into<String>) -> Failure {
        self.store.failure(FailureKind::Conflict, doing, reason)
    }

    fn route(&self, doing: &str, pair: Option<&Pair>) -> Result<Option<Route>> {
        let Some(pair) = pair else {
            return Ok(None);
        };
        values::decode(pair)
            .map(Some)
            .map_err(|reason| self.blocked(doing, pair, reason))
    }

    fn blocked(&self, doing: &str, pair: &Pair, unreadable: Unreadable) -> Failure {
        unreadable.failure(&self.store, doing, pair, |reason| {
            let key = values::key(pair);
            let show = self.store.kv().command(Command::Show(&key));
            self.conflict(doing, format!("{key} blocks the change: {reason}"))
                .hint(format!(
                    "read it with `{show}`; `greenroom status` says how to repair it"
                ))
        })
    }

    /// The writes of the extra keys of a route, without the keys in `unchanged`.
    fn extra_writes(
        &self,
        target: &Target,
        route: &Route,
        tag: Option<&str>,
        unchanged: &BTreeSet<String>,
    ) -> Result<Vec<Write>> {
        let Some(keys) = self.extra.get(&target.service) else {
            return Ok(Vec::new());
        };
        let pairs = keys
            .render(target, route, tag)
            .map_err(|wrong| extra_keys::refused(&wrong))?;
        Ok(pairs
            .into_iter()
            .filter(|(key, _)| !unchanged.contains(key))
            .map(|(key, value)| Write::put(key, value))
            .collect())
    }
}

#[async_trait]
impl RegistryWriter for StoreWriter {
    async fn register(&self, target: &Target, entry: &Registration, fence: &Fence) -> Result<()> {
        let doing = &format!("registering {} of {target}", entry.slot);
        let key = self.store.keys().slot(target, entry.slot);
        let value = values::encode(&self.store, doing, entry)?;
        self.change(target, fence, doing, vec![key.clone()])
            .apply(|seen| {
                let current = values::decode_replaceable(&self.store, doing, seen.get(&key))?;
                if current.as_ref() == Some(entry) {
                    return Ok(Decision::Done(()));
                }
                let put = Write::put(&key, value.as_str());
                Ok(Decision::Write(vec![put], ()))
            })
            .await
    }

    async fn deregister(&self, target: &Target, slot: Slot, fence: &Fence) -> Result<()> {
        let doing = &format!("deregistering {slot} of {target}");
        let key = self.store.keys().slot(target, slot);
        let route = self.store.keys().key(target, StoredKey::Route);
        self.change(target, fence, doing, vec![key.clone(), route.clone()])
            .apply(|seen| {
                let pair = seen.get(&key);
                if pair.is_none() {
                    return Ok(Decision::Done(()));
                }
                values::decode_replaceable::<Registration>(&self.store, doing, pair)?;
                let route = self.route(doing, seen.get(&route))?;
                if route.is_some_and(|route| route.live == slot) {
                    return Err(self.conflict(doing, format!("the route names {slot}")));
                }
                Ok(Decision::Write(vec![Write::delete(&key)], ()))
            })
            .await
    }

    async fn keys_of_others(
        &self,
        target: &Target,
        endpoints: &PerSlot<Addresses>,
    ) -> Result<Vec<String>> {
        self.others_keys(target, endpoints).await
    }

    async fn swap_route(&self, target: &Target, change: &RouteChange, fence: &Fence) -> Result<()> {
        let to = &change.to;
        let doing = &format!(
            "switching {target} to {} generation {}",
            to.live, to.generation
        );
        let route_key = self.store.keys().key(target, StoredKey::Route);
        let slot_key = self.store.keys().slot(target, to.live);
        let hold_key = self.store.keys().key(target, StoredKey::Hold);
        let value = values::encode(&self.store, doing, to)?;
        let mut on = vec![route_key.clone(), slot_key.clone(), hold_key.clone()];
        let peer_approvals = change.peer_approvals.iter();
        let peer_approvals: Vec<_> = peer_approvals
            .map(|approval| (self.store.keys().peer_approval(target, approval), approval))
            .collect();
        on.extend(peer_approvals.iter().map(|(key, _)| key.clone()));
        let checked = self
            .check_keys(doing, target, to, change.others_keys)
            .await?;
        on.extend(checked.keys());
        self.change(target, fence, doing, on)
            .apply(|seen| {
                let current = self.route(doing, seen.get(&route_key))?;
                if current.as_ref() == Some(to) {
                    return Ok(Decision::Done(()));
                }
                if current.as_ref().map(|it| (it.generation, it.live)) != change.from {
                    let reason = format!(
                        "the route is {}, not {}",
                        describe(current.as_ref().map(|it| (it.generation, it.live))),
                        describe(change.from)
                    );
                    return Err(self.conflict(doing, reason));
                }
                let is_current = |(key, approval): &(String, &PeerApproval)| {
                    let pair = seen.get(key).map(values::decode::<PeerApproval>);
                    pair.is_some_and(|pair| pair.is_ok_and(|current| current == **approval))
                };
                if let Some((_, withdrawn)) =
                    peer_approvals.iter().find(|approval| !is_current(approval))
                {
                    let reason = format!(
                        "the approval by {} has expired, or was changed or withdrawn",
                        withdrawn.by
                    );
                    return Err(self.changed(doing, &reason));
                }
                let unchanged = self.unchanged_keys(doing, &checked, seen)?;
                let slot = seen.get(&slot_key);
                let mut writes =
                    self.route_writes(doing, target, (to, &value), slot, &unchanged)?;
                writes.extend(self.hold_writes(doing, target, change, seen.get(&hold_key))?);
                Ok(Decision::Write(writes, ()))
            })
            .await
    }

    async fn replace_route(&self, target: &Target, to: &Route, fence: &Fence) -> Result<()> {
        let doing = &format!("rewriting the route of {target}");
        let route_key = self.store.keys().key(target, StoredKey::Route);
        let slot_key = self.store.keys().slot(target, to.live);
        let value = values::encode(&self.store, doing, to)?;
        let checked = self
            .check_keys(doing, target, to, OthersKeys::Leave)
            .await?;
        let mut on = vec![route_key.clone(), slot_key.clone()];
        on.extend(checked.keys());
        self.change(target, fence, doing, on)
            .apply(|seen| {
                let Some(pair) = seen.get(&route_key) else {
                    return Err(self.conflict(doing, "the target has no route"));
                };
                match values::decode_replaceable::<Route>(&self.store, doing, Some(pair))? {
                    Some(current) if current == *to => return Ok(Decision::Done(())),
                    Some(current) => {
                        let reason = format!(
                            "the route can be read again: it is {}",
                            describe(Some((current.generation, current.live)))
                        );
                        return Err(self.conflict(doing, reason));
                    }
                    None => {}
                }
                let unchanged = self.unchanged_keys(doing, &checked, seen)?;
                let slot = seen.get(&slot_key);
                let writes = self.route_writes(doing, target, (to, &value), slot, &unchanged)?;
                Ok(Decision::Write(writes, ()))
            })
            .await
    }
}

impl StoreWriter {
    /// The writes of the route and its extra keys. It is a conflict if the slot is not registered.
    fn route_writes(
        &self,
        doing: &str,
        target: &Target,
        (to, value): (&Route, &str),
        slot: Option<&Pair>,
        unchanged: &BTreeSet<String>,
    ) -> Result<Vec<Write>> {
        let Some(pair) = slot else {
            return Err(self.conflict(doing, format!("{} is not registered", to.live)));
        };
        let entry = values::decode_registration(pair, to.live)
            .map_err(|reason| self.blocked(doing, pair, reason))?;
        let mut writes = self.extra_writes(target, to, entry.tag.as_deref(), unchanged)?;
        let key = self.store.keys().key(target, StoredKey::Route);
        writes.push(Write::put(key, value));
        Ok(writes)
    }

    /// The writes of the hold that a switch makes. Fails if the hold is not as the switch requires. A hold that cannot
    /// be read stays unchanged, unless the switch requires a certain hold ([`HoldChange::Same`]). Then the call fails.
    fn hold_writes(
        &self,
        doing: &str,
        target: &Target,
        change: &RouteChange,
        pair: Option<&Pair>,
    ) -> Result<Vec<Write>> {
        let current = match pair.map(values::decode::<Hold>) {
            None => None,
            Some(Ok(current)) => Some(current),
            Some(Err(_)) if matches!(change.hold, HoldChange::Same(_)) => {
                return Err(self.changed(doing, "the hold cannot be read"));
            }
            Some(Err(_)) => return Ok(Vec::new()),
        };
        if !change.hold.allows(current.as_ref()) {
            let reason = current.map_or("the hold no longer exists".to_owned(), |hold| {
                hold.to_string()
            });
            return Err(self.changed(doing, &reason));
        }
        match change.hold.after(current, change.to.release) {
            Some(hold) => Ok(holds::hold_writes(&self.store, doing, target, &hold)?.into()),
            None => Ok(Vec::new()),
        }
    }

    fn changed(&self, doing: &str, reason: &str) -> Failure {
        self.store
            .failure(FailureKind::Changed, doing, sanitize(reason))
    }

    pub(super) fn change<'a>(
        &'a self,
        target: &'a Target,
        fence: &'a Fence,
        doing: &'a str,
        on: Vec<String>,
    ) -> Change<'a> {
        Change::under_lock(&self.store, doing, (target, fence), on)
    }
}

fn describe(route: Option<(u64, Slot)>) -> String {
    route.map_or_else(
        || "missing".to_owned(),
        |(generation, slot)| format!("{slot} generation {generation}"),
    )
}
