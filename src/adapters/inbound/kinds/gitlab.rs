//! A webhook of GitLab. GitLab has no webhook event for images:
//! <https://gitlab.com/gitlab-org/gitlab/-/work_items/15385>. So the webhook of a pipeline or job event reports the
//! image that the pipeline pushed, in Greenroom's own form. A custom webhook template, which GitLab has since 16.10,
//! makes that form, e.g. for pipeline events:
//!
//! ```text
//! {"repository": "{{project.path_with_namespace}}", "tag": "{{object_attributes.ref}}",
//!  "status": "{{object_attributes.status}}", "by": "{{user.username}}"}
//! ```
//!
//! The webhook is called for each state of the pipeline, and only `success` is a push. An older GitLab runs
//! `greenroom notify` or sends a signed request from a job. Self-managed GitLab can send the notifications of its
//! container registry: that is the kind `distribution`.
//!
//! Sources: <https://docs.gitlab.com/user/project/integrations/webhooks/#custom-webhook-template>,
//! <https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers>.

use hyper::HeaderMap;
use serde::Deserialize;

use super::{BadPayload, PlainPush, Reported, header, json};

/// The headers that name an event, the newest first. A signature covers only the first.
const NAMES: [&str; 3] = ["webhook-id", "idempotency-key", "x-gitlab-event-uuid"];

#[derive(Deserialize)]
struct Payload {
    #[serde(flatten)]
    push: PlainPush,
    #[serde(default)]
    status: Option<String>,
}

pub(super) fn pushes(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Reported>, BadPayload> {
    // Two pipelines of one branch have the same content, so the content cannot be the name.
    let mut names = NAMES.iter().filter_map(|name| header(headers, name));
    let Some(delivery) = names.next() else {
        return Err(BadPayload::new(
            "no header names the event: Greenroom needs Idempotency-Key or X-Gitlab-Event-UUID",
        ));
    };
    let payload: Payload = json(body)?;
    if payload.status.is_some_and(|status| status != "success") {
        return Ok(Vec::new());
    }
    Ok(vec![payload.push.reported(delivery)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[(&'static str, &str)], body: &str) -> Result<Vec<Reported>, BadPayload> {
        let mut headers = HeaderMap::new();
        headers.insert("x-gitlab-event", "Pipeline Hook".parse().unwrap());
        for (name, value) in names {
            headers.insert(*name, value.parse().unwrap());
        }
        pushes(&headers, body.as_bytes())
    }

    #[test]
    fn a_successful_pipeline_is_a_push() {
        let push = |delivery: &str| Reported {
            repository: "team/web".into(),
            tag: "develop".into(),
            by: Some("ana".into()),
            delivery: Some(delivery.into()),
            ..Reported::default()
        };
        let body = r#"{"repository":"team/web","tag":"develop","status":"success","by":"ana"}"#;
        let uuid = ("x-gitlab-event-uuid", "13792a34");
        let key = ("idempotency-key", "f5e57bdd");
        assert_eq!(read(&[uuid], body), Ok(vec![push("13792a34")]));
        assert_eq!(read(&[uuid, key], body), Ok(vec![push("f5e57bdd")]));
        let without = r#"{"repository":"team/web","tag":"develop","by":"ana"}"#;
        assert_eq!(read(&[key], without), Ok(vec![push("f5e57bdd")]));
    }

    #[test]
    fn a_pipeline_that_has_not_succeeded_is_no_push() {
        for status in ["pending", "running", "failed", "canceled"] {
            let body =
                format!(r#"{{"repository":"team/web","tag":"develop","status":"{status}"}}"#);
            assert_eq!(
                read(&[("idempotency-key", "k")], &body),
                Ok(vec![]),
                "{status}"
            );
        }
    }

    #[test]
    fn an_event_without_a_name_is_refused() {
        let body = r#"{"repository":"team/web","tag":"develop","status":"success"}"#;
        assert!(read(&[], body).is_err());
    }

    #[test]
    fn the_usual_payload_of_gitlab_is_refused() {
        let body = r#"{"object_kind":"pipeline","object_attributes":{"id":31,"ref":"master","status":"success"}}"#;
        assert!(read(&[("idempotency-key", "k")], body).is_err());
    }
}
