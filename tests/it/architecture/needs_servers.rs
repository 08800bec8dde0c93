//! Every entry of the list that `tests/run --fast` skips names an existing module or test.

use std::path::Path;

use super::source::{self, Source};

const LIST: &str = include_str!("../../lib/needs_servers");

/// Whether the sources have this module (a name that ends with `::`) or this test.
fn exists(sources: &[Source], name: &str) -> bool {
    let (module, test) = name.rsplit_once("::").expect("a module and a test");
    let module = module.strip_suffix("::tests").unwrap_or(module);
    let at = module.replace("::", "/");
    let test = format!("fn {test}(");
    let mut files = sources.iter().filter(|source| {
        let path = Path::new(&source.path);
        let path = path.components().skip(1).collect::<std::path::PathBuf>();
        let path = path.strip_prefix("it").unwrap_or(&path);
        path == Path::new(&format!("{at}.rs")) || path.starts_with(&at)
    });
    if name.ends_with("::") {
        files.next().is_some()
    } else {
        files.any(|source| source.text.contains(&test))
    }
}

#[test]
fn every_skipped_test_exists_and_has_a_reason() {
    let program = source::all("tests");
    let library = source::all("src");
    let lines: Vec<_> = LIST.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() > 10, "{LIST}");
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (target, name, why) = (words.next(), words.next(), words.next());
        let sources = match target {
            Some("it") => &program,
            Some("lib") => &library,
            _ => panic!("`it` or `lib`, what, and why: {line}"),
        };
        let name = name.unwrap_or_default();
        assert!(exists(sources, name), "not found: {line}");
        assert!(why.is_some_and(|why| !why.is_empty()), "no reason: {line}");
    }
    assert!(!exists(&program, "nothing::"));
    assert!(!exists(&library, "settings::trust::tests::nothing"));
}
