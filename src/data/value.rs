use super::Verdict;
use crate::wire::{DecodeError, Malformed, Scope, Spec, Step, Table, Writer, attrs};
#[cfg(test)]
use proptest::prelude::*;
use std::fmt;

/// Register content: up to 64 bytes, which is all the registers there are.
///
/// Packet fields are in network order, what comes from meta and ct in the machine's order.
///
/// ```
/// # use oxitables::data::Value;
/// let port = Value::new(&22u16.to_be_bytes()).unwrap();
/// assert_eq!(*port, [0, 22]);
/// ```
#[derive(Clone, Copy)]
pub struct Value {
    len: u8,
    bytes: [u8; Self::MAX],
}

impl Value {
    /// `NFT_DATA_VALUE_MAXLEN`.
    #[doc(alias = "NFT_DATA_VALUE_MAXLEN")]
    pub const MAX: usize = 64;

    /// The bytes as a value; `None` if they are more than [`Value::MAX`].
    #[inline]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut value = Self::default();
        value.append(bytes)?;
        Some(value)
    }

    /// Appends a field; in a concatenation each starts at a multiple of four bytes.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Option<()> {
        let (start, end) = (self.len(), self.len() + bytes.len());
        self.bytes.get_mut(start..end)?.copy_from_slice(bytes);
        self.len = end as u8;
        Some(())
    }

    /// Turns the order of the bytes round.
    pub(crate) fn reverse(&mut self) {
        self.bytes[..usize::from(self.len)].reverse();
    }

    /// The next value of this width; `None` after the highest.
    #[inline]
    pub(crate) fn after(mut self) -> Option<Self> {
        self.bytes[..usize::from(self.len)].iter_mut().rev().find_map(|byte| {
            *byte = byte.wrapping_add(1);
            (*byte != 0).then_some(())
        })?;
        Some(self)
    }

    /// The highest value of this width.
    pub(crate) fn highest(&self) -> Self {
        let mut highest = *self;
        highest.bytes[..usize::from(self.len)].fill(0xff);
        highest
    }

    /// The value before it of this width; `None` before the lowest.
    #[inline]
    pub(crate) fn before(mut self) -> Option<Self> {
        self.bytes[..usize::from(self.len)].iter_mut().rev().find_map(|byte| {
            *byte = byte.wrapping_sub(1);
            (*byte != 0xff).then_some(())
        })?;
        Some(self)
    }

    fn read(payload: &[u8]) -> Result<Self, DecodeError> {
        Self::new(payload).ok_or_else(|| {
            DecodeError::from(Malformed::TooLong { got: payload.len(), most: Self::MAX }).within(Step::Field("value"))
        })
    }

    /// Pads with zeros up to the next multiple of four bytes.
    pub(crate) fn align(&mut self) {
        self.len = self.len.next_multiple_of(4);
    }
}

impl Default for Value {
    #[inline]
    fn default() -> Self {
        Self { len: 0, bytes: [0; Self::MAX] }
    }
}

impl std::ops::Deref for Value {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Value {}

impl std::hash::Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// What an immediate loads, or a map maps to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Register content.
    Value(Value),
    /// A verdict.
    Verdict(Verdict),
}

const VALUE: u16 = Data::VALUE;
const VERDICT: u16 = 2;

impl Data {
    pub(crate) const VALUE: u16 = 1;
    /// The attributes of a data nest.
    pub const TABLE: &'static [Spec] = &[
        Spec { number: VALUE, name: "NFTA_DATA_VALUE", field: "value", scope: Scope::Leaf },
        Spec { number: VERDICT, name: "NFTA_DATA_VERDICT", field: "verdict", scope: Scope::Table(Verdict::TABLE) },
    ];
}

// The nest is a choice of two, not a struct, so its table is written out.
impl Table for Data {
    const TABLE: &'static [Spec] = Self::TABLE;
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Value(value) => value.encode(out),
            Self::Verdict(verdict) => out.nest(VERDICT, "verdict", |out| verdict.encode(out)),
        }
    }
    fn decode(buf: &[u8]) -> Result<Self, DecodeError> {
        let mut data = None;
        for attr in attrs(buf) {
            let attr = attr?;
            data = Some(match attr.kind {
                VALUE => Self::Value(Value::read(attr.payload)?),
                VERDICT => Self::Verdict(Verdict::decode(attr.payload).map_err(|e| e.within(Step::Field("verdict")))?),
                _ => return Err(Malformed::Missing.into()),
            });
        }
        data.ok_or_else(|| Malformed::Missing.into())
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Self> {
        prop_oneof![<Value as Table>::any().prop_map(Self::Value), Verdict::any().prop_map(Self::Verdict)].boxed()
    }
}

impl Table for Value {
    const TABLE: &'static [Spec] = Data::TABLE;
    #[inline]
    fn encode(&self, out: &mut Writer) {
        out.leaf(VALUE, "value", self);
    }
    fn decode(buf: &[u8]) -> Result<Self, DecodeError> {
        let mut value = None;
        for attr in attrs(buf) {
            let attr = attr?;
            match attr.kind {
                VALUE => value = Some(Self::read(attr.payload)?),
                _ => return Err(Malformed::Missing.into()),
            }
        }
        value.ok_or_else(|| Malformed::Missing.into())
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Self> {
        prop::collection::vec(any::<u8>(), 1..=Self::MAX).prop_map(|b| Self::new(&b).unwrap()).boxed()
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl From<Verdict> for Data {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}
