//! The notifications of the CNCF distribution registry. It reports all that happens to blobs and manifests, and repeats
//! an envelope until it is accepted. Only the push of a manifest with a tag is a push here. Each event has its own
//! name. Self-managed GitLab uses the same notifications for its container registry.
//!
//! Sources: <https://distribution.github.io/distribution/about/notifications/>,
//! <https://docs.gitlab.com/administration/packages/container_registry/#configure-container-registry-notifications>.

use hyper::HeaderMap;
use serde::Deserialize;

use super::{BadPayload, Reported, digest, json, tag};

#[derive(Deserialize)]
struct Envelope {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    id: Option<String>,
    action: String,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    actor: Option<Actor>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default)]
    name: Option<String>,
}

pub(super) fn pushes(_: &HeaderMap, body: &[u8]) -> Result<Vec<Reported>, BadPayload> {
    let envelope: Envelope = json(body)?;
    let pushed = envelope.events.into_iter().filter(|it| it.action == "push");
    Ok(pushed
        .filter_map(|event| {
            Some(Reported {
                tag: tag(event.target.tag)?,
                repository: event.target.repository,
                digest: digest(event.target.digest.as_deref()),
                by: event.actor.and_then(|actor| actor.name),
                delivery: event.id,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf";

    /// An event as the registry sends it.
    fn event(id: &str, action: &str, tag: &str) -> String {
        format!(
            r#"{{"id":"{id}","timestamp":"2026-11-30T09:12:44.123456789Z","action":"{action}",
            "target":{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{DIGEST}","size":708,
              "length":708,"repository":"team/web","url":"http://registry.example:5000/v2/team/web/manifests/{DIGEST}"
              {tag}}},
            "request":{{"id":"6df24a34-0959-4923-81ca-14f09767db19","addr":"192.168.64.11:42961",
              "host":"registry.example:5000","method":"PUT","useragent":"curl/7.38.0"}},
            "actor":{{"name":"ana"}},"source":{{"addr":"xtal.local:5003","instanceID":"a53db899-3b4b-4a62-a067-8dd013beaca4"}}}}"#
        )
    }

    fn read(events: &[String]) -> Result<Vec<Reported>, BadPayload> {
        let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
        pushes(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn each_tagged_push_of_an_envelope_is_read() {
        let reported = read(&[
            event("e1", "push", r#","tag":"develop""#),
            event("e2", "push", r#","tag":"1.9.0""#),
        ]);
        let push = |delivery: &str, tag: &str| Reported {
            repository: "team/web".into(),
            tag: tag.into(),
            digest: Some(DIGEST.parse().unwrap()),
            by: Some("ana".into()),
            delivery: Some(delivery.into()),
        };
        assert_eq!(
            reported,
            Ok(vec![push("e1", "develop"), push("e2", "1.9.0")])
        );
    }

    #[test]
    fn other_events_are_no_pushes() {
        for (action, tag) in [
            ("push", ""),
            ("push", r#","tag":"""#),
            ("pull", r#","tag":"develop""#),
            ("mount", r#","tag":"develop""#),
            ("delete", r#","tag":"develop""#),
        ] {
            assert_eq!(
                read(&[event("e1", action, tag)]),
                Ok(vec![]),
                "{action} {tag}"
            );
        }
        assert_eq!(read(&[]), Ok(vec![]));
    }
}
