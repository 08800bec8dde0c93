//! A webhook of Harbor, in its default format or as a `CloudEvent`. Harbor sends the configured authentication header as
//! `Authorization`, so an administrator writes `Bearer TOKEN` there. The default format names no delivery, so its
//! content, which has the time of the push, is the name.
//!
//! Source: <https://goharbor.io/docs/latest/working-with-projects/project-configuration/configure-webhooks/>.

use hyper::HeaderMap;
use serde::Deserialize;

use super::{BadPayload, Reported, digest, json, tag};

#[derive(Deserialize)]
struct Payload {
    r#type: String,
    /// The name of a `CloudEvent`.
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    operator: Option<String>,
    #[serde(default, alias = "data")]
    event_data: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    repository: Repository,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Repository {
    repo_full_name: String,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    digest: Option<String>,
}

pub(super) fn pushes(_: &HeaderMap, body: &[u8]) -> Result<Vec<Reported>, BadPayload> {
    let payload: Payload = json(body)?;
    let is_push = matches!(
        payload.r#type.as_str(),
        "PUSH_ARTIFACT" | "harbor.artifact.pushed"
    );
    let Some(content) = payload.event_data.filter(|_| is_push) else {
        return Ok(Vec::new());
    };
    let repository = content.repository.repo_full_name;
    Ok(content
        .resources
        .into_iter()
        .filter_map(|resource| {
            Some(Reported {
                repository: repository.clone(),
                // For an artifact without a tag, Harbor repeats the digest here.
                tag: tag(resource.tag)?,
                digest: digest(resource.digest.as_deref()),
                by: payload.operator.clone(),
                delivery: payload.id.clone(),
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:954b378c375d852eb3c63ab88978f640b4348b01c1b3456a024a81536dafbbf4";

    fn content(tag: &str) -> String {
        format!(
            r#"{{"resources":[{{"digest":"{DIGEST}","tag":"{tag}","resource_url":"harbor.example/team/web:{tag}"}}],
            "repository":{{"date_created":1680501893,"name":"web","namespace":"team","repo_full_name":"team/web",
              "repo_type":"private"}}}}"#
        )
    }

    fn default_format(kind: &str, tag: &str) -> String {
        format!(
            r#"{{"type":"{kind}","occur_at":1680501893,"operator":"ana","event_data":{}}}"#,
            content(tag)
        )
    }

    fn cloud_event(kind: &str, tag: &str) -> String {
        format!(
            r#"{{"specversion":"1.0","id":"66e18103-a1c9-4a3c-9ee5-0c3a7f4f2d2f","requestid":"f4d5e9c1",
            "source":"/projects/2/webhook/policies/15","type":"{kind}","datacontenttype":"application/json",
            "time":"2026-11-30T09:12:44Z","operator":"ana","data":{}}}"#,
            content(tag)
        )
    }

    fn read(body: &str) -> Result<Vec<Reported>, BadPayload> {
        pushes(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn both_formats_are_read() {
        let push = |delivery: Option<&str>| Reported {
            repository: "team/web".into(),
            tag: "develop".into(),
            digest: DIGEST.parse().ok(),
            by: Some("ana".into()),
            delivery: delivery.map(str::to_owned),
        };
        let body = default_format("PUSH_ARTIFACT", "develop");
        assert_eq!(read(&body), Ok(vec![push(None)]));
        let body = cloud_event("harbor.artifact.pushed", "develop");
        let id = "66e18103-a1c9-4a3c-9ee5-0c3a7f4f2d2f";
        assert_eq!(read(&body), Ok(vec![push(Some(id))]));
    }

    #[test]
    fn other_events_are_no_pushes() {
        for body in [
            default_format("PULL_ARTIFACT", "develop"),
            default_format("DELETE_ARTIFACT", "develop"),
            default_format("PUSH_ARTIFACT", DIGEST),
            cloud_event("harbor.artifact.pulled", "develop"),
            r#"{"type":"SCANNING_COMPLETED","event_data":null}"#.to_owned(),
        ] {
            assert_eq!(read(&body), Ok(vec![]), "{body}");
        }
    }
}
