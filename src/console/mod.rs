//! The terminal console. One loop (`run`) owns one [`model::Model`]. Keys, observations, log lines
//! and answers arrive as [`event::Event`]s. `update` changes the model and returns [`effect::Effect`]s, `perform`
//! carries the effects out in separate tasks, and `view` draws the model. Each dialog is one file below `dialogs`. The
//! console uses the types of the inventory, of releases and of logs, but no adapters and no settings. It calls
//! [`backend::Backend`] for everything else.

pub mod action;
pub mod backend;
mod chord;
pub mod dialogs;
pub mod effect;
pub mod event;
mod grid;
pub mod input;
pub mod keymap;
mod layout;
pub mod model;
mod pace;
mod perform;
pub mod run;
mod sheet;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;

pub use backend::Backend;
pub use effect::ExitReason;
pub use keymap::Keymap;
pub use model::{Mode, Model};
pub use pace::Pace;
pub use run::run;
pub use terminal::Terminal;
pub use theme::{Charset, Depth, Theme, ThemeSet};
