//! Hooks and priorities by name.

use crate::data::{Family, Hook};

/// The name of a hook.
pub(super) fn hook(family: Family, number: u32) -> String {
    Hook::from_number(family, number).map_or_else(|| "unknown".into(), |hook| hook.to_string())
}

/// Names of priorities, with the hooks at which they mean something; none for all.
type Names = &'static [(i32, &'static str, &'static [Hook])];

const IP: Names = &[
    (-300, "raw", &[]),
    (-150, "mangle", &[]),
    (-100, "dstnat", &[Hook::Prerouting, Hook::Output]),
    (0, "filter", &[]),
    (50, "security", &[]),
    (100, "srcnat", &[Hook::Input, Hook::Postrouting]),
];

const BRIDGE: Names = &[
    (-300, "dstnat", &[Hook::Prerouting]),
    (-200, "filter", &[]),
    (100, "out", &[Hook::Output]),
    (300, "srcnat", &[Hook::Postrouting]),
];

/// How far from a named priority another one is told by its distance.
const REACH: i64 = 10;

/// A priority as nft writes it: `filter`, `mangle + 5`, `-20`.
pub(super) fn priority(family: Family, hook: u32, priority: i32, named: bool) -> String {
    let names = if family == Family::Bridge { BRIDGE } else { IP };
    let hook = Hook::from_number(family, hook);
    let near = names.iter().find(|(n, ..)| (i64::from(priority) - i64::from(*n)).abs() <= REACH);
    let known = |(n, _, hooks): &&(i32, &str, &[Hook])| {
        let family = match family {
            Family::Arp | Family::Netdev => *n == 0,
            _ => true,
        };
        named && family && (hooks.is_empty() || hook.is_some_and(|hook| hooks.contains(&hook)))
    };
    match near.filter(known) {
        None => priority.to_string(),
        Some((n, name, _)) => match i64::from(priority) - i64::from(*n) {
            0 => (*name).into(),
            above @ 1.. => format!("{name} + {above}"),
            below => format!("{name} - {}", -below),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_have_names_near_by() {
        let all = [
            (Family::Ip, Hook::Input, 0, "filter"),
            (Family::Inet, Hook::Forward, -140, "mangle + 10"),
            (Family::Inet, Hook::Forward, -139, "-139"),
            (Family::Ip6, Hook::Prerouting, -105, "dstnat - 5"),
            (Family::Ip6, Hook::Input, -105, "-105"),
            (Family::Ip, Hook::Input, 100, "srcnat"),
            (Family::Arp, Hook::Input, -300, "-300"),
            (Family::Netdev, Hook::Ingress, 3, "filter + 3"),
            (Family::Bridge, Hook::Prerouting, -300, "dstnat"),
            (Family::Bridge, Hook::Output, 101, "out + 1"),
            (Family::Bridge, Hook::Forward, 0, "0"),
        ];
        for (family, hook, n, expected) in all {
            assert_eq!(priority(family, hook.number(family).unwrap(), n, true), expected);
            assert_eq!(priority(family, hook.number(family).unwrap(), n, false), n.to_string());
        }
        assert_eq!(priority(Family::Ip, 99, i32::MIN, true), i32::MIN.to_string());
    }
}
