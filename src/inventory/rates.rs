//! The traffic of a slot over the last seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The requests that ended within a window. A window without requests means *no data*, which is neither good nor bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    pub requests: u64,
    /// How many requests ended with a status of 500 or above, or without an answer.
    pub errors: u64,
    /// Half of the requests took no longer than this.
    pub p50: Duration,
    /// Ninety-nine of a hundred requests took no longer than this.
    pub p99: Duration,
    /// The length of the window.
    pub window: Duration,
    /// When the requests started; none without requests, or if the proxy does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Began>,
}

/// When the requests of a window started, in seconds before the end of the window. The true start may be up to one
/// second earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// The start of the first request.
    pub first: u64,
    /// The start of the last request.
    pub last: u64,
}

impl Began {
    /// Whether a request of this slot certainly started after the first request of `other`.
    pub fn continues_after(self, other: Self) -> bool {
        self.last + 1 < other.first
    }
}

impl Rates {
    /// The traffic of one slot over several edges; none without rates. The times are those of the slowest edge, because
    /// the times of all requests are not known.
    pub fn together<'a>(rates: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut rates = rates.into_iter();
        let first = rates.next()?.clone();
        Some(rates.fold(first, |sum, more| Self {
            requests: sum.requests.saturating_add(more.requests),
            errors: sum.errors.saturating_add(more.errors),
            p50: sum.p50.max(more.p50),
            p99: sum.p99.max(more.p99),
            window: sum.window.max(more.window),
            began: match (sum.began, more.began) {
                (Some(one), Some(other)) => Some(Began {
                    first: one.first.max(other.first),
                    last: one.last.min(other.last),
                }),
                (Some(began), None) if more.requests == 0 => Some(began),
                (None, Some(began)) if sum.requests == 0 => Some(began),
                _ => None,
            },
        }))
    }

    /// Requests per second, e.g. `312 req/s` or `0.4 req/s`.
    pub fn per_second(&self) -> String {
        let seconds = self.window.as_secs().max(1);
        let tenths = self.requests * 10 / seconds;
        match tenths {
            0 if self.requests > 0 => "below 0.1 req/s".to_owned(),
            0..100 => format!("{}.{} req/s", tenths / 10, tenths % 10),
            _ => format!("{} req/s", (tenths + 5) / 10),
        }
    }

    /// The share of errors, e.g. `0%`, `0.02%` or `12.5%`.
    pub fn error_share(&self) -> String {
        if self.errors == 0 || self.requests == 0 {
            return "0%".to_owned();
        }
        // The unit is a hundredth of a per cent. Rounding up makes sure that an error is never shown as 0%.
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
        let shown = |requests, errors| {
            let rates = rates(requests, errors);
            (rates.per_second(), rates.error_share())
        };
        assert_eq!(shown(3120, 1), ("312 req/s".into(), "0.04%".into()));
        assert_eq!(shown(4, 0), ("0.4 req/s".into(), "0%".into()));
        assert_eq!(shown(80, 10), ("8.0 req/s".into(), "12.5%".into()));
        assert_eq!(
            shown(10_000_000, 1),
            ("1000000 req/s".into(), "0.01%".into())
        );
    }
}
