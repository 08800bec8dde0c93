//! The output of `--json`. Every line is one JSON object that starts with the same fields, and the last line says how
//! the command ended. A verb that answers once prints only that last line. `json/schema.json` describes every line of
//! every verb; tests compare the real output with the schema.

mod values;

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Exit, out};
use values::in_milliseconds;
pub(super) use values::milliseconds;

/// The JSON schema of every line.
pub(super) const SCHEMA: &str = include_str!("json/schema.json");
/// The version of the format. A new field needs no new version; every other change does.
const VERSION: u32 = 1;
/// The command name in JSON if the arguments contain no verb.
pub(super) const NO_VERB: &str = "greenroom";

/// The output of the command, if it prints JSON.
static OUTPUT: Mutex<Option<Output>> = Mutex::new(None);

struct Output {
    command: String,
    data: Value,
    error: Option<Value>,
    /// Lines for people that a verb wrote to standard output.
    text: Vec<String>,
    /// Lines for people that a verb wrote to standard error.
    notices: Vec<String>,
}

/// The kind of failure that ended a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The arguments of the command are wrong.
    Usage,
    /// The configuration has errors or cannot be used.
    Configuration,
    /// The request was refused; nothing was changed.
    Refused,
    /// The command tried to do something, and that failed.
    Failed,
    /// Something is incomplete, and a person has to look.
    NeedsPerson,
    /// The operator or a signal cancelled the command.
    Cancelled,
}

fn output() -> MutexGuard<'static, Option<Output>> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the output in JSON: after this call, standard output carries only lines of JSON.
pub(super) fn start(command: &str) {
    *output() = Some(Output {
        command: command.to_owned(),
        data: Value::Null,
        error: None,
        text: Vec::new(),
        notices: Vec::new(),
    });
}

pub(super) fn is_on() -> bool {
    output().is_some()
}

/// If JSON is printed, keeps `text` for the last line and returns true. The caller must then not print `text`.
pub(super) fn keep_text(text: &str) -> bool {
    let mut output = output();
    let Some(output) = output.as_mut() else {
        return false;
    };
    output.text.push(text.to_owned());
    true
}

/// Keeps text that is also written to standard error. The last line repeats the text as its error or as a warning.
pub(super) fn keep_notice(text: &str) {
    if let Some(output) = output().as_mut() {
        let text = text.strip_prefix("greenroom: ").unwrap_or(text);
        output.notices.push(text.to_owned());
    }
}

/// Sets the data of the last line.
pub(super) fn answer(data: impl Serialize) {
    let data = value(&data);
    if let Some(output) = output().as_mut() {
        output.data = data;
    }
}

/// Adds a field to the data of the last line.
pub(super) fn add(name: &str, field: impl Serialize) {
    let field = value(&field);
    if let Some(output) = output().as_mut() {
        output.data[name] = field;
    }
}

/// Sets the error of the last line. Without this call, the lines on standard error become the error of a failed
/// command.
pub(super) fn fail(kind: Kind, message: &str, hint: Option<&str>) {
    if let Some(output) = output().as_mut() {
        output.error = Some(error(kind, message, hint));
    }
}

/// Prints a line about an event that happens now.
pub(super) fn event(name: &str, data: impl Serialize) {
    event_at(Timestamp::now(), name, data);
}

/// Prints a line about an event that happened at `at`.
pub(super) fn event_at(at: Timestamp, name: &str, data: impl Serialize) {
    let data = value(&data);
    let line = output().as_ref().map(|output| {
        json!({
            "schema": VERSION,
            "command": output.command,
            "event": name,
            "at": at,
            "data": data,
        })
    });
    if let Some(line) = line {
        out::say_json(&line);
    }
}

/// Prints the last line, if JSON is printed.
pub(super) fn finish(exit: Exit) {
    let Some(output) = output().take() else {
        return;
    };
    out::say_json(&last_line(output, exit, Timestamp::now()));
}

fn last_line(output: Output, exit: Exit, at: Timestamp) -> Value {
    let (mut warnings, mut notices) = (Vec::new(), Vec::new());
    for notice in output.notices {
        match notice.strip_prefix("warning: ") {
            Some(warning) => warnings.push(warning.to_owned()),
            None => notices.push(notice),
        }
    }
    let error = match (exit, output.error) {
        (Exit::Done, _) => None,
        (_, Some(error)) => {
            warnings.append(&mut notices);
            Some(error)
        }
        (exit, None) => {
            let message = if notices.is_empty() {
                default_message(exit).to_owned()
            } else {
                notices.join("\n")
            };
            notices.clear();
            Some(error(kind(exit), &message, None))
        }
    };
    warnings.append(&mut notices);
    let data = match output.data {
        Value::Null if !output.text.is_empty() => json!({ "text": output.text.join("\n") }),
        data => data,
    };
    json!({
        "schema": VERSION,
        "command": output.command,
        "event": "end",
        "at": at,
        "ok": exit == Exit::Done,
        "exit": exit.code(),
        "data": data,
        "error": error,
        "warnings": warnings,
    })
}

fn error(kind: Kind, message: &str, hint: Option<&str>) -> Value {
    json!({ "kind": kind, "message": message, "hint": hint })
}

fn kind(exit: Exit) -> Kind {
    match exit {
        Exit::Done | Exit::Failed => Kind::Failed,
        Exit::Usage => Kind::Usage,
        Exit::NeedsPerson => Kind::NeedsPerson,
        Exit::Cancelled => Kind::Cancelled,
    }
}

fn default_message(exit: Exit) -> &'static str {
    match exit {
        Exit::Done | Exit::Failed => "The command failed; the field data says why.",
        Exit::Usage => "The arguments or the configuration are wrong.",
        Exit::NeedsPerson => "A person has to look; the field data says why.",
        Exit::Cancelled => "The command was cancelled.",
    }
}

/// Converts `data` to JSON, with durations in milliseconds. Data that cannot be converted becomes an error message.
fn value(data: &impl Serialize) -> Value {
    match serde_json::to_value(data) {
        Ok(value) => in_milliseconds(value),
        Err(error) => json!({ "text": format!("the value cannot be written as JSON: {error}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::Arguments;
    use super::*;

    fn ended(exit: Exit, error: Option<Value>, notices: &[&str], text: &[&str]) -> Value {
        let own = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        let output = Output {
            command: "status".into(),
            data: Value::Null,
            error,
            text: own(text),
            notices: own(notices),
        };
        last_line(output, exit, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn notices_are_the_error_of_a_failure_and_the_warnings_of_a_success() {
        let failed = ended(Exit::Failed, None, &["warning: old", "no answer"], &[]);
        assert_eq!(failed["error"]["message"], "no answer");
        assert_eq!(failed["error"]["kind"], "failed");
        assert_eq!(failed["warnings"], json!(["old"]));
        let done = ended(Exit::Done, None, &["no answer"], &["words"]);
        assert_eq!(done["error"], Value::Null);
        assert_eq!(done["warnings"], json!(["no answer"]));
        assert_eq!(done["data"]["text"], "words");
    }

    /// Collects every verb that can be run, with its full name.
    fn verbs(command: &clap::Command, name: &str, names: &mut Vec<String>) {
        if !name.is_empty() && !command.is_subcommand_required_set() {
            names.push(name.to_owned());
        }
        for inner in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            let name = format!("{name} {}", inner.get_name());
            verbs(inner, name.trim_start(), names);
        }
    }

    #[test]
    fn the_schema_has_exactly_the_verbs_there_are() {
        let mut names = vec![NO_VERB.to_owned()];
        let root = <Arguments as clap::CommandFactory>::command();
        verbs(&root, "", &mut names);
        names.sort();
        let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
        let listed = schema["properties"]["command"]["enum"].as_array();
        let listed = listed.expect("a list").iter().filter_map(Value::as_str);
        let mut listed: Vec<&str> = listed.collect();
        listed.sort_unstable();
        assert_eq!(listed, names);
        for verb in names.iter().filter(|verb| *verb != NO_VERB) {
            let name = format!("data-of-{}", verb.replace(' ', "-"));
            assert!(
                schema["$defs"][&name].is_object(),
                "the schema has no {name}"
            );
        }
    }

    #[test]
    fn an_error_always_has_a_message_and_the_exit_code() {
        for (exit, code) in [
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::NeedsPerson, 3),
            (Exit::Cancelled, 130),
        ] {
            let line = ended(exit, None, &[], &[]);
            assert_eq!((&line["exit"], &line["ok"]), (&code.into(), &false.into()));
            let message = line["error"]["message"].as_str();
            assert!(message.is_some_and(|message| !message.is_empty()), "{line}");
        }
        let refused = error(Kind::Refused, "held", Some("clear it"));
        let line = ended(Exit::Failed, Some(refused), &["refused"], &[]);
        assert_eq!(line["error"]["hint"], "clear it");
        assert_eq!(line["warnings"], json!(["refused"]));
    }
}
