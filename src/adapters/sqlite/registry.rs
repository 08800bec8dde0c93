//! Registrations and routes, under the same keys as in etcd.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use rusqlite::Transaction;
use serde::de::DeserializeOwned;

use super::changes;
use super::fault::{self, Fault};
use super::holds;
use super::holds::HOLDS;
use super::lock;
use super::presence;
use super::repairs::REPAIRS;
use super::store::Store;
use super::transaction::{
    Change, HOLD, LOCK, LOCK_END, ROUTE, current_revision, decode, encode, full_key, get, slot_key,
    text,
};
use crate::inventory::{
    LockHolder, PerSlot, Registration, RegistryRecord, Revisioned, Route, Slot, Target,
};
use crate::ports::{Fence, Hint, KeyLine, RegistryReader, RegistryWriter, Result, RouteChange};
use crate::sanitize::sanitize;

/// The most characters of a value that are shown. Values of Greenroom are shorter.
const SHOWN: usize = 4_000;

#[async_trait]
impl RegistryReader for Store {
    fn address(&self) -> String {
        fault::target(&self.path)
    }

    async fn store(&self) -> Result<String> {
        let place = fault::target(&self.path);
        let (version, exists) = self
            .read("reading the version of SQLite", |sql| {
                current_revision(sql)?;
                let version: String =
                    sql.query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
                Ok((version, sql.path().is_some_and(|path| !path.is_empty())))
            })
            .await?;
        let place = place.replacen("sqlite", &format!("SQLite {version}"), 1);
        Ok(if exists {
            place
        } else {
            format!("{place}: no file yet, the first change creates it")
        })
    }

    async fn read(&self, target: &Target) -> Result<RegistryRecord> {
        let of = target.clone();
        Store::read(self, format!("reading {target}"), move |sql| {
            record(sql, &of)
        })
        .await
    }

    async fn keys(&self, target: &Target) -> Result<Vec<KeyLine>> {
        let of = target.clone();
        Store::read(self, format!("listing the keys of {target}"), move |sql| {
            lines(sql, &of)
        })
        .await
    }

    async fn changes(&self) -> Result<BoxStream<'static, Result<Hint>>> {
        changes::stream(self).await
    }
}

fn record(sql: &Transaction<'_>, target: &Target) -> std::result::Result<RegistryRecord, Fault> {
    let mut problems = BTreeMap::new();
    let route = value::<Route>(sql, target, ROUTE, &mut problems)?;
    let mut slots = PerSlot::default();
    for slot in Slot::BOTH {
        let key = slot_key(slot);
        let entry = value::<Registration>(sql, target, &key, &mut problems)?;
        *slots.get_mut(slot) = match entry {
            Some(entry) if entry.value.slot != slot => {
                let problem = format!("the value names the slot {}", entry.value.slot);
                problems.insert(full_key(target, &key), problem);
                None
            }
            entry => entry,
        };
    }
    let hold = value(sql, target, HOLD, &mut problems)?.map(|hold| hold.value);
    let lock = lock::standing(sql, target)?.and_then(|standing| match decode(&standing.record) {
        Ok(record) => Some(LockHolder {
            record,
            token: standing.token,
            ttl_seconds: Some(standing.ttl_seconds),
        }),
        Err(error) => {
            let problem = lock::unreadable(&error);
            problems.insert(full_key(target, LOCK), problem);
            None
        }
    });
    if let Some(problem) = lock::not_believed(sql, target)? {
        problems.insert(full_key(target, LOCK_END), problem);
    }
    let present = presence::read(sql, target)?;
    for (name, problem) in present.problems {
        problems.insert(full_key(target, &name), sanitize(&problem));
    }
    for name in unknown(sql, target)? {
        let problem = "Greenroom does not know this key".to_owned();
        problems.insert(full_key(target, &name), problem);
    }
    Ok(RegistryRecord {
        route,
        slots,
        lock,
        hold,
        watching: present.watching,
        handover_request: present.handover_request,
        peer_approvals: present.peer_approvals,
        problems,
        revision: current_revision(sql)?,
    })
}

fn unknown(sql: &Transaction<'_>, target: &Target) -> std::result::Result<Vec<String>, Fault> {
    let mut statement = sql.prepare_cached("SELECT name FROM registry WHERE target = ?1")?;
    let names = statement.query_map([target.to_string()], |row| text(row, 0))?;
    let mut names = names.collect::<std::result::Result<Vec<_>, _>>()?;
    names.retain(|name| !is_known(name) && !name.starts_with(REPAIRS) && !name.starts_with(HOLDS));
    Ok(names)
}

/// Whether Greenroom reads this key.
fn is_known(name: &str) -> bool {
    let mut slots = Slot::BOTH.into_iter();
    matches!(name, ROUTE | HOLD) || slots.any(|slot| slot_key(slot) == name)
}

fn value<T: DeserializeOwned>(
    sql: &Transaction<'_>,
    target: &Target,
    name: &str,
    problems: &mut BTreeMap<String, String>,
) -> std::result::Result<Option<Revisioned<T>>, Fault> {
    let Some((text, revision)) = get(sql, target, name)? else {
        return Ok(None);
    };
    Ok(match decode(&text) {
        Ok(value) => Some(Revisioned { value, revision }),
        Err(problem) => {
            problems.insert(full_key(target, name), problem);
            None
        }
    })
}

/// The text that is shown instead of the value of an unknown key.
const NOT_READ: &str = "(not read: Greenroom does not know this key)";

fn lines(sql: &Transaction<'_>, target: &Target) -> std::result::Result<Vec<KeyLine>, Fault> {
    let mut statement =
        sql.prepare_cached("SELECT name, revision FROM registry WHERE target = ?1")?;
    let names = statement.query_map([target.to_string()], |row| {
        Ok((text(row, 0)?, row.get::<_, i64>(1)?))
    })?;
    let names = names.collect::<std::result::Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for (name, revision) in names {
        // An unknown key is not read, because another program may have written a value above the read limit.
        let value = if is_known(&name) {
            get(sql, target, &name)?.map(|(value, _)| value)
        } else {
            None
        };
        let value = value.unwrap_or_else(|| NOT_READ.to_owned());
        rows.push((name, value, revision, None));
    }
    // The records of holds and repairs are history, which is read separately.
    rows.retain(|(name, ..)| !name.starts_with(REPAIRS) && !name.starts_with(HOLDS));
    for (name, value, revision) in presence::standing(sql, target)? {
        rows.push((name, value, revision, None));
    }
    if let Some(lock) = lock::standing(sql, target)? {
        let ttl = Some(lock.ttl_seconds);
        rows.push((LOCK.to_owned(), lock.record, lock.token.0, ttl));
    }
    rows.sort();
    Ok(rows
        .into_iter()
        .map(|(name, value, revision, ttl_seconds)| KeyLine {
            key: full_key(target, &name),
            value: shown(&value),
            revision,
            ttl_seconds,
        })
        .collect())
}

fn shown(value: &str) -> String {
    let mut text = sanitize(value);
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[async_trait]
impl RegistryWriter for Store {
    async fn register(&self, target: &Target, entry: &Registration, fence: &Fence) -> Result<()> {
        let (of, fence, entry) = (target.clone(), fence.clone(), entry.clone());
        let doing = format!("registering {} of {target}", entry.slot);
        self.write(doing, move |change| {
            change.compare(&of, &fence)?;
            let key = slot_key(entry.slot);
            let value = encode(&entry)?;
            match get(&change.sql, &of, &key)? {
                Some((stored, _)) if stored == value => Ok(()),
                _ => change.put(&of, &key, &value),
            }
        })
        .await
    }

    async fn deregister(&self, target: &Target, slot: Slot, fence: &Fence) -> Result<()> {
        let (of, fence) = (target.clone(), fence.clone());
        self.write(format!("deregistering {slot} of {target}"), move |change| {
            change.compare(&of, &fence)?;
            if let Some(route) = stored_route(&change.sql, &of)?
                && route.live == slot
            {
                return Err(Fault::conflict(format!(
                    "the route of generation {} names {slot}",
                    route.generation
                )));
            }
            let key = slot_key(slot);
            if get(&change.sql, &of, &key)?.is_none() {
                return Ok(());
            }
            change.remove(&of, &key)
        })
        .await
    }

    async fn swap_route(&self, target: &Target, change: &RouteChange, fence: &Fence) -> Result<()> {
        let (of, fence, order) = (target.clone(), fence.clone(), change.clone());
        let doing = format!("routing {target} to {}", order.to.live);
        self.write(doing, move |change| {
            change.compare(&of, &fence)?;
            let route = stored_route(&change.sql, &of)?;
            if route.as_ref() == Some(&order.to) {
                return Ok(());
            }
            let now = route.map(|route| (route.generation, route.live));
            if now != order.from {
                return Err(Fault::conflict(format!(
                    "the route is {}, but the switch expects {}",
                    describe(now),
                    describe(order.from)
                )));
            }
            holds::still_peer_approved(change, &of, &order)?;
            write_route(change, &of, &order.to)?;
            holds::of_switch(change, &of, &order)
        })
        .await
    }

    async fn replace_route(&self, target: &Target, to: &Route, fence: &Fence) -> Result<()> {
        let (of, fence, to) = (target.clone(), fence.clone(), to.clone());
        self.write(format!("rewriting the route of {target}"), move |change| {
            change.compare(&of, &fence)?;
            let Some((text, _)) = get(&change.sql, &of, ROUTE)? else {
                return Err(Fault::conflict("the target has no route"));
            };
            match decode::<Route>(&text) {
                Ok(current) if current == to => Ok(()),
                Ok(current) => {
                    let current = describe(Some((current.generation, current.live)));
                    Err(Fault::conflict(format!(
                        "the route can be read, and is {current}"
                    )))
                }
                Err(_) => write_route(change, &of, &to),
            }
        })
        .await
    }
}

/// Writes the route. Fails if its slot is not registered.
fn write_route(
    change: &Change<'_>,
    target: &Target,
    route: &Route,
) -> std::result::Result<(), Fault> {
    if get(&change.sql, target, &slot_key(route.live))?.is_none() {
        return Err(Fault::conflict(format!("{} is not registered", route.live)));
    }
    change.put(target, ROUTE, &encode(route)?)
}

fn stored_route(
    sql: &Transaction<'_>,
    target: &Target,
) -> std::result::Result<Option<Route>, Fault> {
    let Some((text, _)) = get(sql, target, ROUTE)? else {
        return Ok(None);
    };
    let route = decode(&text)
        .map_err(|error| Fault::garbled(format!("{}: {error}", full_key(target, ROUTE))))?;
    Ok(Some(route))
}

fn describe(route: Option<(u64, Slot)>) -> String {
    match route {
        Some((generation, slot)) => format!("{slot} generation {generation}"),
        None => "empty".to_owned(),
    }
}
