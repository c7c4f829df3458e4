//! iptables' `recent`, exactly: lists of addresses with the times they were seen.
//!
//! The translation that suggests itself, one set with a timeout, is wrong: iptables' entries do not
//! go by age, so `--update` without `--seconds` still knows an address after the window. One list
//! here is a *seen* set, one *window* set for every window that is asked about, and a *ring* of
//! sets for every number of hits; all for IPv4 and for IPv6.

mod op;

use op::Op;
pub use op::RecentOp;

use crate::{
    batch::{Add, Batch, Create, Delete, Flush, Item, Place, Verb},
    data::{DataType, Name, Typed, Userdata},
    expr::Limit,
    lang::field::IpVersion,
    model::{Set, SetDesc, SetFlags, Table},
};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// A list of recently seen addresses, IPv4 and IPv6, as iptables' `recent` match keeps it.
///
/// Declare every window and every number of hits that rules ask about, add the list to a batch,
/// then use it in rules:
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
/// What differs from iptables: a list that is full (65,535 addresses unless
/// [`with_size`](Self::with_size) says else, for each family) takes no new address, and a rule that
/// would add one ends there without a match; iptables forgets the oldest. An address that was not
/// touched for a year is forgotten ([`with_memory`](Self::with_memory)).
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
    memory: Duration,
}

/// The last `hits` stamps of every address: a timed set for each, and sets that say whose turn is
/// next.
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

/// How long an address that nobody touches is known: what "for ever" is here, so that its age can
/// be told.
const MEMORY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const SIZE: u32 = 65_535;

impl IpVersion {
    fn suffix(self) -> &'static str {
        if self.is_v4() { "ip" } else { "ip6" }
    }

    /// Type of the key.
    fn datatype(self) -> DataType {
        if self.is_v4() { Ipv4Addr::FIELD.datatype() } else { Ipv6Addr::FIELD.datatype() }
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
            memory: MEMORY,
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
    /// It is a true sliding window. It costs 2 × `hits` - 1 sets for each family, and a chain of
    /// `hits` rules; for large numbers [`over_rate`](Self::over_rate) is cheaper.
    pub fn with_hits(mut self, hits: u32, within: Duration) -> Self {
        if hits < 2 {
            return self.with_window(within);
        }
        self.ring(Ring { hits, within: Some(whole(within)) });
        self
    }

    /// Declares a number of hits of any age that rules ask about (`--hitcount` without
    /// `--seconds`).
    pub fn with_hits_ever(mut self, hits: u32) -> Self {
        if hits >= 2 {
            self.ring(Ring { hits, within: None });
        }
        self
    }

    /// Declares a rate for [`over_rate`](Self::over_rate): a token bucket for every address.
    ///
    /// It is nft's own way, and costs one set however large the numbers are. Over a minute it lets
    /// up to twice the rate pass, where hits are counted exactly.
    pub fn with_rate(mut self, limit: Limit) -> Self {
        self.rate = Some(limit.over());
        self
    }

    /// Sets how many addresses of each family it knows.
    pub fn with_size(mut self, size: u32) -> Self {
        self.size = size;
        self
    }

    /// Forgets addresses that were not touched for so long, or for its longest window if that is
    /// longer; otherwise it is a year.
    ///
    /// A list that only counts hits within a window has no use for older addresses: they fill it,
    /// and anybody who sends with many source addresses can do that in a second.
    pub fn with_memory(mut self, memory: Duration) -> Self {
        self.memory = whole(memory);
        self
    }

    /// How long an address is known that nobody touches.
    pub(crate) fn memory(&self) -> Duration {
        let rings = self.rings.iter().map(|ring| ring.within.unwrap_or(MEMORY));
        self.windows.iter().copied().chain(rings).fold(self.memory, Duration::max)
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

    /// Takes a token of the address and matches if there is none; the rate is that of
    /// [`with_rate`](Self::with_rate).
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
    pub(crate) fn versions(&self) -> &'static [IpVersion] {
        use crate::data::Family;
        match self.table.family {
            Family::Ip => &[IpVersion::V4],
            Family::Ip6 => &[IpVersion::V6],
            _ => &IpVersion::BOTH,
        }
    }

    pub(crate) fn seen(&self, version: IpVersion) -> Name {
        format!("{}_{}", self.name, version.suffix()).into()
    }

    fn window(&self, window: Duration, version: IpVersion) -> Name {
        format!("{}_{}_{}", self.name, words(window), version.suffix()).into()
    }

    fn bucket(&self, version: IpVersion) -> Name {
        format!("{}_rate_{}", self.name, version.suffix()).into()
    }

    fn ring_name(&self, ring: Ring, version: IpVersion) -> String {
        let within = ring.within.map_or("ever".into(), words);
        format!("{}_{}in{within}_{}", self.name, ring.hits, version.suffix())
    }

    fn stamp(&self, ring: Ring, version: IpVersion, slot: u32) -> Name {
        format!("{}_stamp{slot}", self.ring_name(ring, version)).into()
    }

    fn turn(&self, ring: Ring, version: IpVersion, slot: u32) -> Name {
        format!("{}_turn{slot}", self.ring_name(ring, version)).into()
    }

    /// The seen set and the window sets: all that a stamp has to go into, apart from rings.
    pub(crate) fn plain(&self, version: IpVersion) -> Vec<Name> {
        let windows = self.windows.iter().map(|w| self.window(*w, version));
        [self.seen(version)].into_iter().chain(windows).collect()
    }

    /// The sets of each ring: stamps, then turns from 1 on.
    pub(crate) fn rings(&self, version: IpVersion) -> Vec<(Vec<Name>, Vec<Name>)> {
        let names = |ring: Ring| {
            let stamps = (0..ring.hits).map(|slot| self.stamp(ring, version, slot)).collect();
            let turns = (1..ring.hits).map(|slot| self.turn(ring, version, slot)).collect();
            (stamps, turns)
        };
        self.rings.iter().map(|ring| names(*ring)).collect()
    }

    /// All sets apart from token buckets, in which an address that is removed must not stay.
    pub(crate) fn all_sets(&self, version: IpVersion) -> Vec<Name> {
        let rings = self.rings(version).into_iter().flat_map(|(stamps, turns)| stamps.into_iter().chain(turns));
        self.plain(version).into_iter().chain(rings).collect()
    }

    /// The list as its sets in the kernel tell; `None` if it is not there.
    pub(crate) fn from_sets(table: &Table, name: &str, sets: &[Set]) -> Option<Self> {
        let mut list = Self::new(table, name);
        let version = list.versions()[0];
        let (seen, suffix) = (list.seen(version), format!("_{}", version.suffix()));
        let known = sets.iter().find(|set| set.name == seen)?;
        list.size = known.size()?;
        list.memory = known.timeout.unwrap_or(MEMORY);
        for set in sets {
            let Some(rest) = set.name.as_str().and_then(|s| s.strip_prefix(name)?.strip_prefix('_')) else { continue };
            // Times are those of the names: the timeouts that the kernel reports it has rounded to
            // its ticks.
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
        let names =
            |list: &Self| list.versions().iter().flat_map(|version| list.all_sets(*version)).collect::<Vec<_>>();
        let (before, now) = (names(&installed), names(self));
        sets.into_iter().filter(|set| before.contains(&set.name) && !now.contains(&set.name)).collect()
    }

    /// The sets as they are to be made.
    pub(crate) fn sets(&self) -> Vec<Set> {
        let mut sets = Vec::new();
        for &version in self.versions() {
            let mut add =
                |name: Name, timeout: Duration, note: String| sets.push(self.model(name, version, timeout, &note));
            let note = format!("recent {}: every address, expires is the timeout less its age", self.name);
            add(self.seen(version), self.memory(), note);
            for window in &self.windows {
                let note = format!("recent {}: addresses seen within {}", self.name, words(*window));
                add(self.window(*window, version), *window, note);
            }
            if let Some(limit) = &self.rate {
                // A bucket that had time to fill up is as good as none.
                let full =
                    limit.unit.saturating_mul(u64::from(limit.burst.unwrap_or(0)).max(1)).div_ceil(limit.rate.max(1));
                let note = format!("recent {}: token buckets", self.name);
                add(self.bucket(version), Duration::from_secs(full.max(limit.unit)), note);
            }
            for ring in &self.rings {
                let note = format!("recent {}: ring of the last {} stamps", self.name, ring.hits);
                for slot in 0..ring.hits {
                    add(self.stamp(*ring, version, slot), ring.within.unwrap_or(MEMORY), note.clone());
                }
                for slot in 1..ring.hits {
                    add(self.turn(*ring, version, slot), self.memory(), note.clone());
                }
            }
        }
        sets
    }

    fn model(&self, name: Name, version: IpVersion, timeout: Duration, note: &str) -> Set {
        let mut userdata = Userdata::default();
        userdata.set(Set::KEY_BYTEORDER, &2u32.to_ne_bytes());
        let set = Set {
            flags: Some(SetFlags::EVAL | SetFlags::TIMEOUT),
            key_type: Some(version.datatype()),
            key_len: Some(version.address_len() as u32),
            timeout: Some(timeout),
            userdata: Some(userdata),
            desc: Some(SetDesc { size: Some(self.size), ..SetDesc::default() }),
            ..Set::required(self.table.family, self.table.name.clone(), name)
        };
        set.with_comment(note)
    }
}

impl Add for Recent {}
impl Create for Recent {}
impl Delete for Recent {}
impl Flush for Recent {}
impl Item for Recent {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
        for model in self.sets() {
            model.put(verb, place, batch);
        }
    }
}
