//! How the previous run of a restarted container ended. After the container has started again, `inspect` does not show
//! this, but Docker's last events do.

use std::collections::HashMap;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};

use super::Engine;
use super::failure::Act;
use super::names::container_id;
use crate::inventory::{Exit, InstanceId};
use crate::ports::Result;

/// How far back to search. Docker keeps only its last 256 events.
const SEARCH_PERIOD: SignedDuration = SignedDuration::from_hours(1);

impl Engine {
    /// The last exit of the past hour, from the events that Docker still has. None if these events contain no exit, or
    /// if the time of Docker's machine is unknown.
    pub(super) async fn last_exit(&self, instance: &InstanceId) -> Result<Option<Exit>> {
        let Some(id) = container_id(instance) else {
            return Ok(None);
        };
        let doing = format!("reading how {} ended", instance.short());
        let docker = self.docker().await?;
        // The range ends at Docker's own time, because Docker keeps the stream open until the end of the range.
        let info = self.quick(Act::Read, &doing, || docker.info()).await?;
        let Some(now) = info
            .system_time
            .and_then(|time| time.parse::<Timestamp>().ok())
        else {
            return Ok(None);
        };
        let since = now.saturating_sub(SEARCH_PERIOD).unwrap_or(now);
        let text = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let options = EventsOptions {
            since: Some(since.as_second().to_string()),
            until: Some(as_docker_time(now)),
            filters: Some(HashMap::from([
                ("type".to_owned(), text(&["container"])),
                ("container".to_owned(), text(&[id])),
                ("event".to_owned(), text(&["die", "oom"])),
            ])),
        };
        let events = || {
            let events = docker.events(Some(options.clone()));
            events.try_collect::<Vec<_>>()
        };
        let events = self.quick(Act::Read, &doing, events).await?;
        Ok(last(&events))
    }
}

/// A time as Docker reads it: seconds, a dot and nanoseconds. If the fraction is missing, Docker uses the end of that
/// second, and keeps the answer open until then.
fn as_docker_time(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
}

/// The exit of the last `die`, and whether an `oom` belongs to it. Docker may send `oom` before or after its `die`, so
/// every `oom` after the previous `die` belongs to this exit.
fn last(events: &[EventMessage]) -> Option<Exit> {
    let is = |event: &EventMessage, action: &str| event.action.as_deref() == Some(action);
    let died = events.iter().rposition(|event| is(event, "die"))?;
    let before = events[..died].iter().rposition(|event| is(event, "die"));
    let run = &events[before.map_or(0, |before| before + 1)..];
    let attributes = events[died].actor.as_ref()?.attributes.as_ref();
    Some(Exit {
        code: attributes
            .and_then(|attributes| attributes.get("exitCode"))
            .and_then(|code| code.parse().ok()),
        out_of_memory: run.iter().any(|event| is(event, "oom")),
    })
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;

    use super::*;

    fn event(action: &str, code: &str) -> EventMessage {
        EventMessage {
            action: Some(action.to_owned()),
            actor: Some(EventActor {
                attributes: Some(HashMap::from([("exitCode".to_owned(), code.to_owned())])),
                ..EventActor::default()
            }),
            ..EventMessage::default()
        }
    }

    #[test]
    fn a_time_for_the_engine_has_nanoseconds() {
        let now: Timestamp = "2026-11-29T00:29:50.000011Z".parse().expect("a time");
        assert_eq!(
            as_docker_time(now),
            format!("{}.000011000", now.as_second())
        );
    }

    #[test]
    fn an_oom_event_belongs_only_to_its_own_exit() {
        let earlier_for_memory = [event("oom", ""), event("die", "137"), event("die", "3")];
        let exit = last(&earlier_for_memory).expect("an exit");
        assert_eq!((exit.code, exit.out_of_memory), (Some(3), false));
        for for_memory in [
            [event("die", "3"), event("oom", ""), event("die", "137")],
            [event("die", "3"), event("die", "137"), event("oom", "")],
        ] {
            let exit = last(&for_memory).expect("an exit");
            assert_eq!((exit.code, exit.out_of_memory), (Some(137), true));
        }
        assert_eq!(last(&[event("oom", "")]), None);
    }
}
