//! nginx as the proxy. Its configuration is installed once for each target. In the switch mode `pointer` a switch then
//! changes only a link, which nginx reads at the next request. Greenroom treats a configuration as loaded only when
//! nginx answers over a new connection with the mark of that configuration, because `nginx -t` and a reload can return
//! 0 without an effect.
//!
//! The module works through a [`ProxyHost`], so it does not know whether nginx runs on this machine or in a
//! container. It knows nothing about releases.

mod access_log;
mod answer;
mod apply;
mod describe;
mod doctor_tests;
mod include;
mod inherited;
mod installed;
mod owner;
mod program;
mod reader;
mod refusal;
mod render;
mod site;
mod sockets;
mod tail;
mod traffic;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use reader::NginxReader;
pub use render::DEFAULT_TEMPLATE;
pub use site::Site;
pub use writer::NginxWriter;

pub use crate::inventory::servers::SwitchMode;

use crate::adapters::live_pointer::{LivePointer, Pointer};
use crate::inventory::servers::NginxConfig;
use crate::inventory::{Target, plain};
use crate::ports::{Bound, Failure, FailureKind, PointerState, ProxyHost, Result, TimeLimit};
use crate::sanitize::sanitize;

/// The limits for reading from nginx. The output of nginx's program is limited by its host.
pub const BOUNDS: [Bound; 2] = [
    bound(
        "the answer about the route of a target",
        answer::LONGEST,
        TimeLimit::Within(answer::DEADLINE),
    ),
    bound(
        "the access log, at each read",
        traffic::MOST_FOR_RATES,
        TimeLimit::Endless,
    ),
];

const fn bound(answer: &'static str, bytes: usize, time: TimeLimit) -> Bound {
    Bound {
        server: "nginx",
        answer,
        bytes: bytes as u64,
        time,
    }
}

/// The default time limit for a configuration to answer after a reload.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Where nginx is and how it is set up. All paths are as nginx sees them on its host.
#[derive(Clone)]
pub struct NginxOptions {
    /// The machine or container with the files and commands of nginx.
    pub host: Arc<dyn ProxyHost>,
    /// The program and the arguments that it always needs, e.g. `nginx` or `nginx -p /srv/edge`, without `-c`.
    pub command: Vec<String>,
    /// The files and addresses. The workers of nginx must be able to read the directory of the live pointers. The public
    /// must not be able to reach the address of the answer server.
    pub config: NginxConfig,
    /// The text of a template to use instead of [`DEFAULT_TEMPLATE`], or the reason why the template cannot be read. In
    /// that case nothing can be installed or compared.
    pub template: Option<std::result::Result<String, String>>,
    /// When the settings file was last changed, if known.
    pub configured_at: Option<Timestamp>,
    /// The time limit for a configuration to answer after a reload; see [`TIMEOUT`].
    pub time_limit: Duration,
    /// Every target behind this nginx.
    pub targets: Vec<Site>,
}

/// One nginx, shared by its reader and its writer.
pub struct Nginx {
    options: NginxOptions,
    sites: BTreeMap<Target, Site>,
    pointer: LivePointer,
}

impl Nginx {
    /// Validates every value and reports all problems together as [`FailureKind::Rejected`]. Changes nothing.
    pub fn new(mut options: NginxOptions) -> Result<Arc<Self>> {
        let mut problems = Vec::new();
        if options.command.is_empty() {
            problems.push("the command is empty".to_owned());
        }
        let paths = [
            &options.config.configuration,
            &options.config.sites,
            &options.config.state,
        ];
        for path in paths.into_iter().chain(&options.config.access_log) {
            if !plain::is_path(path) {
                let path = path.display();
                problems.push(format!(
                    "{path} must be an absolute path with only letters, digits and the characters . _ - /"
                ));
            }
        }
        let mut sites = BTreeMap::new();
        for site in std::mem::take(&mut options.targets) {
            let target = site.target.clone();
            problems.extend(
                site.problems()
                    .into_iter()
                    .map(|problem| format!("{target}: {problem}")),
            );
            if sites.insert(target.clone(), site).is_some() {
                problems.push(format!("{target} is configured twice"));
            }
        }
        let pointer = LivePointer::new(options.host.clone(), &options.config.state);
        let nginx = Self {
            options,
            sites,
            pointer,
        };
        if problems.is_empty() {
            return Ok(Arc::new(nginx));
        }
        Err(nginx.failure(
            FailureKind::Rejected,
            "checking its settings",
            sanitize(&problems.join("; ")),
        ))
    }

    fn host(&self) -> &dyn ProxyHost {
        self.options.host.as_ref()
    }

    fn site(&self, target: &Target, doing: &str) -> Result<&Site> {
        self.sites.get(target).ok_or_else(|| {
            let message = format!("this nginx does not serve {target}");
            self.failure(FailureKind::Unsupported, doing, message)
        })
    }

    /// The other targets of this nginx. A reload affects all these targets.
    fn other_targets(&self, target: &Target) -> Vec<Target> {
        let targets = self.sites.keys();
        targets.filter(|other| *other != target).cloned().collect()
    }

    fn file(&self, target: &Target) -> PathBuf {
        self.options.config.sites.join(owner::file_name(target))
    }

    /// The path of the access log of a target. None if nginx writes no access log.
    fn access_log(&self, target: &Target) -> Option<PathBuf> {
        let directory = self.options.config.access_log.as_ref()?;
        Some(directory.join(access_log::file_name(target)))
    }

    /// The path of the main configuration that is used for a test. It is in the directory of the real main
    /// configuration, because nginx resolves relative includes from that directory. Its name does not end in `.conf`,
    /// whatever the target is called, so an include of `*.conf` does not match it.
    fn test_main(&self, target: &Target) -> PathBuf {
        let name = self
            .options
            .config
            .configuration
            .file_name()
            .unwrap_or_default();
        let name = format!("{}{}", name.to_string_lossy(), target.tested_suffix());
        self.options.config.configuration.with_file_name(name)
    }

    /// The path of the new file during a test. No include of nginx matches this path.
    fn proposed_file(&self, target: &Target) -> PathBuf {
        self.pointer.directory(target).join("candidate.conf")
    }

    fn command(&self, arguments: &[&str], main: &Path) -> Vec<String> {
        let mut command = self.options.command.clone();
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command.push("-c".to_owned());
        command.push(main.to_string_lossy().into_owned());
        command
    }

    /// The content of the configuration file of a target. None if the file does not exist.
    async fn on_disk(&self, target: &Target) -> Result<Option<String>> {
        let content = self.host().read(&self.file(target)).await?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Finds a configuration file of the target under another name, which nginx also reads. An unreadable file is
    /// skipped, because nginx itself reports it.
    async fn under_another_name(&self, target: &Target) -> Result<Option<owner::NotOurs>> {
        let sites = &self.options.config.sites;
        let new = self.file(target);
        let names = self.host().list(sites).await?;
        let is_read = |name: &&String| Path::new(name).extension().is_some_and(|end| end == "conf");
        for name in names.iter().filter(is_read) {
            let old = sites.join(name);
            if old == new {
                continue;
            }
            let Ok(Some(bytes)) = self.host().read(&old).await else {
                continue;
            };
            if owner::owner(&String::from_utf8_lossy(&bytes)).as_ref() == Some(target) {
                return Ok(Some(owner::renamed(&old, &new, target)));
            }
        }
        Ok(None)
    }

    /// The pointer with the higher generation: either the live pointer or the pointer in the configuration file. The
    /// generations differ after a change of the switch mode.
    async fn current_pointer(&self, target: &Target, on_disk: Option<&str>) -> Result<Pointer> {
        let live = self.pointer.read(target).await?;
        let written = on_disk.and_then(render::pointer_in).unwrap_or_default();
        Ok(if written.generation > live.generation {
            written
        } else {
            live
        })
    }

    /// The state that a switch is checked against. In the switch mode `pointer` this is the live pointer. In the mode
    /// `reload` it is the pointer with the higher generation.
    async fn pointer_state(&self, target: &Target) -> Result<PointerState> {
        if self.options.config.switch == SwitchMode::Pointer {
            return self.pointer.state(target).await;
        }
        let on_disk = self.on_disk(target).await?;
        let current_pointer = self.current_pointer(target, on_disk.as_deref()).await?;
        let mut state = PointerState {
            live: current_pointer.slot,
            ..PointerState::default()
        };
        if let Some(slot) = current_pointer.slot {
            *state.slots.get_mut(slot) = Some(current_pointer.last_switch());
        }
        Ok(state)
    }

    /// The name of this nginx for people: its host, and the address of its answer server.
    fn address(&self) -> String {
        let NginxOptions { host, config, .. } = &self.options;
        let (host, answer) = (host.place(), config.answer.address());
        format!("nginx on {host}, answer server {answer}")
    }

    /// Describes a request to the answer server, for errors.
    fn doing_ask(&self, target: &Target) -> String {
        format!(
            "asking the answer server {} about {target}",
            self.options.config.answer.address()
        )
    }

    fn failure(
        &self,
        kind: FailureKind,
        doing: impl Into<String>,
        message: impl Into<String>,
    ) -> Failure {
        let place = format!("nginx on {}", self.options.host.place());
        Failure::new(kind, place, doing, message)
    }
}
