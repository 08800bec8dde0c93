//! Computes the rows of the picker, one row for each version. For a promote, the rows are the versions of the pushes
//! that wait, then those that are live in other environments (the nearest environment first), then the tags of the
//! image registry (the newest first). For a rollback, the rows are the versions that were live in the target before. A
//! typed tag or digest that no row has adds a row. The rows are computed after an event and not for each draw.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Knowledge, LookUp, Picker, VersionList, VersionRow};
use crate::console::model::Model;
use crate::history::{Fate, fate};
use crate::inventory::{
    Digest, EnvironmentName, Role, Slot, Snapshot, Target, Version, VersionRef,
};
use crate::release::{
    ImageAt, Intent, NotRollbackCandidate, Refusal, ReleasePreview, Resolved, Wanted,
};
use crate::sanitize::sanitize;

/// The rows, and the refusals that apply to all versions.
pub(super) fn version_rows(model: &Model, picker: &Picker) -> (Vec<VersionRow>, Vec<Refusal>) {
    let preview = preview(model, picker);
    let mut version_rows = match picker.intent {
        Intent::Promote => {
            let mut version_rows = live_rows(model, picker);
            add_tags(picker, &mut version_rows);
            put_pushes_first(model, picker, &mut version_rows);
            version_rows
        }
        Intent::GoBack => past_rows(picker),
    };
    let typed = picker.line.text().trim();
    if !typed.is_empty() {
        let is_listed = version_rows.iter().any(|version_row| {
            let digest = version_row
                .digest
                .as_ref()
                .is_some_and(|d| d.as_str() == typed);
            digest || version_row.name == typed || version_row.also.iter().any(|tag| tag == typed)
        });
        version_rows = filtered(version_rows, typed);
        if let Ok(reference) = typed.parse::<VersionRef>()
            && !is_listed
        {
            version_rows.push(typed_row(picker, reference));
        }
    }
    let records = picker
        .known_terms()
        .and_then(|terms| terms.past.as_ref().ok());
    for version_row in &mut version_rows {
        let Some(digest) = &version_row.digest else {
            continue;
        };
        version_row.against = preview.against(picker.intent, &version_row.name, digest);
        version_row.warm_in = preview.target.and_then(|here| warm_slot(here, digest));
        version_row.fate = records.and_then(|records| fate(records, digest));
    }
    for version_row in &mut version_rows {
        if version_row.image == Some(ImageAt::Gone) {
            version_row.against.push(Refusal::NotRollbackCandidate(
                NotRollbackCandidate::ImageGone {
                    version: version_row.name.clone(),
                },
            ));
        }
        if version_row.knowledge == Knowledge::Gone {
            version_row.against.push(Refusal::NoSuchVersion {
                wanted: version_row.name.clone(),
                repository: "the image registry".into(),
            });
        }
    }
    (version_rows, preview.against_all(picker.intent))
}

fn preview<'a>(model: &'a Model, picker: &'a Picker) -> ReleasePreview<'a> {
    let terms = picker.known_terms();
    let required_source = terms.and_then(|terms| {
        let environment = terms.rules.only_from.clone()?;
        let target = Target::new(picker.target.service.clone(), environment);
        model.world.get(&target)
    });
    ReleasePreview {
        target: model.world.get(&picker.target),
        terms,
        first: required_source,
        lock_is_standby: model.is_in_standby(&picker.target),
        now: model.now,
    }
}

fn warm_slot(here: &Snapshot, digest: &Digest) -> Option<Slot> {
    Slot::BOTH.into_iter().find(|slot| {
        let members = &here.slots.get(*slot).members;
        here.role(*slot) == Role::Standby && members.digest() == Some(digest)
    })
}

/// The other environments: first the earlier ones in promotion order, starting with the nearest, then the later ones.
/// The version of the nearest earlier environment is the most likely to be promoted.
fn nearest_first<'a>(model: &'a Model, here: &EnvironmentName) -> Vec<&'a EnvironmentName> {
    let names = || model.world.environments.iter().map(|(name, _)| name);
    let at = names().position(|name| name == here).unwrap_or(0);
    let before: Vec<_> = names().take(at).collect();
    before
        .into_iter()
        .rev()
        .chain(names().skip(at + 1))
        .collect()
}

/// A row for each version that is live in another environment.
fn live_rows(model: &Model, picker: &Picker) -> Vec<VersionRow> {
    let mut version_rows: Vec<VersionRow> = Vec::new();
    for environment in nearest_first(model, &picker.target.environment) {
        let target = Target::new(picker.target.service.clone(), environment.clone());
        let snapshot = model.world.get(&target);
        let Some(instance) = snapshot.and_then(Snapshot::live_instance) else {
            continue;
        };
        let is_same =
            |version_row: &&mut VersionRow| version_row.digest.as_ref() == Some(&instance.digest);
        if let Some(version_row) = version_rows.iter_mut().find(is_same) {
            version_row.live_in.push(environment.clone());
            continue;
        }
        let name = sanitize(instance.version_name());
        let wanted = Wanted::From(environment.clone());
        version_rows.push(VersionRow {
            digest: Some(instance.digest.clone()),
            built_at: instance.labels.built_at(),
            live_in: vec![environment.clone()],
            ..VersionRow::new(wanted, name, Knowledge::Known)
        });
    }
    version_rows
}

/// Adds a row for each tag whose image has no row yet. The tag of an image that has a row is added to that row.
fn add_tags(picker: &Picker, version_rows: &mut Vec<VersionRow>) {
    let VersionList::Listed(names) = &picker.list else {
        return;
    };
    let fixed = version_rows.len();
    let mut row_of: BTreeMap<Digest, usize> = BTreeMap::new();
    for (row, version_row) in version_rows.iter().enumerate() {
        row_of.extend(version_row.digest.clone().map(|digest| (digest, row)));
    }
    for name in names {
        let resolved = looked_up_version(picker.looked_up.get(name));
        if let Some(version) = resolved
            && let Some(version_row) = row_of
                .get(&version.digest)
                .and_then(|row| version_rows.get_mut(*row))
        {
            if version_row.name != *name {
                version_row.also.push(name.clone());
            }
            version_row.built_at = version_row.built_at.or(version.labels.built_at());
            continue;
        }
        let same_name = |version_row: &&VersionRow| version_row.name == *name;
        let mut rows = version_rows.iter().take(fixed).filter(same_name);
        let elsewhere = rows
            .next()
            .and_then(|version_row| version_row.live_in.first().cloned());
        // If environments run different images with the same tag, it is unknown which image the tag names now. Then
        // the tag gets its own row.
        let is_ambiguous = rows.next().is_some();
        if elsewhere.is_some() && resolved.is_none() && !is_ambiguous {
            continue;
        }
        let Some(mut version_row) = tag_row(picker, name) else {
            continue;
        };
        version_row.differs_in = elsewhere.filter(|_| resolved.is_some());
        row_of.extend(
            version_row
                .digest
                .clone()
                .map(|digest| (digest, version_rows.len())),
        );
        version_rows.push(version_row);
    }
    if let Some(tags) = version_rows.get_mut(fixed..) {
        newest_first(tags);
    }
}

/// Puts the versions of the pushes that wait first, the newest push first. Adds a row for a pushed tag that has none.
fn put_pushes_first(model: &Model, picker: &Picker, version_rows: &mut Vec<VersionRow>) {
    let snapshot = model.world.get(&picker.target);
    let mut pushed: Vec<VersionRow> = Vec::new();
    for entry in snapshot.map_or_else(Vec::new, Snapshot::pending_pushes) {
        let tag = &entry.push.tag;
        let digest = entry.version.as_ref().map(|version| &version.digest);
        let has_digest = |row: &VersionRow| digest.is_some() && row.digest.as_ref() == digest;
        // Another environment may run an older image under the same tag.
        let has_tag = |row: &VersionRow| {
            let is_named = row.name == *tag || row.also.contains(tag);
            is_named && (row.live_in.is_empty() || digest.is_none())
        };
        let is_of_push = |row: &VersionRow| has_digest(row) || has_tag(row);
        if !entry.state.is_dismissable() || pushed.iter().any(is_of_push) {
            continue;
        }
        let position = version_rows.iter().position(has_digest);
        let position = position.or_else(|| version_rows.iter().position(has_tag));
        let row = position.map(|row| version_rows.remove(row));
        pushed.extend(row.or_else(|| tag_row(picker, tag)).map(|row| VersionRow {
            push: Some(entry.push.clone()),
            ..row
        }));
    }
    version_rows.splice(0..0, pushed);
}

fn tag_row(picker: &Picker, name: &str) -> Option<VersionRow> {
    let reference: VersionRef = name.parse().ok()?;
    let answer = picker.looked_up.get(name);
    let wanted = Wanted::Version(reference);
    let mut version_row = VersionRow::new(wanted, name.to_owned(), knowledge(answer));
    if let Some(version) = looked_up_version(answer) {
        version_row.digest = Some(version.digest.clone());
        version_row.built_at = version.labels.built_at();
    }
    Some(version_row)
}

fn looked_up_version(answer: Option<&LookUp>) -> Option<&Version> {
    match answer {
        Some(LookUp::Answered(Resolved::Version(version))) => Some(version),
        _ => None,
    }
}

fn knowledge(answer: Option<&LookUp>) -> Knowledge {
    match answer {
        None => Knowledge::Unasked,
        Some(LookUp::Asked) => Knowledge::Asked,
        Some(LookUp::Answered(resolved)) => match resolved {
            Resolved::Version(_) => Knowledge::Known,
            Resolved::Missing { .. } => Knowledge::Gone,
            Resolved::Unknown(why) => Knowledge::Failed(why.clone()),
            Resolved::NothingLive | Resolved::WarmVersion => Knowledge::Unasked,
        },
    }
}

/// Sorts the rows that have a build time, newest first. These rows only change places with each other. Rows without a
/// build time do not move, so they stay in order of name.
fn newest_first(version_rows: &mut [VersionRow]) {
    let mut built: Vec<(usize, Timestamp)> = version_rows
        .iter()
        .enumerate()
        .filter_map(|(row, version_row)| Some((row, version_row.built_at?)))
        .collect();
    let places: Vec<usize> = built.iter().map(|(row, _)| *row).collect();
    built.sort_by_key(|(row, at)| (Reverse(*at), *row));
    let sorted: Vec<VersionRow> = built
        .iter()
        .filter_map(|(row, _)| version_rows.get(*row).cloned())
        .collect();
    for (place, version_row) in places.into_iter().zip(sorted) {
        if let Some(row) = version_rows.get_mut(place) {
            *row = version_row;
        }
    }
}

/// The versions that were live in this target before, newest first.
fn past_rows(picker: &Picker) -> Vec<VersionRow> {
    let Some(terms) = picker.known_terms() else {
        return Vec::new();
    };
    let versions = terms.was_live.versions.iter();
    versions
        .map(|version| {
            let wanted = Wanted::Back(VersionRef::Digest(version.digest.clone()));
            VersionRow {
                digest: Some(version.digest.clone()),
                built_at: version.labels.built_at(),
                image: picker.images.get(&version.digest).cloned().flatten(),
                ..VersionRow::new(wanted, sanitize(version.name()), Knowledge::Known)
            }
        })
        .collect()
}

fn typed_row(picker: &Picker, reference: VersionRef) -> VersionRow {
    let name = reference.to_string();
    let digest = match &reference {
        VersionRef::Digest(digest) => Some(digest.clone()),
        VersionRef::Tag(_) => None,
    };
    let wanted = match picker.intent {
        Intent::Promote => Wanted::Version(reference),
        Intent::GoBack => Wanted::Back(reference),
    };
    VersionRow {
        digest,
        ..VersionRow::new(wanted, name, Knowledge::Typed)
    }
}

/// The rows that match the typed text, the best match first. The text is compared with the name, then with the digest,
/// the other tags and the environments in which the version is live.
fn filtered(version_rows: Vec<VersionRow>, typed: &str) -> Vec<VersionRow> {
    let pattern = Pattern::new(
        typed,
        CaseMatching::Ignore,
        Normalization::Smart,
        AtomKind::Fuzzy,
    );
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut indices = Vec::new();
    let mut matching: Vec<(u32, VersionRow)> = Vec::new();
    for mut version_row in version_rows {
        indices.clear();
        let name = Utf32Str::new(&version_row.name, &mut buffer);
        if let Some(score) = pattern.indices(name, &mut matcher, &mut indices) {
            version_row.matched = indices
                .iter()
                .filter_map(|at| usize::try_from(*at).ok())
                .collect();
            version_row.matched.sort_unstable();
            version_row.matched.dedup();
            // Every match in a name comes before all other matches.
            matching.push((score.saturating_add(1), version_row));
        } else if matches_otherwise(&version_row, typed) {
            matching.push((0, version_row));
        }
    }
    // The sort is stable, so equal matches keep their order.
    matching.sort_by_key(|(score, _)| Reverse(*score));
    matching
        .into_iter()
        .map(|(_, version_row)| version_row)
        .collect()
}

fn matches_otherwise(version_row: &VersionRow, typed: &str) -> bool {
    let digest = version_row
        .digest
        .as_ref()
        .map_or("", |digest| digest.as_str());
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.starts_with(typed)
        || digest == typed
        || version_row.also.iter().any(|tag| tag.contains(typed))
        || version_row
            .live_in
            .iter()
            .any(|name| name.as_str() == typed)
}

/// Whether the last release of this version in this target was backed out, or was ended before it was done
/// (`Fate::Left`).
pub(super) fn was_bad(version_row: &VersionRow) -> bool {
    matches!(
        version_row.fate,
        Some(Fate::BackedOut { .. } | Fate::Left { .. })
    )
}
