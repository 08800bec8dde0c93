//! The options of the sample application, from its arguments and its environment. Arguments take precedence.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use crate::inventory::{Endpoint, Slot};

/// The fault of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// The version works.
    #[default]
    None,
    /// The version runs and answers, but its health endpoint always answers 503.
    Unhealthy,
    /// The version is healthy, but `/orders` and `/broken` answer 500.
    FailingChecks,
    /// The version exits with code 1 before its first answer.
    Crash,
    /// The version is healthy, but its health endpoint answers with a header of 16 KiB, which a proxy does not pass on.
    LargeHeader,
    /// The version is healthy for some seconds, then exits with code 1.
    ShortLived,
    /// The version is healthy for some seconds, then uses more and more memory until it is killed.
    Greedy,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Unhealthy,
        Self::FailingChecks,
        Self::Crash,
        Self::LargeHeader,
        Self::ShortLived,
        Self::Greedy,
    ];

    /// The name in the arguments.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unhealthy => "unhealthy",
            Self::FailingChecks => "failing-checks",
            Self::Crash => "crash",
            Self::LargeHeader => "large-header",
            Self::ShortLived => "short-lived",
            Self::Greedy => "greedy",
        }
    }
}

impl FromStr for Fault {
    type Err = InvalidOptions;

    fn from_str(text: &str) -> Result<Self, InvalidOptions> {
        let named = Self::ALL.into_iter().find(|fault| fault.as_str() == text);
        named.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            InvalidOptions(format!("{text:?} is not a fault. Use one of: {names}"))
        })
    }
}

/// An option that is wrong, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOptions(String);

/// The options of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleOptions {
    /// The address to listen on.
    pub address: Endpoint,
    /// The version that the application reports.
    pub version: String,
    /// The slot in which the application runs, if known.
    pub slot: Option<Slot>,
    /// The directory in which calls and starts are stored. Without a directory, calls and starts are lost at the end.
    pub data: Option<PathBuf>,
    pub fault: Fault,
    /// How long `/work` takes.
    pub work: Duration,
    /// How long the application is unhealthy after its start.
    pub starts_in: Duration,
}

/// Each argument, with its environment variables in order of precedence.
const OPTIONS: [(&str, &[&str]); 7] = [
    ("--address", &["GREENROOM_ADDRESS", "SAMPLE_ADDRESS"]),
    ("--version", &["SAMPLE_VERSION"]),
    ("--slot", &["GREENROOM_SLOT"]),
    ("--data", &["SAMPLE_DATA"]),
    ("--fault", &["SAMPLE_FAULT"]),
    ("--work", &["SAMPLE_WORK"]),
    ("--starts-in", &["SAMPLE_STARTS_IN"]),
];

impl SampleOptions {
    /// A working version on `address`, with defaults for everything else.
    pub fn new(address: Endpoint, version: impl Into<String>) -> Self {
        Self {
            address,
            version: version.into(),
            slot: None,
            data: None,
            fault: Fault::None,
            work: Duration::from_millis(20),
            starts_in: Duration::ZERO,
        }
    }

    /// Reads `--address`, `--version`, `--slot`, `--data`, `--fault`, `--work` and `--starts-in` (durations with a
    /// unit, `250ms`). An option without an argument is read from the environment. An empty argument selects the
    /// default, and an empty variable is ignored.
    pub fn read(
        arguments: impl IntoIterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidOptions> {
        let given = pairs(arguments)?;
        let value_of = |option: &str| {
            let by_argument = given.iter().rev().find(|(name, _)| name == option);
            let found = by_argument.map(|(_, value)| value.clone());
            found
                .or_else(|| {
                    let (_, variables) = OPTIONS.iter().find(|(name, _)| *name == option)?;
                    variables
                        .iter()
                        .find_map(|name| environment(name).filter(|value| !value.is_empty()))
                })
                .filter(|value| !value.is_empty())
        };

        let address = value_of("--address").unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let version = value_of("--version").unwrap_or_else(|| "0.0.0".to_owned());
        let mut options = Self::new(parsed("--address", &address)?, version);
        options.data = value_of("--data").map(PathBuf::from);
        if let Some(slot) = value_of("--slot") {
            options.slot = Some(parsed("--slot", &slot)?);
        }
        if let Some(fault) = value_of("--fault") {
            options.fault = parsed("--fault", &fault)?;
        }
        if let Some(work) = value_of("--work") {
            options.work = duration("--work", &work)?;
        }
        if let Some(starts_in) = value_of("--starts-in") {
            options.starts_in = duration("--starts-in", &starts_in)?;
        }
        Ok(options)
    }
}

/// Splits `--name value` and `--name=value`, and checks the names.
fn pairs(
    arguments: impl IntoIterator<Item = String>,
) -> Result<Vec<(String, String)>, InvalidOptions> {
    let mut arguments = arguments.into_iter();
    let mut pairs = Vec::new();
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        if !OPTIONS.iter().any(|(known, _)| *known == name) {
            let known: Vec<_> = OPTIONS.iter().map(|(known, _)| *known).collect();
            return Err(InvalidOptions(format!(
                "{name:?} is not an option of the sample application. Use one of: {}",
                known.join(", ")
            )));
        }
        let Some(value) = value.or_else(|| arguments.next()) else {
            return Err(InvalidOptions(format!("{name} needs a value")));
        };
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn parsed<T: FromStr>(option: &str, text: &str) -> Result<T, InvalidOptions>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error| InvalidOptions(format!("{option}: {error}")))
}

fn duration(option: &str, text: &str) -> Result<Duration, InvalidOptions> {
    let signed: SignedDuration = parsed(option, text)?;
    Duration::try_from(signed)
        .map_err(|_| InvalidOptions(format!("{option}: {text:?} is negative")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Result<SampleOptions, String> {
        SampleOptions::read(arguments.iter().map(ToString::to_string), |variable| {
            let found = environment.iter().find(|(name, _)| *name == variable);
            found.map(|(_, value)| (*value).to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_take_precedence_over_the_environment() {
        let options = read(
            &["--version", "2", "--work=1s"],
            &[
                ("SAMPLE_VERSION", "1"),
                ("SAMPLE_ADDRESS", "0.0.0.0:80"),
                ("GREENROOM_ADDRESS", "unix:/run/a.sock"),
                ("GREENROOM_SLOT", "green"),
                ("SAMPLE_STARTS_IN", "250ms"),
                ("SAMPLE_DATA", ""),
            ],
        );
        let mut expected = SampleOptions::new(Endpoint::Unix("/run/a.sock".into()), "2");
        expected.work = Duration::from_secs(1);
        expected.slot = Some(Slot::Green);
        expected.starts_in = Duration::from_millis(250);
        assert_eq!(options, Ok(expected));
    }

    #[test]
    fn invalid_options_are_refused_with_a_reason() {
        for (arguments, expected) in [
            (vec!["--colour", "red"], "--colour"),
            (vec!["--version"], "needs a value"),
            (vec!["--fault", "odd"], "is not a fault"),
            (vec!["--work", "-1s"], "is negative"),
            (vec!["--work", "1"], "--work"),
            (vec!["--address", "here"], "is not an address"),
            (vec!["--slot", "red"], "blue or green"),
        ] {
            let refused = read(&arguments, &[]).expect_err("refused");
            assert!(refused.contains(expected), "{arguments:?}: {refused}");
        }
    }
}
