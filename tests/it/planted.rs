//! Plants a secret of every kind, and servers that repeat the whole request when they refuse it.
//! Nothing that Greenroom prints, sends or writes contains one of the secrets, in any encoding.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use greenroom::adapters::docker::DockerWriter;
use greenroom::adapters::http::HttpChecker;
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::checks::{Case, CaseKind, Expectation, HealthCheck, RequestCase, Verdict};
use greenroom::inventory::{
    Address, EnvironmentValue, InstanceShape, Listen, Mask, ReleaseId, RestartPolicy, SecretSource,
    Slot, Target,
};
use greenroom::ports::{
    Checker, Credentials, Failure, InstanceSpec, Renewal, Result, RuntimeWriter, Secrets,
    TargetSecrets, same_secret,
};
use secrecy::SecretString;

use crate::endless::{Answer, StandIn, version};
use crate::sandbox::{Sandbox, words};
use crate::support::web::request_of;

/// A secret that needs escaping in a URL.
pub(crate) fn planted(kind: &str) -> String {
    format!("pl4nted+{kind}/Zz9-")
}

/// The secret of kind `login` as written in a URL.
const LOGIN: &str = "pl4nted%2Blogin%2FZz9-";

/// Every secret of these tests.
const KINDS: [&str; 15] = [
    "variable",
    "file",
    "command",
    "stderr",
    "literal",
    "path",
    "query",
    "body",
    "login",
    "label",
    "hook",
    "signing",
    "registry",
    "etcd",
    "environment",
];

/// Asserts that a text contains none of them.
pub(crate) fn assert_hidden(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for kind in KINDS {
        let secret = planted(kind);
        if let Some(at) = text.find(&secret) {
            let around: String = text[..at].chars().rev().take(200).collect();
            let around: String = around.chars().rev().collect();
            panic!("{secret} in {place}, behind: {around}");
        }
    }
    // Also not as encoded in a URL, in JSON, in base64, or with controls in between.
    let all = Mask::of(KINDS.map(planted));
    if let Some(part) = parts(&text).find(|part| all.is_in(part)) {
        let is_in = |kind: &&str| Mask::of([planted(kind)]).is_in(part);
        let found = KINDS.into_iter().find(is_in);
        panic!("a form of {found:?} in {place}");
    }
}

/// A text in parts that a mask looks through. Each begins in the one before, so that no secret is between two.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let beginnings = (0..text.len()).step_by(Mask::SEARCH_LIMIT / 2);
    beginnings.map(move |at| {
        let end = text.floor_char_boundary(at + Mask::SEARCH_LIMIT - 4);
        &text[text.floor_char_boundary(at)..end]
    })
}

fn assert_output_hidden(place: &str, output: &Output) {
    assert_hidden(place, &output.stdout);
    assert_hidden(place, &output.stderr);
}

/// Asserts that no file below a directory contains one of them, except files with these names.
pub(crate) fn assert_files_hidden(directory: &Path, but: &[&str]) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let (path, kind) = (entry.path(), entry.file_type().expect("its kind"));
        if but.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if kind.is_dir() {
            assert_files_hidden(&path, but);
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert_hidden(&path.display().to_string(), &bytes);
        }
    }
}

/// A server that refuses everything and repeats the whole request, and the requests it got.
fn repeating(status: &'static str) -> (StandIn, Arc<Mutex<String>>) {
    let requests = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&requests);
    let server = StandIn::start(move |request| {
        all.lock().expect("no panic").push_str(request);
        Answer::whole(status, request)
    });
    (server, requests)
}

fn source(kind: &str) -> EnvironmentValue {
    let secret = planted(kind);
    let script = format!("echo {} >&2; printf %s '{secret}'", planted("stderr"));
    EnvironmentValue::Secret(SecretSource::Command(
        ["sh", "-c", &script].map(str::to_owned).to_vec(),
    ))
}

fn assert_failure_hidden(failure: &Failure) {
    assert_hidden("a failure", failure.to_string().as_bytes());
    assert_hidden("a failure", format!("{failure:?}").as_bytes());
}

#[tokio::test]
async fn a_check_sends_its_secrets_and_shows_none_of_them() {
    let (server, requests) = repeating("500 Oh");
    let case = Case {
        name: "orders".into(),
        timeout: std::time::Duration::from_secs(20),
        required: true,
        retries: 0,
        kind: CaseKind::Request(RequestCase {
            method: "POST".into(),
            path: format!("/orders?api_key={}&page=2", "pl4nted-path"),
            headers: BTreeMap::from([
                ("X-Tenant".to_owned(), source("command")),
                (
                    "Authorization".to_owned(),
                    format!("Bearer {}", planted("literal")).into(),
                ),
            ]),
            query: BTreeMap::from([("who".to_owned(), source("query"))]),
            body: Some(planted("body")),
            through_preview: false,
            expect: Expectation::default(),
        }),
    };
    let checker = HttpChecker::reading(Arc::new(LocalSecrets::default()));
    let report = checker.run(&case, &Address::from(server.at), None).await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:?}");
    let requests = requests.lock().expect("no panic").clone();
    let escaped = "who=pl4nted%2Bquery%2FZz9-";
    for sent in [escaped, &planted("command"), &planted("literal"), "page=2"] {
        assert!(requests.contains(sent), "{sent}: {requests}");
    }
    let shown = format!("{report:?}");
    assert!(
        shown.contains("X-Tenant: (hidden)") && shown.contains("page=2"),
        "{shown}"
    );
    assert!(!shown.contains("pl4nted-path"), "{shown}");
    assert_hidden("the report", shown.as_bytes());
}

#[tokio::test]
async fn no_answer_shows_secrets_of_other_requests_or_of_the_application() {
    let told = ["command", "query", "literal", "environment"].map(planted);
    let said = told.join(" and ");
    let server = StandIn::start(move |_| Answer::whole("500 Oh", &said));
    let names = ["X-Tenant", "who", "X-Token", "PASSWORD"].map(str::to_owned);
    let values = [
        source("command"),
        source("query"),
        planted("literal").into(),
        source("environment"),
    ];
    let secrets: Arc<dyn Secrets> = Arc::new(LocalSecrets::default());
    let of = TargetSecrets::of(Arc::clone(&secrets), [], names.iter().zip(&values), []);
    let checker = HttpChecker::reading(secrets).for_target(of);
    let at = Address::from(server.at);
    // This request sends none of them.
    let case = crate::endless::case(std::time::Duration::from_secs(20));
    let report = checker.run(&case, &at, None).await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:?}");
    assert!(
        report.response.contains("(hidden) and (hidden)"),
        "{report:?}"
    );
    assert_hidden("the report", format!("{report:?}").as_bytes());
    let check = HealthCheck {
        path: "/health".into(),
        host: None,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        interval: std::time::Duration::from_secs(1),
        timeout: std::time::Duration::from_secs(20),
    };
    let probe = checker.health(&at, &check).await;
    assert_hidden("the probe", format!("{probe:?}").as_bytes());
}

#[tokio::test]
async fn a_sent_body_does_not_make_an_answer_unreadable() {
    let answer = r#"{"id": 7, "order": {"id": 1234}}"#;
    let server = StandIn::start(move |_| Answer::whole("200 OK", answer));
    let mut case = crate::endless::case(std::time::Duration::from_secs(20));
    request_of(&mut case).method = "POST".into();
    request_of(&mut case).body = Some(r#"{"id": 1234}"#.into());
    request_of(&mut case).expect = Expectation {
        json: [("/id".to_owned(), serde_json::json!(8))].into(),
        ..Expectation::default()
    };
    let (checker, at) = (HttpChecker::new(), Address::from(server.at));
    let report = checker.run(&case, &at, None).await;
    assert_eq!(report.detail, "/id is `7` instead of `8`", "{report:?}");
    assert!(
        report.response.contains(r#"{"id": 7, "order": (hidden)}"#),
        "{report:?}"
    );
}

/// A secret file, as [`LocalSecrets`] keeps it, that may be read again at once.
struct AtOnce {
    file: std::path::PathBuf,
    kept: Mutex<Option<SecretString>>,
    renewed: tokio::sync::Notify,
}

impl AtOnce {
    fn again(&self) -> SecretString {
        let now = std::fs::read_to_string(&self.file).expect("a file").into();
        self.kept.lock().expect("no panic").insert(now).clone()
    }
}

#[async_trait]
impl Secrets for AtOnce {
    async fn read(&self, _: &SecretSource) -> Result<SecretString> {
        panic!("a secret of a check is kept");
    }

    async fn kept(&self, _: &SecretSource) -> Result<SecretString> {
        let kept = self.kept.lock().expect("no panic").clone();
        Ok(kept.unwrap_or_else(|| self.again()))
    }

    async fn renewed(&self, _: &SecretSource, refused: &SecretString) -> Renewal {
        let kept = self.kept.lock().expect("no panic").clone();
        assert!(kept.is_some_and(|kept| same_secret(&kept, refused)));
        let now = self.again();
        self.renewed.notify_one();
        Renewal::Other(now)
    }
}

/// A check that sends this secret.
fn sending(source: SecretSource) -> Case {
    let mut case = crate::endless::case(std::time::Duration::from_secs(20));
    request_of(&mut case).expect = Expectation::default();
    let secret = EnvironmentValue::Secret(source);
    request_of(&mut case).headers = BTreeMap::from([("authorization".to_owned(), secret)]);
    case
}

#[tokio::test]
async fn a_refused_secret_is_read_again() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("token");
    std::fs::write(&file, "first-token").expect("written");
    let server = StandIn::start(|request| {
        let is_second = request.contains("second-token");
        Answer::whole(if is_second { "200 OK" } else { "401 No" }, "")
    });
    let case = sending(SecretSource::File(file.clone()));
    let secrets = Arc::new(AtOnce {
        file: file.clone(),
        kept: Mutex::default(),
        renewed: tokio::sync::Notify::new(),
    });
    let checker = HttpChecker::reading(Arc::clone(&secrets) as Arc<dyn Secrets>);
    let at = Address::from(server.at);
    assert_eq!(checker.run(&case, &at, None).await.verdict, Verdict::Failed);
    secrets.renewed.notified().await;
    std::fs::write(&file, "second-token").expect("written");
    assert_eq!(checker.run(&case, &at, None).await.verdict, Verdict::Failed);
    secrets.renewed.notified().await;
    assert_eq!(checker.run(&case, &at, None).await.verdict, Verdict::Passed);
    std::fs::remove_file(&file).expect("removed");
    let known = checker.run(&case, &at, None).await;
    assert_eq!(known.verdict, Verdict::Passed, "it is read once");
}

fn shell(line: String) -> SecretSource {
    SecretSource::Command(vec!["sh".to_owned(), "-c".to_owned(), line])
}

#[tokio::test]
async fn a_hanging_secret_delays_no_other_check() {
    let server = StandIn::start(|_| Answer::whole("200 OK", ""));
    let at = Address::from(server.at);
    let checker = HttpChecker::reading(Arc::new(LocalSecrets::default()));
    let hanging = sending(shell("sleep 60".to_owned()));
    let quick = sending(shell("echo token".to_owned()));
    tokio::select! {
        // The hanging secret is requested first, so it could delay the other.
        biased;
        report = checker.run(&hanging, &at, None) => panic!("it ended first: {report:?}"),
        report = checker.run(&quick, &at, None) => {
            assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
        }
    }
}

#[tokio::test]
async fn a_command_whose_secret_is_refused_runs_at_a_limited_rate() {
    let place = tempfile::tempdir().expect("a directory");
    let runs = place.path().join("runs");
    let server = StandIn::start(|_| Answer::whole("403 No", ""));
    let at = Address::from(server.at);
    let checker = HttpChecker::reading(Arc::new(LocalSecrets::default()));
    let case = sending(shell(format!("echo >> {}; echo token", runs.display())));
    for _ in 0..5 {
        assert_eq!(checker.run(&case, &at, None).await.verdict, Verdict::Failed);
    }
    let runs = std::fs::read_to_string(&runs).expect("it ran");
    assert_eq!(runs.lines().count(), 1);
}

#[tokio::test]
async fn an_engine_that_repeats_a_request_reveals_no_secret() {
    let server = StandIn::start(|request| {
        let asked = |path: &str| {
            request
                .lines()
                .next()
                .is_some_and(|line| line.contains(path))
        };
        if asked("/version") {
            return Answer::whole("200 OK", r#"{"ApiVersion":"1.41","Version":"20.10"}"#);
        }
        if asked("/containers/json") {
            return Answer::whole("200 OK", "[]");
        }
        if asked("/images/create") || asked("/containers/create") {
            return Answer::whole("500 Oh", request);
        }
        Answer::whole("404 Not Found", r#"{"message":"no such thing"}"#)
    });
    let password = planted("registry").into();
    let user = "ana".to_owned();
    let known = BTreeMap::from([(
        "registry.example".to_owned(),
        Credentials { user, password },
    )]);
    let writer = DockerWriter::new(server.engine(), known, Arc::new(LocalSecrets::default()));
    let (progress, _received) = tokio::sync::mpsc::channel(4);
    let failure = writer
        .pull(&version(), progress)
        .await
        .expect_err("refused");
    assert!(failure.message.contains("/images/create"), "{failure}");
    assert_failure_hidden(&failure);
    let spec = InstanceSpec {
        target: Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        ),
        slot: Slot::Blue,
        number: 1,
        of: 1,
        version: version(),
        release: ReleaseId(ulid::Ulid::nil()),
        endpoint: "127.0.0.1:18081".parse().ok(),
        shape: InstanceShape {
            listen: Listen::Port(8080),
            command: None,
            environment: BTreeMap::from([
                ("APP_SETTING".to_owned(), source("environment")),
                ("APP_PASSWORD".to_owned(), planted("literal").into()),
            ]),
            mounts: Vec::new(),
            memory: None,
            restart: RestartPolicy::No,
            network: None,
            labels: BTreeMap::new(),
            container: Box::default(),
        },
    };
    let failure = writer.start(&spec).await.expect_err("refused");
    assert!(failure.message.contains("/containers/create"), "{failure}");
    assert_failure_hidden(&failure);
}

/// With the planted variables and the most verbose logging.
fn loud(mut command: Command) -> Output {
    command.env("GREENROOM_LOG", "trace");
    for kind in KINDS {
        command.env(format!("PLANTED_{}", kind.to_uppercase()), planted(kind));
    }
    command.output().expect("it runs")
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one sandbox, planted once and searched"
)]
fn nothing_that_is_written_of_releases_has_a_secret_in_it() {
    let (preview, requests) = repeating("500 Oh");
    let (hook, told) = repeating("404 Not Found");
    let sandbox = Sandbox::kept_on(|place: &Path| {
        let secret_file = place.with_file_name("secret");
        std::fs::write(secret_file, planted("file")).expect("written");
        // The signing key has 24 characters or more.
        let signs = format!("{}-0123456789", planted("signing"));
        std::fs::write(place.with_file_name("signing"), signs).expect("written");
    })
    .up()
    .hurried();
    let file = sandbox.place().with_file_name("secret");
    let here = "services.web.environments.dev";
    let headers = format!(
        r#"{{ X-Variable = {{ env = "PLANTED_VARIABLE" }}, X-File = {{ file = "{}" }}, Authorization = "Bearer {}" }}"#,
        file.display(),
        planted("literal")
    );
    // The application writes every path into its own log, which is shown unchanged.
    let health = format!(
        r#"health = {{ path = "/health", interval = "250ms", timeout = "2s", headers = {headers} }}"#
    );
    let checks = |status: u16| {
        format!(
            r#"checks = [{{ name = "echo", path = "/echo?api_key={}", method = "POST", through_preview = true, body = "{}", headers = {headers}, query = {{ who = {{ env = "PLANTED_QUERY" }} }}, expect = {{ status = {status} }} }}]"#,
            planted("path"),
            planted("body"),
        )
    };
    let configuration = sandbox.place().join("greenroom.toml");
    let text = std::fs::read_to_string(&configuration).expect("its configuration");
    let labels = format!("labels = {{ \"build.token\" = \"{}\" }}", planted("label"));
    let text = text.replace("[services.web]\n", &format!("[services.web]\n{labels}\n"));
    let write = |status: u16| {
        let target = "[services.web.environments.dev]\n";
        let with = format!("{target}{health}\n{}\n", checks(status));
        std::fs::write(&configuration, text.replace(target, &with)).expect("written");
    };
    let common = [
        format!("{here}.proxy.preview.connect={}", preview.at),
        format!("{here}.environment.APP_SECRET.env=PLANTED_ENVIRONMENT"),
        "notices.ops.kind=signed".to_owned(),
        r#"notices.ops.environments=["dev"]"#.to_owned(),
        format!(
            "notices.ops.url=http://ana:{LOGIN}@{}/{}",
            hook.at,
            planted("hook")
        ),
        format!(
            "notices.ops.secret.file={}",
            file.with_file_name("signing").display()
        ),
        r#"notices.ops.events=["started","failed","switched","backed-out"]"#.to_owned(),
    ];
    let run = |status: u16, extra: &[&str], arguments: &[&str]| {
        write(status);
        let mut all = Vec::new();
        for setting in common
            .iter()
            .map(String::as_str)
            .chain(extra.iter().copied())
        {
            all.extend(["--set", setting]);
        }
        all.extend(arguments);
        let output = loud(sandbox.command(&all));
        assert_output_hidden(&arguments.join(" "), &output);
        output
    };
    let promote = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];
    let failed = run(200, &[], &promote);
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    assert!(words(&failed).contains("500"), "{}", words(&failed));
    let done = run(500, &[], &promote);
    assert!(done.status.success(), "{}", words(&done));
    for arguments in [
        &["status"][..],
        &["--json", "status"],
        &["doctor"],
        &["show", "last", "web", "dev"],
        &["--json", "show", "last", "web", "dev"],
        &["history"],
        &["--json", "history"],
        &["history", "--csv"],
        &["config", "show"],
        &["--json", "config", "show"],
        &["config", "check"],
    ] {
        run(200, &[], arguments);
    }
    let wrong = [
        format!("{here}.health.headers.X-Key={}\nx", planted("literal")),
        format!("environments.dev.embedded.answer=http://ana:{LOGIN}@host"),
        format!("notices.ops.url=ftp://ana:{LOGIN}@host/{}", planted("hook")),
    ];
    for setting in &wrong {
        let checked = run(200, &[setting], &["config", "check"]);
        assert!(!checked.status.success(), "{setting}: {}", words(&checked));
    }
    // The requests contained their secrets, and no notice body has one.
    let requests = requests.lock().expect("no panic").clone();
    for kind in ["variable", "file", "literal", "path"] {
        assert!(requests.contains(&planted(kind)), "{kind}: {requests}");
    }
    let told = told.lock().expect("no panic").clone();
    assert!(told.contains(&planted("hook")), "{told}");
    for body in told.split("\r\n\r\n").skip(1) {
        let body = body.split("POST ").next().unwrap_or_default();
        assert_hidden("a notice", body.as_bytes());
    }
    let place = sandbox.place();
    assert_files_hidden(
        place.parent().expect("its directory"),
        &["secret", "signing", "greenroom.toml"],
    );
}

#[test]
fn no_command_shows_a_login_that_servers_repeat() {
    let (server, requests) = repeating("500 Oh");
    let place = tempfile::tempdir().expect("a directory");
    let (at, port) = (place.path().display(), server.at.port());
    let script = place.path().join("script");
    let prints = format!(
        "echo {} >&2; printf %s '{}'",
        planted("stderr"),
        planted("etcd")
    );
    std::fs::write(&script, prints).expect("written");
    let script = script.display();
    let text = format!(
        r#"
[history]
archive = "{at}/archive.db"

[environments.qa]
tier = "staging"
docker = {{ address = "tcp://127.0.0.1:{port}" }}
registry = {{ plain_http = true, user = "ana", password = {{ env = "PLANTED_REGISTRY" }} }}
etcd = {{ endpoints = ["http://127.0.0.1:{port}"], user = "ana", password = {{ command = ["sh", "{script}"] }} }}
proxy = "embedded"
embedded = {{ answer = "127.0.0.1:{port}", state = "proxy" }}

[services.web]
image = "127.0.0.1:{port}/web"
listen = {{ port = 8080 }}
health = {{ path = "/health" }}

[services.web.environments.qa]
endpoints = {{ blue = "127.0.0.3:{port}", green = "127.0.0.4:{port}" }}

[services.web.environments.qa.proxy]
server_names = ["web.example"]
listen = "127.0.0.5:{port}"
preview_listen = "127.0.0.6:{port}"
"#
    );
    let config = place.path().join("greenroom.toml");
    std::fs::write(&config, text).expect("written");
    for arguments in [
        &["config", "show"][..],
        &["status"],
        &["--json", "doctor"],
        &["promote", "web", "qa", "--version", "1.0", "--yes"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
        command.arg("--config").arg(&config).args(arguments);
        command.env("XDG_STATE_HOME", place.path());
        let output = loud(command);
        assert_output_hidden(&arguments.join(" "), &output);
    }
    let requests = requests.lock().expect("no panic").clone();
    assert!(requests.contains("authorization: Basic"), "{requests}");
    assert_files_hidden(place.path(), &["greenroom.toml", "script"]);
}
