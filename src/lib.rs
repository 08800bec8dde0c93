//! Greenroom, a release console for the terminal. This page is the map of the crate: its words, its modules,
//! how data flows through them, and which module may use which. The release protocol is in [`release`].
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | target | one service in one environment; what is locked, planned and switched |
//! | slot | one of the two places of a target, `blue` and `green`, each with fixed addresses: one for each member, except of a background service |
//! | instance | a container or process in a slot, running or not |
//! | member | an instance as a part of its slot; a slot is a set of members: one for each address, the configured number for a worker, one for a scheduler |
//! | background service | a service without requests: it has no addresses and no proxy, and the route alone says which version is live |
//! | worker | a background service that takes its jobs from elsewhere; old and new version run side by side during a release |
//! | scheduler | a background service of which two never run at once; the live version is stopped before the new one starts |
//! | version | an image by its digest, or a build of the sandbox; a tag is only a name |
//! | live | the slot that the route names; its version has the traffic, if the service gets requests |
//! | candidate | the new version in the other slot, until the switch |
//! | standby | the version that was live before the switch, kept warm for a rollback |
//! | registration | the entry in the store that says which version has which address in a slot |
//! | route | the entry in the store that says which slot is live, with a *generation* that each switch raises |
//! | edge | one proxy that carries out the route of a target; one is configured. A slot may have traffic if any edge names it, and a switch is reached only if every edge has it |
//! | pointer | the file or link that the proxy reads at every request: the route as the proxy applies it. In nginx's switch mode `reload` its configuration contains the route |
//! | drift | a difference between runtime, store, an edge and its public address; a *repair* removes it |
//! | release | one attempt to make one version live; a promote or a rollback |
//! | plan, step | what a release will do, and one part of it, for example *verify* or *switch* |
//! | task, command | what runs once per release in a container of the new version, at a fixed point; one of its one or two commands: its own, and the one that undoes it |
//! | baseline, observation | the state when the plan was made, and the state before and after each step, both as observed |
//! | approval, peer approval | an operator's confirmation of a step, and another person's confirmation of the release |
//! | hold, freeze | what stops promotes of a target: placed by an operator or a rollback, or written in the configuration |
//! | arm | allow changes to a target from this console for a few minutes |
//! | driver | the process that executes a release; a *handover* passes the release to another operator |
//! | lock, lease, fencing token | what allows only one driver per target, the time after which a lock expires, and the number that each write under a lock carries |
//! | store | etcd or SQLite: registrations, routes, locks and journals that operators share |
//! | journal, archive, seal | the record of a release in the store, the local copy of journals for browsing, and a hash of a finished record that reveals later changes |
//! | head, entry | the two parts of a release's record: what was planned, by whom and how it ended, and one event of the release; messages say *the record of the release* |
//! | push, report, delivery | a tag that names a new image; the message that says so; one request to the inbox, with one or more reports |
//! | queue, queue entry | the pushes for one target; one of them, with its state. A *pending* one is waiting, offered or rolling out |
//! | agent | a process that releases the version of the newest pending push of each target that *follows* its tag |
//!
//! # The modules
//!
//! | module | what it is | what it must not use |
//! |---|---|---|
//! | [`inventory`] | what is running where: services, targets, slots, versions, routes, edges, snapshots; how servers are reached; only data | anything that waits, any client library |
//! | [`checks`] | the requests that check a candidate, and how the answers are judged | the code that sends the requests |
//! | [`history`] | the records of a release, how they are linked, and how they are searched | data about what is running now, which must be observed |
//! | [`sanitize`] | makes bytes of other programs safe to show | the rest of the crate |
//! | [`ports`] | traits for all outside systems, with separate traits for reading and writing; [`ports::Failure`] | implementations and callers |
//! | [`port_check`] | whether an address is free to listen on, and which ports another program may take at any moment | the rest of the crate |
//! | `output` | standard output and error that wait for a slow reader (a full pipe or terminal) | the rest of the crate |
//! | `private_files` | files that other users cannot read | the rest of the crate |
//! | [`release`] | the release procedure: a pure core (plan, ladder, machine, approval) and a shell that does I/O (`engine`, `driver`, `gather`, `handle`, `version_catalog`, `rollback_candidates`) | adapters, `console`, `cli`; the core: also ports, tokio and the clock |
//! | [`store`] | everything that operators share: keys, encoding and transactions, over `ports::kv` | adapters, `release`, `console`, `cli` |
//! | [`agent`] | releases pushed versions: follows the queue of each target, and drives the releases without a person | adapters, `console`, `cli` |
//! | [`logs`] | lines in a ring, shown through a viewport; `tail` follows the log of an instance or a proxy | how lines are drawn |
//! | [`watchers`] | observes all servers and assembles snapshots; copies releases, holds and repairs to the archive, verifies and seals them; sends notices | adapters, `console`, `cli` |
//! | [`adapters`] | one folder for each outside system; its client library is used nowhere else | each other (with the exceptions below), settings, release, `console`, `cli` |
//! | [`settings`] | reads one TOML file and its layers into data, or returns a list of all errors | servers, `cli`, and of the `console` all but the names of its actions, keys and themes |
//! | [`console`] | the screen: `event`, `update`, `effect`, `perform`, `model`, `view`, `theme`, and one file for each dialog in `dialogs` | adapters, ports, settings; the console calls its [`console::Backend`] |
//! | [`cli`] | the command line, one file per verb; the only module that prints | adapters |
//! | [`sandbox`] | real processes and a real proxy to try Greenroom on, with a sample application | adapters, `console`, `cli` |
//! | [`wire`] | builds adapters from settings and the engine from adapters | `cli`, the only module that uses it |
//! | `diagnostics` | the log file and panic reports | the rest of the crate, except `private_files` |
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
//!     driver ───────┴── reads ────────┤                           │
//!       ▲  │ Event                    └──► logs::follow ─ lines ──┤
//!       │  ▼                                                      ▼
//!     machine  (pure)  ── Status, Announcement ──────────► console::event::Event
//!       ▲  Effect: record, act, observe, wait, announce           │
//!       │                                                         ▼
//!       │                                   update(model, event) ─► effects
//!       │                                         │ something changed?
//!     handle ◄── Command ── perform ◄── effects ──┤
//!                                                 └──► view(model, theme) ─► terminal
//! ```
//!
//! - No decision about a release is made in `console`, `cli` or `agent`. All of them call the same
//!   [`release::Engine`] and [`release::Handle`], so all behave in the same way.
//! - The machine is a function from an event to effects. The event carries the time. A failure is an event too.
//! - A change of an outside system needs a [`release::Approved`], which only `release::approval` can make. In
//!   read-only mode the write adapters are not built at all.
//! - One loop owns the console's state. It waits for an event, takes all further events that have arrived,
//!   updates, and draws once if something changed. Everything that waits runs in a task of `perform`.
//! - What is shown as running has been observed. A source that does not answer is shown as stale, with
//!   its last answer.
//!
//! # What a key does
//!
//! To find out what a key does, follow it through one file in each of four modules:
//!
//! 1. `console/input.rs` turns the key into an [`console::event::Event`]; `console/action.rs` has the one
//!    table of keys, which the footer and the help are made from.
//! 2. `console/update/` changes the model and answers with [`console::effect::Effect`]s. A key that
//!    changes an outside system opens a question first, which is a file of `console/dialogs/`; the answer to
//!    that question makes the approval.
//! 3. `console/perform.rs` hands the effect to the [`release::Handle`]; `release/driver/` feeds the
//!    machine, `release/machine/` decides, `release/driver/perform.rs` calls a port.
//! 4. `adapters/` makes the change: a switch through nginx is made by `adapters/nginx/writer.rs` and
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
//! | `store` | `ports`, the nouns, `sanitize` |
//! | `logs` | `ports`, `inventory`, `sanitize` |
//! | `release`, its core | the nouns, `sanitize` |
//! | `release`: `driver`, `engine`, `gather`, `handle`, `version_catalog`, `rollback_candidates` | also `ports` |
//! | `agent` | `release`, `watchers`, `ports`, the nouns, `sanitize` |
//! | `watchers` | `release`, `logs`, `ports`, the nouns, `sanitize` |
//! | `adapters::x` | `ports`, the nouns, `sanitize`, its own client library; `adapters::http` and the two proxies also `adapters::connect`; the two proxies also `adapters::live_pointer`; `adapters::embedded_proxy` and `adapters::inbound` also `adapters::http_server`; `adapters::inbound` and `adapters::notices` also `adapters::signing_key`; `adapters::oci_registry` and `adapters::notices` also `adapters::outbound_proxy` and `adapters::system_authorities`; `adapters::connect` also `adapters::system_authorities`; `adapters::etcd` and `adapters::oci_registry` also `adapters::tls_provider`; `adapters::archive` and `adapters::sqlite` also `adapters::database_file`; these three and `adapters::process` also `private_files`, and `adapters::process` `port_check` |
//! | `settings` | `release` (a target is configured as a `Definition`), the names of the console's actions, keys and themes, the nouns, `sanitize`, `port_check` (the ports that must not be configured) |
//! | `console` | `release`, `logs`, the nouns, `sanitize`, `output` |
//! | `console::view` | of the console: `model`, `sheet`, `theme`, `layout`, `grid` and the table of keys |
//! | `console::model` | of the console: the table of keys, and the names of what the open dialog does (`effect`, `sheet`, `theme`) |
//! | `sandbox` | `release`, `ports`, the nouns, `sanitize`, `port_check`, `private_files`; its sample application only `inventory` and `sanitize` |
//! | `wire` | all but `cli`; of the sandbox, its list of versions |
//! | `cli` | all but `adapters` and `store` |
//!
//! `tests/it/architecture/rules.rs` has these rules as tables, and also says where client libraries, printing
//! and clocks may be used. `cycles.rs` finds files that use each other in a circle. A broken rule
//! fails the tests with file, line and reason.
//!
//! # Tests
//!
//! | what | where |
//! |---|---|
//! | pure rules, in tables and properties | `mod tests` at the end of a file; `tests/it/planning.rs` |
//! | interlocks 1 to 10 over random states, crashes and outages | `tests/it/interlocks/` |
//! | all interlocks, exhaustively within bounds, by a model checker | `tests/it/model/` |
//! | each adapter on its real server | `tests/it/docker/`, `etcd/`, `nginx/`, `oci_registry.rs`, `registry_access.rs`, `archive/`, `http.rs`, `process.rs`, `embedded_proxy.rs`, `inbound/` |
//! | every guarantee of a store, with etcd and with SQLite | `tests/it/store/` |
//! | whole releases on real servers under load, also with outages | `tests/it/release/` |
//! | the console: questions, screens, its real loop, and the binary in a pseudo-terminal | `tests/it/console/` |
//! | the agent: pushes, two agents, the sandbox, and a kill at every entry of a release's record | `tests/it/agent/` |
//! | the sandbox, with the real binary | `tests/it/sandbox.rs` |
//! | every file of `fixtures/settings` with its message | `tests/it/settings.rs` |
//! | the rules of the crate; the README and the topics of `greenroom help` | `tests/it/architecture/`, `tests/it/readme/` |
//!
//! `tests/run` starts the servers and runs everything.

pub mod adapters;
pub mod agent;
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
pub mod store;
pub mod watchers;
pub mod wire;
