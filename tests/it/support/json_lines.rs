//! The lines that `--json` prints, each checked against the schema that the program prints itself.

use std::process::Output;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// The schema, as `greenroom help json --schema` prints it.
pub(crate) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(["help", "json", "--schema"])
        .output()
        .expect("greenroom");
    serde_json::from_slice(&printed.stdout).expect("JSON")
});

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).expect("a schema"));

/// Names whose values are texts, even if they have digits only.
const TEXTS: &[&str] = &[
    "tag",
    "name",
    "value",
    "text",
    "reason",
    "says",
    "why",
    "message",
    "revision",
    "version",
    "note",
    "schema",
    "json",
    "environment",
    "labels",
];

/// All lines. Each must fit the schema, and only the last is an end.
pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert_fits(line);
    }
    let ends: Vec<&Value> = lines.iter().filter(|line| line["event"] == "end").collect();
    assert_eq!(ends.len(), 1, "{text}");
    assert_eq!(lines.last(), Some(ends[0]), "{text}");
    let code = output.status.code();
    assert_eq!(ends[0]["exit"].as_i64(), code.map(i64::from), "{text}");
    lines
}

pub(crate) fn json_end(output: &Output) -> Value {
    json_lines(output).pop().expect("a last line")
}

/// The data of the last line.
pub(crate) fn json_data(output: &Output) -> Value {
    json_end(output)["data"].take()
}

/// The elements of a list in the data of the last line.
pub(crate) fn json_list(output: &Output, name: &str) -> Vec<Value> {
    let data = json_data(output);
    let list = data[name].as_array();
    list.unwrap_or_else(|| panic!("no {name}: {data}")).clone()
}

/// Asserts that a line fits the schema, and that its values are plain.
pub(crate) fn assert_fits(line: &Value) {
    let wrong: Vec<String> = VALIDATOR
        .iter_errors(line)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}\nin {line}");
    assert_plain("", line);
}

/// Asserts that numbers are numbers, and durations are milliseconds, at any depth.
fn assert_plain(name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            assert!(!fields.contains_key("nanos"), "{name}: {value}");
            for (name, value) in fields {
                assert!(!name.ends_with("_seconds"), "{name}: {value}");
                if !TEXTS.contains(&name.as_str()) {
                    assert_plain(name, value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_plain(name, item)),
        Value::String(text) => assert!(!is_amount(text), "{name} is a number in words: {text}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text is only a number or a duration.
fn is_amount(text: &str) -> bool {
    // A hash may have digits alone, or digits and one `e`.
    if text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
    let unit = &text[digits.len()..];
    let is_number = !digits.is_empty() && digits.parse::<f64>().is_ok();
    is_number && ["", "ns", "us", "µs", "ms", "s", "m", "h", "d"].contains(&unit)
}
