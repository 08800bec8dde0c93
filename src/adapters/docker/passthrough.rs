//! The table `docker` of a service: options of Docker's API that have no setting of their own.

use bollard::models::ContainerCreateBody;
use serde_json::{Map, Value};

use crate::inventory::WrongOption;

/// The table inside the body of the request that has most of the options.
const HOST: &str = "HostConfig";

/// The keys that are refused, and what to do instead. Greenroom sets most of them.
#[rustfmt::skip]
const REFUSED: &[(&[&str], &str)] = &[
    (&["Image"], "use `image`; the version is chosen at each release"),
    (&["Cmd"], "use `command`"),
    (&["Entrypoint"], "use `entrypoint`"),
    (&["Env"], "use `environment`"),
    (&["Labels"], "use `labels`"),
    (&["User"], "use `user`"),
    (&["WorkingDir"], "use `working_dir`"),
    (&["StopSignal"], "use `stop_signal`"),
    (&["Healthcheck"], "use `healthcheck`"),
    (&["StopTimeout"], "use `timing.stop_grace`"),
    (&["ExposedPorts"], "use `listen`"),
    (&["Volumes"], "use `mounts`"),
    (&["Tty"], "remove it, because a terminal changes the log that Greenroom reads"),
    (&[HOST, "Memory"], "use `memory`"),
    (&[HOST, "NanoCpus"], "use `cpus`"),
    (&[HOST, "CpuPeriod"], "use `cpus`"),
    (&[HOST, "CpuQuota"], "use `cpus`"),
    (&[HOST, "RestartPolicy"], "use `restart`"),
    (&[HOST, "AutoRemove"], "remove it, because Greenroom removes its containers itself"),
    (&[HOST, "NetworkMode"], "use `network`"),
    (&[HOST, "PortBindings"], "use `endpoints` of the environment"),
    (&[HOST, "PublishAllPorts"], "use `endpoints` of the environment"),
    (&[HOST, "Binds"], "use `mounts`"),
    (&[HOST, "Mounts"], "use `mounts`"),
    (&[HOST, "Tmpfs"], "use `tmpfs`"),
    (&[HOST, "Ulimits"], "use `ulimits`"),
    (&[HOST, "ExtraHosts"], "use `extra_hosts`"),
    (&[HOST, "LogConfig"], "use `logging`"),
    (&[HOST, "ShmSize"], "use `shm_size`"),
    (&[HOST, "Init"], "use `init`"),
    (&[HOST, "CapAdd"], "use `cap_add`"),
    (&[HOST, "CapDrop"], "use `cap_drop`"),
    (&[HOST, "ReadonlyRootfs"], "use `read_only_root`"),
];

/// Finds every option that Docker's API does not have, that has a value of another type, or that has a setting of its
/// own.
pub fn wrong_options(options: &Map<String, Value>) -> Vec<WrongOption> {
    let mut wrong = Vec::new();
    for (key, value) in options {
        match value {
            Value::Object(below) if key == HOST => {
                wrong.extend(
                    below
                        .iter()
                        .filter_map(|(key, value)| objection(&[HOST, key], value)),
                );
            }
            _ => wrong.extend(objection(&[key], value)),
        }
    }
    wrong
}

/// The options as a body that has nothing else. The error describes the first wrong option.
pub(super) fn body_of(options: &Map<String, Value>) -> Result<ContainerCreateBody, String> {
    if let Some(WrongOption { path, says }) = wrong_options(options).into_iter().next() {
        return Err(format!("docker.{}: {says}", path.join(".")));
    }
    serde_json::from_value(Value::Object(options.clone())).map_err(|error| error.to_string())
}

fn objection(path: &[&str], value: &Value) -> Option<WrongOption> {
    let wrong = |path: Vec<String>, says: String| Some(WrongOption { path, says });
    let own = || path.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == path) {
        return wrong(own(), format!("this option cannot be set here: {instead}"));
    }
    let whole = path.iter().rev().fold(value.clone(), |below, key| {
        Value::Object(Map::from_iter([((*key).to_owned(), below)]))
    });
    let body: ContainerCreateBody = match serde_json::from_value(whole.clone()) {
        Ok(body) => body,
        Err(error) => {
            let says = format!(
                "Docker's API has another type for this option ({error}): correct the value"
            );
            return wrong(own(), says);
        }
    };
    // The client library ignores keys that it does not know, so they are missing in the body.
    let kept = serde_json::to_value(body).unwrap_or_default();
    let lost = missing(&whole, &kept)?;
    let says = "Docker's API has no such option for a new container: correct the key, e.g. HostConfig.PidsLimit";
    wrong(lost, says.to_owned())
}

/// The path of a key of `given` that `kept` does not have.
fn missing(given: &Value, kept: &Value) -> Option<Vec<String>> {
    let below = |key: String, given: &Value, kept: Option<&Value>| match kept {
        None => Some(vec![key]),
        Some(kept) => {
            let mut path = missing(given, kept)?;
            path.insert(0, key);
            Some(path)
        }
    };
    match given {
        Value::Object(keys) => {
            let mut keys = keys.iter();
            keys.find_map(|(key, value)| below(key.clone(), value, kept.get(key)))
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| below(format!("[{index}]"), item, kept.get(index)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(options: Value) -> Vec<String> {
        let options: Map<String, Value> = serde_json::from_value(options).expect("a table");
        let wrong = wrong_options(&options).into_iter();
        wrong
            .map(|it| format!("{}: {}", it.path.join("."), it.says))
            .collect()
    }

    #[test]
    fn options_of_the_api_are_accepted() {
        let options = serde_json::json!({
            "Domainname": "web.example",
            "HostConfig": {
                "PidsLimit": 100, "Privileged": true, "Dns": ["10.0.0.53"],
                "Sysctls": { "net.core.somaxconn": "1024" },
                "Devices": [{ "PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse" }],
            },
        });
        assert_eq!(wrong(options.clone()), Vec::<String>::new());
        let options: Map<String, Value> = serde_json::from_value(options).expect("a table");
        let body = body_of(&options).expect("a body");
        assert_eq!(body.host_config.and_then(|host| host.pids_limit), Some(100));
    }

    #[test]
    fn an_unknown_key_is_named_at_any_depth() {
        for (options, path) in [
            (serde_json::json!({ "Pids": 1 }), "Pids"),
            (serde_json::json!({ "PidsLimit": 1 }), "PidsLimit"),
            (
                serde_json::json!({ "HostConfig": { "pidsLimit": 1 } }),
                "HostConfig.pidsLimit",
            ),
            (
                serde_json::json!({ "HostConfig": { "Devices": [{ "Path": "/dev/fuse" }] } }),
                "HostConfig.Devices.[0].Path",
            ),
        ] {
            let wrong = wrong(options);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(
                wrong[0].starts_with(&format!("{path}: Docker's API has no such option")),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        for (options, path) in [
            (
                serde_json::json!({ "HostConfig": { "PidsLimit": "many" } }),
                "HostConfig.PidsLimit",
            ),
            (serde_json::json!({ "HostConfig": 1 }), "HostConfig"),
            (
                serde_json::json!({ "HostConfig": { "CgroupnsMode": "mine" } }),
                "HostConfig.CgroupnsMode",
            ),
        ] {
            let wrong = wrong(options);
            assert!(
                wrong[0].starts_with(&format!("{path}: Docker's API has another type")),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_key_with_a_setting_of_its_own_is_refused() {
        for (path, instead) in REFUSED {
            let options = path.iter().rev().fold(
                Value::Null,
                |below, key| serde_json::json!({ (*key).to_owned(): below }),
            );
            let wrong = wrong(options);
            assert_eq!(
                wrong,
                [format!(
                    "{}: this option cannot be set here: {instead}",
                    path.join(".")
                )]
            );
        }
    }
}
