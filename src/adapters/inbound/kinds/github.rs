//! A webhook of GitHub for the packages of its container registry: the event `package` or the older
//! `registry_package`. The signature does not cover the header `X-GitHub-Delivery`, so the content is the name of the
//! delivery: a replay with another name would be a second push. GitHub repeats a delivery with the same content.
//!
//! Sources: <https://docs.github.com/en/webhooks/webhook-events-and-payloads#package>,
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.

use hyper::HeaderMap;
use serde::Deserialize;

use super::{BadPayload, Reported, digest, header, json, tag};

#[derive(Deserialize)]
struct Payload {
    action: String,
    #[serde(alias = "registry_package")]
    package: Package,
    #[serde(default)]
    sender: Option<Account>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    owner: Option<Account>,
    package_type: String,
    #[serde(default)]
    package_version: Option<Version>,
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    container_metadata: Option<ContainerMetadata>,
}

#[derive(Deserialize)]
struct ContainerMetadata {
    #[serde(default)]
    tag: Option<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    digest: Option<String>,
}

pub(super) fn pushes(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Reported>, BadPayload> {
    let Some(event) = header(headers, "x-github-event") else {
        return Err(BadPayload::new("the header X-GitHub-Event is missing"));
    };
    if body.starts_with(b"payload=") {
        return Err(BadPayload::new(
            "the payload is a form: set the content type of the webhook to application/json",
        ));
    }
    // GitHub sends `ping` when a webhook is made.
    if !matches!(event, "package" | "registry_package") {
        return json::<serde_json::Map<_, _>>(body).map(|_| Vec::new());
    }
    let payload: Payload = json(body)?;
    let is_pushed = matches!(payload.action.as_str(), "published" | "updated");
    if !is_pushed
        || !payload
            .package
            .package_type
            .eq_ignore_ascii_case("container")
    {
        return Ok(Vec::new());
    }
    let reported = reported(payload.package, payload.sender);
    Ok(reported.into_iter().collect())
}

fn reported(package: Package, sender: Option<Account>) -> Option<Reported> {
    let pushed = package.package_version?.container_metadata?.tag?;
    let owner = package.namespace.filter(|it| !it.is_empty());
    let owner = owner.or(package.owner.map(|it| it.login))?;
    Some(Reported {
        // Accounts may have capital letters, but names of images may not.
        repository: format!("{owner}/{}", package.name).to_ascii_lowercase(),
        tag: tag(pushed.name)?,
        digest: digest(pushed.digest.as_deref()),
        by: sender.map(|it| it.login),
        delivery: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:954b378c375d852eb3c63ab88978f640b4348b01c1b3456a024a81536dafbbf4";

    fn payload(key: &str, action: &str, kind: &str, tag: &str) -> String {
        format!(
            r#"{{"action":"{action}","{key}":{{"id":10696,"name":"web","namespace":"Octo-Org","description":"",
            "ecosystem":"CONTAINER","package_type":"{kind}","html_url":"https://github.com/orgs/octo-org/packages/10696",
            "created_at":"2026-11-30T09:12:44Z","updated_at":"2026-11-30T09:12:44Z",
            "owner":{{"login":"Octo-Org","id":6811672,"type":"Organization"}},
            "package_version":{{"id":62892,"version":"{DIGEST}","name":"{DIGEST}","summary":"","body":"",
              "container_metadata":{{"tag":{{"name":"{tag}","digest":"{DIGEST}"}},"labels":{{}},"manifest":{{}}}},
              "package_files":[],"installation_command":"docker pull ghcr.io/octo-org/web:{tag}"}},
            "registry":{{"about_url":"https://docs.github.com","name":"GitHub CONTAINER registry","type":"CONTAINER",
              "url":"https://CONTAINER.pkg.github.com/octo-org","vendor":"GitHub Inc"}}}},
            "sender":{{"login":"octocat","id":583231,"type":"User"}}}}"#
        )
    }

    fn read(event: &str, body: &str) -> Result<Vec<Reported>, BadPayload> {
        let mut headers = HeaderMap::new();
        headers.insert("x-github-event", event.parse().unwrap());
        headers.insert(
            "x-github-delivery",
            "72d3162e-cc78-11e3-81ab-4c9367dc0958".parse().unwrap(),
        );
        pushes(&headers, body.as_bytes())
    }

    #[test]
    fn both_events_of_a_package_are_read() {
        let wanted = Reported {
            repository: "octo-org/web".into(),
            tag: "develop".into(),
            digest: DIGEST.parse().ok(),
            by: Some("octocat".into()),
            delivery: None,
        };
        for (event, action, kind) in [
            ("package", "published", "container"),
            ("package", "updated", "CONTAINER"),
            ("registry_package", "published", "CONTAINER"),
            ("registry_package", "updated", "CONTAINER"),
        ] {
            let body = payload(event, action, kind, "develop");
            assert_eq!(
                read(event, &body),
                Ok(vec![wanted.clone()]),
                "{event} {action}"
            );
        }
    }

    #[test]
    fn other_events_are_no_pushes() {
        let ping =
            r#"{"zen":"Keep it logically awesome.","hook_id":1,"hook":{"type":"Repository"}}"#;
        assert_eq!(read("ping", ping), Ok(vec![]));
        for (event, body) in [
            (
                "push",
                payload("package", "published", "container", "develop"),
            ),
            (
                "package",
                payload("package", "deleted", "container", "develop"),
            ),
            ("package", payload("package", "published", "npm", "1.0.0")),
            ("package", payload("package", "published", "container", "")),
        ] {
            assert_eq!(read(event, &body), Ok(vec![]), "{body}");
        }
    }

    #[test]
    fn a_form_is_refused_with_what_to_do() {
        let refused = read("package", "payload=%7B%7D").expect_err("a form");
        assert!(
            refused.to_string().contains("application/json"),
            "{refused}"
        );
    }
}
