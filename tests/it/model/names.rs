//! The model's letters and numbers as the release machine's digests and ids.

use std::sync::LazyLock;
use std::time::Duration;

use greenroom::inventory::{Digest, ReleaseId, Tier, Version};
use greenroom::release::{Definition, Limit, Timing};
use jiff::Timestamp;

use crate::support::web;

/// Every letter that is a digest.
const LETTERS: [char; 5] = ['a', 'b', 'c', 'd', 'e'];
static DIGESTS: LazyLock<[Digest; 5]> = LazyLock::new(|| LETTERS.map(web::digest));

/// What the first operator promotes.
pub(crate) const PROMOTED: char = 'b';
/// The version live before; the older one in the other slot; the one started by hand.
pub(crate) const LIVE: char = 'a';
pub(crate) const OLDER: char = 'd';
pub(crate) const FOREIGN: char = 'e';

pub(crate) fn digest(letter: char) -> Digest {
    DIGESTS[at(letter)].clone()
}

pub(crate) fn is_digest(digest: &Digest, letter: char) -> bool {
    DIGESTS[at(letter)] == *digest
}

pub(crate) fn letter(digest: &Digest) -> char {
    let found = LETTERS
        .into_iter()
        .find(|letter| is_digest(digest, *letter));
    found.expect("a digest of the model")
}

fn at(letter: char) -> usize {
    let found = LETTERS.iter().position(|known| *known == letter);
    found.expect("a letter of the model")
}

pub(crate) fn version(letter: char) -> Version {
    Version {
        digest: digest(letter),
        ..web::version(&letter.to_string(), letter)
    }
}

pub(crate) fn release(number: u8) -> ReleaseId {
    ReleaseId(ulid::Ulid::from_parts(number.into(), 1))
}

pub(crate) fn number_of(release: ReleaseId) -> u8 {
    u8::try_from(release.0.timestamp_ms()).expect("a release of the model")
}

/// The clock is fixed. It jumps past every timeout when a wait has failed.
pub(crate) fn time(hours: u8) -> Timestamp {
    let jump = Duration::from_hours(hours.into());
    Timestamp::UNIX_EPOCH.checked_add(jump).expect("a moment")
}

/// A target without windows: one observation is enough.
pub(crate) fn definition(tier: Tier) -> Definition {
    Definition {
        timing: Timing {
            minimum_healthy: Duration::ZERO,
            watch: Duration::ZERO,
            drain: Duration::ZERO,
            standby: Limit::After(Duration::ZERO),
            ..Timing::default()
        },
        ..web::definition(tier)
    }
}
