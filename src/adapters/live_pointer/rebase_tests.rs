//! A pointer gets a token of a restored store while a driver from before the restore is still
//! alive.

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
fn before() -> PointerState {
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

/// A driver from before took the lock and swapped the route; its switch is still in transit.
fn of_before() -> SwitchOrder {
    order(Some(Slot::Blue), Slot::Green, 43, 8200)
}

async fn live_in_blue(state: &TempDir) -> LivePointer {
    let pointer = LivePointer::new(Arc::new(ThisHost), state.path());
    let first = order(None, Slot::Green, 41, 8000);
    pointer.switch(&web(), &first).await.unwrap();
    let second = order(Some(Slot::Green), Slot::Blue, 42, 8123);
    pointer.switch(&web(), &second).await.unwrap();
    assert_eq!(pointer.state(&web()).await.unwrap(), before());
    pointer
}

#[tokio::test]
async fn after_a_rebase_only_new_locks_of_the_store_can_switch() {
    let state = tempfile::tempdir().unwrap();
    let pointer = live_in_blue(&state).await;
    let next = order(Some(Slot::Blue), Slot::Green, 43, 413);
    let refused = pointer.switch(&web(), &next).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Fenced);
    pointer.rebase(&web(), &rebase(before())).await.unwrap();
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
    // Repeated, also after the order was carried out.
    pointer.rebase(&web(), &rebase(before())).await.unwrap();
    let late = pointer.switch(&web(), &of_before()).await.unwrap_err();
    assert_eq!(late.kind, FailureKind::Conflict);
    assert_eq!(pointer.state(&web()).await.unwrap(), now);
    let next = order(Some(Slot::Blue), Slot::Green, 2_001, 413);
    pointer.switch(&web(), &next).await.unwrap();
    // The lock before it is refused, as always.
    let lower = order(Some(Slot::Green), Slot::Blue, 2_002, 412);
    let refused = pointer.switch(&web(), &lower).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Fenced);
}

#[tokio::test]
async fn a_pointer_that_another_driver_wrote_meanwhile_is_left_unchanged() {
    let state = tempfile::tempdir().unwrap();
    let pointer = live_in_blue(&state).await;
    pointer.switch(&web(), &of_before()).await.unwrap();
    let now = pointer.state(&web()).await.unwrap();
    let refused = pointer.rebase(&web(), &rebase(before())).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Conflict);
    assert_eq!(pointer.state(&web()).await.unwrap(), now);
}

#[tokio::test]
async fn a_half_done_rebase_is_finished_when_it_is_repeated() {
    let order = rebase(before());
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

/// The point in an act where another act runs.
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

/// This machine, with another driver that acts in the middle of an operation.
struct Crossed {
    at: At,
    other: Other,
    elsewhere: LivePointer,
    writes: Mutex<u32>,
    came: Mutex<Option<bool>>,
}

impl Crossed {
    async fn meet(&self, at: At) {
        let mut came = self.came.lock().await;
        if self.at != at || came.is_some() {
            return;
        }
        let done = match self.other {
            Other::Rebase => self.elsewhere.rebase(&web(), &rebase(before())).await,
            Other::Switch => self.elsewhere.switch(&web(), &of_before()).await,
        };
        *came = Some(done.is_ok());
    }
}

#[async_trait]
impl ProxyHost for Crossed {
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
        self.meet(At::Write(number)).await;
        ThisHost.write(path, content).await
    }
    async fn remove(&self, path: &Path) -> Result<()> {
        ThisHost.remove(path).await
    }
    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        ThisHost.read_link(path).await
    }
    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf> {
        self.meet(At::Stage).await;
        ThisHost.stage(link, to).await
    }
    async fn put(&self, staged: &Path, link: &Path) -> Result<()> {
        self.meet(At::Put).await;
        ThisHost.put(staged, link).await
    }
    async fn run(&self, command: &[String]) -> Result<CommandOutput> {
        ThisHost.run(command).await
    }
    async fn socket_table(&self, table: &str) -> Result<Option<String>> {
        ThisHost.socket_table(table).await
    }
}

/// Wherever the two cross, at most one of them succeeds: a repaired pointer is never behind traffic
/// that a driver from before moved.
#[tokio::test]
async fn a_rebase_and_an_old_switch_never_both_succeed() {
    for other in [Other::Rebase, Other::Switch] {
        for at in [At::Write(1), At::Write(2), At::Stage, At::Put] {
            let state = tempfile::tempdir().unwrap();
            let elsewhere = live_in_blue(&state).await;
            let host = Arc::new(Crossed {
                at,
                other,
                elsewhere,
                writes: Mutex::new(0),
                came: Mutex::new(None),
            });
            let here = LivePointer::new(host.clone(), state.path());
            let done = match other {
                Other::Rebase => here.switch(&web(), &of_before()).await,
                Other::Switch => here.rebase(&web(), &rebase(before())).await,
            };
            let Some(came) = *host.came.lock().await else {
                // A switch writes one file.
                assert_eq!(at, At::Write(2), "{other:?}");
                continue;
            };
            let (rebased, switched) = match other {
                Other::Rebase => (came, done.is_ok()),
                Other::Switch => (done.is_ok(), came),
            };
            let what = format!("{other:?} at {at:?}: {done:?}");
            assert!(!(rebased && switched), "{what}");
            let now = here.state(&web()).await.unwrap();
            let expected = if switched { Slot::Green } else { Slot::Blue };
            assert_eq!(now.live, Some(expected), "{what}: {now:?}");
            if switched {
                // It is reported as a restored store, and repaired once more.
                assert_eq!(now.highest_token(), FencingToken(8200), "{what}");
            }
        }
    }
}
