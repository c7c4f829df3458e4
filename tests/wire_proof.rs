//! The proof of the wire: rules of ordinary firewalls, submitted by us and by `nft -f`, and what the kernel then holds, both
//! dumped raw and compared byte by byte.

mod wire_rules;

/// What the table of rules calls the crate.
mod api {
    pub use oxitables::*;
}

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use oxitables::{
    Batch, Client, Family, Rule, Table,
    testing::{self, Host},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use wire_rules::Case;

const GETRULE: u8 = 7;
const GETSET: u8 = 10;
const GETSETELEM: u8 = 13;

/// Attributes by number; a test that trusted the crate's own decoder would prove less.
fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let len = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let kind = u16::from_ne_bytes([bytes[2], bytes[3]]) & 0x3fff;
        found.push((kind, &bytes[4..len]));
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
    }
    found
}

fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).into_iter().find(|(k, _)| *k == kind).map(|(_, payload)| payload)
}

fn name(kind: u16, text: &[u8]) -> Vec<u8> {
    let mut attribute = ((text.len() + 4) as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(text);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// Dumps one kind of object: the attributes of each, as the kernel sent them.
fn dump(kind: u8, family: Family, names: &[u8]) -> Vec<Vec<u8>> {
    let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    let mut request = (20 + names.len() as u32).to_ne_bytes().to_vec();
    request.extend((10 << 8 | u16::from(kind)).to_ne_bytes());
    request.extend(0x301u16.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([u8::from(family), 0, 0, 0]);
    request.extend(names);
    socket.send(&request, 0).unwrap();
    let mut objects = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().unwrap();
        let mut rest = &datagram[..];
        while rest.len() >= 16 {
            let len = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
            match u16::from_ne_bytes([rest[4], rest[5]]) {
                3 => return objects,
                2 => panic!("the kernel refuses to dump {kind}"),
                _ => objects.push(rest[20..len].to_vec()),
            }
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// What the kernel holds of a table: expressions and userdata of the rules by chain, sets by name.
#[derive(Debug, Default, PartialEq)]
struct Held {
    rules: BTreeMap<Vec<u8>, Vec<Vec<Option<Vec<u8>>>>>,
    sets: BTreeMap<Vec<u8>, (Vec<(u16, Vec<u8>)>, Vec<Vec<u8>>)>,
}

/// Numbers that the kernel hands out, and the backend's address.
const SET_HANDLE: u16 = 16;
const SET_BACKEND: u16 = 19;
const SET_COUNT: u16 = 20;

impl Held {
    fn of(family: Family) -> Self {
        let mut held = Self::default();
        for rule in dump(GETRULE, family, &name(1, b"t\0")) {
            let chain = attribute(&rule, 2).unwrap().to_vec();
            let parts = [4, 7].map(|kind| attribute(&rule, kind).map(<[u8]>::to_vec)).to_vec();
            held.rules.entry(chain).or_default().push(parts);
        }
        for set in dump(GETSET, family, &name(1, b"t\0")) {
            let own = attribute(&set, 2).unwrap().to_vec();
            let kept = attributes(&set).into_iter().filter(|(k, _)| ![SET_HANDLE, SET_BACKEND, SET_COUNT].contains(k));
            let kept = kept.map(|(k, payload)| (k, payload.to_vec())).collect();
            let names = [name(1, b"t\0"), name(2, &own)].concat();
            let lists = dump(GETSETELEM, family, &names);
            let elements = lists.iter().filter_map(|list| attribute(list, 3)).flat_map(attributes);
            let mut elements: Vec<_> = elements.map(|(_, element)| element.to_vec()).collect();
            // A hash table has no order.
            elements.sort();
            held.sets.insert(own, (kept, elements));
        }
        held
    }
}

fn load(nft: &Path, script: &str) -> Result<(), String> {
    let mut child = Command::new(nft).args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{script}", String::from_utf8_lossy(&output.stderr)))
}

fn listing(nft: &Path) -> String {
    let output = Command::new(nft).args(["-s", "list", "ruleset"]).output().unwrap();
    assert!(output.status.success(), "nft cannot list what is there: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Table, chains and what the rules refer to, in nft's words.
fn frame(family: Family, cases: &[Case]) -> String {
    let chains = cases.iter().enumerate().map(|(i, case)| format!("chain c{i} {{ {}; }}", case.chain));
    let declarations = wire_rules::declarations(family);
    format!("table {family} t {{ {declarations}\n{}\n}}", chains.collect::<Vec<_>>().join("\n"))
}

/// Both rulesets of a family, each in a namespace of its own: how many rules were compared, and what differs in words.
fn compare(nft: &Path, ours: &Host, theirs: &Host, family: Family, cases: &[Case]) -> (usize, Vec<String>) {
    let frame = frame(family, cases);
    let (known, by_nft) = theirs.run(|| {
        load(nft, &frame).unwrap();
        let known = cases.iter().enumerate().filter(|(i, case)| {
            let rules = case.words.iter().map(|words| format!("add rule {family} t c{i} {words}\n"));
            // An older nft has no words for some.
            load(nft, &rules.collect::<String>()).is_ok()
        });
        (known.collect::<Vec<_>>(), (Held::of(family), listing(nft)))
    });
    let by_us = ours.run(|| {
        load(nft, &frame).unwrap();
        let table = Table::new(family, "t");
        let mut client = Client::open().unwrap();
        for (i, case) in &known {
            let chain = table.chain(format!("c{i}"));
            let applied = client.apply(Batch::new().add(chain.rule(case.rule.clone())));
            applied.unwrap_or_else(|e| panic!("{}: {e}", case.words[0]));
        }
        (Held::of(family), listing(nft))
    });
    let mut differences = Vec::new();
    for (i, case) in &known {
        let chain = format!("c{i}\0").into_bytes();
        let (one, other) = (by_us.0.rules.get(&chain), by_nft.0.rules.get(&chain));
        if one != other {
            differences.push(format!("{family}: {}\n  ours: {one:02x?}\n  nft:  {other:02x?}", case.words.join("\n")));
        }
    }
    for (name, set) in &by_nft.0.sets {
        let ours = by_us.0.sets.get(name);
        if ours != Some(set) {
            let name = String::from_utf8_lossy(name);
            differences.push(format!("{family}: set {name}\n  ours: {ours:02x?}\n  nft:  {set:02x?}"));
        }
    }
    if by_us.1 != by_nft.1 {
        let lines = by_us.1.lines().zip(by_nft.1.lines()).filter(|(a, b)| a != b);
        differences.extend(lines.take(5).map(|(a, b)| format!("{family} listed\n  ours: {a}\n  nft:  {b}")));
    }
    (known.len(), differences)
}

fn by_family() -> Vec<(Family, Vec<Case>)> {
    let mut families: Vec<(Family, Vec<Case>)> = Vec::new();
    for case in wire_rules::cases() {
        match families.iter_mut().find(|(family, _)| *family == case.family) {
            Some((_, cases)) => cases.push(case),
            None => families.push((case.family, vec![case])),
        }
    }
    families
}

fn prove(nft: PathBuf) {
    testing::isolated(|lab| {
        let mut differences = Vec::new();
        let mut rules = 0;
        for (family, cases) in by_family() {
            let (ours, theirs) = (lab.host("ours").unwrap(), lab.host("nft").unwrap());
            let (compared, differing) = compare(&nft, &ours, &theirs, family, &cases);
            rules += compared;
            differences.extend(differing);
        }
        assert!(rules >= 150, "{rules} rules");
        assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    });
}

#[test]
fn our_bytes_are_those_of_nft() {
    if let Some(nft) = testing::program("nft") {
        prove(nft);
    }
}

/// Only where somebody put the newest nft beside the system's.
#[test]
fn our_bytes_are_those_of_the_newest_nft() {
    let nft = PathBuf::from("/usr/local/bin/nft-new");
    if nft.exists() {
        prove(nft);
    }
}

#[test]
fn rules_read_as_nft_words() {
    let cases = wire_rules::cases();
    let text = |case: &Case| Rule::text(&case.rule, case.family);
    let differ: Vec<_> =
        cases.iter().map(|case| (text(case), &case.words)).filter(|(text, words)| text != *words).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}
