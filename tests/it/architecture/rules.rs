//! The rules of the crate as tables. `src/lib.rs` describes them in words; change both.

/// Which modules a module may name. The row with the longest prefix of a file's module path
/// applies. A name must start with the row's own prefix or with an allowed one.
pub(super) struct ModuleRule {
    /// Modules below this path.
    pub(super) prefix: &'static str,
    /// What they may name besides themselves.
    pub(super) may: &'static [&'static str],
    /// Why nothing else is allowed.
    pub(super) because: &'static str,
}

const fn module_rule(
    prefix: &'static str,
    may: &'static [&'static str],
    because: &'static str,
) -> ModuleRule {
    ModuleRule {
        prefix,
        may,
        because,
    }
}

const AN_ADAPTER: &str = "an adapter knows ports, data types and its own client library";
const THE_WORLD: &[&str] = &["ports", "inventory", "checks", "history", "sanitize"];
/// For the clients of `reqwest`, which need the TLS provider of the process.
const WITH_TLS: &[&str] = &[
    "ports",
    "inventory",
    "checks",
    "history",
    "sanitize",
    "adapters::tls_provider",
];
const WITH_FILES: &[&str] = &[
    "ports",
    "inventory",
    "checks",
    "history",
    "sanitize",
    "private_files",
    // Both keep a database in a file.
    "adapters::database_file",
];
const A_PROXY: &[&str] = &[
    "ports",
    "inventory",
    "checks",
    "history",
    "sanitize",
    // Everything that connects to an address resolves it, tries its addresses and verifies its certificate alike.
    "adapters::connect",
    // Two proxies read the same pointer, so its layout is defined once, next to them.
    "adapters::live_pointer",
];

const TO_OTHER_MACHINES: &[&str] = &[
    "ports",
    "inventory",
    "checks",
    "history",
    "sanitize",
    // Both send requests to other machines, through the same forward proxy, and trust the same authorities.
    "adapters::outbound_proxy",
    "adapters::system_authorities",
    "adapters::tls_provider",
];

/// The table of allowed imports.
#[rustfmt::skip]
pub(super) const MODULES: &[ModuleRule] = &[
    module_rule("sanitize", &[], "every module uses it"),
    module_rule("port_check", &[], "every module that assigns an address uses it"),
    module_rule("private_files", &[], "it creates files and knows no content"),
    module_rule("output", &[], "it writes bytes and knows no content"),
    module_rule("inventory", &["sanitize"], "data types know no operations"),
    module_rule("checks", &["inventory", "sanitize"], "a check means the same for every module"),
    module_rule("history", &["inventory", "checks", "sanitize"], "records know no protocol"),
    module_rule("ports", &["inventory", "checks", "history", "sanitize"], "a port knows neither its adapters nor its users"),
    module_rule("store", &["ports", "inventory", "checks", "history", "sanitize"], "the store knows keys and transactions, no adapter and no protocol"),
    module_rule("logs", &["ports", "inventory", "sanitize"], "logs do not depend on the interface that shows them"),
    module_rule("release", &["inventory", "checks", "history", "sanitize"], "the protocol is pure"),
    module_rule("release::driver", &["release", "ports", "inventory", "checks", "history", "sanitize"], "the driver knows ports, no adapter and no interface"),
    module_rule("release::site", &["release", "ports"], "a target has ports, and no adapter"),
    module_rule("release::engine", &["release", "ports", "inventory", "checks", "history", "sanitize"], "the engine knows ports, no adapter and no interface"),
    module_rule("release::gather", &["release", "ports", "inventory", "checks", "history", "sanitize"], "gathering knows ports, no adapter and no interface"),
    module_rule("release::handle", &["release", "ports", "inventory", "checks", "history", "sanitize"], "the handle knows no adapter and no interface"),
    module_rule("release::rollback_candidates", &["release", "ports", "inventory", "checks", "history", "sanitize"], "looking for images knows ports, no adapter and no interface"),
    module_rule("release::version_catalog", &["release", "ports", "inventory", "checks", "history", "sanitize"], "listing knows ports, no adapter and no interface"),
    module_rule("watchers", &["release", "logs", "ports", "inventory", "checks", "history", "sanitize"], "observing knows no adapter and no interface"),
    module_rule("agent", &["release", "watchers", "ports", "inventory", "checks", "history", "sanitize"], "the agent uses the engine as the other interfaces do, and knows no adapter"),
    module_rule("adapters", &[], "each outside system has its own module"),
    module_rule("adapters::archive", WITH_FILES, AN_ADAPTER),
    module_rule("adapters::connect", &["inventory", "sanitize", "adapters::system_authorities"], AN_ADAPTER),
    module_rule("adapters::database_file", &["ports", "sanitize", "private_files"], AN_ADAPTER),
    module_rule("adapters::docker", THE_WORLD, AN_ADAPTER),
    module_rule("adapters::embedded_proxy", &["ports", "inventory", "checks", "history", "sanitize", "adapters::connect", "adapters::live_pointer", "adapters::http_server"], AN_ADAPTER),
    module_rule("adapters::etcd", WITH_TLS, AN_ADAPTER),
    module_rule("adapters::http", &["ports", "inventory", "checks", "history", "sanitize", "adapters::connect"], AN_ADAPTER),
    module_rule("adapters::http_server", &["ports", "sanitize"], AN_ADAPTER),
    module_rule("adapters::inbound", &["ports", "inventory", "checks", "history", "sanitize", "adapters::http_server", "adapters::signing_key"], AN_ADAPTER),
    module_rule("adapters::live_pointer", THE_WORLD, AN_ADAPTER),
    module_rule("adapters::nginx", A_PROXY, AN_ADAPTER),
    module_rule("adapters::oci_registry", TO_OTHER_MACHINES, AN_ADAPTER),
    module_rule("adapters::outbound_proxy", &[], AN_ADAPTER),
    module_rule("adapters::process", &["ports", "inventory", "checks", "history", "sanitize", "port_check", "private_files"], AN_ADAPTER),
    module_rule("adapters::secrets", THE_WORLD, AN_ADAPTER),
    module_rule("adapters::signing_key", &["ports"], AN_ADAPTER),
    module_rule("adapters::sqlite", WITH_FILES, AN_ADAPTER),
    module_rule("adapters::system_authorities", &[], AN_ADAPTER),
    module_rule("adapters::tls_provider", &[], AN_ADAPTER),
    module_rule("adapters::command_checks", &["ports", "inventory", "checks", "sanitize", "private_files"], AN_ADAPTER),
    module_rule("adapters::notices", &["ports", "inventory", "checks", "history", "sanitize", "adapters::outbound_proxy", "adapters::system_authorities", "adapters::tls_provider", "adapters::signing_key"], AN_ADAPTER),
    // A target's configuration is the release's own `Definition`. Keys and themes use the names in
    // the console's tables. So settings know that type and these tables.
    module_rule("settings", &["port_check", "release", "console::action", "console::keymap", "console::theme", "inventory", "checks", "history", "sanitize"], "configuration knows no server and no screen"),
    module_rule("console", &["release", "logs", "inventory", "checks", "history", "sanitize", "output"], "the console uses only its backend"),
    module_rule("console::model", &["console::action", "console::keymap", "console::effect", "console::sheet", "console::theme", "release", "logs", "inventory", "checks", "history", "sanitize"], "the model is data: it neither draws nor acts, and only names what its open dialog does"),
    module_rule("console::view", &["console::model", "console::sheet", "console::theme", "console::layout", "console::grid", "console::action", "console::keymap", "release", "logs", "inventory", "checks", "history", "sanitize"], "a view draws a model and decides nothing"),
    module_rule("console::dialogs", &["console::backend", "console::model", "console::sheet", "console::view", "console::theme", "console::update", "console::effect", "console::layout", "console::action", "console::keymap", "release", "inventory", "checks", "history", "sanitize"], "a dialog is its state, its keys and its text"),
    module_rule("console::update", &["console::backend", "console::dialogs", "console::model", "console::event", "console::effect", "console::layout", "console::grid", "console::action", "console::keymap", "release", "logs", "inventory", "checks", "history", "sanitize"], "an update asks by effects and draws nothing"),
    module_rule("sandbox", &["release", "ports", "inventory", "checks", "history", "sanitize", "port_check", "private_files"], "releases in the sandbox use the same engine"),
    module_rule("sandbox::sample", &["inventory", "sanitize"], "the sample application is another program"),
    module_rule("diagnostics", &["private_files"], "diagnostics depend on no other module"),
    module_rule("wire", &["adapters", "store", "settings", "console", "watchers", "logs", "release", "ports", "inventory", "checks", "history", "sanitize"], "wire builds the application; only the command line uses it"),
    // The catalogue of versions that the process adapter reads is written from the sandbox's list.
    module_rule("wire::sandbox", &["sandbox", "wire", "adapters"], "wire builds the application; only the command line uses it"),
    module_rule("cli", &["port_check", "agent", "wire", "settings", "console", "sandbox", "diagnostics", "output", "private_files", "watchers", "logs", "release", "ports", "inventory", "checks", "history", "sanitize"], "a verb gets what wire built, never an adapter"),
];

/// A word that only some files may contain.
pub(super) struct Confined {
    /// The word, matched as a whole word of code.
    pub(super) word: &'static str,
    /// Allowed in files whose path starts with one of these.
    pub(super) to: &'static [&'static str],
    pub(super) because: &'static str,
}

const fn confined(
    word: &'static str,
    to: &'static [&'static str],
    because: &'static str,
) -> Confined {
    Confined { word, to, because }
}

const A_CLIENT: &str = "a client library stays in its adapter";
const PRINTS: &[&str] = &["src/cli/", "src/sandbox/sample/"];

/// Where client libraries and printing are allowed.
#[rustfmt::skip]
pub(super) const CONFINED: &[Confined] = &[
    confined("bollard", &["src/adapters/docker/"], A_CLIENT),
    confined("etcd_client", &["src/adapters/etcd/"], A_CLIENT),
    confined("reqwest", &["src/adapters/etcd/clock", "src/adapters/http/", "src/adapters/oci_registry/", "src/adapters/outbound_proxy", "src/adapters/notices/"], A_CLIENT),
    confined("standardwebhooks", &["src/adapters/inbound/", "src/adapters/signing_key", "src/adapters/notices/"], A_CLIENT),
    confined("axum", &["src/sandbox/sample/"], "the servers of this crate are in src/adapters/http_server/"),
    confined("flate2", &["src/adapters/archive/"], "the archive compresses its own data"),
    confined("rusqlite", &["src/adapters/archive/", "src/adapters/database_file", "src/adapters/sqlite/", "src/sandbox/sample/"], A_CLIENT),
    confined("minijinja", &["src/adapters/nginx/", "src/inventory/extra_key"], "templates are filled in where they are used"),
    confined("ratatui", &["src/console/"], "only the console draws"),
    confined("crossterm", &["src/console/"], "only the console has the terminal"),
    confined("tui_logger", &["src/diagnostics", "src/console/model/diagnostics", "src/console/view/"], "only diagnostics and their pane use it"),
    confined("csv", &["src/cli/"], "only the command line prints"),
    confined("clap", &["src/cli/"], "only the command line reads arguments"),
    confined("indicatif", &["src/cli/"], "only the command line prints"),
    confined("println", PRINTS, "only the command line prints"),
    confined("eprintln", PRINTS, "only the command line prints"),
    confined("print", PRINTS, "only the command line prints"),
    confined("eprint", PRINTS, "only the command line prints"),
];

/// Words that the files of a kind must not contain.
pub(super) struct Absent {
    /// Applies to files whose path starts with one of these.
    pub(super) from: &'static [&'static str],
    /// Except these.
    pub(super) but: &'static [&'static str],
    /// Text that must not occur in the code.
    pub(super) texts: &'static [&'static str],
    pub(super) because: &'static str,
}

const CLOCKS: &[&str] = &[
    "Timestamp::now",
    "Zoned::now",
    "Instant::now",
    "SystemTime::now",
];

/// The forbidden words of each kind of file.
pub(super) const ABSENT: &[Absent] = &[
    Absent {
        from: &[
            "src/inventory/",
            "src/checks/",
            "src/history/",
            "src/release/",
            "src/console/dialogs/",
            "src/console/model/",
            "src/console/update/",
            "src/console/view/",
            "src/console/theme/",
        ],
        but: &["src/release/driver/", "src/release/engine/"],
        texts: CLOCKS,
        because: "a pure module gets the time from its caller",
    },
    Absent {
        from: &[
            "src/inventory/",
            "src/checks/",
            "src/history/",
            "src/release/",
            "src/console/model/",
            "src/console/update/",
            "src/console/view/",
            "src/console/theme/",
            "src/settings/",
        ],
        but: &[
            "src/release/driver/",
            "src/release/engine/",
            "src/release/gather.rs",
            "src/release/gather/",
            "src/release/handle.rs",
            "src/release/version_catalog.rs",
            "src/release/rollback_candidates.rs",
        ],
        texts: &[
            "tokio",
            "async fn",
            "async move",
            ".await",
            "mpsc",
            "spawn(",
        ],
        because: "a pure module waits for nothing",
    },
    Absent {
        from: &["src/"],
        but: &[],
        texts: &[
            ".unwrap()",
            ".expect(",
            "panic!(",
            "todo!(",
            "unimplemented!(",
            "dbg!(",
            "#[allow(",
            "#![allow(",
        ],
        because: "a failure is a value, and an exception from a lint gives its reason",
    },
];

/// The test fails for a file longer than this.
pub(super) const LINES: usize = 600;

/// With `--nocapture` the test names files longer than this.
pub(super) const MANY_LINES: usize = 400;
