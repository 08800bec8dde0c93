//! Extra keys that another target has. A route and its extra keys are written in one transaction, so they have one
//! revision: the route that was changed last where the key was is that of the target that wrote it. A key that no route
//! was written with is one that another program made, and may be taken over.

use std::collections::BTreeSet;

use etcd_client::{GetOptions, KeyValue, TxnOp};

use super::change::Seen;
use super::store::one;
use super::values;
use super::writer::EtcdWriter;
use crate::inventory::{Endpoint, OthersKeys, PerSlot, Route, Target};
use crate::ports::{Failure, FailureKind, Result};

/// The extra keys of a route as they were looked at.
pub(super) struct Free {
    /// Those that are not another target's, each with the revision it had then; 0 where it was not there.
    looked_at: Vec<(String, i64)>,
    /// Those that another target has, left as they are.
    left: BTreeSet<String>,
    others: OthersKeys,
    /// Why the route cannot be written with them.
    refused: Option<(String, String)>,
}

impl Free {
    /// The keys that must not change until the route is written.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.looked_at.iter().map(|(key, _)| key.clone())
    }
}

impl EtcdWriter {
    /// Which of the keys that this target would write are another's, in words with what to do.
    pub(super) async fn others_keys(
        &self,
        target: &Target,
        endpoints: &PerSlot<Endpoint>,
    ) -> Result<Vec<String>> {
        let doing = format!("looking at the extra keys of {target}");
        let Some(extra) = self.extra.get(&target.service) else {
            return Ok(Vec::new());
        };
        let keys = extra
            .possible_keys(target, endpoints)
            .map_err(|wrong| super::extra::refused(&wrong))?;
        let mut taken = Vec::new();
        for key in keys {
            if let (Some(owner), _) = self.owner_of(&doing, target, &key).await? {
                let (said, hint) = in_words(&key, &owner);
                taken.push(format!("{said}: {hint}"));
            }
        }
        Ok(taken)
    }

    /// Looks at the keys that go with this route. Where another target has one, this is refused or the key is left.
    pub(super) async fn free_keys(
        &self,
        doing: &str,
        target: &Target,
        to: &Route,
        others: OthersKeys,
    ) -> Result<Free> {
        let mut free = Free {
            looked_at: Vec::new(),
            left: BTreeSet::new(),
            others,
            refused: None,
        };
        let Some(extra) = self.extra.get(&target.service) else {
            return Ok(free);
        };
        let slot = self.store.keys().slot(target, to.live);
        let registered = self.read_one(doing, &slot).await?;
        let tag = registered
            .and_then(|pair| values::decode_registration(&pair, to.live).ok())
            .and_then(|entry| entry.tag);
        let pairs = extra
            .render(target, to, tag.as_deref())
            .map_err(|wrong| super::extra::refused(&wrong))?;
        for (key, _) in pairs {
            match self.owner_of(doing, target, &key).await? {
                (Some(owner), _) => {
                    let (said, hint) = in_words(&key, &owner);
                    if others == OthersKeys::Leave {
                        tracing::warn!("{doing}: {said}");
                        free.left.insert(key);
                        continue;
                    }
                    free.refused = Some((said, hint));
                }
                (None, Some(revision)) => free.looked_at.push((key, revision)),
                (None, None) => {}
            }
        }
        Ok(free)
    }

    /// The keys that the route is written without. One that was written since it was looked at is another program's too:
    /// refused, or left.
    pub(super) fn left(&self, doing: &str, free: &Free, seen: &Seen) -> Result<BTreeSet<String>> {
        if let Some((said, hint)) = &free.refused {
            let failure = self
                .store
                .failure(FailureKind::Conflict, doing, said.as_str());
            return Err(failure.hint(hint.as_str()));
        }
        let mut left = free.left.clone();
        for (key, revision) in &free.looked_at {
            if seen.get(key).map_or(0, KeyValue::mod_revision) == *revision {
                continue;
            }
            let said = format!("{key} was written by another program at this moment");
            if free.others == OthersKeys::Refuse {
                return Err(self.store.failure(FailureKind::Conflict, doing, said));
            }
            tracing::warn!("{doing}: {said}, so it was left as it is");
            left.insert(key.clone());
        }
        Ok(left)
    }

    /// The other target that wrote a key last, if one did, and the key's revision. Neither where this user may not read
    /// the key: a role that may only write it is left as it was.
    async fn owner_of(
        &self,
        doing: &str,
        target: &Target,
        key: &str,
    ) -> Result<(Option<Target>, Option<i64>)> {
        let pair = match self.read_one(doing, key).await {
            Err(failure) if failure.kind == FailureKind::Denied => return Ok((None, None)),
            pair => pair?,
        };
        let Some(revision) = pair.map(|pair| pair.mod_revision()) else {
            return Ok((None, Some(0)));
        };
        let options = GetOptions::new()
            .with_prefix()
            .with_keys_only()
            .with_min_mod_revision(revision)
            .with_max_mod_revision(revision);
        let keys = self.store.keys();
        let written_then = TxnOp::get(keys.targets(), Some(options));
        let until = self.store.deadline();
        let (_, found) = self.store.ranges(doing, until, vec![written_then]).await?;
        let routes = found.iter().flatten().filter_map(|pair| {
            let of = keys.target_of(pair.key())?;
            (pair.key() == keys.route(&of).as_bytes()).then_some(of)
        });
        let owner = routes.into_iter().find(|of| of != target);
        Ok((owner, Some(revision)))
    }

    async fn read_one(
        &self,
        doing: &str,
        key: &str,
    ) -> std::result::Result<Option<KeyValue>, Failure> {
        let until = self.store.deadline();
        let (_, found) = self.store.ranges(doing, until, vec![one(key)]).await?;
        Ok(found.into_iter().flatten().next())
    }
}

fn in_words(key: &str, owner: &Target) -> (String, String) {
    (
        format!(
            "the key {key} of etcd was written with the route of {owner}, so it was left as it is"
        ),
        format!(
            "give one of the two another key: name {{{{ service }}}} and {{{{ environment }}}} in `etcd_key`; or delete the key if {owner} no longer writes it"
        ),
    )
}
