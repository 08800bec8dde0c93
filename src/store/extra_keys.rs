//! Extra keys, which other programs read in etcd. A route and its extra keys are written in one transaction, so they
//! have the same revision. If a key has the revision of another target's route, that target wrote the key. Any other
//! key may be written.

use std::collections::BTreeSet;

use super::change::CurrentValues;
use super::values;
use super::writer::StoreWriter;
use crate::inventory::{
    Addresses, BadExtraKey, ExtraKey, ExtraKeys, OthersKeys, PerSlot, Route, StoredKey, Target,
};
use crate::ports::kv::Range;
use crate::ports::{Failure, FailureKind, Result};

/// Compiles the extra keys of a service. A failure names the template and the reason.
pub(super) fn compile(prefix: &str, service: &str, extra: &[ExtraKey]) -> Result<ExtraKeys> {
    ExtraKeys::compile(prefix, service, extra).map_err(|wrong| refused(&wrong))
}

/// The failure if an extra key cannot be built.
pub(super) fn refused(wrong: &BadExtraKey) -> Failure {
    let BadExtraKey { part, message } = wrong;
    Failure::new(
        FailureKind::Rejected,
        "etcd",
        format!("building {part}"),
        message.as_str(),
    )
    .hint("correct the template in the service's settings")
}

/// The extra keys of a route, as they were read.
pub(super) struct CheckedKeys {
    /// The keys that belong to no other target, each with its revision, which is 0 for a missing key.
    compared: Vec<(String, i64)>,
    /// The keys of another target, which are left unchanged.
    unchanged: BTreeSet<String>,
    others: OthersKeys,
    /// Why the route cannot be written: the reason and the hint.
    refused: Option<(String, String)>,
}

impl CheckedKeys {
    /// The keys that must not change before the route is written.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.compared.iter().map(|(key, _)| key.clone())
    }
}

impl StoreWriter {
    /// The extra keys that this target would write but that belong to another target, as texts that say what to do.
    pub(super) async fn others_keys(
        &self,
        target: &Target,
        endpoints: &PerSlot<Addresses>,
    ) -> Result<Vec<String>> {
        let doing = format!("reading the extra keys of {target}");
        let Some(extra) = self.extra.get(&target.service) else {
            return Ok(Vec::new());
        };
        let keys = extra
            .possible_keys(target, endpoints)
            .map_err(|wrong| refused(&wrong))?;
        let mut taken = Vec::new();
        for key in keys {
            if let (Some(owner), _) = self.owner_of(&doing, target, &key).await? {
                let (reason, hint) = reason_and_hint(&key, &owner);
                taken.push(format!("{reason} ({hint})"));
            }
        }
        Ok(taken)
    }

    /// Reads the extra keys of this route. If a key belongs to another target, `others` decides: the write is refused,
    /// or the key is left unchanged.
    pub(super) async fn check_keys(
        &self,
        doing: &str,
        target: &Target,
        to: &Route,
        others: OthersKeys,
    ) -> Result<CheckedKeys> {
        let mut checked = CheckedKeys {
            compared: Vec::new(),
            unchanged: BTreeSet::new(),
            others,
            refused: None,
        };
        let Some(extra) = self.extra.get(&target.service) else {
            return Ok(checked);
        };
        let slot = self.store.keys().slot(target, to.live);
        let registered = self.store.read_one(self.store.call(doing), &slot).await?;
        let tag = registered
            .and_then(|pair| values::decode_registration(&pair, to.live).ok())
            .and_then(|entry| entry.tag);
        let pairs = extra
            .render(target, to, tag.as_deref())
            .map_err(|wrong| refused(&wrong))?;
        for (key, _) in pairs {
            match self.owner_of(doing, target, &key).await? {
                (Some(owner), _) => {
                    let (reason, hint) = reason_and_hint(&key, &owner);
                    if others == OthersKeys::Leave {
                        tracing::warn!("{doing}: {reason}");
                        checked.unchanged.insert(key);
                        continue;
                    }
                    checked.refused = Some((reason, hint));
                }
                (None, Some(revision)) => checked.compared.push((key, revision)),
                (None, None) => {}
            }
        }
        Ok(checked)
    }

    /// The keys that are left unchanged when the route is written. If a key has changed since `check_keys` read it,
    /// another program writes the key at the same time. Then the write is refused, or this key is left unchanged too,
    /// as `others` says.
    pub(super) fn unchanged_keys(
        &self,
        doing: &str,
        checked: &CheckedKeys,
        seen: &CurrentValues,
    ) -> Result<BTreeSet<String>> {
        if let Some((reason, hint)) = &checked.refused {
            let failure = self
                .store
                .failure(FailureKind::Conflict, doing, reason.as_str());
            return Err(failure.hint(hint.as_str()));
        }
        let mut unchanged = checked.unchanged.clone();
        for (key, revision) in &checked.compared {
            if seen.revision(key) == *revision {
                continue;
            }
            let reason = format!("another program changed {key} at the same time");
            if checked.others == OthersKeys::Refuse {
                return Err(self.store.failure(FailureKind::Conflict, doing, reason));
            }
            tracing::warn!("{doing}: {reason}, so Greenroom did not change it");
            unchanged.insert(key.clone());
        }
        Ok(unchanged)
    }

    /// The other target that wrote a key last, or none, and the revision of the key, which is 0 for a missing key.
    /// Target and revision are none if this user may not read the key. The key is then written without a comparison, so
    /// a role that may only write the key is enough.
    async fn owner_of(
        &self,
        doing: &str,
        target: &Target,
        key: &str,
    ) -> Result<(Option<Target>, Option<i64>)> {
        let pair = match self.store.read_one(self.store.call(doing), key).await {
            Err(failure) if failure.kind == FailureKind::Denied => return Ok((None, None)),
            pair => pair?,
        };
        let Some(revision) = pair.map(|pair| pair.revision) else {
            return Ok((None, Some(0)));
        };
        let keys = self.store.keys();
        let written_then = Range::below(&keys.targets())
            .keys_only()
            .changed_at(revision);
        let found = self.store.read_range(self.store.call(doing), written_then);
        let found = found.await?;
        let routes = found.iter().filter_map(|pair| {
            let of = keys.target_of(&pair.key)?;
            (pair.key == keys.key(&of, StoredKey::Route).as_bytes()).then_some(of)
        });
        let owner = routes.into_iter().find(|of| of != target);
        Ok((owner, Some(revision)))
    }
}

fn reason_and_hint(key: &str, owner: &Target) -> (String, String) {
    (
        format!(
            "the key {key} in etcd belongs to {owner}: it was written with the route of {owner}, so Greenroom does not change it"
        ),
        format!(
            "give one of the two targets another key: use {{{{ service }}}} and {{{{ environment }}}} in `etcd_key`; or delete the key if {owner} no longer writes it"
        ),
    )
}
