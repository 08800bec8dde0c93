//! Extra keys that another target has. A route and its extra keys are written in one transaction, so they have one
//! revision: the route that was changed last where the key was is that of the target that wrote it. A key that no route
//! was written with is one that another program made, and may be taken over.

use etcd_client::{GetOptions, KeyValue, TxnOp};

use super::change::Seen;
use super::store::one;
use super::values;
use super::writer::EtcdWriter;
use crate::inventory::{Endpoint, PerSlot, Route, Target};
use crate::ports::{Failure, FailureKind, Result};

/// Keys that were looked at and are not another target's, each with the revision it had then; 0 where it was not there.
pub(super) struct Free(Vec<(String, i64)>);

impl Free {
    /// Their names.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(key, _)| key.clone())
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

    /// Refuses where a key that goes with this route is another target's.
    pub(super) async fn free_keys(&self, doing: &str, target: &Target, to: &Route) -> Result<Free> {
        let Some(extra) = self.extra.get(&target.service) else {
            return Ok(Free(Vec::new()));
        };
        let slot = self.store.keys().slot(target, to.live);
        let registered = self.read_one(doing, &slot).await?;
        let tag = registered
            .and_then(|pair| values::decode_registration(&pair, to.live).ok())
            .and_then(|entry| entry.tag);
        let pairs = extra
            .render(target, to, tag.as_deref())
            .map_err(|wrong| super::extra::refused(&wrong))?;
        let mut free = Vec::new();
        for (key, _) in pairs {
            match self.owner_of(doing, target, &key).await? {
                (Some(owner), _) => {
                    let (said, hint) = in_words(&key, &owner);
                    let failure = self.store.failure(FailureKind::Conflict, doing, said);
                    return Err(failure.hint(hint));
                }
                (None, Some(revision)) => free.push((key, revision)),
                (None, None) => {}
            }
        }
        Ok(Free(free))
    }

    /// Refuses where one of them was written since it was looked at.
    pub(super) fn still_free(&self, doing: &str, free: &Free, seen: &Seen) -> Result<()> {
        let changed = free
            .0
            .iter()
            .find(|(key, revision)| seen.get(key).map_or(0, KeyValue::mod_revision) != *revision);
        match changed {
            Some((key, _)) => Err(self.store.failure(
                FailureKind::Conflict,
                doing,
                format!("{key} was written by another program at this moment"),
            )),
            None => Ok(()),
        }
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
