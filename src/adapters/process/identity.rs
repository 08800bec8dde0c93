//! Identifies a process. Its process id is not enough, because the kernel reuses ids.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use jiff::Timestamp;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One run of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    /// The process id, which is also its group id.
    pub(super) pid: u32,
    /// When the kernel started the process, in clock ticks since the boot of the machine.
    pub(super) start_ticks: u64,
    /// The boot id of the machine at that time.
    pub(super) boot: String,
    /// When the run was recorded, for people.
    pub(super) started_at: Timestamp,
}

/// The fields of `/proc/PID/stat`.
struct Stat {
    state: char,
    group: u32,
    start_ticks: u64,
}

impl Run {
    /// The run of the process that has this `pid` now.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let stat = stat(pid)?;
        Ok(Self {
            pid,
            start_ticks: stat.start_ticks,
            boot: boot()?,
            started_at: Timestamp::now(),
        })
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (self.pid, self.start_ticks, &self.boot) == (other.pid, other.start_ticks, &other.boot)
    }

    /// Whether exactly this process is running. A zombie process is no longer running.
    pub(super) fn is_alive(&self) -> bool {
        boot().is_ok_and(|boot| boot == self.boot)
            && stat(self.pid).is_ok_and(|stat| {
                stat.start_ticks == self.start_ticks && !matches!(stat.state, 'Z' | 'X')
            })
    }

    /// Opens a handle to exactly this process. None if the process has exited.
    pub(super) fn handle(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = self.raw() else {
            return Ok(None);
        };
        // The handle is opened first, and the process is checked afterwards. If the kernel had reused the id in
        // between, the start time would differ. After the check, the handle always refers to this process.
        let handle = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(self.is_alive().then_some(handle))
    }

    /// The process id as a type for system calls.
    pub(super) fn raw(&self) -> Option<Pid> {
        i32::try_from(self.pid).ok().and_then(Pid::from_raw)
    }
}

/// Makes a descriptor on which a task can wait until it is readable. The handle of a process becomes readable when
/// the process exits, whether or not this console started the process.
#[expect(
    deprecated,
    reason = "its successor is unsafe. It guards against types that close their descriptor early, which \
              an `OwnedFd` does not do"
)]
pub(super) fn awaited(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// Finds the run of an instance by the instance id in the environment of its process. This also finds a run that is not
/// recorded, because the console that started the process exited before it recorded the run.
pub(super) fn find_by_instance(instance: &str) -> Option<Run> {
    let wanted = format!("GREENROOM_INSTANCE={instance}");
    let pids = fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
        })
        // Child processes inherit the instance id. Only the process itself leads the process group.
        .find(|pid| stat(*pid).is_ok_and(|stat| stat.group == *pid))
        .and_then(|pid| Run::of(pid).ok())
}

fn boot() -> io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

fn stat(pid: u32) -> io::Result<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Parses `/proc/PID/stat`. The name of the program is in parentheses, and may contain spaces and parentheses.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        group: fields.get(2)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let line = "77 (a) Z 1 (b)) S 1 70 70 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4242 9 9";
        let stat = parse(line).expect("a line of /proc");
        assert_eq!((stat.state, stat.group, stat.start_ticks), ('S', 70, 4242));
        assert!(parse("").is_none());
        assert!(parse("77 (x) S 1").is_none());
    }

    #[test]
    fn a_process_with_the_same_id_but_another_start_time_is_another_process() {
        let own = Run::of(std::process::id()).expect("this process");
        assert!(own.is_alive());
        assert!(own.handle().expect("a handle").is_some());
        let later = Run {
            start_ticks: own.start_ticks + 1,
            ..own.clone()
        };
        assert!(!later.is_alive());
        assert!(later.handle().expect("no failure").is_none());
        let before_boot = Run {
            boot: "another".into(),
            ..own
        };
        assert!(!before_boot.is_alive());
    }
}
