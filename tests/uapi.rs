//! Every number that goes over the wire, against the kernel's own headers (package linux-libc-dev).

use oxitables::{
    Family, Hook, Priority,
    data::{CtEvents, CtStatus, IcmpxCode, Register},
    testing, uapi,
    wire::Scope,
};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

const HEADERS: &[&str] = &[
    "netfilter.h",
    "netfilter/nf_tables.h",
    "netfilter/nf_tables_compat.h",
    "netfilter/nfnetlink.h",
    "netfilter/nf_nat.h",
    "netfilter/nf_log.h",
    "netfilter/nf_synproxy.h",
    "netfilter/nf_conntrack_common.h",
    "netfilter/nfnetlink_osf.h",
    "netfilter/nfnetlink_cttimeout.h",
    "netfilter_ipv4.h",
    "netfilter_bridge.h",
    "xfrm.h",
];

/// Those whose every name has to be known here.
const OURS: &[&str] = &["netfilter/nf_tables.h", "netfilter/nf_tables_compat.h"];

/// Names that the header of the oldest supported distribution (6.1) lacks, with their numbers in
/// that of 6.18.
const NEWER: &[(&str, i64)] = &[
    ("NFT_PAYLOAD_TUN_HEADER", 4),    // 6.2
    ("NFTA_INNER_NUM", 1),            // 6.2
    ("NFTA_INNER_TYPE", 2),           // 6.2
    ("NFTA_INNER_FLAGS", 3),          // 6.2
    ("NFTA_INNER_HDRSIZE", 4),        // 6.2
    ("NFTA_INNER_EXPR", 5),           // 6.2
    ("NFT_INNER_VXLAN", 1),           // 6.2
    ("NFT_INNER_GENEVE", 2),          // 6.2
    ("NFT_INNER_HDRSIZE", 1),         // 6.2
    ("NFT_INNER_LL", 2),              // 6.2
    ("NFT_INNER_NH", 4),              // 6.2
    ("NFT_INNER_TH", 8),              // 6.2
    ("NFT_MSG_GETRULE_RESET", 25),    // 6.2
    ("NFT_MSG_DESTROYTABLE", 26),     // 6.3
    ("NFT_MSG_DESTROYCHAIN", 27),     // 6.3
    ("NFT_MSG_DESTROYRULE", 28),      // 6.3
    ("NFT_MSG_DESTROYSET", 29),       // 6.3
    ("NFT_MSG_DESTROYSETELEM", 30),   // 6.3
    ("NFT_MSG_DESTROYOBJ", 31),       // 6.3
    ("NFT_MSG_DESTROYFLOWTABLE", 32), // 6.3
    ("NFT_META_BRI_BROUTE", 35),      // 6.4
    ("NFT_MSG_GETSETELEM_RESET", 33), // 6.5
    ("NFT_TABLE_F_PERSIST", 4),       // 6.9
    ("NFTA_BITWISE_SREG2", 8),        // 6.13
    ("NFT_BITWISE_AND", 3),           // 6.13
    ("NFT_BITWISE_OR", 4),            // 6.13
    ("NFT_BITWISE_XOR", 5),           // 6.13
    ("NFTA_SET_TYPE", 19),            // 6.16
    ("NFTA_SET_COUNT", 20),           // 6.16
    ("NFTA_TRACE_CT_ID", 18),         // 6.16
    ("NFTA_TRACE_CT_DIRECTION", 19),  // 6.16
    ("NFTA_TRACE_CT_STATUS", 20),     // 6.16
    ("NFTA_TRACE_CT_STATE", 21),      // 6.16
    ("NFTA_DEVICE_PREFIX", 2),        // 6.18
    ("NFT_META_BRI_IIFHWADDR", 37),   // 6.18
];

/// What this crate has no name for, and why. A name may stand for all that begin (`X*`) or end
/// (`*X`) so.
const LEFT_OUT: &[(&str, &str)] = &[
    ("NFPROTO_DECNET", "has no tables; gone since 6.1"),
    ("NFPROTO_NUMPROTO", "counts the others"),
    ("XFRM_POLICY_FWD", "the expression xfrm takes in and out only"),
    ("XFRM_POLICY_MASK", "all of them"),
    ("NFTA_COMPAT_*", "asks for revisions of iptables extensions, in a subsystem of its own"),
    ("NFNL_MSG_COMPAT_GET", "the same"),
    ("*_MAXNAMELEN", "a length; the codecs have it"),
    ("*_MAXLEN", "a length; the codecs have it"),
    ("NFT_OSF_MAXGENRELEN", "the width of a register's content"),
    ("NFT_REG_SIZE", "the width of a register"),
    ("NFT_REG32_SIZE", "the width of a register"),
    ("NFT_REG32_COUNT", "counts registers"),
    ("*_MASK", "all flags of a kind"),
    ("NFT_CHAIN_FLAGS", "all flags of a kind"),
    ("NFTA_FIB_F_ALL", "all flags of a kind"),
    ("NFT_DATA_VALUE", "what the kernel calls register content by itself"),
    ("NFT_DATA_VERDICT", "the type of verdict maps: DataType::VERDICT"),
    ("NFT_EXTHDR_OP_TCP", "another name of NFT_EXTHDR_OP_TCPOPT"),
    ("NFT_META_IIFTYPE", "another name of NFT_META_IFTYPE"),
    ("NFT_BITWISE_BOOL", "another name of NFT_BITWISE_MASK_XOR"),
    ("NFT_OBJECT_UNSPEC", "no type of objects"),
];

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|(pattern, _)| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == *pattern,
    })
}

/// Names that mean what they say and count for nothing.
fn is_technical(name: &str) -> bool {
    name.starts_with('_') || ["_UNSPEC", "_MAX"].iter().any(|end| name.ends_with(end))
}

/// What has a type of its own that is no table: numbers of this crate under the header's names.
fn otherwise() -> Vec<(String, i64)> {
    let hook = |name: &str, hook: Hook, family: Family| {
        (name.to_owned(), i64::from(hook.number(family).expect("the family has it")))
    };
    let priority = |name: &str, priority: Priority, family| (name.to_owned(), i64::from(priority.number(family)));
    let slot = |slot: u8| i64::from(u32::from(Register::slot(slot)));
    let status = |name: &str, status: CtStatus| (format!("IPS_{name}"), i64::from(status.bits()));
    let event = |name: &str, events: CtEvents| (format!("IPCT_{name}"), i64::from(events.bits().trailing_zeros()));
    let icmpx = |name: &str, code: IcmpxCode| (format!("NFT_REJECT_ICMPX_{name}"), i64::from(code.number()));
    let register = |name: &str, number: i64| (name.to_owned(), number);
    let mut all = vec![
        hook("NF_INET_PRE_ROUTING", Hook::Prerouting, Family::Inet),
        hook("NF_INET_LOCAL_IN", Hook::Input, Family::Ip),
        hook("NF_INET_FORWARD", Hook::Forward, Family::Ip6),
        hook("NF_INET_LOCAL_OUT", Hook::Output, Family::Inet),
        hook("NF_INET_POST_ROUTING", Hook::Postrouting, Family::Inet),
        hook("NF_INET_INGRESS", Hook::Ingress, Family::Inet),
        hook("NF_NETDEV_INGRESS", Hook::Ingress, Family::Netdev),
        hook("NF_NETDEV_EGRESS", Hook::Egress, Family::Netdev),
        hook("NF_BR_PRE_ROUTING", Hook::Prerouting, Family::Bridge),
        hook("NF_BR_LOCAL_IN", Hook::Input, Family::Bridge),
        hook("NF_BR_FORWARD", Hook::Forward, Family::Bridge),
        hook("NF_BR_LOCAL_OUT", Hook::Output, Family::Bridge),
        hook("NF_BR_POST_ROUTING", Hook::Postrouting, Family::Bridge),
        priority("NF_IP_PRI_RAW", Priority::RAW, Family::Ip),
        priority("NF_IP_PRI_MANGLE", Priority::MANGLE, Family::Ip),
        priority("NF_IP_PRI_NAT_DST", Priority::DSTNAT, Family::Ip),
        priority("NF_IP_PRI_FILTER", Priority::FILTER, Family::Ip),
        priority("NF_IP_PRI_SECURITY", Priority::SECURITY, Family::Ip),
        priority("NF_IP_PRI_NAT_SRC", Priority::SRCNAT, Family::Ip),
        priority("NF_BR_PRI_NAT_DST_BRIDGED", Priority::DSTNAT, Family::Bridge),
        priority("NF_BR_PRI_FILTER_BRIDGED", Priority::FILTER, Family::Bridge),
        priority("NF_BR_PRI_NAT_DST_OTHER", Priority::OUT, Family::Bridge),
        priority("NF_BR_PRI_NAT_SRC", Priority::SRCNAT, Family::Bridge),
        register("NFT_REG_VERDICT", u32::from(Register::VERDICT).into()),
        status("EXPECTED", CtStatus::EXPECTED),
        status("SEEN_REPLY", CtStatus::SEEN_REPLY),
        status("ASSURED", CtStatus::ASSURED),
        status("CONFIRMED", CtStatus::CONFIRMED),
        status("SRC_NAT", CtStatus::SNAT),
        status("DST_NAT", CtStatus::DNAT),
        status("SEQ_ADJUST", CtStatus::SEQ_ADJUST),
        status("SRC_NAT_DONE", CtStatus::SNAT_DONE),
        status("DST_NAT_DONE", CtStatus::DNAT_DONE),
        status("DYING", CtStatus::DYING),
        status("FIXED_TIMEOUT", CtStatus::FIXED_TIMEOUT),
        event("NEW", CtEvents::NEW),
        event("RELATED", CtEvents::RELATED),
        event("DESTROY", CtEvents::DESTROY),
        event("REPLY", CtEvents::REPLY),
        event("ASSURED", CtEvents::ASSURED),
        event("PROTOINFO", CtEvents::PROTOINFO),
        event("HELPER", CtEvents::HELPER),
        event("MARK", CtEvents::MARK),
        event("SEQADJ", CtEvents::SEQADJ),
        event("SECMARK", CtEvents::SECMARK),
        event("LABEL", CtEvents::LABEL),
        icmpx("NO_ROUTE", IcmpxCode::NO_ROUTE),
        icmpx("PORT_UNREACH", IcmpxCode::PORT_UNREACHABLE),
        icmpx("HOST_UNREACH", IcmpxCode::HOST_UNREACHABLE),
        icmpx("ADMIN_PROHIBITED", IcmpxCode::ADMIN_PROHIBITED),
    ];
    all.extend((1..=4).map(|n| (format!("NFT_REG_{n}"), slot((n - 1) * 4))));
    // Both numbers of an aligned slot are one register.
    all.extend((0..16).filter(|n| n % 4 != 0).map(|n| (format!("NFT_REG32_{n:02}"), slot(n))));
    let sixteen = (0..16).filter(|n| n % 4 == 0);
    all.extend(sixteen.map(|n| {
        let number = (8..24).find(|r| *r != slot(n) && Register::from(*r as u32).as_slot() == Some(n));
        (format!("NFT_REG32_{n:02}"), number.expect("every slot has a number"))
    }));
    all
}

/// The enums, `#define`s and their values.
#[derive(Default)]
struct Header {
    values: HashMap<String, i64>,
    enums: Vec<Vec<String>>,
}

impl Header {
    fn read() -> Option<Self> {
        Self::read_all(HEADERS)
    }

    fn read_all(names: &[&str]) -> Option<Self> {
        let limits = [("INT_MIN", i32::MIN), ("INT_MAX", i32::MAX)];
        // Newer headers have names of their own for these.
        let limits = limits.iter().flat_map(|(name, n)| [((*name).to_owned(), *n), (format!("__KERNEL_{name}"), *n)]);
        let limits: HashMap<_, _> = limits.map(|(name, n)| (name, i64::from(n))).collect();
        let mut header = Self { values: limits, ..Self::default() };
        let folder = std::env::var_os("OXITABLES_HEADERS").unwrap_or("/usr/include/linux".into());
        for name in names {
            let path = Path::new(&folder).join(name);
            match fs::read_to_string(&path) {
                Ok(text) => header.parse(&text),
                Err(e) => {
                    testing::skip(&format!("{}: {e}: apt-get install linux-libc-dev", path.display()));
                    return None;
                }
            }
        }
        Some(header)
    }

    fn parse(&mut self, text: &str) {
        let text = without_comments(&text.replace("\\\n", " "));
        self.parse_defines(&text);
        // Lines of the preprocessor may stand inside an enum.
        let code = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        for rest in code.split("enum ").skip(1) {
            let Some((head, body)) = rest.split_once('{') else { continue };
            if head.contains([';', '(']) {
                continue;
            }
            let (mut next, mut members) = (0, Vec::new());
            for entry in body.split('}').next().unwrap_or_default().split(',').map(str::trim).filter(|e| !e.is_empty())
            {
                let (name, value) = entry.split_once('=').map_or((entry, None), |(n, v)| (n.trim(), Some(v)));
                let value = value.map_or(Some(next), |v| self.evaluate(v)).unwrap_or_else(|| panic!("{entry}"));
                self.values.insert(name.to_owned(), value);
                members.push(name.to_owned());
                next = value + 1;
            }
            self.enums.push(members);
        }
        // Once more, for other names of what the enums define.
        self.parse_defines(&text);
    }

    fn parse_defines(&mut self, text: &str) {
        for line in text.lines() {
            if let Some((name, value)) = line.strip_prefix("#define ").and_then(|d| d.trim().split_once([' ', '\t']))
                && let Some(value) = self.evaluate(value)
            {
                self.values.insert(name.to_owned(), value);
            }
        }
    }

    /// A constant expression; `None` if it is none, or names what is not known yet.
    fn evaluate(&self, text: &str) -> Option<i64> {
        let mut tokens = Tokens { rest: text.trim(), header: self };
        let value = tokens.or()?;
        tokens.rest.is_empty().then_some(value)
    }

    /// The members that count of the enum which has this one.
    fn siblings(&self, of: &str) -> Vec<&str> {
        let all = self.enums.iter().find(|members| members.iter().any(|m| m == of));
        all.into_iter().flatten().map(String::as_str).filter(|m| !is_technical(m)).collect()
    }
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once("*/").map_or("", |(_, code)| code))
}

/// A parser of constant expressions, one method for each level of precedence.
struct Tokens<'a> {
    rest: &'a str,
    header: &'a Header,
}

impl Tokens<'_> {
    fn take(&mut self, token: &str) -> bool {
        self.rest.strip_prefix(token).map(|rest| self.rest = rest.trim_start()).is_some()
    }

    fn or(&mut self) -> Option<i64> {
        let mut value = self.shift()?;
        while self.take("|") {
            value |= self.shift()?;
        }
        Some(value)
    }

    fn shift(&mut self) -> Option<i64> {
        let mut value = self.sum()?;
        while self.take("<<") {
            value <<= self.sum()?;
        }
        Some(value)
    }

    fn sum(&mut self) -> Option<i64> {
        let mut value = self.single()?;
        loop {
            value = match () {
                _ if self.take("+") => value + self.single()?,
                _ if self.take("-") => value - self.single()?,
                _ => return Some(value),
            }
        }
    }

    fn single(&mut self) -> Option<i64> {
        if self.take("-") {
            return Some(-self.single()?);
        }
        if self.take("(") {
            let value = self.or()?;
            return self.take(")").then_some(value);
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        let digits = word.trim_end_matches(['U', 'L']);
        match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok().or_else(|| self.header.values.get(word).copied()),
        }
    }
}

/// The number that a name should have, unless it is `number`.
fn wrong(header: &Header, name: &str, number: i64) -> Option<String> {
    let newer = NEWER.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    match header.values.get(name).copied().or(newer) {
        Some(value) if value == number => None,
        Some(value) => Some(format!("{name} is {value}, not {number}")),
        None => Some(format!("{name} (here {number}) is not in the headers; if it is newer, list it in NEWER")),
    }
}

/// What the header's enum has besides.
fn forgotten<'h>(header: &'h Header, known: &[&str]) -> Vec<&'h str> {
    let siblings: BTreeSet<_> = known.iter().flat_map(|name| header.siblings(name)).collect();
    // Two names of one number are one.
    let numbers: BTreeSet<_> = known.iter().filter_map(|k| header.values.get(*k)).collect();
    siblings.into_iter().filter(|m| !numbers.contains(&header.values[*m]) && !is_left_out(m)).collect()
}

#[test]
fn names_and_numbers_are_those_of_the_kernel() {
    let Some(header) = Header::read() else { return };
    let rows = uapi::tables().flat_map(|(_, rows)| rows).map(|row| (row.name, i64::from(row.number)));
    let constants = uapi::constants().flat_map(|(_, all)| all).map(|c| (c.name, c.value as i64));
    let otherwise = otherwise();
    let all = rows.chain(constants).chain(otherwise.iter().map(|(name, number)| (name.as_str(), *number)));
    let wrong: Vec<_> = all.filter_map(|(name, number)| wrong(&header, name, number)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_that_the_kernel_has_is_forgotten() {
    let Some(header) = Header::read() else { return };
    let tables = uapi::tables().map(|(of, rows)| (of, rows.iter().map(|row| row.name).collect::<Vec<_>>()));
    let constants = uapi::constants().map(|(of, all)| (of, all.iter().map(|c| c.name).collect::<Vec<_>>()));
    let forgotten: Vec<_> = tables
        .chain(constants)
        .map(|(of, known)| (of, forgotten(&header, &known)))
        .filter(|(_, missing)| !missing.is_empty())
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:#?}");
}

#[test]
fn every_name_of_the_headers_is_known() {
    let Some(header) = Header::read_all(OURS) else { return };
    let otherwise = otherwise();
    let known: BTreeSet<_> = uapi::tables()
        .flat_map(|(_, rows)| rows.iter().map(|row| row.name))
        .chain(uapi::constants().flat_map(|(_, all)| all.iter().map(|c| c.name)))
        .chain(otherwise.iter().map(|(name, _)| name.as_str()))
        .collect();
    let is_known =
        |name: &str| known.contains(name) || is_technical(name) || is_left_out(name) || name.starts_with("INT_");
    let unknown: BTreeSet<_> = header.values.keys().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "give them a type, or say in LEFT_OUT why not: {unknown:#?}");
}

#[test]
fn what_is_called_newer_is_used() {
    let used: BTreeSet<_> = uapi::tables()
        .flat_map(|(_, rows)| rows.iter().map(|row| row.name))
        .chain(uapi::constants().flat_map(|(_, all)| all.iter().map(|c| c.name)))
        .collect();
    let idle: Vec<_> = NEWER.iter().filter(|(name, _)| !used.contains(name)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn the_registry_has_every_enum_and_every_set_of_flags() {
    let known: BTreeSet<_> = uapi::constants().map(|(name, _)| name.to_owned()).collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut defined = BTreeSet::new();
    let mut folders: Vec<_> = ["data", "expr", "model"].map(|folder| src.join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(path).unwrap();
            for body in source.split("\nnumbers! {").skip(1).chain(source.split("\nflags! {").skip(1)) {
                let head = body.lines().find_map(|line| line.trim().strip_prefix("pub ")).unwrap();
                defined.insert(head.split([' ', ':']).nth(1).unwrap().to_owned());
            }
        }
    }
    assert_eq!(known, defined);
}

#[test]
fn every_table_is_reachable_from_its_object() {
    // A nested table that is in no list of tables would escape the checks above.
    let known: BTreeSet<_> = uapi::tables().map(|(_, rows)| rows.as_ptr()).collect();
    let mut orphans = Vec::new();
    for row in uapi::tables().flat_map(|(_, rows)| rows) {
        let mut scope = row.scope;
        while let Scope::List(inner) = scope {
            scope = *inner;
        }
        if let Scope::Table(rows) = scope
            && !rows.is_empty()
            && !known.contains(&rows.as_ptr())
        {
            orphans.push(row.name);
        }
    }
    assert!(orphans.is_empty(), "{orphans:?}");
}

#[test]
fn headers_are_read_as_a_compiler_would() {
    let mut header = Header::default();
    header.parse(
        "#define WIDE 0xffU /* not\n this */\nenum a {\n\tA0,\n\tA5 = 5,\n\tA6, A_BIT = (1 << 4), A_BOTH = A5 | A_BIT,\n\tA_MINUS = -2,\n#define X A6\n\tA_LAST,\n};\n#define ALIAS A_BOTH\nenum { SUM = WIDE + 1 };",
    );
    let value = |name: &str| header.values[name];
    assert_eq!(
        ["A0", "A5", "A6", "A_BIT", "A_BOTH", "A_MINUS", "A_LAST", "ALIAS", "SUM"].map(value),
        [0, 5, 6, 16, 21, -2, -1, 21, 256]
    );
    assert_eq!(header.siblings("A6").len(), 7);
}
