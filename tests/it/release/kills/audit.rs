//! Everything that was written to etcd while a release was killed and resumed, in order: not only
//! the final state must be correct, but every state.

use std::collections::BTreeMap;

use etcd_client::{Client, EventType, WatchOptions};
use greenroom::inventory::{Route, Slot};

use super::trial::Ended;
use crate::support::etcd;

pub(super) struct Audit {
    client: Client,
    prefix: String,
    /// The first revision to read.
    from: i64,
    /// The values before it.
    stood: BTreeMap<String, Vec<u8>>,
}

/// One change: the key, and its value unless it was deleted.
type Change = (String, Option<Vec<u8>>);

impl Audit {
    pub(super) async fn begin(service: &str) -> Self {
        let client = Client::connect([etcd()], None).await.expect("connected");
        let prefix = format!("/greenroom-test/{service}/");
        let below = etcd_client::GetOptions::new().with_prefix();
        let found = client
            .kv_client()
            .get(prefix.as_str(), Some(below))
            .await
            .expect("read");
        let from = found.header().expect("a header").revision() + 1;
        let stood = found
            .kvs()
            .iter()
            .map(|pair| (text(pair.key()), pair.value().to_vec()));
        Self {
            stood: stood.collect(),
            client,
            prefix,
            from,
        }
    }

    /// Every change since, in order.
    async fn changes(&self) -> Vec<Change> {
        let end = format!("{}end", self.prefix);
        self.client
            .kv_client()
            .put(end.as_str(), "", None)
            .await
            .expect("written");
        let options = WatchOptions::new()
            .with_prefix()
            .with_start_revision(self.from);
        let mut watch = self
            .client
            .watch_client()
            .watch(self.prefix.as_str(), Some(options))
            .await
            .expect("a watch");
        let mut changes = Vec::new();
        loop {
            let message = watch.message().await.expect("heard").expect("it goes on");
            for event in message.events() {
                let pair = event.kv().expect("a key");
                let key = text(pair.key());
                if key == end {
                    self.client
                        .kv_client()
                        .delete(end, None)
                        .await
                        .expect("deleted");
                    return changes;
                }
                let is_put = event.event_type() == EventType::Put;
                changes.push((key, is_put.then(|| pair.value().to_vec())));
            }
        }
    }

    /// Asserts that traffic moved at most once each way, that no route ever named an unregistered
    /// slot, and that no journal entry changed after it was written, except those that the test
    /// itself has rewritten.
    pub(super) async fn assert_right(
        mut self,
        what: &str,
        live: Slot,
        ended: Ended,
        is_rewritten: bool,
    ) {
        let changes = self.changes().await;
        let mut moves: Vec<(u64, Slot)> = Vec::new();
        for (key, value) in changes {
            let exists = self.stood.contains_key(&key);
            if key.contains("/steps/") && !is_rewritten {
                assert!(!exists, "{what}: {key} was written again, or deleted");
            }
            if let (true, Some(value)) = (key.ends_with("/route"), &value) {
                let route: Route = serde_json::from_slice(value).expect("a route");
                let to = (route.generation, route.live);
                // An operator who resumes writes their own name under an existing move.
                if moves.last() != Some(&to) {
                    moves.push(to);
                }
            }
            match value {
                Some(value) => self.stood.insert(key, value),
                None => self.stood.remove(&key),
            };
            self.names_a_registered_slot(what);
        }
        let is_increasing = moves.is_sorted_by(|one, next| one.0 < next.0);
        assert!(is_increasing, "{what}: {moves:?}");
        let mut slots: Vec<Slot> = moves.iter().map(|(_, slot)| *slot).collect();
        // A move back that was recorded and not made gets its own generation when it is made.
        slots.dedup();
        let new = live.other();
        match ended {
            Ended::Done => assert_eq!(slots, [new], "{what}"),
            Ended::BackedOut => assert!(
                slots.is_empty() || slots == [new, live],
                "{what}: {slots:?}"
            ),
        }
    }

    fn names_a_registered_slot(&self, what: &str) {
        let route = self.stood.iter().find(|(key, _)| key.ends_with("/route"));
        let (_, route) = route.expect("there is always a route");
        let route: Route = serde_json::from_slice(route).expect("a route");
        let entry = format!("/slots/{}", route.live);
        let is_registered = self.stood.keys().any(|key| key.ends_with(&entry));
        assert!(
            is_registered,
            "{what}: {} has the traffic and is not registered",
            route.live
        );
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
