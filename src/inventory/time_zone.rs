//! Time zones by name, from the database that is built into Greenroom. The database of the machine is not used: an
//! operator who sets `TZDIR` could replace it and move every freeze.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone with this name, e.g. `Europe/Berlin` or `UTC`.
pub fn named(name: &str) -> Option<TimeZone> {
    DATABASE.get(name).ok()
}

pub fn names() -> Vec<String> {
    DATABASE.available().map(|name| name.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_and_the_zones_of_places_are_known() {
        assert_eq!(named("UTC"), Some(TimeZone::UTC));
        let berlin = named("Europe/Berlin").expect("a zone");
        let summer = "2026-07-01T00:00:00Z".parse().expect("a moment");
        assert_eq!(berlin.to_offset(summer).seconds(), 2 * 60 * 60);
        assert_eq!(named("Europe/Berlinn"), None);
        assert!(names().iter().any(|name| name == "Europe/Berlin"));
    }
}
