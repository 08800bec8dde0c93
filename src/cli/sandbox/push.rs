//! `greenroom sandbox push`: a new version appears in a sandbox, and is reported to the sandbox's agent as an image
//! registry reports a push.

use std::path::PathBuf;

use clap::Args;

use super::super::arguments::Common;
use super::super::sample_push::{SamplePush, push};
use super::super::{Exit, json};
use super::{load_sandbox, print_error, say};
use crate::inventory::{ServiceName, is_tag};
use crate::sandbox::{Place, sample::Fault};

/// Pushes a version to an open sandbox: a new one, or one that the sandbox has
///
/// The agent of the sandbox gets the report and releases the version in the environments that follow the tag: dev and
/// qa follow every tag, and in production a tag such as v2.0.0 is offered.
#[derive(Debug, Args)]
pub(super) struct PushVerb {
    /// The service: web or wallets
    service: ServiceName,
    /// The tag, e.g. 1.9.3
    #[arg(value_parser = tag)]
    tag: String,
    /// The fault of a new version: none, unhealthy, failing-checks, crash, large-header, short-lived or greedy
    #[arg(long, default_value = "none", value_parser = fault)]
    fault: String,
    /// The directory of the sandbox [default: that of the configuration, or of the only open temporary sandbox]
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

fn tag(text: &str) -> Result<String, String> {
    if is_tag(text) {
        return Ok(text.to_owned());
    }
    Err("a tag has letters, digits, `.`, `_` and `-`".to_owned())
}

fn fault(text: &str) -> Result<String, String> {
    let fault: Result<Fault, _> = text.parse();
    fault
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

pub(super) async fn run(common: &Common, verb: &PushVerb) -> Exit {
    let named = verb.directory.clone().or_else(|| {
        let file = common.config.as_ref()?;
        file.parent().map(PathBuf::from)
    });
    let found = named.map_or_else(Place::only_open, Ok);
    let directory = match found.and_then(|directory| Place::check(&directory)) {
        Ok(directory) => directory,
        Err(error) => {
            print_error(error);
            return Exit::Usage;
        }
    };
    let loaded = match load_sandbox(&Place::configuration_in(&directory), &[]) {
        Ok(loaded) => loaded,
        Err(problems) => {
            print_error(problems);
            return Exit::Usage;
        }
    };
    let pushed = SamplePush {
        service: &verb.service,
        tag: &verb.tag,
        fault: &verb.fault,
    };
    let (repository, is_new) = match push(&directory, &loaded.settings, pushed).await {
        Ok(pushed) => pushed,
        Err(error) => {
            print_error(error);
            return Exit::Failed;
        }
    };
    let tag = &verb.tag;
    let what = if is_new {
        "a new version"
    } else {
        "a version that the sandbox had"
    };
    let text = format!(
        "{repository}:{tag}, {what}, was pushed and reported to the agent\n  see what becomes of it: greenroom --config {} queue --all",
        Place::configuration_in(&directory).display()
    );
    if json::is_on() {
        json::answer(serde_json::json!({ "text": text }));
    } else {
        say(text);
    }
    Exit::Done
}
