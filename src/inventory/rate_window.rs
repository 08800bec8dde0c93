//! The requests of the last seconds, counted as they arrive, and their rates. Times are counted in
//! classes of about three per cent, so the memory is bounded for any number of requests. Pure: the
//! caller passes the second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Began, Rates};

/// The number of whole seconds that rates cover.
const SECONDS: i64 = 10;

/// The classes between a power of two of microseconds and the next.
const CLASSES: u64 = 32;

/// The requests of one slot. Seconds may be counted from any point, but always from the same one.
#[derive(Debug, Clone, Default)]
pub struct RateWindow {
    seconds: BTreeMap<i64, Second>,
}

#[derive(Debug, Clone, Default)]
struct Second {
    requests: u64,
    errors: u64,
    /// The seconds in which the first and the last of them started.
    began: Option<(i64, i64)>,
    /// How many requests took how long, by class.
    times: BTreeMap<u64, u64>,
}

impl RateWindow {
    /// Counts a request that ended in this second.
    pub fn count(&mut self, second: i64, took: Duration, failed: bool) {
        let place = self.seconds.entry(second).or_default();
        place.requests += 1;
        place.errors += u64::from(failed);
        let began = second.saturating_sub_unsigned(took.as_secs());
        let (first, last) = place.began.unwrap_or((began, began));
        place.began = Some((first.min(began), last.max(began)));
        *place.times.entry(class(took)).or_default() += 1;
        while self.seconds.len() > usize::try_from(2 * SECONDS).unwrap_or(usize::MAX) {
            self.seconds.pop_first();
        }
    }

    /// The rates over the whole seconds before `now`, which has not ended.
    pub fn rates(&mut self, now: i64) -> Rates {
        self.seconds = self.seconds.split_off(&(now - SECONDS));
        let mut times: BTreeMap<u64, u64> = BTreeMap::new();
        let (mut requests, mut errors) = (0, 0);
        let began: Vec<(i64, i64)> = self
            .seconds
            .range(..now)
            .filter_map(|it| it.1.began)
            .collect();
        for second in self.seconds.range(..now).map(|(_, second)| second) {
            requests += second.requests;
            errors += second.errors;
            for (class, count) in &second.times {
                *times.entry(*class).or_default() += count;
            }
        }
        let first = began.iter().map(|(first, _)| *first).min();
        let last = began.iter().map(|(_, last)| *last).max();
        Rates {
            requests,
            errors,
            p50: quantile(&times, requests, 50),
            p99: quantile(&times, requests, 99),
            window: Duration::from_secs(SECONDS.unsigned_abs()),
            began: first.zip(last).map(|(first, last)| Began {
                first: first.abs_diff(now),
                last: last.abs_diff(now),
            }),
        }
    }

    /// The first second that [`RateWindow::rates`] includes.
    pub fn begin(now: i64) -> i64 {
        now - SECONDS
    }
}

fn class(took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX >> 1);
    let halvings = u64::from(micros.max(1).ilog2()).saturating_sub(u64::from(CLASSES.ilog2()));
    halvings * CLASSES + (micros >> halvings)
}

/// The middle of a class, rounded to its precision.
fn middle(class: u64) -> Duration {
    let halvings = (class / CLASSES).saturating_sub(1);
    let low = (class - halvings * CLASSES) << halvings;
    let micros = low + (1 << halvings) / 2;
    let digit = match micros {
        0..1_000 => 1,
        1_000..10_000 => 100,
        _ => 1_000,
    };
    Duration::from_micros((micros + digit / 2) / digit * digit)
}

/// The time within which `percent` per cent of the requests ended.
fn quantile(times: &BTreeMap<u64, u64>, all: u64, percent: u64) -> Duration {
    let wanted = (all * percent).div_ceil(100).max(1);
    let mut seen = 0;
    for (class, count) in times {
        seen += count;
        if seen >= wanted {
            return middle(*class);
        }
    }
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn rates_are_over_the_last_ten_whole_seconds() {
        let mut window = RateWindow::default();
        window.count(89, ms(9000), true);
        for second in 90..100 {
            for _ in 0..98 {
                window.count(second, ms(8), false);
            }
            window.count(second, ms(41), true);
            window.count(second, ms(41), false);
        }
        window.count(100, ms(9000), true);
        let rates = window.rates(100);
        assert_eq!((rates.requests, rates.errors), (1000, 10));
        assert_eq!((rates.p50, rates.p99), (ms(8), ms(41)));
        let later = window.rates(111);
        assert_eq!((later.requests, later.p99), (0, Duration::ZERO));
    }

    #[test]
    fn a_request_is_counted_by_its_start() {
        let mut window = RateWindow::default();
        window.count(95, ms(8), false);
        window.count(99, ms(7_500), false);
        let began = window.rates(100).began;
        assert_eq!(began, Some(Began { first: 8, last: 5 }));
        assert_eq!(RateWindow::default().rates(100).began, None);
    }

    #[test]
    fn nothing_stays_nothing_whenever_it_is_asked() {
        let mut window = RateWindow::default();
        assert_eq!(window.rates(1), window.rates(2));
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_requests() {
        let mut window = RateWindow::default();
        for n in 0..100_000 {
            window.count(n / 10, Duration::from_nanos(n.unsigned_abs() * 7919), false);
        }
        assert!(window.seconds.len() <= 20);
    }

    proptest! {
        #[test]
        fn a_time_comes_back_to_three_per_cent(micros in 0_u64..100_000_000_000) {
            let took = Duration::from_micros(micros);
            let back = middle(class(took)).as_micros();
            let off = back.abs_diff(u128::from(micros));
            prop_assert!(off * 100 <= u128::from(micros) * 6 + 100, "{micros} {back}");
        }

        #[test]
        fn longer_times_are_in_later_classes(one in 0_u64..1_000_000, more in 0_u64..1_000_000) {
            prop_assert!(class(Duration::from_micros(one)) <= class(Duration::from_micros(one + more)));
        }
    }
}
