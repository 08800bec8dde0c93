//! The composition root. It builds adapters from settings and sites from adapters, and passes everything to the command
//! line. Environments with equal settings share one connection to Docker, one store or one proxy. Building opens no
//! connection and reads no secret.

mod archive;
mod backend;
mod bounds;
mod configuration;
mod doctor_tests;
mod inbox;
mod notices;
mod operator;
mod presence;
mod proxy;
mod runtime;
mod sandbox;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

pub use backend::{EngineBackend, PushSample};
pub use bounds::bounds;
pub use configuration::watch as watch_configuration;
pub use doctor_tests::try_directory;
pub use inbox::{Inbox, check_inbox, report_push, start_inbox};
pub use operator::process_user;
pub use presence::report_presence;
pub use runtime::docker_options;
pub use sandbox::{catalogue, push_program};

use crate::adapters::command_checks::LocalCommands;
pub use crate::adapters::embedded_proxy::EmbeddedProxy;
use crate::adapters::http::HttpChecker;
use crate::adapters::outbound_proxy::OutboundProxy;
use crate::adapters::secrets::LocalSecrets;
use crate::checks::Case;
use crate::history::Retention;
use crate::inventory::servers::InboxConfig;
use crate::inventory::{EnvironmentName, EnvironmentValue, SecretSource, Target};
use crate::ports::{Clock, Failure, FailureKind, Password, Secrets, SystemClock, TargetSecrets};
use crate::release::{Definition, Engine, Reading, ReleaseObserver, Site, Writing};
use crate::settings::{EnvironmentSettings, Settings, TargetSettings};
use crate::watchers::{Frame, Outbox, Recorder};

/// Why the settings cannot be used to build the application.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// An adapter refuses its settings.
    #[error("{0}")]
    Adapter(#[from] Failure),
    /// Settings contradict each other, or a setting is missing.
    #[error("{0}")]
    Settings(String),
}

/// Everything that the console and the command line need.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct App {
    pub engine: Arc<Engine>,
    /// The order in which services and environments are shown.
    pub frame: Frame,
    pub file: PathBuf,
    pub archive: PathBuf,
    /// How long the archive keeps records.
    pub retention: Retention,
    /// Why this console cannot change anything. None if it can.
    pub read_only: Option<String>,
    /// The environments that are configured but not used, each with the reasons.
    pub refused: BTreeMap<EnvironmentName, Vec<String>>,
    outbox: Arc<Outbox>,
    recorder: Option<Arc<Recorder>>,
    /// The directories of this machine that a release writes to, each with its purpose.
    written_directories: BTreeSet<(&'static str, PathBuf)>,
    proxy_directories: BTreeSet<PathBuf>,
    /// The inbox of the agent, for `greenroom doctor`.
    inbox: Option<InboxConfig>,
    targets: Vec<Target>,
    passwords: Vec<(EnvironmentName, Password)>,
}

impl App {
    /// Every target, in the order of the settings.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }

    /// Reads the passwords of the stores of the wanted environments, all at the same time, for at most `time_limit`.
    /// Returns a failure for each password that is still being read then. A password that cannot be read is not
    /// reported here, because each call to its store fails with the reason.
    pub async fn late_passwords(
        &self,
        is_wanted: impl Fn(&EnvironmentName) -> bool,
        time_limit: Duration,
    ) -> Vec<(&EnvironmentName, Failure)> {
        let wanted = self.passwords.iter().filter(|(name, _)| is_wanted(name));
        let late = wanted.map(|(name, password)| async move {
            let read = timeout(time_limit, password.value()).await;
            let setting = password.setting().filter(|_| read.is_err())?;
            let message = format!(
                "the password {setting} was not read within {time_limit:?}, so the state of the store is unknown"
            );
            let kind = FailureKind::Unreachable;
            let failure = Failure::new(kind, name.as_str(), "reading the password", message);
            Some((
                name,
                failure.hint(
                    "if a command prints the password, run it as this user without a terminal, and check how long it takes",
                ),
            ))
        });
        join_all(late).await.into_iter().flatten().collect()
    }
}

/// Builds adapters, and keeps the adapters that environments share.
struct Builder<'a> {
    settings: &'a Settings,
    secrets: Arc<dyn Secrets>,
    runtimes: runtime::Runtimes,
    stores: store::Stores,
    proxies: proxy::Proxies,
}

/// Builds the application. In read-only mode, the write ports of a target are left out.
pub fn build(settings: &Settings, read_only: bool) -> Result<App, WireError> {
    let read_only = why_read_only(settings, read_only);
    let mut builder = Builder {
        settings,
        secrets: Arc::new(LocalSecrets::default()),
        runtimes: runtime::Runtimes::default(),
        stores: store::Stores::default(),
        proxies: proxy::Proxies::default(),
    };
    let checker = HttpChecker::reading(Arc::clone(&builder.secrets));
    let may_write = read_only.is_none();
    let mut sites = BTreeMap::new();
    for target in &settings.targets {
        let site = builder.site(target, &checker, may_write)?;
        sites.insert(target.definition.target.clone(), site);
    }
    let operator = operator::find(&settings.operator)?;
    let console = format!(
        "{operator} {} {}",
        std::process::id(),
        ulid::Ulid::generate()
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let outbox = notices::outbox(settings, &builder.secrets, &operator, &clock);
    let outbox = Arc::new(outbox);
    let recorder = archive::recorder(&settings.history).map(Arc::new);
    let mut observers = vec![Arc::clone(&outbox) as Arc<dyn ReleaseObserver>];
    observers.extend(
        recorder
            .clone()
            .map(|recorder| recorder as Arc<dyn ReleaseObserver>),
    );
    let engine = Engine::new(sites, operator, console, clock).observed_by(observers);
    Ok(App {
        engine: Arc::new(engine),
        frame: frame(settings),
        file: settings.file.clone(),
        archive: settings.history.archive.clone(),
        retention: settings.history.retention,
        read_only,
        refused: refused(settings),
        outbox,
        recorder,
        written_directories: doctor_tests::written_directories(settings),
        proxy_directories: doctor_tests::proxy_directories(settings),
        inbox: settings.agent.inbox.clone(),
        targets: settings
            .targets
            .iter()
            .map(|t| t.definition.target.clone())
            .collect(),
        passwords: builder.stores.passwords,
    })
}

fn refused(settings: &Settings) -> BTreeMap<EnvironmentName, Vec<String>> {
    let refused = settings.refused.iter();
    let refused = refused.map(|(name, why)| {
        let why = why.iter().map(ToString::to_string);
        (name.clone(), why.collect())
    });
    refused.collect()
}

/// The reason for read-only mode. If both the setting and the flag ask for read-only mode, the reason is the setting,
/// because the setting still applies when the flag is left out the next time.
fn why_read_only(settings: &Settings, is_started_so: bool) -> Option<String> {
    let configured = settings.read_only.as_ref();
    let configured = configured.map(|origin| format!("console.read_only is set at {origin}"));
    configured.or_else(|| is_started_so.then(|| "started with --read-only".to_owned()))
}

/// Starts the embedded proxies that the settings name. The sandbox runs them in its own process.
pub async fn start_embedded_proxies(settings: &Settings) -> Result<Vec<EmbeddedProxy>, WireError> {
    let mut running = Vec::new();
    for config in proxy::embedded_configs(settings) {
        let (answer, sites) = proxy::embedded_sites(settings, &config)?;
        running.push(EmbeddedProxy::start(sites, answer, &config.state).await?);
    }
    Ok(running)
}

impl Builder<'_> {
    fn site(
        &mut self,
        target: &TargetSettings,
        checker: &HttpChecker,
        may_write: bool,
    ) -> Result<Site, WireError> {
        let name = &target.definition.target.environment;
        let settings = self.settings;
        let Some(environment) = settings.environment(name) else {
            return Err(WireError::Settings(format!(
                "{name} is not a configured environment"
            )));
        };
        let runtime = self.runtime(environment)?;
        let store = self.store(environment)?;
        let proxy = self.proxy(environment, target)?;
        let write = may_write.then(|| Writing {
            runtime: runtime.write,
            check_containers: runtime.check_containers,
            router: proxy.as_ref().map(|proxy| Arc::clone(&proxy.write)),
            store: store.write,
        });
        Ok(Site {
            definition: target.definition.clone(),
            read: Reading {
                runtime: runtime.read,
                registry: Arc::clone(&store.read) as _,
                router: proxy.map(|proxy| proxy.read),
                checker: Arc::new(checker.for_target(self.secrets_of(&target.definition))),
                command_checks: Arc::new(LocalCommands::new(Arc::clone(&self.secrets))),
                journal: store.read,
                images: runtime.images,
            },
            write,
        })
    }

    /// Every secret that may appear in the output of a target, or in an answer to a request.
    fn secrets_of(&self, definition: &Definition) -> TargetSecrets {
        let health = definition.health.iter();
        let cases = definition.suite.cases.iter();
        let of_health = health
            .clone()
            .flat_map(|it| it.headers.iter().chain(&it.query));
        let of_requests = cases
            .clone()
            .filter_map(Case::request)
            .flat_map(|it| it.headers.iter().chain(&it.query));
        let of_commands = cases.clone().filter_map(Case::environment).flatten();
        let environment = definition.instance.environment.iter();
        let of_tasks = definition.tasks.iter().flat_map(|it| &it.environment);
        let of_files = definition.instance.container.secrets.iter();
        let of_files: BTreeMap<String, EnvironmentValue> = of_files
            .map(|(name, source)| (name.clone(), EnvironmentValue::Secret(source.clone())))
            .collect();
        let environment = environment.chain(of_tasks).chain(&of_files);
        let paths = health.map(|it| it.path.as_str());
        let paths = paths.chain(cases.filter_map(Case::request).map(|it| it.path.as_str()));
        let paths = paths.chain(definition.public.iter().map(|it| it.path.as_str()));
        let values = of_health.chain(of_requests).chain(of_commands);
        TargetSecrets::of(Arc::clone(&self.secrets), environment, values, paths)
    }

    /// A password that is read when it is first needed.
    fn password(&self, source: &SecretSource, setting: String) -> Password {
        Password::read_on_use(Arc::clone(&self.secrets), source.clone(), setting)
    }

    fn targets_of<'b>(
        &'b self,
        environment: &'b EnvironmentSettings,
    ) -> impl Iterator<Item = &'b TargetSettings> {
        self.settings
            .targets
            .iter()
            .filter(move |t| t.definition.target.environment == environment.name)
    }
}

/// The forward proxy that the environment variables of this process name.
fn outbound_proxy() -> OutboundProxy {
    OutboundProxy::from_variables(|name| std::env::var(name).ok())
}

fn frame(settings: &Settings) -> Frame {
    let mut services = Vec::new();
    for target in &settings.targets {
        let service = &target.definition.target.service;
        if !services.contains(service) {
            services.push(service.clone());
        }
    }
    Frame {
        services,
        environments: settings
            .environments
            .iter()
            .map(|environment| (environment.name.clone(), environment.tier))
            .collect(),
    }
}
