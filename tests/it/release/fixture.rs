//! Everything that one test needs: a private nginx, the real Docker engine and image registry, an
//! etcd, a configuration file for all of them, and the application that `wire` builds from it.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom::history::{Outcome, Step};
use greenroom::inventory::{
    Address, Role, Slot, Snapshot, SourceState, Target, VersionRef, instance_name,
};
use greenroom::release::{
    AnnouncementKind, Approval, Command as ReleaseCommand, Handle, OnFailure, Plan, PlanRequest,
    Progress, Refused, Scope, Status, StepState, Wanted,
};
use greenroom::settings::{Request, Settings};
use greenroom::watchers;
use greenroom::wire::{self, App};
use tempfile::TempDir;

use crate::support::load::LoadPlan;
use crate::support::{docker, etcd, eventually, free_port, from_environment};

/// What a test changes.
#[derive(Debug, Clone)]
pub(super) struct FixtureOptions {
    pub(super) tier: &'static str,
    pub(super) docker: String,
    pub(super) etcd: String,
    pub(super) on_sockets: bool,
    pub(super) standby: &'static str,
    pub(super) lease: (&'static str, &'static str),
    pub(super) nginx_in_container: bool,
    pub(super) work: &'static str,
    /// How many members each slot has.
    pub(super) members: usize,
}

impl Default for FixtureOptions {
    fn default() -> Self {
        Self {
            tier: "staging",
            docker: docker(),
            etcd: etcd(),
            on_sockets: false,
            standby: "1s",
            lease: ("30s", "10s"),
            nginx_in_container: false,
            work: "1ms",
            members: 1,
        }
    }
}

/// The most members that a test starts in a slot.
const MOST_STARTED: usize = 4;

/// All servers of a test. Dropping it ends everything it started.
pub(super) struct Fixture {
    pub(super) app: App,
    pub(super) target: Target,
    pub(super) place: TempDir,
    pub(super) public: SocketAddr,
    pub(super) text: String,
    nginx: Option<Child>,
    /// Workers without a master.
    orphans: Vec<String>,
    container: Option<String>,
}

impl Fixture {
    pub(super) async fn new(options: FixtureOptions) -> Self {
        let place = tempfile::Builder::new()
            .prefix("greenroom-release")
            .tempdir()
            .expect("a directory");
        // Workers of nginx and processes in containers need access.
        set_mode(place.path(), 0o755);
        let at = place.path().to_owned();
        for directory in [
            "nginx", "logs", "sites", "live", "data", "blue", "green", "run",
        ] {
            fs::create_dir(at.join(directory)).expect("a directory");
            // Workers read the pointers, and only the test's user writes them.
            let mode = if directory == "live" { 0o755 } else { 0o777 };
            set_mode(&at.join(directory), mode);
        }
        let service = format!("t{}", ulid::Ulid::generate().to_string().to_lowercase());
        let public = free_port();
        let text = settings(&at, &service, public, &options);
        fs::write(at.join("greenroom.toml"), &text).expect("the configuration");
        let (nginx, container) = if options.nginx_in_container {
            (None, Some(start_nginx_in_container(&at, &service).await))
        } else {
            (Some(start_nginx(&at).await), None)
        };
        Self {
            app: build(&at, &text).await,
            target: Target::new(
                service.parse().expect("a name"),
                "production".parse().expect("a name"),
            ),
            public: SocketAddr::from(([127, 0, 0, 1], public)),
            text,
            place,
            nginx,
            orphans: Vec::new(),
            container,
        }
    }

    /// Another operator's application on the same fixture.
    pub(super) async fn another(&self, operator: &str) -> App {
        let text = format!(
            "operator = {{ name = \"{operator}\", host = \"ops-2\" }}\n{}",
            self.text
        );
        build(self.place.path(), &text).await
    }

    /// Kills the master of nginx, and with `whole` its workers too.
    pub(super) fn kill_nginx(&mut self, whole: bool) {
        let mut nginx = self.nginx.take().expect("it runs");
        let children = format!("/proc/{0}/task/{0}/children", nginx.id());
        let children = fs::read_to_string(children).expect("its workers");
        self.orphans = children.split_whitespace().map(str::to_owned).collect();
        nginx.kill().expect("killed");
        nginx.wait().expect("its end");
        if whole {
            self.kill_orphans();
        }
    }

    fn kill_orphans(&mut self) {
        for orphan in self.orphans.drain(..) {
            let _ = Command::new("kill").args(["-KILL", &orphan]).status();
        }
    }

    /// Starts nginx again in the same place.
    pub(super) async fn start_nginx_again(&mut self) {
        self.kill_orphans();
        let at = self.place.path().to_owned();
        let _ = fs::remove_file(at.join("nginx/nginx.pid"));
        self.nginx = Some(start_nginx(&at).await);
    }

    /// The same fixture under a changed configuration.
    pub(super) async fn rebuild(&mut self, change: impl FnOnce(&str) -> String) {
        self.text = change(&self.text);
        fs::write(self.place.path().join("greenroom.toml"), &self.text).expect("written");
        self.app = build(self.place.path(), &self.text).await;
    }

    /// Lets a command that resumes a release of the protected environment use `--yes`. A release is
    /// resumed under rules no looser than those it started with, so this must precede it.
    pub(super) async fn allow_yes(&mut self) {
        let allowed = "tier = \"protected\"\nrules = { allow_yes = true }";
        self.rebuild(|text| text.replace("tier = \"protected\"", allowed))
            .await;
    }

    pub(super) fn load(&self) -> LoadPlan {
        LoadPlan::new(self.public, "web.example", "/")
    }

    pub(super) fn request(&self, wanted: Wanted) -> PlanRequest {
        PlanRequest {
            override_holds: None,
            target: self.target.clone(),
            wanted,
            reason: Some("a test".into()),
            operator: self.app.engine.operator().clone(),
            trigger: None,
            skipped_tasks: Vec::new(),
            overridden_checks: Vec::new(),
        }
    }

    pub(super) async fn plan(&self, wanted: Wanted) -> Result<Plan, Refused> {
        self.app.engine.plan(&self.request(wanted)).await
    }

    /// Plans and starts. The release backs out after a failure.
    pub(super) async fn begin(&self, wanted: Wanted) -> Running {
        self.begin_with(wanted, OnFailure::BackOut).await
    }

    pub(super) async fn begin_with(&self, wanted: Wanted, on_failure: OnFailure) -> Running {
        let plan = self.plan(wanted).await.expect("a plan");
        let now = self.app.engine.clock().now();
        let by = plan.operator.clone();
        let approval = Approval::give(&plan, Scope::Plan, by, None, now).expect("an approval");
        let handle = self
            .app
            .engine
            .open(plan, &approval, on_failure)
            .await
            .expect("a release");
        Running::of(handle)
    }

    /// Promotes and waits for the end.
    pub(super) async fn promote(&self, tag: &str) -> Finished {
        self.begin(version(tag)).await.finish().await
    }

    /// The names of the containers of the tasks, in their order.
    pub(super) fn task_containers(&self) -> Vec<String> {
        let filter = format!("label=greenroom.service={}", self.target.service);
        let listed = Command::new("docker")
            .args(["-H", &docker(), "ps", "--all", "--format", "{{.Names}}"])
            .args(["--filter", &filter, "--filter", "label=greenroom.task"])
            .output();
        let names = listed.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
        let names = names.unwrap_or_default();
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The first version, live, with an empty other slot.
    pub(super) async fn with(self, tag: &str) -> Self {
        let finished = self.promote(tag).await;
        assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
        self
    }

    pub(super) async fn snapshot(&self) -> Snapshot {
        let world = watchers::once(&self.app.engine, self.app.frame.clone()).await;
        world.get(&self.target).expect("a snapshot").clone()
    }

    /// Asserts what `status` shows: this version is live, and the other slot has this role. Repeats
    /// the observation only while a server is too slow to answer.
    pub(super) async fn stands(&self, live: &str, other: Role) {
        let until = Instant::now() + Duration::from_secs(20);
        let snapshot = loop {
            let snapshot = self.snapshot().await;
            if is_heard(&snapshot) {
                break snapshot;
            }
            let (answers, public) = (&snapshot.sources, &snapshot.edges);
            assert!(Instant::now() < until, "no answer: {answers:?} {public:?}");
        };
        let slot = snapshot.live().expect("something is live");
        let name = snapshot
            .live_instance()
            .map(|i| i.version_name().to_owned());
        assert_eq!(name.as_deref(), Some(live), "{:?}", snapshot.slots);
        assert_eq!(
            snapshot.role(slot.other()),
            other,
            "{:?}",
            snapshot.slots.get(slot.other()).members
        );
        let truth = greenroom::inventory::drift::compare(&snapshot);
        assert!(truth.agrees(), "{truth:?}");
        assert_eq!(snapshot.lock, None, "the lock is given back");
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for slot in Slot::BOTH {
            for number in 1..=MOST_STARTED {
                remove_container(&instance_name(&self.target, slot, number));
            }
        }
        if let Some(name) = &self.container {
            remove_container(name);
        }
        for name in self.task_containers() {
            remove_container(&name);
        }
        self.kill_orphans();
        if let Some(nginx) = &mut self.nginx {
            // A quit and not a kill, or its workers would survive.
            let _ = Command::new("kill").arg(nginx.id().to_string()).status();
            let _ = nginx.wait();
        }
    }
}

/// Whether every server answered in time, with any answer.
pub(super) fn is_heard(snapshot: &Snapshot) -> bool {
    let sources = &snapshot.sources;
    let mut public = snapshot.edges.public_answers();
    let is_answered = public.all(|it| it.fresh.is_none_or(|answer| answer.status.is_some()));
    let sources = [&sources.runtime, &sources.registry, &sources.router];
    sources.into_iter().all(SourceState::is_live) && is_answered
}

pub(super) fn remove_container(name: &str) {
    let _ = Command::new("docker")
        .args(["-H", &docker(), "rm", "-f", "-v", name])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

pub(super) fn version(tag: &str) -> Wanted {
    Wanted::Version(VersionRef::Tag(tag.into()))
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[expect(
    clippy::unused_async,
    reason = "the set-up of a fixture blocks until everything runs"
)]
async fn build(at: &Path, text: &str) -> App {
    let loaded = Settings::read(&at.join("greenroom.toml"), text, &Request::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    wire::build(&loaded.settings, false).expect("an application")
}

fn settings(at: &Path, service: &str, public: u16, options: &FixtureOptions) -> String {
    let at = at.display();
    let image = from_environment("GREENROOM_TEST_IMAGE");
    let (listen, blue, green) = if options.on_sockets {
        (
            "{ socket = \"/run/sample/app.sock\" }".to_owned(),
            format!("\"unix:{at}/blue/app.sock\""),
            format!("\"unix:{at}/green/app.sock\""),
        )
    } else {
        (
            "{ port = 8080 }".to_owned(),
            addresses(options.members),
            addresses(options.members),
        )
    };
    let address = if options.on_sockets {
        "unix:/run/sample/app.sock"
    } else {
        "0.0.0.0:8080"
    };
    let container = if options.nginx_in_container {
        format!("container = \"nginx-{service}\"")
    } else {
        String::new()
    };
    let FixtureOptions {
        tier,
        docker,
        etcd,
        standby,
        lease: (lease, heartbeat),
        work,
        ..
    } = options;
    format!(
        r#"
[history]
archive = "{at}/archive.db"

[environments.production]
tier = "{tier}"
docker = {{ address = "{docker}" }}
registry = {{ plain_http = true }}
etcd = {{ endpoints = ["{etcd}"], prefix = "/greenroom-test/{service}" }}
lock = {{ lease = "{lease}", heartbeat = "{heartbeat}" }}

[environments.production.nginx]
configuration = "{at}/nginx/nginx.conf"
sites = "{at}/sites"
state = "{at}/live"
answer = {{ listen = "127.0.0.1:{answer}" }}
{container}

[environments.production.timing]
health_deadline = "8s"
minimum_healthy = "500ms"
watch = "1s"
drain = "5s"
standby = "{standby}"
stop_grace = "5s"

[services.{service}]
image = "{image}"
listen = {listen}
memory = "128MiB"
restart = "no"
health = {{ path = "/health", interval = "100ms" }}
mounts = [{{ source = "{at}/data", target = "/data" }}]
environment = {{ SAMPLE_ADDRESS = "{address}", SAMPLE_DATA = "/data", SAMPLE_WORK = "{work}" }}

[[services.{service}.checks]]
name = "home page"
path = "/"
expect = {{ status = 200 }}

[[services.{service}.checks]]
name = "orders"
path = "/orders"
expect = {{ status = 200 }}

[[services.{service}.checks]]
name = "preview"
path = "/version"
through_preview = true

[services.{service}.environments.production]
endpoints = {{ blue = {blue}, green = {green} }}

[services.{service}.environments.production.proxy]
server_names = ["web.example"]
listen = "127.0.0.1:{public}"
preview_server_names = ["preview.web.example"]
preview_listen = "127.0.0.1:{preview}"
"#,
        answer = free_port(),
        preview = free_port(),
    )
}

/// A list of free addresses in TOML.
fn addresses(count: usize) -> String {
    let addresses: Vec<String> = (0..count)
        .map(|_| format!("127.0.0.1:{}", free_port()))
        .collect();
    format!("{addresses:?}")
}

fn nginx_configuration(at: &Path) -> String {
    format!(
        "user root;\nworker_processes 2;\npid {0}/nginx/nginx.pid;\nerror_log {0}/run/error.log warn;\n\
         events {{ worker_connections 1024; }}\nhttp {{\n    access_log off;\n    keepalive_requests 1000000;\n    \
         client_body_temp_path {0}/run/body;\n    proxy_temp_path {0}/run/proxy;\n    fastcgi_temp_path {0}/run/fastcgi;\n    \
         uwsgi_temp_path {0}/run/uwsgi;\n    scgi_temp_path {0}/run/scgi;\n    include {0}/sites/*.conf;\n}}\n",
        at.display()
    )
}

async fn start_nginx(at: &Path) -> Child {
    fs::write(at.join("nginx/nginx.conf"), nginx_configuration(at)).expect("written");
    let child = Command::new("nginx")
        .args(["-g", "daemon off;", "-c"])
        .arg(at.join("nginx/nginx.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is installed");
    wait_for_pid(at.join("nginx/nginx.pid")).await;
    child
}

async fn wait_for_pid(path: PathBuf) {
    eventually("nginx starts", Duration::from_secs(20), || async {
        fs::read_to_string(&path).is_ok_and(|text| !text.trim().is_empty())
    })
    .await;
}

/// The same nginx in a container of the same engine, in the host's network, so that it reaches the
/// slots' loopback ports. The directory is mounted under the same path.
async fn start_nginx_in_container(at: &Path, service: &str) -> String {
    fs::write(at.join("nginx/nginx.conf"), nginx_configuration(at)).expect("written");
    let name = format!("nginx-{service}");
    let volume = format!("{0}:{0}", at.display());
    let image = from_environment("GREENROOM_TEST_NGINX_IMAGE");
    let configuration = at.join("nginx/nginx.conf").display().to_string();
    let status = Command::new("docker")
        .args([
            "-H",
            &docker(),
            "run",
            "-d",
            "--network",
            "host",
            "--name",
            &name,
        ])
        .args([
            "-v",
            &volume,
            &image,
            "nginx",
            "-g",
            "daemon off;",
            "-c",
            &configuration,
        ])
        .stdout(Stdio::null())
        .status()
        .expect("the docker client");
    assert!(status.success());
    wait_for_pid(at.join("nginx/nginx.pid")).await;
    name
}

/// A running release, with the times at which its steps were first observed in a state.
pub(super) struct Running {
    pub(super) handle: Handle,
    began: Instant,
}

/// A release that has ended.
pub(super) struct Finished {
    pub(super) status: Arc<Status>,
    pub(super) took: Duration,
}

/// Its outcome and the progress of each step, for failed tests; without the plan.
impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {:?}", self.status.progress, self.took)?;
        for step_status in &self.status.steps {
            write!(f, "\n  {}: {:?}", step_status.step, step_status.state)?;
        }
        Ok(())
    }
}

impl Finished {
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.status.outcome().cloned()
    }

    pub(super) fn is_backed_out(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::BackedOut { .. }))
    }

    pub(super) fn failed_step(&self) -> Option<Step> {
        self.status
            .steps
            .iter()
            .find_map(|step_status| match step_status.state {
                StepState::Failed { .. } => Some(step_status.step),
                _ => None,
            })
    }
}

impl Running {
    pub(super) fn of(handle: Handle) -> Self {
        Self {
            handle,
            began: Instant::now(),
        }
    }

    /// Waits until the release fulfils a condition.
    pub(super) async fn until(&self, what: &str, mut looks: impl FnMut(&Status) -> bool) {
        let mut status = self.handle.status();
        let waited = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                if looks(&status.borrow_and_update()) {
                    return true;
                }
                if status.changed().await.is_err() {
                    return false;
                }
            }
        });
        assert!(
            waited.await.unwrap_or(false),
            "{what}: {:?}",
            self.handle.status().borrow().progress
        );
    }

    /// Waits until a step is running.
    pub(super) async fn until_running(&self, step: Step) {
        self.until(&format!("{step} runs"), |status| {
            status.steps.iter().any(|step_status| {
                step_status.step == step && matches!(step_status.state, StepState::Running { .. })
            })
        })
        .await;
    }

    /// Waits until the guard of a step has allowed it, so that its intent is being recorded.
    pub(super) async fn until_started(&self, step: Step) {
        let mut announcements = self.handle.announcements();
        let started = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                let announcement = announcements.recv().await.expect("the release continues");
                if announcement.kind == AnnouncementKind::Began && announcement.step == Some(step) {
                    return;
                }
            }
        });
        assert!(started.await.is_ok(), "{step} did not start");
    }

    /// Waits until a step asks for approval.
    pub(super) async fn until_asked(&self, wanted: Step) {
        self.until(
            &format!("{wanted} asks"),
            |status| matches!(status.progress, Progress::Asking { step, .. } if step == wanted),
        )
        .await;
    }

    /// Approves a step with the environment's name.
    pub(super) async fn approve(&self, step: Step) {
        let status = self.handle.status().borrow().clone();
        let by = status.plan.operator.clone();
        let now = jiff::Timestamp::now();
        let approval = Approval::give(&status.plan, Scope::Step(step), by, Some("production"), now)
            .expect("an approval");
        self.handle
            .command(ReleaseCommand::Approve(approval))
            .await
            .expect("driven");
    }

    /// Waits for the end and approves every question on the way.
    pub(super) async fn finish(self) -> Finished {
        let mut status = self.handle.status();
        let all = async {
            loop {
                let now = status.borrow_and_update().clone();
                if now.is_over() {
                    return;
                }
                if let Progress::Asking { step, .. } = now.progress {
                    self.approve(step).await;
                }
                if status.changed().await.is_err() {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(2), all).await;
        assert!(
            in_time.is_ok(),
            "not over: {:?}",
            self.handle.status().borrow()
        );
        self.handle.ended().await;
        Finished {
            took: self.began.elapsed(),
            status: self.handle.status().borrow().clone(),
        }
    }
}

/// The address of a slot, for direct requests.
pub(super) fn tcp(address: &Address) -> SocketAddr {
    match address {
        Address::Ip { at, .. } => *at,
        other => panic!("{other} has no IP address"),
    }
}
