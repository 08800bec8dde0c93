//! The reasons for which a request about the queue of pushes is refused.

use std::fmt::{self, Formatter};

use crate::inventory::{
    EntryId, EntryState, EnvironmentName, MOST_PENDING, QueueEntry, ServiceName, TagPattern, Target,
};
use crate::sanitize::sanitize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueRefusal {
    /// No entry in the queue of the target has this id or an id that begins with it.
    NoEntryNamed {
        target: Target,
        /// The typed text.
        named: String,
    },
    /// Several entries in the queue of the target have an id that begins with the typed text.
    SeveralEntriesNamed {
        named: String,
        /// The ids of these entries.
        several: Vec<EntryId>,
    },
    /// The entry is being released or has ended, so it cannot be dismissed.
    NotDismissable(Box<QueueEntry>),
    /// The entry is pending, or its version is live, so there is nothing to retry.
    NotRetryable(Box<QueueEntry>),
    /// Agents have changed the entry during every attempt to change it.
    EntryChanging(EntryId),
    /// The reported push has a wrong tag or repository. The text says which.
    BadPush(String),
    /// No target of the service follows the tag that was pushed.
    TagNotFollowed {
        service: ServiceName,
        tag: String,
        /// The environments of the service, each with the tags that it follows.
        follows: Vec<(EnvironmentName, Vec<TagPattern>)>,
    },
    /// The queue of the target has as many pending entries as it may have.
    QueueFull(Target),
}

impl QueueRefusal {
    /// Whether the reason can end without a change of the request or the configuration.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::EntryChanging(_) | Self::QueueFull(_))
    }
}

impl fmt::Display for QueueRefusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntryNamed { target, named } => no_entry_named(f, target, named),
            Self::SeveralEntriesNamed { named, several } => several_named(f, named, several),
            Self::NotDismissable(entry) => not_dismissable(f, entry),
            Self::NotRetryable(entry) => not_retryable(f, entry),
            Self::EntryChanging(id) => changing(f, id),
            Self::BadPush(why) => f.write_str(why),
            Self::TagNotFollowed {
                service,
                tag,
                follows,
            } => not_followed(f, service, tag, follows),
            Self::QueueFull(target) => full(f, target),
        }
    }
}

fn no_entry_named(f: &mut Formatter<'_>, target: &Target, named: &str) -> fmt::Result {
    let Target {
        service,
        environment,
    } = target;
    write!(
        f,
        "the queue of {target} has no entry whose id begins with {named}: run greenroom queue {service} {environment} --all to list its entries, and type at least four digits of an id"
    )
}

fn several_named(f: &mut Formatter<'_>, named: &str, several: &[EntryId]) -> fmt::Result {
    let several: Vec<&str> = several.iter().map(EntryId::as_str).collect();
    write!(
        f,
        "{named} matches several entries: {}. Type more of the id",
        several.join(", ")
    )
}

fn not_dismissable(f: &mut Formatter<'_>, entry: &QueueEntry) -> fmt::Result {
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

fn not_retryable(f: &mut Formatter<'_>, entry: &QueueEntry) -> fmt::Result {
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

fn changing(f: &mut Formatter<'_>, id: &EntryId) -> fmt::Result {
    write!(
        f,
        "agents keep changing entry {}. Nothing was changed: run the same command again",
        id.short()
    )
}

fn not_followed(
    f: &mut Formatter<'_>,
    service: &ServiceName,
    tag: &str,
    follows: &[(EnvironmentName, Vec<TagPattern>)],
) -> fmt::Result {
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

fn full(f: &mut Formatter<'_>, target: &Target) -> fmt::Result {
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
