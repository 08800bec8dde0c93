//! Checks the rules of the crate: which module may use which, which words are confined to which
//! files, and what every file must have. A failure names the file, the line and the reason for the
//! rule.

mod cycles;
mod module_names;
mod needs_servers;
mod rules;
mod source;
mod wording;

use std::path::Path;

use rules::{ABSENT, CONFINED, LINES, MANY_LINES, MODULES, ModuleRule};
use source::Source;

/// The rule with the longest matching prefix.
fn rule_of(module: &[String]) -> Option<&'static ModuleRule> {
    MODULES
        .iter()
        .filter(|module_rule| begins_with(module, module_rule.prefix))
        .max_by_key(|module_rule| module_rule.prefix.len())
}

fn begins_with(path: &[String], prefix: &str) -> bool {
    let mut own = path.iter();
    prefix
        .split("::")
        .all(|part| own.next().is_some_and(|p| p == part))
}

/// Names that a module's `mod.rs` re-exports belong to the module, so `release::Plan` counts as
/// `release`.
fn broken_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    if module.is_empty() {
        return Vec::new();
    }
    let Some(module_rule) = rule_of(&module) else {
        return vec![format!(
            "{}: no rule says which modules this one may use",
            source.path
        )];
    };
    // The module list of a `mod.rs` names its own children.
    let is_index = source.path.ends_with("/mod.rs");
    source
        .named()
        .into_iter()
        .filter(|named| {
            let is_inside = begins_with(&named.path, module_rule.prefix);
            let is_listed = is_index && begins_with(&named.path, &module.join("::"));
            let is_allowed = module_rule
                .may
                .iter()
                .any(|may| begins_with(&named.path, may));
            // An inner module has a rule of its own, so the outer module must not use its rule.
            !(is_inside || is_listed || is_allowed)
        })
        .map(|named| {
            format!(
                "{}:{}: `{}` must not know `{}`: {}",
                source.path,
                named.line,
                module_rule.prefix,
                named.path.join("::"),
                module_rule.because
            )
        })
        .collect()
}

fn broken_confinements(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, line) in source.code.iter().enumerate() {
        let words: Vec<&str> = roots(line).collect();
        for rule in CONFINED.iter().filter(|rule| words.contains(&rule.word)) {
            if !rule.to.iter().any(|to| source.path.starts_with(to)) {
                violations.push(format!(
                    "{}:{}: `{}` belongs into {}: {}",
                    source.path,
                    number + 1,
                    rule.word,
                    rule.to.join(", "),
                    rule.because
                ));
            }
        }
    }
    violations
}

/// Words used as a crate or a macro: followed by `::` or `!`, or directly after `use`.
fn roots(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.split_inclusive(move |c| !is_part(c))
        .filter_map(move |piece| {
            let word = piece.trim_end_matches(|c| !is_part(c));
            let at = piece.as_ptr().addr() - line.as_ptr().addr();
            let (before, after) = (&line[..at], &line[at + word.len()..]);
            // A method or a module of ours may have the same name as a crate.
            let is_root = !before.ends_with(['.', ':']);
            let is_named = after.starts_with("::")
                || after.starts_with("!(")
                || before.trim_end().ends_with("use");
            (!word.is_empty() && is_root && is_named).then_some(word)
        })
}

fn broken_absences(source: &Source) -> Vec<String> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|p| source.path.starts_with(p));
    let mut violations = Vec::new();
    for rule in ABSENT {
        if !starts(rule.from) || starts(rule.but) {
            continue;
        }
        for (number, line) in source.code.iter().enumerate() {
            for text in rule.texts.iter().filter(|text| line.contains(**text)) {
                violations.push(format!(
                    "{}:{}: `{text}` must be absent here: {}",
                    source.path,
                    number + 1,
                    rule.because
                ));
            }
        }
    }
    violations
}

fn broken_form(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    let first = source.text.lines().next().unwrap_or_default();
    // A test file needs no paragraph of its own: the tested file has one.
    if !source.path.ends_with("tests.rs") && !first.starts_with("//! ") {
        violations.push(format!(
            "{}:1: a module opens with a paragraph that says what it is and what it must not know",
            source.path
        ));
    }
    let lines = source.text.lines().count();
    if lines > LINES && source.path.starts_with("src/") {
        violations.push(format!(
            "{}: {lines} lines: split it by what it does",
            source.path
        ));
    }
    violations
}

/// Applies every rule to one file.
fn violations(source: &Source) -> Vec<String> {
    let mut violations = broken_imports(source);
    violations.extend(broken_confinements(source));
    violations.extend(broken_absences(source));
    violations.extend(broken_form(source));
    violations
}

#[test]
fn every_module_uses_only_what_it_may() {
    let sources = source::all("src");
    assert!(
        sources.len() > 100,
        "too few source files were found: {} files",
        sources.len()
    );
    let found: Vec<String> = sources.iter().flat_map(violations).collect();
    for source in &sources {
        let lines = source.text.lines().count();
        if lines > MANY_LINES {
            println!("{}: {lines} lines are many", source.path);
        }
    }
    assert!(
        found.is_empty(),
        "{} broken rules:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn every_test_file_starts_with_a_description() {
    let found: Vec<String> = source::all("tests").iter().flat_map(broken_form).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_rule_names_an_existing_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for prefix in MODULES
        .iter()
        .flat_map(|module_rule| module_rule.may.iter().copied().chain([module_rule.prefix]))
    {
        let path = root.join("src").join(prefix.replace("::", "/"));
        let is_there = path.is_dir() || path.with_extension("rs").is_file();
        assert!(is_there, "there is no {prefix}");
    }
    let confined = CONFINED.iter().flat_map(|rule| rule.to.iter());
    let absent = ABSENT
        .iter()
        .flat_map(|rule| rule.from.iter().chain(rule.but));
    for path in confined.chain(absent) {
        let path = root.join(path);
        assert!(
            path.exists() || path.with_extension("rs").is_file(),
            "there is no {}",
            path.display()
        );
    }
}

#[test]
fn no_file_names_a_private_directory() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for below in ["src", "tests", "fixtures", "themes"] {
        let below = root.join(below);
        if below.is_dir() {
            source::collect(&below, &mut files);
        }
    }
    files
        .extend(["README.md", "Cargo.toml", "Cargo.lock", "deny.toml"].map(|name| root.join(name)));
    let homes = [
        root.display().to_string(),
        ["/ro", "ot/"].concat(),
        ["/ho", "me/"].concat(),
        ["/Us", "ers/"].concat(),
        ["/wo", "rk/"].concat(),
    ];
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        // Skip files that are not text.
        let Ok(text) = std::fs::read_to_string(file) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if homes.iter().any(|home| names_directory(line, home)) {
                found.push(format!("{}:{}: {line}", below(root, file), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whether a path starts with that directory. A match further inside does not count.
fn names_directory(line: &str, directory: &str) -> bool {
    line.match_indices(directory)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}".contains(c)))
}

fn below(root: &Path, file: &Path) -> String {
    file.strip_prefix(root)
        .unwrap_or(file)
        .display()
        .to_string()
}

/// The violations in a file of this path and text, without the one about the missing paragraph.
fn violations_of(path: &str, text: &str) -> String {
    violations(&Source::new(path, &format!("//! A file.\n{text}"))).join("\n")
}

#[test]
fn a_module_that_uses_too_much_is_caught() {
    let direct = violations_of("src/console/run.rs", "use crate::adapters::docker::Docker;");
    assert!(
        direct.starts_with(
            "src/console/run.rs:2: `console` must not know `adapters::docker::Docker`"
        ),
        "{direct}"
    );
    let grouped = violations_of(
        "src/adapters/etcd/read.rs",
        "use crate::{\n    ports::Result,\n    settings::Settings,\n};",
    );
    assert!(
        grouped.starts_with(
            "src/adapters/etcd/read.rs:4: `adapters::etcd` must not know `settings::Settings`"
        ),
        "{grouped}"
    );
    let inline = violations_of("src/inventory/slot.rs", "fn f(_: crate::release::Plan) {}");
    assert!(
        inline.contains("`inventory` must not know `release::Plan`"),
        "{inline}"
    );
    let upwards = violations_of(
        "src/adapters/etcd/read.rs",
        "use super::super::docker::Docker;",
    );
    assert!(
        upwards.contains("must not know `adapters::docker::Docker`"),
        "{upwards}"
    );
    let nested = violations_of(
        "src/release/plan.rs",
        "use crate::{inventory::{Slot, Target}, ports::{Clock}};",
    );
    assert!(
        nested.contains("`release` must not know `ports::Clock`"),
        "{nested}"
    );
    assert!(!nested.contains("inventory"), "{nested}");
}

#[test]
fn a_view_that_uses_update_is_caught() {
    let view = violations_of(
        "src/console/view/slots.rs",
        "use crate::console::update::update;",
    );
    assert!(
        view.contains("a view draws a model and decides nothing"),
        "{view}"
    );
    let model = violations_of("src/console/model/log.rs", "use super::super::view::draw;");
    assert!(
        model.contains("must not know `console::view::draw`"),
        "{model}"
    );
    assert_eq!(
        violations_of("src/console/model/log.rs", "use super::Model;"),
        ""
    );
}

#[test]
fn only_the_command_line_uses_wire() {
    for path in [
        "src/console/run.rs",
        "src/watchers/mod.rs",
        "src/settings/load.rs",
        "src/sandbox/seed.rs",
    ] {
        assert!(
            violations_of(path, "use crate::wire::App;").contains("must not know `wire::App`"),
            "{path}"
        );
    }
    assert_eq!(
        violations_of("src/cli/open.rs", "use crate::wire::App;"),
        ""
    );
    assert!(
        violations_of("src/cli/open.rs", "use crate::adapters::etcd;")
            .contains("gets what wire built")
    );
}

#[test]
fn only_the_two_proxies_may_use_the_live_pointer() {
    let line = "use crate::adapters::live_pointer::LivePointer;";
    assert_eq!(violations_of("src/adapters/nginx/writer.rs", line), "");
    assert_eq!(
        violations_of("src/adapters/embedded_proxy/serve.rs", line),
        ""
    );
    assert!(violations_of("src/adapters/docker/write.rs", line).contains("must not know"));
}

#[test]
fn a_client_library_outside_its_adapter_is_caught() {
    let found = violations_of("src/wire/runtime.rs", "fn f(_: bollard::Docker) {}");
    assert!(
        found.starts_with("src/wire/runtime.rs:2: `bollard` belongs into src/adapters/docker/"),
        "{found}"
    );
    assert!(
        violations_of("src/release/plan.rs", "use ratatui;").contains("only the console draws")
    );
    assert!(
        violations_of("src/watchers/mod.rs", "fn f() { println!(\"hello\"); }")
            .contains("only the command line prints")
    );
    // A method or a local variable of the same name is allowed.
    assert_eq!(
        violations_of(
            "src/wire/runtime.rs",
            "fn f(a: A) { a.print(); let bollard = 1; }"
        ),
        ""
    );
}

#[test]
fn clocks_and_waiting_in_pure_modules_are_caught() {
    assert!(
        violations_of("src/release/ladder/stop.rs", "let now = Timestamp::now();")
            .contains("gets the time")
    );
    assert!(
        violations_of(
            "src/console/view/header.rs",
            "let now = std::time::Instant::now();"
        )
        .contains("gets the time")
    );
    assert!(
        violations_of("src/release/machine/flow.rs", "pub async fn f() {}")
            .contains("waits for nothing")
    );
    assert!(
        violations_of("src/console/update/keys.rs", "tokio::spawn(f);")
            .contains("waits for nothing")
    );
    assert_eq!(
        violations_of(
            "src/release/driver/mod.rs",
            "tokio::spawn(f); let at = Instant::now();"
        ),
        ""
    );
}

#[test]
fn an_unwrap_is_caught_only_outside_tests_strings_and_comments() {
    let code = "fn f() {\n    g().unwrap();\n}";
    assert_eq!(violations_of("src/logs/ring.rs", code).lines().count(), 1);
    assert!(violations_of("src/logs/ring.rs", code).starts_with("src/logs/ring.rs:3: `.unwrap()`"));
    let innocent = [
        "// g().unwrap()",
        "/// g().unwrap()",
        "const A: &str = \"g().unwrap()\";",
        "const B: &str = r#\"say \".unwrap()\" here\"#;",
        "const C: char = '\"'; const D: char = '\\''; fn f<'a>() { h(\".unwrap()\") }",
        "#[cfg(test)]\nmod tests {\n    fn t() {\n        g().unwrap();\n    }\n}",
    ];
    for text in innocent {
        assert_eq!(violations_of("src/logs/ring.rs", text), "", "{text}");
    }
    let behind = format!("{}\nfn f() {{ g().unwrap(); }}", innocent[5]);
    assert!(
        violations_of("src/logs/ring.rs", &behind).starts_with("src/logs/ring.rs:8:"),
        "{behind}"
    );
}

#[test]
fn a_file_without_a_description_or_too_long_is_caught() {
    let mute = Source::new("src/logs/ring.rs", "use std::fmt;");
    assert!(
        violations(&mute)
            .join("")
            .contains("opens with a paragraph")
    );
    let endless = violations_of("src/logs/ring.rs", &"\n".repeat(LINES));
    assert!(endless.contains("split it"), "{endless}");
}

#[test]
fn a_module_without_a_rule_is_caught() {
    assert!(violations_of("src/novelty/mod.rs", "").contains("no rule says"));
}

#[test]
fn a_home_directory_is_distinguished_from_a_similar_name() {
    let home = ["/ho", "me/"].concat();
    assert!(names_directory(&format!("see {home}ana/greenroom"), &home));
    assert!(names_directory(&format!("\"{home}ana\""), &home));
    assert!(!names_directory(
        &format!("$GONE{home}page"),
        &["/x", "y/"].concat()
    ));
    assert!(!names_directory(&format!("web.example{home}"), &home));
}
