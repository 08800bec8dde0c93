//! Loads settings: finds the file, applies the layers, and reports all errors together.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde_json::{Map, Value as Json};
use serde_path_to_error::{Path as DecodingPath, Segment};

use super::config::{EnvironmentSettings, Settings, TargetSettings};
use super::files::{Largest, Unreadable};
use super::loosened::{BothSettings, is_rule};
use super::model::Root;
use super::origin::Origin;
use super::paths::Chosen;
use super::problem::{Problem, Problems};
use super::show::{self, EffectiveValue};
use super::tree::{self, Node, Value};
use super::{build, check, file_only, layers, paths, prune, read, schema, shared, trust};
use crate::inventory::{EnvironmentName, WrongOption};
use crate::port_check::OutgoingPorts;
use crate::sanitize::visible;

/// A configuration of hundreds of services is far smaller.
const LARGEST: Largest = Largest {
    bytes: 4 * 1024 * 1024,
    size: "4 MiB",
    purpose: "a configuration",
};

/// The maximum number of errors shown.
const MAX_LISTED_ERRORS: usize = 200;

#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The named file, if any.
    pub path: Option<PathBuf>,
    /// The environment variables: `GREENROOM_CONFIG`, the layer above the file, `PATH`, and variables that contain
    /// secrets.
    pub environment: BTreeMap<String, String>,
    /// Keys and values of `--set`; later ones override earlier ones.
    pub overrides: Vec<(String, String)>,
    /// The ports that this machine uses for outgoing connections, so that any program may take them.
    pub outgoing: OutgoingPorts,
    /// Finds wrong options in the `docker` table of a service.
    pub docker_options: DockerOptions,
    /// Whether variables and `overrides` may loosen rules and set keys that only the file may set. Only a sandbox
    /// allows that, because a sandbox protects nothing.
    pub may_loosen: bool,
    /// Whether two findings are errors: a named file that does not exist, and a file that other users can change.
    /// Otherwise these findings are warnings. A protected environment with a file that other users can change is then
    /// not used.
    pub requires_files: bool,
}

/// Finds what is wrong with options of Docker's API. Only the adapter of Docker knows these options, so `wire` sets this.
#[derive(Debug, Clone, Copy)]
pub struct DockerOptions(pub fn(&Map<String, Json>) -> Vec<WrongOption>);

/// Accepts everything. Docker's adapter refuses wrong options when it creates a container.
impl Default for DockerOptions {
    fn default() -> Self {
        Self(|_| Vec::new())
    }
}

/// A configuration without errors.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, with every default filled in.
    pub settings: Settings,
    /// Settings that are allowed but probably a mistake, files that do not exist, and environments that are not used.
    pub warnings: Vec<Problem>,
    /// Every value in effect and its origin. Serialize this for a program to read.
    pub provenance: Vec<EffectiveValue>,
}

impl Settings {
    /// Loads the configuration, or returns all its errors.
    pub fn load(request: &Request) -> Result<Loaded, Problems> {
        let (file, chosen) = paths::discover(request.path.as_deref(), &request.environment)
            .map_err(|places| {
                single_problem(Path::new(paths::FILE_NAME), &no_file_message(&places))
            })?;
        if let Some(why) = trust::objection(&file).filter(|_| chosen == Chosen::Found) {
            return Err(single_problem(&file, &why));
        }
        let (text, modified_at) =
            contents(&file).map_err(|why| single_problem(&file, &why.to_string()))?;
        let mut loaded = Self::read(&file, &text, request)?;
        loaded.settings.is_read_once = is_of_process(&file);
        loaded.settings.modified_at = modified_at.filter(|_| !loaded.settings.is_read_once);
        Ok(loaded)
    }

    /// Reads `text` as the content of `file`. The path in `request` is ignored; the layers above the file and
    /// everything else come from `request`.
    pub fn read(file: &Path, text: &str, request: &Request) -> Result<Loaded, Problems> {
        let name = shown(file);
        let mut errors = Vec::new();
        let mut tree = tree::parse(&name, text, &mut errors);
        if !errors.is_empty() {
            // After a syntax error the rest is a guess: further errors would distract.
            return Err(problems(errors, Vec::new()));
        }
        let parsed = tree.clone();
        layers::variables(&mut tree, &request.environment, |_| true, &mut errors);
        layers::flags(&mut tree, &request.overrides, |_| true, &mut errors);
        let shared = shared::copy_into_environments(&mut tree);
        let mut forbidden_overrides = forbidden_overrides(request, parsed.clone(), &tree);
        shared.report_once(&mut forbidden_overrides);
        let wrong = read::read(&tree, &mut errors);
        let mut rest = tree.clone();
        let pruned = prune::prune(&mut rest, &wrong);
        let Some(root) = root(&rest, &name, &mut errors) else {
            shared.report_once(&mut errors);
            return Err(problems(errors, Vec::new()));
        };
        let base = paths::base_of(file);
        let link = paths::directory_of_link(file);
        let mut findings = check::check(&root, &tree, (&base, link.as_deref()), request);
        for found in [
            &mut findings.errors,
            &mut findings.warnings,
            &mut findings.not_ready,
        ] {
            found.retain(|finding| pruned.is_independent(finding));
        }
        let is_refused = |(_, finding): &(String, Problem)| pruned.is_independent(finding);
        findings.refused.retain(is_refused);
        errors.extend(findings.errors);
        if request.requires_files {
            errors.extend(findings.not_ready);
            let refused = std::mem::take(&mut findings.refused).into_iter();
            errors.extend(refused.map(|(_, finding)| finding));
        } else {
            findings.warnings.extend(findings.not_ready);
        }
        shared.report_once(&mut errors);
        shared.report_once(&mut findings.warnings);
        if !errors.is_empty() {
            errors.extend(forbidden_overrides);
            return Err(problems(errors, findings.warnings));
        }
        let Some(mut settings) =
            build_settings(rest, file, layers::read_only_at(&tree), &mut errors)
        else {
            return Err(problems(errors, findings.warnings));
        };
        for environment in &mut settings.environments {
            environment.origins = tree.origins_below(&["environments", environment.name.as_str()]);
            environment.rules.origins = rule_origins(environment);
        }
        for target in &mut settings.targets {
            let name = &target.definition.target.environment;
            let mut environments = settings.environments.iter();
            if let Some(environment) = environments.find(|it| it.name == *name) {
                let origins = environment.rules.origins.clone();
                target.definition.rules.origins = origins;
            }
        }
        let mut errors = loosened(request, file, parsed, (&settings, &tree));
        errors.extend(forbidden_overrides);
        if !errors.is_empty() {
            return Err(problems(errors, findings.warnings));
        }
        let provenance = show::values_in_effect(&tree, &root, &settings);
        settings.refuse(findings.refused, &tree);
        let refused = settings.refused.iter();
        let refused = refused.flat_map(|(name, found)| found.iter().map(move |it| (name, it)));
        let mut refused: Vec<Problem> = refused.map(|(name, it)| not_used(name, it)).collect();
        shared.report_once(&mut refused);
        if settings.environments.is_empty() && !refused.is_empty() {
            return Err(problems(refused, findings.warnings));
        }
        findings.warnings.extend(refused);
        Ok(Loaded {
            provenance,
            warnings: sorted(findings.warnings),
            settings,
        })
    }
}

impl Settings {
    /// Leaves out the environments in `found`: other users can change their files. Also leaves out each environment
    /// that takes only versions from a left-out environment, or that shares its runtime or its proxy with a left-out
    /// environment. In that case a prune or a reload would not know what the left-out environment needs.
    fn refuse(&mut self, found: Vec<(String, Problem)>, tree: &Node) {
        for (name, problem) in found {
            if let Ok(name) = name.parse() {
                self.refused.entry(name).or_default().push(problem);
            }
        }
        loop {
            let refused = &self.refused;
            let next = self.environments.iter().find_map(|it| {
                if refused.contains_key(&it.name) {
                    return None;
                }
                let from = it.rules.only_from.as_ref();
                if let Some(from) = from.filter(|from| refused.contains_key(*from)) {
                    let says = format!("this environment takes only versions that are live in {from}, which is not used");
                    return Some((it.name.clone(), vec!["rules", "only_from"], says));
                }
                let mut environments = self.environments.iter();
                let other =
                    environments.find(|other| refused.contains_key(&other.name) && it.shares(other))?;
                let says = format!("this environment shares its runtime or its proxy with {}, which is not used", other.name);
                Some((it.name.clone(), Vec::new(), says))
            });
            let Some((name, key, says)) = next else {
                break;
            };
            let path = ["environments", name.as_str()].into_iter().chain(key);
            let path: Vec<String> = path.map(str::to_owned).collect();
            let problem = Problem::new(tree.origin_at(&path), &path, says);
            self.refused.entry(name).or_default().push(problem);
        }
        let refused = &self.refused;
        self.environments
            .retain(|it| !refused.contains_key(&it.name));
        let is_used = |it: &TargetSettings| {
            let environment = &it.definition.target.environment;
            !refused.contains_key(environment)
        };
        self.targets.retain(is_used);
    }
}

/// The warning about an environment that is left out.
fn not_used(name: &EnvironmentName, problem: &Problem) -> Problem {
    let says = format!(
        "{}. Until this is corrected, Greenroom does not use {name}",
        problem.says
    );
    Problem {
        says,
        ..problem.clone()
    }
}

/// The origins of an environment's tier and rules, by key.
fn rule_origins(environment: &EnvironmentSettings) -> BTreeMap<String, String> {
    let origins = environment.origins.iter();
    let rules = origins.filter(|(key, _)| *key == "tier" || key.starts_with("rules."));
    rules
        .map(|(key, origin)| (key.clone(), origin.to_string()))
        .collect()
}

/// The errors about keys that a layer above the file sets although only the file may set them.
fn forbidden_overrides(request: &Request, mut file: Node, now: &Node) -> Vec<Problem> {
    let (variables, flags) = (&request.environment, &request.overrides);
    if request.may_loosen || !layers::sets_any(variables, flags, |_| true) {
        return Vec::new();
    }
    shared::copy_into_environments(&mut file);
    file_only::forbidden_overrides(&file, now)
}

/// The errors about rules that a layer above the file loosens.
fn loosened(
    request: &Request,
    file: &Path,
    mut tree: Node,
    now: (&Settings, &Node),
) -> Vec<Problem> {
    let (variables, flags) = (&request.environment, &request.overrides);
    if request.may_loosen || !layers::sets_any(variables, flags, is_rule) {
        return Vec::new();
    }
    let environments = tree.entry("environments");
    let environments = environments.map_or(&[][..], |it| it.node.entries());
    let environments = environments.iter().map(|it| it.key.clone()).collect();
    let is_kept: layers::Wanted = |path| !is_rule(path);
    let mut errors = Vec::new();
    layers::variables(&mut tree, variables, is_kept, &mut errors);
    layers::flags(&mut tree, flags, is_kept, &mut errors);
    shared::copy_into_environments(&mut tree);
    let wrong = read::read(&tree, &mut errors);
    let mut rest = tree.clone();
    prune::prune(&mut rest, &wrong);
    let Some(settings) = build_settings(rest, file, None, &mut errors) else {
        return errors;
    };
    let both = BothSettings {
        file: (&settings, &tree),
        now,
        environments,
    };
    both.loosened()
}

/// The sections of the file. `None` if the tree lacks a value that a section needs; then there is at least one error.
fn root(tree: &Node, name: &Arc<str>, errors: &mut Vec<Problem>) -> Option<Root> {
    match serde_path_to_error::deserialize(tree.plain()) {
        Ok(root) => Some(root),
        Err(error) => {
            // Usually the schema has already reported a better error.
            if errors.is_empty() {
                let (origin, path) = place_of(tree, error.path(), name);
                errors.push(Problem::new(origin, &path, error.inner().message()));
            }
            None
        }
    }
}

/// Where the innermost written value on a path is, with its keys.
fn place_of(tree: &Node, path: &DecodingPath, name: &Arc<str>) -> (Origin, Vec<String>) {
    let (mut node, mut origin, mut keys) = (tree, origin_of_file(name), Vec::new());
    for segment in path {
        let inner = match segment {
            Segment::Map { key } => node.entry(key).map(|entry| (&entry.node, entry.origin())),
            Segment::Seq { index } => node.items().get(*index).map(|item| (item, &item.origin)),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some((inner, at)) = inner else { break };
        keys.push(match segment {
            Segment::Seq { index } => format!("[{index}]"),
            segment => segment.to_string(),
        });
        (node, origin) = (inner, at.clone());
    }
    (origin, keys)
}

/// The settings of a tree without errors. `None` if the relative paths of the tree cannot be resolved; then there is an
/// error.
fn build_settings(
    mut tree: Node,
    file: &Path,
    read_only: Option<Origin>,
    errors: &mut Vec<Problem>,
) -> Option<Settings> {
    let base = paths::absolute(&paths::base_of(file));
    let Some(base) = base.to_str() else {
        let says = "the path of this file's directory is not UTF-8: move the file";
        errors.push(Problem::new(origin_of_file(&shown(file)), &[], says));
        return None;
    };
    resolve(&mut tree, &schema::INLINE, Path::new(base));
    let root = root(&tree, &shown(file), errors)?;
    Some(build::build(&root, file, read_only))
}

/// Makes the relative paths of a tree absolute. They start at `base`.
fn resolve(node: &mut Node, schema: &Json, base: &Path) {
    match &mut node.value {
        Value::Text(path) => {
            let format = schema.get("format").and_then(Json::as_str);
            if format == Some("path") {
                *path = base.join(&*path).to_string_lossy().into_owned();
            }
        }
        Value::List(items) => {
            let each = schema.get("items").unwrap_or(&Json::Null);
            for item in items {
                resolve(item, each, base);
            }
        }
        Value::Table(entries) => {
            let table = schema::as_table(schema).unwrap_or(schema);
            for entry in entries {
                if let Some(inner) = schema::property(table, &entry.key) {
                    resolve(&mut entry.node, inner, base);
                }
            }
        }
        _ => {}
    }
}

/// The text of the file, and when the file was last changed, if that is known.
fn contents(file: &Path) -> Result<(String, Option<Timestamp>), Unreadable> {
    let opened = open_file(file)?;
    let modified = opened.metadata().and_then(|found| found.modified());
    let modified = modified.ok().and_then(|at| at.try_into().ok());
    Ok((LARGEST.read(opened)?, modified))
}

/// Whether a path is a descriptor of this process.
fn is_of_process(file: &Path) -> bool {
    let places = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];
    places.iter().any(|place| file.starts_with(place))
}

/// Opens a file without waiting for the writer of a pipe and without reading a device. A descriptor of this process,
/// such as `/dev/stdin` or the one that a shell makes for `<(command)`, may be a pipe.
fn open_file(file: &Path) -> Result<File, Unreadable> {
    if is_of_process(file) {
        return Ok(File::open(file)?);
    }
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let opened = options.open(file)?;
    let kind = opened.metadata()?.file_type();
    Err(Unreadable::NotAFile(if kind.is_file() {
        return Ok(opened);
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device"
    }))
}

fn no_file_message(places: &[PathBuf]) -> String {
    let places: Vec<String> = places
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    format!(
        "no configuration found (looked for {}); `greenroom config init` writes one",
        places.join(" and ")
    )
}

fn shown(file: &Path) -> Arc<str> {
    let text = file.display().to_string();
    Arc::from(visible(text.strip_prefix("./").unwrap_or(&text)))
}

fn origin_of_file(name: &Arc<str>) -> Origin {
    Origin::File {
        file: Arc::clone(name),
        line: 0,
        column: 0,
    }
}

fn single_problem(file: &Path, says: &str) -> Problems {
    problems(
        vec![Problem::new(origin_of_file(&shown(file)), &[], says)],
        Vec::new(),
    )
}

fn problems(errors: Vec<Problem>, warnings: Vec<Problem>) -> Problems {
    let mut errors = sorted(errors);
    let more = errors.len().saturating_sub(MAX_LISTED_ERRORS);
    if more > 0 {
        errors.truncate(MAX_LISTED_ERRORS);
        let says =
            format!("more errors that are not listed: {more}. Correct the listed errors first");
        errors.push(Problem::new(Origin::BuiltIn, &[], says));
    }
    Problems {
        errors,
        warnings: sorted(warnings),
    }
}

fn sorted(mut list: Vec<Problem>) -> Vec<Problem> {
    list.sort_by_key(|problem| problem.origin.rank());
    list.dedup();
    list
}
