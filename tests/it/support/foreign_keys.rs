//! How every kind of store treats keys that another program or a person wrote below a target.

use greenroom::history::{FORMAT, ReleaseRecord};
use greenroom::inventory::{ReleaseId, Slot, StoredKey, Target};
use greenroom::ports::{Fence, JournalReader, JournalWriter, RegistryReader};

/// Keys of the record of a target. The columns: the key below the target, the value, and whether it
/// is reported.
const KEYS: &[(&str, &[u8], bool)] = &[
    ("note", b"ask ben", true),
    ("note/deep/er", b"{}", true),
    ("slots/purple", b"{}", true),
    ("slots/blue/x", b"{}", true),
    ("route/x", b"{}", true),
    ("lock/x", b"", true),
    ("binary", b"\xff\xfe", true),
    ("holds/garbage", b"x", false),
    ("repairs/garbage", b"x", false),
];

/// A store in which blue is live, and a way to write keys without its adapter.
pub(crate) struct Contract<'a> {
    pub(crate) reader: &'a dyn RegistryReader,
    pub(crate) journal: &'a dyn JournalReader,
    pub(crate) writer: &'a dyn JournalWriter,
    pub(crate) target: &'a Target,
    pub(crate) fence: &'a Fence,
    /// A head of that release.
    pub(crate) head: &'a (dyn Fn(ReleaseId) -> ReleaseRecord + Sync),
    /// Writes a key below the target.
    pub(crate) put: &'a (dyn Fn(&str, &[u8]) + Sync),
    /// Writes a head unchanged.
    pub(crate) put_head: &'a (dyn Fn(&str, &[u8]) + Sync),
}

impl Contract<'_> {
    /// An unknown key is reported, stops nothing, and hides nothing.
    pub(crate) async fn unknown_keys_stop_nothing(&self) {
        for (name, value, _) in KEYS {
            (self.put)(name, value);
        }
        let record = self.reader.read(self.target).await.expect("a record");
        assert!(record.slots.get(Slot::Blue).is_some() && record.route.is_some());
        assert!(record.lock.is_some());
        for (name, _, is_reported) in KEYS {
            let ends = format!("{}/{name}", self.target);
            let mut found = record.problems.keys().filter(|key| key.ends_with(&ends));
            assert_eq!(found.next().is_some(), *is_reported, "{name}");
        }
        for key in record.problems.keys() {
            let key = StoredKey::of(self.target, key);
            assert!(!key.stops_promote() && !key.is_drift(), "{key:?}");
        }
        let read = self.reader.read_with_keys(self.target).await;
        let listed = read.expect("a record").1;
        let is_listed = |name: &str| listed.iter().any(|line| line.key.ends_with(name));
        assert!(is_listed("/note") && is_listed("/binary"), "{listed:?}");
    }

    /// An unreadable head hides no other, wherever it is, and is named.
    pub(crate) async fn heads_that_cannot_be_read_hide_no_other(&self) {
        let id = |number: u128| ReleaseId(number.into());
        for number in [10, 20, 30] {
            let head = (self.head)(id(number));
            self.writer.head(&head, self.fence).await.expect("opened");
        }
        let newer = serde_json::json!({ "format": FORMAT + 1 }).to_string();
        let old: [(ReleaseId, &[u8]); 3] = [
            (id(5), b"nonsense"),
            (id(15), newer.as_bytes()),
            (id(25), b"{\"format\":1,\"id\":\"\xff\"}"),
        ];
        for (id, value) in old {
            (self.put_head)(&id.to_string(), value);
        }
        // A key that names no release sorts after and before all that do.
        for name in ["not-an-id", "zzz", "zzz/deeper", "0"] {
            (self.put_head)(name, b"{}");
        }
        let of = self.target;
        let ids = |heads: Vec<ReleaseRecord>| heads.iter().map(|it| it.id).collect::<Vec<_>>();
        let listed = self.journal.releases(of, 100).await.expect("listed");
        assert_eq!(ids(listed), [id(30), id(20), id(10)]);
        let one = self.journal.releases(of, 1).await.expect("listed");
        assert_eq!(ids(one), [id(30)]);
        let part = self.journal.releases_before(of, id(30), 1).await;
        assert_eq!(ids(part.expect("listed")), [id(20)]);
        let part = self.journal.releases_before(of, id(10), 9).await;
        assert_eq!(ids(part.expect("listed")), []);
        let unreadable = self.unreadable(100).await;
        assert_eq!(unreadable, [id(25), id(15), id(5)]);
        assert_eq!(self.unreadable(2).await, [id(25)], "of the newest two");
        let newest = self.newest().await.expect("read");
        assert_eq!(newest, id(30));

        (self.put_head)(&id(40).to_string(), b"nonsense");
        self.newest().await.expect_err("the newest is nonsense");
        assert_eq!(self.unreadable(1).await, [id(40)]);
    }

    async fn unreadable(&self, limit: usize) -> Vec<ReleaseId> {
        let found = self.journal.unreadable(self.target, limit).await;
        let found = found.expect("listed").into_iter();
        found.map(|(id, _)| id).collect()
    }

    async fn newest(&self) -> greenroom::ports::Result<ReleaseId> {
        let of = [self.target.clone()];
        let mut newest = self.journal.current(&of).await.expect("listed");
        let newest = newest.remove(self.target).expect("a release");
        newest.map(|head| head.id)
    }
}
