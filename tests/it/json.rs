//! `--json` of every verb: the real binary in a sandbox. Each line fits the schema, and the schema
//! names every verb.

use std::collections::BTreeSet;
use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::{Sandbox, words};
use crate::support::json_lines::{SCHEMA, assert_fits, json_data, json_end, json_lines, json_list};

/// Runs verbs with `--json`, checks their lines against the schema, and records which verbs have
/// answered with data.
struct Reader<'a> {
    sandbox: &'a Sandbox,
    answered: BTreeSet<String>,
}

impl Reader<'_> {
    fn run(&mut self, arguments: &[&str]) -> Output {
        let output = self.sandbox.run(&[&["--json"], arguments].concat());
        let end = json_end(&output);
        if end["data"].is_object() {
            let command = end["command"].as_str().expect("a command");
            self.answered.insert(command.to_owned());
        }
        output
    }

    /// Like [`Reader::run`], for a run that must succeed. Returns the data of the last line.
    fn data(&mut self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        json_data(&output)
    }

    /// Like [`Reader::run`], for a run that must fail. Returns the error of the last line.
    fn error(&mut self, code: i32, kind: &str, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        let mut end = json_end(&output);
        assert_eq!(end["error"]["kind"], kind, "{end}");
        end["error"].take()
    }
}

#[test]
fn every_verb_prints_lines_that_fit_the_schema() {
    let mut sandbox = Sandbox::in_json().up();
    let mut reader = Reader {
        sandbox: &sandbox,
        answered: BTreeSet::new(),
    };
    releases(&mut reader);
    what_was_released(&mut reader);
    what_is_configured(&mut reader);
    wrong_arguments(&mut reader);
    let mut answered = reader.answered;

    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    let lines = sandbox.json_said();
    lines.iter().for_each(assert_fits);
    let open = lines.iter().find(|line| line["event"] == "open");
    let open = open.expect("that it is open");
    assert!(open["data"]["addresses"][0]["url"].is_string(), "{open}");
    let last = lines.last().expect("a last line");
    assert_eq!((&last["event"], &last["exit"]), (&"end".into(), &0.into()));
    answered.insert("sandbox".into());

    let known = SCHEMA["properties"]["command"]["enum"].as_array();
    let known = known.expect("a list").iter().filter_map(Value::as_str);
    // The program without a verb, approvals, and pushes to the sandbox have tests of their own.
    let known = known.filter(|verb| !["greenroom", "approve", "sandbox push"].contains(verb));
    let silent: Vec<&str> = known.filter(|verb| !answered.contains(*verb)).collect();
    assert_eq!(silent, [""; 0], "verbs that answered nothing");
}

fn releases(reader: &mut Reader<'_>) {
    let promote = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];
    let output = reader.run(&[&promote[..], &["--no-standby-wait"]].concat());
    let lines = json_lines(&output);
    assert_eq!(lines[0]["event"], "plan", "{}", words(&output));
    assert_eq!(json_data(&output)["standby"]["version"], "1.9.0");
    let again = reader.data(&promote);
    assert!(
        again["text"]
            .as_str()
            .is_some_and(|it| it.starts_with("nothing to do"))
    );
    assert_eq!(
        reader.data(&["rollback", "web", "dev", "--list"])["target"]["service"],
        "web"
    );
    let standby = ["--set", "environments.dev.timing.standby=1ms"];
    let resumed = reader.data(&[&standby[..], &["resume", "web", "dev", "--yes"]].concat());
    assert_eq!(resumed["outcome"]["outcome"], "done");
    let status = reader.data(&["status"]);
    let dev = &status["targets"][0]["snapshot"];
    assert!(dev["slots"]["blue"].is_object(), "{dev}");
    let lists = reader.data(&["hold", "web", "dev", "--reason", "payday", "--until", "3d"]);
    assert_eq!(lists["hold"]["reason"], "payday");
    let held = reader.error(
        1,
        "refused",
        &["promote", "web", "dev", "--version", "1.9.0", "--yes"],
    );
    assert!(
        held["message"]
            .as_str()
            .is_some_and(|it| it.contains("payday")),
        "{held}"
    );
    assert_eq!(
        reader.data(&["hold"])["targets"][0]["target"]["service"],
        "web"
    );
    reader.data(&["hold", "web", "dev", "--clear"]);
    let follow = [
        "--set",
        r#"services.web.environments.dev.follow=["develop"]"#,
    ];
    let notified = reader.data(&[&follow[..], &["notify", "web", "develop"]].concat());
    let entry = notified["queued"][0]["id"].as_str().expect("an id");
    let queue = reader.data(&["queue", "web", "dev"])["targets"][0]["entries"].take();
    assert_eq!(queue[0]["id"], entry);
    let named = ["web", "dev", entry];
    let dismissed = reader.data(&[&["queue", "dismiss"][..], &named].concat());
    assert_eq!(dismissed["entry"]["state"], "dismissed");
    let retried = reader.data(&[&["queue", "retry"][..], &named].concat());
    assert_eq!(retried["entry"]["state"], "waiting");
    let status = reader.data(&["status", "web", "dev"]);
    assert_eq!(status["targets"][0]["queue"][0]["id"], entry);
    let unfollowed = [
        "--set",
        "services.web.environments.dev.follow=[]",
        "--set",
        "services.web.environments.qa.follow=[]",
    ];
    let notify = [&unfollowed[..], &["notify", "web", "develop"]].concat();
    reader.error(1, "refused", &notify);
    reader.error(1, "refused", &["approve", "web", "dev", "--yes"]);
    assert_eq!(
        reader.data(&["repair", "web", "dev", "--yes"])["plan"],
        Value::Null
    );
    reader.data(&["prune", "--dry-run"]);
}

fn what_was_released(reader: &mut Reader<'_>) {
    let items = json_list(&reader.run(&["history", "web", "dev"]), "items");
    let releases: Vec<&Value> = items.iter().filter(|item| item["to"].is_array()).collect();
    let ids: Vec<&str> = releases.iter().filter_map(|it| it["id"].as_str()).collect();
    let rows = reader.data(&["history", "compare", ids[0], ids[1]])["rows"].take();
    let took = rows.as_array().expect("rows").iter();
    let took: Vec<&Value> = took.filter(|row| row["what"] == "pull took").collect();
    assert!(
        took[0]["one_ms"].is_number() && took[0]["one"].is_null(),
        "{}",
        took[0]
    );
    reader.data(&["history", "timeline", "dev"]);
    reader.data(&["history", "verify"]);
    reader.run(&["history", "seal"]);
    reader.data(&["history", "prune", "--dry-run"]);
    reader.data(&["show", ids[0], "--logs"]);
    let typo = format!(
        "{}{}",
        &ids[0][..25],
        if ids[0].ends_with('Z') { 'Y' } else { 'Z' }
    );
    let error = reader.error(2, "usage", &["show", &typo]);
    assert_eq!(error["hint"], format!("did you mean {}?", ids[0]));
}

fn what_is_configured(reader: &mut Reader<'_>) {
    let doctor = json_data(&reader.run(&["doctor"]));
    assert!(doctor["tried"].as_u64() > Some(3), "{doctor}");
    assert!(reader.data(&["config", "check"])["targets"].as_u64() > Some(2));
    let values = reader.data(&["config", "show"])["values"].take();
    let values = values.as_array().expect("values");
    let of = |key: &str| values.iter().find(|one| one["key"].as_str() == Some(key));
    let watch = of("services.web.environments.dev.timing.watch").expect("a value");
    assert_eq!(
        (&watch["value"], &watch["value_ms"]),
        (&"2s".into(), &2000.into())
    );
    let port = of("services.web.listen.port").expect("a value");
    assert!(port["value"].is_number(), "{port}");
    let wrong = reader.run(&["--set", "defaults.timing.wacth=3m", "config", "check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(json_end(&wrong)["error"]["kind"], "configuration");
    let problem = json_data(&wrong)["problems"][0].take();
    assert!(
        problem["says"]
            .as_str()
            .is_some_and(|it| it.contains("`watch`")),
        "{problem}"
    );
    let error = reader.error(
        2,
        "configuration",
        &["--set", "defaults.timing.wacth=3m", "status"],
    );
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|it| it.contains("`watch`")),
        "{error}"
    );
    assert!(reader.data(&["agent", "--print-unit"])["unit"].is_string());
    reader.data(&["config", "schema"]);
    let place = reader.sandbox.place();
    let fresh = place.join("fresh.toml").display().to_string();
    reader.data(&["config", "init", &fresh]);
    let pages = place.join("man").display().to_string();
    let files = reader.data(&["man", "--dir", &pages])["files"].take();
    let files = files.as_array().expect("files");
    assert!(files.iter().all(|file| {
        file.as_str()
            .is_some_and(|it| std::path::Path::new(it).is_file())
    }));
    let (precious, link) = (place.join("precious"), place.join("man/greenroom-help.1"));
    std::fs::write(&precious, "precious").expect("written");
    std::fs::remove_file(&link).expect("a page");
    std::os::unix::fs::symlink(&precious, &link).expect("a link");
    let refused = reader.error(1, "failed", &["man", "--dir", &pages])["message"].take();
    let refused = refused.as_str().expect("a message");
    for named in [&*link.to_string_lossy(), "symbolic link"] {
        assert!(refused.contains(named), "{named}: {refused}");
    }
    assert_eq!(std::fs::read_to_string(&precious).expect("it"), "precious");
    reader.data(&["man"]);
    reader.data(&["completions", "bash"]);
    reader.data(&["help", "json"]);
    assert_eq!(
        reader.data(&["help", "json", "--schema"])["schema"],
        *SCHEMA
    );
    reader.data(&["promote", "--help"]);
}

fn wrong_arguments(reader: &mut Reader<'_>) {
    for (arguments, hint) in [
        (&["stauts"][..], "'status'"),
        (&["status", "wbe"], "did you mean web?"),
        (&["status", "web", "prodution"], "did you mean production?"),
        (
            &["promote", "wbe", "dev", "--version", "1", "--yes"],
            "did you mean web?",
        ),
        (
            &["promote", "web", "dev", "--from", "aq", "--yes"],
            "did you mean qa?",
        ),
        (&["rollback", "wbe", "dev", "--list"], "did you mean web?"),
        (&["resume", "wbe", "dev", "--yes"], "did you mean web?"),
        (&["repair", "web", "dve", "--yes"], "did you mean dev?"),
        (&["approve", "wbe", "dev"], "did you mean web?"),
        (&["hold", "wbe", "dev"], "did you mean web?"),
        (&["queue", "wbe"], "did you mean web?"),
        (
            &["queue", "dismiss", "wbe", "dev", "1a2b3c4d"],
            "did you mean web?",
        ),
        (&["notify", "wbe", "develop"], "did you mean web?"),
        (&["prune", "wbe", "--dry-run"], "did you mean web?"),
        (&["history", "wbe"], "did you mean web?"),
        (&["history", "timeline", "dve"], "did you mean dev?"),
        (&["history", "verify", "wbe"], "did you mean web?"),
        (&["history", "seal", "wbe"], "did you mean web?"),
        (&["show", "last", "wbe"], "did you mean web?"),
        (&["help", "hsitory"], "did you mean history?"),
        (&["promote", "web"], "Usage: greenroom promote"),
    ] {
        let error = reader.error(2, "usage", arguments);
        let said = error["hint"].as_str().unwrap_or_default();
        assert!(said.contains(hint), "{arguments:?}: {error}");
    }
    reader.error(2, "usage", &[]);
}

#[test]
fn completions_offer_services_environments_versions_and_releases() {
    let sandbox = Sandbox::kept().up();
    let complete = |words: &[&str]| {
        let config = sandbox.place().join("greenroom.toml").display().to_string();
        let mut command = sandbox.bare();
        command
            .env("GREENROOM_COMPLETE", "fish")
            .args(["--", "greenroom", "--config", &config]);
        let output = command.args(words).output().expect("it runs");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        lines.lines().map(first).collect::<Vec<String>>()
    };
    let has = |words: &[&str], wanted: &str| {
        let found = complete(words);
        assert!(
            found.iter().any(|one| one == wanted),
            "{words:?}: {found:?}"
        );
    };
    has(&["pro"], "promote");
    has(&["promote", ""], "web");
    has(&["promote", "web", "pro"], "production");
    has(&["promote", "web", "dev", "--version", "1.8"], "1.8.2");
    has(&["promote", "web", "dev", "--from", ""], "qa");
    has(&["rollback", "web", "dev", "--to", ""], "1.8.2");
    has(
        &["repair", "web", "dev", "--only", "proxy-e"],
        "proxy-edited",
    );
    let listed = sandbox.run(&["--json", "history", "--limit", "1"]);
    let newest = json_list(&listed, "items")[0]["id"].clone();
    let newest = newest.as_str().expect("an id");
    has(&["show", &newest[..12]], newest);
    has(&["history", "compare", &newest[..12]], newest);
    assert_eq!(
        complete(&["promote", "nobody", "dev", "--version", ""]),
        [""; 0]
    );
    // A variable that another program has set never prevents a command from running.
    for (variable, value) in [
        ("COMPLETE", "bash"),
        ("GREENROOM_COMPLETE", "1"),
        ("GREENROOM_COMPLETE", "bash"),
    ] {
        let output = sandbox
            .bare()
            .env(variable, value)
            .arg("--version")
            .output();
        let output = output.expect("it runs");
        assert!(
            output.stdout.starts_with(b"greenroom "),
            "{variable}={value}: {output:?}"
        );
    }
    let mut command = sandbox.bare();
    command
        .env("GREENROOM_COMPLETE", "no-such-shell")
        .args(["--", "greenroom", ""]);
    let output = command.output().expect("it runs");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}
