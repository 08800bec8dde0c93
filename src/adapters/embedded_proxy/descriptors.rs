//! The limit on open files and connections of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that is enough for the listeners of several environments, with a connection to a slot for each client.
/// Greenroom does not raise the limit further, because programs that this process starts inherit the limit, and some of
/// them close every descriptor below it.
pub(super) const WANTED: u64 = 64 * 1024;

/// Raises the soft limit, which is often 1024, to [`WANTED`] or to the hard limit if that is lower. If raising fails,
/// the proxy still works: without a free descriptor, it closes a connection that waits for its client.
pub(super) fn raise_limit() {
    let now = getrlimit(Resource::Nofile);
    let Some(raised) = raised(&now) else {
        return;
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "cannot raise the limit on open files from {}: {error}",
            now.current.unwrap_or_default()
        );
    }
}

/// Returns the limits to set, or None if the soft limit is high enough or cannot be raised. In an [`Rlimit`], None
/// means unlimited.
fn raised(now: &Rlimit) -> Option<Rlimit> {
    let most = now.maximum.map_or(WANTED, |hard| hard.min(WANTED));
    (now.current? < most).then_some(Rlimit {
        current: Some(most),
        maximum: now.maximum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_as_far_as_the_hard_limit_allows() {
        let raised = |current, maximum| {
            let limit = raised(&Rlimit { current, maximum });
            limit.map(|limit| {
                assert_eq!(limit.maximum, maximum, "the hard limit stays");
                limit.current
            })
        };
        assert_eq!(raised(Some(1024), Some(4096)), Some(Some(4096)));
        assert_eq!(raised(Some(1024), Some(1 << 30)), Some(Some(WANTED)));
        assert_eq!(raised(Some(1024), None), Some(Some(WANTED)));
        assert_eq!(raised(Some(4096), Some(4096)), None);
        assert_eq!(raised(Some(WANTED + 1), Some(1 << 30)), None);
        assert_eq!(raised(None, None), None);
    }
}
