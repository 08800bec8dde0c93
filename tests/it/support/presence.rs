//! How every kind of store keeps watchers and handover requests.

use std::time::Duration;

use greenroom::inventory::{
    Declined, HandoverRequest, Operator, RegistryRecord, ReleaseId, Target, Watcher,
};
use greenroom::ports::{PresenceStore, RegistryReader};

use super::eventually;

fn operator(name: &str) -> Operator {
    Operator {
        name: name.into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn watcher(name: &str) -> Watcher {
    Watcher {
        operator: operator(name),
        console: format!("{name}@ops-1 4711 01JD/4"),
        since: "2026-01-01T00:00:00Z".parse().expect("a time"),
        is_agent: false,
    }
}

pub(crate) fn request(name: &str) -> HandoverRequest {
    HandoverRequest {
        operator: operator(name),
        console: watcher(name).console,
        release: ReleaseId(ulid::Ulid::nil()),
        asked_at: "2026-01-01T00:00:09Z".parse().expect("a time"),
        message: Some("mine?".into()),
        declined: None,
    }
}

/// Two consoles on one store, and a reader of it.
pub(crate) struct Contract<'a> {
    pub(crate) ana: &'a dyn PresenceStore,
    pub(crate) ben: &'a dyn PresenceStore,
    pub(crate) reader: &'a dyn RegistryReader,
    pub(crate) target: &'a Target,
}

impl Contract<'_> {
    async fn read(&self) -> RegistryRecord {
        let record = self.reader.read(self.target).await.expect("a record");
        assert!(record.problems.is_empty(), "{:?}", record.problems);
        record
    }

    async fn watching(&self) -> Vec<String> {
        let record = self.read().await;
        let mut names: Vec<String> = record
            .watching
            .into_iter()
            .map(|watcher| watcher.operator.name)
            .collect();
        names.sort();
        names
    }

    /// Checks all of it. No console is present before.
    pub(crate) async fn holds(&self) {
        let target = self.target;
        for (presence, name) in [(self.ana, "ana"), (self.ben, "ben"), (self.ben, "ben")] {
            presence.show(target, &watcher(name)).await.expect("here");
        }
        assert_eq!(self.watching().await, ["ana", "ben"]);
        let shown = self.read().await.watching;
        assert!(shown.contains(&watcher("ben")), "{shown:?}");
        let console = watcher("ana").console;
        self.ana.hide(target, &console).await.expect("gone");
        assert_eq!(self.watching().await, ["ben"]);

        // One console requests at a time.
        let (ana, ben) = (request("ana"), request("ben"));
        assert_eq!(
            self.ben
                .request_handover(target, &ben)
                .await
                .expect("asked"),
            None
        );
        assert_eq!(
            self.ben
                .request_handover(target, &ben)
                .await
                .expect("again"),
            None
        );
        let stands = self
            .ana
            .request_handover(target, &ana)
            .await
            .expect("an answer");
        assert_eq!(stands.as_ref(), Some(&ben));
        assert_eq!(self.read().await.handover_request.as_ref(), Some(&ben));

        // A refusal stays until the requester withdraws the request, and applies only to that
        // request.
        let no = Declined {
            by: operator("ana"),
            at: "2026-01-01T00:00:11Z".parse().expect("a time"),
        };
        self.ana.decline(target, &ana, &no).await.expect("no such");
        assert_eq!(self.read().await.handover_request.as_ref(), Some(&ben));
        self.ana.decline(target, &ben, &no).await.expect("declined");
        let declined = self
            .read()
            .await
            .handover_request
            .expect("it is still there");
        assert!(declined.is_same(&ben) && declined.declined == Some(no));
        self.ana.withdraw(target, &ana).await.expect("no such");
        assert!(self.read().await.handover_request.is_some());
        self.ben.withdraw(target, &ben).await.expect("taken back");
        assert_eq!(self.read().await.handover_request, None);
        self.ben.withdraw(target, &ben).await.expect("again");

        // A console that leaves removes everything it wrote.
        self.ben
            .request_handover(target, &ben)
            .await
            .expect("asked");
        self.ben.leave().await.expect("left");
        let record = self.read().await;
        assert!(
            record.watching.is_empty() && record.handover_request.is_none(),
            "{record:?}"
        );
    }

    /// A console that dies disappears by itself, and one that stays does not.
    pub(crate) async fn ends_with_its_console(&self, gone: impl PresenceStore + 'static) {
        let target = self.target;
        gone.show(target, &watcher("cleo")).await.expect("here");
        gone.request_handover(target, &request("cleo"))
            .await
            .expect("asked");
        self.ana.show(target, &watcher("ana")).await.expect("here");
        assert_eq!(self.watching().await, ["ana", "cleo"]);
        drop(gone);
        eventually("its lease expires", Duration::from_secs(20), || async {
            // Both have a lease, and each expires separately.
            self.watching().await == ["ana"] && self.read().await.handover_request.is_none()
        })
        .await;
        self.ana.leave().await.expect("left");
    }
}
