//! Selectors: fields with the type of their values. The builders of rules begin with them.

use super::{
    field::{Field, IpVersion, Load, Param},
    header::Tunnel,
    tree::Expression,
};
use crate::{
    data::{FieldType, Typed, Value, image},
    expr::NumgenType,
};
use std::{marker::PhantomData, ops::Deref};

/// A field, the bits of it that count, and the type of its values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected {
    pub field: Field,
    pub mask: Option<Value>,
    pub ty: FieldType,
    pub dual: bool,
}

impl Selected {
    /// The part in one family.
    pub fn resolve(self, version: Option<IpVersion>) -> Self {
        let (field, ty) = self.field.resolve(version);
        let ty = ty.unwrap_or(self.ty);
        let mask = self.mask.map(|mask| match (mask.len(), ty.width()) {
            // Masks of both families, one after the other.
            (20, 4) => image(&mask[..4]),
            (20, 16) => image(&mask[4..]),
            _ => mask,
        });
        Self { field, ty, mask, ..self }
    }

    /// The field, or the bits of it that count.
    pub fn expression(&self) -> Expression {
        let field = match (self.field.load(), self.field.param) {
            (Load::Numgen(kind), Param::Modulo(modulus, offset)) => {
                Expression::Numgen { random: kind == NumgenType::Random, modulus, offset }
            }
            (Load::Symhash, Param::Modulo(modulus, offset)) => {
                Expression::Hash { of: None, modulus, seed: None, offset }
            }
            _ => Expression::Field(self.field),
        };
        match &self.mask {
            Some(mask) => field.masked(self.ty, mask),
            None => field,
        }
    }
}

/// A field of a packet, or what the kernel knows of it, with values of type `T`.
///
/// ```
/// use oxitables::{data::TcpFlags, ip, meta, tcp};
/// use std::net::Ipv4Addr;
/// assert_eq!(tcp::dport().is(22).to_string(), "tcp dport 22");
/// assert_eq!(tcp::dport().is_not(1024..=65535).to_string(), "tcp dport != 1024-65535");
/// assert_eq!(meta::length().gt(1000).to_string(), "meta length > 1000");
/// assert_eq!(tcp::flags().none(TcpFlags::SYN | TcpFlags::ACK).to_string(), "tcp flags ! syn,ack");
/// let host = Ipv4Addr::new(0, 0, 0, 255);
/// assert_eq!(ip::saddr().masked(host).is([0, 0, 0, 1]).to_string(), "ip saddr & 0.0.0.255 == 0.0.0.1");
/// ```
///
/// The type keeps apart what does not belong together:
///
/// ```compile_fail
/// # use oxitables::{tcp, ip};
/// tcp::dport().is(std::net::Ipv4Addr::LOCALHOST);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Selector<T> {
    pub(crate) part: Selected,
    pub(crate) kind: PhantomData<T>,
}

impl<T: Typed> Selector<T> {
    pub(crate) fn new(field: Field) -> Self {
        let FieldType { datatype, info, .. } = field.ty();
        let ty = FieldType { datatype, info, ..T::FIELD };
        Self { part: Selected { field, mask: None, ty, dual: T::DUAL }, kind: PhantomData }
    }

    pub(crate) fn part_mut(&mut self) -> &mut Selected {
        &mut self.part
    }

    /// The field of a header inside of a tunnel.
    pub(crate) fn inside(mut self, tunnel: Tunnel) -> Self {
        self.part.field.param = Param::Inside(tunnel, 0);
        self
    }
}

/// A [`Selector`] of a field that rules can also set.
#[derive(Clone, Copy, Debug)]
pub struct Settable<T>(pub(crate) Selector<T>);

impl<T: Typed> Settable<T> {
    pub(crate) fn new(field: Field) -> Self {
        Self(Selector::new(field))
    }
}

impl<T> Deref for Settable<T> {
    type Target = Selector<T>;
    fn deref(&self) -> &Selector<T> {
        &self.0
    }
}

impl<T: Typed> From<Settable<T>> for Selector<T> {
    fn from(field: Settable<T>) -> Self {
        field.0
    }
}

/// Something that rules can set but not read.
#[derive(Clone, Copy, Debug)]
pub struct Target<T>(pub(crate) Settable<T>);

impl<T: Typed> Target<T> {
    pub(crate) fn new(field: Field) -> Self {
        Self(Settable::new(field))
    }
}

/// Makes a TCP option be nothing, by filling its place; from the functions `reset` in
/// [`tcp::option`](crate::tcp::option).
///
/// ```
/// use oxitables::{Rule, tcp};
/// let rule = Rule::new().then(tcp::option::sack_perm::reset());
/// assert_eq!(rule.to_string(), "reset tcp option sack-perm");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reset(pub(crate) Field);
