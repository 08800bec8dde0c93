//! Whatever others write: configuration, keys in a store, journals, output of instances, answers of
//! registries. Bounded random runs ask three questions. Does any of it cause a panic? Is any of it
//! taken for something else? Does any of it reach a terminal as more than text?

mod etcd_values;
mod journals;
mod lines;
mod recorded;
mod registry_answers;
mod screen;
mod settings_files;
mod sqlite_files;
mod stores;
mod values;

use proptest::test_runner::{Config, TestRunner};

/// A run with this many cases. It writes no regression files: a failure prints its whole input.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    })
}

/// Whether a terminal may get this text unchanged. A separate definition, so that the tests do not
/// depend on the crate's own.
fn is_sanitized(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    })
}

/// A runtime for cases that wait.
fn waiting() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
