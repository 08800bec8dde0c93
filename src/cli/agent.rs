//! `greenroom agent`: releases pushed versions by itself until it is stopped. Prints one line for each entry
//! whose state this agent changes. systemd keeps the lines in its journal.

mod running;
mod unit;

use clap::Args;
use tokio::sync::mpsc;

use super::arguments::{Common, VerbDefinition};
use super::man::Manual;
use super::{Exit, json, open, out, signals};
use crate::inventory::{QueueEntry, Target};
use crate::settings::Settings;
use crate::wire::App;
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
    let mut loaded = match open::load(common) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if loaded.settings.operator.name.is_none() {
        loaded.settings.operator.name = Some(NAME.to_owned());
    }
    let app = match open::build(common, &loaded) {
        Ok(app) => app,
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
    let followed: Vec<String> = following(&app);
    if followed.is_empty() {
        return refuse(
            "no target follows a tag: add follow = [\"TAG\"] to [services.NAME.environments.NAME]",
        );
    }
    serve(&app, &loaded.settings, &followed).await
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

/// Runs the agent until a signal stops it.
async fn serve(app: &App, settings: &Settings, followed: &[String]) -> Exit {
    let mut stop_requests = signals::listen();
    let (sender, mut changes) = mpsc::channel(CHANGES);
    let agent = match RunningAgent::start(app, settings, Some(sender)).await {
        Ok(agent) => agent,
        Err(error) => {
            let message = error.to_string();
            json::fail(json::Kind::Failed, &message, None);
            out::explain(format_args!("greenroom: {message}"));
            return Exit::Failed;
        }
    };
    let operator = app.engine.operator();
    let inbox = agent.inbox().map(|address| address.to_string());
    let listens = inbox
        .as_ref()
        .map(|address| format!("; its inbox listens on {address}"));
    say(
        "following",
        serde_json::json!({ "operator": operator, "targets": followed, "inbox": inbox }),
        &format!(
            "{operator} follows {}{}",
            followed.join(", "),
            listens.unwrap_or_default()
        ),
    );
    loop {
        tokio::select! {
            changed = changes.recv() => match changed {
                Some(entry) => report(&entry),
                None => break,
            },
            _ = stop_requests.recv() => break,
        }
    }
    let ended = agent.stop().await;
    while let Ok(entry) = changes.try_recv() {
        report(&entry);
    }
    let (unsent, ()) = tokio::join!(app.wait_for_notices(), app.wait_for_logs());
    if let Some(unsent) = unsent {
        warn_line!("greenroom: {unsent}");
    }
    if let Err(error) = ended {
        warn_line!("greenroom: the agent has crashed: {error}");
        return Exit::NeedsPerson;
    }
    say("stopped", serde_json::json!({}), "the agent has stopped");
    // A signal is the expected end of an agent.
    Exit::Done
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
