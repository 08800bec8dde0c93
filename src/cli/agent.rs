//! `greenroom agent`: releases pushed versions by itself until it is stopped. Prints one line for each entry
//! whose state this agent changes. systemd keeps the lines in its journal.
//!
//! An agent must not follow rules that were changed since it started: an environment may have become protected. So when
//! the configuration on disk changes, the agent starts again with the new one. First it ends the releases that are
//! running, as they were planned, and begins no other.

mod running;
mod unit;

use std::sync::Arc;

use clap::Args;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use super::arguments::{Common, VerbDefinition};
use super::man::Manual;
use super::signals::{self, StopRequest};
use super::{Exit, json, open, out};
use crate::console::model::{FoundConfiguration, NewConfiguration};
use crate::inventory::{QueueEntry, Target};
use crate::settings::{Loaded, Request, Settings};
use crate::wire::{self, App};
pub(super) use running::RunningAgent;

/// The name of the operator in the records of an agent's releases, unless the configuration names one.
pub(super) const NAME: &str = "agent";
/// How many changes may wait to be printed.
const CHANGES: usize = 256;

/// Releases pushed versions by itself, in the environments that follow their tags
#[derive(Debug, Args)]
pub(crate) struct AgentVerb {
    /// Only prints a systemd unit that runs the agent as this user
    #[arg(long)]
    print_unit: bool,
}

impl VerbDefinition for AgentVerb {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("agent", &[("greenroom agent", "Follows the queues until it is stopped."), ("greenroom agent --print-unit", "Prints a unit for systemd.")], &["promote", "status"], &["agent"]),
    ];

    fn changes(&self) -> bool {
        !self.print_unit
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, &self).await
    }
}

async fn run(common: &Common, verb: &AgentVerb) -> Exit {
    let request = match open::request(common) {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    let (loaded, app) = match open_as_agent(common) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    if verb.print_unit {
        let text = unit::text(&app);
        if common.json {
            json::answer(serde_json::json!({ "unit": text }));
        } else {
            say_line!("{}", text.trim_end());
        }
        return Exit::Done;
    }
    if let Some(why) = &app.read_only {
        return refuse(&format!("an agent cannot be read-only: {why}"));
    }
    if following(&app).is_empty() {
        return refuse(
            "no target follows a tag: add follow = [\"TAG\"] to [services.NAME.environments.NAME]",
        );
    }
    serve(common, request, (loaded, app)).await
}

/// Reads the configuration, and builds the application for the agent.
fn open_as_agent(common: &Common) -> Result<(Loaded, App), Exit> {
    let mut loaded = open::load(common)?;
    if loaded.settings.operator.name.is_none() {
        loaded.settings.operator.name = Some(NAME.to_owned());
    }
    let app = open::build(common, &loaded)?;
    Ok((loaded, app))
}

/// The targets that follow a tag, in the order of the configuration.
fn following(app: &App) -> Vec<String> {
    let follows = |target: &&Target| {
        let definition = app.engine.definition(target);
        definition.is_some_and(|definition| !definition.follows.is_empty())
    };
    app.targets()
        .filter(follows)
        .map(ToString::to_string)
        .collect()
}

fn refuse(message: &str) -> Exit {
    json::fail(json::Kind::Configuration, message, None);
    out::explain(format_args!("greenroom: {message}"));
    Exit::Usage
}

/// Runs the agent until a signal stops it. Starts it again with each new valid configuration.
async fn serve(common: &Common, request: Request, opened: (Loaded, App)) -> Exit {
    let mut stop_requests = signals::listen();
    let (mut loaded, mut app) = opened;
    loop {
        let (found, watching) = wire::watch_configuration(request.clone(), loaded.clone());
        let watching = tokio::spawn(watching);
        let ended = follow(&app, &loaded.settings, &mut stop_requests, found).await;
        watching.abort();
        match ended {
            Ended::Exits(exit) => return exit,
            Ended::Reloads => {}
        }
        // The file was valid a moment ago. If it no longer is, systemd starts the agent again.
        (loaded, app) = match open_as_agent(common) {
            Ok(opened) => opened,
            Err(_) => return Exit::Failed,
        };
        if let Some(why) = &app.read_only {
            return refuse(&format!("an agent cannot be read-only: {why}"));
        }
    }
}

/// Why an agent has stopped.
enum Ended {
    Exits(Exit),
    /// The configuration has changed.
    Reloads,
}

/// Runs the agent until a signal stops it, or until the configuration on disk differs and is valid.
async fn follow(
    app: &App,
    settings: &Settings,
    stop_requests: &mut mpsc::Receiver<StopRequest>,
    mut found: watch::Receiver<Option<Arc<NewConfiguration>>>,
) -> Ended {
    let (sender, mut changes) = mpsc::channel(CHANGES);
    let agent = match RunningAgent::start(app, settings, Some(sender)).await {
        Ok(agent) => agent,
        Err(error) => {
            let message = error.to_string();
            json::fail(json::Kind::Failed, &message, None);
            out::explain(format_args!("greenroom: {message}"));
            return Ended::Exits(Exit::Failed);
        }
    };
    say_following(app, &agent);
    let mut reloads = false;
    loop {
        tokio::select! {
            changed = changes.recv() => match changed {
                Some(entry) => report(&entry),
                None => break,
            },
            () = is_new(&mut found) => {
                reloads = true;
                break;
            }
            _ = stop_requests.recv() => break,
        }
    }
    if reloads {
        say(
            "reloading",
            serde_json::json!({}),
            "the configuration has changed: the agent reads it again as soon as no release is running",
        );
    }
    let mut stopping = std::pin::pin!(stop(agent, reloads, stop_requests));
    let (ended, reloads) = loop {
        tokio::select! {
            stopped = &mut stopping => break stopped,
            Some(entry) = changes.recv() => report(&entry),
        }
    };
    while let Ok(entry) = changes.try_recv() {
        report(&entry);
    }
    let (unsent, ()) = tokio::join!(app.wait_for_notices(), app.wait_for_logs());
    if let Some(unsent) = unsent {
        warn_line!("greenroom: {unsent}");
    }
    if let Err(error) = ended {
        warn_line!("greenroom: the agent has crashed: {error}");
        return Ended::Exits(Exit::NeedsPerson);
    }
    if reloads {
        return Ended::Reloads;
    }
    say("stopped", serde_json::json!({}), "the agent has stopped");
    // A signal is the expected end of an agent.
    Ended::Exits(Exit::Done)
}

/// Stops the agent; if it `reloads`, not before the running releases have ended, unless a signal comes first. Returns
/// also whether the agent still reloads.
async fn stop(
    agent: RunningAgent,
    reloads: bool,
    stop_requests: &mut mpsc::Receiver<StopRequest>,
) -> (Result<(), JoinError>, bool) {
    let mut is_signalled = false;
    if reloads {
        tokio::select! {
            () = agent.until_idle() => {}
            _ = stop_requests.recv() => is_signalled = true,
        }
    }
    (agent.stop().await, reloads && !is_signalled)
}

/// Returns when the configuration on disk differs and is valid. Prints the errors of an invalid one.
async fn is_new(found: &mut watch::Receiver<Option<Arc<NewConfiguration>>>) {
    loop {
        if found.changed().await.is_err() {
            // The configuration cannot be read again.
            return std::future::pending().await;
        }
        let new = found.borrow_and_update().clone();
        match new.as_deref().map(|new| &new.found) {
            Some(FoundConfiguration::Differs { .. }) => return,
            Some(FoundConfiguration::Broken(errors)) => warn_line!(
                "greenroom: the changed configuration is not used, because it has errors: {}",
                errors.join("; ")
            ),
            None => {}
        }
    }
}

fn say_following(app: &App, agent: &RunningAgent) {
    let operator = app.engine.operator();
    let followed = following(app);
    let inbox = agent.inbox().map(|address| address.to_string());
    let listens = inbox
        .as_ref()
        .map(|address| format!("; its inbox listens on {address}"));
    let targets = match followed.as_slice() {
        [] => "no target, because no target follows a tag".to_owned(),
        followed => followed.join(", "),
    };
    say(
        "following",
        serde_json::json!({ "operator": operator, "targets": followed, "inbox": inbox }),
        &format!(
            "{operator} follows {targets}{}",
            listens.unwrap_or_default()
        ),
    );
}

/// Prints what became of an entry.
fn report(entry: &QueueEntry) {
    let details = entry.state.details();
    let details = details.map_or(String::new(), |details| format!(": {details}"));
    let text = format!(
        "{}: {} is {}{details}",
        entry.target,
        entry.push.words(),
        entry.state.kind()
    );
    say("changed", serde_json::json!({ "entry": entry }), &text);
}

/// Prints a line, or with `--json` an event. The agent continues if standard output is closed.
fn say(event: &str, fields: serde_json::Value, text: &str) {
    if json::is_on() {
        json::event(event, fields);
    } else {
        say_line!("{}", crate::sanitize::sanitize(text));
    }
}
