//! In the console, the release and each adapter, no file uses itself through other files. Such files can only be
//! understood together. A `mod.rs` may name the files of its own folder, because it is the index of the folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{self, Source};

/// Uses that close a cycle, until they are mended: the file that uses, the used file, and the reason for the use.
const NOT_MENDED: &[(&str, &str, &str)] = &[
    (
        "release::rules",
        "release::definition",
        "a rule reads its value from a definition, and a definition contains the rules",
    ),
    (
        "release::rules",
        "release::timing",
        "the list of the rules includes the times, and a time is a rule",
    ),
];

/// The files by module, each with the modules that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The module whose file defines what a path names. A name that a `mod.rs` re-exports is defined in another file.
fn defining(files: &BTreeMap<String, &Source>, path: &[String]) -> Option<String> {
    let is_module = |depth: &usize| files.contains_key(&path[..*depth].join("::"));
    let depth = (1..=path.len()).rev().find(is_module)?;
    let module = path[..depth].join("::");
    let name = path.get(depth);
    let reexports = files[&module].reexports();
    let reexport = reexports.into_iter().find(|(shown, _)| Some(shown) == name);
    match reexport {
        Some((_, below)) if below.len() > 1 => {
            let path: Vec<String> = path[..depth].iter().cloned().chain(below).collect();
            defining(files, &path)
        }
        _ => Some(module),
    }
}

/// Which files below a module use which.
fn uses(sources: &[Source], top: &str) -> Uses {
    let files = sources.iter().map(|file| (file.module().join("::"), file));
    let files: BTreeMap<String, &Source> = files
        .filter(|(_, file)| !file.path.ends_with("tests.rs"))
        .collect();
    let is_below = |module: &str, top: &str| module.starts_with(&format!("{top}::"));
    let checked = files
        .iter()
        .filter(|(module, _)| *module == top || is_below(module, top));
    checked
        .map(|(module, file)| {
            let named = file.named();
            let used = named
                .iter()
                .filter_map(|named| defining(&files, &named.path));
            let used = used.filter(|used| {
                let is_checked = used == top || is_below(used, top);
                is_checked && used != module && !is_below(used, module)
            });
            (module.clone(), used.collect())
        })
        .collect()
}

/// The shortest way from a file back to itself.
fn cycle(uses: &Uses, start: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![start.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for used in way.last().and_then(|last| uses.get(last))? {
            if used == start {
                return Some(way);
            }
            if seen.insert(used.clone()) {
                ways.push_back(way.iter().cloned().chain([used.clone()]).collect());
            }
        }
    }
    None
}

/// The shortest cycle of each file that is in a cycle, each cycle once.
fn cycles(uses: &Uses) -> BTreeSet<Vec<String>> {
    let found = uses.keys().filter_map(|start| cycle(uses, start));
    found
        .map(|mut cycle| {
            let first = (0..cycle.len()).min_by_key(|at| cycle[*at].clone());
            cycle.rotate_left(first.unwrap_or(0));
            cycle
        })
        .collect()
}

/// The console, the release, and each adapter.
fn tops(sources: &[Source]) -> BTreeSet<String> {
    let adapters = sources.iter().filter_map(|file| {
        let module = file.module();
        (module.len() > 1 && module[0] == "adapters").then(|| module[..2].join("::"))
    });
    adapters
        .chain(["console", "release"].map(str::to_owned))
        .collect()
}

#[test]
fn no_file_uses_itself_through_other_files() {
    let sources = source::all("src");
    let mut left: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut found = BTreeSet::new();
    for top in tops(&sources) {
        let mut uses = uses(&sources, &top);
        for (from, to, _) in NOT_MENDED {
            if uses.get_mut(*from).is_some_and(|used| used.remove(*to)) {
                left.insert((from, to));
            }
        }
        found.extend(cycles(&uses));
    }
    let found: Vec<String> = found.iter().map(|cycle| cycle.join(" uses ")).collect();
    assert!(found.is_empty(), "cycles:\n{}", found.join("\n"));
    let gone: Vec<_> = NOT_MENDED
        .iter()
        .filter(|(from, to, _)| !left.contains(&(from, to)))
        .collect();
    assert!(gone.is_empty(), "mended, so not to be listed: {gone:?}");
}

#[test]
fn a_cycle_is_found_through_a_reexport_and_not_through_an_index() {
    let sources = [
        Source::new(
            "src/console/mod.rs",
            "mod a;\npub use a::{One, Two as Three};\nuse crate::console::a::f;",
        ),
        Source::new("src/console/a.rs", "use super::b::{self, g};"),
        Source::new("src/console/b.rs", "use super::c;"),
        Source::new("src/console/c.rs", "fn f(_: crate::console::Three) {}"),
    ];
    let found = cycles(&uses(&sources, "console"));
    let cycle = ["console::a", "console::b", "console::c"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from([cycle.to_vec()]));
}
