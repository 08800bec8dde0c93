//! Greenroom, a release console for the terminal. This page is the map of the crate: its words, its modules,
//! how data flows through them, and which module may use which. The release protocol is in [`release`].
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | target | one service in one environment; what is locked, planned and switched |
//! | slot | one of the two places of a target, `blue` and `green`, each with a fixed address |
//! | instance | a container or process that runs in a slot |
//! | version | an image by its digest, or a build of the sandbox; a tag is only a remark |
//! | live | the slot that has the traffic |
//! | candidate | the new version in the other slot, until the switch |
//! | standby | the version that was live before, kept warm after the switch |
//! | registration | the entry in the store that says which version has which address in a slot |
//! | route | the entry in the store that says which slot is live, with a *generation* that only grows |
//! | pointer | the file or link that the proxy reads at every request: the route as the proxy applies it |
//! | drift | a difference between runtime, store, proxy and public address; a *repair* removes it |
//! | release | one attempt to make one version live; a promote or a rollback |
//! | plan, step | what a release will do, in order: pull, install, start, verify, register, switch, watch, drain, stop |
//! | baseline, observation | what was observed when the plan was made, and what is observed before and after each step |
//! | approval, peer approval | the operator's yes to a step, and the yes of another person to the release |
//! | hold, freeze | what stops promotes of a target: placed by a person, or written in the configuration |
//! | driver | the process that executes a release; a *handover* passes the release to another operator |
//! | lock, lease, fencing token | one driver per target, for how long, and the number that each of its writes carries |
//! | store | etcd or SQLite: registrations, routes, locks and journals that operators share |
//! | journal, archive, seal | a release as it is written down in the store, the local copy for browsing, and a hash of a finished record, which shows later changes to it |
//!
//! # The modules
//!
//! | module | what it is | what it must not use |
//! |---|---|---|
//! | [`inventory`] | what is running where: services, targets, slots, versions, routes, snapshots. Pure nouns | anything that waits, any client library |
//! | [`checks`] | what is asked of a candidate, and what the answers mean | the code that sends the requests |
//! | [`history`] | the records of a release, how they are linked, and how they are searched | what runs now: only observation tells |
//! | [`sanitize`] | makes foreign bytes safe to show | the rest of the crate |
//! | [`ports`] | what the crate needs from outside, as traits, reading apart from writing; [`ports::Failure`] | implementations and callers |
//! | [`port_check`] | whether an address is free to listen on, and which ports another program may take at any moment | the rest of the crate |
//! | `output` | standard output and error that wait for a slow reader (a full pipe or terminal) | the rest of the crate |
//! | `private_files` | files that only this user can read | the rest of the crate |
//! | [`release`] | the procedure. A pure core (plan, machine, guard, judge, approval) and a shell that waits (`engine`, `driver`, `gather`, `handle`, `version_catalog`, `rollback_candidates`) | adapters, `console`, `cli`; the core: also ports, tokio and the clock |
//! | [`logs`] | lines in a ring, shown through a viewport; `tail` follows an instance | how lines are drawn |
//! | [`watchers`] | subscribes to all servers and assembles snapshots; copies finished releases to the archive | adapters, `console`, `cli` |
//! | [`adapters`] | one folder for each outside system; its client library is used nowhere else | each other, settings, release, `console`, `cli` |
//! | [`settings`] | one TOML file and its layers, read into nouns, or a list of all errors | servers, `console`, `cli` |
//! | [`console`] | the screen: `event`, `update`, `effect`, `perform`, and `model`, `view`, `theme` | adapters, ports, settings; it asks its [`console::Backend`] |
//! | [`cli`] | the command line, one file per verb; the only module that prints | adapters |
//! | [`sandbox`] | real processes and a real proxy to try things on, with a sample application | adapters, `console`, `cli` |
//! | [`wire`] | builds adapters from settings and the engine from adapters | `cli`, the only module that uses it |
//! | `diagnostics` | the log file and panic reports | the rest of the crate |
//!
//! # How data flows
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
//! - No decision about a release is made in `console` or `cli`. Both hold the same
//!   [`release::Engine`] and [`release::Handle`], and so do the same.
//! - The machine is a function from an event to effects. The event carries the time, and failures too.
//! - A change outside needs a [`release::Approved`], which only `release::approval` can make. In
//!   read-only mode the write adapters are not built at all.
//! - One loop owns the console's state. It waits for an event, takes all further events that have arrived,
//!   updates, and draws once if something changed. Everything that waits is a task of `perform`.
//! - What is shown as running has been observed. A source that does not answer is shown as stale, with
//!   its last answer.
//!
//! # What a key does
//!
//! To find out what a key does, follow it through one file in each of four modules:
//!
//! 1. `console/input.rs` reads it into an [`console::event::Event`]; `console/action.rs` has the one
//!    table of keys, which the footer and the help are made from.
//! 2. `console/update/` changes the model and answers with [`console::effect::Effect`]s. A key that
//!    changes something outside opens a question here; the answer to it makes the approval.
//! 3. `console/perform.rs` hands the effect to the [`release::Handle`]; `release/driver/` feeds the
//!    machine, `release/machine/` decides, `release/driver/perform.rs` calls a port.
//! 4. `adapters/` does it: for the switch through nginx, `adapters/nginx/writer.rs` and
//!    `adapters/live_pointer/`.
//!
//! # Which module may use which
//!
//! | module | may use |
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
//! | `adapters::x` | `ports`, the nouns, `sanitize`, its own client library; the two proxies also `adapters::live_pointer`, `adapters::oci_registry` and `adapters::webhook` also `adapters::outbound_proxy` and `adapters::system_authorities`, `adapters::archive`, `adapters::sqlite` and `adapters::process` `private_files`, and `adapters::process` `port_check` |
//! | `settings` | `release` (a target is configured as a `Definition`), the names of the console's actions, keys and themes, the nouns, `sanitize`, `port_check` (the ports that must not be configured) |
//! | `console` | `release`, `logs`, the nouns, `sanitize`, `output` |
//! | `console::view` | of the console: `model`, `theme`, `layout` and the table of keys |
//! | `sandbox` | `release`, `ports`, the nouns, `sanitize`, `port_check`, `private_files`; its sample application only `inventory` and `sanitize` |
//! | `wire` | all but `cli`; of the sandbox, its list of versions |
//! | `cli` | all but `adapters` |
//!
//! `tests/it/architecture/rules.rs` has the same as tables, and also where client libraries, printing and
//! clocks may be used. A broken rule fails the tests with file, line and reason.
//!
//! # Tests
//!
//! | what | where |
//! |---|---|
//! | pure rules, in tables and properties | `mod tests` at the end of a file; `tests/it/planning.rs` |
//! | the ten interlocks over random states, crashes and outages | `tests/it/interlocks/` |
//! | each adapter on its real server | `tests/it/docker/`, `etcd/`, `nginx/`, `oci_registry.rs`, `registry_access.rs`, `sqlite.rs`, `archive/`, `http.rs`, `process.rs`, `embedded_proxy.rs` |
//! | whole releases on real servers with a load running, outages among them | `tests/it/release/` |
//! | the console: questions, screens, its real loop, and the binary in a pseudo-terminal | `tests/it/console/` |
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
