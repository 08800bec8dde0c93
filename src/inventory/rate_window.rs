//! Counts the requests of the last seconds as they end, and computes their rates. Durations are counted in classes that
//! are at most about three per cent wide, so the memory is bounded for any number of requests. The caller passes the
//! current second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Began, Rates};

/// How many whole seconds the rates cover.
const SECONDS: i64 = 10;

/// The number of classes between a power of two of microseconds and the next power of two.
const CLASSES: u64 = 32;

/// The requests of one slot. The caller may count seconds from any start, but must always use the same start.
#[derive(Debug, Clone, Default)]
pub struct RateWindow {
    seconds: BTreeMap<i64, Second>,
}

#[derive(Debug, Clone, Default)]
struct Second {
    requests: u64,
    errors: u64,
    /// The seconds in which the first and the last of these requests started.
    began: Option<(i64, i64)>,
    /// The number of requests in each class of durations.
    times: BTreeMap<u64, u64>,
}

impl RateWindow {
    /// Counts a request that ended in `second`.
    pub fn count(&mut self, second: i64, took: Duration, failed: bool) {
        let counted = self.seconds.entry(second).or_default();
        counted.requests += 1;
        counted.errors += u64::from(failed);
        let began = second.saturating_sub_unsigned(took.as_secs());
        let (first, last) = counted.began.unwrap_or((began, began));
        counted.began = Some((first.min(began), last.max(began)));
        *counted.times.entry(class(took)).or_default() += 1;
        while self.seconds.len() > usize::try_from(2 * SECONDS).unwrap_or(usize::MAX) {
            self.seconds.pop_first();
        }
    }

    /// The rates over the whole seconds before `now`. The second `now` has not ended and is left out.
    pub fn rates(&mut self, now: i64) -> Rates {
        self.seconds = self.seconds.split_off(&(now - SECONDS));
        let mut times: BTreeMap<u64, u64> = BTreeMap::new();
        let (mut requests, mut errors) = (0, 0);
        let began: Vec<(i64, i64)> = self
            .seconds
            .range(..now)
            .filter_map(|(_, second)| second.began)
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

    /// The first of the seconds that [`RateWindow::rates`] covers.
    pub fn first_second(now: i64) -> i64 {
        now - SECONDS
    }
}

fn class(took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX >> 1);
    let halvings = u64::from(micros.max(1).ilog2()).saturating_sub(u64::from(CLASSES.ilog2()));
    halvings * CLASSES + (micros >> halvings)
}

/// The middle of a class. It is rounded to 0.1 milliseconds from one millisecond, and to a millisecond from ten.
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

/// The duration within which `percent` per cent of the `total` requests ended.
fn quantile(times: &BTreeMap<u64, u64>, total: u64, percent: u64) -> Duration {
    let wanted = (total * percent).div_ceil(100).max(1);
    let mut counted = 0;
    for (class, count) in times {
        counted += count;
        if counted >= wanted {
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
    fn the_rates_say_when_the_requests_started() {
        let mut window = RateWindow::default();
        window.count(95, ms(8), false);
        window.count(99, ms(7_500), false);
        let began = window.rates(100).began;
        assert_eq!(began, Some(Began { first: 8, last: 5 }));
        assert_eq!(RateWindow::default().rates(100).began, None);
    }

    #[test]
    fn a_window_without_requests_has_the_same_rates_at_any_time() {
        let mut window = RateWindow::default();
        assert_eq!(window.rates(1), window.rates(2));
    }

    #[test]
    fn the_memory_does_not_grow_with_the_requests() {
        let mut window = RateWindow::default();
        for n in 0..100_000 {
            window.count(n / 10, Duration::from_nanos(n.unsigned_abs() * 7919), false);
        }
        assert!(window.seconds.len() <= 20);
    }

    proptest! {
        #[test]
        fn a_duration_is_kept_to_three_per_cent(micros in 0_u64..100_000_000_000) {
            let took = Duration::from_micros(micros);
            let back = middle(class(took)).as_micros();
            let off = back.abs_diff(u128::from(micros));
            prop_assert!(off * 100 <= u128::from(micros) * 6 + 100, "{micros} {back}");
        }

        #[test]
        fn longer_times_are_in_later_classes(shorter in 0_u64..1_000_000, more in 0_u64..1_000_000) {
            prop_assert!(class(Duration::from_micros(shorter)) <= class(Duration::from_micros(shorter + more)));
        }
    }
}
