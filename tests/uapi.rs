//! Every number that goes over the wire, against the kernel's own headers (package linux-libc-dev).

use oxitables::{testing, uapi, wire::Scope};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

const HEADERS: &[&str] = &["netfilter.h", "netfilter/nf_tables.h", "netfilter/nf_nat.h", "netfilter/nf_log.h"];

/// Names that the header of the oldest supported distribution (6.1) lacks, with their numbers in that of 6.18.
const NEWER: &[(&str, i64)] = &[
    ("NFT_PAYLOAD_TUN_HEADER", 4),  // 6.2
    ("NFT_META_BRI_BROUTE", 35),    // 6.4
    ("NFT_TABLE_F_PERSIST", 4),     // 6.9
    ("NFTA_BITWISE_SREG2", 8),      // 6.13
    ("NFT_BITWISE_AND", 3),         // 6.13
    ("NFT_BITWISE_OR", 4),          // 6.13
    ("NFT_BITWISE_XOR", 5),         // 6.13
    ("NFTA_SET_TYPE", 19),          // 6.16
    ("NFTA_SET_COUNT", 20),         // 6.16
    ("NFT_META_BRI_IIFHWADDR", 37), // 6.18
];

/// Members of an enum that this crate has no name for, and why.
const LEFT_OUT: &[(&str, &str)] =
    &[("NFPROTO_DECNET", "has no tables; gone since 6.1"), ("NFPROTO_NUMPROTO", "counts the others")];

/// The enums, `#define`s and their values.
#[derive(Default)]
struct Header {
    values: HashMap<String, i64>,
    enums: Vec<Vec<String>>,
}

impl Header {
    fn read() -> Option<Self> {
        let mut header = Self::default();
        for name in HEADERS {
            let path = Path::new("/usr/include/linux").join(name);
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
        let technical = |m: &str| m.starts_with("__") || ["_UNSPEC", "_MAX"].iter().any(|end| m.ends_with(end));
        all.into_iter().flatten().map(String::as_str).filter(|m| !technical(m)).collect()
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
    let left_out = |m: &str| LEFT_OUT.iter().any(|(name, _)| *name == m);
    // Two names of one number are one.
    let numbers: BTreeSet<_> = known.iter().filter_map(|k| header.values.get(*k)).collect();
    siblings.into_iter().filter(|m| !numbers.contains(&header.values[*m]) && !left_out(m)).collect()
}

#[test]
fn names_and_numbers_are_those_of_the_kernel() {
    let Some(header) = Header::read() else { return };
    let rows = uapi::tables().flat_map(|(_, rows)| rows).map(|row| (row.name, i64::from(row.number)));
    let constants = uapi::constants().flat_map(|(_, all)| all).map(|c| (c.name, c.value as i64));
    let wrong: Vec<_> = rows.chain(constants).filter_map(|(name, number)| wrong(&header, name, number)).collect();
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
