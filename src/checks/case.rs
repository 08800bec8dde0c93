//! What a check requests and what it expects, as plain data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use super::hide_in_query;
use crate::inventory::units::{MaybeWritten, Time, Written};
use crate::inventory::{EnvironmentValue, HIDDEN, ImageReference};
use crate::sanitize::command_line;

/// The health endpoint, and the timing of its probes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The path that answers 2xx once the container or process may have traffic.
    #[schemars(extend("format" = "http-path"))]
    pub path: String,
    /// The `Host` header; the endpoint's own address when absent.
    #[serde(default)]
    pub host: Option<String>,
    /// Further headers to send, e.g. `X-Forwarded-Proto = "https"` for an application that redirects to HTTPS.
    #[serde(default)]
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    pub query: BTreeMap<String, EnvironmentValue>,
    /// The time between two probes.
    #[serde(default = "one_second", with = "Written::<Time>")]
    pub interval: Duration,
    /// How long one probe may take.
    #[serde(default = "five_seconds", with = "Written::<Time>")]
    pub timeout: Duration,
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

/// What the answer to a check must be. The answer must meet every expectation that is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The expected status code; any 2xx when absent.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// The expected headers, each with its exact value.
    #[serde(deserialize_with = "with_lower_case_names")]
    pub headers: BTreeMap<String, String>,
    /// A text that the body must contain.
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body, each with the value that must be there.
    pub json: BTreeMap<String, serde_json::Value>,
    /// The maximum time for the whole answer.
    #[serde(with = "MaybeWritten::<Time>")]
    pub within: Option<Duration>,
}

/// The names of headers are compared in lower case.
fn with_lower_case_names<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let headers = BTreeMap::<String, String>::deserialize(deserializer)?.into_iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value));
    Ok(headers.collect())
}

/// One check of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "CaseSection")]
pub struct Case {
    /// The name that the console shows.
    pub name: String,
    pub kind: CaseKind,
    /// How long the check may take.
    pub timeout: Duration,
    /// Whether a failure stops the release.
    pub required: bool,
    /// How often the check is run again, as long as it does not pass.
    pub retries: u32,
}

/// The most retries of a check. A check that needs more says nothing about the candidate.
const MOST_RETRIES: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseKind {
    Request(RequestCase),
    Command(CommandCase),
    Container(ContainerCase),
}

/// One request and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCase {
    pub method: String,
    /// The path and query to request.
    pub path: String,
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    pub query: BTreeMap<String, EnvironmentValue>,
    pub body: Option<String>,
    /// Whether the check goes through the preview server instead of the candidate's own address.
    pub through_preview: bool,
    pub expect: Expectation,
}

/// A command on the machine of the operator or of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandCase {
    /// The program and its arguments. No shell is used.
    pub command: Vec<String>,
    /// The hurl file, if the command runs hurl with one.
    pub hurl: Option<PathBuf>,
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// Whether the command writes a JUnit report.
    pub junit: bool,
}

/// A command in a container that is created for the check, next to the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerCase {
    /// None for the image of the candidate. Then the container also has the target's variables, mounts and limits.
    pub image: Option<ImageReference>,
    /// The program and its arguments; none for the command of the image.
    pub command: Option<Vec<String>>,
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// Whether the command writes a JUnit report.
    pub junit: bool,
}

/// Runs hurl with the file `$1` for the candidate.
const HURL: &str = r#"command -v hurl >/dev/null || {
  echo "hurl is not installed on this machine: install it, or run it in a container with \`image\`" >&2; exit 127
}
if [ -n "$GREENROOM_URL" ]; then set -- --variable "url=$GREENROOM_URL" "$@"
else set -- --unix-socket "${GREENROOM_ADDRESS#unix:}" --variable url=http://localhost "$@"; fi
exec hurl --test --report-junit "$GREENROOM_REPORT" "$@""#;

/// A check as the configuration has it: a request with `path`, a command with `command` or `hurl`, or a container with
/// `image`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the configuration"
)]
struct CaseSection {
    /// The name that the console shows.
    name: String,
    /// The HTTP method; GET when absent.
    #[serde(default)]
    #[schemars(extend("format" = "http-method"))]
    method: Option<String>,
    /// The path and query to request.
    #[serde(default)]
    #[schemars(extend("format" = "http-path"))]
    path: Option<String>,
    /// The headers to send.
    #[serde(default)]
    headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    query: BTreeMap<String, EnvironmentValue>,
    /// The body to send.
    #[serde(default)]
    body: Option<String>,
    /// Whether the check goes through the preview server instead of the candidate's own address.
    #[serde(default)]
    through_preview: bool,
    /// The expected answer, which must meet every expectation that is set. Without `status`, any 2xx is expected.
    #[serde(default)]
    expect: Option<Expectation>,
    /// The command to run instead of a request, on the machine of the operator or the agent: the program and its
    /// arguments. Exit code 0 means that the check passed. In a container, it replaces the command of the image, whose
    /// entry point still runs.
    #[serde(default)]
    command: Option<Vec<String>>,
    /// Whether the command runs in a new container of the candidate's image, with the network of the candidate.
    #[serde(default)]
    container: bool,
    /// Another image for the container, by tag or digest, such as `registry.example/team/e2e:1.4`. Without `command`,
    /// the command of the image runs.
    #[serde(default)]
    #[schemars(extend("format" = "image"))]
    image: Option<String>,
    /// A hurl file to run instead of a request, relative to this file. Its variable `url` is the address of the candidate.
    /// The program hurl must be installed on the machine of the operator or the agent.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    hurl: Option<PathBuf>,
    /// Environment variables of the command.
    #[serde(default)]
    environment: BTreeMap<String, EnvironmentValue>,
    /// Whether the command writes a JUnit report to the file that the variable `GREENROOM_REPORT` names. Then every test
    /// in the report must pass or be skipped, and not all be skipped.
    #[serde(default)]
    junit: bool,
    /// How long to wait for the answer or for the end of the command. Absent: 5 seconds for a request, 5 minutes for a
    /// command.
    #[serde(default, with = "MaybeWritten::<Time>")]
    timeout: Option<Duration>,
    /// Whether a failure stops the release.
    #[serde(default = "yes")]
    required: bool,
    /// How often the check is run again, as long as it does not pass: at most 10 times. The report says at which attempt
    /// it passed.
    #[serde(default)]
    #[schemars(range(max = 10))]
    retries: u32,
}

impl JsonSchema for Case {
    fn schema_name() -> Cow<'static, str> {
        "Case".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        CaseSection::json_schema(generator)
    }
}

impl TryFrom<CaseSection> for Case {
    type Error = String;

    fn try_from(section: CaseSection) -> Result<Self, String> {
        let name = crate::sanitize::visible(&section.name);
        case(section).map_err(|why| format!("the check `{name}`: {why}"))
    }
}

fn case(section: CaseSection) -> Result<Case, String> {
    let (name, required) = (section.name.clone(), section.required);
    let retries = section.retries;
    if retries > MOST_RETRIES {
        return Err(format!("`retries` is at most {MOST_RETRIES}"));
    }
    let timeout = section.timeout;
    let runs = section.command.is_some()
        || section.hurl.is_some()
        || section.image.is_some()
        || section.container;
    let (kind, usual_timeout) = match (&section.path, runs) {
        (Some(_), false) => (request(section)?, Duration::from_secs(5)),
        (None, true) => (command(section)?, Duration::from_mins(5)),
        (None, false) => {
            return Err("a check needs a `path` to request, or a `command` to run".to_owned());
        }
        (Some(_), true) => {
            return Err("a check has either a `path` or a `command`: make two checks".to_owned());
        }
    };
    Ok(Case {
        name,
        kind,
        timeout: timeout.unwrap_or(usual_timeout),
        required,
        retries,
    })
}

fn request(section: CaseSection) -> Result<CaseKind, String> {
    let of_commands = [
        ("environment", !section.environment.is_empty()),
        ("junit", section.junit),
    ];
    if let Some((key, _)) = of_commands.into_iter().find(|(_, is_set)| *is_set) {
        return Err(format!("`{key}` is for checks with a `command`"));
    }
    Ok(CaseKind::Request(RequestCase {
        method: section.method.unwrap_or_else(|| "GET".to_owned()),
        path: section.path.unwrap_or_default(),
        headers: section.headers,
        query: section.query,
        body: section.body,
        through_preview: section.through_preview,
        expect: section.expect.unwrap_or_default(),
    }))
}

fn command(section: CaseSection) -> Result<CaseKind, String> {
    let of_requests = [
        ("method", section.method.is_some()),
        ("headers", !section.headers.is_empty()),
        ("query", !section.query.is_empty()),
        ("body", section.body.is_some()),
        ("through_preview", section.through_preview),
        ("expect", section.expect.is_some()),
    ];
    if let Some((key, _)) = of_requests.into_iter().find(|(_, is_set)| *is_set) {
        return Err(format!("`{key}` is for checks with a `path`"));
    }
    if section.command.as_ref().is_some_and(Vec::is_empty) {
        return Err("an empty `command` runs nothing: write the program and its arguments".into());
    }
    if let Some(file) = section.hurl {
        let others = [
            ("command", section.command.is_some()),
            ("container", section.container),
            ("image", section.image.is_some()),
        ];
        if let Some((key, _)) = others.into_iter().find(|(_, is_set)| *is_set) {
            return Err(format!("`hurl` is a command itself: remove `{key}`"));
        }
        let file_name = file.to_string_lossy().into_owned();
        let command = ["/bin/sh", "-c", HURL, "hurl", &file_name];
        return Ok(CaseKind::Command(CommandCase {
            command: command.map(str::to_owned).to_vec(),
            hurl: Some(file),
            environment: section.environment,
            junit: true,
        }));
    }
    let CaseSection {
        command,
        environment,
        junit,
        ..
    } = section;
    if !section.container && section.image.is_none() {
        return Ok(CaseKind::Command(CommandCase {
            command: command.unwrap_or_default(),
            hurl: None,
            environment,
            junit,
        }));
    }
    let image: Option<ImageReference> = match section.image {
        Some(image) => Some(image.parse().map_err(|error| format!("`image`: {error}"))?),
        None if command.is_none() => {
            return Err("`container = true` needs a `command` to run in the container".into());
        }
        None => None,
    };
    Ok(CaseKind::Container(ContainerCase {
        image,
        command,
        environment,
        junit,
    }))
}

fn yes() -> bool {
    true
}

/// The checks of a target, in the order in which they run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suite {
    pub cases: Vec<Case>,
}

impl HealthCheck {
    /// Path and query as text to show. A value is hidden if it is secret, or if its name suggests a secret.
    pub fn shown_path(&self) -> String {
        shown_path(&self.path, &self.query)
    }
}

impl RequestCase {
    /// Path and query as text to show. A value is hidden if it is secret, or if its name suggests a secret.
    pub fn shown_path(&self) -> String {
        shown_path(&self.path, &self.query)
    }
}

impl Case {
    /// The request, if the check is one.
    pub fn request(&self) -> Option<&RequestCase> {
        match &self.kind {
            CaseKind::Request(request) => Some(request),
            CaseKind::Command(_) | CaseKind::Container(_) => None,
        }
    }

    pub fn command(&self) -> Option<&CommandCase> {
        match &self.kind {
            CaseKind::Command(command) => Some(command),
            CaseKind::Request(_) | CaseKind::Container(_) => None,
        }
    }

    pub fn container(&self) -> Option<&ContainerCase> {
        match &self.kind {
            CaseKind::Container(container) => Some(container),
            CaseKind::Request(_) | CaseKind::Command(_) => None,
        }
    }

    /// The check's own environment variables; none for a request.
    pub fn environment(&self) -> Option<&BTreeMap<String, EnvironmentValue>> {
        match &self.kind {
            CaseKind::Request(_) => None,
            CaseKind::Command(command) => Some(&command.environment),
            CaseKind::Container(container) => Some(&container.environment),
        }
    }

    /// Whether the check writes output that can be followed while it runs.
    pub fn has_output(&self) -> bool {
        !matches!(self.kind, CaseKind::Request(_))
    }

    /// What the check does, as text to show: `GET /orders`, or the command and its container.
    pub fn shown(&self) -> String {
        match &self.kind {
            CaseKind::Request(request) => format!("{} {}", request.method, request.shown_path()),
            CaseKind::Command(command) => match &command.hurl {
                Some(file) => command_line(&[
                    "hurl".to_owned(),
                    "--test".to_owned(),
                    file.to_string_lossy().into_owned(),
                ]),
                None => command_line(&command.command),
            },
            CaseKind::Container(container) => {
                let command = container.command.as_ref();
                let command = command.map_or_else(
                    || "the command of the image".to_owned(),
                    |command| command_line(command),
                );
                match &container.image {
                    Some(image) => format!("{command} in a new container of {image}"),
                    None => format!("{command} in a new container of the candidate's image"),
                }
            }
        }
    }
}

fn shown_path(path: &str, query: &BTreeMap<String, EnvironmentValue>) -> String {
    let mut shown = path.to_owned();
    for (name, value) in query {
        let value = match value {
            EnvironmentValue::Plain(text) => text,
            EnvironmentValue::Secret(_) => HIDDEN,
        };
        shown.push(if shown.contains('?') { '&' } else { '?' });
        shown.extend([name, "=", value]);
    }
    hide_in_query(&shown).0
}
