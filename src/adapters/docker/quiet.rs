//! Tells the container of a worker to take no more jobs, and counts the jobs that it still has.

use bollard::query_parameters::KillContainerOptions;

use super::Engine;
use super::failure::Act;
use super::names::container_id;
use super::write::SLOW;
use crate::inventory::{InstanceId, Quiet, QuietBy, QuietSignal};
use crate::ports::{FailureKind, Result};
use crate::sanitize::sanitize;

/// The longest output of the command that counts jobs that a message shows, in characters.
const LONGEST_SHOWN: usize = 80;

impl Engine {
    /// Sends the signal to a running container, or runs the command in it.
    pub(super) async fn quiet(&self, container: &str, quiet: &Quiet, doing: &str) -> Result<()> {
        match &quiet.by {
            QuietBy::Signal(signal) => self.send(container, *signal, doing).await,
            QuietBy::Command(command) => {
                let argv: Vec<&str> = command.iter().map(String::as_str).collect();
                let ended = self.run_in(container, (Act::Write, doing), &argv, None);
                let ended = ended.await?;
                if ended.succeeded() {
                    Ok(())
                } else {
                    Err(self.command_failed(doing, &ended))
                }
            }
        }
    }

    async fn send(&self, container: &str, signal: QuietSignal, doing: &str) -> Result<()> {
        let options = KillContainerOptions {
            signal: signal.as_str().to_owned(),
        };
        let docker = self.docker().await?;
        let call = || docker.kill_container(container, Some(options.clone()));
        self.within(SLOW, Act::Write, doing, call).await
    }

    /// The number that the command prints in the container.
    pub(super) async fn jobs(&self, instance: &InstanceId, command: &[String]) -> Result<u64> {
        let doing = format!("counting the jobs of {}", instance.short());
        let Some(id) = container_id(instance) else {
            let reason = "the id is not a full container id";
            return Err(self.refuse(FailureKind::Rejected, &doing, reason));
        };
        let argv: Vec<&str> = command.iter().map(String::as_str).collect();
        let ended = self.run_in(id, (Act::Read, &doing), &argv, None).await?;
        if !ended.succeeded() {
            return Err(self.command_failed(&doing, &ended));
        }
        let printed = String::from_utf8_lossy(&ended.out);
        let printed = printed.trim();
        printed.parse().map_err(|_| {
            let shown: String = sanitize(printed).chars().take(LONGEST_SHOWN).collect();
            let message = format!("the command must print one number, but printed {shown:?}");
            self.refuse(FailureKind::Rejected, &doing, message)
        })
    }
}
