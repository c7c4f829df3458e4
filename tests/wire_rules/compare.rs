//! Both rulesets of a family, ours and nft's, each in a namespace of its own.

use super::{
    Case, declarations,
    held::{Held, HeldRule},
    nft::{CHUNK, Nft},
    otherwise::{self, Makes, TABLE, Version},
    sets::SetCase,
};
use oxitables::{Batch, Client, Family, Table, testing::Sandbox};
use std::{collections::BTreeMap, fmt};

/// What came of comparing.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Rules, or sets, of which all that was sent is equal.
    pub equal: usize,
    /// Rules that an older nft makes of two comparisons where we have a range.
    pub ranges: usize,
    /// Rules in which an older nft joins what stands before and after a statement.
    pub joined: usize,
    /// How many rules each row of the table of reasons concerns.
    pub otherwise: [usize; TABLE.len()],
    /// What should be equal and is not.
    pub wrong: Vec<String>,
}

impl Comparison {
    pub fn add(&mut self, other: Self) {
        self.equal += other.equal;
        self.ranges += other.ranges;
        self.joined += other.joined;
        self.otherwise.iter_mut().zip(other.otherwise).for_each(|(sum, n)| *sum += n);
        self.wrong.extend(other.wrong);
    }

    pub fn assert_right(&self) {
        assert!(self.wrong.is_empty(), "{} equal, {} wrong:\n{}", self.equal, self.wrong.len(), self.wrong.join("\n"));
    }

    /// What differs for no reason, or differs no more although there is a reason.
    fn judge(&mut self, version: Version, words: &str, pair: &Pair<'_>) {
        if let Some(row) = otherwise::reason(version, words) {
            let reason = &TABLE[row];
            self.otherwise[row] += 1;
            // A rule may be refused for what is said to be nonsense.
            let found = match (pair.unknown, pair.is_equal(), pair.reads_alike()) {
                (None, true, true) => None,
                (Some(_), ..) if reason.makes == Makes::Nonsense => Some(Makes::Nonsense),
                (Some(_), ..) => Some(Makes::Nothing),
                (None, _, true) => Some(Makes::TheSame),
                (None, _, false) => Some(Makes::Nonsense),
            };
            if found != Some(reason.makes) && otherwise::is_measured(version) {
                self.wrong.push(format!("{words}: {} ({:?}), but: {found:?}\n{pair}", reason.why, reason.makes));
            }
        } else if pair.unknown.is_none() && pair.is_equal() && pair.reads_alike() {
            self.equal += 1;
        } else if version < [1, 1, 7] && pair.reads_alike() && pair.is_equal_with_two_compares() {
            self.ranges += 1;
        } else if version < [1, 1, 7] && pair.loads_around_statements() {
            self.joined += 1;
        } else {
            self.wrong.push(format!("{words}\n{pair}"));
        }
    }
}

/// A rule, or the few that it becomes, as we made it and as nft did.
struct Pair<'a> {
    /// What nft says to the words, if it does not take them.
    unknown: Option<&'a String>,
    held: [&'a [HeldRule]; 2],
    listed: [Option<&'a String>; 2],
}

impl Pair<'_> {
    fn is_equal(&self) -> bool {
        !self.held[0].is_empty() && self.held[0] == self.held[1]
    }

    fn reads_alike(&self) -> bool {
        self.listed[0].is_some() && self.listed[0] == self.listed[1]
    }

    fn is_equal_with_two_compares(&self) -> bool {
        self.held[0].len() == self.held[1].len()
            && self.held[0].iter().zip(self.held[1]).all(|(ours, theirs)| otherwise::with_two_compares(ours) == *theirs)
    }

    fn loads_around_statements(&self) -> bool {
        self.held[0].iter().any(otherwise::loads_around_statements)
    }
}

impl fmt::Display for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(said) = self.unknown {
            return write!(f, "  nft: {said}");
        }
        for (who, held, listed) in [("ours", self.held[0], self.listed[0]), ("nft", self.held[1], self.listed[1])] {
            if !self.is_equal() {
                writeln!(f, "  {who}: {held:02x?}")?;
            }
            if !self.reads_alike() {
                writeln!(f, "  {who} is listed: {}", listed.map_or("nowhere".into(), |text| text.replace('\n', "; ")))?;
            }
        }
        Ok(())
    }
}

/// Cases by family.
fn by_family(cases: Vec<Case>) -> Vec<(Family, Vec<Case>)> {
    let mut families: Vec<(Family, Vec<Case>)> = Vec::new();
    for case in cases {
        match families.iter_mut().find(|(family, _)| *family == case.family) {
            Some((_, cases)) => cases.push(case),
            None => families.push((case.family, vec![case])),
        }
    }
    families
}

/// Table, chains and what the rules refer to, in nft's words.
fn frame(family: Family, cases: &[Case]) -> String {
    let chains = cases.iter().enumerate().map(|(i, case)| format!("chain c{i} {{ {} }}", case.chain));
    format!("table {family} t {{ {}\n{}\n}}", declarations(family), chains.collect::<Vec<_>>().join("\n"))
}

/// What the kernel holds and what nft reads in it.
type Seen = (Held, BTreeMap<String, String>);

fn submit(nft: &Nft, family: Family, cases: &[Case]) -> Seen {
    nft.load(&frame(family, cases)).unwrap();
    let table = Table::new(family, "t");
    let mut client = Client::open().unwrap();
    let all: Vec<_> = cases.iter().enumerate().collect();
    for some in all.chunks(CHUNK) {
        let mut batch = Batch::new();
        for (i, case) in some {
            batch.add(table.chain(format!("c{i}")).rule(case.rule.clone()));
        }
        client.apply(&batch).unwrap();
    }
    (Held::of(family), nft.listing())
}

/// Makes the rules by a plan, and says what the next plan would still do.
pub fn planned_again(lab: &Sandbox, nft: &Nft, cases: Vec<Case>) -> String {
    let plans = by_family(cases).into_iter().map(|(family, cases)| {
        lab.host("plan").unwrap().run(|| {
            nft.load(&frame(family, &cases)).unwrap();
            let mut client = Client::open().unwrap();
            let mut desired = client.ruleset().unwrap();
            let mut batch = Batch::new();
            for (i, case) in cases.iter().enumerate() {
                batch.add(Table::new(family, "t").chain(format!("c{i}")).rule(case.rule.clone()));
            }
            desired.change(&batch).unwrap();
            assert!(client.reconcile(&desired).unwrap().len() >= cases.len());
            client.plan(&desired).unwrap().to_string()
        })
    });
    plans.collect()
}

/// What nft makes of the words, and which it does not take.
fn load(nft: &Nft, family: Family, cases: &[Case]) -> (Seen, BTreeMap<usize, String>) {
    nft.load(&frame(family, cases)).unwrap();
    let (of, lines): (Vec<_>, Vec<_>) = cases
        .iter()
        .enumerate()
        .flat_map(|(i, case)| case.words.iter().map(move |words| (i, format!("add rule {family} t c{i} {words}"))))
        .unzip();
    let refused = nft.load_most(&lines).into_iter().map(|(line, said)| (of[line], said)).collect();
    ((Held::of(family), nft.listing()), refused)
}

/// Submits the rules, and nft's words for them, and compares what the kernel holds.
pub fn rules(lab: &Sandbox, nft: &Nft, cases: Vec<Case>) -> Comparison {
    let mut comparison = Comparison::default();
    for (family, cases) in by_family(cases) {
        let ours = lab.host("ours").unwrap().run(|| submit(nft, family, &cases));
        let (theirs, unknown) = lab.host("nft").unwrap().run(|| load(nft, family, &cases));
        for (i, case) in cases.iter().enumerate() {
            let chain = format!("c{i}");
            let header = format!("chain {chain}");
            let pair = Pair {
                unknown: unknown.get(&i),
                held: [&ours.0, &theirs.0].map(|held| held.rules.get(&chain).map_or(&[][..], |rules| rules)),
                listed: [&ours.1, &theirs.1].map(|listing| listing.get(&header)),
            };
            comparison.judge(nft.version, &case.words.join("\n"), &pair);
        }
    }
    comparison
}

/// Submits named sets with their elements, and nft's words for them, and compares what the kernel
/// holds.
pub fn sets(lab: &Sandbox, nft: &Nft, cases: Vec<SetCase>) -> Comparison {
    let table = "table inet t {\nchain other { }\n}";
    let (held, listed) = lab.host("ours").unwrap().run(|| {
        nft.load(table).unwrap();
        let mut client = Client::open().unwrap();
        for case in &cases {
            client.apply(&case.batch).unwrap_or_else(|e| panic!("{}: {e}", case.words[0]));
        }
        (Held::of(Family::Inet), nft.listing())
    });
    let (should, should_list) = lab.host("nft").unwrap().run(|| {
        let words = cases.iter().flat_map(|case| &case.words);
        let all: String = words.map(|words| format!("table inet t {{\n{words}\n}}\n")).collect();
        nft.load(&format!("{table}\n{all}")).unwrap();
        (Held::of(Family::Inet), nft.listing())
    });
    let mut comparison = Comparison::default();
    for (words, listed_as) in cases.iter().flat_map(|case| &case.words).map(|w| (w, w.split(" {").next().unwrap())) {
        let name = listed_as.split(' ').next_back().unwrap();
        let (ours, theirs) = (held.sets.get(name), should.sets.get(name));
        let (reads, should_read) = (listed.get(listed_as), should_list.get(listed_as));
        if ours.is_some() && ours == theirs && reads.is_some() && reads == should_read {
            comparison.equal += 1;
        } else {
            comparison.wrong.push(format!(
                "{words}\n  ours: {ours:02x?}\n  nft:  {theirs:02x?}\n  ours is listed: {reads:?}\n  nft is listed:  {should_read:?}"
            ));
        }
    }
    comparison
}
