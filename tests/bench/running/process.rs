//! Reads from `/proc` what a process costs.

use std::time::{Duration, Instant};

/// Processor time that a process has used since `begin`.
pub(crate) struct Burnt {
    process: u32,
    ticks: u64,
    since: Instant,
}

impl Burnt {
    pub(crate) fn begin(process: u32) -> Self {
        Self {
            process,
            ticks: ticks(process),
            since: Instant::now(),
        }
    }

    /// Percent of one core since then.
    pub(crate) fn end(self) -> f64 {
        let ticks = ticks(self.process) - self.ticks;
        // A tick (USER_HZ) is a hundredth of a second on every Linux.
        let burnt = f64::from(u32::try_from(ticks).unwrap_or(u32::MAX)) / 100.0;
        100.0 * burnt / self.since.elapsed().as_secs_f64()
    }

    pub(crate) fn by(process: u32, span: Duration) -> f64 {
        let burnt = Self::begin(process);
        std::thread::sleep(span);
        burnt.end()
    }
}

/// User and system time of all threads, in ticks.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    // The name in parentheses may contain blanks.
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |at: usize| fields[at].parse::<u64>().expect("a number");
    field(11) + field(12)
}

/// Resident memory in megabytes.
pub(crate) fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.expect("its memory") / 1024.0
}

/// Seconds since the machine started.
pub(crate) fn uptime() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").expect("/proc");
    text.split(' ')
        .next()
        .and_then(|text| text.parse().ok())
        .expect("a number")
}

/// Waits until a process has used no processor time for a second.
pub(crate) fn until_calm(process: u32, deadline: Duration) {
    let end = Instant::now() + deadline;
    let mut last = ticks(process);
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = ticks(process);
        if now - last <= 1 || Instant::now() > end {
            return;
        }
        last = now;
    }
}
