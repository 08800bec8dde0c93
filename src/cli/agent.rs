//! `greenroom agent`: releases pushed versions by itself until it is stopped. Prints one line for each entry
//! whose state this agent changes. systemd keeps the lines in its journal.
//!
//! An agent must not follow rules that were changed since it started: an environment may have become protected. So when
//! the configuration on disk changes and can be used, the agent opens no other release, waits until no release is at
//! work, and starts again with the new configuration. A release that is in its standby, or waits for a person, is
//! resumed by the new agent.

mod running;
mod unit;

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

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
        return refuse(&read_only(why));
    }
    if following(&app).is_empty() {
        return refuse(
            "no target follows a tag: add follow = [\"TAG\"] to [services.NAME.environments.NAME]",
        );
    }
    serve(common, request, (loaded, app)).await
}

/// Reads the configuration, and builds the application for the agent.
fn open_as_agent(common: &Common) -> Result<Opened, Exit> {
    let loaded = as_agent(open::load(common)?);
    let app = open::build(common, &loaded)?;
    Ok((loaded, app))
}

/// Names the operator, unless the configuration does.
fn as_agent(mut loaded: Loaded) -> Loaded {
    let name = &mut loaded.settings.operator.name;
    name.get_or_insert_with(|| NAME.to_owned());
    loaded
}

fn read_only(why: &str) -> String {
    format!("an agent cannot be read-only: {why}")
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

/// The configuration, and the application that was built from it.
type Opened = (Loaded, App);

/// Runs the agent until a signal stops it. Starts it again with each new configuration that can be used.
async fn serve(common: &Common, request: Request, opened: Opened) -> Exit {
    let mut stop_requests = signals::listen();
    let mut round = Round {
        opened,
        before: None,
        finishing: BTreeSet::new(),
        tried: None,
    };
    // The applications of earlier rounds, which send their last notices.
    let mut closing = JoinSet::new();
    let exit = loop {
        let used = round.opened.0.clone();
        let (found, watching) = wire::watch_configuration(request.clone(), used);
        let watching = AbortOnDropHandle::new(tokio::spawn(watching));
        let reloading = Reloading {
            common,
            request: &request,
            found,
            handled: round.tried.clone(),
        };
        let ended = follow(&round, &mut stop_requests, reloading).await;
        drop(watching);
        match ended {
            Ended::Stops(exit) => break exit,
            Ended::Reloads(next, on_disk) => {
                while closing.try_join_next().is_some() {}
                round.tried = on_disk;
                let (loaded, app) = std::mem::replace(&mut round.opened, *next);
                round.finishing.extend(app.targets().cloned());
                round.before = Some(loaded);
                closing.spawn(close(app));
            }
            Ended::CannotStart(why) => {
                json::fail(json::Kind::Failed, &why, None);
                out::explain(format_args!("greenroom: {why}"));
                // Without the configuration before, the agent ends, and systemd starts it again after a pause.
                let Some(loaded) = round.before.take() else {
                    break Exit::Failed;
                };
                let Ok(app) = wire::build(&loaded.settings, common.read_only) else {
                    break Exit::Failed;
                };
                round.opened = (loaded, app);
            }
        }
    };
    let (_, app) = round.opened;
    closing.spawn(close(app));
    closing.join_all().await;
    if exit == Exit::Done {
        say("stopped", serde_json::json!({}), "the agent has stopped");
    }
    exit
}

/// Waits until the last notices of an application are sent.
async fn close(app: App) {
    let (unsent, ()) = tokio::join!(app.wait_for_notices(), app.wait_for_logs());
    if let Some(unsent) = unsent {
        warn_line!("greenroom: {unsent}");
    }
}

/// What an agent runs with until the configuration changes.
struct Round {
    opened: Opened,
    /// The configuration before.
    before: Option<Loaded>,
    /// The targets of all configurations before: their last releases may not have ended.
    finishing: BTreeSet<Target>,
    /// How the configuration on disk last differed from the one in use. If the agent cannot start with it, the agent does
    /// not try it a second time.
    tried: Option<Arc<NewConfiguration>>,
}

/// Why an agent has stopped.
enum Ended {
    Stops(Exit),
    /// The configuration has changed to this one. Also how it differs.
    Reloads(Box<Opened>, Option<Arc<NewConfiguration>>),
    /// The agent cannot start with the configuration, for this reason.
    CannotStart(String),
}

/// Runs the agent until a signal stops it, or until it has to start again with another configuration.
async fn follow(
    round: &Round,
    stop_requests: &mut mpsc::Receiver<StopRequest>,
    mut reloading: Reloading<'_>,
) -> Ended {
    let (loaded, app) = &round.opened;
    let (sender, mut changes) = mpsc::channel(CHANGES);
    let started = RunningAgent::start(app, &loaded.settings, Some(sender), &round.finishing);
    let agent = match started.await {
        Ok(agent) => agent,
        Err(error) => return Ended::CannotStart(error.to_string()),
    };
    say_following(app, &agent);
    let mut next = loop {
        tokio::select! {
            changed = changes.recv() => match changed {
                Some(entry) => report(&entry),
                None => break None,
            },
            opened = reloading.next() => break Some(opened),
            _ = stop_requests.recv() => break None,
        }
    };
    if next.is_some() {
        say(
            "reloading",
            serde_json::json!({}),
            "the configuration has changed: the agent starts again with it as soon as no release is at work",
        );
        loop {
            tokio::select! {
                () = agent.until_idle() => break,
                Some(entry) = changes.recv() => report(&entry),
                opened = reloading.next() => next = Some(opened),
                _ = stop_requests.recv() => {
                    next = None;
                    break;
                }
            }
        }
        // The file may have been changed again, even back to what it was.
        if next.is_some()
            && let Ok(opened) = reloading.open().await
        {
            next = Some(opened);
        }
    }
    let mut stopping = std::pin::pin!(agent.stop());
    let ended = loop {
        tokio::select! {
            ended = &mut stopping => break ended,
            Some(entry) = changes.recv() => report(&entry),
        }
    };
    while let Ok(entry) = changes.try_recv() {
        report(&entry);
    }
    if let Err(error) = ended {
        warn_line!("greenroom: the agent has crashed: {error}");
        return Ended::Stops(Exit::NeedsPerson);
    }
    match next {
        Some(opened) => Ended::Reloads(Box::new(opened), reloading.handled),
        // A signal is the expected end of an agent.
        None => Ended::Stops(Exit::Done),
    }
}

/// Waits for a configuration that the agent can start with.
struct Reloading<'a> {
    common: &'a Common,
    request: &'a Request,
    found: watch::Receiver<Option<Arc<NewConfiguration>>>,
    /// The last difference that was handled.
    handled: Option<Arc<NewConfiguration>>,
}

impl Reloading<'_> {
    /// The next configuration on disk that differs and can be used. Prints why another one cannot. If the call is
    /// cancelled, the next call continues with the same configuration.
    async fn next(&mut self) -> Opened {
        loop {
            let new = self.found.borrow_and_update().clone();
            let is_new = new.is_some() && new != self.handled;
            let why = match new.as_deref().map(|new| &new.found).filter(|_| is_new) {
                None => {
                    if self.found.changed().await.is_err() {
                        // The configuration cannot be read again.
                        std::future::pending::<()>().await;
                    }
                    continue;
                }
                Some(FoundConfiguration::Broken(errors)) => errors.join("; "),
                Some(FoundConfiguration::Differs { .. }) => match self.open().await {
                    Ok(opened) => {
                        self.handled = new;
                        return opened;
                    }
                    Err(why) => why,
                },
            };
            self.handled = new;
            json::event("not-used", serde_json::json!({ "reason": why }));
            warn_line!("greenroom: the changed configuration is not used: {why}");
        }
    }

    async fn open(&self) -> Result<Opened, String> {
        let loaded = Settings::load(self.request).map_err(|problems| problems.to_string())?;
        let loaded = as_agent(loaded);
        let app = wire::build(&loaded.settings, self.common.read_only);
        let app = app.map_err(|error| error.to_string())?;
        if let Some(why) = &app.read_only {
            return Err(read_only(why));
        }
        let checked = wire::check_inbox(&loaded.settings).await;
        checked.map_err(|error| error.to_string())?;
        Ok((loaded, app))
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
        "{}: {} {}{details}",
        entry.target,
        entry.push.words(),
        entry.state.kind().predicate()
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
