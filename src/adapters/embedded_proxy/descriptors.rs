//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the listeners of some environments can need, with a connection to a slot for each client. Not all that is
/// allowed: programs that this process starts get the same limit, and some of them close every descriptor below it.
pub(super) const WANTED: u64 = 64 * 1024;

/// Raises the soft limit, which is often 1024, as far as it may be raised. Where that fails the proxy serves as many
/// clients as it can: it takes descriptors back from those that wait.
pub(super) fn raise_limit() {
    let now = getrlimit(Resource::Nofile);
    let Some(raised) = raised(&now) else {
        return;
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays {:?}: {error}", now.current);
    }
}

/// The limits to set; none where the soft limit is high enough or cannot be higher. None in a limit is no limit.
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
    fn the_soft_limit_rises_as_far_as_it_may_and_never_falls() {
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
