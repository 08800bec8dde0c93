//! Keys that only the file may set in a protected environment. Holds, locks and approvals are in one store, and one
//! proxy moves the traffic. If a variable pointed a release to another store, the release would find no hold there. So
//! only the file says which servers a protected environment has, what runs there and what a version must pass.
//! [`MAY_BE_SET`] lists the keys that do not decide this. Only the file may set the other keys of a protected
//! environment and its services.

use super::layers;
use super::origin::Origin;
use super::problem::Problem;
use super::tree::{Node, Value};

/// Any name of a service, environment or image registry.
const ANY: &str = "*";

/// The keys of a protected environment and its services that a variable or flag may set, each with everything below.
const MAY_BE_SET: &[&str] = &[
    // A layer may tighten these rules, but not loosen them: `loosened` checks that.
    "environments.*.tier",
    "environments.*.rules",
    "services.*.checks",
    "services.*.environments.*.checks",
    // How long a step may take. `loosened` compares the times that protect something.
    "environments.*.timing",
    "services.*.timing",
    "services.*.environments.*.timing",
    // How soon a lost driver is noticed. Any layer may change this, because every write compares the fencing token,
    // however long the lease is, and no lease is longer than ten minutes.
    "environments.*.lock",
    // The operator's login. The server that the file names checks the login and decides what the operator may do.
    // Operators who share a file each have their own login.
    "environments.*.etcd.user",
    "environments.*.etcd.password",
    "environments.*.etcd.tls.cert",
    "environments.*.etcd.tls.key",
    "environments.*.docker.tls.cert",
    "environments.*.docker.tls.key",
    "environments.*.registry.user",
    "environments.*.registry.password",
    "environments.*.registries.*.user",
    "environments.*.registries.*.password",
];

/// The keys outside of environments and services that only the file may set, if the file has a protected environment.
/// These keys decide who gets notices of the releases of that environment, and where its releases are archived. Unlike
/// a store, the archive need not be named. Without its key, `XDG_STATE_HOME` and `HOME` choose the place of the
/// operator's own copy. That copy decides no release, hold or approval: those are read from the store. An operator who
/// chooses another place no longer has the records of the old copy. Copies of other operators, and the seals in the
/// store, still show altered records.
const RECORDS: &[&str] = &["notices.*", "history.archive"];

/// What only the file decides about an environment, as messages say it.
const SERVERS: &str =
    "which servers an environment has, what runs there and what a version must pass";
/// What only the file decides about the releases of an environment, as messages say it.
const NOTICES: &str = "who gets notices of releases and where the releases are archived";

/// The keys of a service that can be overridden in the table of the service for one environment.
const REPLACED: &[&[&str]] = &[
    &["health"],
    &["memory"],
    &["cpus"],
    &["environment", ANY],
    &["secrets", ANY],
];

fn matches(pattern: &str, path: &[String]) -> bool {
    let mut keys = path.iter();
    pattern.split('.').all(|wanted| {
        keys.next()
            .is_some_and(|key| wanted == ANY || wanted == key)
    })
}

fn may_be_set(path: &[String]) -> bool {
    MAY_BE_SET.iter().any(|pattern| matches(pattern, path))
}

/// The keys that a variable or flag changes although only the file may set them. In both trees the environments
/// already have the servers of the defaults.
pub(super) fn forbidden_overrides(file: &Node, now: &Node) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for (environment, why) in guarded(file) {
        let mut comparison = Comparison {
            file,
            why,
            decides: SERVERS,
            path: Vec::new(),
            problems: Vec::new(),
        };
        comparison.below(now, &["environments", &environment], &|_| false);
        for service in entries(now, "services") {
            let Some(in_environment) = service.node.at(&["environments", &environment]) else {
                continue;
            };
            let place = ["services", &service.key];
            comparison.below(now, &place, &|path| {
                path.first().is_some_and(|key| key == "environments")
                    || is_replaced(in_environment, path)
            });
            let place = [&place[..], &["environments", &environment]].concat();
            comparison.below(now, &place, &|_| false);
        }
        comparison.decides = NOTICES;
        for table in entries(now, "notices") {
            let place = ["notices", &table.key];
            let in_file = file.at(&place);
            let is_of_others = |it: &Node| is_for_others(it, &environment);
            if !is_of_others(&table.node) || in_file.is_some_and(|it| !is_of_others(it)) {
                comparison.below(now, &place, &|_| false);
            }
        }
        comparison.below(now, &["history"], &|path| !is_record(&["history"], path));
        let is_known = |problem: &Problem| problems.iter().any(|it| it.key == problem.key);
        let new: Vec<Problem> = comparison
            .problems
            .into_iter()
            .filter(|it| !is_known(it))
            .collect();
        problems.extend(new);
    }
    problems
}

/// The environments that the file protects, and those from which a protected environment takes its versions; each with
/// the reason as text.
pub(super) fn guarded(file: &Node) -> Vec<(String, String)> {
    let text = |node: &Node, path: &[&str]| match node.at(path).map(|it| &it.value) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let environments = entries(file, "environments");
    let protected = environments
        .iter()
        .filter(|it| text(&it.node, &["tier"]).as_deref() == Some("protected"));
    let mut found = Vec::new();
    for environment in protected {
        let name = &environment.key;
        found.push((name.clone(), format!("`{name}` is protected")));
        let from = text(&environment.node, &["rules", "only_from"]);
        if let Some(from) = from.filter(|from| environments.iter().any(|it| it.key == *from)) {
            let why =
                format!("`{name}` is protected and takes only versions that are live in `{from}`");
            found.push((from, why));
        }
    }
    found
}

/// Whether a channel gets notices only of environments other than `environment`.
fn is_for_others(notice: &Node, environment: &str) -> bool {
    let named = match notice.at(&["environments"]).map(|it| &it.value) {
        Some(Value::List(named)) => named.as_slice(),
        _ => &[],
    };
    let is_it = |it: &Node| matches!(&it.value, Value::Text(name) if name == environment);
    !named.is_empty() && !named.iter().any(is_it)
}

fn is_replaced(in_environment: &Node, path: &[String]) -> bool {
    let is_named = |keys: &&&[&str]| matches(&keys.join("."), path);
    REPLACED.iter().find(is_named).is_some_and(|keys| {
        let own: Vec<&str> = path.iter().take(keys.len()).map(String::as_str).collect();
        in_environment.at(&own).is_some()
    })
}

fn is_record(table: &[&str], below: &[String]) -> bool {
    let path: Vec<String> = table.iter().map(|key| (*key).to_owned()).collect();
    let path = [&path, below].concat();
    path.len() == table.len() || RECORDS.iter().any(|record| matches(record, &path))
}

fn entries<'a>(node: &'a Node, key: &str) -> &'a [super::tree::Entry] {
    node.at(&[key]).map_or(&[], Node::entries)
}

/// Compares the settings of all layers with the file alone.
struct Comparison<'a> {
    file: &'a Node,
    why: String,
    /// What only the file may decide, as messages say it.
    decides: &'static str,
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl Comparison<'_> {
    /// Compares everything below a key, except the paths that `is_left_out` accepts.
    fn below(&mut self, now: &Node, place: &[&str], is_left_out: &dyn Fn(&[String]) -> bool) {
        let Some(found) = now.at(place) else {
            return;
        };
        self.path = place.iter().map(|key| (*key).to_owned()).collect();
        self.node(found, self.file.at(place), place.len(), is_left_out);
    }

    fn node(
        &mut self,
        now: &Node,
        file: Option<&Node>,
        depth: usize,
        is_left_out: &dyn Fn(&[String]) -> bool,
    ) {
        if may_be_set(&self.path) || is_left_out(&self.path[depth..]) {
            return;
        }
        let is_table = |node: &Node| matches!(node.value, Value::Table(_));
        if is_table(now) && file.is_none_or(is_table) {
            for entry in now.entries() {
                let same = file.and_then(|file| file.entry(&entry.key));
                self.path.push(entry.key.clone());
                self.node(&entry.node, same.map(|it| &it.node), depth, is_left_out);
                self.path.pop();
            }
        } else if let Some(layer) = layers::first_above(now)
            && file.map(Node::plain) != Some(now.plain())
        {
            self.report(layer, file.is_some());
        }
    }

    fn report(&mut self, layer: Origin, is_in_file: bool) {
        let at = self.file.origin_at(&self.path);
        let says = if is_in_file {
            "has another value"
        } else {
            "does not set this key"
        };
        let (why, decides) = (&self.why, self.decides);
        let problem = Problem::new(
            layer,
            &self.path,
            format!(
                "{why}, and {at} {says}. Only the file decides {decides}. Change the file, or remove this setting"
            ),
        );
        self.problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{schema, shared};

    /// The keys outside of environments and services that any layer may set, each with everything below. They decide
    /// nothing about what a release of a protected environment may do.
    const OF_NO_ENVIRONMENT: &[&str] = &[
        // The agent opens no release of a protected environment, and resolves each pushed tag itself.
        "agent",
        "console",
        "defaults.lock",
        "defaults.timing",
        "history.keep_days",
        "history.keep_last",
        "history.keep_logs",
        "history.log_size",
        "history.max_size",
        "operator",
    ];

    /// Whether it was decided who may set a key of the schema for a protected environment.
    fn is_classified(path: &[String]) -> bool {
        // The defaults' server tables are copied into the environments.
        let is_server = path.get(1).is_some_and(|key| shared::is_server(key));
        let classes = [RECORDS, OF_NO_ENVIRONMENT].concat();
        match path[0].as_str() {
            "environments" | "services" => true,
            "defaults" if is_server => true,
            _ => classes.iter().any(|listed| matches(listed, path)),
        }
    }

    #[test]
    fn every_key_of_the_schema_is_classified() {
        let keys = schema::keys();
        let is_table = |path: &Vec<String>| {
            let mut others = keys.iter();
            others.any(|other| other.len() > path.len() && other.starts_with(path))
        };
        for path in keys.iter().filter(|path| !is_table(path)) {
            let key = path.join(".");
            assert!(
                is_classified(path),
                "who may set {key}? See the lists in this file"
            );
        }
        let is_for_all =
            |key: &str| may_be_set(&key.split('.').map(str::to_owned).collect::<Vec<_>>());
        assert!(is_for_all("environments.*.rules.approvals"));
        assert!(is_for_all("services.*.environments.*.timing.watch"));
        assert!(is_for_all("environments.*.etcd.tls.key"));
        for key in [
            "environments.*.etcd.tls.ca",
            "environments.*.etcd.prefix",
            "services.*.command",
        ] {
            assert!(!is_for_all(key), "{key}");
        }
    }

    #[test]
    fn every_listed_key_is_in_the_schema() {
        let known: Vec<String> = schema::keys().iter().map(|it| it.join(".")).collect();
        for key in MAY_BE_SET.iter().chain(RECORDS).chain(OF_NO_ENVIRONMENT) {
            assert!(known.iter().any(|it| it == key), "{key}");
        }
        for key in REPLACED.iter().map(|keys| keys.join(".")) {
            for place in ["services.*", "services.*.environments.*"] {
                let key = format!("{place}.{key}");
                assert!(known.contains(&key), "{key}");
            }
        }
    }
}
