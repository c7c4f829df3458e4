//! A great many elements of one set: straight from an iterator into the batch.

use super::{
    disjoint::{Disjoint, Spans},
    element::Element,
    key::{SetKey, turned},
    pattern::{Pattern, check_network},
    typed::{Set, SetRef},
};
use crate::{
    batch::{Add, Batch, Create, Delete, Item, Place, SetName, Verb},
    compile::mark_open,
    data::{ByteOrder, Name, Typed, Value},
    model::{self, ElementFlags, SetFlags},
    set::{item::Elements, key::len_in},
    wire::{EncodeError, Malformed, Step, Writer},
};
use std::{borrow::Borrow, collections::HashSet, hash::Hash, time::Duration};

/// Bare keys or ranges of one set, for a batch; from [`SetRef::keys`] and [`SetRef::ranges`].
#[derive(Clone, Debug)]
pub struct Keys<'a, K, I> {
    set: &'a SetRef<K>,
    keys: I,
    timeout: Option<Duration>,
    merged: bool,
}

/// A key, a range of keys, or a prefix.
pub trait Bounds<K>: sealed::Bounds<K> {}
impl<K, T: sealed::Bounds<K>> Bounds<K> for T {}

mod sealed {
    use super::{Malformed, check_network};
    use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
    use std::{
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        ops::RangeInclusive,
    };

    pub trait Bounds<K> {
        /// It is never more than one key.
        const SINGLE: bool;
        fn bounds(self) -> (K, K);
        /// Refuses what does not say plainly what is meant.
        #[inline]
        fn check(&self) -> Result<(), Malformed> {
            Ok(())
        }
    }

    impl<K: crate::data::Typed> Bounds<K> for K {
        const SINGLE: bool = true;
        #[inline]
        fn bounds(self) -> (K, K) {
            (self, self)
        }
    }

    impl<K: crate::data::Typed> Bounds<K> for RangeInclusive<K> {
        const SINGLE: bool = false;
        #[inline]
        fn bounds(self) -> (K, K) {
            self.into_inner()
        }
    }

    macro_rules! prefixes {
        ($($net:ty: $key:ty),*) => {$(
            impl Bounds<$key> for $net {
                const SINGLE: bool = false;
                #[inline]
                fn bounds(self) -> ($key, $key) {
                    (self.network(), self.broadcast())
                }
                fn check(&self) -> Result<(), Malformed> {
                    check_network((*self).into())
                }
            }
        )*};
    }
    prefixes!(IpNetwork: IpAddr, Ipv4Network: Ipv4Addr, Ipv6Network: Ipv6Addr);
}

impl<K: SetKey + Typed> SetRef<K> {
    /// Elements that have nothing but a key: the quick way for a great many of them. They go from
    /// the iterator straight into the batch.
    ///
    /// ```
    /// use oxitables::{Batch, Family, SetRef};
    /// use std::{net::Ipv4Addr, time::Duration};
    /// let blocked = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "blocked");
    /// let mut batch = Batch::new();
    /// batch.add(blocked.keys((0..1_000_000).map(Ipv4Addr::from)).timeout(Duration::from_secs(3600)));
    /// assert_eq!(batch.len(), 1);
    /// ```
    pub fn keys<I>(&self, keys: I) -> Keys<'_, K, I>
    where
        I: IntoIterator<Item = K> + Clone,
    {
        Keys { set: self, keys, timeout: None, merged: false }
    }

    /// The same of ranges or prefixes, for a set of intervals.
    ///
    /// Ranges that overlap are refused, with both named, unless they are [merged](Keys::merged). In
    /// ascending order they need no memory but that of the batch, and the kernel takes them a
    /// quarter faster.
    ///
    /// ```
    /// use oxitables::{Batch, Family, SetRef};
    /// use std::net::Ipv4Addr;
    /// let bogons = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "bogons").interval();
    /// let nets = (0..500_000_u32).map(|n| Ipv4Addr::from(n << 4)..=Ipv4Addr::from(n << 4 | 7));
    /// let mut batch = Batch::new();
    /// batch.add(bogons.ranges(nets));
    /// assert_eq!(batch.len(), 1);
    /// let prefix: ipnetwork::Ipv4Network = "198.51.100.0/24".parse()?;
    /// batch.add(bogons.ranges([prefix]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ranges<I>(&self, ranges: I) -> Keys<'_, K, I>
    where
        I: IntoIterator<Item: Bounds<K>> + Clone,
    {
        Keys { set: self, keys: ranges, timeout: None, merged: false }
    }
}

impl<K, I> Keys<'_, K, I> {
    /// How long each of them lives; as the set says if not given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes one of those that overlap or follow one another. All of them live equally long, so
    /// nothing is lost by it; what the set has already is not merged with.
    pub fn merged(mut self) -> Self {
        self.merged = true;
        self
    }
}

/// One of a pair of sets, or the only one, and how its elements are written.
struct Target<'a> {
    name: SetName<'a>,
    /// Bytes of its keys.
    len: usize,
    interval: bool,
    timeout: Option<Duration>,
    verb: Verb,
}

impl Target<'_> {
    /// The keys of one item, or `None` if they are for the other set of a pair.
    #[inline]
    fn span<K: Typed>(&self, (first, last): (K, K)) -> Result<Option<(Value, Value)>, Malformed> {
        let turn = |key: K| turned(&K::FIELD, key.image(), self.interval);
        let (lo, hi) = (turn(first), turn(last));
        let shown = |lo: &[u8], hi: &[u8]| {
            let show = |key: &[u8]| K::FIELD.datatype.show(key, self.interval);
            format!("{}-{}", show(lo), show(hi))
        };
        if lo.len() != hi.len() {
            return Err(Malformed::Refused(format!("{} goes from one family to the other", shown(&lo, &hi)).into()));
        }
        if self.interval && *lo > *hi {
            let range = shown(&lo, &hi);
            return Err(Malformed::Refused(
                format!("{range} ends before it starts: the lower value comes first").into(),
            ));
        }
        if !self.interval && lo != hi {
            let (range, set) = (shown(&lo, &hi), self.name.name);
            return Err(Malformed::Refused(
                format!("{range} is a range, and set {set} holds single values: make it with interval()").into(),
            ));
        }
        Ok((lo.len() == self.len).then_some((lo, hi)))
    }

    #[inline]
    fn write(&self, lo: &Value, hi: &Value, out: &mut Writer) {
        let timeout = self.timeout.filter(|_| self.makes());
        match (self.interval, hi.after()) {
            (true, None) => {
                let mut element = model::Element { timeout, ..model::Element::new(*lo) };
                mark_open(element.userdata.get_or_insert_default());
                element.write(self.verb, out);
            }
            (interval, end) => {
                model::Element::write_key(lo, None, timeout, out);
                if let Some(end) = end.filter(|_| interval) {
                    model::Element::write_key(&end, Some(ElementFlags::INTERVAL_END), None, out);
                }
            }
        }
    }

    fn makes(&self) -> bool {
        !matches!(self.verb, Verb::Delete | Verb::Destroy)
    }
}

impl<K: SetKey + Typed, I: IntoIterator<Item: Bounds<K>> + Clone> Add for Keys<'_, K, I> {}
impl<K: SetKey + Typed, I: IntoIterator<Item: Bounds<K>> + Clone> Create for Keys<'_, K, I> {}
impl<K: SetKey + Typed, I: IntoIterator<Item: Bounds<K>> + Clone> Delete for Keys<'_, K, I> {}
impl<K: SetKey + Typed, I: IntoIterator<Item: Bounds<K>> + Clone> Item for Keys<'_, K, I> {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
        // What is rare is left to the general way: names, which may stand for all that begin with
        // them, and what is refused.
        if K::FIELD.order == ByteOrder::Text || self.timeout == Some(Duration::ZERO) {
            let element = |item: I::Item| {
                let (first, last) = sealed::Bounds::bounds(item);
                let (lo, hi) = (first.image(), last.image());
                let key = if lo == hi { Pattern::from(first) } else { Pattern::range(lo, hi) };
                let element = self.set.element(key);
                self.timeout.map_or(element.clone(), |timeout| element.timeout(timeout))
            };
            let elements: Vec<Element<K>> = self.keys.clone().into_iter().map(element).collect();
            return self.set.elements(elements).put(verb, place, batch);
        }
        for name in self.set.each_name() {
            self.set.assume(&name, verb, batch);
            self.put_in(&name, verb, batch);
        }
    }
}

impl<K: SetKey + Typed, I: IntoIterator<Item: Bounds<K>> + Clone> Keys<'_, K, I> {
    fn put_in(&self, name: &Name, verb: Verb, batch: &mut Batch) {
        let SetRef { family, table, interval, .. } = self.set;
        let target = Target {
            name: SetName { family: *family, table, name, id: None },
            len: len_in(&K::FIELD, <K as Typed>::DUAL, self.set.version(name)),
            interval: *interval,
            timeout: self.timeout,
            verb,
        };
        // For the second look at them, which few need.
        let spans = || {
            let mut spans = Spans::new(target.len);
            for (index, item) in self.keys.clone().into_iter().enumerate() {
                if let Ok(Some((lo, hi))) = target.span(sealed::Bounds::bounds(item)) {
                    spans.push(index, &lo, &hi);
                }
            }
            spans
        };
        if self.merged && target.interval {
            for (index, item) in self.keys.clone().into_iter().enumerate() {
                if let Err(why) = sealed::Bounds::<K>::check(&item) {
                    batch.operation(verb);
                    batch.refuse(EncodeError::from(why).within(Step::Index(index)).within(Step::Field("elements")));
                    return;
                }
            }
            return batch.elements(verb, &target.name, spans().merged(), |(lo, hi), out| {
                target.write(lo, hi, out);
                Ok(())
            });
        }
        let keys = self.keys.clone().into_iter().map(sealed::Bounds::bounds);
        if <I::Item as sealed::Bounds<K>>::SINGLE && !target.interval {
            // Of these there are millions: nothing but the key is looked at.
            let timeout = target.timeout.filter(|_| target.makes());
            return batch.elements(verb, &target.name, keys, |(key, _), out| {
                let key = turned(&K::FIELD, key.image(), false);
                if key.len() == target.len {
                    model::Element::write_key(&key, None, timeout, out);
                }
                Ok(())
            });
        }
        let keys =
            self.keys.clone().into_iter().map(|item| (sealed::Bounds::<K>::check(&item), sealed::Bounds::bounds(item)));
        let mut disjoint = Disjoint::new(target.interval && target.makes());
        batch.elements(verb, &target.name, keys, |(check, bounds), out| {
            check.clone()?;
            if let Some((lo, hi)) = target.span(*bounds)? {
                disjoint.pass(&lo, &hi);
                target.write(&lo, &hi, out);
            }
            Ok(())
        });
        if target.interval && !target.makes() {
            batch.cuts(&target.name);
        }
        if !disjoint.holds() {
            for (index, why) in spans().overlaps(&[target.len], self.set.type_of(name)) {
                batch.refuse(EncodeError::from(why).within(Step::Index(index)).within(Step::Field("elements")));
            }
        }
    }
}

impl Batch {
    /// Turns what a set holds from `old` into `new`, for who knows what it holds: deletes what is
    /// in `old` only and adds what is in `new` only. Where little is in both, the set is flushed
    /// and filled, which is cheaper; `old` need not be exact then.
    ///
    /// To find out what it holds, and for elements that have more than a key, there are
    /// [plans](crate::reconcile).
    ///
    /// ```
    /// use oxitables::{Batch, Family, SetRef};
    /// use std::net::Ipv4Addr;
    /// let hosts = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "hosts");
    /// let host = |n| Ipv4Addr::new(192, 0, 2, n);
    /// let mut batch = Batch::new();
    /// batch.exchange(&hosts, (1..100).map(host), (2..101).map(host));
    /// assert_eq!(batch.len(), 2);
    /// ```
    pub fn exchange<K: SetKey + Typed + Hash + Eq>(
        &mut self,
        set: &SetRef<K>,
        old: impl IntoIterator<Item = K>,
        new: impl IntoIterator<Item = K>,
    ) -> &mut Self {
        let mut gone: HashSet<K> = old.into_iter().collect();
        let held = gone.len();
        let (mut kept, mut fresh) = (Vec::new(), Vec::new());
        for key in new {
            if gone.remove(&key) { kept.push(key) } else { fresh.push(key) }
        }
        // A delete costs the kernel about what an add does, flushing about half of that for each
        // element.
        if held > 0 && 2 * gone.len() > held + 2 * kept.len() {
            for name in set.names() {
                set.assume(&name, Verb::Delete, self);
                self.flush(model::Set::required(set.family, set.table.clone(), name));
            }
            gone.clear();
            kept.append(&mut fresh);
            fresh = kept;
        }
        if !gone.is_empty() {
            self.delete(set.keys(gone.into_iter().collect::<Vec<_>>()));
        }
        if !fresh.is_empty() {
            self.add(set.keys(fresh));
        }
        self
    }
}

/// A set and what is in it, for a batch; from [`Set::filled`].
#[derive(Clone, Debug)]
pub struct Filled<'a, K, E> {
    set: &'a Set<K>,
    elements: E,
}

/// What knows how many elements it is.
pub trait Counted: sized::Counted {}
impl<T: sized::Counted> Counted for T {}

mod sized {
    pub trait Counted {
        fn count(&self) -> usize;
    }
}

impl<K, I: IntoIterator + Clone> sized::Counted for Keys<'_, K, I> {
    fn count(&self) -> usize {
        self.keys.clone().into_iter().count()
    }
}

impl<K: SetKey, I: IntoIterator<Item: Borrow<Element<K>>> + Clone> sized::Counted for Elements<'_, K, I> {
    fn count(&self) -> usize {
        self.items().count()
    }
}

impl<K: SetKey> Set<K> {
    /// This set together with its elements, and sized by their number: the kernel loads a million
    /// of them in a third of the time that a set of unknown size takes, and lists them in half.
    ///
    /// The set then takes no more than these, until a batch has added it again with another
    /// [size](Set::with_size). That counts from the next batch on: the same with a longer list is
    /// refused, since the set is full, and a shorter list makes the set smaller, even below what it
    /// holds. A size that was set already stays: so leave room with it in a set that may change.
    /// Sets of intervals, sets whose elements expire and sets that rules change gain nothing by a
    /// size, and get none.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Set, Table};
    /// use std::net::Ipv4Addr;
    /// let table = Table::new(Family::Inet, "agent");
    /// let hosts = Set::<Ipv4Addr>::new(&table, "hosts");
    /// let mut batch = Batch::new();
    /// batch.add(&table).add(hosts.filled(hosts.keys((0..1_000_000).map(Ipv4Addr::from))));
    /// ```
    pub fn filled<E: Add + Counted>(&self, elements: E) -> Filled<'_, K, E> {
        Filled { set: self, elements }
    }
}

impl<K: SetKey, E: Add + Counted> Add for Filled<'_, K, E> {}
impl<K: SetKey, E: Create + Counted> Create for Filled<'_, K, E> {}
impl<K: SetKey, E: Item + Counted> Item for Filled<'_, K, E> {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
        let size = u32::try_from(self.elements.count().max(1)).ok();
        for mut set in self.set.models() {
            let grows = SetFlags::INTERVAL | SetFlags::TIMEOUT | SetFlags::EVAL;
            if let (Some(size), None, false) = (size, set.size(), set.flags().intersects(grows)) {
                set = set.with_size(size);
            }
            set.put(verb, place, batch);
        }
        self.elements.put(verb, place, batch);
    }
}
