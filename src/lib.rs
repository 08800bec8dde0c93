//! Greenroom, a release console for the terminal.

pub mod adapters;
pub mod checks;
pub mod cli;
pub mod console;
mod diagnostics;
pub mod harmless;
pub mod history;
pub mod inventory;
pub mod logs;
pub mod ports;
pub mod release;
pub mod sandbox;
pub mod settings;
pub mod watchers;
pub mod wire;
