//! Holds that people place and clear. Each target has one row for its current hold, and a permanent record of each
//! hold. No lock is needed.

use async_trait::async_trait;

use super::fault::Fault;
use super::presence;
use super::store::Store;
use super::transaction::{Change, HOLD, decode, encode, full_key, get, newest_below};
use crate::history::HoldRecord;
use crate::inventory::{Cleared, Hold, HoldChange, RouteChange, Target};
use crate::ports::{FailureKind, Holds, Result};
use crate::sanitize::sanitize;

/// The prefix of the names of hold records.
pub(super) const HOLDS: &str = "holds/";

type Outcome<T> = std::result::Result<T, Fault>;

#[async_trait]
impl Holds for Store {
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>> {
        let (of, hold) = (target.clone(), hold.clone());
        self.write(
            format!("placing a hold on {target}"),
            move |change| match current_hold(change, &of)? {
                Some(current) if current.is_active(hold.since) => {
                    Ok((current != hold).then_some(current))
                }
                _ => {
                    write(change, &of, &hold)?;
                    Ok(None)
                }
            },
        )
        .await
    }

    async fn clear(&self, target: &Target, hold: &Hold, cleared: &Cleared) -> Result<()> {
        let (of, hold) = (target.clone(), hold.clone());
        let ended = hold.clone().cleared(cleared.clone());
        let doing = format!("clearing the hold on {target}");
        self.write(doing, move |change| match current_hold(change, &of)? {
            Some(current) if current == ended => Ok(()),
            Some(current) if current == hold => write(change, &of, &ended),
            Some(current) => {
                let problem = format!("the hold has changed since you saw it. It is now: {current}. Read it, then try again");
                Err(Fault::conflict(sanitize(&problem)))
            }
            None => Err(Fault::conflict("the hold has already been cleared")),
        })
        .await
    }

    async fn replace(
        &self,
        target: &Target,
        hold: &Hold,
        cleared: &Cleared,
        next: &Hold,
    ) -> Result<()> {
        let (of, hold, next) = (target.clone(), hold.clone(), next.clone());
        let ended = hold.clone().cleared(cleared.clone());
        let doing = format!("replacing the hold on {target}");
        self.write(doing, move |change| match current_hold(change, &of)? {
            Some(current) if current == next => Ok(()),
            Some(current) if current == hold => {
                record(change, &of, &ended)?;
                write(change, &of, &next)
            }
            Some(current) => {
                let problem = format!("the hold has changed since you saw it. It is now: {current}. Read it, then try again");
                Err(Fault::conflict(sanitize(&problem)))
            }
            None => Err(Fault::conflict("the hold has already been cleared")),
        })
        .await
    }

    async fn remove_unreadable(&self, target: &Target, revision: i64, record: &Hold) -> Result<()> {
        let (of, kept) = (target.clone(), record.clone());
        let doing = format!("removing the unreadable hold on {target}");
        self.write(doing, move |change| {
            let Some((text, written)) = get(&change.sql, &of, HOLD)? else {
                return Err(Fault::conflict("the hold has already been removed"));
            };
            if written != revision {
                return Err(Fault::conflict(
                    "another operator or program has changed the hold",
                ));
            }
            if decode::<Hold>(&text).is_ok() {
                return Err(Fault::conflict(
                    "the hold can be read: clear it like any other hold",
                ));
            }
            change.remove(&of, HOLD)?;
            self::record(change, &of, &kept)
        })
        .await
    }
}

/// The current hold. Fails for a value that cannot be read, because it may be a hold that stops promotes and must not
/// be overwritten.
fn current_hold(change: &Change<'_>, target: &Target) -> Outcome<Option<Hold>> {
    let Some((text, _)) = get(&change.sql, target, HOLD)? else {
        return Ok(None);
    };
    let hold = decode(&text).map_err(|error| {
        Fault::conflict(format!(
            "{} blocks the change: {error}",
            full_key(target, HOLD)
        ))
        .hint("run `greenroom hold` with --clear to see and remove this value")
    })?;
    Ok(Some(hold))
}

/// Writes the current hold and its record.
fn write(change: &Change<'_>, target: &Target, hold: &Hold) -> Outcome<()> {
    change.put(target, HOLD, &encode(hold)?)?;
    record(change, target, hold)
}

fn record(change: &Change<'_>, target: &Target, hold: &Hold) -> Outcome<()> {
    let record = HoldRecord::new(target, hold);
    change.put(target, &format!("{HOLDS}{}", record.id), &encode(&record)?)
}

impl Store {
    pub(super) async fn holds_of(&self, target: &Target, limit: usize) -> Result<Vec<HoldRecord>> {
        let of = target.clone();
        self.read(format!("listing the holds of {target}"), move |sql| {
            let found = newest_below(sql, &of, HOLDS, limit)?;
            let records = found.iter().filter_map(|text| decode(text).ok());
            Ok(records
                .filter(|record: &HoldRecord| record.target == of)
                .collect())
        })
        .await
    }
}

fn changed(reason: &str) -> Fault {
    Fault::refused(FailureKind::Changed, sanitize(reason))
}

/// Fails when another operator has withdrawn an approval that the switch needs.
pub(super) fn still_peer_approved(
    change: &Change<'_>,
    target: &Target,
    order: &RouteChange,
) -> Outcome<()> {
    let approvals = presence::read(&change.sql, target)?.peer_approvals;
    match order
        .peer_approvals
        .iter()
        .find(|approval| !approvals.contains(approval))
    {
        Some(withdrawn) => Err(changed(&format!(
            "{} no longer approves the release",
            withdrawn.by
        ))),
        None => Ok(()),
    }
}

/// Writes what a switch changes about the hold. An unreadable hold stays unchanged.
pub(super) fn of_switch(change: &Change<'_>, target: &Target, order: &RouteChange) -> Outcome<()> {
    let current = match current_hold(change, target) {
        Ok(current) => current,
        Err(_) if matches!(order.hold, HoldChange::Same(_)) => {
            return Err(changed("the hold cannot be read"));
        }
        Err(_) => return Ok(()),
    };
    if !order.hold.allows(current.as_ref()) {
        let reason = current.map_or("the hold no longer exists".to_owned(), |hold| {
            format!("the hold is now: {hold}")
        });
        return Err(changed(&reason));
    }
    match order.hold.after(current, order.to.release) {
        Some(hold) => write(change, target, &hold),
        None => Ok(()),
    }
}
