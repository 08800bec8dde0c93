//! Every test module has a unique name, so that `tests/run NAME` runs only the intended tests.

use std::collections::BTreeMap;
use std::path::Path;

use super::source;

/// The last part of a module's name: `repair` for `tests/it/repair.rs` and for
/// `tests/it/repair/mod.rs`.
fn name(path: &str) -> String {
    let path = Path::new(path);
    let is_directory = path.file_name().is_some_and(|name| name == "mod.rs");
    let named = if is_directory {
        path.parent().and_then(Path::file_name)
    } else {
        path.file_stem()
    };
    named.expect("a name").to_string_lossy().into_owned()
}

#[test]
fn test_module_names_are_unique() {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in source::all("tests/it") {
        // Modules in a subdirectory count too.
        let has_tests = source.text.contains("\n#[test]\n")
            || source.text.contains("\n#[tokio::test")
            || source.text.contains("    #[test]\n");
        if has_tests || source.path.ends_with("mod.rs") {
            paths
                .entry(name(&source.path))
                .or_default()
                .push(source.path);
        }
    }
    assert!(paths.len() > 50, "{paths:?}");
    paths.retain(|_, paths| paths.len() > 1);
    assert!(paths.is_empty(), "rename all but one: {paths:#?}");
}
