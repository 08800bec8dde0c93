//! The console, over a hand-made world with a clock that stands: its screens, its answers to keys,
//! and the true loop over a test's backend.

mod anything;
mod looping;
mod questions;
mod releases;
mod screens;
mod terminal;
mod world;
