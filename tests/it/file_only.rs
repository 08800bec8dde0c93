//! In a protected environment, a variable or `--set` cannot change the servers, the running
//! program, or the checks that prove a version. Another store, for example, has no holds, no lock
//! and no approvals.

use std::path::{Path, PathBuf};
use std::process::Command;

use greenroom::settings::{Loaded, Problems, Request, Settings, StoreConfig};

const TEXT: &str = r#"
[defaults.etcd]
endpoints = ["http://127.0.0.1:2379"]
[defaults.nginx]
answer = { listen = "127.0.0.1:8090" }
[environments.dev]
tier = "development"
sqlite = { path = "dev.db" }
[environments.qa]
tier = "staging"
etcd = { prefix = "/greenroom/qa" }
[environments.production]
tier = "protected"
rules = { only_from = "qa" }
docker = { address = "tcp://docker.example:2375" }
[services.web]
image = "registry.example/team/web"
listen = { port = 8080 }
memory = "256MiB"
health = { path = "/health" }
[services.web.environment]
LOG_LEVEL = "info"
[services.web.environments.dev]
endpoints = { blue = "127.0.0.1:18081", green = "127.0.0.1:18082" }
proxy = { server_names = ["dev.example"], listen = "0.0.0.0:80" }
health = { path = "/dev" }
memory = "1GiB"
[services.web.environments.qa]
endpoints = { blue = "127.0.0.1:18091", green = "127.0.0.1:18092" }
proxy = { server_names = ["qa.example"], listen = "0.0.0.0:80" }
[services.web.environments.production]
endpoints = { blue = "127.0.0.1:18101", green = "127.0.0.1:18102" }
proxy = { server_names = ["web.example"], listen = "0.0.0.0:80" }
memory = "512MiB"
[services.tool]
image = "registry.example/team/tool"
listen = { port = 8080 }
health = { path = "/health" }
[services.tool.environments.dev]
endpoints = { blue = "127.0.0.1:18111", green = "127.0.0.1:18112" }
proxy = { server_names = ["tool.example"], listen = "0.0.0.0:80" }
"#;

fn read(overrides: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let request = Request {
        overrides: overrides.iter().map(owned).collect(),
        environment: variables.iter().map(owned).collect(),
        ..Request::default()
    };
    Settings::read(Path::new("greenroom.toml"), TEXT, &request)
}

/// The error about a refused flag.
fn refused(key: &str, value: &str) -> String {
    let read = read(&[(key, value)], &[]);
    match read {
        Ok(_) => panic!("--set {key}={value} is taken"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn only_the_file_sets_the_servers_of_a_protected_environment() {
    for (below, value) in [
        ("etcd.prefix", "/other"),
        ("etcd.endpoints", "[\"http://127.0.0.1:2380\"]"),
        ("etcd.tls.ca", "Cargo.toml"),
        ("store", "sqlite"),
        ("sqlite.path", "own.db"),
        ("docker.address", "unix:///run/own.sock"),
        ("docker.tls.ca", "Cargo.toml"),
        ("runtime", "process"),
        ("process.catalogue", "own.json"),
        ("registry.ca", "Cargo.toml"),
        ("registry.plain_http", "true"),
        ("registry.token_server", "own.example"),
        ("proxy", "embedded"),
        ("nginx.state", "/srv/own"),
        ("nginx.sites", "/srv/own"),
        ("nginx.binary", "/bin/true"),
        ("nginx.access_log", "/srv/own"),
        ("nginx.switch", "reload"),
        ("nginx.answer.connect", "127.0.0.1:9"),
    ] {
        let key = format!("environments.production.{below}");
        let said = refused(&key, value);
        let line = said.lines().find(|line| {
            line.starts_with(&format!(
                "--set {key}: {key}: `production` is protected, and greenroom.toml:"
            ))
        });
        let line = line.unwrap_or_else(|| panic!("{said}"));
        assert!(
            line.ends_with("Change the file, or remove this setting"),
            "{line}"
        );
    }
}

#[test]
fn only_the_file_sets_what_runs_in_a_protected_environment() {
    let here = "services.web.environments.production";
    for (key, value) in [
        ("services.web.image", "registry.example/team/other"),
        ("services.web.command", "[\"other\"]"),
        ("services.web.environment.LOG_LEVEL", "debug"),
        ("services.web.environment.OTHER.file", "other"),
        ("services.web.mounts", "[]"),
        ("services.web.health.path", "/"),
        ("services.web.health.timeout", "1m"),
        ("services.web.listen.port", "8081"),
        (&*format!("{here}.health.path"), "/"),
        (&*format!("{here}.memory"), "1GiB"),
        (&*format!("{here}.environment.LOG_LEVEL"), "debug"),
        (&*format!("{here}.endpoints.blue"), "127.0.0.1:18103"),
        (&*format!("{here}.proxy.server_names"), "[\"own.example\"]"),
        (&*format!("{here}.proxy.public.connect"), "127.0.0.1:9"),
    ] {
        let said = refused(key, value);
        let says = format!("--set {key}: {key}: `production` is protected, and greenroom.toml:");
        assert!(said.contains(&says), "{said}");
    }
}

#[test]
fn only_the_file_adds_a_service_to_a_protected_environment() {
    let here = "services.tool.environments.production.endpoints";
    let (blue, green) = (format!("{here}.blue"), format!("{here}.green"));
    let said = read(
        &[(&blue, "127.0.0.1:18121"), (&green, "127.0.0.1:18122")],
        &[],
    );
    let said = said.expect_err("it is refused").to_string();
    assert!(said.contains("does not set this key. "), "{said}");
}

#[test]
fn the_error_names_both_positions() {
    assert_eq!(
        refused(
            "environments.production.docker.address",
            "unix:///run/own.sock"
        ),
        "--set environments.production.docker.address: environments.production.docker.address: `production` is protected, and greenroom.toml:15:22 has another value. Only the file decides which servers an environment has, what runs there and what a version must pass. Change the file, or remove this setting"
    );
    let variable = ("GREENROOM__SERVICES__WEB__COMMAND", "[\"other\"]");
    let said = read(&[], &[variable])
        .expect_err("it is refused")
        .to_string();
    assert!(
        said.starts_with("$GREENROOM__SERVICES__WEB__COMMAND: services.web.command: `production` is protected, and greenroom.toml:16:11 does not set this key. "),
        "{said}"
    );
}

#[test]
fn only_the_file_sets_a_server_that_a_protected_environment_shares() {
    let said = refused("defaults.etcd.prefix", "/other");
    let says = "--set defaults.etcd.prefix: defaults.etcd.prefix: `production` is protected, and ";
    assert!(said.starts_with(says), "{said}");
    assert_eq!(
        said.lines().count(),
        1,
        "qa has a prefix of its own: {said}"
    );
}

#[test]
fn only_the_file_sets_the_environment_that_proves_a_version() {
    let said = refused("environments.qa.etcd.prefix", "/other");
    assert!(
        said.contains(
            "`production` is protected and takes only versions that are live in `qa`, and greenroom.toml:11:19 has another value"
        ),
        "{said}"
    );
}

#[test]
fn settings_without_effect_on_a_protected_environment_may_be_overridden() {
    let production = "environments.production";
    for (key, value) in [
        (format!("{production}.timing.drain"), "1m"),
        (format!("{production}.timing.watch"), "5m"),
        (format!("{production}.lock.lease"), "1m"),
        (format!("{production}.rules.approvals"), "0"),
        ("services.web.timing.stop_grace".into(), "1m"),
        // The file has the same value.
        ("services.web.image".into(), "registry.example/team/web"),
        // Production has its own limit, and tool is not released there.
        ("services.web.environments.dev.memory".into(), "64MiB"),
        ("services.tool.image".into(), "registry.example/team/other"),
        ("environments.dev.sqlite.path".into(), "other.db"),
        ("operator.name".into(), "ben"),
    ] {
        read(&[(&key, value)], &[]).unwrap_or_else(|problems| panic!("{key}: {problems}"));
    }
    let login = [
        ("environments.production.etcd.user", "ana"),
        ("environments.production.etcd.password.env", "ETCD_PASSWORD"),
        ("environments.production.registry.user", "ana"),
        ("environments.production.registry.password.file", "token"),
    ];
    read(&login, &[]).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn only_the_file_sets_the_notices_of_a_protected_environment() {
    let notices = r#"
[notices.all]
url = { env = "CHAT_ALL" }
[notices.dev]
url = { env = "CHAT_DEV" }
environments = ["dev"]
"#;
    let text = format!("{TEXT}{notices}");
    let read = |key: &str, value: &str| {
        let request = Request {
            overrides: vec![(key.to_owned(), value.to_owned())],
            ..Request::default()
        };
        Settings::read(Path::new("greenroom.toml"), &text, &request)
    };
    for (key, value) in [
        ("notices.all.url.env", "OWN"),
        ("notices.all.events", "[\"failed\"]"),
        ("notices.all.environments", "[\"dev\"]"),
        ("notices.dev.environments", "[\"production\"]"),
        ("notices.own.url", "http://127.0.0.1:9/"),
        ("history.archive", "own.db"),
    ] {
        let said = read(key, value).expect_err(key).to_string();
        let says = format!("--set {key}: {key}: `production` is protected, and greenroom.toml");
        assert!(said.contains(&says), "{said}");
        assert!(
            said.contains("Only the file decides who gets notices"),
            "{said}"
        );
    }
    for (key, value) in [
        ("notices.dev.url.env", "OWN"),
        ("notices.dev.events", "[\"failed\"]"),
        ("history.keep_days", "30"),
    ] {
        read(key, value).unwrap_or_else(|problems| panic!("{key}: {problems}"));
    }
}

#[test]
fn a_variable_cannot_choose_the_store_of_a_protected_environment() {
    let text = TEXT.replace(
        "[defaults.etcd]\nendpoints = [\"http://127.0.0.1:2379\"]\n",
        "",
    );
    let text = text.replace("etcd = { prefix = \"/greenroom/qa\" }\n", "");
    let read = |text: &str| Settings::read(Path::new("greenroom.toml"), text, &Request::default());
    let said = read(&text).expect_err("no store is named").to_string();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (line, (environment, why)) in lines.iter().zip([
        (
            "qa",
            "`production` is protected and takes only versions that are live in `qa`",
        ),
        ("production", "`production` is protected"),
    ]) {
        let says = format!(": environments.{environment}.sqlite.path: {why}, and without this key");
        assert!(line.starts_with("greenroom.toml:"), "{line}");
        assert!(line.contains(&says), "{line}");
        // The suggested line is accepted.
        let add = line.split(": add ").nth(1).expect("a line to add");
        assert!(
            add.ends_with(&format!("to [environments.{environment}]")),
            "{add}"
        );
    }
    let add = |text: &str, line: &str| {
        let add = line.split(": add ").nth(1).expect("a line to add");
        let (key, table) = add.split_once(" to ").expect("its table");
        text.replace(table, &format!("{table}\n{key}"))
    };
    let text = lines.iter().fold(text, |text, line| add(&text, line));
    read(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
}

#[test]
fn links_to_one_file_lead_to_one_store() {
    let room = tempfile::tempdir().expect("a directory");
    let real = room.path().canonicalize().expect("its path").join("real");
    let other = room.path().join("other");
    std::fs::create_dir(&real).expect("made");
    std::fs::create_dir(&other).expect("made");
    std::fs::write(real.join("greenroom.toml"), TEXT).expect("written");
    let link = other.join("greenroom.toml");
    std::os::unix::fs::symlink(real.join("greenroom.toml"), &link).expect("linked");
    let request = Request {
        path: Some(link),
        ..Request::default()
    };
    let loaded = Settings::load(&request).unwrap_or_else(|problems| panic!("{problems}"));
    let dev = loaded
        .settings
        .environments
        .iter()
        .find(|it| it.name.as_str() == "dev");
    let StoreConfig::Sqlite(path) = &dev.expect("dev").store else {
        panic!("another store");
    };
    assert_eq!(*path, real.join("dev.db"));
}

/// What is wrong with a file that is named by this path, or the store of its environment dev.
fn store_of_dev(named: &Path) -> Result<PathBuf, String> {
    let request = Request {
        path: Some(named.to_owned()),
        ..Request::default()
    };
    let loaded = Settings::load(&request).map_err(|problems| problems.to_string())?;
    let mut environments = loaded.settings.environments.into_iter();
    let dev = environments.find(|it| it.name.as_str() == "dev");
    match dev.expect("dev").store {
        StoreConfig::Sqlite(path) => Ok(path),
        StoreConfig::Etcd(_) => panic!("another store"),
    }
}

#[test]
fn a_store_beside_the_link_is_not_left_for_a_new_one_in_silence() {
    let room = tempfile::tempdir().expect("a directory");
    let room = room.path().canonicalize().expect("its path");
    let (real, other) = (room.join("real"), room.join("other"));
    for directory in [&real, &other] {
        std::fs::create_dir(directory).expect("made");
    }
    let (file, link) = (real.join("greenroom.toml"), other.join("greenroom.toml"));
    std::fs::write(&file, TEXT).expect("written");
    std::os::unix::fs::symlink("../real/greenroom.toml", &link).expect("linked");
    std::fs::write(other.join("dev.db"), "").expect("written");
    let said = store_of_dev(&link).expect_err("which one is meant?");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("environments.dev.sqlite.path: "), "{said}");
    for place in [real.join("dev.db"), other.join("dev.db")] {
        assert!(said.contains(&format!("`{}`", place.display())), "{said}");
    }
    // The one that is meant is named, or is where the file is.
    let named = TEXT.replace("dev.db", &other.join("dev.db").display().to_string());
    std::fs::write(&file, named).expect("written");
    assert_eq!(store_of_dev(&link), Ok(other.join("dev.db")));
    std::fs::write(&file, TEXT).expect("written");
    std::fs::write(real.join("dev.db"), "").expect("written");
    assert_eq!(store_of_dev(&link), Ok(real.join("dev.db")));
}

#[test]
fn nothing_is_stored_in_a_directory_that_an_update_replaces() {
    let room = tempfile::tempdir().expect("a directory");
    let room = room.path().canonicalize().expect("its path");
    // As Kubernetes mounts a ConfigMap.
    let dated = room.join("..2026_11_27_09_12_44.123456789");
    std::fs::create_dir(&dated).expect("made");
    std::fs::write(dated.join("greenroom.toml"), TEXT).expect("written");
    std::os::unix::fs::symlink(dated.file_name().expect("a name"), room.join("..data"))
        .expect("linked");
    let link = room.join("greenroom.toml");
    std::os::unix::fs::symlink("..data/greenroom.toml", &link).expect("linked");
    for named in [link, room.join("..data/greenroom.toml")] {
        let said = store_of_dev(&named).expect_err("it would be gone");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("environments.dev.sqlite.path: "), "{said}");
        assert!(said.contains(&dated.display().to_string()), "{said}");
        assert!(said.contains("Use an absolute path"), "{said}");
    }
    // The directory itself, by other names of it.
    for itself in [".", "sub/..", "./"] {
        let text = TEXT.replace("dev.db", itself);
        std::fs::write(dated.join("greenroom.toml"), text).expect("written");
        let said = store_of_dev(&room.join("greenroom.toml")).expect_err("it would be gone");
        assert!(said.contains("absolute path"), "{itself}: {said}");
    }
    // A directory beside it stays.
    let beside = TEXT.replace("dev.db", "../state/dev.db");
    std::fs::write(dated.join("greenroom.toml"), beside).expect("written");
    store_of_dev(&room.join("greenroom.toml")).expect("it stays");
    let absolute = TEXT.replace("dev.db", "/var/lib/greenroom/dev.db");
    std::fs::write(dated.join("greenroom.toml"), absolute).expect("written");
    let store = store_of_dev(&room.join("greenroom.toml"));
    assert_eq!(store, Ok("/var/lib/greenroom/dev.db".into()));
}

#[test]
fn a_loosened_rule_and_another_store_are_reported_together() {
    let said = read(
        &[
            ("environments.production.tier", "staging"),
            ("environments.production.etcd.prefix", "/other"),
        ],
        &[],
    );
    let said = said.expect_err("both are refused").to_string();
    assert!(said.contains("`staging` protects less"), "{said}");
    assert!(said.contains("`production` is protected, and "), "{said}");
}

#[test]
fn no_command_accepts_another_store_for_a_protected_environment() {
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("greenroom.toml");
    std::fs::write(&file, TEXT).expect("written");
    for verb in [
        &["config", "check"][..],
        &["status"],
        &["hold", "web", "production", "--reason", "x"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(["--config", &file.display().to_string()])
            .args(["--set", "environments.production.etcd.prefix=/other"])
            .args(verb)
            .env("XDG_STATE_HOME", room.path())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb:?}: {said}");
        assert!(
            said.contains("`production` is protected, and "),
            "{verb:?}: {said}"
        );
    }
}
