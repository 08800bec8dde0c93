//! Times as people read them: in the time zone of this machine, with the name of the zone. The zone is `TZ`, or else
//! the zone of the system. Records and JSON use UTC instead.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The time zone of this machine; UTC if the machine has none.
pub fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Converts a time to the time zone of this machine.
pub fn local(at: Timestamp) -> Zoned {
    at.to_zoned(zone())
}

/// Date, time and zone, e.g. `2026-11-20 14:02:11 CET`.
pub fn moment(at: Timestamp) -> String {
    moment_in(at, zone())
}

/// Time and zone without the date, e.g. `14:02:11 CET`.
pub fn clock(at: Timestamp) -> String {
    local(at).strftime("%H:%M:%S %Z").to_string()
}

/// The name of the zone at that time, for the heading of a column, e.g. `CET`.
pub fn zone_name(at: Timestamp) -> String {
    local(at).strftime("%Z").to_string()
}

fn moment_in(at: Timestamp, zone: TimeZone) -> String {
    at.to_zoned(zone)
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_its_zone_with_the_zone_named() {
        let berlin = super::super::time_zone::named("Europe/Berlin").expect("a zone");
        for (at, zone, shown) in [
            ("2026-11-20T23:30:00Z", &berlin, "2026-11-21 00:30:00 CET"),
            (
                "2026-07-20T12:00:00.9Z",
                &berlin,
                "2026-07-20 14:00:00 CEST",
            ),
            (
                "2026-11-20T23:30:00Z",
                &TimeZone::UTC,
                "2026-11-20 23:30:00 UTC",
            ),
        ] {
            let at: Timestamp = at.parse().expect("a time");
            assert_eq!(moment_in(at, zone.clone()), shown);
        }
    }
}
