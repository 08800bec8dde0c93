//! Makes the notices about pushes that no release was started for. If a release of a push fails, the notices of the
//! release report that.

use super::Site;
use super::notices::shortened;
use crate::history::{Notice, NoticeEvent};
use crate::inventory::{EntryState, Operator, QueueEntry, Trigger};

/// The notice that `agent` offers a pushed version, or cannot release it. None for every other state of the entry.
pub fn push_notice(site: &Site, entry: &QueueEntry, agent: &Operator) -> Option<Notice> {
    let QueueEntry { id, target, .. } = entry;
    let tag = &entry.push.tag;
    let (event, text, why) = match &entry.state {
        EntryState::Offered => (
            NoticeEvent::Offered,
            format!(
                "{tag} was pushed; the environment is protected, so an operator must promote it"
            ),
            None,
        ),
        EntryState::Refused { why } => (
            NoticeEvent::Refused,
            format!("{tag} was pushed and cannot be released"),
            Some(shortened(why)),
        ),
        _ => return None,
    };
    // A push for several targets has the same id in each of them. After a retry, the entry may be refused again.
    let retry = entry.retried.as_ref();
    let retry = retry.map_or_else(String::new, |it| format!("-{}", it.at.as_millisecond()));
    let trigger = entry.trigger();
    Some(Notice {
        id: format!(
            "{id}-{}-{}{retry}-{event}",
            target.service, target.environment
        ),
        event,
        at: entry.changed_at,
        target: target.clone(),
        tier: site.definition.tier,
        release: None,
        kind: None,
        from: None,
        to: entry.version.clone(),
        operator: agent.clone(),
        driver: agent.clone(),
        push: Some(Trigger {
            push: shortened(&trigger.push),
            ..trigger
        }),
        reason: None,
        overridden: Vec::new(),
        step: None,
        checks: None,
        failed_checks: Vec::new(),
        log: Vec::new(),
        text: shortened(&format!("{target}: {text}")),
        why,
    })
}
