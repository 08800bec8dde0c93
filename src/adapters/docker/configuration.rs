//! The configuration of a container as Docker reports it, under names that help a person to compare two slots.
//! Properties that differ between slots by design (the address, the directory of the socket) have the same text in both
//! slots. Values of environment variables may be secret, so only their fingerprints are shown.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bollard::models::{
    ContainerConfig, ContainerInspectResponse, HostConfig, MountPoint, PortBinding,
};

use serde::Serialize;
use serde_json::Value;

use super::labels::{IMAGES, OURS, secrets};
use crate::checks::may_be_secret;
use crate::inventory::{Cpus, Endpoint, FingerprintKey};
use crate::sanitize::sanitize;

/// The longest name or value, in characters.
const LONGEST: usize = 200;
/// The most properties of a container that are read.
const MOST: usize = 256;
/// The length of a name that Docker itself gives to a volume.
const ANONYMOUS_NAME_LENGTH: usize = 64;

/// What is shown under another name, and what differs between all containers or means nothing after the start.
const SHOWN_OF_CONFIG: [&str; 16] = [
    "ArgsEscaped",
    "AttachStderr",
    "AttachStdin",
    "AttachStdout",
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Hostname",
    "Image",
    "Labels",
    "StopSignal",
    "User",
    "Volumes",
    "WorkingDir",
];
const SHOWN_OF_HOST: [&str; 20] = [
    "Binds",
    "CapAdd",
    "CapDrop",
    "ConsoleSize",
    "ContainerIDFile",
    "ExtraHosts",
    "Init",
    "LogConfig",
    "Memory",
    "Mounts",
    "NanoCpus",
    "NetworkMode",
    "PortBindings",
    "ReadonlyRootfs",
    "RestartPolicy",
    "SecurityOpt",
    "ShmSize",
    "Tmpfs",
    "Ulimits",
    "Privileged",
];

/// The properties of an inspected container, by name. Values are sanitized and shortened.
pub(super) fn read(
    container: &ContainerInspectResponse,
    endpoint: Option<&Endpoint>,
    fingerprints: &FingerprintKey,
) -> BTreeMap<String, String> {
    let mut entries = Entries {
        values: BTreeMap::new(),
        fingerprints,
    };
    if let Some(config) = &container.config {
        program(&mut entries, config);
    }
    if let Some(host) = &container.host_config {
        limits(&mut entries, host, endpoint);
        rights(&mut entries, host);
        logging(&mut entries, host);
    }
    for mount in container.mounts.iter().flatten() {
        let inside = mount.destination.as_deref().unwrap_or_default();
        entries.add(&format!("mount {inside}"), &mounted(mount, endpoint));
    }
    // The options without a setting of their own are last, so that the limit leaves them out first.
    if let Some(config) = &container.config {
        entries.add_others("docker", config, &SHOWN_OF_CONFIG);
    }
    if let Some(host) = &container.host_config {
        let mut host = host.clone();
        // Docker's own limit of memory with swap is twice the limit of memory.
        let own = host.memory.map(|memory| memory.saturating_mul(2));
        host.memory_swap = host.memory_swap.filter(|swap| Some(*swap) != own);
        entries.add_others("docker HostConfig", &host, &SHOWN_OF_HOST);
    }
    entries.values
}

struct Entries<'a> {
    values: BTreeMap<String, String>,
    fingerprints: &'a FingerprintKey,
}

impl Entries<'_> {
    /// Adds a property if its value is not empty and the limit is not reached. A value that is not shown in full is
    /// followed by its fingerprint, so that two values that differ only in the hidden part are not equal.
    fn add(&mut self, name: &str, value: &str) {
        if value.is_empty() || self.values.len() >= MOST {
            return;
        }
        let cut = |text: &str| sanitize(text).chars().take(LONGEST).collect::<String>();
        let mut shown = cut(value);
        if shown != value {
            let fingerprint = self.fingerprints.of(value);
            shown = format!("{shown} {fingerprint}");
        }
        self.values.insert(cut(name), shown);
    }

    /// Adds the values of a part of Docker's answer by their own keys, without `shown` and without empty values.
    fn add_others(&mut self, part: &str, values: &impl Serialize, shown: &[&str]) {
        let Ok(Value::Object(values)) = serde_json::to_value(values) else {
            return;
        };
        for (key, value) in values {
            let is_empty = match &value {
                Value::Null | Value::Bool(false) => true,
                Value::Bool(true) => false,
                Value::Number(number) => number.as_i64() == Some(0),
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(table) => table.is_empty(),
            };
            if is_empty || shown.contains(&key.as_str()) {
                continue;
            }
            let name = match part.split_once(' ') {
                Some((part, below)) => format!("{part} {below}.{key}"),
                None => format!("{part} {key}"),
            };
            let text = value.as_str().map(str::to_owned);
            self.add(&name, &text.unwrap_or_else(|| value.to_string()));
        }
    }
}

/// The command of the healthcheck, and its times.
fn healthcheck(config: &ContainerConfig) -> String {
    let Some(health) = &config.healthcheck else {
        return String::new();
    };
    let command = health.test.as_deref().unwrap_or_default().join(" ");
    let time = |nanoseconds: Option<i64>| {
        let nanoseconds = u64::try_from(nanoseconds.unwrap_or_default()).unwrap_or_default();
        (nanoseconds > 0).then(|| format!("{:?}", Duration::from_nanos(nanoseconds)))
    };
    let retries = health.retries.filter(|retries| *retries > 0);
    let parts = [
        time(health.interval).map(|time| format!("every {time}")),
        time(health.timeout).map(|time| format!("timeout {time}")),
        time(health.start_period).map(|time| format!("start period {time}")),
        retries.map(|retries| format!("retries {retries}")),
    ];
    let command = (!command.is_empty()).then_some(command).into_iter();
    let parts = command.chain(parts.into_iter().flatten());
    parts.collect::<Vec<_>>().join(", ")
}

fn program(entries: &mut Entries<'_>, config: &ContainerConfig) {
    let join = |parts: &Option<Vec<String>>| parts.as_deref().unwrap_or_default().join(" ");
    entries.add("entrypoint", &join(&config.entrypoint));
    entries.add("command", &join(&config.cmd));
    entries.add("user", config.user.as_deref().unwrap_or_default());
    let directory = config.working_dir.as_deref().unwrap_or_default();
    entries.add("working_dir", directory);
    let signal = config.stop_signal.as_deref().unwrap_or_default();
    entries.add("stop_signal", signal);
    entries.add("healthcheck", &healthcheck(config));
    for variable in config.env.iter().flatten() {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let value = entries.fingerprints.of(value);
        entries.add(&format!("env {name}"), &value);
    }
    for name in config.labels.iter().flat_map(secrets) {
        entries.add(&format!("secret {name}"), "a file");
    }
    for (name, value) in config.labels.iter().flatten() {
        if !name.starts_with(OURS) && !name.starts_with(IMAGES) {
            entries.add(&format!("label {name}"), value);
        }
    }
}

fn limits(entries: &mut Entries<'_>, host: &HostConfig, endpoint: Option<&Endpoint>) {
    if let Some(memory) = host.memory.filter(|bytes| *bytes > 0) {
        entries.add("memory", &bytes(memory.unsigned_abs()));
    }
    if let Some(cpus) = host.nano_cpus.filter(|cpus| *cpus > 0) {
        entries.add("cpus", &f64::from(Cpus(cpus)).to_string());
    }
    if let Some(policy) = &host.restart_policy {
        let name = policy.name.map_or(String::new(), |name| name.to_string());
        entries.add("restart policy", &name);
    }
    let network = host.network_mode.as_deref().unwrap_or_default();
    entries.add("network", network);
    if let Some(size) = host.shm_size {
        entries.add("shm_size", &bytes(size.unsigned_abs()));
    }
    if let Some(init) = host.init {
        entries.add("init", if init { "yes" } else { "no" });
    }
    for (path, options) in host.tmpfs.iter().flatten() {
        let options = if options.is_empty() { "yes" } else { options };
        entries.add(&format!("tmpfs {path}"), options);
    }
    for limit in host.ulimits.iter().flatten() {
        let name = limit.name.as_deref().unwrap_or_default();
        let (soft, hard) = (
            limit.soft.unwrap_or_default(),
            limit.hard.unwrap_or_default(),
        );
        entries.add(
            &format!("ulimit {name}"),
            &format!("soft {soft}, hard {hard}"),
        );
    }
    for host in host.extra_hosts.iter().flatten() {
        let (name, at) = host.split_once(':').unwrap_or((host, ""));
        entries.add(&format!("extra host {name}"), at);
    }
    for (inside, bindings) in host.port_bindings.iter().flatten() {
        let bindings = bindings.iter().flatten();
        let places: Vec<String> = bindings.map(|at| published(at, endpoint)).collect();
        entries.add(&format!("port {inside}"), &places.join(", "));
    }
}

fn rights(entries: &mut Entries<'_>, host: &HostConfig) {
    let join = |names: &Option<Vec<String>>| {
        let mut names = names.clone().unwrap_or_default();
        names.sort();
        names.join(" ")
    };
    entries.add("cap_add", &join(&host.cap_add));
    entries.add("cap_drop", &join(&host.cap_drop));
    for (name, is_set) in [
        ("privileged", host.privileged),
        ("read_only_root", host.readonly_rootfs),
    ] {
        if is_set == Some(true) {
            entries.add(name, "yes");
        }
    }
    for option in host.security_opt.iter().flatten() {
        let is_no_new_privileges = ["no-new-privileges", "no-new-privileges:true"];
        if is_no_new_privileges.contains(&option.as_str()) {
            entries.add("no_new_privileges", "yes");
        } else {
            let (name, value) = option.split_once(['=', ':']).unwrap_or((option, "yes"));
            entries.add(&format!("security option {name}"), value);
        }
    }
}

/// The log driver and its options. An option may be a secret, such as the token of a log server.
fn logging(entries: &mut Entries<'_>, host: &HostConfig) {
    let Some(log) = &host.log_config else {
        return;
    };
    entries.add("log driver", log.typ.as_deref().unwrap_or_default());
    for (name, value) in log.config.iter().flatten() {
        let name = format!("log option {name}");
        if may_be_secret(&name) {
            let value = entries.fingerprints.of(value);
            entries.add(&name, &value);
        } else {
            entries.add(&name, value);
        }
    }
}

fn published(at: &PortBinding, endpoint: Option<&Endpoint>) -> String {
    let ip = at.host_ip.as_deref().filter(|ip| !ip.is_empty());
    let ip = ip.unwrap_or("0.0.0.0");
    let port = at.host_port.as_deref().unwrap_or_default();
    // An address can be written in several ways, so it is parsed, compared and shown in one form.
    let place = match (ip.parse::<IpAddr>(), port.parse()) {
        (Ok(ip), Ok(port)) => Endpoint::tcp(SocketAddr::new(ip, port)).to_string(),
        _ => format!("{ip}:{port}"),
    };
    match endpoint {
        Some(endpoint) if endpoint.to_string() == place => {
            "published at the slot's address".to_owned()
        }
        _ => format!("published at {place}"),
    }
}

fn mounted(mount: &MountPoint, endpoint: Option<&Endpoint>) -> String {
    let source = match (mount.name.as_deref(), mount.source.as_deref()) {
        (Some(name), _) if is_anonymous_volume(name) => "an anonymous volume",
        (Some(name), _) if !name.is_empty() => name,
        (_, Some(source)) if is_slots_directory(source, endpoint) => "the slot's own directory",
        (_, source) => source.unwrap_or_default(),
    };
    let read_only = if mount.rw == Some(false) {
        ", read only"
    } else {
        ""
    };
    format!("{source}{read_only}")
}

fn is_anonymous_volume(name: &str) -> bool {
    name.len() == ANONYMOUS_NAME_LENGTH && name.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_slots_directory(source: &str, endpoint: Option<&Endpoint>) -> bool {
    match endpoint {
        Some(Endpoint::Unix(socket)) => socket.parent() == Some(Path::new(source)),
        _ => false,
    }
}

fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{} {unit}", bytes / size);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models::{HealthConfig, RestartPolicy, RestartPolicyNameEnum};

    use super::*;

    fn container(port: &str, directory: &str, secret: &str) -> ContainerInspectResponse {
        let binding = PortBinding {
            host_ip: Some("127.0.0.1".into()),
            host_port: Some(port.into()),
        };
        ContainerInspectResponse {
            config: Some(ContainerConfig {
                cmd: Some(vec!["serve".into(), "--all".into()]),
                env: Some(vec![format!("TOKEN={secret}"), "EMPTY=".into()]),
                labels: Some(HashMap::from([
                    ("greenroom.slot".to_owned(), port.to_owned()),
                    ("greenroom.secrets".to_owned(), "db_password".to_owned()),
                    (format!("{IMAGES}revision"), port.to_owned()),
                    ("team".to_owned(), "a\u{1b}[31mb".to_owned()),
                ])),
                ..Default::default()
            }),
            host_config: Some(HostConfig {
                memory: Some(128 << 20),
                nano_cpus: Some(1_500_000_000),
                restart_policy: Some(RestartPolicy {
                    name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                    maximum_retry_count: None,
                }),
                port_bindings: Some(HashMap::from([("8080/tcp".into(), Some(vec![binding]))])),
                ..Default::default()
            }),
            mounts: Some(vec![MountPoint {
                source: Some(directory.into()),
                destination: Some("/run/app".into()),
                rw: Some(true),
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    #[test]
    fn two_slots_that_differ_only_by_design_have_equal_configurations() {
        let key = FingerprintKey::default();
        let at = |text: &str| text.parse::<Endpoint>().ok();
        let blue = read(
            &container("3001", "/x", "s"),
            at("127.0.0.1:3001").as_ref(),
            &key,
        );
        let green = read(
            &container("3002", "/x", "s"),
            at("127.0.0.1:3002").as_ref(),
            &key,
        );
        assert_eq!(blue, green);
        let socket = at("unix:/run/web/blue/app.sock");
        let blue = read(&container("1", "/run/web/blue", "s"), socket.as_ref(), &key);
        assert_eq!(blue["mount /run/app"], "the slot's own directory");
    }

    #[test]
    fn a_slots_address_is_recognised_in_every_notation() {
        let key = FingerprintKey::default();
        for (ip, endpoint) in [
            ("::1", "[::1]:3001"),
            ("0:0:0:0:0:0:0:1", "[::1]:3001"),
            ("::1", "[0:0::0001]:3001"),
            ("::ffff:127.0.0.1", "127.0.0.1:3001"),
            ("", "0.0.0.0:3001"),
        ] {
            let mut made = container("3001", "/x", "s");
            let host = made.host_config.as_mut().expect("a host");
            for bindings in host.port_bindings.iter_mut().flatten() {
                for at in bindings.1.iter_mut().flatten() {
                    at.host_ip = Some(ip.into());
                }
            }
            let endpoint = endpoint.parse::<Endpoint>().ok();
            let read = read(&made, endpoint.as_ref(), &key);
            assert_eq!(
                read["port 8080/tcp"], "published at the slot's address",
                "{ip:?} {endpoint:?}"
            );
        }
        let mut made = container("3001", "/x", "s");
        let host = made.host_config.as_mut().expect("a host");
        for bindings in host.port_bindings.iter_mut().flatten() {
            for at in bindings.1.iter_mut().flatten() {
                at.host_ip = Some("::1".into());
            }
        }
        let elsewhere = read(&made, None, &key);
        assert_eq!(elsewhere["port 8080/tcp"], "published at [::1]:3001");
    }

    #[test]
    fn values_that_differ_in_a_hidden_part_differ() {
        let key = FingerprintKey::default();
        let long = |end: &str| format!("{}{end}", "x".repeat(LONGEST));
        for (left, right) in [
            ("https://ana:hunter2@web", "https://ana:hunter3@web"),
            (long("1").as_str(), long("2").as_str()),
        ] {
            let read = |command: &str| {
                let mut made = container("1", "/x", "s");
                let config = made.config.as_mut().expect("a program");
                config.cmd = Some(vec![command.to_owned()]);
                config.labels = Some(HashMap::from([("at".to_owned(), command.to_owned())]));
                read(&made, None, &key)
            };
            let (first, second) = (read(left), read(right));
            for name in ["command", "label at"] {
                assert_ne!(first[name], second[name]);
                assert_eq!(first[name], read(left)[name]);
                assert!(!first[name].contains("hunter"), "{first:?}");
            }
        }
    }

    #[test]
    fn the_options_of_a_container_have_the_names_of_the_settings() {
        let key = FingerprintKey::default();
        let mut made = container("1", "/x", "s");
        let config = made.config.as_mut().expect("a program");
        config.working_dir = Some("/app".into());
        config.stop_signal = Some("SIGQUIT".into());
        config.healthcheck = Some(HealthConfig {
            test: Some(vec!["CMD".into(), "ask".into()]),
            interval: Some(5_000_000_000),
            retries: Some(2),
            ..HealthConfig::default()
        });
        config.hostname = Some("0123456789ab".into());
        config.stop_timeout = Some(7);
        made.host_config = serde_json::from_value(serde_json::json!({
            "CapAdd": ["SYS_TIME", "NET_ADMIN"], "CapDrop": ["ALL"], "ReadonlyRootfs": true,
            "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"], "Init": true,
            "Tmpfs": { "/tmp": "", "/run": "size=1024" }, "ShmSize": 64 << 20,
            "Ulimits": [{ "Name": "nofile", "Soft": 10, "Hard": 20 }],
            "ExtraHosts": ["db:10.0.0.1"], "PidsLimit": 100, "CpuShares": 0, "Dns": [],
            "LogConfig": { "Type": "splunk", "Config": { "splunk-token": "hunter2", "tag": "web" } },
        }))
        .expect("a host");
        let read = read(&made, None, &key);
        for (name, value) in [
            ("working_dir", "/app"),
            ("stop_signal", "SIGQUIT"),
            ("healthcheck", "CMD ask, every 5s, retries 2"),
            ("cap_add", "NET_ADMIN SYS_TIME"),
            ("cap_drop", "ALL"),
            ("read_only_root", "yes"),
            ("no_new_privileges", "yes"),
            ("security option seccomp", "unconfined"),
            ("init", "yes"),
            ("tmpfs /tmp", "yes"),
            ("tmpfs /run", "size=1024"),
            ("shm_size", "64 MiB"),
            ("ulimit nofile", "soft 10, hard 20"),
            ("extra host db", "10.0.0.1"),
            ("log driver", "splunk"),
            ("log option tag", "web"),
            ("secret db_password", "a file"),
            ("docker StopTimeout", "7"),
            ("docker HostConfig.PidsLimit", "100"),
        ] {
            assert_eq!(read.get(name).map(String::as_str), Some(value), "{name}");
        }
        let docker = read.keys().filter(|name| name.starts_with("docker "));
        assert_eq!(docker.count(), 2, "{read:?}");
        let all = format!("{read:?}");
        assert!(
            all.contains("splunk-token") && !all.contains("hunter"),
            "{all}"
        );
    }

    #[test]
    fn variables_are_fingerprints_and_text_is_sanitized() {
        let key = FingerprintKey::default();
        let first = read(&container("1", "/x", "hunter2"), None, &key);
        let second = read(&container("1", "/x", "hunter3"), None, &key);
        assert!(
            !first.values().any(|value| value.contains("hunter")),
            "{first:?}"
        );
        assert_ne!(first["env TOKEN"], second["env TOKEN"]);
        assert!(first["label team"].starts_with("ab #"), "{first:?}");
        let plain =
            ["command", "memory", "cpus", "restart policy"].map(|name| first[name].as_str());
        assert_eq!(plain, ["serve --all", "128 MiB", "1.5", "unless-stopped"]);
        assert!(!first.contains_key("label greenroom.slot"));
    }
}
