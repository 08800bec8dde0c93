//! Tasks: commands that run once per release in the image of the new version, for example database migrations.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Time, Written};
use super::{
    EnvironmentName, EnvironmentValue, Exit, FencingToken, InstanceId, InstanceState, ReleaseId,
    Target, TaskName,
};

/// When a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskPoint {
    /// Before the candidate is created.
    BeforeStart,
    /// After the candidate was registered.
    BeforeSwitch,
    /// After the traffic moved.
    AfterSwitch,
    /// After the old version was stopped.
    AfterStop,
}

/// A command that runs once per release, in a container of the new version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The name that the console shows.
    pub name: TaskName,
    /// When the task runs.
    pub at: TaskPoint,
    /// The command and its arguments. The entry point of the service or of its image stays.
    pub command: Vec<String>,
    /// The command that undoes the task if the release backs out. It runs once, in the same image. Absent: a release
    /// that backs out does not undo the task.
    #[serde(default)]
    pub undo: Option<Vec<String>>,
    /// How long the command may run. After that the step fails if the task is required. The command keeps running until
    /// the release backs out.
    #[serde(default = "ten_minutes", with = "Written::<Time>")]
    pub timeout: Duration,
    /// Whether the step fails if the command fails, runs too long or loses its container.
    #[serde(default = "yes")]
    pub required: bool,
    /// Environment variables, added to those of the service.
    #[serde(default)]
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// The environments in which the task runs. Absent: in all environments of the service.
    #[serde(default)]
    pub only_in: Option<Vec<EnvironmentName>>,
}

fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}

fn yes() -> bool {
    true
}

impl Task {
    pub fn runs_in(&self, environment: &EnvironmentName) -> bool {
        let only_in = self.only_in.as_ref();
        only_in.is_none_or(|environments| environments.contains(environment))
    }

    /// The command of this task, or the command that undoes it.
    pub fn command_of(&self, is_undo: bool) -> Option<&Vec<String>> {
        if is_undo {
            self.undo.as_ref()
        } else {
            Some(&self.command)
        }
    }
}

/// One of the commands of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskCall {
    pub task: TaskName,
    /// Whether this is the command that undoes the task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undo: bool,
}

impl TaskCall {
    pub fn forward(task: &TaskName) -> Self {
        Self {
            task: task.clone(),
            is_undo: false,
        }
    }

    pub fn undo(task: &TaskName) -> Self {
        Self {
            task: task.clone(),
            is_undo: true,
        }
    }

    /// The command for a person to read: `the task migrate`, or `the undo of migrate`.
    pub fn words(&self) -> String {
        if self.is_undo {
            self.to_string()
        } else {
            format!("the task {self}")
        }
    }

    /// The name of the command's container. No other release has a container of that name, so the runtime itself
    /// creates it only once.
    pub fn container_name(&self, target: &Target, release: ReleaseId) -> String {
        let release = release.to_string().to_lowercase();
        let name = format!(
            "greenroom-{}.{}.{}",
            target.service, target.environment, self.task
        );
        if self.is_undo {
            format!("{name}.undo.{release}")
        } else {
            format!("{name}.{release}")
        }
    }
}

impl fmt::Display for TaskCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_undo {
            write!(f, "the undo of {}", self.task)
        } else {
            f.pad(self.task.as_str())
        }
    }
}

/// What an order to create a command's container does with an existing one that was never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unstarted {
    /// It is kept if this driver created it.
    #[default]
    Kept,
    /// It is replaced: its start was requested before, and may still arrive.
    Replaced,
    /// It is replaced by a container that is never started, because the release backs out.
    Withdrawn,
}

/// A container that was created for a command of a task, as the runtime reports it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskRun {
    pub id: InstanceId,
    pub call: TaskCall,
    pub release: ReleaseId,
    /// The token of the driver that created the container.
    pub token: FencingToken,
    pub state: InstanceState,
    /// Whether the container is never started, because the release backed out before its start.
    pub is_withdrawn: bool,
    /// How the command ended; none if it has not ended.
    pub exit: Option<Exit>,
    /// The last line that a failed command wrote, sanitized and without secrets; none if it is not known.
    pub output: Option<String>,
}

impl TaskRun {
    /// Whether the command has never run.
    pub fn is_unstarted(&self) -> bool {
        self.state == InstanceState::Created
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.state, InstanceState::Exited { .. })
    }

    pub fn has_succeeded(&self) -> bool {
        self.state == InstanceState::Exited { code: Some(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_of_a_release_has_a_container_of_its_own() {
        let name = |text: &str| text.parse().expect("a name");
        let target = Target::new("web".parse().expect("a name"), name("qa"));
        let task: TaskName = "migrate".parse().expect("a name");
        let release = ReleaseId(ulid::Ulid::from_parts(1, 2));
        let names = [TaskCall::forward(&task), TaskCall::undo(&task)]
            .map(|call| call.container_name(&target, release));
        assert_eq!(
            names,
            [
                "greenroom-web.qa.migrate.00000000010000000000000002",
                "greenroom-web.qa.migrate.undo.00000000010000000000000002",
            ]
        );
    }
}
