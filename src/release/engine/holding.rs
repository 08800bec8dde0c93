//! Places and clears the holds of operators. This needs no lock: a hold can be placed while a promote is running, and
//! then stops that promote before its switch.

use jiff::Timestamp;

use super::{Engine, unknown};
use crate::inventory::{Cleared, Clocks, Hold, SeenHold, StoredKey, Target};
use crate::ports::{Failure, FailureKind};
use crate::release::{Refusal, Refused, Site, gather};
use crate::sanitize::sanitize;

/// How many characters of an unreadable hold are shown, and are recorded when it is cleared.
const SHOWN: usize = 200;

/// A hold in the store that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableHold {
    pub key: String,
    /// The stored value, sanitized and cut.
    pub value: String,
    /// The revision of the store at which the value was written.
    pub revision: i64,
    pub why: String,
}

impl Engine {
    /// Places a hold on a target, with a reason. If a rollback left a hold without a reason, adds the reason to that
    /// hold. Returns the hold; the error says why none was placed.
    pub async fn hold(
        &self,
        target: &Target,
        reason: String,
        until: Option<Timestamp>,
    ) -> Result<Hold, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let write = site.write.as_ref().ok_or(Refusal::ReadOnly)?;
        if reason.trim().is_empty() {
            return Err(Refusal::HoldWithoutReason.into());
        }
        let hold = Hold {
            reason: sanitize(&reason),
            author: self.operator.clone(),
            since: self.clock.now(),
            until,
            release: None,
            cleared: None,
        };
        match write.store.holds.place(target, &hold).await {
            Ok(None) => Ok(hold),
            Ok(Some(existing)) if existing.lacks_reason() => {
                self.give_reason(target, &existing, &hold).await
            }
            Ok(Some(existing)) => Err(Refusal::HeldAlready(existing).into()),
            Err(failure) => Err(unknown("whether the hold was placed", &failure)),
        }
    }

    /// Adds a reason to the hold that a rollback left. A new hold with the reason replaces the old hold, and the store
    /// keeps the records of both holds. The new hold ends at the requested time, or else when the old hold ends.
    async fn give_reason(
        &self,
        target: &Target,
        existing: &Hold,
        requested: &Hold,
    ) -> Result<Hold, Refused> {
        let Some(write) = self.sites.get(target).and_then(|site| site.write.as_ref()) else {
            return Err(Refusal::ReadOnly.into());
        };
        let mut next =
            existing.with_reason(&requested.reason, requested.author.clone(), requested.since);
        next.until = requested.until.or(existing.until);
        let cleared = Cleared {
            by: requested.author.clone(),
            at: requested.since,
            why: Some("the reason was given".to_owned()),
        };
        match write
            .store
            .holds
            .replace(target, existing, &cleared, &next)
            .await
        {
            Ok(()) => Ok(next),
            Err(failure) if failure.kind == FailureKind::Conflict => Err(hold_changed(&failure)),
            Err(failure) => Err(unknown("whether the reason was added", &failure)),
        }
    }

    /// The clocks of the servers of a target, compared with the clock of this machine.
    pub async fn clocks(&self, site: &Site) -> Clocks {
        gather::clocks(site, self.clock.as_ref()).await
    }

    /// Clears the active hold of a target, with a record of who cleared it. Returns the cleared hold; the error says
    /// why none was cleared.
    pub async fn clear_hold(&self, target: &Target, why: Option<String>) -> Result<Hold, Refused> {
        self.clear(target, None, why).await
    }

    /// Clears the hold that the operator was shown. If the hold has changed since then, nothing is cleared.
    pub async fn clear_seen_hold(
        &self,
        target: &Target,
        seen: &SeenHold,
        why: Option<String>,
    ) -> Result<Hold, Refused> {
        self.clear(target, Some(seen), why).await
    }

    async fn clear(
        &self,
        target: &Target,
        seen: Option<&SeenHold>,
        why: Option<String>,
    ) -> Result<Hold, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let write = site.write.as_ref().ok_or(Refusal::ReadOnly)?;
        let now = self.clock.now();
        if let Some(hold) = self.unreadable_hold(target).await? {
            if seen.is_some_and(|seen| *seen != SeenHold::Unreadable(hold.revision)) {
                let UnreadableHold {
                    key, revision, why, ..
                } = hold;
                let now = Some(format!("{key} of revision {revision}: {why}"));
                return Err(Refusal::HoldChanged { now }.into());
            }
            return self.clear_unreadable_hold(target, &hold, why).await;
        }
        let record = site.read.registry.read(target).await;
        let record = record.map_err(|failure| unknown("which hold is active", &failure))?;
        let found = record.hold.clone().map(Box::new).map(SeenHold::Readable);
        if seen.is_some_and(|seen| found.as_ref() != Some(seen)) {
            let now = record.hold.map(|hold| hold.describe(now));
            return Err(Refusal::HoldChanged { now }.into());
        }
        let hold = record.hold.ok_or(Refusal::NoHold)?;
        if !self.is_in_effect(site, &hold, now).await {
            return Err(Refusal::NoHold.into());
        }
        let cleared = Cleared {
            by: self.operator.clone(),
            at: now,
            why: why.map(|why| sanitize(&why)),
        };
        match write.store.holds.clear(target, &hold, &cleared).await {
            Ok(()) => Ok(hold.cleared(cleared)),
            Err(failure) if failure.kind == FailureKind::Conflict => Err(hold_changed(&failure)),
            Err(failure) => Err(unknown("whether the hold was cleared", &failure)),
        }
    }

    /// Whether a hold stops promotes by this machine's clock or by the clock of another machine. The other clocks are
    /// read only if the hold has ended by this machine's clock.
    async fn is_in_effect(&self, site: &Site, hold: &Hold, now: Timestamp) -> bool {
        if hold.cleared.is_some() || hold.is_active(now) {
            return hold.is_active(now);
        }
        hold.is_active(self.clocks(site).await.earliest(now))
    }

    /// The hold in the store, if its value cannot be read. None if the hold can be read or does not exist.
    pub async fn unreadable_hold(
        &self,
        target: &Target,
    ) -> Result<Option<UnreadableHold>, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let not_known = |failure| unknown("which hold is active", &failure);
        let read = site.read.registry.read_with_keys(target).await;
        let (record, lines) = read.map_err(not_known)?;
        let mut problems = record.problems.into_iter();
        let is_hold = |key: &str| StoredKey::of(target, key) == StoredKey::Hold;
        let Some((key, why)) = problems.find(|(key, _)| is_hold(key)) else {
            return Ok(None);
        };
        let line = lines.into_iter().find(|line| line.key == key);
        Ok(line.map(|line| UnreadableHold {
            value: line.value.chars().take(SHOWN).collect(),
            revision: line.revision,
            key,
            why,
        }))
    }

    /// Removes the unreadable hold that was shown, and records its value and the operator who removed it. If the hold
    /// has changed since then, nothing is removed.
    pub async fn clear_unreadable_hold(
        &self,
        target: &Target,
        hold: &UnreadableHold,
        why: Option<String>,
    ) -> Result<Hold, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let write = site.write.as_ref().ok_or(Refusal::ReadOnly)?;
        let now = self.clock.now();
        let removed = Hold {
            reason: format!("a hold that could not be read: {}", hold.value),
            author: self.operator.clone(),
            since: now,
            until: None,
            release: None,
            cleared: Some(Cleared {
                by: self.operator.clone(),
                at: now,
                why: why.map(|why| sanitize(&why)),
            }),
        };
        let holds = &write.store.holds;
        match holds
            .remove_unreadable(target, hold.revision, &removed)
            .await
        {
            Ok(()) => Ok(removed),
            Err(failure) if failure.kind == FailureKind::Conflict => Err(hold_changed(&failure)),
            Err(failure) => Err(unknown("whether the hold was removed", &failure)),
        }
    }
}

/// The refusal if the store did not write because the hold has changed.
fn hold_changed(failure: &Failure) -> Refused {
    let now = Some(failure.to_string());
    Refusal::HoldChanged { now }.into()
}
