//! Small images, their registry, and containers that are removed at the end of a test.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use greenroom::adapters::docker::{DockerAddress, DockerReader, DockerWriter, Engine};
use greenroom::inventory::{
    Address, EnvironmentName, ImageLabels, InstanceShape, Listen, ReleaseId, RestartPolicy,
    SecretSource, ServiceName, Slot, Target, Version,
};
use greenroom::ports::{Failure, FailureKind, InstanceSpec, Result, Secrets};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support;

/// The busybox programs that the tests use.
const APPLETS: [&str; 21] = [
    "sh", "cat", "httpd", "sleep", "echo", "printf", "ls", "ln", "mv", "rm", "readlink", "mkdir",
    "dirname", "sync", "wc", "test", "yes", "head", "tr", "env", "touch",
];

/// A script that runs until it is asked to end.
pub(crate) const WAIT: &str = "trap 'exit 0' TERM; while :; do sleep 0.05; done";

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A name that no other test and no other run has.
pub(crate) fn unique(prefix: &str) -> String {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{number}", std::process::id())
}

/// Runs the docker client; panics with its output when it fails.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = docker_output(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(
        output.status.success(),
        "docker {arguments:?}: {} {}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn docker_output(arguments: &[&str]) -> std::process::Output {
    Command::new("docker")
        .args(["-H", &support::docker()])
        .args(arguments)
        .env_remove("DOCKER_API_VERSION")
        .output()
        .expect("the docker client")
}

/// Makes an image with these labels and some unique bytes.
///
/// It is imported, because a build from `scratch` looks for a match among all images of the engine, and fails if another
/// test removes one of them meanwhile ("unable to find image").
pub(crate) fn import(reference: &str, labels: &[(&str, &str)], own_bytes: usize) {
    let context = TempDir::new().expect("a directory");
    let bin = context.path().join("root/bin");
    std::fs::create_dir_all(&bin).expect("made");
    std::fs::copy("/bin/busybox", bin.join("busybox")).expect("busybox (static)");
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).expect("linked");
    }
    let mut own = reference.as_bytes().to_vec();
    let mut state = u32::from(own.iter().fold(7_u8, |sum, b| sum.wrapping_add(*b)));
    // Bytes that do not compress, so that a pull has data to transfer.
    own.extend((0..own_bytes).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }));
    std::fs::write(context.path().join("root/own"), own).expect("written");
    let archive = context.path().join("root.tar");
    let packed = Command::new("tar")
        .arg("-C")
        .arg(context.path().join("root"))
        .arg("-cf")
        .args([archive.as_path(), Path::new(".")])
        .status();
    assert!(packed.is_ok_and(|status| status.success()));
    let mut changes = vec!["ENV PATH=/bin".to_owned(), "CMD [\"sh\"]".to_owned()];
    changes.extend(
        labels
            .iter()
            .map(|(name, value)| format!("LABEL {name}={value:?}")),
    );
    let archive = archive.to_string_lossy();
    let mut arguments = vec!["import"];
    arguments.extend(changes.iter().flat_map(|change| ["--change", change]));
    arguments.extend([&*archive, reference]);
    docker(&arguments);
}

/// An image in the test registry, and everything else to remove at the end of the test.
pub(crate) struct World {
    pub(crate) version: Version,
    pub(crate) target: Target,
    pub(crate) directory: TempDir,
}

impl World {
    /// Builds an image and pushes it; the engine does not keep it.
    pub(crate) fn new(own_bytes: usize) -> Self {
        let repository = format!("{}/{}", support::registry(), unique("it-docker"));
        let digest = push(&repository, "1.0", &[], own_bytes);
        let service: ServiceName = unique("web").parse().expect("a name");
        let environment: EnvironmentName = "qa".parse().expect("a name");
        Self {
            version: Version {
                repository,
                tag: Some("1.0".into()),
                digest: digest.parse().expect("a digest"),
                labels: ImageLabels::default(),
            },
            target: Target::new(service, environment),
            directory: TempDir::new().expect("a directory"),
        }
    }

    /// The same, with the image also on the engine.
    pub(crate) fn pulled() -> Self {
        let world = Self::new(16);
        docker(&["pull", "-q", &world.version.pinned()]);
        world
    }

    /// An instance of its version that runs a script.
    pub(crate) fn spec(&self, slot: Slot, script: &str) -> InstanceSpec {
        InstanceSpec {
            target: self.target.clone(),
            slot,
            number: 1,
            of: 1,
            version: self.version.clone(),
            release: ReleaseId(ulid::Ulid::generate()),
            endpoint: Some(tcp(support::free_port())),
            shape: InstanceShape {
                listen: Listen::Port(8080),
                command: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
                environment: BTreeMap::new(),
                mounts: Vec::new(),
                memory: None,
                restart: RestartPolicy::No,
                network: None,
                labels: BTreeMap::new(),
                container: Box::default(),
            },
        }
    }

    /// A container that is not Greenroom's.
    pub(crate) fn foreign(&self, arguments: &[&str], script: &str) -> String {
        let marker = format!("it.world={}", self.target.service);
        let image = self.version.pinned();
        let mut all = vec!["run", "-d", "--label", &marker];
        all.extend(arguments);
        all.extend([image.as_str(), "sh", "-c", script]);
        docker(&all)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let service = &self.target.service;
        for label in [
            format!("greenroom.service={service}"),
            format!("it.world={service}"),
        ] {
            let filter = format!("label={label}");
            let found = docker_output(&["ps", "-aq", "--filter", &filter]);
            for id in String::from_utf8_lossy(&found.stdout).lines() {
                docker_output(&["rm", "-f", "-v", id]);
            }
        }
        docker_output(&["rmi", "-f", &self.version.pinned()]);
    }
}

/// Builds and pushes an image, removes it from the engine, and returns the digest.
pub(crate) fn push(repository: &str, tag: &str, labels: &[(&str, &str)], own: usize) -> String {
    let reference = format!("{repository}:{tag}");
    import(&reference, labels, own);
    docker(&["push", "-q", &reference]);
    let format = "{{range .RepoDigests}}{{println .}}{{end}}";
    let digests = docker(&["image", "inspect", "--format", format, &reference]);
    docker(&["rmi", "-f", &reference]);
    let mut digests = digests.lines().filter_map(|line| line.split_once('@'));
    let (_, digest) = digests.find(|(of, _)| *of == repository).expect("a digest");
    docker_output(&["rmi", &format!("{repository}@{digest}")]);
    digest.to_owned()
}

/// A port of the loopback interface.
pub(crate) fn tcp(port: u16) -> Address {
    format!("127.0.0.1:{port}").parse().expect("an address")
}

/// The real engine.
pub(crate) fn engine() -> Arc<Engine> {
    engine_at(&support::docker())
}

/// An engine at an address.
pub(crate) fn engine_at(address: &str) -> Arc<Engine> {
    Engine::at(DockerAddress::parse(address, None).expect("an address"))
}

/// An engine behind a unix socket.
pub(crate) fn engine_behind(socket: &Path) -> Arc<Engine> {
    engine_at(&format!("unix://{}", socket.display()))
}

/// Both sides of an engine, without credentials.
pub(crate) fn both(engine: &Arc<Engine>) -> (DockerReader, DockerWriter) {
    let writer = DockerWriter::new(engine.clone(), BTreeMap::new(), Arc::new(OneSecret));
    (DockerReader::new(engine.clone()), writer)
}

/// Knows the variable `SECRET`.
pub(crate) struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn read(&self, source: &SecretSource) -> Result<SecretString> {
        match source {
            SecretSource::Env(name) if name == "SECRET" => Ok("hunter2".into()),
            other => Err(Failure::new(
                FailureKind::Missing,
                format!("{other:?}"),
                "reading the secret",
                "it is not set",
            )),
        }
    }
}

/// An image registry that requires a user and a password.
pub(crate) struct PrivateRegistry {
    pub(crate) host: String,
    /// None while it is stopped.
    child: Option<Child>,
    directory: TempDir,
}

/// Its user, and a password whose header needs both letters in which the base64 alphabets differ.
pub(crate) const USER: &str = "ana";
pub(crate) const PASSWORD: &str = "pa>>>???~~~ss\u{f6}\u{ff}";

impl PrivateRegistry {
    /// Starts a registry and waits until it answers.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a registry with more lines in the `http` part of its configuration, such as `tls:
    /// {certificate: …, key: …}`.
    pub(crate) async fn start_with(http: &str) -> Self {
        Self::start_configured(http, "").await
    }

    /// Starts a registry with more lines in the `http` part of its configuration, and with more parts.
    pub(crate) async fn start_configured(http: &str, parts: &str) -> Self {
        let directory = TempDir::new().expect("a directory");
        let users = Command::new("htpasswd")
            .args(["-Bbn", USER, PASSWORD])
            .output();
        let users = users.expect("htpasswd, of apache2-utils").stdout;
        std::fs::write(directory.path().join("users"), users).expect("written");
        let host = format!("127.0.0.1:{}", support::free_port());
        let home = directory.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}', secret: x{http}}}\n\
             storage: {{filesystem: {{rootdirectory: '{home}/data'}}}}\n\
             auth: {{htpasswd: {{realm: it, path: '{home}/users'}}}}\n{parts}"
        );
        std::fs::write(directory.path().join("config.yml"), config).expect("written");
        let mut registry = Self {
            host,
            child: None,
            directory,
        };
        registry.run().await;
        registry
    }

    /// Stops the registry. Its images stay.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts the registry and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(self.directory.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry");
        self.child = Some(child);
        support::eventually("the registry answers", Duration::from_secs(20), || async {
            tokio::net::TcpStream::connect(&self.host).await.is_ok()
        })
        .await;
    }

    /// Pushes an image and returns its repository and digest.
    pub(crate) fn push(&self) -> (String, String) {
        let repository = format!("{}/{}", self.host, unique("private"));
        let home = self.directory.path().join("client");
        let home = home.to_string_lossy();
        let reference = format!("{repository}:1");
        import(&reference, &[], 16);
        docker(&[
            "--config", &home, "login", "-u", USER, "-p", PASSWORD, &self.host,
        ]);
        docker(&["--config", &home, "push", "-q", &reference]);
        let format = "{{index .RepoDigests 0}}";
        let pinned = docker(&["image", "inspect", "--format", format, &reference]);
        docker(&["rmi", "-f", &reference]);
        let (_, digest) = pinned.split_once('@').expect("a digest");
        (repository, digest.to_owned())
    }
}

impl Drop for PrivateRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}
