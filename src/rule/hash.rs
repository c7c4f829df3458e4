//! Numbers that are made for a packet: counted, random, hashed.

use super::{
    Decision, Keyed, Mapped, One,
    assign::{RawSource, Source},
    condition::Match,
    lookup::{KeyOf, value_expression, values_of},
    select::{Chosen, sealed},
    statement::{ByVersion, Operand, Piece},
};
use crate::{
    data::{Mark, Typed, Verdict},
    lang::{
        field::{Field, IpVersion, Param},
        fields::{self, HASH},
        selector::{Selected, Selector},
        tree::{Expression, Op},
    },
    print,
    set::{MapRef, key::MapValue, pattern::Pattern},
};
use std::{fmt, ops::Deref};

/// A number for each packet, below a modulus; it reads like a field.
///
/// ```
/// use oxitables::{Mark, Rule, data::Verdict, meta, numgen, symhash};
/// let spread = Rule::new().then(meta::mark().set(numgen(4).offset(100)));
/// assert_eq!(spread.to_string(), "meta mark set numgen inc mod 4 offset 100");
/// let some = Rule::new().when(numgen(10).random().lt(3)).drop();
/// assert_eq!(some.to_string(), "numgen random mod 10 < 3 drop");
/// let both = Rule::new().verdict(symhash(2).vmap_of([(0, Verdict::accept()), (1, Verdict::drop())]));
/// assert_eq!(both.to_string(), "symhash mod 2 vmap { 0 : accept, 1 : drop }");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Generator(Selector<u32>);

/// 0, 1, 2, … and again, below `modulus`: packet by packet. See [`Generator`].
pub fn numgen(modulus: u32) -> Generator {
    Generator(Selector::new(Field::with(&fields::numgen::inc, Param::Modulo(modulus, 0))))
}

/// A hash of addresses, ports and protocol that is the same both ways of a connection, below
/// `modulus`. Since 4.12. See [`Generator`].
pub fn symhash(modulus: u32) -> Generator {
    Generator(Selector::new(Field::with(&fields::symhash_rows::symhash, Param::Modulo(modulus, 0))))
}

impl Generator {
    /// At random instead of one after the other.
    pub fn random(mut self) -> Self {
        let field = &mut self.0.part_mut().field;
        if field.spec == &fields::numgen::inc {
            field.spec = &fields::numgen::random;
        }
        self
    }

    /// The first number is this one instead of 0.
    pub fn offset(mut self, offset: u32) -> Self {
        if let Param::Modulo(_, own) = &mut self.0.part_mut().field.param {
            *own = offset;
        }
        self
    }

    pub(super) fn part(self) -> Selected {
        One::one(self.0).0
    }
}

impl Deref for Generator {
    type Target = Selector<u32>;
    fn deref(&self) -> &Selector<u32> {
        &self.0
    }
}

impl From<Generator> for Source<Mark> {
    fn from(generator: Generator) -> Self {
        Self::new(RawSource::Operand(generator.part().operand()))
    }
}

impl sealed::Sealed for Generator {}

impl One for Generator {
    type Value = u32;
    fn one(self) -> Chosen {
        Chosen(self.part())
    }
}

impl Keyed for Generator {
    type Key = u32;
    fn chosen(self) -> Vec<Chosen> {
        vec![self.one()]
    }
}

/// Fields that are hashed.
#[derive(Clone, Debug)]
pub(crate) struct Hash {
    parts: Vec<Selected>,
    modulus: u32,
    seed: Option<u32>,
    offset: u32,
}

impl Hash {
    pub fn is_dual(&self) -> bool {
        self.parts.iter().any(|part| part.dual)
    }

    pub fn expression(&self, version: Option<IpVersion>) -> Expression {
        let parts = Expression::concat(self.parts.iter().map(|part| part.resolve(version).expression()));
        Expression::Hash { of: Some(parts.into()), modulus: self.modulus, seed: self.seed, offset: self.offset }
    }

    /// The number, where it is compared.
    pub fn part() -> Selected {
        Selected { field: HASH, mask: None, ty: HASH.ty(), dual: <u32 as Typed>::DUAL }
    }
}

/// The number that fields hash to.
///
/// ```
/// use oxitables::{Rule, ip, jhash, meta, tcp};
/// use std::net::Ipv4Addr;
/// let mark = Rule::new().then(meta::mark().set(jhash((ip::saddr(), tcp::dport()), 8).seed(7)));
/// assert_eq!(mark.to_string(), "meta mark set jhash ip saddr . tcp dport mod 8 seed 0x7");
/// let servers = [(0, Ipv4Addr::new(192, 0, 2, 1)), (1, Ipv4Addr::new(192, 0, 2, 2))];
/// let balance = Rule::new().dnat(jhash(ip::saddr(), 2).map_of(servers));
/// assert_eq!(balance.to_string(), "dnat ip to jhash ip saddr mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 }");
/// ```
#[derive(Clone, Debug)]
pub struct Hashed(Hash);

/// A hash of a field, or of a tuple of them, below `modulus`. See [`Hashed`].
pub fn jhash(fields: impl Keyed, modulus: u32) -> Hashed {
    let parts = fields.chosen().into_iter().map(|chosen| chosen.0).collect();
    Hashed(Hash { parts, modulus, seed: None, offset: 0 })
}

impl Hashed {
    /// Hashes with this number; with a random one if not given.
    pub fn seed(mut self, seed: u32) -> Self {
        self.0.seed = Some(seed);
        self
    }

    /// The first number is this one instead of 0.
    pub fn offset(mut self, offset: u32) -> Self {
        self.0.offset = offset;
        self
    }

    /// It is this number, or in this range.
    pub fn is(self, pattern: impl Into<Pattern<u32>>) -> Match {
        Match::compare_hash(&self.0, Op::Eq, &pattern.into().raw)
    }

    /// It is not.
    pub fn is_not(self, pattern: impl Into<Pattern<u32>>) -> Match {
        Match::compare_hash(&self.0, Op::Ne, &pattern.into().raw)
    }

    /// The value that a map has for it; if it has none, the rule ends there.
    pub fn map<V: MapValue>(self, map: &MapRef<u32, V>) -> Mapped<V> {
        Mapped::new(KeyOf::from(self.0).in_named(map, Some(values_of::<V>())).value())
    }

    /// The value that a map of this rule has for it.
    pub fn map_of<P: Into<Pattern<u32>>, V: MapValue>(self, pairs: impl IntoIterator<Item = (P, V)>) -> Mapped<V> {
        let pairs = pairs.into_iter().map(|(p, v)| (p.into().raw, Some(value_expression(&v))));
        Mapped::new(KeyOf::from(self.0).in_items(pairs).value())
    }

    /// The verdict that a map of this rule has for it.
    pub fn vmap_of<P: Into<Pattern<u32>>>(self, pairs: impl IntoIterator<Item = (P, Verdict)>) -> Decision {
        self.map_of(pairs).into()
    }

    pub(super) fn operand(&self) -> Operand {
        ByVersion::new(self.0.is_dual(), |version| Piece::new(self.0.expression(version)))
    }
}

impl From<Hashed> for Source<Mark> {
    fn from(hashed: Hashed) -> Self {
        Self::new(RawSource::Operand(hashed.operand()))
    }
}

impl fmt::Display for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print::expression(&self.0.expression(None)))
    }
}
