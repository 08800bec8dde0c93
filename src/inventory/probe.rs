//! Health probes: requests that Greenroom sends to an instance to find out whether it is healthy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The result of one health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Whether the instance answered with a status from 200 to 299. False if there was no answer. Always true for a background service.
    pub healthy: bool,
    /// The answer, or the reason why there was none, as a message.
    pub detail: String,
    pub took: Duration,
}

impl Probe {
    /// Stands for a probe that is not needed, because a background service has no address: the runtime says whether it is healthy.
    /// Screens do not show it.
    pub fn without_address() -> Self {
        Self {
            healthy: true,
            detail: "not probed: this service has no address".to_owned(),
            took: Duration::ZERO,
        }
    }

    /// The result for a whole slot, from the results of its members in their order: the first one that is not healthy,
    /// otherwise the slowest. With several members, it names the one that is not healthy. None without members.
    pub fn of_slot(probes: Vec<Self>) -> Option<Self> {
        let count = probes.len();
        let numbered = probes.into_iter().zip(1..);
        let (probe, number) = numbered.reduce(|worst, other| {
            let is_worse = match (worst.0.healthy, other.0.healthy) {
                (true, true) => other.0.took > worst.0.took,
                (first, second) => first && !second,
            };
            if is_worse { other } else { worst }
        })?;
        if count == 1 || probe.healthy {
            return Some(probe);
        }
        let detail = format!("member {number} of {count}: {}", probe.detail);
        Some(Self { detail, ..probe })
    }

    /// Why the probe did not find the slot healthy; none if it did. A probe without a result has not passed.
    pub fn failure(probe: Option<&Self>) -> Option<String> {
        match probe {
            Some(probe) if probe.healthy => None,
            Some(probe) if probe.detail.is_empty() => Some("the health probe failed".to_owned()),
            Some(probe) => Some(probe.detail.clone()),
            None => Some("no health probe was made yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(healthy: bool, detail: &str, millis: u64) -> Probe {
        Probe {
            healthy,
            detail: detail.into(),
            took: Duration::from_millis(millis),
        }
    }

    #[test]
    fn the_first_unhealthy_member_or_the_slowest_speaks_for_the_slot() {
        let of = |probes: &[Probe]| Probe::of_slot(probes.to_vec());
        let (fast, slow) = (probe(true, "200", 1), probe(true, "204", 9));
        assert_eq!(of(&[]), None);
        assert_eq!(of(std::slice::from_ref(&slow)), Some(slow.clone()));
        let healthy = of(&[fast.clone(), slow, fast.clone()]).expect("a probe");
        assert_eq!(healthy.detail, "204");
        let (refused, timeout) = (probe(false, "refused", 1), probe(false, "timeout", 5));
        let unhealthy = of(&[fast, refused, timeout]).expect("a probe");
        assert_eq!(unhealthy.detail, "member 2 of 3: refused");
        assert!(!unhealthy.healthy);
    }
}
