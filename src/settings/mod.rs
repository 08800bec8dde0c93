//! The configuration: one TOML file and the layers above it. Reads a path, environment variables and flags. Returns
//! plain data, with every default filled in and the origin of every value, or all errors together. This module must not
//! know the adapters, the console or any server: `wire` builds those from the settings.
//!
//! # Layers
//!
//! The layers are built-in values, file, variables, flags. A later layer overrides an earlier layer.
//!
//! - The file is the named file, otherwise the file that `GREENROOM_CONFIG` names, otherwise `./greenroom.toml`,
//!   otherwise `greenroom.toml` in the user's configuration directory. Relative paths in the file start at the directory
//!   of the file. If the file is reached through a symbolic link, they start at the directory of the real file.
//! - A variable sets one value. Its name is `GREENROOM__` and the key, in any case, with two underscores for every dot
//!   and `_` where a name has `-`. So `GREENROOM__SERVICES__WEB_SHOP__ENVIRONMENTS__QA__TIMING__WATCH=2m` sets
//!   `services.web-shop.environments.qa.timing.watch`. Texts are written without quotes; lists as in the file.
//! - A flag names a key as in the file. Its value is written like the value of a variable.
//! - Variables and flags may tighten a rule but not loosen it (`loosened`), except in the sandbox. In a protected
//!   environment they cannot set the keys that decide where a release goes, what it runs or what a version must pass
//!   (`file_only`).
//!
//! # How a file is read
//!
//! `tree` turns text into values that know their line. `layers` applies variables and flags. `shared` copies the
//! servers of the defaults into environments. `read` compares the tree with the schema derived from `model`. `prune`
//! removes wrong values, so that `check` can still search for values that do not work together. Then `load` resolves
//! the relative paths, and `build` makes the data of `config`: mostly the sections themselves, which are the types that
//! engine and adapters take. A timing comes from the first table that has it: target, service, environment, defaults.
//! If no table has it, the built-in timing applies.

mod build;
mod check;
mod compare;
mod config;
mod file_only;
mod files;
mod formats;
mod layers;
mod load;
mod loosened;
mod model;
mod origin;
mod paths;
mod problem;
mod prune;
mod read;
mod registries;
mod schema;
mod shared;
mod show;
mod starter;
mod themes;
mod timing;
mod tree;
mod trust;

pub use compare::{Differences, SettingChange, compare};
pub use config::{
    AgentSettings, EnvironmentSettings, HistorySettings, ProxyConfig, RuntimeConfig, Settings,
    StoreConfig, TargetSettings,
};
pub use files::Unreadable;
pub use load::{DockerOptions, Loaded, Request};
pub use model::{
    AsciiSetting, BellSetting, ConsoleSettings, NoticeKind, NoticeSettings, OperatorSettings,
};
pub use origin::Origin;
pub use paths::{FILE_NAME, FILE_VARIABLE, NO_HOME, program, state_directory, user_file};
pub use problem::{Problem, Problems, nearest};
pub use schema::schema;
pub use show::EffectiveValue;
pub use starter::starter;
pub use themes::{ThemeFile, own_themes};

/// Every value in effect, one per line, with its origin. A secret is shown only by its source, and a value that looks
/// like a secret is hidden.
pub fn show(loaded: &Loaded) -> String {
    show::text(&loaded.provenance)
}
