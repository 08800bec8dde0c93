//! Makes the body of the request that creates a container.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, HostConfig, Mount as EngineMount, MountType, PortBinding,
    RestartPolicy as EnginePolicy, RestartPolicyNameEnum,
};

use super::labels::{labels_of, labels_of_task};
use crate::inventory::{Endpoint, InstanceShape, Listen, Mount, RestartPolicy, Version};
use crate::ports::{InstanceSpec, TaskSpec};

/// How the container can be reached.
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
    let endpoint = spec.endpoint.endpoint();
    let endpoint = endpoint.map_err(|error| error.to_string())?;
    let reach = reach(&spec.shape.listen, &endpoint)?;
    let mut body = common(&spec.shape, &spec.version, environment, labels_of(spec))?;
    body.exposed_ports = reach.exposed;
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
    common(&spec.shape, &spec.version, environment, labels)
}

fn common(
    shape: &InstanceShape,
    version: &Version,
    environment: Vec<String>,
    labels: HashMap<String, String>,
) -> Result<ContainerCreateBody, String> {
    let memory = shape.memory.map(i64::try_from).transpose();
    Ok(ContainerCreateBody {
        image: Some(version.pinned()),
        cmd: shape.command.clone(),
        env: Some(environment),
        labels: Some(labels),
        host_config: Some(HostConfig {
            memory: memory.map_err(|_| {
                "the memory limit is larger than Docker accepts: configure a smaller limit"
                    .to_owned()
            })?,
            mounts: Some(shape.mounts.iter().map(mount).collect()),
            restart_policy: Some(policy(shape.restart)),
            network_mode: shape.network.clone(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn reach(listen: &Listen, endpoint: &Endpoint) -> Result<Reach, String> {
    match (listen, endpoint) {
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

    #[test]
    fn a_service_must_listen_on_the_kind_of_address_that_its_slot_has() {
        let port = Listen::Port(80);
        let socket = |path: &str| Listen::Socket(path.into());
        let tcp: Result<Endpoint, _> = "127.0.0.1:8080".parse();
        let unix: Result<Endpoint, _> = "unix:/run/web/blue/app.sock".parse();
        let (Ok(tcp), Ok(unix)) = (tcp, unix) else {
            unreachable!("both are addresses");
        };
        assert!(reach(&port, &tcp).is_ok());
        assert!(reach(&socket("/run/app/app.sock"), &unix).is_ok());
        assert!(reach(&port, &unix).is_err());
        assert!(reach(&socket("/run/app/app.sock"), &tcp).is_err());
        for bad in ["/run/app/other.sock", "/app.sock", "run/app.sock"] {
            assert!(reach(&socket(bad), &unix).is_err(), "{bad}");
        }
    }
}
