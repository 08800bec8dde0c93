//! Greenroom, a release console for the terminal. This page is the map of the crate: what the modules
//! are, how things go through them, and who may know whom. What a release *is* stands in [`release`].
//!
//! # The modules
//!
//! | module | what it is | what it must not know |
//! |---|---|---|
//! | [`inventory`] | what is running where: services, targets, slots, versions, routes, snapshots. Pure nouns | anything that waits, any library that talks |
//! | [`checks`] | what is asked of a candidate, and what the answers mean | who sends the requests |
//! | [`history`] | the records that a release leaves behind, what ties them together, and what is looked for among them | what runs now: that comes from looking |
//! | [`sanitize`] | foreign bytes made safe to show | everything |
//! | [`ports`] | what is needed from the world, as traits; reading and writing apart; [`ports::Failure`] | who fulfils them, who uses them |
//! | [`port_check`] | whether an address is free to be listened on, and which ports may be taken at any moment | everything |
//! | `output` | standard output and error that wait for a slow reader | everything |
//! | `private_files` | files that only this user may read | everything |
//! | [`release`] | the procedure. A pure core (plan, machine, guard, judge, approval) and a shell that waits (`engine`, `driver`, `gather`, `handle`, `version_catalog`, `rollback_candidates`) | adapters, faces; the core: also ports, tokio and the clock |
//! | [`logs`] | lines in a ring, looked at through a viewport; `tail` follows an instance | how lines are drawn |
//! | [`watchers`] | subscribes to the world and puts snapshots together; keeps what was released in the archive | adapters, faces |
//! | [`adapters`] | one folder an outside system, each with its client library to itself | each other, settings, release, faces |
//! | [`settings`] | one TOML file and its layers, read into nouns, or everything that is wrong with it | servers, faces |
//! | [`console`] | the terminal's face: `event`, `update`, `effect`, `perform`, and `model`, `view`, `theme` | adapters, ports, settings; it asks its [`console::Backend`] |
//! | [`cli`] | the command line's face, one file a verb; the only module that prints | adapters |
//! | [`sandbox`] | a small real world to try things on, and the sample application in it | adapters, faces |
//! | [`wire`] | builds adapters from settings and the engine from adapters | it is known to `cli` alone |
//! | `diagnostics` | the log file, and where panics go | everything |
//!
//! # How things flow
//!
//! ```text
//!   outside      docker · etcd · nginx · image registry · HTTP · files
//!                   ▲ writes          │ events, answers, lines
//!   adapters     ───┼─────────────────┼──────────────────────────────────────
//!   ports        write ports       read ports
//!                   ▲                 │
//!   release         │                 ├──► watchers ── Snapshot ──┐
//!     driver ───────┴── looks ────────┤                           │
//!       ▲  │ Event                    └──► logs::follow ─ lines ──┤
//!       │  ▼                                                      ▼
//!     machine  (pure)  ── Status, Announcement ──────────► console::event::Event
//!       ▲  Effect: write down, act, look, wait, tell              │
//!       │                                                         ▼
//!       │                                   update(model, event) ─► effects
//!       │                                         │ something changed?
//!     handle ◄── Command ── perform ◄── effects ──┤
//!                                                 └──► view(model, theme) ─► terminal
//! ```
//!
//! - Nothing that decides about a release is in a face. Console and command line hold the same
//!   [`release::Engine`] and [`release::Handle`], and so do the same.
//! - The machine is a function from an event to effects. The time is in the event; so are failures.
//! - A change of the world needs a [`release::Approved`], which only `release::approval` can make. Where
//!   looking is all that is allowed, the write adapters are not built at all.
//! - The console's state belongs to one loop. It waits for an event, takes what else is there,
//!   updates, and draws once if something changed. Whatever has to be waited for is a task of `perform`.
//! - What is shown as running has been observed. A source that fell silent is shown as stale, with
//!   what it said last.
//!
//! # The way of a key
//!
//! To find out what a key does, follow it through one file in each of four modules:
//!
//! 1. `console/input.rs` reads it into an [`console::event::Event`]; `console/action.rs` has the one
//!    table of keys, which the footer and the help are made from.
//! 2. `console/update/` changes the model and answers with [`console::effect::Effect`]s. A key that
//!    changes the world opens a question here; the answer to it makes the approval.
//! 3. `console/perform.rs` hands the effect to the [`release::Handle`]; `release/driver/` feeds the
//!    machine, `release/machine/` decides, `release/driver/perform.rs` calls a port.
//! 4. `adapters/` does it: for the switch through nginx, `adapters/nginx/writer.rs` and
//!    `adapters/live_pointer/`.
//!
//! # Who may know whom
//!
//! | module | may name |
//! |---|---|
//! | `sanitize`, `port_check`, `output`, `private_files` | nothing of the crate |
//! | `diagnostics` | `private_files` |
//! | `inventory` | `sanitize` |
//! | `checks` | `inventory`, `sanitize` |
//! | `history` | `inventory`, `checks`, `sanitize` |
//! | `ports` | the nouns (`inventory`, `checks`, `history`), `sanitize` |
//! | `logs` | `ports`, `inventory`, `sanitize` |
//! | `release`, its core | the nouns, `sanitize` |
//! | `release`: `driver`, `engine`, `gather`, `handle`, `version_catalog`, `rollback_candidates` | also `ports` |
//! | `watchers` | `release`, `ports`, the nouns, `sanitize` |
//! | `adapters::x` | `ports`, the nouns, `sanitize`, its own client library; the two proxies also `adapters::live_pointer`, `adapters::oci_registry` and `adapters::webhook` also `adapters::outbound_proxy`, `adapters::archive`, `adapters::sqlite` and `adapters::process` `private_files`, and `adapters::process` `port_check` |
//! | `settings` | `release` (a target is configured as its `Definition`), the names of the console's actions, keys and themes, the nouns, `sanitize`, `port_check` (the ports that are not to be configured) |
//! | `console` | `release`, `logs`, the nouns, `sanitize`, `output` |
//! | `console::view` | of the console: `model`, `theme`, `layout` and the table of keys |
//! | `sandbox` | `release`, `ports`, the nouns, `sanitize`, `port_check`, `private_files`; its sample application only `inventory` and `sanitize` |
//! | `wire` | all but `cli`; of the sandbox, its list of versions |
//! | `cli` | all but `adapters` |
//!
//! `tests/it/architecture/rules.rs` has the same as tables, and where client libraries, printing and
//! clocks may be; a broken rule fails the tests with file, line and reason.
//!
//! # Tests
//!
//! | what | where |
//! |---|---|
//! | pure rules, in tables and properties | `mod tests` at the end of a file; `tests/it/planning.rs` |
//! | the ten interlocks over random worlds, crashes and outages | `tests/it/interlocks/` |
//! | each adapter on its real server | `tests/it/docker/`, `etcd/`, `nginx/`, `oci_registry.rs`, `registry_access.rs`, `sqlite.rs`, `archive/`, `http.rs`, `process.rs`, `embedded_proxy.rs` |
//! | whole releases on real servers with a load running, outages among them | `tests/it/release/` |
//! | the console: questions, screens, its true loop, and the binary in a pseudo-terminal | `tests/it/console/` |
//! | the sandbox, the real binary | `tests/it/sandbox.rs` |
//! | every file of `fixtures/settings` with its message | `tests/it/settings.rs` |
//! | the rules of the crate; the README and the topics of `greenroom help` | `tests/it/architecture/`, `tests/it/readme/` |
//!
//! `tests/run` starts the servers and runs everything.

pub mod adapters;
pub mod checks;
pub mod cli;
pub mod console;
mod diagnostics;
pub mod history;
pub mod inventory;
pub mod logs;
mod output;
pub mod port_check;
pub mod ports;
mod private_files;
pub mod release;
pub mod sandbox;
pub mod sanitize;
pub mod settings;
pub mod watchers;
pub mod wire;
