//! Makes the body of the request that creates a container.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount as EngineMount,
    MountType, PortBinding, ResourcesUlimits, RestartPolicy as EnginePolicy, RestartPolicyNameEnum,
};

use super::labels::{labels_of, labels_of_check, labels_of_task};
use super::passthrough::body_of;
use super::{report_file, secret_files};
use crate::inventory::{
    Address, Endpoint, Healthcheck, InstanceShape, Listen, Mount, RestartPolicy, Tmpfs, Ulimit,
};
use crate::ports::{CheckSpec, InstanceSpec, TaskSpec};

/// The size of the log of a check's container, as Docker takes it. The oldest output is dropped.
const MOST_OUTPUT: &str = "64m";

/// How the container can be reached. By default, it cannot be reached.
#[derive(Default)]
struct Reach {
    exposed: Option<Vec<String>>,
    bindings: Option<HashMap<String, Option<Vec<PortBinding>>>>,
    mount: Option<EngineMount>,
}

/// The body of the request. `environment` has all variables, including secret values. The error says which setting
/// cannot be used.
pub(super) fn body(
    spec: &InstanceSpec,
    environment: Vec<String>,
) -> Result<ContainerCreateBody, String> {
    let endpoint = spec.endpoint.as_ref().map(Address::endpoint).transpose();
    let endpoint = endpoint.map_err(|error| error.to_string())?;
    let reach = reach(&spec.shape.listen, endpoint.as_ref())?;
    let mut body = common(
        &spec.shape,
        spec.version.pinned(),
        environment,
        labels_of(spec),
    )?;
    body.exposed_ports = reach.exposed;
    if let Some(healthcheck) = &spec.shape.container.healthcheck {
        body.healthcheck = Some(health_config(healthcheck));
    }
    if let Some(host) = &mut body.host_config {
        host.port_bindings = reach.bindings;
        host.mounts.get_or_insert_default().extend(reach.mount);
    }
    Ok(body)
}

/// The body of the request for a task's container, which cannot be reached.
pub(super) fn task_body(
    spec: &TaskSpec,
    environment: Vec<String>,
) -> Result<ContainerCreateBody, String> {
    let labels = labels_of_task(spec);
    common(&spec.shape, spec.version.pinned(), environment, labels)
}

/// The body of the request for a check's container. It has the network of the candidate, and so also the candidate's
/// host names and name servers: Docker refuses options about these.
pub(super) fn check_body(
    spec: &CheckSpec,
    image: String,
    environment: Vec<String>,
) -> Result<ContainerCreateBody, String> {
    let mount = match &spec.shape.listen {
        Listen::Port(_) | Listen::None => None,
        listen @ Listen::Socket(_) => {
            let endpoint = spec.endpoint.as_ref().map(Address::endpoint).transpose();
            let endpoint = endpoint.map_err(|error| error.to_string())?;
            reach(listen, endpoint.as_ref())?.mount
        }
    };
    let labels = labels_of_check(spec);
    let body = common(&spec.shape, image, environment, labels)?;
    let mut host = body.host_config.unwrap_or_default();
    let mounts = host.mounts.get_or_insert_default();
    mounts.extend(mount);
    mounts.extend(spec.has_report.then(report_file::volume));
    Ok(ContainerCreateBody {
        hostname: None,
        domainname: None,
        networking_config: None,
        host_config: Some(HostConfig {
            network_mode: Some(format!("container:{}", spec.network_of.0)),
            links: None,
            dns: None,
            dns_options: None,
            dns_search: None,
            extra_hosts: None,
            // Greenroom reads the output, whatever the driver of the service is, and must not fill the disk with it.
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(HashMap::from([(
                    "max-size".to_owned(),
                    MOST_OUTPUT.to_owned(),
                )])),
            }),
            ..host
        }),
        ..body
    })
}

fn common(
    shape: &InstanceShape,
    image: String,
    environment: Vec<String>,
    labels: HashMap<String, String>,
) -> Result<ContainerCreateBody, String> {
    let options = &shape.container;
    let mut further = body_of(&options.docker)?;
    let host = host_config(shape, further.host_config.take().unwrap_or_default())?;
    Ok(ContainerCreateBody {
        image: Some(image),
        entrypoint: options.entrypoint.clone(),
        cmd: shape.command.clone(),
        env: Some(environment),
        labels: Some(labels),
        user: options.user.clone(),
        working_dir: options.working_dir.clone(),
        stop_signal: options.stop_signal.clone(),
        host_config: Some(host),
        ..further
    })
}

/// The part of the request about the host. `further` has the options without a setting of their own.
fn host_config(shape: &InstanceShape, further: HostConfig) -> Result<HostConfig, String> {
    let options = &shape.container;
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let hosts = options.extra_hosts.iter();
    let hosts: Vec<String> = hosts.map(|(name, at)| format!("{name}:{at}")).collect();
    let tmpfs = options.tmpfs.iter();
    let tmpfs: HashMap<String, String> = tmpfs
        .map(|(path, of)| (path.clone(), tmpfs_options(of)))
        .collect();
    let ulimits = options.ulimits.iter();
    let mut security = further.security_opt.clone().unwrap_or_default();
    if options.no_new_privileges {
        security.push("no-new-privileges:true".to_owned());
    }
    let mounts = shape.mounts.iter().map(mount);
    Ok(HostConfig {
        memory: size("memory", shape.memory)?,
        mounts: Some(mounts.chain(secret_files::volume(options)).collect()),
        restart_policy: Some(policy(shape.restart)),
        network_mode: shape.network.clone(),
        nano_cpus: options.cpus.map(|cpus| cpus.0),
        init: options.init,
        cap_add: list(&options.cap_add),
        cap_drop: list(&options.cap_drop),
        security_opt: list(&security),
        readonly_rootfs: options.read_only_root.then_some(true),
        tmpfs: (!tmpfs.is_empty()).then_some(tmpfs),
        shm_size: size("shm_size", options.shm_size)?,
        ulimits: Some(ulimits.map(|(name, limit)| ulimit(name, *limit)).collect()),
        extra_hosts: list(&hosts),
        log_config: options.logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: logging.driver.clone(),
            config: Some(logging.options.clone().into_iter().collect()),
        }),
        ..further
    })
}

/// The healthcheck as Docker takes it: times are in nanoseconds, and what is absent is as in the image.
fn health_config(healthcheck: &Healthcheck) -> HealthConfig {
    let nanoseconds = |time: Option<Duration>| {
        time.map(|time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    };
    let run = |command: &Vec<String>| {
        let kind = std::iter::once("CMD".to_owned());
        kind.chain(command.iter().cloned()).collect()
    };
    HealthConfig {
        test: if healthcheck.disable {
            Some(vec!["NONE".to_owned()])
        } else {
            healthcheck.command.as_ref().map(run)
        },
        interval: nanoseconds(healthcheck.interval),
        timeout: nanoseconds(healthcheck.timeout),
        retries: healthcheck.retries.map(|retries| retries.get().into()),
        start_period: nanoseconds(healthcheck.start_period),
        start_interval: None,
    }
}

/// A size as Docker takes it. The error names the setting.
fn size(key: &str, bytes: Option<u64>) -> Result<Option<i64>, String> {
    let bytes = bytes.map(i64::try_from).transpose();
    bytes.map_err(|_| format!("`{key}` is larger than Docker accepts: configure a smaller size"))
}

fn tmpfs_options(tmpfs: &Tmpfs) -> String {
    let size = tmpfs.size.map(|bytes| format!("size={bytes}"));
    let options = size.into_iter().chain(tmpfs.options.iter().cloned());
    options.collect::<Vec<_>>().join(",")
}

fn ulimit(name: &str, limit: Ulimit) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(limit.soft()),
        hard: Some(limit.hard()),
    }
}

fn reach(listen: &Listen, endpoint: Option<&Endpoint>) -> Result<Reach, String> {
    let Some(endpoint) = endpoint else {
        return match listen {
            Listen::None => Ok(Reach::default()),
            _ => Err(
                "the service listens, but the slot has no address: configure `endpoints`".into(),
            ),
        };
    };
    match (listen, endpoint) {
        (Listen::None, _) => {
            Err("a service without requests cannot have an address: remove `endpoints`, or set kind = \"http\"".into())
        }
        (Listen::Port(inside), Endpoint::Tcp(address)) => {
            let port = format!("{inside}/tcp");
            let binding = PortBinding {
                host_ip: Some(address.ip().to_string()),
                host_port: Some(address.port().to_string()),
            };
            Ok(Reach {
                exposed: Some(vec![port.clone()]),
                bindings: Some(HashMap::from([(port, Some(vec![binding]))])),
                mount: None,
            })
        }
        (Listen::Socket(inside), Endpoint::Unix(outside)) => Ok(Reach {
            exposed: None,
            bindings: None,
            mount: Some(socket_mount(inside, outside)?),
        }),
        (Listen::Port(_), Endpoint::Unix(_)) => {
            Err("the service listens on a port, but the slot's address is a unix socket: configure a port in `endpoints`, or a socket in `listen`".into())
        }
        (Listen::Socket(_), Endpoint::Tcp(_)) => {
            Err("the service listens on a unix socket, but the slot's address is a port: configure a socket in `endpoints`, or a port in `listen`".into())
        }
    }
}

/// Mounts the directory of the socket, and not the socket itself, because each start creates a new socket.
fn socket_mount(inside: &Path, outside: &Path) -> Result<EngineMount, String> {
    if inside.file_name() != outside.file_name() {
        return Err(format!(
            "the socket is {} in the container and {} on the host: use the same file name in both paths",
            inside.display(),
            outside.display()
        ));
    }
    let directory = |path: &Path| {
        let parent = path
            .parent()
            .filter(|p| p.is_absolute() && p.parent().is_some());
        let text = parent.and_then(Path::to_str).map(str::to_owned);
        text.ok_or_else(|| {
            format!(
                "the path of the socket {} must be absolute, in UTF-8 and in its own directory, e.g. /run/web/app.sock",
                path.display()
            )
        })
    };
    Ok(EngineMount {
        typ: Some(MountType::BIND),
        source: Some(directory(outside)?),
        target: Some(directory(inside)?),
        ..Default::default()
    })
}

fn mount(mount: &Mount) -> EngineMount {
    let is_path = mount.source.starts_with('/');
    EngineMount {
        typ: Some(if is_path {
            MountType::BIND
        } else {
            MountType::VOLUME
        }),
        source: Some(mount.source.clone()),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..Default::default()
    }
}

fn policy(restart: RestartPolicy) -> EnginePolicy {
    let name = match restart {
        RestartPolicy::No => RestartPolicyNameEnum::NO,
        RestartPolicy::OnFailure => RestartPolicyNameEnum::ON_FAILURE,
        RestartPolicy::UnlessStopped => RestartPolicyNameEnum::UNLESS_STOPPED,
        RestartPolicy::Always => RestartPolicyNameEnum::ALWAYS,
    };
    EnginePolicy {
        name: Some(name),
        maximum_retry_count: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::ContainerOptions;

    fn made(options: serde_json::Value) -> serde_json::Value {
        let container: ContainerOptions = serde_json::from_value(options).expect("options");
        let shape = InstanceShape {
            listen: Listen::Port(80),
            command: None,
            environment: std::collections::BTreeMap::new(),
            mounts: Vec::new(),
            memory: None,
            restart: RestartPolicy::No,
            network: None,
            labels: std::collections::BTreeMap::new(),
            container: Box::new(container),
        };
        let body = common(&shape, "web".into(), Vec::new(), HashMap::new()).expect("a body");
        serde_json::to_value(body).expect("JSON")
    }

    #[test]
    fn each_option_is_in_the_request() {
        let body = made(serde_json::json!({
            "cpus": 0.5, "user": "1000:1000", "entrypoint": ["/run"], "working_dir": "/app",
            "stop_signal": "SIGQUIT", "init": true, "cap_add": ["NET_ADMIN"], "cap_drop": ["ALL"],
            "no_new_privileges": true, "read_only_root": true, "shm_size": "64MiB",
            "tmpfs": { "/tmp": {}, "/run": { "size": "1KiB", "options": ["exec"] } },
            "ulimits": { "nofile": { "soft": 10, "hard": 20 }, "nproc": 5 },
            "extra_hosts": { "db": "10.0.0.1" },
            "logging": { "driver": "local", "options": { "max-size": "1m" } },
        }));
        let expected = serde_json::json!({
            "Entrypoint": ["/run"], "User": "1000:1000", "WorkingDir": "/app", "StopSignal": "SIGQUIT",
        });
        for (key, value) in expected.as_object().expect("keys") {
            assert_eq!(&body[key], value, "{key}");
        }
        let expected = serde_json::json!({
            "NanoCpus": 500_000_000, "Init": true, "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"], "ReadonlyRootfs": true, "ShmSize": 64 << 20,
            "Tmpfs": { "/tmp": "", "/run": "size=1024,exec" },
            "Ulimits": [
                { "Name": "nofile", "Soft": 10, "Hard": 20 },
                { "Name": "nproc", "Soft": 5, "Hard": 5 },
            ],
            "ExtraHosts": ["db:10.0.0.1"],
            "LogConfig": { "Type": "local", "Config": { "max-size": "1m" } },
        });
        for (key, value) in expected.as_object().expect("keys") {
            assert_eq!(&body["HostConfig"][key], value, "{key}");
        }
    }

    #[test]
    fn a_healthcheck_is_passed_to_docker() {
        let read = |json: serde_json::Value| {
            let options: ContainerOptions =
                serde_json::from_value(serde_json::json!({ "healthcheck": json }))
                    .expect("options");
            let healthcheck = options.healthcheck.expect("a healthcheck");
            serde_json::to_value(health_config(&healthcheck)).expect("JSON")
        };
        let asked = read(serde_json::json!({
            "command": ["app", "ask"], "interval": "5s", "timeout": "500ms", "retries": 2, "start_period": "1m",
        }));
        let expected = serde_json::json!({
            "Test": ["CMD", "app", "ask"], "Interval": 5_000_000_000_u64, "Timeout": 500_000_000,
            "Retries": 2, "StartPeriod": 60_000_000_000_u64,
        });
        for (key, value) in expected.as_object().expect("keys") {
            assert_eq!(&asked[key], value, "{key}");
        }
        // The rest is as in the image.
        let sooner = read(serde_json::json!({ "interval": "1s" }));
        assert!(
            sooner["Test"].is_null() && sooner["Retries"].is_null(),
            "{sooner}"
        );
        let disabled = read(serde_json::json!({ "disable": true }));
        assert_eq!(disabled["Test"], serde_json::json!(["NONE"]));
    }

    #[test]
    fn further_options_of_the_api_are_added() {
        let body = made(serde_json::json!({
            "cpus": 1, "no_new_privileges": true,
            "docker": {
                "Domainname": "web.example",
                "HostConfig": { "PidsLimit": 100, "SecurityOpt": ["seccomp=unconfined"] },
            },
        }));
        assert_eq!(body["Domainname"], "web.example");
        let host = &body["HostConfig"];
        assert_eq!(
            (&host["PidsLimit"], &host["NanoCpus"]),
            (&100.into(), &1_000_000_000.into())
        );
        let security = serde_json::json!(["seccomp=unconfined", "no-new-privileges:true"]);
        assert_eq!(host["SecurityOpt"], security);
    }

    #[test]
    fn options_that_are_not_set_are_left_to_docker() {
        let body = made(serde_json::json!({}));
        for key in ["Entrypoint", "User", "WorkingDir", "StopSignal"] {
            assert!(body[key].is_null(), "{key}");
        }
        for key in [
            "NanoCpus",
            "Init",
            "SecurityOpt",
            "ReadonlyRootfs",
            "Tmpfs",
            "LogConfig",
        ] {
            assert!(body["HostConfig"][key].is_null(), "{key}");
        }
    }

    #[test]
    fn a_service_must_listen_on_the_kind_of_address_that_its_slot_has() {
        let port = Listen::Port(80);
        let socket = |path: &str| Listen::Socket(path.into());
        let tcp: Result<Endpoint, _> = "127.0.0.1:8080".parse();
        let unix: Result<Endpoint, _> = "unix:/run/web/blue/app.sock".parse();
        let (Ok(tcp), Ok(unix)) = (tcp, unix) else {
            unreachable!("both are addresses");
        };
        assert!(reach(&port, Some(&tcp)).is_ok());
        assert!(reach(&socket("/run/app/app.sock"), Some(&unix)).is_ok());
        assert!(reach(&port, Some(&unix)).is_err());
        assert!(reach(&socket("/run/app/app.sock"), Some(&tcp)).is_err());
        for bad in ["/run/app/other.sock", "/app.sock", "run/app.sock"] {
            assert!(reach(&socket(bad), Some(&unix)).is_err(), "{bad}");
        }
    }
}
