//! Whatever others write: configuration, keys in a store, journals, output of instances, answers of
//! registries. Bounded runs over all of it with the same three questions: does it ever end in a
//! panic, is it ever taken for something that it is not, and does any of it reach a terminal as more
//! than words?

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

/// A run of so many cases. Nothing is written beside the tests: what fails is printed whole.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    })
}

/// Whether a terminal may be given a text as it is. Said here once more, and not asked of the crate.
fn is_sanitized(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    })
}

/// A runtime for a run whose cases wait for something.
fn waiting() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
