//! The console, over a hand-made world with a clock that stands: its screens, its answers to keys,
//! and the true loop over a test's backend.

mod anything;
mod approving;
mod at_rest;
mod checks;
mod choosing;
mod colours;
mod decisive;
mod diagnostics;
mod dialogs;
mod elsewhere;
mod elsewhere_real;
mod given_back;
mod history;
mod holding;
pub(crate) mod hostile;
mod keys;
mod ladder;
mod link;
mod log_story;
mod logs;
mod looping;
mod matrix;
mod mouse;
mod palette;
mod picker;
mod questions;
mod registrations;
mod releases;
mod repair;
mod screens;
mod slots;
mod terminal;
mod themes;
mod together;
mod waiting;
pub(crate) mod world;
