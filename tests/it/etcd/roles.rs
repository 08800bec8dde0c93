//! The users and roles of `greenroom help etcd`, on an etcd with authentication. The test runs the
//! commands of that topic unchanged.

use greenroom::adapters::etcd::{Cluster, Credentials, Options};
use greenroom::inventory::{ReleaseId, Slot, Target};
use greenroom::ports::{
    FailureKind, Holds as _, JournalReader as _, JournalWriter as _, Locks as _,
    PeerApprovals as _, RegistryReader as _, RegistryWriter as _,
};
use greenroom::store::{
    LockTimes, Store, StoreReader, StoreWriter, StoredHolds, StoredLocks, StoredPeerApprovals,
};
use std::sync::Arc;
use std::time::Duration;

use super::server::Server;
use super::world::{etcdctl, etcdctl_as, lock, registration};
use crate::support::holds::hold;
use crate::support::peer_approvals::{head, peer_approval};

/// The commands of the topic between its marks.
fn commands() -> Vec<String> {
    let topic = include_str!("../../../src/cli/help/topics/etcd.md");
    let (_, after) = topic.split_once("<!-- roles -->").expect("its beginning");
    let (block, _) = after.split_once("<!-- end of roles -->").expect("its end");
    let block = block.replace("\\\n", "");
    let commands = block
        .lines()
        .filter_map(|line| line.strip_prefix("etcdctl "));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    commands.map(words).collect()
}

/// Creates the users and roles.
pub(super) fn run_commands(server: &Server) {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for line in &commands {
        let arguments: Vec<&str> = line.split(' ').collect();
        etcdctl(&server.endpoint(), &arguments);
    }
}

fn store(server: &Server, user: &str) -> Store {
    let mut options = Options::new(vec![server.endpoint()]);
    options.credentials = Some(Credentials {
        user: user.into(),
        password: format!("{user}-password").into(),
    });
    Store::new(Arc::new(Cluster::new(&options).expect("a cluster")))
}

pub(super) fn target(environment: &str) -> Target {
    Target::new(
        "web".parse().expect("a name"),
        environment.parse().expect("a name"),
    )
}

#[tokio::test]
async fn a_watcher_changes_nothing_and_an_operator_only_own_environments() {
    let server = Server::start().await;
    run_commands(&server);
    let (qa, production) = (target("qa"), target("production"));
    let times = LockTimes {
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
    };

    // An operator of qa can release there, and in no other environment.
    let ben = store(&server, "ben");
    let locks = StoredLocks::new(&ben, times);
    let Ok(greenroom::ports::Acquired::Held(lease)) = locks.acquire(&qa, &lock("c")).await else {
        panic!("qa is theirs");
    };
    let writer = StoreWriter::new(&ben, &[].into()).expect("a writer");
    let entry = registration(Slot::Blue, lease.fence.token);
    writer
        .register(&qa, &entry, &lease.fence)
        .await
        .expect("registered");
    let placed = StoredHolds::new(&ben)
        .place(&qa, &hold("ben", 0, None))
        .await;
    assert_eq!(placed.expect("placed"), None);
    let elsewhere = locks.acquire(&production, &lock("c")).await;
    let failure = elsewhere.expect_err("production is not");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    let elsewhere = StoredHolds::new(&ben)
        .place(&production, &hold("ben", 0, None))
        .await;
    assert_eq!(elsewhere.expect_err("nor this").kind, FailureKind::Denied);

    // A watcher reads both, including journal and hold, and changes neither.
    let looker = store(&server, "wall");
    let reader = StoreReader::new(&looker);
    let record = reader.read(&qa).await.expect("may look");
    assert!(record.lock.is_some() && record.hold.is_some() && record.slots.blue.is_some());
    assert!(reader.releases(&qa, 10).await.expect("may look").is_empty());
    reader.read(&production).await.expect("may look there, too");
    let locks = StoredLocks::new(&looker, times);
    assert_eq!(
        locks
            .acquire(&production, &lock("w"))
            .await
            .expect_err("may not")
            .kind,
        FailureKind::Denied
    );
    let holds = StoredHolds::new(&looker);
    let cleared = greenroom::inventory::Cleared {
        by: lock("w").operator,
        at: "2030-01-01T00:00:00Z".parse().expect("a time"),
        why: None,
    };
    let failure = holds
        .clear(&qa, &hold("ben", 0, None), &cleared)
        .await
        .expect_err("may not");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    let id = ReleaseId(ulid::Ulid::generate());
    let approval = peer_approval(id, "wall", Duration::from_mins(1));
    let given = StoredPeerApprovals::new(&looker).give(&qa, &approval).await;
    // Without a release the write would be a conflict. It is denied before that, and nothing is
    // written.
    assert!(given.is_err());
    let writer = StoreWriter::new(&looker, &[].into()).expect("a writer");
    let failure = writer
        .deregister(&qa, Slot::Blue, &lease.fence)
        .await
        .expect_err("may not");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    assert!(!failure.to_string().contains("wall-password"), "{failure}");
    let record = reader.read(&qa).await.expect("may look");
    assert!(record.slots.blue.is_some() && record.peer_approvals.is_empty());
}

/// A driver's user cannot write approvals, and an approver's user cannot write them in another
/// name, with any program.
#[tokio::test]
async fn etcd_proves_who_gave_an_approval() {
    let server = Server::start().await;
    run_commands(&server);
    let qa = target("qa");
    let times = LockTimes {
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
    };
    let ben = store(&server, "ben");
    let locks = StoredLocks::new(&ben, times);
    let Ok(greenroom::ports::Acquired::Held(lease)) = locks.acquire(&qa, &lock("c")).await else {
        panic!("qa is theirs");
    };
    let writer = StoreWriter::new(&ben, &[].into()).expect("a writer");
    let id = ReleaseId(ulid::Ulid::generate());
    let opened = writer.head(&head(&qa, id), &lease.fence).await;
    opened.expect("a release");
    let reader = StoreReader::new(&ben);
    let hour = Duration::from_hours(1);

    let approving = StoredPeerApprovals::new(&ben);
    let own = peer_approval(id, "ben", hour);
    let failure = approving
        .give(&qa, &own)
        .await
        .expect_err("a driver's role approves nothing");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");

    // An approver writes only in the name of their user.
    let cleo = StoredPeerApprovals::new(&store(&server, "cleo"));
    assert_eq!(cleo.proved_name(), Some("cleo"));
    let given = cleo.give(&qa, &peer_approval(id, "dora", hour)).await;
    let failure = given.expect_err("she is not dora");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");

    // etcd refuses another program in the same way. What that program writes below its own name
    // does not count.
    let forged = serde_json::to_string(&peer_approval(id, "dora", hour)).expect("JSON");
    let below = "/greenroom/v1/approvals/web/qa";
    for (user, name) in [
        ("ben", "ben"),
        ("ben", "dora"),
        ("cleo", "dora"),
        ("wall", "wall"),
    ] {
        let put = [format!("{below}/{name}/{id}"), forged.clone()];
        let said = etcdctl_as(&server.endpoint(), user, &["put", &put[0], &put[1]]);
        assert!(said.contains("permission denied"), "{user}: {said}");
    }
    let key = format!("{below}/cleo/{id}");
    let said = etcdctl_as(&server.endpoint(), "cleo", &["put", &key, &forged]);
    assert!(said.contains("OK"), "{said}");
    let record = reader.read(&qa).await.expect("may look");
    assert!(record.peer_approvals.is_empty(), "{record:?}");
    let why = record.problems.get(&key).expect("it is reported");
    assert!(why.contains("by dora@"), "{why}");

    let real = peer_approval(id, "Cleo", hour);
    cleo.give(&qa, &real).await.expect("given");
    let record = reader.read(&qa).await.expect("may look");
    assert_eq!(record.peer_approvals, std::slice::from_ref(&real));
    assert!(record.problems.is_empty(), "{record:?}");
    cleo.withdraw(&qa, &real).await.expect("taken back");
}
