//! The stored keys of a target as a tree, and where they differ from the observations: from the
//! instances, from the slots' addresses, from the proxy's answer. The tree contains every key below
//! the prefix, no matter who wrote it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::inventory::local_time;
use crate::inventory::{
    Instance, KeyLine, PeerApproval, Registration, Revisioned, Role, Route, RuntimeKind, Slot,
    SlotSnapshot, Snapshot, drift,
};

/// How a key compares with the observations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// There is nothing to compare it with, or that is unknown now.
    Nothing,
    /// It agrees.
    Agrees,
    /// It differs, in these words.
    Differs(Vec<String>),
    /// It is Greenroom's and cannot be read, in these words.
    Unreadable(String),
    /// It is not Greenroom's, in these words.
    Foreign(String),
    /// It should exist and does not, in these words.
    Missing(String),
}

impl Mark {
    /// Whether an operator has to look at it.
    pub fn is_wrong(&self) -> bool {
        matches!(
            self,
            Self::Differs(_) | Self::Unreadable(_) | Self::Missing(_)
        )
    }
}

/// One row of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow<'a> {
    /// How deep it is below the target's prefix.
    pub depth: usize,
    /// The part of the path that it adds. The name of a branch ends with a slash.
    pub name: String,
    /// The stored key; none for a branch, and for a missing key.
    pub line: Option<&'a KeyLine>,
    /// The value in few words.
    pub value: String,
    pub mark: Mark,
}

/// Seconds left on a key's lease at a moment, as last read: a later renewal is not known.
pub fn lease_left(snapshot: &Snapshot, ttl_seconds: Option<i64>, now: Timestamp) -> Option<u64> {
    let read_at = snapshot.keys_at.unwrap_or(snapshot.at);
    let gone = now.as_second().saturating_sub(read_at.as_second()).max(0);
    let left = ttl_seconds?.saturating_sub(gone).max(0);
    u64::try_from(left).ok()
}

/// The subject of a row.
enum Entry<'a> {
    Stored(&'a KeyLine),
    /// An instance runs in a slot that is not registered.
    Unregistered(Slot),
    /// A problem with something that is not a key of the list: a head of the journal.
    Problem(&'a str),
}

/// Whether Greenroom uses this name below a target.
fn is_ours(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or(name);
    matches!(
        first,
        "approvals" | "hold" | "lock" | "route" | "slots" | "releases" | "watching" | "wheel"
    )
}

/// Where a group of keys is in the tree: route and slots, then what differs, then what is in progress, then what has
/// ended, and last the keys that are not Greenroom's.
fn rank(snapshot: &Snapshot, group: &str, is_wrong: bool) -> u8 {
    let hold_is_over = || {
        !snapshot
            .hold
            .as_ref()
            .is_some_and(|hold| hold.stands(snapshot.at))
    };
    let approvals_are_over = || {
        let mut given = snapshot.peer_approvals.iter();
        !given.any(|given| given.expires_at > snapshot.at)
    };
    let request_is_over = || {
        let asked = snapshot.handover_request.as_ref();
        asked.is_none_or(|asked| asked.declined.is_some())
    };
    match group {
        "route" => 0,
        "slots" => 1,
        _ if is_wrong => 2,
        "lock" => 3,
        "hold" if !hold_is_over() => 4,
        "wheel" if !request_is_over() => 5,
        "approvals" if !approvals_are_over() => 6,
        _ if is_ours(group) => 7,
        _ => 8,
    }
}

/// The first part of a name.
fn group_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// Whether it only says who has the target open. The header shows that, and it changes often.
fn is_presence(snapshot: &Snapshot, line: &KeyLine) -> bool {
    let is_readable = !snapshot.problems.contains_key(&line.key);
    is_readable && name_of(snapshot, &line.key).starts_with("watching/")
}

/// The tree, in the order of [`rank`].
pub fn registrations(snapshot: &Snapshot) -> Vec<KeyRow<'_>> {
    let mut entries: Vec<(String, Entry<'_>)> = snapshot
        .keys
        .iter()
        .filter(|line| !is_presence(snapshot, line))
        .map(|line| (name_of(snapshot, &line.key), Entry::Stored(line)))
        .collect();
    for slot in Slot::BOTH {
        let name = format!("slots/{slot}");
        let is_known = snapshot.sources.registry.has_answered();
        let is_empty = snapshot.slots.get(slot).instance.is_none();
        if is_known && !is_empty && !entries.iter().any(|(known, _)| *known == name) {
            entries.push((name, Entry::Unregistered(slot)));
        }
    }
    let unlisted = snapshot
        .problems
        .iter()
        .filter(|(key, _)| !snapshot.keys.iter().any(|line| line.key == **key));
    entries.extend(unlisted.map(|(key, words)| (name_of(snapshot, key), Entry::Problem(words))));
    let wrong: BTreeSet<String> = entries
        .iter()
        .filter(|(name, entry)| shown(snapshot, name, entry).2.is_wrong())
        .map(|(name, _)| group_of(name).to_owned())
        .collect();
    entries.sort_by(|(one, _), (other, _)| {
        let rank = |name: &str| {
            let group = group_of(name);
            rank(snapshot, group, wrong.contains(group))
        };
        let order = rank(one).cmp(&rank(other));
        order.then_with(|| one.split('/').cmp(other.split('/')))
    });
    let mut rows = Vec::with_capacity(entries.len() + 4);
    let mut above: Vec<String> = Vec::new();
    for (name, entry) in entries {
        push(snapshot, &mut rows, &mut above, &name, &entry);
    }
    rows
}

/// Adds a row for the entry, and before it one for each new branch.
fn push<'a>(
    snapshot: &'a Snapshot,
    rows: &mut Vec<KeyRow<'a>>,
    above: &mut Vec<String>,
    name: &str,
    entry: &Entry<'a>,
) {
    let (branches, leaf) = match name.rsplit_once('/') {
        Some((branches, leaf)) => (branches.split('/').collect(), leaf),
        None => (Vec::new(), name),
    };
    let shared = above
        .iter()
        .zip(&branches)
        .take_while(|(open, branch)| open == *branch)
        .count();
    above.truncate(shared);
    for branch in branches.iter().skip(shared) {
        rows.push(KeyRow {
            depth: above.len(),
            name: format!("{branch}/"),
            line: None,
            value: String::new(),
            mark: Mark::Nothing,
        });
        above.push((*branch).to_owned());
    }
    let (line, value, mark) = shown(snapshot, name, entry);
    rows.push(KeyRow {
        depth: above.len(),
        name: leaf.to_owned(),
        line,
        value,
        mark,
    });
}

/// The key of an entry, its value, and how it compares.
fn shown<'a>(
    snapshot: &Snapshot,
    name: &str,
    entry: &Entry<'a>,
) -> (Option<&'a KeyLine>, String, Mark) {
    match entry {
        Entry::Stored(line) => {
            let mark = mark(snapshot, line, name);
            (Some(*line), stored(snapshot, line), mark)
        }
        Entry::Unregistered(slot) => (None, "(not registered)".into(), missing(snapshot, *slot)),
        Entry::Problem(words) => {
            let mark = Mark::Unreadable((*words).to_owned());
            (None, (*words).to_owned(), mark)
        }
    }
}

/// A candidate can be unregistered; the slot with the traffic must not be.
fn missing(snapshot: &Snapshot, slot: Slot) -> Mark {
    if snapshot.role(slot) == Role::Live && snapshot.sources.registry.is_live() {
        Mark::Missing(format!("{slot} has the traffic and is not registered"))
    } else {
        Mark::Nothing
    }
}

/// The part of a key after the target; the whole key if it does not contain the target. Approvals are not stored
/// below the targets, and are shown as if they were.
fn name_of(snapshot: &Snapshot, key: &str) -> String {
    let prefix = format!("/{}/", snapshot.target);
    match key.split_once(&prefix) {
        Some((before, name)) if before.ends_with("/approvals") => format!("approvals/{name}"),
        Some((_, name)) => name.to_owned(),
        None => key.to_owned(),
    }
}

fn mark(snapshot: &Snapshot, line: &KeyLine, name: &str) -> Mark {
    let slot = name
        .strip_prefix("slots/")
        .and_then(|slot| slot.parse::<Slot>().ok());
    let is_ours = slot.is_some()
        || matches!(name, "route" | "lock" | "hold" | "wheel")
        || name.starts_with("watching/")
        || name.starts_with("approvals/");
    if let Some(words) = snapshot.problems.get(&line.key) {
        return if is_ours {
            Mark::Unreadable(words.clone())
        } else {
            Mark::Foreign(words.clone())
        };
    }
    if !is_ours {
        return Mark::Foreign("it is not a key of Greenroom's".into());
    }
    match (name, slot) {
        ("route", _) => snapshot
            .route
            .as_ref()
            .map_or(Mark::Nothing, |route| of_route(snapshot, route)),
        (_, Some(slot)) => {
            let side = snapshot.slots.get(slot);
            side.registration.as_ref().map_or(Mark::Nothing, |entry| {
                of_slot(snapshot, slot, side, &entry.value)
            })
        }
        _ => Mark::Nothing,
    }
}

fn of_slot(snapshot: &Snapshot, slot: Slot, side: &SlotSnapshot, entry: &Registration) -> Mark {
    let mut differences = Vec::new();
    if entry.endpoint != side.endpoint {
        differences.push(format!(
            "it says {}, and {slot} answers at {}",
            entry.endpoint, side.endpoint
        ));
    }
    if !snapshot.sources.runtime.is_live() {
        return judged(differences, false);
    }
    match &side.instance {
        None => differences.push(format!(
            "it names {} {}, and nothing of ours runs in {slot}",
            snapshot.runtime_kind.one(),
            short(&entry.instance.0)
        )),
        Some(instance) => differences.extend(of_instance(instance, entry, snapshot.runtime_kind)),
    }
    judged(differences, true)
}

fn of_instance(instance: &Instance, entry: &Registration, kind: RuntimeKind) -> Vec<String> {
    let (slot, one) = (instance.slot, kind.one());
    let mut differences = Vec::new();
    if instance.id != entry.instance {
        differences.push(format!(
            "it names {one} {}, and {} runs in {slot}",
            short(&entry.instance.0),
            short(&instance.id.0)
        ));
    }
    if instance.digest != entry.digest {
        differences.push(format!(
            "it says digest {}, and {} runs in {slot}",
            entry.digest.short(),
            instance.digest.short()
        ));
    }
    if !instance.is_running() {
        differences.push(format!(
            "the {one} in {slot} is not running, and is registered"
        ));
    }
    differences
}

fn of_route(snapshot: &Snapshot, route: &Revisioned<Route>) -> Mark {
    let value = &route.value;
    let side = snapshot.slots.get(value.live);
    let mut differences = Vec::new();
    if side.registration.is_none() {
        differences.push(format!("it names {}, which is not registered", value.live));
    }
    if value.endpoint != side.endpoint {
        differences.push(format!(
            "it says {}, and {} answers at {}",
            value.endpoint, value.live, side.endpoint
        ));
    }
    if snapshot.sources.runtime.is_live()
        && let Some(instance) = &side.instance
        && instance.digest != value.digest
    {
        differences.push(format!(
            "it says digest {}, and {} runs in {}",
            value.digest.short(),
            instance.digest.short(),
            value.live
        ));
    }
    let proxy = snapshot
        .proxy
        .as_ref()
        .filter(|_| snapshot.sources.router.is_live());
    if let Some(proxy) = proxy {
        differences.extend(drift::difference_of_route(Some(route), Some(proxy)));
    }
    judged(differences, proxy.is_some())
}

fn judged(differences: Vec<String>, is_compared: bool) -> Mark {
    match (differences.is_empty(), is_compared) {
        (false, _) => Mark::Differs(differences),
        (true, true) => Mark::Agrees,
        (true, false) => Mark::Nothing,
    }
}

/// The first twelve characters, as engines show ids.
fn short(id: &str) -> &str {
    id.char_indices().nth(12).map_or(id, |(end, _)| &id[..end])
}

/// The value of a stored key in words. Of a key that is not Greenroom's, or cannot be read, only its size. Enter shows
/// the value itself.
fn stored(snapshot: &Snapshot, line: &KeyLine) -> String {
    let size = || size(&line.value);
    if snapshot.problems.contains_key(&line.key) {
        return size();
    }
    let name = name_of(snapshot, &line.key);
    match (name.split_once('/'), name.as_str()) {
        (_, "route") => snapshot.route.as_ref().map_or_else(size, |route| {
            format!(
                "{}, generation {}",
                route.value.live, route.value.generation
            )
        }),
        (_, "lock") => snapshot.lock.as_ref().map_or_else(size, |holder| {
            format!("{}, {}", holder.record.operator, holder.record.message)
        }),
        (_, "hold") => {
            let hold = snapshot.hold.as_ref();
            hold.map_or_else(size, |hold| hold.words(snapshot.at))
        }
        (_, "wheel") => snapshot
            .handover_request
            .as_ref()
            .map_or_else(size, |asked| {
                let asks = format!("{} requests the handover", asked.operator);
                match &asked.declined {
                    Some(declined) => format!("{asks}; {} refused", declined.by),
                    None => asks,
                }
            }),
        (Some(("approvals", _)), _) => serde_json::from_str::<PeerApproval>(&line.value)
            .map_or_else(
                |_| size(),
                |given| {
                    format!(
                        "approved by {} until {}",
                        given.by,
                        local_time::moment(given.expires_at)
                    )
                },
            ),
        (Some(("slots", slot)), _) => {
            let slot: Option<Slot> = slot.parse().ok();
            let entry = slot.and_then(|slot| snapshot.slots.get(slot).registration.as_ref());
            entry.map_or_else(size, |entry| {
                let value = &entry.value;
                let tag = value.tag.as_deref().unwrap_or_else(|| value.digest.short());
                format!("{} {tag}", value.endpoint)
            })
        }
        _ => size(),
    }
}

/// The size of a value. A value that was cut when it was read ends with a mark.
fn size(value: &str) -> String {
    match value.strip_suffix('…') {
        Some(kept) => format!("more than {} bytes", kept.len()),
        None => format!("{} bytes", value.len()),
    }
}
