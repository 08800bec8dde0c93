//! The preview server answers only the listed addresses and users. The public server answers
//! everybody.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use greenroom::inventory::Slot;
use greenroom::ports::{RouterReader, RouterWriter};

use super::arena::{Arena, Upstream, order};

/// Blue is live, and green is the candidate.
async fn candidate(arena: &Arena) -> [Upstream; 2] {
    let upstreams = [
        arena.upstream(Slot::Blue).await,
        arena.upstream(Slot::Green).await,
    ];
    let writer = arena.writer();
    writer.install(&arena.target).await.expect("installed");
    let first = order(None, Slot::Blue, 1);
    writer
        .switch(&arena.target, &first)
        .await
        .expect("switched");
    upstreams
}

/// The answer to a request from this address: its status, and which upstream answered.
async fn ask(
    from: [u8; 4],
    port: u16,
    host: &str,
    login: Option<(&str, &str)>,
) -> (u16, Option<String>) {
    let client = crate::support::http_client()
        .http1_only()
        .local_address(IpAddr::from(from))
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client");
    let mut request = client
        .get(format!("http://127.0.0.1:{port}/"))
        .header("host", host);
    if let Some((user, password)) = login {
        request = request.basic_auth(user, Some(password));
    }
    let answer = request.send().await.expect("an answer");
    let slot = answer.headers().get("x-greenroom-slot");
    let slot = slot.map(|slot| slot.to_str().expect("plain").to_owned());
    let status = answer.status().as_u16();
    (status, slot.filter(|_| status == 200))
}

const ALLOWED: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];
const PREVIEW: &str = "preview.example.com";

#[tokio::test]
async fn a_preview_with_an_allow_list_answers_only_listed_addresses() {
    let mut arena = Arena::start().await;
    let site = &mut arena.arrangement.targets[0];
    site.preview_allow = ["192.0.2.0/24", "127.0.0.1"]
        .map(|range| range.parse().expect("a range"))
        .to_vec();
    let _upstreams = candidate(&arena).await;
    let green = (200, Some("green".to_owned()));
    assert_eq!(ask(ALLOWED, arena.preview, PREVIEW, None).await, green);
    assert_eq!(ask(OTHER, arena.preview, PREVIEW, None).await, (403, None));
    let public = ask(OTHER, arena.public, "shop.example.com", None).await;
    assert_eq!(public, (200, Some("blue".to_owned())));
    assert!(arena.reader().warnings(&arena.target).is_empty());
}

#[tokio::test]
async fn a_preview_with_users_requires_a_password() {
    let mut arena = Arena::start().await;
    let users = arena.place.path().join("preview.htpasswd");
    fs::write(&users, "ana:{PLAIN}secret\n").expect("written");
    arena.arrangement.targets[0].preview_users = Some(users);
    let _upstreams = candidate(&arena).await;
    let green = (200, Some("green".to_owned()));
    let preview = |login| ask(OTHER, arena.preview, PREVIEW, login);
    assert_eq!(preview(Some(("ana", "secret"))).await, green);
    for wrong in [None, Some(("ana", "guess")), Some(("eve", "secret"))] {
        assert_eq!(preview(wrong).await, (401, None), "{wrong:?}");
    }
    let public = ask(OTHER, arena.public, "shop.example.com", None).await;
    assert_eq!(public, (200, Some("blue".to_owned())));
}

#[tokio::test]
async fn a_preview_with_a_list_and_users_requires_both() {
    let mut arena = Arena::start().await;
    let users = arena.place.path().join("preview.htpasswd");
    fs::write(&users, "ana:{PLAIN}secret\n").expect("written");
    let site = &mut arena.arrangement.targets[0];
    site.preview_users = Some(users);
    site.preview_allow = vec!["127.0.0.1".parse().expect("a range")];
    let _upstreams = candidate(&arena).await;
    let right = Some(("ana", "secret"));
    assert_eq!(ask(ALLOWED, arena.preview, PREVIEW, right).await.0, 200);
    assert_eq!(ask(ALLOWED, arena.preview, PREVIEW, None).await.0, 401);
    assert_eq!(ask(OTHER, arena.preview, PREVIEW, right).await.0, 403);
}

#[tokio::test]
async fn a_preview_requires_both_also_under_satisfy_any() {
    let mut arena = Arena::start().await;
    let any = arena.arrangement.config.sites.join("any.conf");
    fs::write(any, "satisfy any;\n").expect("written");
    let users = arena.place.path().join("preview.htpasswd");
    fs::write(&users, "ana:{PLAIN}secret\n").expect("written");
    let site = &mut arena.arrangement.targets[0];
    site.preview_users = Some(users);
    site.preview_allow = vec!["127.0.0.1".parse().expect("a range")];
    let _upstreams = candidate(&arena).await;
    let right = Some(("ana", "secret"));
    assert_eq!(ask(ALLOWED, arena.preview, PREVIEW, right).await.0, 200);
    assert_eq!(ask(ALLOWED, arena.preview, PREVIEW, None).await.0, 401);
    assert_eq!(ask(OTHER, arena.preview, PREVIEW, right).await.0, 403);
}

#[tokio::test]
async fn a_template_without_a_configured_limit_is_not_installed() {
    let mut arena = Arena::start().await;
    let without = greenroom::adapters::nginx::DEFAULT_TEMPLATE.replace("deny all;", "");
    arena.arrangement.template = Some(Ok(without));
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("no limit");
    arena.arrangement.targets[0].preview_allow = vec!["127.0.0.1".parse().expect("a range")];
    let refused = arena.writer().install(&arena.target).await;
    let said = refused.expect_err("it would not be kept").to_string();
    assert!(said.contains("does not use {{ preview.allow }}"), "{said}");
}

#[tokio::test]
async fn a_plan_warns_of_a_reachable_preview_without_a_limit() {
    let mut arena = Arena::start().await;
    assert!(arena.reader().warnings(&arena.target).is_empty());
    for open in ["8080", "0.0.0.0:8080 default_server", "[::]:8080"] {
        arena.arrangement.targets[0].preview_listen = vec![open.into()];
        let said = arena.reader().warnings(&arena.target).join("\n");
        assert!(
            said.contains("every client that can reach this address"),
            "{said}"
        );
    }
}
