//! Named sets and maps.

use super::{
    element::Element,
    key::{Key, MapValue, SetKey},
    pattern::Pattern,
};
use crate::{
    batch::SetKind,
    data::*,
    lang::field::IpVersion,
    model::{self, SetFlags},
    set::key::{len_in, version_name},
};
use std::{fmt, marker::PhantomData, net::IpAddr, ops::Deref, time::Duration};

/// A set that exists, or will: where it is, and what it is keyed by.
///
/// ```
/// use oxitables::{Family, SetRef};
/// use std::net::Ipv4Addr;
/// let blocked = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "blocked");
/// ```
///
/// With addresses of either family among its fields it is a pair of sets, `blocked4` and
/// `blocked6`.
pub struct SetRef<K> {
    pub(crate) family: Family,
    pub(crate) table: Name,
    pub(crate) name: Name,
    pub(crate) interval: bool,
    /// What it maps to, if it is known to be a map.
    pub(crate) value_type: Option<DataType>,
    kind: PhantomData<fn() -> K>,
}

impl<K: SetKey> SetRef<K> {
    /// The set `name` of a table.
    ///
    /// In a set of intervals, a single address that is added as if it were a set of single values
    /// stands for all addresses from there on. The kernel does not notice such a mistake. So
    /// [`Client::apply`](crate::Client::apply) asks the kernel what the set is before it changes
    /// its elements or adds a typed rule that uses it, and refuses the batch if the set is
    /// something else than is said here. The answer is remembered until the ruleset changes.
    pub fn new(family: Family, table: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { family, table: table.into(), name: name.into(), interval: false, value_type: None, kind: PhantomData }
    }

    /// Says that it is a set of intervals.
    pub fn interval(mut self) -> Self {
        self.interval = true;
        self
    }

    /// Whether it holds intervals, as the kernel says.
    pub(crate) fn found(mut self, interval: bool) -> Self {
        self.interval = interval;
        self
    }

    /// An element: a value, a range or a prefix, or a tuple of them.
    pub fn element(&self, key: impl Into<Pattern<K>>) -> Element<K> {
        Element::new(self, key.into())
    }

    /// The element for every key that has no other. Since 5.13.
    pub fn catch_all(&self) -> Element<K> {
        Element::catch_all(self)
    }
}

impl<K> SetRef<K> {
    /// Family of its table.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Name of its table.
    pub fn table(&self) -> &Name {
        &self.table
    }

    /// Name; of a pair of sets, what comes before the `4` and the `6`.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whether it holds intervals.
    pub fn is_interval(&self) -> bool {
        self.interval
    }
}

impl<K: Key> SetRef<K> {
    /// The names of the set, or of the two sets.
    pub fn names(&self) -> Vec<Name> {
        self.each_name().collect()
    }

    /// The same, one after the other.
    pub(super) fn each_name(&self) -> impl Iterator<Item = Name> {
        versions(K::DUAL).iter().map(|version| version_name(&self.name, K::DUAL, *version))
    }
}

impl<K: Key> SetRef<K> {
    /// The types of the keys of the set, or of the two sets.
    pub(crate) fn types(&self) -> Vec<DataType> {
        versions(K::DUAL).iter().map(|version| key_type::<K>(*version)).collect()
    }

    /// Which of a pair of sets has this name.
    pub(super) fn version(&self, name: &Name) -> Option<IpVersion> {
        if !K::DUAL {
            return None;
        }
        versions(true).iter().copied().find(|version| version_name(&self.name, true, *version) == *name).flatten()
    }

    /// The type of the keys of the set with this name.
    pub(super) fn type_of(&self, name: &Name) -> DataType {
        key_type::<K>(self.version(name))
    }
}

impl<K: Key> SetRef<K> {
    /// What a rule takes it for. Whether it holds intervals matters to numbers of the host's byte
    /// order, which stand the other way round in a set of intervals.
    pub(crate) fn taken_for(&self, version: Option<IpVersion>) -> SetKind {
        let turned = K::FIELDS.iter().any(|field| field.order == ByteOrder::Host);
        let interval = turned.then_some(self.interval);
        SetKind { key_type: key_type::<K>(version), value_type: self.value_type, interval }
    }
}

/// The families for each of which there is a set.
fn versions(dual: bool) -> &'static [Option<IpVersion>] {
    if dual { &[Some(IpVersion::V4), Some(IpVersion::V6)] } else { &[None] }
}

impl<K> Clone for SetRef<K> {
    fn clone(&self) -> Self {
        Self { table: self.table.clone(), name: self.name.clone(), kind: PhantomData, ..*self }
    }
}

impl<K> fmt::Debug for SetRef<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.name)
    }
}

/// The type of a key in one of two families.
fn key_type<K: Key>(version: Option<IpVersion>) -> DataType {
    let v4 = version.is_some_and(IpVersion::is_v4);
    let types = K::FIELDS.iter().map(|field| match field.datatype {
        ty if K::DUAL && v4 && ty == std::net::Ipv6Addr::FIELD.datatype => std::net::Ipv4Addr::FIELD.datatype,
        ty => ty,
    });
    types.reduce(DataType::then).unwrap_or(DataType::from(0))
}

/// What is asked of a set, before it is one set or two.
#[derive(Clone, Debug, Default)]
struct Options {
    flags: SetFlags,
    timeout: Option<Duration>,
    gc_interval: Option<Duration>,
    size: Option<u32>,
    exprs: Vec<crate::expr::Expr>,
    comment: Option<String>,
    auto_merge: bool,
    policy: Option<model::SetPolicy>,
}

/// The type of a map's values.
#[derive(Clone, Copy, Debug)]
struct ValueType {
    ty: DataType,
    len: usize,
    order: u32,
}

impl Options {
    /// The set as the kernel takes it.
    fn model<K: Key>(&self, at: &SetRef<K>, version: Option<IpVersion>, value: Option<ValueType>) -> model::Set {
        let name = version_name(&at.name, K::DUAL, version);
        let mut set = model::Set::required(at.family, at.table.clone(), name);
        let concat = K::FIELDS.len() > 1;
        let lens = K::FIELDS.iter().map(|field| len_in(field, K::DUAL, version) as u32);
        let mut flags = self.flags;
        if self.timeout.is_some() {
            flags |= SetFlags::TIMEOUT;
        }
        if flags.contains(SetFlags::INTERVAL) && concat {
            flags |= SetFlags::CONCAT;
        }
        set.key_type = Some(key_type::<K>(version));
        set.key_len = Some(if concat { lens.clone().map(|l| l.next_multiple_of(4)).sum() } else { lens.clone().sum() });
        set.timeout = self.timeout;
        set.gc_interval = self.gc_interval;
        set.policy = self.policy;
        let fields: Vec<_> = lens.map(model::SetField::required).collect();
        let concat_fields = flags.contains(SetFlags::CONCAT).then_some(fields);
        if self.size.is_some() || concat_fields.is_some() {
            set.desc = Some(model::SetDesc { size: self.size, concat: concat_fields, ..model::SetDesc::default() });
        }
        let mut userdata = Userdata::default();
        let order = if concat { 0 } else { K::FIELDS[0].order.noted() };
        userdata.set(model::Set::KEY_BYTEORDER, &order.to_ne_bytes());
        if let Some(value) = value {
            flags |= SetFlags::MAP;
            set.data_type = Some(value.ty);
            set.data_len = (value.len > 0).then_some(value.len as u32);
            userdata.set(model::Set::DATA_BYTEORDER, &value.order.to_ne_bytes());
        }
        if self.auto_merge {
            userdata.set(model::Set::MERGE_ELEMENTS, &1u32.to_ne_bytes());
        }
        if value.is_some() {
            userdata.set(model::Set::DATA_INTERVAL, &0u32.to_ne_bytes());
        }
        set.userdata = Some(userdata);
        match &self.exprs[..] {
            [] => {}
            [one] => set.expr = Some(Box::new(one.clone())),
            many => {
                set.exprs = Some(many.to_vec());
                flags |= SetFlags::EXPR;
            }
        }
        set.flags = Some(flags);
        match &self.comment {
            Some(comment) => set.with_comment(comment),
            None => set,
        }
    }
}

macro_rules! builders {
    ($($at:ident).+) => {
        /// Makes it hold intervals: ranges and prefixes beside single values. Rules cannot change
        /// such a set.
        pub fn interval(mut self) -> Self {
            self.options.flags |= SetFlags::INTERVAL;
            self.$($at).+.interval = true;
            self
        }

        /// Lets rules change it.
        pub fn dynamic(mut self) -> Self {
            self.options.flags |= SetFlags::EVAL;
            self
        }

        /// Fixes its elements once a rule uses it, which makes some of them faster.
        pub fn constant(mut self) -> Self {
            self.options.flags |= SetFlags::CONSTANT;
            self
        }

        /// Lets elements expire that bring a timeout of their own, without one for the rest.
        pub fn timeouts(mut self) -> Self {
            self.options.flags |= SetFlags::TIMEOUT;
            self
        }

        /// Life of elements that bring none of their own.
        pub fn with_timeout(mut self, timeout: Duration) -> Self {
            self.options.timeout = Some(timeout);
            self
        }

        /// How often expired elements are collected, up to 49 days; each second if not given.
        pub fn with_gc_interval(mut self, interval: Duration) -> Self {
            self.options.gc_interval = Some(interval);
            self
        }

        /// The most elements it takes; 65535 for one that rules change, if not given.
        pub fn with_size(mut self, size: u32) -> Self {
            self.options.size = Some(size);
            self
        }

        /// What the kernel shall save when it chooses how to keep it.
        pub fn with_policy(mut self, policy: model::SetPolicy) -> Self {
            self.options.policy = Some(policy);
            self
        }

        /// Gives every element something to count; up to two.
        pub fn with_expr(mut self, stateful: impl crate::set::stateful::Stateful) -> Self {
            self.options.exprs.push(stateful.into_expr());
            self
        }

        /// Sets the comment, up to [`Userdata::MAX_COMMENT`] bytes.
        pub fn with_comment(mut self, text: impl Into<String>) -> Self {
            self.options.comment = Some(text.into());
            self
        }

        /// Tells nft to merge intervals that overlap; the kernel itself refuses them.
        pub fn auto_merge(mut self) -> Self {
            self.options.auto_merge = true;
            self
        }
    };
}

/// A set of values, to be made.
///
/// ```
/// use oxitables::{Family, Set, Table};
/// use std::{net::Ipv4Addr, time::Duration};
/// let host = Table::new(Family::Inet, "host");
/// let admins = Set::<Ipv4Addr>::new(&host, "admins").interval().with_comment("who may log in");
/// let seen = Set::<Ipv4Addr>::new(&host, "seen").dynamic().with_timeout(Duration::from_secs(60)).with_size(1000);
/// assert_eq!(seen.model().size(), Some(1000));
/// ```
///
/// Numbers that nft has no name for key no set:
///
/// ```compile_fail
/// # use oxitables::{Family, Set, Table};
/// Set::<u16>::new(&Table::new(Family::Inet, "host"), "lengths");
/// ```
#[derive(Clone, Debug)]
pub struct Set<K> {
    at: SetRef<K>,
    options: Options,
}

/// A pair of sets, one for each IP family: `name4` and `name6`. For use with [`addr`](crate::addr).
pub type AddrSet = Set<IpAddr>;

impl<K: SetKey> Set<K> {
    /// The set `name` of `table`.
    pub fn new(table: &model::Table, name: impl Into<Name>) -> Self {
        let at = SetRef::new(table.family, table.name.clone(), name);
        Self { at, options: Options::default() }
    }

    builders!(at);

    /// The set as the kernel takes it; of a pair, the one for IPv4.
    pub fn model(&self) -> model::Set {
        self.options.model(&self.at, versions(K::DUAL)[0], None)
    }

    /// The set, or the two sets, as the kernel takes them.
    pub fn models(&self) -> Vec<model::Set> {
        versions(K::DUAL).iter().map(|version| self.options.model(&self.at, *version, None)).collect()
    }
}

impl<K> Deref for Set<K> {
    type Target = SetRef<K>;
    fn deref(&self) -> &SetRef<K> {
        &self.at
    }
}

/// A map that exists, or will: where it is, what it is keyed by, and what it maps to.
pub struct MapRef<K, V> {
    set: SetRef<K>,
    value: PhantomData<fn() -> V>,
}

impl<K: SetKey, V: MapValue> MapRef<K, V> {
    /// The map `name` of a table.
    pub fn new(family: Family, table: impl Into<Name>, name: impl Into<Name>) -> Self {
        let set = SetRef { value_type: Some(V::TYPE), ..SetRef::new(family, table, name) };
        Self { set, value: PhantomData }
    }

    /// Says that it is a map of intervals.
    pub fn interval(mut self) -> Self {
        self.set.interval = true;
        self
    }

    /// An element: a value, a range or a prefix, or a tuple of them, and what it maps to.
    pub fn element(&self, key: impl Into<Pattern<K>>, value: impl Into<V>) -> Element<K> {
        Element::new(&self.set, key.into()).with_data(value.into().data())
    }

    /// The value for every key that has no other. Since 5.13.
    pub fn catch_all(&self, value: impl Into<V>) -> Element<K> {
        Element::catch_all(&self.set).with_data(value.into().data())
    }
}

impl<K, V> Deref for MapRef<K, V> {
    type Target = SetRef<K>;
    fn deref(&self) -> &SetRef<K> {
        &self.set
    }
}

impl<K, V> Clone for MapRef<K, V> {
    fn clone(&self) -> Self {
        Self { set: self.set.clone(), value: PhantomData }
    }
}

impl<K, V> fmt::Debug for MapRef<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set.fmt(f)
    }
}

/// A map from values to values or verdicts, to be made.
///
/// ```
/// use oxitables::{Family, Map, Table, data::{Port, Verdict}, tcp};
/// let host = Table::new(Family::Inet, "host");
/// let services = Map::<Port, Verdict>::new(&host, "services");
/// let ssh = services.element(22, Verdict::accept());
/// assert_eq!(tcp::dport().vmap(&services).to_string(), "tcp dport vmap @services");
/// ```
#[derive(Clone, Debug)]
pub struct Map<K, V> {
    at: MapRef<K, V>,
    options: Options,
}

impl<K: SetKey, V: MapValue> Map<K, V> {
    const VALUE: ValueType = ValueType { ty: V::TYPE, len: V::LEN, order: V::ORDER };

    /// The map `name` of `table`.
    pub fn new(table: &model::Table, name: impl Into<Name>) -> Self {
        let at = MapRef::new(table.family, table.name.clone(), name);
        Self { at, options: Options::default() }
    }

    builders!(at.set);

    /// The map as the kernel takes it; of a pair, the one for IPv4.
    pub fn model(&self) -> model::Set {
        self.options.model(&self.at.set, versions(K::DUAL)[0], Some(Self::VALUE))
    }

    /// The map, or the two maps, as the kernel takes them.
    pub fn models(&self) -> Vec<model::Set> {
        versions(K::DUAL).iter().map(|version| self.options.model(&self.at.set, *version, Some(Self::VALUE))).collect()
    }
}

impl<K, V> Deref for Map<K, V> {
    type Target = MapRef<K, V>;
    fn deref(&self) -> &MapRef<K, V> {
        &self.at
    }
}
