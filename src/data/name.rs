use std::{
    borrow::Cow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The name of a table, chain, set, object or interface: bytes without NUL, up to 255 of them (15
/// for an interface).
///
/// The kernel does not ask for UTF-8; a name that is none is shown with replacement characters and
/// sent back as it came. Cloning is cheap. A name that the kernel cannot take (empty, too long,
/// with a NUL) is refused when it is put into a batch, with the place where it stands. So is the
/// name of a new table, chain, set, object or flowtable that stock nft could not read back from its
/// own listing, such as `a b`.
///
/// ```
/// # use oxitables::data::Name;
/// let name = Name::from("input");
/// assert_eq!(name, "input");
/// assert_eq!(name.to_string(), "input");
/// ```
#[derive(Clone)]
pub struct Name(Repr);

/// Nearly all names are short, and every rule in a listing has two.
#[derive(Clone)]
enum Repr {
    Short { len: u8, bytes: [u8; Self::SHORT] },
    Long(Arc<[u8]>),
}

impl Repr {
    /// What makes both variants the same size.
    const SHORT: usize = 22;
}

impl Name {
    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Long(bytes) => bytes,
        }
    }

    /// The text, with replacement characters for what is not UTF-8. Unlike with `Display`, whatever
    /// stands in the name stands in the text: for JSON, and for whoever quotes it.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Whether nothing in it can be taken for something else than a part of a name.
    fn is_plain(&self) -> bool {
        self.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"_./-%".contains(byte))
    }

    /// Why stock nft cannot read it as the name of a table, chain, set, object or flowtable. It
    /// lists such a thing, but cannot load its own listing.
    pub(crate) fn unreadable(&self) -> Option<String> {
        let bytes = self.as_bytes();
        let first = bytes.first().is_none_or(|byte| byte.is_ascii_alphabetic() || b"_.".contains(byte));
        let rest = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(byte));
        if !first || !rest || bytes == b"." {
            return Some(format!(
                "nft cannot read {self} as a name: it has to begin with a letter, `_` or `.`, and to go on with these, \
                 digits, `-` and `/`"
            ));
        }
        let word = self.as_str().filter(|name| WORDS.binary_search(name).is_ok())?;
        Some(format!(
            "nft cannot read {word} as a name, since it is a word of its language: choose another, such as {word}s"
        ))
    }

    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(self.as_bytes()).ok()
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        let mut short = [0; Repr::SHORT];
        Self(match short.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Repr::Short { len: bytes.len() as u8, bytes: short }
            }
            None => Repr::Long(bytes.into()),
        })
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        text.as_bytes().into()
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// As nft prints it. A name that holds anything but letters, digits and `_./-%` stands in quotes,
/// with control characters escaped: the kernel takes any bytes for a name, and what looks like
/// syntax must not be taken for it.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string_lossy();
        if self.is_plain() { f.pad(&text) } else { f.pad(&format!("{text:?}")) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), f)
    }
}

/// Words that nft takes for no name, in any place where a name is made: tried with `nft -c` of
/// versions 1.0.6 and 1.1.7. Words that it knows in some places only, such as `saddr`, are names
/// elsewhere.
const WORDS: &[&str] = &[
    "accept",
    "add",
    "ah",
    "all",
    "arp",
    "auto-merge",
    "bridge",
    "cgroup",
    "chain",
    "comment",
    "comp",
    "constant",
    "continue",
    "counter",
    "cpu",
    "create",
    "ct",
    "day",
    "dccp",
    "define",
    "delete",
    "describe",
    "destroy",
    "device",
    "devices",
    "dnat",
    "drop",
    "dst",
    "dup",
    "dynamic",
    "ecn",
    "element",
    "elements",
    "esp",
    "ether",
    "exists",
    "expires",
    "export",
    "exthdr",
    "fib",
    "flags",
    "flow",
    "flowtable",
    "flush",
    "frag",
    "fwd",
    "gc-interval",
    "ge",
    "geneve",
    "get",
    "goto",
    "gretap",
    "gt",
    "handle",
    "hbh",
    "hook",
    "hour",
    "ibriport",
    "ibrname",
    "icmp",
    "icmpv6",
    "igmp",
    "iif",
    "iifgroup",
    "iifname",
    "iiftype",
    "import",
    "include",
    "index",
    "inet",
    "insert",
    "interval",
    "ip",
    "ip6",
    "ipsec",
    "jhash",
    "jump",
    "limit",
    "list",
    "log",
    "lt",
    "map",
    "mark",
    "masquerade",
    "meta",
    "meter",
    "mh",
    "missing",
    "monitor",
    "netdev",
    "nftrace",
    "notrack",
    "numgen",
    "obriport",
    "obrname",
    "offload",
    "oif",
    "oifgroup",
    "oifname",
    "oiftype",
    "or",
    "osf",
    "pkttype",
    "policy",
    "position",
    "priority",
    "queue",
    "quota",
    "random",
    "redefine",
    "redirect",
    "reject",
    "rename",
    "replace",
    "reset",
    "return",
    "rt",
    "rt0",
    "rt2",
    "rtclassid",
    "rule",
    "ruleset",
    "sctp",
    "secmark",
    "set",
    "size",
    "skgid",
    "skuid",
    "snat",
    "socket",
    "srh",
    "symhash",
    "synproxy",
    "table",
    "tcp",
    "th",
    "time",
    "timeout",
    "tproxy",
    "type",
    "typeof",
    "udp",
    "udplite",
    "undefine",
    "update",
    "vlan",
    "vmap",
    "vni",
    "vxlan",
    "xt",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_syntax_is_shown_in_quotes_and_refused() {
        for plain in ["input", "a-b", "a/b.c_d", "_1", ".x", "saddr", "__set%d", ""] {
            assert_eq!(Name::from(plain).to_string(), plain);
        }
        for (name, shown) in [
            ("a { }; chain b", r#""a { }; chain b""#),
            ("a\nb", r#""a\nb""#),
            ("a\u{1b}[31m", r#""a\u{1b}[31m""#),
            ("a\"b", r#""a\"b""#),
            ("a b", r#""a b""#),
            ("a\u{202e}b", r#""a\u{202e}b""#),
        ] {
            assert_eq!(Name::from(name).to_string(), shown);
            assert!(Name::from(name).unreadable().is_some(), "{name}");
        }
        for unreadable in ["1a", "-a", "é", ".", "accept", "mark", "a:b"] {
            assert!(Name::from(unreadable).unreadable().is_some(), "{unreadable}");
        }
        for fine in ["input", "a-b", "a/b.c_d", "_1", ".x", "saddr", "marks", "POSTROUTING", "accept1"] {
            assert_eq!(Name::from(fine).unreadable(), None);
        }
    }

    #[test]
    fn words_are_in_order() {
        assert!(WORDS.is_sorted());
    }
}
