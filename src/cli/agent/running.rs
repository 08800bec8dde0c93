//! An agent that is running, with its inbox.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::agent::{Agent, Stop};
use crate::inventory::{QueueEntry, Target};
use crate::release::Engine;
use crate::settings::Settings;
use crate::wire::{self, App, Inbox, WireError};

/// How long open deliveries may still take when the inbox stops.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);

pub(in crate::cli) struct RunningAgent {
    engine: Arc<Engine>,
    inbox: Option<Inbox>,
    stop: Stop,
    running: JoinHandle<()>,
}

impl RunningAgent {
    /// Starts the inbox, if the configuration has one, and then the agent. `changes` receives each entry whose state
    /// the agent changes. The agent also finishes its releases in the targets `finishing`.
    pub(in crate::cli) async fn start(
        app: &App,
        settings: &Settings,
        changes: Option<mpsc::Sender<QueueEntry>>,
        finishing: &BTreeSet<Target>,
    ) -> Result<Self, WireError> {
        let engine = Arc::clone(&app.engine);
        let mut agent = Agent::new(Arc::clone(&engine)).finishing(finishing);
        if let Some(changes) = changes {
            agent = agent.reporting(changes);
        }
        let inbox = wire::start_inbox(app, settings, agent.receiver()).await?;
        let stop = Stop::default();
        let running = tokio::spawn(agent.run(stop.clone()));
        Ok(Self {
            engine,
            inbox,
            stop,
            running,
        })
    }

    /// The address of the inbox; none if there is none.
    pub(in crate::cli) fn inbox(&self) -> Option<SocketAddr> {
        self.inbox.as_ref().map(Inbox::address)
    }

    /// Opens no other release, and waits until none is at work. The inbox still stores pushes.
    pub(in crate::cli) async fn until_idle(&self) {
        self.stop.begin_nothing();
        self.stop.until_idle(&self.engine).await;
    }

    /// Stops the agent and its drivers, and then the inbox: the pushes that it stores meanwhile are released by the next
    /// agent. An error means that the agent has crashed.
    pub(in crate::cli) async fn stop(self) -> Result<(), JoinError> {
        self.stop.now();
        let ended = self.running.await;
        if let Some(inbox) = self.inbox {
            inbox.stop(LAST_DELIVERIES).await;
        }
        ended
    }
}
