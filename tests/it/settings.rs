//! Every file under `fixtures/settings/valid` loads with exactly its warnings; every one under
//! `invalid` fails with exactly its message. Arbitrary text causes an error and never a panic.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom::inventory::servers::SwitchMode;
use greenroom::inventory::{Cpus, EnvironmentValue, SecretSource, Slot, TagPattern};
use greenroom::port_check::OutgoingPorts;
use greenroom::release::Limit;
use greenroom::settings::{
    AsciiSetting, Loaded, Origin, Problem, Problems, ProxyConfig, Request, RuntimeConfig, Settings,
    StoreConfig,
};
use proptest::prelude::*;

const FIXTURES: &str = "fixtures/settings";

fn request(path: impl Into<PathBuf>) -> Request {
    Request {
        path: Some(path.into()),
        docker_options: greenroom::wire::docker_options(),
        ..Request::default()
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(FIXTURES).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn valid(name: &str) -> Loaded {
    let path = Path::new(FIXTURES).join("valid").join(name);
    Settings::load(&request(path)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        let _ = writeln!(text, "{problem}");
        text
    })
}

/// The difference between the message and the file next to the fixture; `None` when they are equal.
fn difference(fixture: &Path, said: &str) -> Option<String> {
    let expected_file = fixture.with_extension("stderr");
    let expected = fs::read_to_string(&expected_file).unwrap_or_default();
    if expected == said {
        return None;
    }
    let mut text = format!("\n{} differs from the message:\n", expected_file.display());
    for line in expected
        .lines()
        .filter(|line| !said.lines().any(|other| other == *line))
    {
        let _ = writeln!(text, "  - {line}");
    }
    for line in said
        .lines()
        .filter(|line| !expected.lines().any(|other| other == *line))
    {
        let _ = writeln!(text, "  + {line}");
    }
    Some(text)
}

#[test]
fn every_valid_file_loads_with_exactly_its_warnings() {
    let mut wrong = String::new();
    for file in files("valid") {
        match Settings::load(&request(&file)) {
            Ok(loaded) => wrong.extend(difference(&file, &lines(&loaded.warnings))),
            Err(problems) => {
                let _ = writeln!(wrong, "\n{} does not load:\n{problems}", file.display());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn every_command_can_open_what_config_check_accepts() {
    let mut wrong = String::new();
    for file in files("valid") {
        let loaded =
            Settings::load(&request(&file)).unwrap_or_else(|problems| panic!("{problems}"));
        if let Err(refused) = greenroom::wire::build(&loaded.settings, false) {
            let _ = writeln!(wrong, "{}: {refused}", file.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn registry_settings_apply_only_to_their_registry() {
    let loaded = valid("several-registries.toml");
    let registries = &loaded.settings.environments[0].registries;
    let applied: Vec<_> = registries
        .iter()
        .map(|(host, it)| (host.as_str(), it.password.is_some(), it.plain_http))
        .collect();
    let wanted = [
        ("127.0.0.1:5000", false, true),
        ("registry.gitlab.example", true, false),
    ];
    assert_eq!(applied, wanted);
    let token_server = registries["registry.gitlab.example"]
        .token_server
        .as_deref();
    assert_eq!(token_server, Some("gitlab.example"));
}

#[test]
fn every_invalid_file_fails_with_exactly_its_message() {
    let mut wrong = String::new();
    for file in files("invalid") {
        let request = Request {
            requires_files: true,
            ..request(&file)
        };
        match Settings::load(&request) {
            Ok(_) => {
                let _ = writeln!(wrong, "\n{} loads", file.display());
            }
            Err(problems) => wrong.extend(difference(&file, &format!("{problems}\n"))),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_expected_message_has_a_fixture() {
    for folder in ["valid", "invalid"] {
        let folder = Path::new(FIXTURES).join(folder);
        for entry in fs::read_dir(&folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path
                .extension()
                .is_some_and(|extension| extension == "stderr")
            {
                assert!(path.with_extension("toml").exists(), "{}", path.display());
            }
        }
    }
}

#[test]
fn environments_keep_the_order_of_the_file() {
    let loaded = valid("many-services.toml");
    let names: Vec<_> = loaded
        .settings
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["zoo", "middle", "a"]);
    let targets: Vec<String> = loaded
        .settings
        .targets
        .iter()
        .take(4)
        .map(|target| target.definition.target.to_string())
        .collect();
    assert_eq!(targets, ["web/zoo", "web/middle", "web/a", "api/zoo"]);
}

#[test]
fn the_most_specific_timing_wins_key_by_key() {
    let loaded = valid("docker-etcd-nginx.toml");
    let timing = |index: usize| &loaded.settings.targets[index].definition.timing;
    assert_eq!(timing(0).watch, Duration::from_secs(90));
    assert_eq!(timing(1).watch, Duration::from_mins(5));
    assert_eq!(timing(1).drain, Duration::from_secs(45));
    assert_eq!(timing(1).standby, Limit::Never);
    assert_eq!(timing(1).minimum_healthy, Duration::from_secs(10));
    let development = valid("many-services.toml");
    let first = &development.settings.targets[0].definition.timing;
    assert_eq!(first.minimum_healthy, Duration::from_secs(2));
}

#[test]
fn a_target_is_complete_with_all_defaults_filled_in() {
    let loaded = valid("docker-etcd-nginx.toml");
    let target = &loaded.settings.targets[1];
    let definition = &target.definition;
    assert_eq!(
        definition.endpoints.get(Slot::Blue),
        &"127.0.0.1:18081".parse().expect("an endpoint")
    );
    assert_eq!(definition.instance.memory, Some(1 << 30));
    assert_eq!(
        definition.health.as_ref().expect("health").timeout,
        Duration::from_secs(5)
    );
    let public = definition.public.as_ref().expect("a public address");
    assert_eq!(
        (public.host.as_str(), public.path.as_str()),
        ("www.web.example", "/about")
    );
    let expect = |index: usize| {
        let request = definition.suite.cases[index].request();
        &request.expect("a request").expect
    };
    let preview = definition.preview.as_ref().expect("a preview");
    assert_eq!(preview.endpoint.to_string(), "127.0.0.1:8081");
    assert_eq!(expect(0).headers["content-type"], "text/html");
    assert_eq!(expect(1).json["/items/0/count"], 3);
    let qa = &loaded.settings.targets[0].definition;
    assert_eq!(
        qa.public.as_ref().expect("public").endpoint.to_string(),
        "127.0.0.1:8080"
    );
    assert_eq!(
        qa.instance.environment["LOG_LEVEL"],
        EnvironmentValue::Plain("debug".into())
    );
}

#[test]
fn an_environment_has_its_own_cpus_and_adds_its_secrets() {
    let loaded = valid("containers.toml");
    let container = &loaded.settings.targets[0].definition.instance.container;
    assert_eq!(container.cpus, Some(Cpus(2_000_000_000)));
    let here = std::env::current_dir().expect("a directory");
    let file = here.join(FIXTURES).join("valid/secrets/database");
    let expected = [
        (
            "db_password".to_owned(),
            SecretSource::Env("DB_PASSWORD".into()),
        ),
        ("key".to_owned(), SecretSource::File(file)),
    ];
    assert_eq!(container.secrets, BTreeMap::from(expected));
}

#[test]
fn the_inbox_has_its_address_its_certificate_and_its_senders() {
    let settings = valid("agent.toml").settings;
    let inbox = settings.agent.inbox.expect("an inbox");
    assert_eq!(inbox.listen.to_string(), "0.0.0.0:8470");
    let here = std::env::current_dir().expect("a directory");
    let files = here.join(FIXTURES).join("valid/files");
    let tls = inbox.tls.expect("a certificate");
    assert_eq!(tls.certificate, files.join("client.pem"));
    assert_eq!(tls.key, files.join("client-key.pem"));
    let names: Vec<&str> = inbox
        .senders
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names[..3], ["hub", "registry", "ghcr"]);
    for (name, sender) in &inbox.senders {
        assert!(sender.credential().is_some(), "{name}");
    }
    let follows = &settings.targets[0].definition.follows;
    let follows: Vec<&str> = follows.iter().map(TagPattern::as_str).collect();
    assert_eq!(follows, ["develop", "v*"]);
    let without = valid("notices.toml").settings.agent.inbox;
    assert_eq!(without, None);
}

#[test]
fn paths_are_relative_to_the_file_and_not_to_the_working_directory() {
    let loaded = valid("docker-etcd-nginx.toml");
    let production = &loaded.settings.environments[1];
    let RuntimeConfig::Docker(docker) = &production.runtime else {
        panic!("{:?}", production.runtime);
    };
    let ca = docker
        .tls
        .as_ref()
        .and_then(|tls| tls.ca.clone())
        .expect("an authority");
    let here = std::env::current_dir().expect("a directory");
    assert_eq!(ca, here.join(FIXTURES).join("valid/files/ca.pem"));
    let StoreConfig::Etcd(etcd) = &production.store else {
        panic!("{:?}", production.store);
    };
    assert_eq!(
        etcd.password,
        Some(SecretSource::Env("ETCD_PASSWORD".into()))
    );
    let Some(ProxyConfig::Nginx(nginx)) = &production.proxy else {
        panic!("{:?}", production.proxy);
    };
    assert_eq!(nginx.sites, Path::new("/etc/nginx/conf.d"));
    assert_eq!(nginx.switch, SwitchMode::Pointer);
    assert_eq!(nginx.answer.address().port(), Some(8091));
}

#[test]
fn flags_override_variables_and_variables_override_the_file() {
    let text = fs::read_to_string(Path::new(FIXTURES).join("valid/many-services.toml"));
    let text = text
        .expect("a configuration")
        .replace("protected", "staging");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("greenroom.toml");
    fs::write(&path, text).expect("written");
    let mut request = request(path);
    let mut set = |name: &str, value: &str| request.environment.insert(name.into(), value.into());
    set("GREENROOM__SERVICES__WEB__LISTEN__PORT", "9001");
    set(
        "GREENROOM__SERVICES__WEB__ENVIRONMENTS__ZOO__TIMING__WATCH",
        "2m",
    );
    set("GREENROOM__CONSOLE__MOUSE", "true");
    set("GREENROOM__SERVICES__WEB__COMMAND", "[\"serve\"]");
    request
        .overrides
        .push(("services.web.listen.port".into(), "9002".into()));
    let loaded = Settings::load(&request).unwrap_or_else(|problems| panic!("{problems}"));
    let definition = &loaded.settings.targets[0].definition;
    assert_eq!(
        definition.instance.listen,
        greenroom::inventory::Listen::Port(9002)
    );
    assert_eq!(definition.timing.watch, Duration::from_mins(2));
    assert_eq!(definition.instance.command, Some(vec!["serve".into()]));
    assert!(loaded.settings.console.mouse);
    let shown = greenroom::settings::show(&loaded);
    let directory = format!("{}/", directory.path().display());
    let shown = shown.replace(&directory, "");
    for line in [
        "services.web.listen.port = 9002  # --set services.web.listen.port",
        "services.web.environments.zoo.timing.watch = \"2m\"  # $GREENROOM__SERVICES__WEB__ENVIRONMENTS__ZOO__TIMING__WATCH",
        "services.web.environments.zoo.timing.minimum_healthy = \"2s\"  # built-in",
        "services.web.image = \"registry.example/team/web\"  # greenroom.toml:9:9",
        "console.theme = \"dark\"  # built-in",
    ] {
        assert!(
            shown.lines().any(|other| other == line),
            "no line {line}\n{shown}"
        );
    }
}

#[test]
fn no_layer_above_the_file_undoes_read_only() {
    let text = "[console]\nread_only = true\n";
    let file = Path::new("greenroom.toml");
    let read = |variable: Option<&str>, flags: &[&str]| {
        let mut request = Request::default();
        if let Some(value) = variable {
            let name = "GREENROOM__CONSOLE__READ_ONLY".to_owned();
            request.environment.insert(name, value.into());
        }
        let key = || "console.read_only".to_owned();
        request.overrides = flags.iter().map(|flag| (key(), (*flag).into())).collect();
        Settings::read(file, text, &request)
    };
    let loaded = read(None, &[]).expect("it loads");
    let origin = loaded.settings.read_only.expect("a place");
    assert_eq!(origin.to_string(), "greenroom.toml:2:13");
    read(Some("true"), &["true"]).expect("the same again");
    for (variable, flags, by) in [
        (Some("false"), &[][..], "$GREENROOM__CONSOLE__READ_ONLY"),
        (None, &["false"], "--set console.read_only"),
    ] {
        let problems = read(variable, flags).expect_err("it is not undone");
        assert_eq!(
            problems.to_string(),
            format!(
                "{by}: console.read_only: greenroom.toml:2:13 sets read-only mode, which a variable or flag cannot undo: remove this setting"
            )
        );
    }
    // A layer may set it too, and a later layer does not undo that.
    let flag = Settings::read(
        file,
        "",
        &Request {
            overrides: vec![
                ("console.read_only".into(), "true".into()),
                ("console.read_only".into(), "false".into()),
            ],
            ..Request::default()
        },
    );
    let problems = flag.expect_err("it is not undone");
    assert!(
        problems
            .to_string()
            .contains("sets read-only mode, which a variable or flag cannot undo")
    );
}

#[test]
fn a_wrong_variable_or_flag_is_named_with_a_suggestion() {
    let path = Path::new(FIXTURES).join("valid/sandbox.toml");
    let mut request = request(path);
    request
        .environment
        .insert("GREENROOM__CONSOLE__THEEM".into(), "mono".into());
    request.environment.insert(
        "GREENROOM__SERVICES__WEB__LISTEN__PORT".into(),
        "many".into(),
    );
    request
        .overrides
        .push(("defaults.timing.watch".into(), "60".into()));
    request.overrides.push(("services.web".into(), "x".into()));
    let problems = Settings::load(&request).expect_err("four mistakes");
    let expected = "\
$GREENROOM__CONSOLE__THEEM: console: unknown key `theem`; did you mean `theme`?
$GREENROOM__SERVICES__WEB__LISTEN__PORT: services.web.listen.port: `many` is not a number
--set services.web: services.web: this key is a whole table: set its values one by one
--set defaults.timing.watch: defaults.timing.watch: `60` has no unit: write \"60s\" if seconds are meant";
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn secrets_are_shown_only_by_their_source() {
    let loaded = valid("secrets.toml");
    let shown = greenroom::settings::show(&loaded);
    assert!(
        shown.contains("environment.SESSION_TOKEN.env = \"WEB_SESSION_TOKEN\""),
        "{shown}"
    );
    assert!(!shown.contains("written-in-plain-text"), "{shown}");
    let json = serde_json::to_string(&loaded.provenance).expect("as JSON");
    assert!(!json.contains("written-in-plain-text"));
}

#[test]
fn headers_that_may_be_secret_are_not_shown() {
    let text = "[services.web]\nimage = \"web\"\nlisten = { port = 8080 }\n\
                health = { path = \"/health\", headers = { Authorization = \"Bearer hunter2\", Accept = \"text/plain\" } }\n\
                checks = [{ name = \"a\", path = \"/\", headers = { Cookie = \"id=hunter2\" } }]\n";
    let file = Path::new("greenroom.toml");
    let loaded = Settings::read(file, text, &Request::default());
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let shown = greenroom::settings::show(&loaded);
    assert!(
        shown.contains("health.headers.Accept = \"text/plain\""),
        "{shown}"
    );
    assert!(
        shown.contains("health.headers.Authorization = (hidden"),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn log_options_that_look_like_secrets_are_not_shown() {
    let text = "[services.web]\nimage = \"web\"\nlisten = { port = 8080 }\n\
                logging = { driver = \"splunk\", options = { splunk-token = \"hunter2\", tag = \"web\" } }\n";
    let file = Path::new("greenroom.toml");
    let loaded = Settings::read(file, text, &Request::default());
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let shown = greenroom::settings::show(&loaded);
    assert!(shown.contains("logging.options.tag = \"web\""), "{shown}");
    assert!(
        shown.contains("logging.options.splunk-token = (hidden"),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn environments_share_the_servers_of_the_defaults_key_by_key() {
    let loaded = valid("shared-servers.toml");
    let etcd = |index: usize| match &loaded.settings.environments[index].store {
        StoreConfig::Etcd(place) => Some((place.endpoints.join(" "), place.prefix.clone())),
        StoreConfig::Sqlite(_) => None,
    };
    let shared = "http://127.0.0.1:2379".to_owned();
    assert_eq!(etcd(0), Some((shared.clone(), "/greenroom/v1".into())));
    assert_eq!(etcd(1), Some((shared, "/own".into())));
    assert_eq!(etcd(2), None, "it says that its store is another");
    let nginx = |index: usize| match &loaded.settings.environments[index].proxy {
        Some(ProxyConfig::Nginx(place)) => Some(place.clone()),
        _ => None,
    };
    assert_eq!(nginx(0), nginx(1));
    assert!(nginx(0).is_some());
    assert_eq!(nginx(2), None, "it says that its proxy is another");
    let docker = |index: usize| match &loaded.settings.environments[index].runtime {
        RuntimeConfig::Docker(place) => place.address.clone(),
        RuntimeConfig::Process(_) => "processes".into(),
    };
    let addresses = [docker(0), docker(1), docker(2)];
    let shared = "unix:///run/user/1000/docker.sock";
    assert_eq!(addresses, [shared, "unix:///run/docker.sock", shared]);
    let shown = greenroom::settings::show(&loaded);
    let line = "environments.qa.etcd.endpoints = [\"http://127.0.0.1:2379\"]  # fixtures/settings/valid/shared-servers.toml:5:13";
    assert!(shown.lines().any(|other| other == line), "{shown}");
}

#[test]
fn a_port_reserved_by_the_machine_causes_no_warning() {
    let mut request = request(Path::new(FIXTURES).join("valid/outgoing-ports.toml"));
    let load = |request: &Request| {
        let loaded = Settings::load(request).unwrap_or_else(|problems| panic!("{problems}"));
        lines(&loaded.warnings)
    };
    assert!(load(&request).contains("ip_local_reserved_ports=32770-32772,40000"));
    request.outgoing = OutgoingPorts::parse("32768 60999", "32770,40000,50000");
    let said = load(&request);
    assert!(
        said.contains("ip_local_reserved_ports=32770-32772,40000,50000"),
        "{said}"
    );
    request.outgoing = OutgoingPorts::parse("32768 60999", "32768-50000");
    assert_eq!(load(&request), "");
}

#[test]
fn the_initial_file_loads() {
    let loaded = Settings::read(
        Path::new("greenroom.toml"),
        greenroom::settings::starter(),
        &Request::default(),
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(lines(&loaded.warnings), "");
    assert_eq!(loaded.settings.targets.len(), 2);
}

#[test]
fn the_schema_matches_the_file() {
    let schema: serde_json::Value =
        serde_json::from_str(&greenroom::settings::schema()).expect("JSON");
    assert!(schema.pointer("/properties/services").is_some());
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn the_variable_names_the_file_and_a_missing_one_is_an_error() {
    let path = format!("{FIXTURES}/valid/sandbox.toml");
    let mut request = Request {
        environment: BTreeMap::from([("GREENROOM_CONFIG".into(), path)]),
        ..Request::default()
    };
    assert!(Settings::load(&request).is_ok());
    request.path = Some("nowhere/greenroom.toml".into());
    let problems = Settings::load(&request).expect_err("no such file");
    assert!(
        problems
            .to_string()
            .starts_with("nowhere/greenroom.toml: the file cannot be read: "),
        "{problems}"
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_reported_with_its_line() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("greenroom.toml");
    fs::write(&path, b"[environments.qa]\ntier = \"\xff\"\n").expect("written");
    let problems = Settings::load(&request(&path)).expect_err("not UTF-8");
    assert!(
        problems
            .to_string()
            .ends_with("line 2 is not UTF-8: save the file as UTF-8"),
        "{problems}"
    );
}

fn is_sanitized(problems: &Problems) -> bool {
    let text = problems.to_string();
    !text
        .chars()
        .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
        && problems.errors.iter().all(
            |problem| !matches!(&problem.origin, Origin::File { file, .. } if file.contains('\n')),
        )
}

fn loads_or_reports_errors(text: &str) {
    let read = Settings::read(Path::new("greenroom.toml"), text, &Request::default());
    match read {
        Ok(loaded) => {
            let _ = greenroom::settings::show(&loaded);
        }
        Err(problems) => {
            assert!(!problems.errors.is_empty());
            assert!(is_sanitized(&problems), "{:?}", problems.to_string());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_causes_at_most_an_error(text in "(?s).{0,400}") {
        loads_or_reports_errors(&text);
    }

    #[test]
    fn text_that_looks_like_toml_causes_at_most_an_error(
        text in "(\\[{1,2}(services|environments|defaults)(\\.[a-z\"\\\\]{1,5}){0,3}\\]{1,2}\n|[a-z_]{1,8} ?= ?(\"\\PC{0,6}\"|[0-9_.-]{1,6}|\\{[a-z]=1\\}|\\[1,\\{\\}\\]|true)\n){0,12}"
    ) {
        loads_or_reports_errors(&text);
    }

    #[test]
    fn a_damaged_file_causes_at_most_an_error(
        which in 0..6_usize, at in 0.0..1.0_f64, cut in 0..40_usize, scar in "(?s).{0,6}"
    ) {
        let file = &files("valid")[which];
        let text = fs::read_to_string(file).expect("a fixture");
        let characters: Vec<char> = text.chars().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in the file")]
        let start = (characters.len() as f64 * at) as usize;
        let end = (start + cut).min(characters.len());
        let wounded: String = characters[..start].iter().copied().chain(scar.chars()).chain(characters[end..].iter().copied()).collect();
        loads_or_reports_errors(&wounded);
    }

    #[test]
    fn arbitrary_overrides_cause_at_most_an_error(
        key in "(services|console|environments|defaults)?(\\.(web|listen|port|timing|\\PC{0,4})){0,5}", value in "(?s).{0,20}"
    ) {
        let path = Path::new(FIXTURES).join("valid/sandbox.toml");
        let mut request = request(path);
        request.environment.insert(format!("GREENROOM__{}", key.replace('.', "__")), value.clone());
        request.overrides.push((key, value));
        if let Err(problems) = Settings::load(&request) {
            prop_assert!(is_sanitized(&problems), "{:?}", problems.to_string());
        }
    }
}

/// A protected environment with every rule, and one service in it.
const RULED: &str = r#"
[environments.staging]
tier = "staging"
docker = {}
sqlite = { path = "staging.db" }
[environments.production]
tier = "protected"
docker = {}
sqlite = { path = "store.db" }
[environments.production.rules]
approvals = 1
require_reason = true
only_from = "staging"
freezes = [{ name = "friday", zone = "UTC", every = ["fri"], from = "16:00", until = "22:00" }]
[services.web]
image = "web"
listen = { port = 80 }
health = { path = "/" }
checks = [{ name = "home", path = "/" }]
[services.web.environments.staging]
endpoints = { blue = "127.0.0.1:18001", green = "127.0.0.1:18002" }
proxy = { server_names = ["staging.example"], listen = "127.0.0.1:7080" }
[services.web.environments.production]
endpoints = { blue = "127.0.0.1:18003", green = "127.0.0.1:18004" }
proxy = { server_names = ["web.example"], listen = "127.0.0.1:7080" }
[defaults.nginx]
answer = { listen = "127.0.0.1:7090" }
"#;

fn ruled(overrides: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let request = Request {
        overrides: overrides.iter().map(owned).collect(),
        environment: variables.iter().map(owned).collect(),
        ..Request::default()
    };
    Settings::read(Path::new("greenroom.toml"), RULED, &request)
}

#[test]
fn a_layer_above_the_file_cannot_loosen_a_rule() {
    const RULES: &str = "environments.production.rules";
    for (key, value, file) in [
        (
            "environments.production.tier",
            "staging",
            "greenroom.toml:7:8 says `protected`",
        ),
        (&*format!("{RULES}.allow_yes"), "true", "so `false` applies"),
        (
            &*format!("{RULES}.approvals"),
            "0",
            "greenroom.toml:11:13 says `1`",
        ),
        (&*format!("{RULES}.approvals_last"), "2h", "so `1h` applies"),
        (
            &*format!("{RULES}.require_reason"),
            "false",
            "greenroom.toml:12:18 says `true`",
        ),
        (
            &*format!("{RULES}.only_from"),
            "production",
            "greenroom.toml:13:13 says `staging`",
        ),
        (&*format!("{RULES}.watch_errors"), "50%", "so `5%` applies"),
        (
            &*format!("{RULES}.watch_requests"),
            "9999",
            "so `20` applies",
        ),
        (&*format!("{RULES}.keep_images"), "1", "so `5` applies"),
        (
            &*format!("{RULES}.freezes"),
            "[]",
            "greenroom.toml:14:11 says `friday`",
        ),
        (
            "environments.production.timing.watch",
            "1s",
            "so `1m` applies",
        ),
        ("defaults.timing.minimum_healthy", "1s", "so `10s` applies"),
        ("services.web.timing.standby", "1s", "so `10m` applies"),
        ("services.web.timing.approval", "1h", "so `5m` applies"),
        ("defaults.timing.checks_fresh", "1h", "so `15m` applies"),
        ("services.web.checks", "[]", "says `home`"),
    ] {
        let said = match ruled(&[(key, value)], &[]) {
            Ok(_) => panic!("--set {key}={value} is taken"),
            Err(problems) => problems.to_string(),
        };
        // A service cannot be promoted from its own environment: another check says so.
        if key.ends_with("only_from") && !said.contains("protects less") {
            continue;
        }
        assert!(said.contains(&format!("--set {key}: ")), "{said}");
        assert!(said.contains(file), "{key}: {said}");
    }
    let variable = ("GREENROOM__ENVIRONMENTS__PRODUCTION__TIER", "development");
    let said = ruled(&[], &[variable])
        .expect_err("it protects less")
        .to_string();
    assert!(
        said.starts_with(&format!(
            "${}: environments.production.tier: `development` protects less",
            variable.0
        )),
        "{said}"
    );
}

#[test]
fn a_layer_above_the_file_cannot_loosen_a_rule_of_one_target() {
    const PLACE: &str = "services.web.environments.production";
    for (key, value, words) in [
        ("checks", "[]", "so `home` applies"),
        ("timing.watch", "1s", "so `1m` applies"),
    ] {
        let key = format!("{PLACE}.{key}");
        let said = ruled(&[(&key, value)], &[]).expect_err("it protects less");
        let said = said.to_string();
        assert!(said.contains(&format!("--set {key}: ")), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_list_that_protects_less_names_the_missing_entry() {
    for (key, value, words) in [
        ("services.web.checks", "[]", "home is missing"),
        (
            "services.web.checks",
            "[{ name = \"home\", path = \"/other\" }]",
            "home checks something else",
        ),
        (
            "services.web.checks",
            "[{ name = \"home\", path = \"/\", required = false }]",
            "home is not required",
        ),
        (
            "environments.production.rules.freezes",
            "[]",
            "friday is missing",
        ),
        (
            "environments.production.rules.freezes",
            "[{ name = \"friday\", zone = \"UTC\", every = [\"fri\"], from = \"21:00\", until = \"22:00\" }]",
            "friday has another window or other services",
        ),
    ] {
        let said = ruled(&[(key, value)], &[]).expect_err("it protects less");
        let said = said.to_string();
        assert!(said.contains(&format!("protects less ({words})")), "{said}");
    }
}

#[test]
fn a_layer_above_the_file_may_tighten_a_rule() {
    const RULES: &str = "environments.production.rules";
    let tighter = [
        ("environments.staging.tier", "protected"),
        (&*format!("{RULES}.approvals"), "2"),
        (&*format!("{RULES}.approvals_last"), "30m"),
        (&*format!("{RULES}.watch_errors"), "1%"),
        (&*format!("{RULES}.watch_requests"), "5"),
        (&*format!("{RULES}.keep_images"), "9"),
        ("defaults.timing.watch", "3m"),
        ("services.web.timing.standby", "never"),
    ];
    let loaded = ruled(&tighter, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let rules = |name: &str| {
        let name = name.parse().expect("a name");
        let environment = loaded.settings.environment(&name).expect("it is there");
        environment.rules.clone()
    };
    let origins = rules("production").origins;
    assert_eq!(
        origins["rules.approvals"],
        format!("--set {RULES}.approvals")
    );
    assert_eq!(origins["rules.require_reason"], "greenroom.toml:12:18");
    assert_eq!(origins["tier"], "greenroom.toml:7:8");
    ruled(&[("environments.staging.timing.watch", "1s")], &[]).expect("it protects nothing");
}

#[test]
fn an_environment_defined_only_by_variables_loosens_no_rule() {
    let variables = [
        ("GREENROOM__ENVIRONMENTS__CI__TIER", "development"),
        (
            "GREENROOM__SERVICES__WEB__ENVIRONMENTS__CI__ENDPOINTS__BLUE",
            "127.0.0.1:19181",
        ),
        (
            "GREENROOM__SERVICES__WEB__ENVIRONMENTS__CI__ENDPOINTS__GREEN",
            "127.0.0.1:19182",
        ),
        (
            "GREENROOM__SERVICES__WEB__ENVIRONMENTS__CI__PROXY__SERVER_NAMES",
            "[\"ci.example\"]",
        ),
        (
            "GREENROOM__SERVICES__WEB__ENVIRONMENTS__CI__PROXY__LISTEN",
            "127.0.0.1:7080",
        ),
    ];
    let loaded = ruled(&[], &variables).unwrap_or_else(|problems| panic!("{problems}"));
    let name = "ci".parse().expect("a name");
    assert!(loaded.settings.environment(&name).is_some());
}

#[test]
fn a_target_is_reached_at_the_configured_addresses() {
    let loaded = valid("addresses.toml");
    let shown = |environment: &str| {
        let mut targets = loaded.settings.targets.iter();
        let target = targets.find(|it| it.definition.target.environment.as_str() == environment);
        let definition = &target.expect("a target").definition;
        let (blue, green) = (&definition.endpoints.blue, &definition.endpoints.green);
        let public = definition.public.as_ref().expect("a public address");
        let preview = definition.preview.as_ref();
        let preview = preview.map(|it| format!("{} as {}", it.endpoint, it.host));
        let public = format!("{} as {}", public.endpoint, public.host);
        (format!("{blue} {green}"), public, preview)
    };
    assert_eq!(
        shown("qa"),
        (
            "[::1]:18081 127.0.0.1:18082".to_owned(),
            "https://web.qa.example:443 as web.qa.example".to_owned(),
            None
        )
    );
    assert_eq!(
        shown("dev"),
        (
            "https://127.0.0.1:18081 https://[::1]:18083".to_owned(),
            "127.0.0.1:7081 as localhost".to_owned(),
            Some("127.0.0.1:7082 as 127.0.0.1:7082".to_owned())
        )
    );
}

#[test]
fn a_key_of_a_boolean_or_a_word_takes_both_from_a_layer() {
    let ascii = |value: &str| {
        let flag = ruled(&[("console.ascii", value)], &[]);
        let variable = ruled(&[], &[("GREENROOM__CONSOLE__ASCII", value)]);
        [flag, variable].map(|read| {
            let loaded = read.unwrap_or_else(|problems| panic!("{value}: {problems}"));
            loaded.settings.console.ascii
        })
    };
    assert_eq!(ascii("true"), [AsciiSetting::Is(true); 2]);
    assert_eq!(ascii("false"), [AsciiSetting::Is(false); 2]);
    assert_eq!(ascii("auto"), [AsciiSetting::Auto; 2]);
    assert!(ruled(&[("console.ascii", "yes")], &[]).is_err());
}
