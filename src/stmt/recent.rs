//! iptables' `recent`, exactly: lists of addresses with the times they were seen.
//!
//! The translation that suggests itself, one set with a timeout, is wrong: iptables' entries do not go by age, so
//! `--update` without `--seconds` still knows an address after the window. One list here is a *seen* set, one *window* set
//! for every window that is asked about, and a *ring* of sets for every number of hits; all for IPv4 and for IPv6.

use super::{
    field::Twin,
    lower::{Lowering, Statement, refused},
};
use crate::{
    data::{DataType, Name, Register, Typed, Userdata, Value, Verdict},
    expr::{Bitwise, Dynset, DynsetOp, Expr, Immediate, Limit, Lookup, Payload, PayloadBase},
    model::{Set, SetDesc, SetFlags, Table},
    wire::Malformed,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// A list of recently seen addresses, IPv4 and IPv6, as iptables' `recent` match keeps it.
///
/// Declare every window and every number of hits that rules ask about, add the list to a batch, then use it in rules:
///
/// ```
/// use oxitables::{Batch, Family, Hook, Priority, Recent, Rule, Side, Table, ct, tcp};
/// use oxitables::data::CtState;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let host = Table::new(Family::Inet, "host");
/// let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
/// let ssh = Recent::new(&host, "SSH").with_hits(4, minute);
///
/// let mut batch = Batch::new();
/// batch.add(&host).add(&ssh).add(&input);
/// let new_ssh = || Rule::new().when(tcp::dport().is(22)).when(ct::state().any(CtState::NEW));
/// // --update --seconds 60 --hitcount 4 -j DROP, then --set
/// batch.add(input.rule(new_ssh().recent(ssh.update(Side::Source).within(minute).hits(4)).drop()));
/// batch.add(input.rule(new_ssh().recent(ssh.set(Side::Source)).accept()));
/// ```
///
/// What differs from iptables: a list that is full (65,535 addresses unless [`with_size`](Self::with_size) says else, for
/// each family) takes no new address, and a rule that would add one ends there without a match; iptables forgets the
/// oldest. An address that was not touched for a year is forgotten.
///
/// Kernel: `dynset` with delete, since 5.4. Source: `net/netfilter/xt_recent.c`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recent {
    table: Table,
    name: String,
    windows: Vec<Duration>,
    rings: Vec<Ring>,
    rate: Option<Limit>,
    size: u32,
}

/// The last `hits` stamps of every address: a timed set for each, and sets that say whose turn is next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ring {
    hits: u32,
    within: Option<Duration>,
}

/// Which address of a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// The source (`--rsource`).
    Source,
    /// The destination (`--rdest`).
    Destination,
}

/// How long an address that nobody touches is known: what "for ever" is here, so that its age can be told.
pub(crate) const MEMORY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const SIZE: u32 = 65_535;

impl Twin {
    const BOTH: [Self; 2] = [Self::V4, Self::V6];

    fn suffix(self) -> &'static str {
        if self.is_v4() { "ip" } else { "ip6" }
    }

    /// Type of the key.
    fn datatype(self) -> DataType {
        if self.is_v4() { Ipv4Addr::FIELD.datatype() } else { Ipv6Addr::FIELD.datatype() }
    }

    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Whole milliseconds, rounded up, as the kernel takes times.
fn whole(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// `60s`, `1500ms`.
fn words(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

/// What [`words`] says.
fn time(words: &str) -> Option<Duration> {
    match words.strip_suffix("ms") {
        Some(number) => number.parse().ok().map(Duration::from_millis),
        None => words.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}

impl Recent {
    /// The list `name` of `table`.
    pub fn new(table: &Table, name: &str) -> Self {
        Self {
            table: table.clone(),
            name: name.to_owned(),
            windows: Vec::new(),
            rings: Vec::new(),
            rate: None,
            size: SIZE,
        }
    }

    /// Declares a window that rules ask about (`--seconds`).
    pub fn with_window(mut self, window: Duration) -> Self {
        let window = whole(window);
        if !self.windows.contains(&window) {
            self.windows.push(window);
        }
        self
    }

    /// Declares a number of hits within a time that rules ask about (`--seconds`, `--hitcount`).
    ///
    /// It is a true sliding window. It costs 2 × `hits` - 1 sets for each family, and a chain of `hits` rules; for large
    /// numbers [`over_rate`](Self::over_rate) is cheaper.
    pub fn with_hits(mut self, hits: u32, within: Duration) -> Self {
        if hits < 2 {
            return self.with_window(within);
        }
        self.ring(Ring { hits, within: Some(whole(within)) });
        self
    }

    /// Declares a number of hits of any age that rules ask about (`--hitcount` without `--seconds`).
    pub fn with_hits_ever(mut self, hits: u32) -> Self {
        if hits >= 2 {
            self.ring(Ring { hits, within: None });
        }
        self
    }

    /// Declares a rate for [`over_rate`](Self::over_rate): a token bucket for every address.
    ///
    /// It is nft's own way, and costs one set however large the numbers are. Over a minute it lets up to twice the rate
    /// pass, where hits are counted exactly.
    pub fn with_rate(mut self, limit: Limit) -> Self {
        self.rate = Some(limit.over());
        self
    }

    /// Sets how many addresses of each family it knows.
    pub fn with_size(mut self, size: u32) -> Self {
        self.size = size;
        self
    }

    fn ring(&mut self, ring: Ring) {
        if !self.rings.contains(&ring) {
            self.rings.push(ring);
        }
    }

    /// Stamps the address, whatever it was before (`--set`).
    pub fn set(&self, side: Side) -> RecentOp {
        self.op(Op::Set, side)
    }

    /// Matches if the address is in the list (`--rcheck`).
    pub fn rcheck(&self, side: Side) -> RecentOp {
        self.op(Op::Rcheck, side)
    }

    /// Matches if the address is in the list, and if so stamps it (`--update`).
    pub fn update(&self, side: Side) -> RecentOp {
        self.op(Op::Update, side)
    }

    /// Matches if the address is in the list, and if so removes it (`--remove`).
    pub fn remove(&self, side: Side) -> RecentOp {
        self.op(Op::Remove, side)
    }

    /// Takes a token of the address and matches if there is none; the rate is that of [`with_rate`](Self::with_rate).
    pub fn over_rate(&self, side: Side) -> RecentOp {
        self.op(Op::OverRate, side)
    }

    fn op(&self, op: Op, side: Side) -> RecentOp {
        RecentOp { list: self.clone(), op, side, within: None, hits: 1, invert: false, prefix: (32, 128) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table it is in.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The families that its table sees.
    pub(crate) fn twins(&self) -> &'static [Twin] {
        use crate::data::Family;
        match self.table.family {
            Family::Ip => &[Twin::V4],
            Family::Ip6 => &[Twin::V6],
            _ => &Twin::BOTH,
        }
    }

    pub(crate) fn seen(&self, twin: Twin) -> Name {
        format!("{}_{}", self.name, twin.suffix()).into()
    }

    fn window(&self, window: Duration, twin: Twin) -> Name {
        format!("{}_{}_{}", self.name, words(window), twin.suffix()).into()
    }

    fn bucket(&self, twin: Twin) -> Name {
        format!("{}_rate_{}", self.name, twin.suffix()).into()
    }

    fn ring_name(&self, ring: Ring, twin: Twin) -> String {
        let within = ring.within.map_or("ever".into(), words);
        format!("{}_{}in{within}_{}", self.name, ring.hits, twin.suffix())
    }

    fn stamp(&self, ring: Ring, twin: Twin, slot: u32) -> Name {
        format!("{}_stamp{slot}", self.ring_name(ring, twin)).into()
    }

    fn turn(&self, ring: Ring, twin: Twin, slot: u32) -> Name {
        format!("{}_turn{slot}", self.ring_name(ring, twin)).into()
    }

    /// The seen set and the window sets: all that a stamp has to go into, apart from rings.
    pub(crate) fn plain(&self, twin: Twin) -> Vec<Name> {
        let windows = self.windows.iter().map(|w| self.window(*w, twin));
        [self.seen(twin)].into_iter().chain(windows).collect()
    }

    /// The sets of each ring: stamps, then turns from 1 on.
    pub(crate) fn rings(&self, twin: Twin) -> Vec<(Vec<Name>, Vec<Name>)> {
        let names = |ring: Ring| {
            let stamps = (0..ring.hits).map(|slot| self.stamp(ring, twin, slot)).collect();
            let turns = (1..ring.hits).map(|slot| self.turn(ring, twin, slot)).collect();
            (stamps, turns)
        };
        self.rings.iter().map(|ring| names(*ring)).collect()
    }

    /// All sets apart from token buckets, in which an address that is removed must not stay.
    pub(crate) fn all_sets(&self, twin: Twin) -> Vec<Name> {
        let rings = self.rings(twin).into_iter().flat_map(|(stamps, turns)| stamps.into_iter().chain(turns));
        self.plain(twin).into_iter().chain(rings).collect()
    }

    /// The list as its sets in the kernel tell; `None` if it is not there.
    pub(crate) fn from_sets(table: &Table, name: &str, sets: &[Set]) -> Option<Self> {
        let mut list = Self::new(table, name);
        let twin = list.twins()[0];
        let (seen, suffix) = (list.seen(twin), format!("_{}", twin.suffix()));
        list.size = sets.iter().find(|set| set.name == seen)?.size()?;
        for set in sets {
            let Some(rest) = set.name.as_str().and_then(|s| s.strip_prefix(name)?.strip_prefix('_')) else { continue };
            // Times are those of the names: the timeouts that the kernel reports it has rounded to its ticks.
            if let Some(ring) = rest.strip_suffix(&format!("{suffix}_stamp0")) {
                let Some((Ok(hits), within)) = ring.split_once("in").map(|(hits, within)| (hits.parse(), within))
                else {
                    continue;
                };
                match time(within) {
                    None if within != "ever" => {}
                    within => list.ring(Ring { hits, within }),
                }
            } else if let Some(window) = rest.strip_suffix(&suffix).and_then(time) {
                list = list.with_window(window);
            }
        }
        Some(list)
    }

    /// Those of `sets` that belong to a list of this name and have no use in this one.
    pub(crate) fn stale_sets(&self, sets: Vec<Set>) -> Vec<Set> {
        let Some(installed) = Self::from_sets(&self.table, &self.name, &sets) else { return Vec::new() };
        let names = |list: &Self| list.twins().iter().flat_map(|twin| list.all_sets(*twin)).collect::<Vec<_>>();
        let (before, now) = (names(&installed), names(self));
        sets.into_iter().filter(|set| before.contains(&set.name) && !now.contains(&set.name)).collect()
    }

    /// The sets as they are to be made.
    pub(crate) fn sets(&self) -> Vec<Set> {
        let mut sets = Vec::new();
        for &twin in self.twins() {
            let mut add =
                |name: Name, timeout: Duration, note: String| sets.push(self.model(name, twin, timeout, &note));
            add(
                self.seen(twin),
                MEMORY,
                format!("recent {}: every address, expires is a year less its age", self.name),
            );
            for window in &self.windows {
                let note = format!("recent {}: addresses seen within {}", self.name, words(*window));
                add(self.window(*window, twin), *window, note);
            }
            if let Some(limit) = &self.rate {
                // A bucket that had time to fill up is as good as none.
                let full =
                    limit.unit.saturating_mul(u64::from(limit.burst.unwrap_or(0)).max(1)).div_ceil(limit.rate.max(1));
                let note = format!("recent {}: token buckets", self.name);
                add(self.bucket(twin), Duration::from_secs(full.max(limit.unit)), note);
            }
            for ring in &self.rings {
                let note = format!("recent {}: ring of the last {} stamps", self.name, ring.hits);
                for slot in 0..ring.hits {
                    add(self.stamp(*ring, twin, slot), ring.within.unwrap_or(MEMORY), note.clone());
                }
                for slot in 1..ring.hits {
                    add(self.turn(*ring, twin, slot), MEMORY, note.clone());
                }
            }
        }
        sets
    }

    fn model(&self, name: Name, twin: Twin, timeout: Duration, note: &str) -> Set {
        let mut userdata = Userdata::default();
        userdata.set(Set::KEY_BYTEORDER, &2u32.to_ne_bytes());
        let set = Set {
            flags: Some(SetFlags::EVAL | SetFlags::TIMEOUT),
            key_type: Some(twin.datatype()),
            key_len: Some(twin.address_len() as u32),
            timeout: Some(timeout),
            userdata: Some(userdata),
            desc: Some(SetDesc { size: Some(self.size), ..SetDesc::default() }),
            ..Set::required(self.table.family, self.table.name.clone(), name)
        };
        set.with_comment(note)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Op {
    Set,
    Rcheck,
    Update,
    Remove,
    OverRate,
}

/// What a rule does with a [`Recent`] list; goes into [`Rule::recent`](crate::Rule::recent).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecentOp {
    list: Recent,
    op: Op,
    side: Side,
    within: Option<Duration>,
    hits: u32,
    invert: bool,
    /// Bits of the address that count, for IPv4 and for IPv6.
    prefix: (u8, u8),
}

/// A chain that stamps a ring and then goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecentChain {
    pub(crate) name: Name,
    pub(crate) rules: Vec<Vec<Expr>>,
}

impl RecentOp {
    /// Only stamps younger than this count (`--seconds`); a window that the list declares.
    pub fn within(mut self, window: Duration) -> Self {
        self.within = Some(whole(window));
        self
    }

    /// At least so many stamps (`--hitcount`); a number that the list declares.
    pub fn hits(mut self, hits: u32) -> Self {
        self.hits = hits;
        self
    }

    /// The first bits of the address count only (`--mask`): prefix lengths for IPv4 and IPv6.
    pub fn prefix(mut self, ipv4: u8, ipv6: u8) -> Self {
        self.prefix = (ipv4, ipv6);
        self
    }

    /// Matches if the check does not hold (`!`).
    pub fn inverted(mut self) -> Self {
        self.invert = true;
        self
    }

    /// Whether the rule has to go through chains that stamp rings.
    pub(crate) fn stamps_rings(&self) -> bool {
        matches!(self.op, Op::Set | Op::Update) && !self.list.rings.is_empty()
    }

    /// The chains that stamp the rings, one after the other, and then do what `verdict` says, whose words are `label`. The
    /// last of them is the one to start with.
    pub(crate) fn chains(&self, twin: Twin, verdict: &[Expr], label: &str) -> Result<Vec<RecentChain>, Malformed> {
        let mut then = match verdict {
            [] => vec![Immediate::new(Register::VERDICT, Verdict::return_()).into()],
            verdict => verdict.to_vec(),
        };
        let mut chains = Vec::new();
        for ring in self.list.rings.iter().rev() {
            let chain = self.ring_chain(*ring, twin, &then, label)?;
            then = vec![Immediate::new(Register::VERDICT, Verdict::goto(chain.name.clone())).into()];
            chains.push(chain);
        }
        Ok(chains)
    }

    /// How a rule goes into the chains: for good if they do what it ended with, else to come back.
    pub(crate) fn way(&self, chains: &[RecentChain], ended: bool) -> Expr {
        let name = chains.last().map_or_else(|| Name::from(""), |chain| chain.name.clone());
        Immediate::new(Register::VERDICT, if ended { Verdict::goto(name) } else { Verdict::jump(name) }).into()
    }

    /// The sets that it changes, and how.
    fn changes(&self, twin: Twin) -> Vec<(DynsetOp, Name)> {
        let (op, sets) = match self.op {
            Op::Set | Op::Update => (DynsetOp::Update, self.list.plain(twin)),
            Op::Remove => (DynsetOp::Delete, self.list.all_sets(twin)),
            Op::Rcheck | Op::OverRate => return Vec::new(),
        };
        sets.into_iter().map(|set| (op, set)).collect()
    }

    fn rate(&self) -> Result<Option<&Limit>, Malformed> {
        match (&self.list.rate, self.op) {
            (None, Op::OverRate) => {
                refused(format!("recent list {} has no rate: declare it with with_rate", self.list.name))
            }
            (rate, Op::OverRate) => Ok(rate.as_ref()),
            _ => Ok(None),
        }
    }

    /// The sets that the address has to be in.
    fn checks(&self, twin: Twin) -> Result<Vec<Name>, Malformed> {
        let list = &self.list;
        Ok(match (self.op, self.hits, self.within) {
            (Op::Set | Op::OverRate, ..) => Vec::new(),
            (_, 0 | 1, None) => vec![list.seen(twin)],
            (_, 0 | 1, Some(window)) if list.windows.contains(&window) => vec![list.window(window, twin)],
            (_, 0 | 1, Some(window)) => {
                let (name, window) = (&list.name, words(window));
                return refused(format!("recent list {name} keeps no window of {window}: declare it with with_window"));
            }
            (_, hits, within) => {
                let ring = Ring { hits, within };
                if !list.rings.contains(&ring) {
                    let (name, within) = (&list.name, within.map_or("ever".into(), words));
                    return refused(format!(
                        "recent list {name} does not count {hits} hits in {within}: declare it with with_hits"
                    ));
                }
                (0..hits).map(|slot| list.stamp(ring, twin, slot)).collect()
            }
        })
    }

    /// The bits of the address that count, if they are not all.
    fn mask(&self, twin: Twin) -> Option<Value> {
        let len = twin.address_len();
        let prefix = u32::from(if twin.is_v4() { self.prefix.0 } else { self.prefix.1 });
        let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0).to_be_bytes();
        (prefix as usize != len * 8).then(|| Value::new(&mask[..len]).unwrap_or_default())
    }

    fn mask_text(&self, twin: Twin) -> String {
        self.mask(twin).map_or(String::new(), |mask| format!(" & {}", twin.datatype().show(&mask)))
    }

    /// The address, under the mask, in register 1.
    fn key(&self, twin: Twin) -> Vec<Expr> {
        let offset = match (twin, self.side) {
            (Twin::V4, Side::Source) => 12,
            (Twin::V4, Side::Destination) => 16,
            (Twin::V6, Side::Source) => 8,
            (Twin::V6, Side::Destination) => 24,
        };
        let load = Payload::load(PayloadBase::Network, offset, twin.address_len() as u32, Register::R1);
        let mask = self.mask(twin).map(|mask| Bitwise::mask(Register::R1, Register::R1, mask).into());
        [load.into()].into_iter().chain(mask).collect()
    }

    fn with_key(&self, twin: Twin, expr: Expr) -> Vec<Expr> {
        self.key(twin).into_iter().chain([expr]).collect()
    }

    /// The chain that stamps a ring: the slot whose turn it is, and then the next one's turn.
    fn ring_chain(&self, ring: Ring, twin: Twin, then: &[Expr], label: &str) -> Result<RecentChain, Malformed> {
        let list = &self.list;
        let side = if self.side == Side::Source { "" } else { "_daddr" };
        let bits = match twin {
            Twin::V4 if self.prefix.0 < 32 => format!("_{}", self.prefix.0),
            Twin::V6 if self.prefix.1 < 128 => format!("_{}", self.prefix.1),
            _ => String::new(),
        };
        let name = format!("{}{side}{bits}_{label}", list.ring_name(ring, twin)).into();
        let change = |op, set| self.with_key(twin, Dynset::new(set, op, Register::R1).into());
        // Slot 0 last: its turn it is when no other's is.
        let slots = (1..ring.hits).chain([0]);
        let rules = slots.map(|slot| {
            let mut cx = Lowering::new(list.table.family, Some(twin));
            // Known to be true by now, but without it nft prints the address as raw bytes.
            cx.need_family(twin)?;
            if slot > 0 {
                cx.push_match(self.with_key(twin, Lookup::new(list.turn(ring, twin, slot), Register::R1).into()));
            }
            cx.push_act(change(DynsetOp::Update, list.stamp(ring, twin, slot)));
            if slot > 0 {
                cx.push_act(change(DynsetOp::Delete, list.turn(ring, twin, slot)));
            }
            if slot + 1 < ring.hits {
                cx.push_act(change(DynsetOp::Add, list.turn(ring, twin, slot + 1)));
            }
            cx.push_act(then.to_vec());
            Ok(cx.finish(None).exprs)
        });
        Ok(RecentChain { name, rules: rules.collect::<Result<_, Malformed>>()? })
    }
}

impl Statement for RecentOp {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let Some(twin) = cx.twin else { return refused("a recent list needs packets of IPv4 or IPv6") };
        let checks = self.checks(twin)?;
        if self.prefix.0 > 32 || self.prefix.1 > 128 {
            return refused(format!("an address has 32 or 128 bits, not /{} and /{}", self.prefix.0, self.prefix.1));
        }
        if self.invert && (self.op != Op::Rcheck || checks.len() > 1) {
            return refused("of recent only a check of one hit can be inverted");
        }
        cx.need_family(twin)?;
        let with_key = |expr| self.with_key(twin, expr);
        for set in checks {
            let lookup = Lookup::new(set, Register::R1);
            cx.push_match(with_key(if self.invert { lookup.inverted() } else { lookup }.into()));
        }
        for (op, set) in self.changes(twin) {
            cx.push_act(with_key(Dynset::new(set, op, Register::R1).into()));
        }
        if let Some(limit) = self.rate()? {
            let bucket = Dynset::new(self.list.bucket(twin), DynsetOp::Update, Register::R1);
            cx.push_match(with_key(bucket.with_expr(limit.clone()).into()));
        }
        Ok(())
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let twin = twin.unwrap_or(Twin::V4);
        let side = if self.side == Side::Source { "saddr" } else { "daddr" };
        let key = format!("{} {side}{}", twin.suffix(), self.mask_text(twin));
        let not = if self.invert { "!= " } else { "" };
        let checks = self.checks(twin).unwrap_or_default();
        let checks = checks.into_iter().map(|set| format!("{key} {not}@{set}"));
        let changes = self.changes(twin).into_iter().map(|(op, set)| {
            let verb = if op == DynsetOp::Delete { "delete" } else { "update" };
            format!("{verb} @{set} {{ {key} }}")
        });
        let rate = self.rate().ok().flatten().map(|limit| {
            let (set, rate, unit) = (self.list.bucket(twin), limit.rate, unit(limit.unit));
            format!(
                "update @{set} {{ {key} limit rate over {rate}/{unit} burst {} packets }}",
                limit.burst.unwrap_or(5)
            )
        });
        checks.chain(changes).chain(rate).collect::<Vec<_>>().join(" ")
    }

    fn is_dual(&self) -> bool {
        true
    }

    fn as_recent(&self) -> Option<&RecentOp> {
        Some(self)
    }
}

/// nft's word for the unit of a rate, in seconds.
fn unit(seconds: u64) -> &'static str {
    match seconds {
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        604_800 => "week",
        _ => "second",
    }
}
