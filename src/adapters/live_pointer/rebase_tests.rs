//! Rebases a pointer to the token of a restored store while a driver from before the restore is still running.

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::*;
use crate::inventory::{LastSwitch, PerSlot};
use crate::ports::{CommandOutput, FilePart};

fn web() -> Target {
    Target::new("web".parse().unwrap(), "production".parse().unwrap())
}

fn order(from: Option<Slot>, to: Slot, generation: u64, token: i64) -> SwitchOrder {
    SwitchOrder {
        from,
        to,
        generation,
        token: FencingToken(token),
    }
}

fn last(generation: u64, token: i64) -> LastSwitch {
    let token = FencingToken(token);
    LastSwitch { generation, token }
}

/// Blue is live at generation 42 under token 8123; green was live before.
fn state_before() -> PointerState {
    PointerState {
        live: Some(Slot::Blue),
        slots: PerSlot {
            blue: Some(last(42, 8123)),
            green: Some(last(41, 8000)),
        },
    }
}

fn rebase(from: PointerState) -> RebaseOrder {
    RebaseOrder {
        from,
        generation: 2_000,
        token: FencingToken(412),
    }
}

/// The switch of a driver from before the restore. The driver holds the lock and has changed the route, and its switch
/// is not done yet.
fn order_of_old_driver() -> SwitchOrder {
    order(Some(Slot::Blue), Slot::Green, 43, 8200)
}

async fn live_in_blue(state: &TempDir) -> LivePointer {
    let pointer = LivePointer::new(Arc::new(ThisHost), state.path());
    let first = order(None, Slot::Green, 41, 8000);
    pointer.switch(&web(), &first).await.unwrap();
    let second = order(Some(Slot::Green), Slot::Blue, 42, 8123);
    pointer.switch(&web(), &second).await.unwrap();
    assert_eq!(pointer.state(&web()).await.unwrap(), state_before());
    pointer
}

#[tokio::test]
async fn after_a_rebase_only_new_locks_of_the_store_can_switch() {
    let state = tempfile::tempdir().unwrap();
    let pointer = live_in_blue(&state).await;
    let next = order(Some(Slot::Blue), Slot::Green, 43, 413);
    let refused = pointer.switch(&web(), &next).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Fenced);
    pointer
        .rebase(&web(), &rebase(state_before()))
        .await
        .unwrap();
    let now = pointer.state(&web()).await.unwrap();
    assert_eq!(
        (now.live, now.slots.blue, now.slots.green),
        (
            Some(Slot::Blue),
            Some(last(2_000, 412)),
            Some(last(41, 412))
        )
    );
    for slot in Slot::BOTH {
        let file = std::fs::read(pointer.answer_file(&web(), slot)).unwrap();
        assert_eq!(answer::owner(&file), Some(web().to_string()));
    }
    // The order can be repeated after it was carried out.
    pointer
        .rebase(&web(), &rebase(state_before()))
        .await
        .unwrap();
    let late = pointer
        .switch(&web(), &order_of_old_driver())
        .await
        .unwrap_err();
    assert_eq!(late.kind, FailureKind::Conflict);
    assert_eq!(pointer.state(&web()).await.unwrap(), now);
    let next = order(Some(Slot::Blue), Slot::Green, 2_001, 413);
    pointer.switch(&web(), &next).await.unwrap();
    // A lower token is refused as always.
    let lower = order(Some(Slot::Green), Slot::Blue, 2_002, 412);
    let refused = pointer.switch(&web(), &lower).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Fenced);
}

#[tokio::test]
async fn a_pointer_that_another_driver_has_changed_is_not_rebased() {
    let state = tempfile::tempdir().unwrap();
    let pointer = live_in_blue(&state).await;
    pointer
        .switch(&web(), &order_of_old_driver())
        .await
        .unwrap();
    let now = pointer.state(&web()).await.unwrap();
    let refused = pointer
        .rebase(&web(), &rebase(state_before()))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, FailureKind::Conflict);
    assert_eq!(pointer.state(&web()).await.unwrap(), now);
}

#[tokio::test]
async fn repeating_an_interrupted_rebase_completes_it() {
    let order = rebase(state_before());
    for (slot, generation) in [(Slot::Blue, order.generation), (Slot::Green, 41)] {
        let state = tempfile::tempdir().unwrap();
        let pointer = live_in_blue(&state).await;
        let half = Pointer::of(slot, last(generation, order.token.0)).to_json();
        let file = pointer.answer_file(&web(), slot);
        ThisHost.write(&file, &half).await.unwrap();
        pointer.rebase(&web(), &order).await.unwrap();
        let now = pointer.state(&web()).await.unwrap();
        assert_eq!(now.slots.blue, Some(last(2_000, 412)), "{slot}");
        assert_eq!(now.slots.green, Some(last(41, 412)), "{slot}");
    }
}

/// The point in an operation at which the other driver acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Write(u32),
    Stage,
    Put,
}

#[derive(Clone, Copy, Debug)]
enum Other {
    Rebase,
    Switch,
}

/// This machine, with another driver that acts once in the middle of an operation.
struct Interleaved {
    at: At,
    other: Other,
    other_driver: LivePointer,
    writes: Mutex<u32>,
    other_succeeded: Mutex<Option<bool>>,
}

impl Interleaved {
    async fn act_at(&self, at: At) {
        let mut other_succeeded = self.other_succeeded.lock().await;
        if self.at != at || other_succeeded.is_some() {
            return;
        }
        let done = match self.other {
            Other::Rebase => {
                self.other_driver
                    .rebase(&web(), &rebase(state_before()))
                    .await
            }
            Other::Switch => {
                self.other_driver
                    .switch(&web(), &order_of_old_driver())
                    .await
            }
        };
        *other_succeeded = Some(done.is_ok());
    }
}

#[async_trait]
impl ProxyHost for Interleaved {
    fn place(&self) -> String {
        ThisHost.place()
    }
    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        ThisHost.read(path).await
    }
    async fn read_part(&self, path: &Path, from: u64, most: usize) -> Result<Option<FilePart>> {
        ThisHost.read_part(path, from, most).await
    }
    async fn list(&self, directory: &Path) -> Result<Vec<String>> {
        ThisHost.list(directory).await
    }
    async fn is_directory(&self, path: &Path) -> Result<bool> {
        ThisHost.is_directory(path).await
    }
    async fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        let number = {
            let mut writes = self.writes.lock().await;
            *writes += 1;
            *writes
        };
        self.act_at(At::Write(number)).await;
        ThisHost.write(path, content).await
    }
    async fn remove(&self, path: &Path) -> Result<()> {
        ThisHost.remove(path).await
    }
    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        ThisHost.read_link(path).await
    }
    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf> {
        self.act_at(At::Stage).await;
        ThisHost.stage(link, to).await
    }
    async fn put(&self, staged: &Path, link: &Path) -> Result<()> {
        self.act_at(At::Put).await;
        ThisHost.put(staged, link).await
    }
    async fn run(&self, command: &[String]) -> Result<CommandOutput> {
        ThisHost.run(command).await
    }
    async fn socket_table(&self, table: &str) -> Result<Option<String>> {
        ThisHost.socket_table(table).await
    }
}

/// Tries every point at which the other driver can act. At most one of the two drivers succeeds, so a rebased pointer
/// is never older than traffic that the old driver has moved.
#[tokio::test]
async fn a_rebase_and_an_old_switch_never_both_succeed() {
    for other in [Other::Rebase, Other::Switch] {
        for at in [At::Write(1), At::Write(2), At::Stage, At::Put] {
            let state = tempfile::tempdir().unwrap();
            let other_driver = live_in_blue(&state).await;
            let host = Arc::new(Interleaved {
                at,
                other,
                other_driver,
                writes: Mutex::new(0),
                other_succeeded: Mutex::new(None),
            });
            let pointer = LivePointer::new(host.clone(), state.path());
            let done = match other {
                Other::Rebase => pointer.switch(&web(), &order_of_old_driver()).await,
                Other::Switch => pointer.rebase(&web(), &rebase(state_before())).await,
            };
            let Some(other_succeeded) = *host.other_succeeded.lock().await else {
                // A switch writes only one file.
                assert_eq!(at, At::Write(2), "{other:?}");
                continue;
            };
            let (rebased, switched) = match other {
                Other::Rebase => (other_succeeded, done.is_ok()),
                Other::Switch => (done.is_ok(), other_succeeded),
            };
            let case = format!("{other:?} at {at:?}: {done:?}");
            assert!(!(rebased && switched), "{case}");
            let now = pointer.state(&web()).await.unwrap();
            let expected = if switched { Slot::Green } else { Slot::Blue };
            assert_eq!(now.live, Some(expected), "{case}: {now:?}");
            if switched {
                // The status reports a restored store, and a second repair corrects the token.
                assert_eq!(now.highest_token(), FencingToken(8200), "{case}");
            }
        }
    }
}
