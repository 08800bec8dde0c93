//! nginx as the proxy. Its configuration is installed once per target and then left alone; the
//! traffic is moved by a rename that nginx sees at the next request. Nothing is believed that nginx
//! has not itself said over a fresh connection: neither that `-t` was content nor that a reload
//! returned. Works through a [`ProxyHost`], so it must not know whether nginx runs on this machine or
//! in a container; must not know what a release is.

mod access_log;
mod answer;
mod apply;
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
mod trials;
mod words;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use reader::NginxReader;
pub use render::DEFAULT_TEMPLATE;
pub use site::{Site, SwitchMode};
pub use writer::NginxWriter;

use crate::adapters::live_pointer::{LivePointer, Pointer};
use crate::inventory::{Endpoint, Target, plain};
use crate::ports::{Bound, Failure, FailureKind, PointerState, ProxyHost, Result, TimeLimit};
use crate::sanitize::sanitize;

/// What is read of nginx at most. What its program prints is bounded by the host that it runs on.
pub const BOUNDS: [Bound; 2] = [
    bound(
        "its answer about the route",
        answer::LONGEST,
        TimeLimit::Within(answer::DEADLINE),
    ),
    bound(
        "the access log, at each look",
        traffic::AT_A_LOOK,
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

/// How long a configuration may take to answer after a reload, unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Where nginx is and how it is arranged. All paths are nginx's own, as the host sees them.
#[derive(Clone)]
pub struct Arrangement {
    /// Where its files are and its commands run.
    pub host: Arc<dyn ProxyHost>,
    /// The program with what it always needs, e.g. `nginx` or `nginx -p /srv/edge`; without `-c`.
    pub command: Vec<String>,
    /// The main configuration, e.g. `/etc/nginx/nginx.conf`.
    pub main: PathBuf,
    /// The directory that the main configuration includes in its `http` block, e.g. `/etc/nginx/conf.d`.
    pub sites: PathBuf,
    /// Where the live pointers are; nginx's workers have to be able to read it.
    pub state: PathBuf,
    /// Where the answer server listens; on an address that the public cannot reach.
    pub answer_listen: Endpoint,
    /// Where Greenroom reaches the answer server.
    pub answer_at: Endpoint,
    /// The directory in which it keeps an access log for each target; none are kept when absent.
    pub access_log: Option<PathBuf>,
    /// A template in place of [`DEFAULT_TEMPLATE`], or why it cannot be read: then nothing can be installed or compared.
    pub template: Option<std::result::Result<String, String>>,
    /// When the file of settings that all of this comes from was last changed, where that is known.
    pub configured_at: Option<Timestamp>,
    /// How traffic is moved.
    pub mode: SwitchMode,
    /// How long a configuration may take to answer after a reload; see [`TIMEOUT`].
    pub time_limit: Duration,
    /// Every target behind this nginx.
    pub targets: Vec<Site>,
}

/// One nginx, shared by what reads and what changes it.
pub struct Nginx {
    arrangement: Arrangement,
    sites: BTreeMap<Target, Site>,
    pointer: LivePointer,
}

impl Nginx {
    /// Checks that every value can stand in a configuration, and says all that cannot at once
    /// ([`FailureKind::Rejected`]). Touches nothing.
    pub fn new(mut arrangement: Arrangement) -> Result<Arc<Self>> {
        let mut problems = Vec::new();
        if arrangement.command.is_empty() {
            problems.push("the command is empty".to_owned());
        }
        let paths = [&arrangement.main, &arrangement.sites, &arrangement.state];
        for path in paths.into_iter().chain(&arrangement.access_log) {
            if !plain::is_path(path) {
                let path = path.display();
                problems.push(format!("{path} is not a plain absolute path"));
            }
        }
        let mut sites = BTreeMap::new();
        for site in std::mem::take(&mut arrangement.targets) {
            let target = site.target.clone();
            problems.extend(
                site.problems()
                    .into_iter()
                    .map(|problem| format!("{target}: {problem}")),
            );
            if sites.insert(target.clone(), site).is_some() {
                problems.push(format!("{target} is given twice"));
            }
        }
        let pointer = LivePointer::new(arrangement.host.clone(), &arrangement.state);
        let nginx = Self {
            arrangement,
            sites,
            pointer,
        };
        if problems.is_empty() {
            return Ok(Arc::new(nginx));
        }
        Err(nginx.failure(
            FailureKind::Rejected,
            "reading how it is arranged",
            sanitize(&problems.join("; ")),
        ))
    }

    fn host(&self) -> &dyn ProxyHost {
        self.arrangement.host.as_ref()
    }

    fn site(&self, target: &Target, doing: &str) -> Result<&Site> {
        self.sites.get(target).ok_or_else(|| {
            let said = format!("{target} is not behind this nginx");
            self.failure(FailureKind::Unsupported, doing, said)
        })
    }

    /// The other targets of this nginx: a reload is one for all of them.
    fn beside(&self, target: &Target) -> Vec<Target> {
        let all = self.sites.keys();
        all.filter(|other| *other != target).cloned().collect()
    }

    fn file(&self, target: &Target) -> PathBuf {
        self.arrangement.sites.join(owner::file_name(target))
    }

    /// The access log of a target, where one is kept.
    fn access_log(&self, target: &Target) -> Option<PathBuf> {
        let directory = self.arrangement.access_log.as_ref()?;
        Some(directory.join(access_log::file_name(target)))
    }

    /// The main configuration as it is tested. Beside the real one, since nginx resolves relative
    /// includes from there; its name ends like nothing that is included.
    fn trial(&self, target: &Target) -> PathBuf {
        let name = self.arrangement.main.file_name().unwrap_or_default();
        let name = format!("{}.{}", name.to_string_lossy(), target.own_name());
        self.arrangement.main.with_file_name(name)
    }

    /// The candidate while it is tested: where no include of nginx looks.
    fn candidate(&self, target: &Target) -> PathBuf {
        self.pointer.directory(target).join("candidate.conf")
    }

    fn command(&self, arguments: &[&str], main: &Path) -> Vec<String> {
        let mut command = self.arrangement.command.clone();
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command.push("-c".to_owned());
        command.push(main.to_string_lossy().into_owned());
        command
    }

    /// What a target's file says now; none when there is none.
    async fn on_disk(&self, target: &Target) -> Result<Option<String>> {
        let content = self.host().read(&self.file(target)).await?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The file of a target under another name than its own, where nginx reads it as well. A file that cannot be read is
    /// passed over: nginx says so itself.
    async fn under_another_name(&self, target: &Target) -> Result<Option<owner::NotOurs>> {
        let sites = &self.arrangement.sites;
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

    /// What stands: in the live pointer or in the file, whichever was switched last. They differ when
    /// the mode was changed since.
    async fn standing(&self, target: &Target, on_disk: Option<&str>) -> Result<Pointer> {
        let live = self.pointer.read(target).await?;
        let written = on_disk.and_then(render::pointer_in).unwrap_or_default();
        Ok(if written.generation > live.generation {
            written
        } else {
            live
        })
    }

    /// Everything that a switch is compared with: the pointer's files, or the one pointer in nginx's own file.
    async fn pointer_state(&self, target: &Target) -> Result<PointerState> {
        if self.arrangement.mode == SwitchMode::Pointer {
            return self.pointer.state(target).await;
        }
        let on_disk = self.on_disk(target).await?;
        let standing = self.standing(target, on_disk.as_deref()).await?;
        let mut state = PointerState {
            live: standing.slot,
            ..PointerState::default()
        };
        if let Some(slot) = standing.slot {
            *state.slots.get_mut(slot) = Some(standing.last_switch());
        }
        Ok(state)
    }

    /// Where it runs and is asked.
    fn address(&self) -> String {
        let Arrangement {
            host, answer_at, ..
        } = &self.arrangement;
        format!("nginx on {}, asked at {answer_at}", host.place())
    }

    /// What is done when it is asked, with the address.
    fn doing_ask(&self, target: &Target) -> String {
        format!(
            "asking {} what it does for {target}",
            self.arrangement.answer_at
        )
    }

    fn failure(
        &self,
        kind: FailureKind,
        doing: impl Into<String>,
        said: impl Into<String>,
    ) -> Failure {
        let place = format!("nginx on {}", self.arrangement.host.place());
        Failure::new(kind, place, doing, said)
    }
}
