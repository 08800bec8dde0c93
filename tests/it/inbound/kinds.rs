//! A delivery of each kind of sender, with its real form and credential.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use greenroom::adapters::inbound::{Inbox, Limits};
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::inventory::servers::{InboxConfig, SenderConfig, SenderKind};
use greenroom::inventory::{Digest, SecretSource};
use greenroom::ports::{FailureKind, Renewal, Secrets, SystemClock};
use reqwest::RequestBuilder;
use ring::hmac;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::{Receiver, SECRET, World, answer, plain, sender, status};
use crate::support::eventually;

const DIGEST: &str = "sha256:954b378c375d852eb3c63ab88978f640b4348b01c1b3456a024a81536dafbbf4";

const HUB: &str = r#"{"callback_url":"http://127.0.0.1:9/hook/","push_data":{"pushed_at":1417566161,"pusher":"ana",
    "tag":"develop"},"repository":{"name":"web","namespace":"team","repo_name":"team/web","status":"Active"}}"#;

fn registry(events: usize) -> String {
    let event = |index| {
        format!(
            r#"{{"id":"e{index}","timestamp":"2026-11-30T09:12:44Z","action":"push","target":{{
            "mediaType":"application/vnd.oci.image.manifest.v1+json","size":708,"digest":"{DIGEST}","length":708,
            "repository":"team/web","url":"http://registry/v2/","tag":"t{index}"}},"request":{{"method":"PUT"}},
            "actor":{{"name":"ana"}},"source":{{"addr":"host:5000"}}}}"#
        )
    };
    let events: Vec<String> = (0..events).map(event).collect();
    format!(r#"{{"events":[{}]}}"#, events.join(","))
}

fn github() -> String {
    format!(
        r#"{{"action":"published","registry_package":{{"name":"web","namespace":"Team","package_type":"CONTAINER",
        "owner":{{"login":"Team"}},"package_version":{{"container_metadata":{{"tag":{{"name":"develop",
        "digest":"{DIGEST}"}}}}}}}},"sender":{{"login":"ana"}}}}"#
    )
}

fn harbor() -> String {
    format!(
        r#"{{"type":"PUSH_ARTIFACT","occur_at":1680501893,"operator":"ana","event_data":{{"resources":[
        {{"digest":"{DIGEST}","tag":"develop","resource_url":"harbor.example/team/web:develop"}}],
        "repository":{{"name":"web","namespace":"team","repo_full_name":"team/web","repo_type":"private"}}}}}}"#
    )
}

fn hub_signature(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let hex = tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("sha256={hex}")
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl World {
    fn github(&self, event: &str, body: &str) -> RequestBuilder {
        self.post("/push/ghcr", body)
            .header("x-github-event", event)
            .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
            .header("x-hub-signature-256", hub_signature(body))
    }

    fn gitlab(&self, body: &str) -> RequestBuilder {
        self.post("/push/gitlab", body)
            .header("x-gitlab-event", "Pipeline Hook")
            .header("idempotency-key", "f5e57bdd-5c2a")
            .header("x-gitlab-token", SECRET)
    }
}

#[tokio::test]
async fn each_kind_of_sender_reports_a_push() {
    let world = World::start().await;
    let bearer = format!("Bearer {SECRET}");
    let token = format!("/push/hub?token={}", SECRET.replace(' ', "%20"));
    for (request, wanted) in [
        (world.post(&token, HUB), "hub team/web develop ana"),
        (
            world
                .post("/push/registry", registry(1))
                .header("authorization", &bearer),
            "registry team/web t0 ana",
        ),
        (
            world
                .post("/push/registry-login", registry(1))
                .header("authorization", basic("ana", SECRET)),
            "registry-login team/web t0 ana",
        ),
        (
            world.github("registry_package", &github()),
            "ghcr team/web develop ana",
        ),
        (
            world.gitlab(&plain("develop")),
            "gitlab team/web develop ci",
        ),
        (
            world.sign_as("gitlab-signed", "m1", &plain("develop")),
            "gitlab-signed team/web develop ci",
        ),
        (
            world
                .post("/push/harbor", harbor())
                .header("authorization", &bearer),
            "harbor team/web develop ana",
        ),
        (
            world
                .post("/push/harbor-login", harbor())
                .header("authorization", basic("ana", SECRET)),
            "harbor-login team/web develop ana",
        ),
        (world.signed("m1", "develop"), "ci team/web develop ci"),
    ] {
        let (status, text) = answer(request).await;
        assert_eq!(status, 200, "{wanted}: {text}");
        assert!(text.contains("queued for web/qa"), "{text}");
        assert_eq!(world.reports().last().map(String::as_str), Some(wanted));
    }
    assert_eq!(world.inbox.counts().queued, 9);
    let digest: Digest = DIGEST.parse().expect("a digest");
    assert_eq!(world.got()[3].digest, Some(digest));
}

#[tokio::test]
async fn a_push_keeps_the_name_of_its_delivery() {
    let world = World::start().await;
    let request = world.post("/push/registry", registry(1));
    let bearer = format!("Bearer {SECRET}");
    answer(request.header("authorization", bearer)).await;
    answer(world.gitlab(&plain("develop"))).await;
    answer(world.signed("msg_1", "develop")).await;
    answer(world.github("package", &github().replace("registry_package", "package"))).await;
    let long = "x".repeat(200);
    answer(world.signed(&long, "develop")).await;
    let names: Vec<String> = world.got().into_iter().map(|it| it.delivery).collect();
    assert_eq!(names[..3], ["e0", "f5e57bdd-5c2a", "msg_1"]);
    let content = github().replace("registry_package", "package");
    assert_eq!(names[3], Digest::of(content.as_bytes()).to_string());
    assert_eq!(names[4], Digest::of(long.as_bytes()).to_string());
}

#[tokio::test]
async fn an_envelope_of_many_pushes_is_received_as_a_whole() {
    let world = World::start().await;
    let post = |count| {
        let bearer = format!("Bearer {SECRET}");
        let request = world.post("/push/registry", registry(count));
        request.header("authorization", bearer)
    };
    let (status, text) = answer(post(100)).await;
    assert_eq!((status.as_u16(), text.lines().count()), (200, 100));
    let tags: Vec<String> = world.got().into_iter().map(|push| push.tag).collect();
    let wanted: Vec<String> = (0..100).map(|index| format!("t{index}")).collect();
    assert_eq!(tags, wanted);

    let (status, text) = answer(post(101)).await;
    assert_eq!(status, 413, "{text}");
    assert_eq!(world.got().len(), 100);
    assert_eq!(world.inbox.counts().too_large, 1);
}

#[tokio::test]
async fn an_event_without_a_push_is_accepted_and_queues_nothing() {
    let world = World::start().await;
    let ping = r#"{"zen":"Design for failure.","hook_id":1}"#;
    assert_eq!(status(world.github("ping", ping)).await, 202);
    let running = r#"{"repository":"team/web","tag":"develop","status":"running"}"#;
    assert_eq!(status(world.gitlab(running)).await, 202);
    let bearer = format!("Bearer {SECRET}");
    let pull = registry(1).replace(r#""push""#, r#""pull""#);
    let pull = world.post("/push/registry", pull);
    assert_eq!(status(pull.header("authorization", bearer)).await, 202);
    assert_eq!(world.got(), []);
}

/// A secret that was replaced after it had been read.
struct Replaced;

#[async_trait]
impl Secrets for Replaced {
    async fn read(&self, _: &SecretSource) -> greenroom::ports::Result<SecretString> {
        Ok("the old secret of this sender".into())
    }

    async fn renewed(&self, _: &SecretSource, _: &SecretString) -> Renewal {
        Renewal::Other("the new secret of this sender".into())
    }
}

/// An inbox whose only sender is `registry`, with a token.
async fn registry_inbox(secrets: Arc<dyn Secrets>, credential: Duration) -> Inbox {
    let config = InboxConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        senders: vec![(
            "registry".into(),
            SenderConfig {
                token: Some(SecretSource::Env("TOKEN".into())),
                ..sender(SenderKind::Distribution)
            },
        )],
    };
    let limits = Limits {
        credential,
        ..Limits::default()
    };
    let receiver = Arc::new(Receiver::default());
    let clock = Arc::new(SystemClock::default());
    let inbox = Inbox::start_within(config, secrets, receiver, clock, limits).await;
    inbox.unwrap_or_else(|failure| panic!("{failure}"))
}

/// The status of the answer to a push with this token.
async fn push_with(inbox: &Inbox, token: &str) -> u16 {
    push_as(inbox, "registry", token).await
}

async fn push_as(inbox: &Inbox, name: &str, token: &str) -> u16 {
    let client = crate::support::http_client().build().expect("a client");
    let request = client
        .post(format!("http://{}/push/{name}", inbox.address()))
        .header("authorization", format!("Bearer {token}"))
        .body(registry(1));
    status(request).await
}

#[tokio::test]
async fn a_new_credential_is_accepted_at_once_and_the_old_one_expires() {
    for (word, credential, wanted) in [
        ("new", Duration::from_hours(1), 200),
        ("old", Duration::from_hours(1), 200),
        ("new", Duration::ZERO, 200),
        ("old", Duration::ZERO, 401),
    ] {
        let inbox = registry_inbox(Arc::new(Replaced), credential).await;
        let token = format!("the {word} secret of this sender");
        let status = push_with(&inbox, &token).await;
        assert_eq!(status, wanted, "{word} {credential:?}");
    }
}

/// Counts how often the source of a secret is read again.
#[derive(Default)]
struct CountedReads(AtomicUsize);

#[async_trait]
impl Secrets for CountedReads {
    async fn read(&self, _: &SecretSource) -> greenroom::ports::Result<SecretString> {
        Ok(SECRET.into())
    }

    async fn renewed(&self, _: &SecretSource, _: &SecretString) -> Renewal {
        self.0.fetch_add(1, Ordering::Relaxed);
        Renewal::Same
    }
}

#[tokio::test]
async fn refused_deliveries_cause_one_read_of_the_credential_a_minute() {
    let secrets = Arc::new(CountedReads::default());
    let inbox = registry_inbox(Arc::clone(&secrets) as _, Duration::from_hours(1)).await;
    assert_eq!(push_with(&inbox, SECRET).await, 200);
    assert_eq!(
        secrets.0.load(Ordering::Relaxed),
        0,
        "after a good delivery"
    );
    for number in 0..10 {
        assert_eq!(push_with(&inbox, "forged").await, 401, "{number}");
        assert_eq!(push_with(&inbox, SECRET).await, 200, "{number}");
    }
    assert_eq!(secrets.0.load(Ordering::Relaxed), 1);
}

/// A credential that was replaced. A read of the new one ends when the gate has a permit.
struct Rotated {
    /// How many of the next calls read nothing.
    not_read: AtomicUsize,
    kept: Mutex<&'static str>,
    reads: AtomicUsize,
    gate: Semaphore,
}

impl Rotated {
    fn new(not_read: usize, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            not_read: AtomicUsize::new(not_read),
            kept: Mutex::new("the old token"),
            reads: AtomicUsize::default(),
            gate: Semaphore::new(permits),
        })
    }
}

#[async_trait]
impl Secrets for Rotated {
    async fn read(&self, _: &SecretSource) -> greenroom::ports::Result<SecretString> {
        Ok((*self.kept.lock().expect("no panic")).into())
    }

    async fn renewed(&self, _: &SecretSource, _: &SecretString) -> Renewal {
        let less = |left: usize| left.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.not_read.fetch_update(order, order, less).is_ok() {
            return Renewal::NotRead;
        }
        self.reads.fetch_add(1, order);
        self.gate.acquire().await.expect("open").forget();
        *self.kept.lock().expect("no panic") = SECRET;
        Renewal::Other(SECRET.into())
    }
}

#[tokio::test]
async fn deliveries_wait_for_the_one_that_reads_the_new_credential() {
    let secrets = Rotated::new(0, 0);
    let inbox = registry_inbox(Arc::clone(&secrets) as _, Duration::from_hours(1)).await;
    let deliveries = futures_util::future::join_all((0..4).map(|_| push_with(&inbox, SECRET)));
    let opening = async {
        eventually("the read begins", Duration::from_secs(20), || async {
            secrets.reads.load(Ordering::SeqCst) == 1
        })
        .await;
        secrets.gate.add_permits(1);
    };
    let (answered, ()) = tokio::join!(deliveries, opening);
    assert_eq!(answered, [200; 4]);
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refusal_without_a_read_leaves_the_read_to_the_next_one() {
    let secrets = Rotated::new(1, 1);
    let inbox = registry_inbox(Arc::clone(&secrets) as _, Duration::from_hours(1)).await;
    assert_eq!(push_with(&inbox, SECRET).await, 401);
    assert_eq!(push_with(&inbox, SECRET).await, 200);
}

#[tokio::test]
async fn a_delivery_for_an_unknown_name_causes_no_read() {
    let secrets = Arc::new(CountedReads::default());
    let inbox = registry_inbox(Arc::clone(&secrets) as _, Duration::from_hours(1)).await;
    assert_eq!(push_as(&inbox, "nobody", "forged").await, 401);
    assert_eq!(secrets.0.load(Ordering::Relaxed), 0);
}

async fn refused(sender: SenderConfig) -> greenroom::ports::Failure {
    let config = InboxConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        senders: vec![("one".into(), sender)],
    };
    let secrets = Arc::new(LocalSecrets::default());
    let receiver = Arc::new(Receiver::default());
    let started = Inbox::start(config, secrets, receiver, Arc::new(SystemClock::default())).await;
    started.err().expect("a failure")
}

#[tokio::test]
async fn an_inbox_without_a_usable_credential_does_not_start() {
    let missing = || Some(SecretSource::Env("GREENROOM_TEST_NO_SUCH_VARIABLE".into()));
    let failure = refused(SenderConfig {
        token: missing(),
        ..sender(SenderKind::DockerHub)
    });
    let text = failure.await.to_string();
    for word in ["sender one", "GREENROOM_TEST_NO_SUCH_VARIABLE"] {
        assert!(text.contains(word), "{text}");
    }
    let short = SecretSource::Command(vec!["echo".into(), "short".into()]);
    let failure = refused(SenderConfig {
        secret: Some(short),
        ..sender(SenderKind::Signed)
    });
    let failure = failure.await.to_string();
    assert!(failure.contains("fewer than 24 bytes"), "{failure}");
    for none in [
        sender(SenderKind::Harbor),
        SenderConfig {
            token: missing(),
            ..sender(SenderKind::GitHub)
        },
    ] {
        let failure = refused(none).await;
        assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
        assert!(
            failure.to_string().contains("exactly one credential"),
            "{failure}"
        );
    }
}
