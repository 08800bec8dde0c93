//! Formats durations, and holds phrases that several modules use.

use std::time::Duration;

use crate::history::UnknownEvent;
use crate::inventory::{HIGHEST_GENERATION, Target};
use crate::sanitize::sanitize;

/// A line in the plan of a rollback: it says that the rollback places a hold.
pub const LEAVES_A_HOLD: &str =
    "a hold: nothing is promoted to this target until an operator clears it";

/// Said about a target whose pushes wait for an agent if none is running.
pub const NO_AGENT: &str =
    "no agent is running for this target, so its pushes wait: start one with greenroom agent";

/// How a journal names an operator's request to run the checks again.
pub(super) const CHECK_AGAIN: &str = "check again";

/// Says that `generation` is too high for a switch, and how an operator lowers the generation.
pub(super) fn generations_used_up(target: &Target, generation: u64) -> String {
    let Target {
        service,
        environment,
        ..
    } = target;
    format!(
        "{target} cannot be switched: the next generation would be {generation}, and the highest one is {HIGHEST_GENERATION}. No target is switched so often: another program must have written the live pointer\n  1. End every console that drives {target}. 2. In the live pointer's directory on the proxy's host, set a small generation, for example 1, in both answer.json files (blue and green). 3. Run: greenroom repair {service} {environment}"
    )
}

/// The most characters that are shown of the name of an unknown event.
const LONGEST_EVENT: usize = 60;

/// Names an event that only a newer Greenroom knows.
pub(super) fn unknown_event(event: &UnknownEvent) -> String {
    let name: String = event.to_string().chars().take(LONGEST_EVENT).collect();
    format!("an event of a newer Greenroom: {}", sanitize(&name))
}

/// Formats a duration: `850ms`, `4.1s`, `2m 5s`, `1h 10m`, `12d 4h`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..10 if time.subsec_millis() >= 50 => format!("{:.1}s", time.as_secs_f64()),
        1..60 => format!("{seconds}s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit} {small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_at_most_two_units() {
        for (milliseconds, expected) in [
            (0, "0ms"),
            (850, "850ms"),
            (4100, "4.1s"),
            (6000, "6s"),
            (60_000, "1m"),
            (125_000, "2m 5s"),
            (4_200_000, "1h 10m"),
            (1_051_200_000, "12d 4h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }
}
