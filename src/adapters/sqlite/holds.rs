//! Holds, placed and cleared by people: one row a target. No lock is needed.

use async_trait::async_trait;

use super::fault::Fault;
use super::store::Store;
use super::transaction::{Change, HOLD, decode, encode, full_key, get};
use crate::harmless::harmless;
use crate::inventory::{Cleared, Hold, RouteChange, Target};
use crate::ports::{Holds, Result};

type Outcome<T> = std::result::Result<T, Fault>;

#[async_trait]
impl Holds for Store {
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>> {
        let (of, hold) = (target.clone(), hold.clone());
        self.write(
            format!("placing a hold on {target}"),
            move |change| match standing(change, &of)? {
                Some(stands) if stands.stands(hold.since) => Ok((stands != hold).then_some(stands)),
                _ => {
                    change.put(&of, HOLD, &encode(&hold)?)?;
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
        self.write(doing, move |change| match standing(change, &of)? {
            Some(stands) if stands == ended => Ok(()),
            Some(stands) if stands == hold => change.put(&of, HOLD, &encode(&ended)?),
            Some(stands) => {
                let said = format!("another stands there: {stands}");
                Err(Fault::conflict(harmless(&said)))
            }
            None => Err(Fault::conflict("it is gone already")),
        })
        .await
    }
}

/// What nobody can read may stop promotes: it is not written over.
fn standing(change: &Change<'_>, target: &Target) -> Outcome<Option<Hold>> {
    let Some((text, _)) = get(&change.sql, target, HOLD)? else {
        return Ok(None);
    };
    let hold = decode(&text).map_err(|said| {
        Fault::conflict(format!(
            "{} stands in the way: {said}",
            full_key(target, HOLD)
        ))
    })?;
    Ok(Some(hold))
}

/// What a switch does about the hold: a rollback leaves one where none stands, and takes its own away when
/// it is switched back. One that cannot be read stays.
pub(super) fn of_switch(change: &Change<'_>, target: &Target, order: &RouteChange) -> Outcome<()> {
    let Ok(stands) = standing(change, target) else {
        return Ok(());
    };
    match (&order.hold, stands) {
        (None, Some(stands)) if stands.release == Some(order.to.release) => {
            change.remove(target, HOLD)
        }
        (Some(hold), stands) if stands.as_ref().is_none_or(|it| !it.stands(hold.since)) => {
            change.put(target, HOLD, &encode(hold)?)
        }
        _ => Ok(()),
    }
}
