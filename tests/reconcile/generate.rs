//! Random desired states, and random edits of them.

use oxitables::{
    Batch, Chain, Family, Hook, Keyed, Map, Mark, Match, Pattern, Policy, Priority, Rule, Set, Table, addr, counter,
    counter_named, ct, data::*, expr, ip, limit, limit_named, log, meta, model, model::Object, quota, quota_named, tcp,
};
use proptest::prelude::*;
use std::{net::Ipv4Addr, time::Duration};

/// A desired state of one table, small enough that edits hit something.
#[derive(Clone, Debug)]
pub struct State {
    pub family: Family,
    /// Which chains there are; the first is a base chain.
    pub chains: Vec<ChainState>,
    pub sets: Vec<SetState>,
    pub objects: Vec<(u8, u64)>,
}

#[derive(Clone, Debug)]
pub struct ChainState {
    pub name: u8,
    pub priority: i32,
    pub drop: bool,
    pub rules: Vec<RuleState>,
}

/// What a rule does, and with which numbers; it may name sets, objects and chains that are not
/// there, and is then left out.
#[derive(Clone, Debug)]
pub struct RuleState {
    pub kind: u8,
    pub a: u8,
    pub b: u8,
    pub comment: bool,
}

#[derive(Clone, Debug)]
pub struct SetState {
    pub kind: u8,
    pub option: u8,
    pub elements: Vec<(u8, u8)>,
}

pub const FAMILIES: [Family; 6] = [Family::Inet, Family::Ip, Family::Ip6, Family::Bridge, Family::Arp, Family::Netdev];

fn rules() -> impl Strategy<Value = Vec<RuleState>> {
    let rule = (0u8..22, 0u8..6, 0u8..6, prop::bool::weighted(0.1)).prop_map(|(kind, a, b, comment)| RuleState {
        kind,
        a,
        b,
        comment,
    });
    prop::collection::vec(rule, 0..8)
}

fn chain(name: u8) -> impl Strategy<Value = ChainState> {
    (0..3, any::<bool>(), rules()).prop_map(move |(priority, drop, rules)| ChainState { name, priority, drop, rules })
}

fn set(kind: u8) -> impl Strategy<Value = SetState> {
    (0u8..4, prop::collection::vec((0u8..12, 0u8..3), 0..6)).prop_map(move |(option, elements)| SetState {
        kind,
        option,
        elements,
    })
}

/// Each of these, or not.
fn some<S: Strategy>(strategies: Vec<S>) -> impl Strategy<Value = Vec<S::Value>> {
    let each: Vec<_> = strategies.into_iter().map(|s| prop::option::weighted(0.7, s)).collect();
    each.prop_map(|all| all.into_iter().flatten().collect())
}

pub fn state_in(family: Family) -> impl Strategy<Value = State> {
    let objects = some((0u8..4).map(|kind| (Just(kind), 1u64..4)).collect());
    (some((0..4).map(chain).collect()), some((0..KINDS).map(set).collect()), objects)
        .prop_map(move |(chains, sets, objects)| State { family, chains, sets, objects })
}

pub fn state() -> impl Strategy<Value = State> {
    prop::sample::select(&FAMILIES[..]).prop_flat_map(state_in)
}

/// Another one, or the same with a few edits.
pub fn pair() -> impl Strategy<Value = (State, State)> {
    prop::sample::select(&FAMILIES[..]).prop_flat_map(|family| {
        let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..6, 0u8..22, 0u8..6);
        let edited = (state_in(family), prop::collection::vec(edit, 1..4)).prop_map(|(state, edits)| {
            let mut other = state.clone();
            edits.iter().for_each(|edit| other.edit(edit));
            (state, other)
        });
        prop_oneof![(state_in(family), state_in(family)), edited]
    })
}

type Edit = (prop::sample::Index, prop::sample::Index, u8, u8, u8);

impl State {
    fn edit(&mut self, (which, at, what, kind, a): &Edit) {
        let rule = RuleState { kind: *kind, a: *a, b: 1, comment: false };
        match what {
            0..=3 if !self.chains.is_empty() => {
                let chain = which.get_mut(&mut self.chains);
                let spot = at.index(chain.rules.len() + 1);
                match (what, chain.rules.get_mut(spot)) {
                    (0, Some(old)) => *old = rule,
                    (1, Some(_)) => drop(chain.rules.remove(spot)),
                    (2, _) => chain.drop = !chain.drop,
                    _ => chain.rules.insert(spot, rule),
                }
            }
            _ if !self.sets.is_empty() => {
                let set = which.get_mut(&mut self.sets);
                match what {
                    4 => set.option = kind % 4,
                    _ => set.elements.push((*kind % 12, a % 3)),
                }
            }
            _ => self.objects.clear(),
        }
    }

    pub fn table(&self) -> Table {
        Table::new(self.family, "t")
    }

    /// The batch that makes it.
    pub fn batch(&self) -> Batch {
        let table = self.table();
        let mut batch = Batch::new();
        batch.add(&table);
        let layer3 = matches!(self.family, Family::Inet | Family::Ip | Family::Ip6);
        for (kind, n) in self.objects.iter().filter(|(kind, _)| layer3 || *kind != 3) {
            batch.add(object(&table, *kind, *n));
        }
        for chain in &self.chains {
            batch.add(self.chain(chain));
        }
        for set in &self.sets {
            self.set(set, &mut batch);
        }
        for chain in &self.chains {
            for rule in &chain.rules {
                self.rule(chain, rule, &mut batch);
            }
        }
        batch
    }

    fn has_chain(&self, name: u8) -> bool {
        self.chains.iter().any(|chain| chain.name == name)
    }

    fn has_set(&self, kind: u8) -> bool {
        self.sets.iter().any(|set| set.kind == kind)
    }

    pub fn chain(&self, chain: &ChainState) -> Chain {
        let made = self.table().chain(format!("c{}", chain.name));
        if chain.name > 0 {
            return made;
        }
        let policy = if chain.drop { Policy::Drop } else { Policy::Accept };
        let priority = Priority::from(chain.priority);
        match self.family {
            Family::Netdev => made.with_hook(Hook::Ingress, priority).with_device("lo"),
            Family::Arp => made.with_hook(Hook::Input, priority),
            _ => made.with_hook(Hook::Forward, priority),
        }
        .with_policy(policy)
    }

    /// Names a chain that is called by this one: a later one, so that there are no loops.
    fn target(&self, from: &ChainState, a: u8) -> Option<String> {
        let name = from.name + 1 + a % 3;
        self.has_chain(name).then(|| format!("c{name}"))
    }

    fn set(&self, state: &SetState, batch: &mut Batch) {
        let table = self.table();
        let address = |n: u8| Ipv4Addr::new(10, 0, 0, n);
        match state.kind {
            ADDRESSES => {
                let set = Set::<Ipv4Addr>::new(&table, "addresses");
                let set = match state.option {
                    0 => set,
                    1 => set.constant(),
                    2 => set.with_expr(counter()),
                    _ => set.with_comment("some"),
                };
                batch.add(&set);
                let element = |(n, extra): &(u8, u8)| match extra {
                    0 => set.element(address(*n)),
                    _ => set.element(address(*n)).comment(format!("number {extra}")),
                };
                batch.add(set.elements(state.elements.iter().map(element).collect::<Vec<_>>()));
            }
            NETS => {
                let set = Set::<Ipv4Addr>::new(&table, "nets").interval();
                batch.add(&set);
                // Ranges that do not meet each other, with and without a gap.
                let mut starts: Vec<u8> = state.elements.iter().map(|(n, _)| n * 4).collect();
                starts.sort_unstable();
                starts.dedup();
                let wide = state.option;
                batch.add(set.elements(
                    starts.iter().map(|n| set.element(address(*n)..=address(*n + wide))).collect::<Vec<_>>(),
                ));
            }
            PAIRS => {
                let set = Set::<(Ipv4Addr, Port)>::new(&table, "pairs");
                let set = if state.option.is_multiple_of(2) { set } else { set.interval() };
                batch.add(&set);
                let element = |(n, extra): &(u8, u8)| {
                    let ports = u16::from(*extra) * 10 + 1;
                    if state.option.is_multiple_of(2) {
                        set.element((address(*n), ports))
                    } else {
                        let ports = Pattern::<Port>::from(ports..=ports + 5);
                        set.element((Pattern::<Ipv4Addr>::from(address(*n)..=address(*n)), ports))
                    }
                };
                batch.add(set.elements(state.elements.iter().map(element).collect::<Vec<_>>()));
            }
            SEEN => {
                let set = Set::<Ipv4Addr>::new(&table, "seen").dynamic();
                let set = match state.option {
                    0 => set,
                    1 => set.with_timeout(Duration::from_secs(3600)),
                    2 => set.with_timeout(Duration::from_secs(7200)).with_size(1000),
                    _ => set.timeouts().with_gc_interval(Duration::from_secs(5)),
                };
                batch.add(&set);
                if state.option > 0 {
                    let element = |(n, extra): &(u8, u8)| {
                        set.element(address(*n)).timeout(Duration::from_secs(3600 + u64::from(*extra)))
                    };
                    batch.add(set.elements(unique(&state.elements).iter().map(element).collect::<Vec<_>>()));
                }
            }
            WAYS => {
                let map = Map::<Port, Verdict>::new(&table, "ways");
                batch.add(&map);
                let ways: Vec<_> = unique(&state.elements)
                    .iter()
                    .map(|(n, extra)| {
                        let name = 3 - extra % 2;
                        let verdict = if self.has_chain(name) && *extra > 0 {
                            Verdict::jump(format!("c{name}"))
                        } else {
                            Verdict::accept()
                        };
                        map.element(u16::from(*n) + 1, verdict)
                    })
                    .collect();
                batch.add(map.elements(ways));
            }
            _ => {
                let map = Map::<Ipv4Addr, Mark>::new(&table, "tags");
                batch.add(&map);
                let tags: Vec<_> = unique(&state.elements)
                    .iter()
                    .map(|(n, extra)| map.element(address(*n), Mark::from(u32::from(*extra))))
                    .collect();
                batch.add(map.elements(tags));
            }
        }
    }

    /// Which rule it is, as far as the family has what it asks for.
    fn rule(&self, chain: &ChainState, state: &RuleState, batch: &mut Batch) {
        let RuleState { kind, a, b, comment } = *state;
        let table = self.table();
        let rule = Rule::new();
        let rule = if comment { rule.comment(format!("rule {a}")) } else { rule };
        let mark = u32::from(a) * 7 + u32::from(b);
        let is_ip = !matches!(self.family, Family::Arp | Family::Ip6);
        let has_ports = self.family != Family::Arp;
        let object = |wanted: u8| self.objects.iter().any(|(kind, _)| *kind == wanted);
        let port = u16::from(a) + 1;
        let rule: Rule = match kind {
            0 => rule.when(meta::iifname().is(if a % 2 == 0 { "lo" } else { "eth*" })).accept(),
            1 => rule.when(meta::mark().is(mark..=mark + 9)).then(counter()).into(),
            2 => rule.when(Match::from(limit(u64::from(a) + 1).per_minute())).then(counter()).accept(),
            3 => rule.when(Match::from(quota(u64::from(a) * 1000 + 1))).into(),
            4 => rule.then(log().with_prefix(format!("p{a}"))).into(),
            5 => rule.then(meta::mark().set(Mark::bits(mark, 0xff))).into(),
            6 if has_ports => rule.when(meta::l4proto().is_any([Protocol::TCP, Protocol::from(a + 20)])).drop(),
            7 if has_ports => rule.when(tcp::dport().is_any([port, port + 7])).accept(),
            8 if has_ports => {
                let ranges = [port..=port + 2, port + 10..=port + 20].map(Pattern::<Port>::from);
                rule.when(tcp::dport().is_any(ranges)).then(counter()).accept()
            }
            9 if is_ip => {
                let net = ipnetwork::Ipv4Network::new(Ipv4Addr::new(10, a, 0, 0), 16 + b).unwrap();
                rule.when(ip::saddr().is(net)).drop()
            }
            10 if is_ip && self.has_set(ADDRESSES) => {
                rule.when(ip::saddr().is_in(&Set::<Ipv4Addr>::new(&table, "addresses"))).then(counter()).drop()
            }
            11 if is_ip && self.has_set(NETS) => {
                let nets = Set::<Ipv4Addr>::new(&table, "nets").interval();
                rule.when(ip::daddr().is_not_in(&nets)).into()
            }
            12 if is_ip && self.has_set(PAIRS) => {
                let pairs = Set::<(Ipv4Addr, Port)>::new(&table, "pairs");
                rule.when((ip::saddr(), tcp::dport()).is_in(&pairs)).accept()
            }
            13 if is_ip && self.has_set(SEEN) => {
                let seen = Set::<Ipv4Addr>::new(&table, "seen");
                let timed = self.sets.iter().any(|set| set.kind == SEEN && set.option > 0);
                let update = ip::saddr().update_in(&seen);
                let update = if timed { update.timeout(Duration::from_millis(1003 + u64::from(a))) } else { update };
                rule.then(update).into()
            }
            14 if has_ports && self.has_set(WAYS) && chain.name < 2 => {
                rule.verdict(tcp::dport().vmap(&Map::<Port, Verdict>::new(&table, "ways")))
            }
            15 if is_ip && self.has_set(TAGS) => {
                rule.then(meta::mark().set(ip::saddr().map(&Map::<Ipv4Addr, Mark>::new(&table, "tags")))).into()
            }
            16 if has_ports => match self.target(chain, a) {
                Some(to) => {
                    rule.verdict(tcp::dport().vmap_of([(port, Verdict::jump(to)), (port + 1, Verdict::drop())]))
                }
                None => rule.verdict(tcp::dport().vmap_of([(port, Verdict::accept())])),
            },
            17 => match self.target(chain, a) {
                Some(to) if b % 2 == 0 => rule.when(meta::mark().is(mark)).jump(to),
                Some(to) => rule.goto(to),
                None => rule.return_(),
            },
            18 if object(0) => rule.then(counter_named("o0")).accept(),
            19 if object(1) => rule.when(quota_named("o1")).into(),
            20 if object(2) => rule.when(limit_named("o2")).drop(),
            21 if b < 3 && matches!(self.family, Family::Inet | Family::Ip) => rule
                .when(ct::state().any(CtState::from(1 << (b + 1))))
                .when(addr::saddr().is(Ipv4Addr::LOCALHOST))
                .accept(),
            _ => rule.then(counter()).into(),
        };
        batch.add(self.chain(chain).rule(rule));
    }
}

/// The kernel takes one value for a key.
fn unique(elements: &[(u8, u8)]) -> Vec<(u8, u8)> {
    let mut elements = elements.to_vec();
    elements.sort_unstable();
    elements.dedup_by_key(|(n, _)| *n);
    elements
}

const ADDRESSES: u8 = 0;
const NETS: u8 = 1;
const PAIRS: u8 = 2;
pub const SEEN: u8 = 3;
const WAYS: u8 = 4;
const TAGS: u8 = 5;
const KINDS: u8 = 6;

fn object(table: &Table, kind: u8, n: u64) -> Object {
    let name = format!("o{kind}");
    match kind {
        0 => Object::new(table, name, expr::Counter::new()),
        1 => Object::new(table, name, expr::Quota::over(n * 1000)),
        2 => Object::new(table, name, expr::Limit::packets(n, Duration::from_secs(1))),
        _ => Object::new(table, name, expr::Connlimit::over(n as u32)),
    }
}

/// Where two normal forms differ first; nothing if they do not.
pub fn difference(one: &model::Ruleset, other: &model::Ruleset) -> String {
    fn first<T: PartialEq + std::fmt::Debug>(one: &[T], other: &[T]) -> Option<String> {
        let longest = one.len().max(other.len());
        let at = (0..longest).find(|i| one.get(*i) != other.get(*i))?;
        Some(format!("{:#?}\n!=\n{:#?}", one.get(at), other.get(at)))
    }
    let differences = [
        first(&one.tables, &other.tables),
        first(&one.chains, &other.chains),
        first(&one.sets, &other.sets),
        first(&one.objects, &other.objects),
        first(&one.rules, &other.rules),
    ];
    differences.into_iter().flatten().next().unwrap_or_default()
}

/// Without what was learned: of sets that change by themselves, what is in them.
pub fn without_learned(mut ruleset: model::Ruleset) -> model::Ruleset {
    for set in &mut ruleset.sets {
        if set.set.name == "seen" {
            set.elements.clear();
        }
    }
    ruleset
}
