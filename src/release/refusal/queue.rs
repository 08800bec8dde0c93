//! The messages of refusals about the queue of pushes.

use std::fmt::{Formatter, Result};

use crate::inventory::{
    EntryId, EntryState, EnvironmentName, MOST_PENDING, QueueEntry, ServiceName, TagPattern, Target,
};
use crate::sanitize::sanitize;

pub(super) fn no_entry_named(f: &mut Formatter<'_>, target: &Target, named: &str) -> Result {
    let Target {
        service,
        environment,
    } = target;
    write!(
        f,
        "the queue of {target} has no entry whose id begins with {named}: run greenroom queue {service} {environment} --all to list its entries, and type at least four digits of an id"
    )
}

pub(super) fn several_named(f: &mut Formatter<'_>, named: &str, several: &[EntryId]) -> Result {
    let several: Vec<&str> = several.iter().map(EntryId::as_str).collect();
    write!(
        f,
        "{named} matches several entries: {}. Type more of the id",
        several.join(", ")
    )
}

pub(super) fn not_dismissable(f: &mut Formatter<'_>, entry: &QueueEntry) -> Result {
    let id = entry.id.short();
    let Target {
        service,
        environment,
    } = &entry.target;
    if let EntryState::RollingOut { release, .. } = entry.state {
        return write!(
            f,
            "an agent is releasing entry {id} as release {}: back the release out instead (greenroom resume {service} {environment} {} --take-over --back-out --reason \"...\")",
            release.short(),
            release.short()
        );
    }
    write!(
        f,
        "entry {id} has already ended ({}): there is nothing to dismiss",
        state(entry)
    )
}

pub(super) fn not_retryable(f: &mut Formatter<'_>, entry: &QueueEntry) -> Result {
    let id = entry.id.short();
    let Target {
        service,
        environment,
    } = &entry.target;
    match entry.state {
        EntryState::Offered => write!(
            f,
            "entry {id} is offered to operators, because {environment} is protected: promote the version (greenroom promote {service} {environment} --version {})",
            sanitize(&entry.push.tag)
        ),
        EntryState::Done { .. } => write!(
            f,
            "entry {id} is done ({}): to release the version again, promote it (greenroom promote {service} {environment} --version TAG)",
            details(entry)
        ),
        _ => write!(
            f,
            "entry {id} is still pending ({}): there is nothing to retry",
            state(entry)
        ),
    }
}

pub(super) fn changing(f: &mut Formatter<'_>, id: &EntryId) -> Result {
    write!(
        f,
        "agents keep changing entry {}. Nothing was changed: run the same command again",
        id.short()
    )
}

pub(super) fn not_followed(
    f: &mut Formatter<'_>,
    service: &ServiceName,
    tag: &str,
    follows: &[(EnvironmentName, Vec<TagPattern>)],
) -> Result {
    let each = follows.iter().map(|(environment, patterns)| {
        let patterns: Vec<&str> = patterns.iter().map(TagPattern::as_str).collect();
        let patterns = match patterns.as_slice() {
            [] => "no tag".to_owned(),
            patterns => patterns.join(", "),
        };
        format!("{environment} follows {patterns}")
    });
    let each: Vec<String> = each.collect();
    write!(
        f,
        "no environment of {service} follows the tag {tag} ({}): push another tag, or add this one to `follow` in [services.{service}.environments.NAME]",
        each.join("; ")
    )
}

pub(super) fn full(f: &mut Formatter<'_>, target: &Target) -> Result {
    let Target {
        service,
        environment,
    } = target;
    write!(
        f,
        "the queue of {target} has {MOST_PENDING} pending entries and takes no more: find out why no agent releases them (greenroom queue {service} {environment}), then notify again"
    )
}

/// The state of an entry with its details, sanitized.
fn state(entry: &QueueEntry) -> String {
    let kind = entry.state.kind();
    match entry.state.details() {
        Some(details) => sanitize(&format!("{kind}: {details}")),
        None => kind.to_string(),
    }
}

fn details(entry: &QueueEntry) -> String {
    sanitize(&entry.state.details().unwrap_or_default())
}
