//! Fingerprints show whether two secret values differ, without showing the values. Equal values have the same
//! fingerprint, and different values almost always have different ones. The key of the fingerprints exists only in this
//! process. So a fingerprint cannot be compared with one of another process, and a reader of an old fingerprint cannot
//! test guesses against it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// The key of the fingerprints. Fingerprints that were made with different keys cannot be compared.
#[derive(Debug, Clone, Default)]
pub struct FingerprintKey(RandomState);

impl FingerprintKey {
    /// The fingerprint of a value, e.g. `#3fa9c1`.
    pub fn of(&self, value: &str) -> String {
        format!("#{:06x}", self.0.hash_one(value) & 0x00ff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_fingerprint() {
        let key = FingerprintKey::default();
        assert_eq!(key.of("hunter2"), key.clone().of("hunter2"));
        assert_ne!(key.of("hunter2"), key.of("hunter3"));
        assert_eq!(key.of("hunter2").len(), 7);
        let others = (0..64).map(|_| FingerprintKey::default().of("hunter2"));
        assert!(
            others.collect::<std::collections::BTreeSet<_>>().len() > 1,
            "another process makes another fingerprint"
        );
    }
}
