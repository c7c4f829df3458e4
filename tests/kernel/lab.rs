//! What the tests share.

pub use crate::common::features::{is_before, lacks};
pub use oxitables::proto::Feature;
use oxitables::{
    Batch, Chain, Client, Committed, Error, Family, Hook, Priority, Table, data::*, expr::*, model::*, testing,
    wire::Form,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// nft's types of keys and values.
pub fn ipv4() -> DataType {
    DataType::from(7)
}

pub fn port() -> DataType {
    DataType::from(13)
}

/// A connection to the namespace that the test is in.
pub fn open() -> Client {
    Client::open().unwrap()
}

/// The table of most tests.
pub fn host() -> Table {
    Table::new(Family::Inet, "host")
}

/// Its base chain.
pub fn input() -> Chain {
    host().chain("input").with_hook(Hook::Input, Priority::FILTER)
}

pub fn rule<E: Into<Expr>>(chain: &Chain, exprs: impl IntoIterator<Item = E>) -> Rule {
    Rule::new(chain, exprs)
}

pub fn verdict(verdict: Verdict) -> Expr {
    Immediate::new(Register::VERDICT, verdict).into()
}

/// A rule that is one verdict.
pub fn does(chain: &Chain, then: Verdict) -> Rule {
    rule(chain, [verdict(then)])
}

pub fn value(bytes: impl AsRef<[u8]>) -> Value {
    Value::new(bytes.as_ref()).unwrap()
}

/// The address 10.x.x.x.
pub fn ip(n: u32) -> Value {
    value((10 << 24 | n).to_be_bytes())
}

pub fn addresses(table: &Table, name: &str) -> Set {
    Set::new(table, name, ipv4(), 4)
}

/// `ip saddr` in register 1.
pub fn saddr() -> Expr {
    Payload::load(PayloadBase::Network, 12, 4, Register::R1).into()
}

/// An element with a key.
pub fn element(key: Value) -> Element {
    Element::new(key)
}

pub fn filled(fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

pub fn apply(nft: &mut Client, fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Result<Committed, Error> {
    nft.apply(&filled(fill))
}

/// An expression that this crate has no type for, made of attributes.
pub fn foreign(name: &str, attributes: &[(u16, &[u8])]) -> Expr {
    let attr = |kind: u16, payload: &[u8]| {
        let mut bytes = (payload.len() as u16 + 4).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let data: Vec<u8> = attributes.iter().flat_map(|(kind, payload)| attr(*kind, payload)).collect();
    let expr = [attr(1, &[name.as_bytes(), &[0]].concat()), attr(2, &data)].concat();
    let mut bytes = Rule::new(&input(), [] as [Expr; 0]).to_attributes(Form::Request).unwrap();
    bytes.extend(attr(4, &attr(1, &expr)));
    Rule::from_attributes(Family::Inet, &bytes).unwrap().exprs()[0].clone()
}

/// Every nft on this machine.
pub fn every_nft() -> Vec<PathBuf> {
    let others = ["nft-new"].into_iter().filter(|name| Path::new("/usr/local/bin").join(name).exists());
    ["nft"].into_iter().chain(others).filter_map(testing::program).collect()
}

/// What they say of the ruleset.
pub fn nft_lists() -> Vec<String> {
    let listed = |program: PathBuf| {
        let output = Command::new(&program).args(["list", "ruleset"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {text}{}", program.display(), String::from_utf8_lossy(&output.stderr));
        text
    };
    every_nft().into_iter().map(listed).collect()
}

/// Versions of nft differ in where they break a line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every nft on this machine lists a ruleset with each of these lines.
#[track_caller]
pub fn assert_listed(lines: &[&str]) {
    for text in nft_lists() {
        for line in lines {
            assert!(one_line(&text).contains(&one_line(line)), "no line {line:?} in\n{text}");
        }
    }
}

/// An interval: its start, and the first address behind it.
pub fn range(from: Value, behind: Value) -> [Element; 2] {
    let mut end = element(behind);
    end.flags = Some(ElementFlags::INTERVAL_END);
    [element(from), end]
}

/// What a map of ports has for a key.
pub fn pair(key: Value, port: u16) -> Element {
    let mut element = element(key);
    element.data = Some(value(port.to_be_bytes()).into());
    element
}

/// Where a verdict map leads for a key.
pub fn goes(key: Value, to: &str) -> Element {
    let mut element = element(key);
    element.data = Some(Verdict::jump(to).into());
    element
}

/// A set whose elements have these.
pub fn with_exprs(name: &str, exprs: Vec<Expr>) -> Set {
    let mut set = addresses(&host(), name);
    set.exprs = Some(exprs);
    set
}

/// Chains below the input chain, so many in a row.
pub fn nest(batch: &mut Batch, depth: usize) -> &mut Batch {
    let chains: Vec<_> = (1..=depth).map(|n| host().chain(format!("c{n}"))).collect();
    for chain in &chains {
        batch.add(chain);
    }
    let from: Vec<_> = [input()].into_iter().chain(chains.iter().cloned()).collect();
    for (from, to) in from.iter().zip(&chains) {
        batch.add(does(from, Verdict::jump(&to.name)));
    }
    batch
}
