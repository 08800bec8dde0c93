//! Orders tags by their names alone, for images whose build time is unknown. Numbers are compared as numbers, and a
//! pre-release comes before its release. The order is only a guess.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// Compares two tags; the older one comes first. A tag that looks like a version, e.g. `1.2` or `v1.2`, is newer than a
/// tag that does not, e.g. `latest` or `main`.
pub fn by_version(a: &str, b: &str) -> Ordering {
    let (a_is, b_is) = (looks_like_version(a), looks_like_version(b));
    a_is.cmp(&b_is)
        .then_with(|| compare_pieces(without_v(a), without_v(b)))
        // Different names are never equal, so the result of sorting does not depend on the input order.
        .then_with(|| a.cmp(b))
}

fn without_v(name: &str) -> &str {
    match name.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => name,
    }
}

fn looks_like_version(name: &str) -> bool {
    let rest = without_v(name);
    rest.starts_with(|c: char| c.is_ascii_digit()) && (rest.contains('.') || rest.contains('-'))
        || rest.bytes().all(|b| b.is_ascii_digit())
}

fn compare_pieces(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let (Some(&x), Some(&y)) = (a.peek(), b.peek()) else {
            return match (a.peek(), b.peek()) {
                (None, None) => Ordering::Equal,
                // `1.2-rc1` comes before `1.2`, and `1.2.1` after it.
                (None, Some(next)) => before_or_after(*next),
                (Some(next), _) => before_or_after(*next).reverse(),
            };
        };
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (number(&mut a), number(&mut b));
            // More digits mean a larger number, because leading zeros are dropped.
            x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
        } else {
            a.next();
            b.next();
            rank(x).cmp(&rank(y)).then(x.cmp(&y))
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Whether the name that ends first comes before or after the name that continues with `next`.
fn before_or_after(next: char) -> Ordering {
    match next {
        '-' => Ordering::Greater,
        _ => Ordering::Less,
    }
}

/// A hyphen starts a pre-release, so it comes before all other characters.
fn rank(c: char) -> u8 {
    match c {
        '-' => 0,
        '.' | '_' => 1,
        _ if c.is_ascii_digit() => 3,
        _ => 2,
    }
}

fn number(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(c) = chars.next_if(char::is_ascii_digit) {
        if !(c == '0' && digits.is_empty()) {
            digits.push(c);
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn newer_versions_come_after_older_ones() {
        let mut names = [
            "1.10.0",
            "latest",
            "1.9.0",
            "v2.0.0-rc1",
            "2.0.0",
            "1.9",
            "1.9.1",
            "main",
            "2.0.0-rc10",
            "v1.9.2",
            "2026-11-20",
            "2.0.0-rc2",
            "deadbeef",
            "12",
        ];
        names.sort_by(|a, b| by_version(a, b));
        assert_eq!(
            names,
            [
                "deadbeef",
                "latest",
                "main",
                "1.9",
                "1.9.0",
                "1.9.1",
                "v1.9.2",
                "1.10.0",
                "v2.0.0-rc1",
                "2.0.0-rc2",
                "2.0.0-rc10",
                "2.0.0",
                "12",
                "2026-11-20",
            ]
        );
    }

    proptest! {
        #[test]
        fn the_comparison_is_a_total_order(a in "[v0-9a.-]{1,8}", b in "[v0-9a.-]{1,8}", c in "[v0-9a.-]{1,8}") {
            prop_assert_eq!(by_version(&a, &b), by_version(&b, &a).reverse());
            prop_assert_eq!(by_version(&a, &b).is_eq(), a == b);
            if by_version(&a, &b).is_le() && by_version(&b, &c).is_le() {
                prop_assert!(by_version(&a, &c).is_le(), "{} {} {}", a, b, c);
            }
        }
    }
}
