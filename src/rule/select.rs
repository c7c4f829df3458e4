//! What people write: a field, and what they say of it.

use super::{
    action::{Action, Update},
    assign::{Source, assign},
    condition::Match,
    lookup::{KeyOf, value_expression, values_of},
    object::Objects,
    statement::Operand,
    verdict::Decision,
};
use crate::{
    data::*,
    expr::DynsetOp,
    lang::{
        selector::{Selected, Selector, Settable, Target},
        tree::Op,
    },
    print,
    set::{
        key::{Key, MapValue, SetKey},
        pattern::{Pattern, RawPattern},
        typed::{MapRef, SetRef},
    },
};
use std::{fmt, marker::PhantomData, net::IpAddr};

impl<T: Typed> Selector<T> {
    fn compare(self, op: Op, pattern: Pattern<T>) -> Match {
        Match::compare(&self.part, op, &pattern.raw)
    }

    /// The field is this value, or in this range, or under this prefix, or has these bits under
    /// their mask.
    pub fn is(self, pattern: impl Into<Pattern<T>>) -> Match {
        self.compare(Op::Eq, pattern.into())
    }

    /// The field is not.
    pub fn is_not(self, pattern: impl Into<Pattern<T>>) -> Match {
        self.compare(Op::Ne, pattern.into())
    }
}

/// The number alone: an ordering comparison knows no ranges.
macro_rules! orderings {
    ($($(#[$m:meta])* $name:ident = $op:ident;)*) => { $(
        $(#[$m])*
        pub fn $name(self, value: impl Into<Pattern<T>>) -> Match {
            self.compare(Op::$op, value.into())
        }
    )* };
}

impl<T: Ordered> Selector<T> {
    orderings! {
        /// The field is less than a value.
        lt = Lt;
        /// The field is a value or less.
        le = Le;
        /// The field is greater than a value.
        gt = Gt;
        /// The field is a value or greater.
        ge = Ge;
    }

    /// Only these bits of the field.
    pub fn masked(mut self, mask: impl Into<Pattern<T>>) -> Self {
        let mask: RawPattern = mask.into().raw;
        self.part.mask = Value::new(mask.first().lo);
        self
    }
}

impl Selector<IpAddr> {
    /// Only the first bits of the address, so many of an IPv4 and so many of an IPv6 address: its
    /// network.
    ///
    /// ```
    /// use oxitables::{Family, Rule, SetRef, addr};
    /// use std::net::IpAddr;
    /// let nets = SetRef::<IpAddr>::new(Family::Inet, "host", "nets");
    /// let rule = Rule::new().when(addr::saddr().network(24, 64).is_in(&nets)).drop();
    /// assert_eq!(rule.text(Family::Ip), ["ip saddr & 255.255.255.0 @nets4 drop"]);
    /// assert_eq!(rule.text(Family::Ip6), ["ip6 saddr & ffff:ffff:ffff:ffff:: @nets6 drop"]);
    /// ```
    pub fn network(mut self, v4_bits: u8, v6_bits: u8) -> Self {
        let v4 = u32::MAX.checked_shl(32u32.saturating_sub(v4_bits.into())).unwrap_or(0);
        let v6 = u128::MAX.checked_shl(128u32.saturating_sub(v6_bits.into())).unwrap_or(0);
        self.part.mask = Value::new(&[&v4.to_be_bytes()[..], &v6.to_be_bytes()].concat());
        self
    }
}

impl<T: Bits> Selector<T> {
    /// At least one of these bits is set: nft's `ct state established,related`.
    pub fn any(self, bits: T) -> Match {
        Match::bits(&self.part, &bits.image(), false)
    }

    /// None of these bits is set: nft's `tcp flags ! syn`.
    pub fn none(self, bits: T) -> Match {
        Match::bits(&self.part, &bits.image(), true)
    }
}

impl<T: Typed> Settable<T> {
    /// Sets the field: to a value, to some bits of it, from another field or from a map.
    ///
    /// ```
    /// use oxitables::{Mark, ct, ip, meta, data::Dscp};
    /// assert_eq!(meta::mark().set(ct::mark()).to_string(), "meta mark set ct mark");
    /// assert_eq!(ip::dscp().set(Dscp::CS1).to_string(), "ip dscp set cs1");
    /// let by_source = ip::saddr().map_of([(std::net::Ipv4Addr::LOCALHOST, Mark::from(1))]);
    /// assert_eq!(meta::mark().set(by_source).to_string(), "meta mark set ip saddr map { 127.0.0.1 : 0x00000001 }");
    /// ```
    pub fn set(self, source: impl Into<Source<T>>) -> Action {
        Action::new(assign(self.0.part.field, self.0.part.ty, &source.into().raw))
    }
}

impl<T: Typed> Target<T> {
    /// Sets it.
    pub fn set(self, value: impl Into<Source<T>>) -> Action {
        self.0.set(value)
    }
}

/// One field of a tuple. Implemented by this crate only.
pub trait One: Copy + sealed::Sealed {
    /// Type of its values.
    type Value: Typed + Key;
    #[doc(hidden)]
    fn one(self) -> Chosen;
}

/// A part, out of sight.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Chosen(pub(crate) Selected);

impl<T> sealed::Sealed for Selector<T> {}
impl<T> sealed::Sealed for Settable<T> {}

impl<T: Typed + Key> One for Selector<T> {
    type Value = T;
    fn one(self) -> Chosen {
        Chosen(self.part)
    }
}

impl<T: Typed + Key> One for Settable<T> {
    type Value = T;
    fn one(self) -> Chosen {
        Chosen(self.0.part)
    }
}

/// A field or a tuple of up to five: what can be looked up in a set and put into one.
///
/// Bring it into scope (`use oxitables::Keyed`) to say of tuples what can be said of single fields.
///
/// ```
/// use oxitables::{Family, Keyed, SetRef, data::Port, ip, tcp};
/// use std::net::Ipv4Addr;
/// let seen = SetRef::<(Ipv4Addr, Port)>::new(Family::Inet, "host", "seen");
/// assert_eq!((ip::saddr(), tcp::dport()).is_in(&seen).to_string(), "ip saddr . tcp dport @seen");
/// ```
///
/// A set takes only what it is keyed by:
///
/// ```compile_fail
/// # use oxitables::{Family, SetRef, tcp};
/// let admins = SetRef::<std::net::Ipv4Addr>::new(Family::Inet, "host", "admins");
/// tcp::dport().is_in(&admins);
/// ```
///
/// Implemented by this crate only.
pub trait Keyed: Copy + sealed::Sealed {
    /// What the set is keyed by.
    type Key: Key;

    #[doc(hidden)]
    fn chosen(self) -> Vec<Chosen>;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn key(self) -> KeyOf {
        self.chosen().into()
    }

    /// The set has an element for it.
    fn is_in(self, set: &SetRef<Self::Key>) -> Match {
        Match::member(self.key().in_named(set, None), false)
    }

    /// The set has none.
    fn is_not_in(self, set: &SetRef<Self::Key>) -> Match {
        Match::member(self.key().in_named(set, None), true)
    }

    /// It is one of these.
    fn is_any<P: Into<Pattern<Self::Key>>>(self, patterns: impl IntoIterator<Item = P>) -> Match {
        Match::any_of(&self.key(), patterns.into_iter().map(|p| p.into().raw), false)
    }

    /// It is none of these.
    fn is_none_of<P: Into<Pattern<Self::Key>>>(self, patterns: impl IntoIterator<Item = P>) -> Match {
        Match::any_of(&self.key(), patterns.into_iter().map(|p| p.into().raw), true)
    }

    /// The value that a map has for it; if it has none, the rule ends there.
    fn map<V: MapValue>(self, map: &MapRef<Self::Key, V>) -> Mapped<V> {
        Mapped::new(self.key().in_named(map, Some(values_of::<V>())).value())
    }

    /// The value that a map of this rule has for it.
    fn map_of<P: Into<Pattern<Self::Key>>, V: MapValue>(self, pairs: impl IntoIterator<Item = (P, V)>) -> Mapped<V> {
        let pairs = pairs.into_iter().map(|(p, v)| (p.into().raw, Some(value_expression(&v))));
        Mapped::new(self.key().in_items(pairs).value())
    }

    /// The verdict that a map has for it; if it has none, the next rule decides.
    fn vmap(self, map: &MapRef<Self::Key, Verdict>) -> Decision {
        self.map(map).into()
    }

    /// The verdict that a map of this rule has for it.
    fn vmap_of<P: Into<Pattern<Self::Key>>>(self, pairs: impl IntoIterator<Item = (P, Verdict)>) -> Decision {
        self.map_of(pairs).into()
    }

    /// The object that a map has for it, for [`counter_from`](crate::counter_from) and the like.
    fn objects(self, map: &SetRef<Self::Key>) -> Objects {
        Objects::named(&self.key(), map)
    }

    /// The object that a map of this rule has for it. Ranges cannot be keys of such a map.
    fn objects_of<P: Into<Pattern<Self::Key>>, N: Into<Name>>(
        self,
        pairs: impl IntoIterator<Item = (P, N)>,
    ) -> Objects {
        Objects::of(&self.key(), pairs.into_iter().map(|(p, name)| (p.into(), name.into())))
    }

    /// Adds it to a map, with a value: a constant or another field. An element that is there
    /// already keeps its value.
    ///
    /// ```
    /// use oxitables::{Family, Keyed, MapRef, Mark, ct, ip};
    /// use std::net::Ipv4Addr;
    /// let marks = MapRef::<Ipv4Addr, Mark>::new(Family::Inet, "host", "marks");
    /// let learn = oxitables::Action::from(ip::saddr().update_in_map(&marks, ct::mark()));
    /// assert_eq!(learn.to_string(), "update @marks { ip saddr : ct mark }");
    /// ```
    fn add_to_map<V: Typed + SetKey>(self, map: &MapRef<Self::Key, V>, value: impl Into<Source<V>>) -> Update {
        Update::new(self.key(), map, DynsetOp::Add).with_value(V::FIELD, value.into().raw)
    }

    /// Adds it to a map with a value, or gives it that value and restarts its timeout.
    fn update_in_map<V: Typed + SetKey>(self, map: &MapRef<Self::Key, V>, value: impl Into<Source<V>>) -> Update {
        Update::new(self.key(), map, DynsetOp::Update).with_value(V::FIELD, value.into().raw)
    }

    /// Adds it to a set; an element that is there already keeps its deadline.
    fn add_to(self, set: &SetRef<Self::Key>) -> Update {
        Update::new(self.key(), set, DynsetOp::Add)
    }

    /// Adds it to a set, or restarts the timeout of an element that is there already.
    fn update_in(self, set: &SetRef<Self::Key>) -> Update {
        Update::new(self.key(), set, DynsetOp::Update)
    }

    /// Removes it from a set; the rule goes on whether it was there or not. Since 5.4.
    fn delete_from(self, set: &SetRef<Self::Key>) -> Update {
        Update::new(self.key(), set, DynsetOp::Delete)
    }
}

impl<T: Typed + Key> Keyed for Selector<T> {
    type Key = T;
    fn chosen(self) -> Vec<Chosen> {
        vec![self.one()]
    }
}

impl<T: Typed + Key> Keyed for Settable<T> {
    type Key = T;
    fn chosen(self) -> Vec<Chosen> {
        vec![self.one()]
    }
}

// The same without the trait in scope, for the common case.
impl<T: Typed + Key> Selector<T> {
    /// The set has an element for it.
    pub fn is_in(self, set: &SetRef<T>) -> Match {
        Keyed::is_in(self, set)
    }

    /// The set has none.
    pub fn is_not_in(self, set: &SetRef<T>) -> Match {
        Keyed::is_not_in(self, set)
    }

    /// It is one of these: values, or ranges, or prefixes.
    pub fn is_any<P: Into<Pattern<T>>>(self, patterns: impl IntoIterator<Item = P>) -> Match {
        Keyed::is_any(self, patterns)
    }

    /// It is none of these.
    pub fn is_none_of<P: Into<Pattern<T>>>(self, patterns: impl IntoIterator<Item = P>) -> Match {
        Keyed::is_none_of(self, patterns)
    }

    /// The value that a map has for it; if it has none, the rule ends there.
    pub fn map<V: MapValue>(self, map: &MapRef<T, V>) -> Mapped<V> {
        Keyed::map(self, map)
    }

    /// The value that a map of this rule has for it.
    pub fn map_of<P: Into<Pattern<T>>, V: MapValue>(self, pairs: impl IntoIterator<Item = (P, V)>) -> Mapped<V> {
        Keyed::map_of(self, pairs)
    }

    /// The verdict that a map has for it; if it has none, the next rule decides.
    pub fn vmap(self, map: &MapRef<T, Verdict>) -> Decision {
        Keyed::vmap(self, map)
    }

    /// The verdict that a map of this rule has for it.
    pub fn vmap_of<P: Into<Pattern<T>>>(self, pairs: impl IntoIterator<Item = (P, Verdict)>) -> Decision {
        Keyed::vmap_of(self, pairs)
    }

    /// Adds it to a set; an element that is there already keeps its deadline.
    pub fn add_to(self, set: &SetRef<T>) -> Update {
        Keyed::add_to(self, set)
    }

    /// Adds it to a set, or restarts the timeout of an element that is there already.
    pub fn update_in(self, set: &SetRef<T>) -> Update {
        Keyed::update_in(self, set)
    }

    /// Removes it from a set; the rule goes on whether it was there or not. Since 5.4.
    pub fn delete_from(self, set: &SetRef<T>) -> Update {
        Keyed::delete_from(self, set)
    }
}

macro_rules! tuples {
    ($( ($($t:ident $n:tt),*) )*) => { $(
        impl<$($t: One),*> sealed::Sealed for ($($t,)*) {}
        impl<$($t: One),*> Keyed for ($($t,)*) {
            type Key = ($($t::Value,)*);
            fn chosen(self) -> Vec<Chosen> {
                vec![$(self.$n.one()),*]
            }
        }
    )* };
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
}

/// The value that a map has for a field, as the source of an assignment, a translation or a
/// verdict.
#[derive(Clone, Debug)]
pub struct Mapped<V> {
    pub(crate) value: Operand,
    kind: PhantomData<V>,
}

impl<V> Mapped<V> {
    pub(crate) fn new(value: Operand) -> Self {
        Self { value, kind: PhantomData }
    }
}

impl<V> fmt::Display for Mapped<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::expression(&self.value.get(None).tree))
    }
}

pub(crate) mod sealed {
    /// Keeps the traits of fields to this crate.
    pub trait Sealed {}
}
