//! The rows of the registrations pane: the stored keys of a target as a tree. Registrations and the route are compared
//! with the observed instances, addresses and proxy. The tree also contains the keys that other programs have stored
//! below the prefix of the target.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::inventory::local_time;
use crate::inventory::{
    InstanceId, KeyLine, PeerApproval, Registration, Revisioned, Role, Route, RuntimeKind,
    STORED_KEYS, Slot, SlotMembers, SlotSnapshot, Snapshot, StoredKey, drift,
};
use crate::sanitize::sanitize;

/// The result of comparing a key with the observations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The key was not compared: there is nothing to compare it with, or a source does not answer.
    NotCompared,
    Agrees,
    /// The value differs from the observations. One text for each difference.
    Differs(Vec<String>),
    /// The key belongs to Greenroom and its value cannot be read. Contains the reason.
    Unreadable(String),
    /// The key does not belong to Greenroom. Contains a short description.
    Foreign(String),
    /// The key should exist and does not. Contains the reason.
    Missing(String),
}

impl Mark {
    /// Whether the key is wrong and needs an operator.
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
    /// The number of branches above this row, below the prefix of the target.
    pub depth: usize,
    /// The last part of the path. The name of a branch ends with a slash.
    pub name: String,
    /// The stored key. `None` for a branch and for a missing key.
    pub line: Option<&'a KeyLine>,
    /// A short description of the value.
    pub value: String,
    pub mark: Mark,
}

/// The seconds until a key's lease expires, according to the last read. The lease may have been renewed since then.
pub fn lease_left(snapshot: &Snapshot, ttl_seconds: Option<i64>, now: Timestamp) -> Option<u64> {
    let read_at = snapshot.keys_at.unwrap_or(snapshot.at);
    let elapsed = now.as_second().saturating_sub(read_at.as_second()).max(0);
    let left = ttl_seconds?.saturating_sub(elapsed).max(0);
    u64::try_from(left).ok()
}

/// What a row is about.
enum Entry<'a> {
    Stored(&'a KeyLine),
    /// A slot that has an instance and is not registered.
    Unregistered(Slot),
    /// A problem with a key that is not in the list of keys, for example the record of a release.
    Problem(&'a str),
}

/// Whether Greenroom uses keys of this group.
fn is_ours(group: &str) -> bool {
    group == "approvals" || STORED_KEYS.iter().any(|row| row.group() == group)
}

/// The position of a group of keys in the tree, 0 for the top. The order is: route, slots, groups with a wrong key,
/// groups with a lock, hold, request or approval that is in effect, other groups of Greenroom, and the keys of other
/// programs.
fn rank(snapshot: &Snapshot, group: &str, is_wrong: bool) -> u8 {
    let hold_is_over = || {
        !snapshot
            .hold
            .as_ref()
            .is_some_and(|hold| hold.is_active(snapshot.at))
    };
    let approvals_are_over = || {
        let mut approvals = snapshot.peer_approvals.iter();
        !approvals.any(|approval| approval.expires_at > snapshot.at)
    };
    let request_is_over = || {
        let request = snapshot.handover_request.as_ref();
        request.is_none_or(|request| request.declined.is_some())
    };
    match group {
        "route" => 0,
        "slots" => 1,
        _ if is_wrong => 2,
        "lock" => 3,
        "hold" if !hold_is_over() => 4,
        "handover" if !request_is_over() => 5,
        "approvals" if !approvals_are_over() => 6,
        _ if is_ours(group) => 7,
        _ => 8,
    }
}

/// Whether the key can be read and only says who has the target open. Such keys are left out, because they change often
/// and are never wrong. The title of the ladder names the watchers of a release that has not ended.
fn is_presence(snapshot: &Snapshot, line: &KeyLine) -> bool {
    let is_readable = !snapshot.problems.contains_key(&line.key);
    is_readable && StoredKey::named(&name_of(snapshot, &line.key)) == StoredKey::Watching
}

/// The rows of the tree, in the order of [`rank`].
pub fn registrations(snapshot: &Snapshot) -> Vec<KeyRow<'_>> {
    let mut entries: Vec<(String, Entry<'_>)> = snapshot
        .keys
        .iter()
        .filter(|line| !is_presence(snapshot, line))
        .map(|line| (name_of(snapshot, &line.key), Entry::Stored(line)))
        .collect();
    for slot in Slot::BOTH {
        let name = format!("slots/{slot}");
        let has_answered = snapshot.sources.registry.has_answered();
        let is_empty = snapshot.slots.get(slot).members.is_empty();
        if has_answered && !is_empty && !entries.iter().any(|(stored, _)| *stored == name) {
            entries.push((name, Entry::Unregistered(slot)));
        }
    }
    let unlisted = snapshot
        .problems
        .iter()
        .filter(|(key, _)| !snapshot.keys.iter().any(|line| line.key == **key));
    entries
        .extend(unlisted.map(|(key, problem)| (name_of(snapshot, key), Entry::Problem(problem))));
    let wrong: BTreeSet<String> = entries
        .iter()
        .filter(|(name, entry)| describe_entry(snapshot, name, entry).2.is_wrong())
        .map(|(name, _)| StoredKey::group_of(name).to_owned())
        .collect();
    entries.sort_by(|(first, _), (second, _)| {
        let rank = |name: &str| {
            let group = StoredKey::group_of(name);
            rank(snapshot, group, wrong.contains(group))
        };
        let order = rank(first).cmp(&rank(second));
        order.then_with(|| first.split('/').cmp(second.split('/')))
    });
    let mut rows = Vec::with_capacity(entries.len() + 4);
    let mut above: Vec<String> = Vec::new();
    for (name, entry) in entries {
        push(snapshot, &mut rows, &mut above, &name, &entry);
    }
    rows
}

/// Adds a row for each branch that is not in the tree yet, then a row for the entry.
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
            mark: Mark::NotCompared,
        });
        above.push((*branch).to_owned());
    }
    let (line, value, mark) = describe_entry(snapshot, name, entry);
    rows.push(KeyRow {
        depth: above.len(),
        name: leaf.to_owned(),
        line,
        value,
        mark,
    });
}

/// The stored key of an entry, a short description of its value, and the result of its comparison.
fn describe_entry<'a>(
    snapshot: &Snapshot,
    name: &str,
    entry: &Entry<'a>,
) -> (Option<&'a KeyLine>, String, Mark) {
    match entry {
        Entry::Stored(line) => {
            let mark = mark(snapshot, line, name);
            (Some(*line), value_summary(snapshot, line), mark)
        }
        Entry::Unregistered(slot) => (
            None,
            "(not registered)".into(),
            mark_of_unregistered(snapshot, *slot),
        ),
        Entry::Problem(problem) => {
            let mark = Mark::Unreadable((*problem).to_owned());
            (None, (*problem).to_owned(), mark)
        }
    }
}

/// The result for a slot that is not registered. Only the live slot must be registered.
fn mark_of_unregistered(snapshot: &Snapshot, slot: Slot) -> Mark {
    if snapshot.role(slot) == Role::Live && snapshot.sources.registry.is_live() {
        let is_live = snapshot.edges.live_phrase();
        Mark::Missing(format!("{slot} {is_live} and is not registered"))
    } else {
        Mark::NotCompared
    }
}

/// The part of a key below the target, or the whole key if the key does not contain the target. Approvals are stored
/// under another prefix, but are shown below the target.
fn name_of(snapshot: &Snapshot, key: &str) -> String {
    let prefix = format!("/{}/", snapshot.target);
    match key.split_once(&prefix) {
        Some((before, name)) if before.ends_with("/approvals") => format!("approvals/{name}"),
        Some((_, name)) => name.to_owned(),
        None => key.to_owned(),
    }
}

fn mark(snapshot: &Snapshot, line: &KeyLine, name: &str) -> Mark {
    let kind = StoredKey::named(name);
    // The ranges of the store leave out the history, so another program wrote a key with such a name.
    let is_foreign = matches!(
        kind,
        StoredKey::Unknown
            | StoredKey::LockEnd
            | StoredKey::HoldRecord
            | StoredKey::Releases
            | StoredKey::Steps
            | StoredKey::Repair
    );
    match (snapshot.problems.get(&line.key), kind) {
        (Some(problem), _) if is_foreign => Mark::Foreign(problem.clone()),
        (Some(problem), _) => Mark::Unreadable(problem.clone()),
        (None, _) if is_foreign => Mark::Foreign("Greenroom does not use this key".into()),
        (None, StoredKey::Route) => snapshot
            .route
            .as_ref()
            .map_or(Mark::NotCompared, |route| mark_of_route(snapshot, route)),
        (None, StoredKey::Slot(slot)) => {
            let side = snapshot.slots.get(slot);
            side.registration
                .as_ref()
                .map_or(Mark::NotCompared, |entry| {
                    mark_of_slot(snapshot, slot, side, &entry.value)
                })
        }
        _ => Mark::NotCompared,
    }
}

fn mark_of_slot(
    snapshot: &Snapshot,
    slot: Slot,
    side: &SlotSnapshot,
    entry: &Registration,
) -> Mark {
    let noun = snapshot.runtime_kind.one();
    let mut differences = Vec::new();
    if !side.is_at(entry.endpoints()) {
        differences.push(format!(
            "address {} is registered, but the address of {slot} is {}",
            entry.addresses(),
            side.used_addresses()
        ));
    }
    if !snapshot.sources.runtime.is_live() {
        return mark_of(differences, false);
    }
    if side.members.is_empty() {
        differences.push(format!(
            "{noun} {} is registered, but no {noun} of this target is in {slot}",
            entry.short_ids()
        ));
    } else {
        differences.extend(differences_of_members(
            slot,
            &side.members,
            entry,
            snapshot.runtime_kind,
        ));
    }
    mark_of(differences, true)
}

fn differences_of_members(
    slot: Slot,
    members: &SlotMembers,
    entry: &Registration,
    kind: RuntimeKind,
) -> Vec<String> {
    let noun = kind.one();
    if let Some(difference) = members.difference() {
        return vec![format!("{slot} {difference}")];
    }
    let mut differences = Vec::new();
    if !entry.names(members) {
        let ids: Vec<&str> = members.ids().map(InstanceId::short).collect();
        differences.push(format!(
            "{noun} {} is registered, but {} is in {slot}",
            entry.short_ids(),
            ids.join(", ")
        ));
    }
    if members.digest() != Some(&entry.digest) {
        differences.push(format!(
            "digest {} is registered, but {} is in {slot}",
            entry.digest.short(),
            members.short_digests()
        ));
    }
    if let Some(stopped) = members.iter().find(|member| !member.is_running()) {
        let name = members.name_of_member(slot, stopped);
        differences.push(format!(
            "{name} is registered, but its {noun} is not running"
        ));
    }
    differences
}

fn mark_of_route(snapshot: &Snapshot, route: &Revisioned<Route>) -> Mark {
    let value = &route.value;
    let side = snapshot.slots.get(value.live);
    let mut differences = Vec::new();
    if side.registration.is_none() {
        differences.push(format!(
            "the route names {}, which is not registered",
            value.live
        ));
    }
    if !side.is_at(&value.addresses) {
        differences.push(format!(
            "the route has address {}, but the address of {} is {}",
            value.addresses,
            value.live,
            side.used_addresses()
        ));
    }
    if snapshot.sources.runtime.is_live()
        && let Some(digest) = side.members.digest()
        && *digest != value.digest
    {
        differences.push(format!(
            "the route has digest {}, but {} is in {}",
            value.digest.short(),
            digest.short(),
            value.live
        ));
    }
    let edges = &snapshot.edges;
    let is_compared =
        edges.is_empty() || snapshot.sources.router.is_live() && edges.does_any_answer();
    if is_compared {
        differences.extend(drift::difference_of_route(Some(route), edges));
    }
    mark_of(differences, is_compared)
}

fn mark_of(differences: Vec<String>, is_compared: bool) -> Mark {
    match (differences.is_empty(), is_compared) {
        (false, _) => Mark::Differs(differences),
        (true, true) => Mark::Agrees,
        (true, false) => Mark::NotCompared,
    }
}

/// A short description of the value of a key. For a key that does not belong to Greenroom or cannot be read, only the
/// size. The page that Enter opens shows the value as it was read: a long value is cut.
fn value_summary(snapshot: &Snapshot, line: &KeyLine) -> String {
    let size = || size(&line.value);
    if snapshot.problems.contains_key(&line.key) {
        return size();
    }
    match StoredKey::named(&name_of(snapshot, &line.key)) {
        StoredKey::Route => snapshot.route.as_ref().map_or_else(size, |route| {
            format!(
                "{}, generation {}",
                route.value.live, route.value.generation
            )
        }),
        StoredKey::Lock => snapshot.lock.as_ref().map_or_else(size, |holder| {
            format!("{}, {}", holder.record.operator, holder.record.message)
        }),
        StoredKey::Hold => {
            let hold = snapshot.hold.as_ref();
            hold.map_or_else(size, |hold| hold.describe(snapshot.at))
        }
        StoredKey::Handover => snapshot
            .handover_request
            .as_ref()
            .map_or_else(size, |request| {
                let requests = format!("{} requests the handover", request.operator);
                match &request.declined {
                    Some(declined) => format!("{requests}; {} refused", declined.by),
                    None => requests,
                }
            }),
        StoredKey::Approval => serde_json::from_str::<PeerApproval>(&line.value).map_or_else(
            |_| size(),
            |approval| {
                format!(
                    "approved by {} until {}",
                    approval.by,
                    local_time::moment(approval.expires_at)
                )
            },
        ),
        StoredKey::Slot(slot) => {
            let entry = snapshot.slots.get(slot).registration.as_ref();
            entry.map_or_else(size, |entry| {
                let value = &entry.value;
                let tag = value.tag.as_deref().unwrap_or_else(|| value.digest.short());
                format!("{} {tag}", value.addresses())
            })
        }
        StoredKey::Queue => {
            let name = name_of(snapshot, &line.key);
            let mut queue = snapshot.queue.iter();
            let entry = queue.find(|entry| name.strip_prefix("queue/") == Some(entry.id.as_str()));
            entry.map_or_else(size, |entry| sanitize(&entry.summary()))
        }
        _ => size(),
    }
}

/// The size of a value in bytes. A value that was cut when it was read ends with `…`.
fn size(value: &str) -> String {
    match value.strip_suffix('…') {
        Some(kept) => format!("more than {} bytes", kept.len()),
        None => format!("{} bytes", value.len()),
    }
}
