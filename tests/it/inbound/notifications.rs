//! The notifications of a real image registry, which calls the inbox itself.

use std::time::Duration;

use greenroom::inventory::Digest;
use greenroom::ports::{Failure, FailureKind};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use serde_json::json;

use super::{SECRET, World};
use crate::docker::fixture::{PASSWORD, PrivateRegistry, USER};
use crate::support::eventually;

const SOON: Duration = Duration::from_mins(1);
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

async fn start(world: &World) -> PrivateRegistry {
    let address = world.address();
    let endpoint = format!(
        "{{name: greenroom, url: 'http://{address}/push/registry', timeout: 2s, threshold: 2, backoff: 1s,\n\
         headers: {{Authorization: ['Bearer {SECRET}']}}}}"
    );
    PrivateRegistry::start_configured("", &format!("notifications: {{endpoints: [{endpoint}]}}\n"))
        .await
}

/// Pushes an image with these bytes as its configuration, as a client does, and returns its digest.
async fn push(world: &World, registry: &PrivateRegistry, tag: &str, content: &str) -> Digest {
    let base = format!("http://{}/v2/team/web", registry.host);
    let client = &world.client;
    let begun = client
        .post(format!("{base}/blobs/uploads/"))
        .basic_auth(USER, Some(PASSWORD))
        .send()
        .await
        .expect("an answer");
    let upload = begun.headers()[LOCATION].to_str().expect("an address");
    let config = Digest::of(content.as_bytes());
    let sent = client
        .put(format!("{upload}&digest={config}"))
        .basic_auth(USER, Some(PASSWORD))
        .body(content.to_owned())
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.status(), 201);
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": content.len(),
    }})
    .to_string();
    let put = client
        .put(format!("{base}/manifests/{tag}"))
        .basic_auth(USER, Some(PASSWORD))
        .header(CONTENT_TYPE, MANIFEST)
        .body(manifest.clone())
        .send()
        .await
        .expect("an answer");
    assert_eq!(put.status(), 201);
    Digest::of(manifest.as_bytes())
}

#[tokio::test]
async fn a_pushed_tag_is_reported_by_the_registry_itself() {
    let world = World::start().await;
    let registry = start(&world).await;
    let digest = push(&world, &registry, "develop", "{}").await;
    eventually("the push arrives", SOON, || async {
        world.got().len() == 1
    })
    .await;
    let got = world.got();
    let push = &got[0];
    assert_eq!(
        (push.repository.as_str(), push.tag.as_str()),
        ("team/web", "develop")
    );
    assert_eq!(push.digest.as_ref(), Some(&digest));
    assert_eq!(push.by.as_deref(), Some(USER));
    let counts = world.inbox.counts();
    assert_eq!((counts.malformed, counts.wrong_credential), (0, 0));
}

#[tokio::test]
async fn the_registry_repeats_a_push_that_was_not_stored() {
    let world = World::start().await;
    for _ in 0..3 {
        let message = "connection refused";
        let away = Failure::new(FailureKind::Unreachable, "etcd", "storing", message);
        world.next(Err(away));
    }
    let registry = start(&world).await;
    push(&world, &registry, "develop", "{ }").await;
    push(&world, &registry, "1.9.0", "{  }").await;
    eventually("both arrive", SOON, || async { world.got().len() == 2 }).await;
    let tags: Vec<String> = world.got().into_iter().map(|push| push.tag).collect();
    assert_eq!(tags, ["develop", "1.9.0"]);
    assert_eq!(world.inbox.counts().not_stored, 3);
}
