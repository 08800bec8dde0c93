//! A slot's traffic over the last seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Requests that a slot answered within a window that has just ended. No requests are *no data*: neither good nor bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// How many requests.
    pub requests: u64,
    /// How many of them ended with a status of 500 or above, or without an answer.
    pub errors: u64,
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// Of a hundred answers, ninety-nine took no longer.
    pub p99: Duration,
    /// How long the window was.
    pub window: Duration,
    /// When these requests started; none without requests, or if the proxy does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Began>,
}

/// When the requests of a window started, in seconds before the end of the window. Up to one second too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
}

impl Began {
    /// Whether a request of this slot certainly started after the first one of `other`.
    pub fn goes_on_after(self, other: Self) -> bool {
        self.last + 1 < other.first
    }
}

impl Rates {
    /// Requests per second, e.g. `312 req/s`, `0.4 req/s`.
    pub fn per_second(&self) -> String {
        let seconds = self.window.as_secs().max(1);
        let tenths = self.requests * 10 / seconds;
        match tenths {
            0 if self.requests > 0 => "below 0.1 req/s".to_owned(),
            0..100 => format!("{}.{} req/s", tenths / 10, tenths % 10),
            _ => format!("{} req/s", (tenths + 5) / 10),
        }
    }

    /// The share of errors, e.g. `0%`, `0.02%`, `12.5%`.
    pub fn error_share(&self) -> String {
        if self.errors == 0 || self.requests == 0 {
            return "0%".to_owned();
        }
        // In units of a hundredth of a per cent, rounded up, so that an error is never shown as 0%.
        let share = (self.errors * 10_000).div_ceil(self.requests);
        match share {
            0..1000 => format!("{}.{:02}%", share / 100, share % 100),
            _ => format!("{}.{}%", share / 100, share / 10 % 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(requests: u64, errors: u64) -> Rates {
        Rates {
            requests,
            errors,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            window: Duration::from_secs(10),
            began: None,
        }
    }

    #[test]
    fn rates_are_readable_and_no_error_is_rounded_away() {
        let words = |requests, errors| {
            let rates = rates(requests, errors);
            (rates.per_second(), rates.error_share())
        };
        assert_eq!(words(3120, 1), ("312 req/s".into(), "0.04%".into()));
        assert_eq!(words(4, 0), ("0.4 req/s".into(), "0%".into()));
        assert_eq!(words(80, 10), ("8.0 req/s".into(), "12.5%".into()));
        assert_eq!(
            words(10_000_000, 1),
            ("1000000 req/s".into(), "0.01%".into())
        );
    }
}
