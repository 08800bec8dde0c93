use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tempfile::TempDir;

use super::*;
use crate::inventory::HIGHEST_GENERATION;
use crate::ports::{CommandOutput, STAGED};

fn web() -> Target {
    Target::new("web".parse().unwrap(), "production".parse().unwrap())
}

fn new_pointer() -> (LivePointer, TempDir) {
    let state = tempfile::tempdir().unwrap();
    (LivePointer::new(Arc::new(ThisHost), state.path()), state)
}

fn order(from: Option<Slot>, to: Slot, generation: u64, token: i64) -> SwitchOrder {
    SwitchOrder {
        from,
        to,
        generation,
        token: FencingToken(token),
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> FailureKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn before_the_first_release_nothing_is_live() {
    let (pointer, _state) = new_pointer();
    assert_eq!(pointer.read(&web()).await.unwrap(), Pointer::default());
    pointer.prepare(&web()).await.unwrap();
    assert_eq!(pointer.read(&web()).await.unwrap(), Pointer::default());
}

#[tokio::test]
async fn a_switch_is_read_back_with_its_generation_and_token() {
    let (pointer, state) = new_pointer();
    let first = order(None, Slot::Green, 1, 7);
    pointer.switch(&web(), &first).await.unwrap();
    let second = order(Some(Slot::Green), Slot::Blue, 2, 9);
    pointer.switch(&web(), &second).await.unwrap();
    let now = pointer.read(&web()).await.unwrap();
    assert_eq!(
        (now.slot, now.generation, now.token),
        (Some(Slot::Blue), 2, FencingToken(9))
    );
    let live = state.path().join("web/production/live");
    assert!(live.join("is-blue").exists() && !live.join("is-green").exists());
    let names = fs::read_dir(state.path().join("web/production")).unwrap();
    assert_eq!(names.count(), 3, "only blue, green and live");
}

#[tokio::test]
async fn preparing_a_switch_moves_no_traffic() {
    let (pointer, _state) = new_pointer();
    let first = order(None, Slot::Green, 1, 7);
    pointer.switch(&web(), &first).await.unwrap();
    let second = order(Some(Slot::Green), Slot::Blue, 2, 9);
    pointer.make_ready(&web(), &second).await.unwrap();
    let now = pointer.read(&web()).await.unwrap();
    assert_eq!((now.slot, now.generation), (Some(Slot::Green), 1));
    // Another driver makes the switch later, under another token.
    let other = order(Some(Slot::Green), Slot::Blue, 2, 11);
    pointer.switch(&web(), &other).await.unwrap();
    let now = pointer.read(&web()).await.unwrap();
    assert_eq!((now.slot, now.token), (Some(Slot::Blue), FencingToken(11)));
    // A refused switch changes nothing, and the answer of the live slot is unchanged.
    let refused = pointer.make_ready(&web(), &second).await;
    assert_eq!(kind(refused), FailureKind::Fenced);
    let again = order(Some(Slot::Blue), Slot::Blue, 3, 12);
    pointer.make_ready(&web(), &again).await.unwrap();
    assert_eq!(pointer.read(&web()).await.unwrap().generation, 2);
}

#[tokio::test]
async fn repeating_a_switch_changes_nothing() {
    let (pointer, state) = new_pointer();
    let first = order(None, Slot::Green, 1, 7);
    pointer.switch(&web(), &first).await.unwrap();
    let inode = || {
        use std::os::unix::fs::MetadataExt;
        fs::symlink_metadata(state.path().join("web/production/live"))
            .unwrap()
            .ino()
    };
    let before = inode();
    pointer.switch(&web(), &first).await.unwrap();
    let taken_over = order(None, Slot::Green, 1, 8);
    pointer.switch(&web(), &taken_over).await.unwrap();
    assert_eq!(inode(), before);
}

#[tokio::test]
async fn a_token_lower_than_the_token_of_either_slot_is_refused() {
    let (pointer, _state) = new_pointer();
    let (blue, green) = (Some(Slot::Blue), Some(Slot::Green));
    for step in [
        order(None, Slot::Green, 1, 7),
        order(green, Slot::Blue, 2, 9),
    ] {
        pointer.switch(&web(), &step).await.unwrap();
    }
    let late = order(blue, Slot::Green, 3, 8);
    assert_eq!(
        kind(pointer.switch(&web(), &late).await),
        FailureKind::Fenced
    );
    let repeated_late = order(green, Slot::Blue, 2, 8);
    assert_eq!(
        kind(pointer.switch(&web(), &repeated_late).await),
        FailureKind::Fenced
    );
    assert_eq!(pointer.read(&web()).await.unwrap().slot, blue);
}

#[tokio::test]
async fn a_switch_must_start_from_the_live_slot() {
    let (pointer, _state) = new_pointer();
    let wrong = order(Some(Slot::Blue), Slot::Green, 1, 1);
    assert_eq!(
        kind(pointer.switch(&web(), &wrong).await),
        FailureKind::Conflict
    );
    pointer
        .switch(&web(), &order(None, Slot::Blue, 1, 1))
        .await
        .unwrap();
    let forgetful = order(None, Slot::Green, 2, 1);
    assert_eq!(
        kind(pointer.switch(&web(), &forgetful).await),
        FailureKind::Conflict
    );
}

/// A switch failed after the store had changed and before the proxy had. Backing out then moves no traffic, but the
/// proxy must still get the newer generation. Otherwise the route and the pointer would never agree again.
#[tokio::test]
async fn a_pointer_already_at_the_slot_gets_the_new_generation() {
    let (pointer, _state) = new_pointer();
    let first = order(None, Slot::Blue, 41, 1);
    pointer.switch(&web(), &first).await.unwrap();
    let repeated = order(Some(Slot::Blue), Slot::Blue, 43, 2);
    pointer.switch(&web(), &repeated).await.unwrap();
    let now = pointer.read(&web()).await.unwrap();
    assert_eq!((now.slot, now.generation), (Some(Slot::Blue), 43));
}

#[tokio::test]
async fn a_generation_that_is_not_higher_is_a_conflict() {
    let (pointer, _state) = new_pointer();
    pointer
        .switch(&web(), &order(None, Slot::Blue, 5, 1))
        .await
        .unwrap();
    for old in [4, 5] {
        let again = order(Some(Slot::Blue), Slot::Green, old, 1);
        assert_eq!(
            kind(pointer.switch(&web(), &again).await),
            FailureKind::Conflict
        );
    }
    assert_eq!(pointer.read(&web()).await.unwrap().slot, Some(Slot::Blue));
}

#[tokio::test]
async fn the_hint_for_a_pointer_of_another_target_leads_to_a_valid_pointer() {
    let (pointer, _state) = new_pointer();
    let shop = Target::new("shop".parse().unwrap(), "production".parse().unwrap());
    let first = order(None, Slot::Green, 4, 7);
    pointer.switch(&shop, &first).await.unwrap();
    let second = order(Some(Slot::Green), Slot::Blue, 5, 9);
    pointer.switch(&shop, &second).await.unwrap();
    fs::create_dir_all(pointer.directory(&web()).parent().unwrap()).unwrap();
    symlink(pointer.directory(&shop), pointer.directory(&web())).unwrap();
    let failure = pointer.state(&web()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    for advice in [
        "Do not move this directory away while",
        "greenroom repair web production",
    ] {
        assert!(failure.hint.contains(advice), "{failure}");
    }
    // Follow the hint: make a copy in which both answer files name this target.
    fs::remove_file(pointer.directory(&web())).unwrap();
    for slot in Slot::BOTH {
        let answer = fs::read_to_string(pointer.answer_file(&shop, slot)).unwrap();
        let answer = answer.replace("shop/production", "web/production");
        let file = pointer.answer_file(&web(), slot);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, answer).unwrap();
    }
    symlink("blue", pointer.link(&web())).unwrap();
    assert_eq!(pointer.read(&web()).await.unwrap().generation, 5);
    // The switch of a repair when the route names green.
    let repair = order(Some(Slot::Blue), Slot::Green, 6, 11);
    pointer.switch(&web(), &repair).await.unwrap();
    assert_eq!(pointer.read(&web()).await.unwrap().slot, Some(Slot::Green));
    let untouched = pointer.read(&shop).await.unwrap();
    assert_eq!(
        (untouched.slot, untouched.generation),
        (Some(Slot::Blue), 5)
    );
}

#[tokio::test]
async fn a_switch_changes_no_other_target() {
    let (pointer, _state) = new_pointer();
    let other = Target::new("web".parse().unwrap(), "qa".parse().unwrap());
    pointer
        .switch(&web(), &order(None, Slot::Blue, 5, 90))
        .await
        .unwrap();
    pointer
        .switch(&other, &order(None, Slot::Green, 1, 1))
        .await
        .unwrap();
    assert_eq!(pointer.read(&web()).await.unwrap().generation, 5);
    assert_eq!(pointer.read(&other).await.unwrap().slot, Some(Slot::Green));
}

#[tokio::test]
async fn another_user_can_read_all_files_with_any_umask() {
    let (pointer, state) = new_pointer();
    pointer
        .switch(&web(), &order(None, Slot::Blue, 1, 1))
        .await
        .unwrap();
    let mode = |path: &str| {
        let found = fs::metadata(state.path().join(path)).unwrap();
        found.permissions().mode() & 0o777
    };
    for directory in ["web", "web/production", "web/production/live"] {
        assert_eq!(mode(directory), 0o755, "{directory}");
    }
    for file in ["is-blue", "answer.json"] {
        assert_eq!(mode(&format!("web/production/blue/{file}")), 0o644);
    }
}

#[tokio::test]
async fn a_pointer_that_greenroom_did_not_write_is_refused() {
    let (pointer, state) = new_pointer();
    pointer.prepare(&web()).await.unwrap();
    let directory = state.path().join("web/production");
    symlink("/etc", directory.join("live")).unwrap();
    assert_eq!(kind(pointer.read(&web()).await), FailureKind::Garbled);
    fs::remove_file(directory.join("live")).unwrap();
    for garbage in ["", "{", "[]", "{\"slot\":\"red\"}", "{\"slot\":\"green\"}"] {
        fs::write(directory.join("blue/answer.json"), garbage).unwrap();
        let refused = pointer
            .switch(&web(), &order(None, Slot::Blue, 1, 1))
            .await
            .unwrap_err();
        assert_eq!(refused.kind, FailureKind::Garbled, "{garbage}");
    }
    let mismatched = br#"{"slot":"green","generation":1,"token":1}"#;
    assert!(Pointer::from_json(Slot::Blue, mismatched).is_err());
}

/// A staged link that is renamed late does not undo the switch of another driver.
#[tokio::test]
async fn a_late_rename_moves_no_traffic() {
    let (pointer, _state) = new_pointer();
    let order = |from, to, generation, token| order(from, to, generation, token);
    let first = order(None, Slot::Blue, 1, 1);
    pointer.switch(&web(), &first).await.unwrap();
    let link = pointer.link(&web());
    let late = ThisHost.stage(&link, Path::new("green")).await.unwrap();
    // The driver got an error and continues. Switching back is a switch as well.
    let to_green = order(Some(Slot::Blue), Slot::Green, 2, 1);
    pointer.switch(&web(), &to_green).await.unwrap();
    let back = order(Some(Slot::Green), Slot::Blue, 3, 1);
    pointer.switch(&web(), &back).await.unwrap();
    let put = ThisHost.put(&late, &link).await;
    assert_eq!(kind(put), FailureKind::Missing);
    assert_eq!(pointer.read(&web()).await.unwrap().slot, Some(Slot::Blue));
    let names = ThisHost.list(&pointer.directory(&web())).await.unwrap();
    assert!(
        !names.iter().any(|name| name.starts_with(STAGED)),
        "{names:?}"
    );
}

/// This host, which can lose power before a link is renamed.
struct PowerLoss {
    loses_power: AtomicBool,
}

#[async_trait]
impl ProxyHost for PowerLoss {
    fn place(&self) -> String {
        ThisHost.place()
    }
    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        ThisHost.read(path).await
    }
    async fn list(&self, directory: &Path) -> Result<Vec<String>> {
        ThisHost.list(directory).await
    }
    async fn is_directory(&self, path: &Path) -> Result<bool> {
        ThisHost.is_directory(path).await
    }
    async fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        ThisHost.write(path, content).await
    }
    async fn remove(&self, path: &Path) -> Result<()> {
        ThisHost.remove(path).await
    }
    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        ThisHost.read_link(path).await
    }
    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf> {
        ThisHost.stage(link, to).await
    }
    async fn put(&self, staged: &Path, link: &Path) -> Result<()> {
        if self.loses_power.load(Ordering::SeqCst) {
            return Err(Failure::new(
                FailureKind::Ambiguous,
                "this host",
                "",
                "power",
            ));
        }
        ThisHost.put(staged, link).await
    }
    async fn run(&self, command: &[String]) -> Result<CommandOutput> {
        ThisHost.run(command).await
    }
    async fn socket_table(&self, table: &str) -> Result<Option<String>> {
        ThisHost.socket_table(table).await
    }
}

#[tokio::test]
async fn after_a_crash_before_the_rename_the_switch_can_be_repeated() {
    let state = tempfile::tempdir().unwrap();
    let host = Arc::new(PowerLoss {
        loses_power: AtomicBool::new(false),
    });
    let pointer = LivePointer::new(host.clone(), state.path());
    let first = order(None, Slot::Blue, 1, 1);
    pointer.switch(&web(), &first).await.unwrap();
    let before = pointer.read(&web()).await.unwrap();
    host.loses_power.store(true, Ordering::SeqCst);
    let second = order(Some(Slot::Blue), Slot::Green, 2, 3);
    assert_eq!(
        kind(pointer.switch(&web(), &second).await),
        FailureKind::Ambiguous
    );
    assert_eq!(pointer.read(&web()).await.unwrap(), before);
    host.loses_power.store(false, Ordering::SeqCst);
    let overtaken = order(Some(Slot::Blue), Slot::Green, 2, 2);
    assert_eq!(
        kind(pointer.switch(&web(), &overtaken).await),
        FailureKind::Fenced
    );
    pointer.switch(&web(), &second).await.unwrap();
    assert_eq!(pointer.read(&web()).await.unwrap().slot, Some(Slot::Green));
}

#[tokio::test]
async fn replacing_a_linked_file_keeps_the_link() {
    let place = tempfile::tempdir().unwrap();
    let (real, link) = (place.path().join("real"), place.path().join("link"));
    fs::write(&real, "old").unwrap();
    symlink(&real, &link).unwrap();
    ThisHost.write(&link, b"new").await.unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[tokio::test]
async fn reading_or_removing_a_missing_file_succeeds() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing/file");
    assert_eq!(ThisHost.read(&missing).await.unwrap(), None);
    assert!(ThisHost.list(&missing).await.unwrap().is_empty());
    assert_eq!(ThisHost.read_link(&missing).await.unwrap(), None);
    ThisHost.remove(&missing).await.unwrap();
    let no_link = ThisHost.read_link(place.path()).await.unwrap();
    assert_eq!(no_link, None);
}

fn command(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|&argument| argument.to_owned())
        .collect()
}

#[tokio::test]
async fn a_command_runs_without_a_shell_and_returns_code_and_output() {
    let plain = ThisHost.run(&command(&["echo", "$HOME;", "`id`"])).await;
    assert_eq!(plain.unwrap().output, "$HOME; `id`\n");
    let script = "echo one; echo two >&2; echo three; exit 3";
    let ended = ThisHost.run(&command(&["sh", "-c", script])).await.unwrap();
    assert_eq!(ended.code, Some(3));
    assert_eq!(ended.output, "one\ntwo\nthree\n");
}

#[tokio::test]
async fn long_output_is_cut_without_waiting_for_a_background_process() {
    let script = "yes | head -c 5000000; sleep 20 &";
    let started = std::time::Instant::now();
    let ended = ThisHost.run(&command(&["sh", "-c", script])).await.unwrap();
    assert_eq!(ended.code, Some(0));
    assert!(ended.output.ends_with('…') && ended.output.len() < 4_300_000);
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn a_missing_program_is_reported_as_missing() {
    let missing = ThisHost.run(&command(&["/no/such/program"])).await;
    assert_eq!(kind(missing), FailureKind::Missing);
    assert_eq!(kind(ThisHost.run(&[]).await), FailureKind::Rejected);
}

#[test]
fn a_pointer_with_an_impossible_generation_is_refused() {
    let file =
        |generation: u64| format!(r#"{{"slot":"blue","generation":{generation},"token":1}}"#);
    let read = Pointer::from_json(Slot::Blue, file(HIGHEST_GENERATION).as_bytes());
    assert_eq!(read.map(|it| it.generation), Ok(HIGHEST_GENERATION));
    let refused = Pointer::from_json(Slot::Blue, file(HIGHEST_GENERATION + 1).as_bytes());
    let error = refused.expect_err("the generation is too high");
    assert!(
        error.contains("higher than any switch can make it"),
        "{error}"
    );
}
