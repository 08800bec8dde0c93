//! Files that other users own or may write are refused by name: a store, a secret, the state of a
//! proxy, a program. So is a configuration that is not a regular file.

use std::fs::{self, Permissions};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use greenroom::settings::{Request, Settings};
use greenroom::wire;
use tempfile::TempDir;

/// A user that no machine has.
const MALLORY: u32 = 47_110_816;

const TEXT: &str = r#"
[environments.production]
tier = "protected"
sqlite = { path = "store/store.db" }
nginx = { state = "nginx", answer = { listen = "127.0.0.1:8090" }, template = "site.template" }
registry = { user = "ana", password = { file = "password" }, ca = "tls/registry-ca" }
docker = { address = "tcp://docker.example:2376", tls = { ca = "tls/ca", cert = "tls/cert", key = "tls/key" } }
[environments.dev]
runtime = "process"
process = { state = "processes", catalogue = "catalogue.json" }
sqlite = { path = "dev.db" }
embedded = { state = "embedded", answer = "127.0.0.1:8091" }
"#;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        for directory in ["store", "nginx", "processes", "embedded", "bin", "tls"] {
            fs::create_dir(place.0.path().join(directory)).expect("made");
        }
        for (file, text) in [
            ("greenroom.toml", TEXT),
            ("store/store.db", ""),
            ("password", "hunter2-hunter2"),
            ("catalogue.json", "[]"),
            ("bin/nginx", "#!/bin/sh\n"),
            ("site.template", ""),
            ("tls/registry-ca", ""),
            ("tls/ca", ""),
            ("tls/cert", ""),
            ("tls/key", ""),
        ] {
            fs::write(place.0.path().join(file), text).expect("written");
        }
        place.set("bin/nginx", 0o755);
        place
    }

    fn set(&self, path: &str, mode: u32) {
        fs::set_permissions(self.0.path().join(path), Permissions::from_mode(mode)).expect("set");
    }

    fn give(&self, path: &str) {
        chown(self.0.path().join(path), Some(MALLORY), None).expect("given");
    }

    /// The error, without the directory of the test.
    fn said(&self) -> String {
        let said = self.loaded(true);
        said.map_or_else(|said| said, |_| String::new())
    }

    /// The warnings, or the error. `is_check` is true for `config check`.
    fn loaded(&self, is_check: bool) -> Result<String, String> {
        let bin = self.0.path().join("bin").display().to_string();
        let request = Request {
            path: Some(self.0.path().join("greenroom.toml")),
            environment: [("PATH".to_owned(), bin)].into(),
            requires_files: is_check,
            ..Request::default()
        };
        let plain = |said: String| said.replace(&format!("{}/", self.0.path().display()), "");
        let loaded = Settings::load(&request).map_err(|said| plain(said.to_string()))?;
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        Ok(plain(warnings.collect::<Vec<_>>().join("\n")))
    }
}

#[test]
fn files_that_other_users_own_or_may_write_are_refused_by_name() {
    assert_eq!(Place::new().said(), "");
    let owned = "belongs to another user (uid 47110816, mode 0";
    let written = "every user may write to this path";
    for (path, mode, line, says, mend) in [
        (
            "store/store.db",
            None,
            4,
            owned,
            "chown -h 0 store/store.db",
        ),
        (
            "store/store.db",
            Some(0o666),
            4,
            written,
            "chmod o-w store/store.db",
        ),
        (
            "store",
            Some(0o777),
            4,
            "every user may write to the directory of this path",
            "chmod o-w store",
        ),
        ("nginx", None, 5, owned, "chown -h 0 nginx"),
        ("password", Some(0o606), 6, written, "chmod o-w password"),
        ("password", None, 6, owned, "chown -h 0 password"),
        (
            "site.template",
            Some(0o646),
            5,
            written,
            "chmod o-w site.template",
        ),
        (
            "tls/registry-ca",
            None,
            6,
            owned,
            "chown -h 0 tls/registry-ca",
        ),
        ("tls/ca", Some(0o646), 7, written, "chmod o-w tls/ca"),
        ("tls/cert", None, 7, owned, "chown -h 0 tls/cert"),
        ("tls/key", Some(0o602), 7, written, "chmod o-w tls/key"),
        ("processes", Some(0o707), 10, written, "chmod o-w processes"),
        (
            "catalogue.json",
            Some(0o646),
            10,
            written,
            "chmod o-w catalogue.json",
        ),
        ("embedded", Some(0o777), 12, written, "chmod o-w embedded"),
        (
            "bin",
            Some(0o777),
            5,
            "every user may write to the directory of this path",
            "chmod o-w bin",
        ),
    ] {
        let place = Place::new();
        match mode {
            Some(mode) => place.set(path, mode),
            None => place.give(path),
        }
        let said = place.said();
        assert_eq!(said.lines().count(), 1, "{path}: {said}");
        assert!(
            said.starts_with(&format!("greenroom.toml:{line}:")),
            "{path}: {said}"
        );
        assert!(said.contains(says), "{path}: {said}");
        assert!(said.contains("other users can change `"), "{path}: {said}");
        assert!(said.ends_with(&format!("run {mend}")), "{path}: {said}");
    }
}

/// The owner of a directory of `dev` must not be able to block production, nor the other way round.
#[test]
fn files_that_others_can_change_block_only_their_environment() {
    let place = Place::new();
    place.set("processes", 0o777);
    let warned = place.loaded(false).expect("production can be used");
    assert!(
        warned.contains("other users can change `processes`"),
        "{warned}"
    );
    assert!(!warned.contains("Greenroom does not use"), "{warned}");
    place.set("nginx", 0o777);
    let warned = place.loaded(false).expect("dev can be used");
    let says = "other users can change `nginx`: every user may write to this path";
    assert!(warned.contains(says), "{warned}");
    let ends = "chmod o-w nginx. Until this is corrected, Greenroom does not use production";
    assert!(warned.contains(ends), "{warned}");
    let all = place.loaded(true).expect_err("both are said");
    assert!(
        all.contains("`nginx`") && all.contains("`processes`"),
        "{all}"
    );
}

#[test]
fn an_environment_whose_files_others_can_change_is_not_there_to_be_used() {
    let place = Place::new();
    let file = place.0.path().join("greenroom.toml");
    let other = "[environments.live]\ntier = \"protected\"\nrules = { only_from = \"production\" }\nsqlite = { path = \"live.db\" }\n";
    fs::write(&file, format!("{TEXT}{other}")).expect("written");
    let load = || {
        let request = Request {
            path: Some(file.clone()),
            ..Request::default()
        };
        Settings::load(&request).map(|loaded| loaded.settings)
    };
    let names = |settings: &Settings| -> Vec<String> {
        let environments = settings.environments.iter();
        environments.map(|it| it.name.to_string()).collect()
    };
    let settings = load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(names(&settings), ["production", "dev", "live"]);
    // What is live in production proves versions good for live.
    place.set("store/store.db", 0o666);
    let settings = load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(names(&settings), ["dev"]);
    let refused: Vec<String> = settings.refused.keys().map(ToString::to_string).collect();
    assert_eq!(refused, ["live", "production"]);
    let live = &settings.refused[&"live".parse().expect("a name")];
    assert!(live[0].says.contains("live in production"), "{live:?}");
    // What is pruned on the engine, or reloaded with the proxy, is production's as well.
    let engine = "docker = { address = \"tcp://docker.example:2376\", tls = { ca = \"tls/ca\", cert = \"tls/cert\", key = \"tls/key\" } }";
    let qa = format!("[environments.qa]\nsqlite = {{ path = \"qa.db\" }}\n{engine}\n");
    fs::write(&file, format!("{TEXT}{qa}")).expect("written");
    let settings = load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(names(&settings), ["dev"]);
    let qa = &settings.refused[&"qa".parse().expect("a name")];
    assert!(qa[0].says.contains("with production"), "{qa:?}");
    // Where nothing is left, nothing can be done.
    fs::write(&file, TEXT.split("[environments.dev]").next().expect("it")).expect("written");
    let said = load().expect_err("nothing is left").to_string();
    assert!(said.contains("other users can change"), "{said}");
}

const SERVICE: &str = r#"
[services.web]
image = "sample"
listen = { port = 8080 }
health = { path = "/health" }
[services.web.environments.dev]
endpoints = { blue = "127.0.0.1:1", green = "127.0.0.1:2" }
proxy = { server_names = ["localhost"], listen = "127.0.0.1:8080", preview_listen = "127.0.0.1:8081" }
[services.web.environments.production]
endpoints = { blue = "127.0.0.1:3", green = "127.0.0.1:4" }
proxy = { server_names = ["web.example"], listen = "0.0.0.0:80" }
"#;

#[test]
fn commands_fail_in_the_environment_whose_files_others_can_change_and_in_no_other() {
    let place = Place::new();
    let file = place.0.path().join("greenroom.toml");
    let text = format!("{TEXT}{SERVICE}");
    let text = text.replace(
        "[environments.dev]",
        "[environments.dev]\nproxy = \"embedded\"",
    );
    fs::write(&file, text).expect("written");
    place.set("tls/ca", 0o666);
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(["--config", &file.display().to_string()])
            .args(arguments)
            .env("XDG_STATE_HOME", place.0.path())
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let hold = |environment| run(&["hold", "web", environment, "--reason", "payday"]);
    let (code, said) = hold("dev");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Greenroom does not use production"), "{said}");
    let (code, said) = hold("production");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("the environment production is not used: "),
        "{said}"
    );
    assert!(
        !place.0.path().join("store/store.db-wal").exists(),
        "{said}"
    );
    let (_, said) = run(&["status"]);
    assert!(said.contains("web/dev"), "{said}");
    assert!(!said.contains("web/production"), "{said}");
    let (code, said) = run(&["doctor"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("x production"), "{said}");
}

/// Root administers the store of a service's user.
#[test]
fn root_may_use_files_of_the_user_who_owns_the_directory() {
    let place = Place::new();
    place.give("store");
    assert!(
        place.said().contains("`store/store.db`"),
        "{}",
        place.said()
    );
    place.give("store/store.db");
    assert_eq!(place.said(), "");
    place.set("store/store.db", 0o666);
    assert!(place.said().contains("every user"), "{}", place.said());
}

#[test]
fn a_secret_too_short_to_be_masked_is_named() {
    let place = Place::new();
    let text = TEXT.replace("{ file = \"password\" }", "{ env = \"SHORT\" }");
    let warned = |text: &str| {
        let request = Request {
            environment: [("SHORT".to_owned(), "abc12".to_owned())].into(),
            ..Request::default()
        };
        let file = place.0.path().join("greenroom.toml");
        let loaded = Settings::read(&file, text, &request);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        warnings.collect::<Vec<_>>().join("\n")
    };
    let says = "registry.password: this secret has fewer than 6 characters";
    assert!(warned(&text).contains(says), "{}", warned(&text));
    fs::write(place.0.path().join("password"), "abcd\n").expect("written");
    assert!(warned(TEXT).contains(says), "{}", warned(TEXT));
    fs::write(place.0.path().join("password"), "abcde\n").expect("written");
    assert!(warned(TEXT).contains(says), "{}", warned(TEXT));
    fs::write(place.0.path().join("password"), "abcdef\n").expect("written");
    assert!(!warned(TEXT).contains(says), "{}", warned(TEXT));
}

#[test]
fn files_in_a_sticky_directory_are_accepted() {
    let place = Place::new();
    place.set("store", 0o1777);
    assert_eq!(place.said(), "");
}

/// The output of `config check` for a path, which must come without waiting for the path.
fn checked(path: &Path, stdin: Stdio) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(["--config", &path.display().to_string(), "config", "check"])
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("its state").is_none() {
        if Instant::now() > until {
            child.kill().expect("killed");
            panic!("{} is waited for", path.display());
        }
        std::thread::yield_now();
    }
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_configuration_that_is_not_a_regular_file_is_refused_at_once() {
    let place = Place::new();
    let pipe = place.0.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    for (path, what) in [
        (pipe.as_path(), "a pipe"),
        (place.0.path(), "a directory"),
        (Path::new("/dev/zero"), "a device"),
    ] {
        let (code, said) = checked(path, Stdio::null());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("is {what}: name a file")), "{said}");
    }
}

#[tokio::test]
async fn a_configuration_from_a_pipe_is_not_watched() {
    let text = "[environments.dev]\nsqlite = { path = \"/var/lib/greenroom-test/dev.db\" }\n";
    let load = |path: PathBuf| {
        let request = Request {
            path: Some(path),
            ..Request::default()
        };
        let loaded = Settings::load(&request).unwrap_or_else(|problems| panic!("{problems}"));
        (request, loaded)
    };
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    std::io::Write::write_all(&mut writer, text.as_bytes()).expect("written");
    drop(writer);
    let (request, loaded) = load(format!("/dev/fd/{}", reader.as_raw_fd()).into());
    assert!(loaded.settings.is_read_once);
    assert_eq!(loaded.settings.modified_at, None, "a pipe has no age");
    let (found, watching) = wire::watch_configuration(request, loaded);
    let ended = tokio::time::timeout(Duration::from_secs(20), watching).await;
    ended.expect("it ends by itself");
    assert!(found.borrow().is_none());

    let place = Place::new();
    let file = place.0.path().join("piped.toml");
    fs::write(&file, text).expect("written");
    let (_, loaded) = load(file);
    assert!(!loaded.settings.is_read_once && loaded.settings.modified_at.is_some());
}

#[test]
fn a_configuration_is_read_from_standard_input() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let text = "[environments.dev]\nsqlite = { path = \"/var/lib/greenroom-test/dev.db\" }\n";
    std::io::Write::write_all(&mut writer, text.as_bytes()).expect("written");
    drop(writer);
    let (code, said) = checked(Path::new("/dev/stdin"), reader.into());
    assert_eq!(code, Some(0), "{said}");
}
