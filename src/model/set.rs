use super::Table;
use crate::{
    data::{DataType, Family, Name, Userdata, UserdataCodec, Value},
    expr::{Expr, ExprList, ExprNest, ObjectType},
    wire::{Be32, Be64, Codec, DecodeError, List, Ms64, Nest, Text, Writer},
};
#[cfg(test)]
use proptest::prelude::*;
use std::time::Duration;

attributes! {
    /// A set or a map as the kernel holds it.
    ///
    /// To make one, use the typed [`Set`](crate::Set) and [`Map`](crate::Map); this is what they
    /// become, and what listings return.
    ///
    /// Kernel: `nf_tables_newset`, since 3.13.
    pub struct Set [
        /// Family of its table.
        family: Family
    ] {
        /// Name of its table.
        req table: Name = 1 "NFTA_SET_TABLE" as Text<255>,
        /// Name, unique in the table; the kernel replaces a `%d` in it by a number.
        req name: Name = 2 "NFTA_SET_NAME" as Text<255>,
        /// Number that the kernel gave it, unique in the table.
        out handle: u64 = 16 "NFTA_SET_HANDLE" as Be64,
        /// Flags.
        opt flags: SetFlags = 3 "NFTA_SET_FLAGS" as Be32,
        /// Type of the key, for user space.
        opt key_type: DataType = 4 "NFTA_SET_KEY_TYPE" as Be32,
        /// Bytes of the key.
        opt key_len: u32 = 5 "NFTA_SET_KEY_LEN" as Be32,
        /// Maps: type of the value, for user space; [`DataType::VERDICT`] for verdicts.
        opt data_type: DataType = 6 "NFTA_SET_DATA_TYPE" as Be32,
        /// Maps: bytes of the value.
        opt data_len: u32 = 7 "NFTA_SET_DATA_LEN" as Be32,
        /// Object maps: type of the objects. Since 4.10.
        opt object_type: ObjectType = 15 "NFTA_SET_OBJ_TYPE" as Be32,
        /// Life of elements that bring none of their own. Since 4.1.
        opt timeout: Duration = 11 "NFTA_SET_TIMEOUT" as Ms64,
        /// How often expired elements are collected. Since 4.1.
        opt gc_interval: Duration = 12 "NFTA_SET_GC_INTERVAL" as Ms32,
        /// What the kernel shall save. Since 3.16.
        opt policy: SetPolicy = 8 "NFTA_SET_POLICY" as Be32,
        /// Notes of user space.
        opt userdata: Userdata = 13 "NFTA_SET_USERDATA" as UserdataCodec,
        /// Size and fields. Since 3.16.
        opt desc: SetDesc = 9 "NFTA_SET_DESC" as Nest,
        /// The backend, as an address or a symbol. Since 6.16.
        out backend: Name = 19 "NFTA_SET_TYPE" as Text<255>,
        /// How many elements it has. Since 6.16.
        out count: u32 = 20 "NFTA_SET_COUNT" as Be32,
        /// Stateful expression of every element. Since 5.7.
        opt expr: Box<Expr> = 17 "NFTA_SET_EXPR" as ExprNest,
        /// Several of them; needs [`SetFlags::EXPR`]. Since 5.11.
        opt exprs: Vec<Expr> = 18 "NFTA_SET_EXPRESSIONS" as ExprList,
        /// Number for other messages of this batch to name it by; never reported.
        opt id: u32 = 10 "NFTA_SET_ID" as Be32,
    } pad 14 "NFTA_SET_PAD"
}

attributes! {
    /// Size and fields of a set.
    #[derive(Default)]
    pub struct SetDesc {
        /// The most elements it takes.
        opt size: u32 = 1 "NFTA_SET_DESC_SIZE" as Be32,
        /// The fields of a concatenation. Since 5.6.
        opt concat: Vec<SetField> = 2 "NFTA_SET_DESC_CONCAT" as List<Nest>,
    }
}

attributes! {
    /// One field of a concatenation.
    pub struct SetField {
        /// Bytes, without padding.
        req len: u32 = 1 "NFTA_SET_FIELD_LEN" as Be32,
    }
}

flags! {
    /// Flags of a [`Set`].
    pub struct SetFlags: u32 {
        /// Belongs to one rule and goes with it.
        ANONYMOUS = 1 "NFT_SET_ANONYMOUS",
        /// Does not change while it is in use.
        CONSTANT = 2 "NFT_SET_CONSTANT",
        /// Holds intervals.
        INTERVAL = 4 "NFT_SET_INTERVAL",
        /// Maps keys to values.
        MAP = 8 "NFT_SET_MAP",
        /// Elements may expire. Since 4.1.
        TIMEOUT = 16 "NFT_SET_TIMEOUT",
        /// Rules may change it (nft's `dynamic`). Since 4.1.
        EVAL = 32 "NFT_SET_EVAL",
        /// Maps keys to named objects. Since 4.10.
        OBJECT = 64 "NFT_SET_OBJECT",
        /// Intervals of concatenated fields. Since 5.6.
        CONCAT = 128 "NFT_SET_CONCAT",
        /// [`Set::exprs`] is used. Since 5.11.
        EXPR = 256 "NFT_SET_EXPR",
    }
}

numbers! {
    /// What the kernel shall save when it chooses how to keep a [`Set`].
    pub enum SetPolicy: u32 {
        /// Time.
        Performance = 0 "NFT_SET_POL_PERFORMANCE",
        /// Memory.
        Memory = 1 "NFT_SET_POL_MEMORY",
    }
}

/// A duration as 32-bit milliseconds in network order; zero means "not set".
#[derive(Debug)]
pub enum Ms32 {}

impl Codec<Duration> for Ms32 {
    fn put(value: &Duration, out: &mut Writer) {
        let ms = u32::try_from(value.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
        Be32::put(&ms, out);
    }
    fn get(payload: &[u8]) -> Result<Duration, DecodeError> {
        <Be32 as Codec<u32>>::get(payload).map(|ms| Duration::from_millis(ms.into()))
    }
    fn is_absent(value: &Duration) -> bool {
        value.is_zero()
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Duration> {
        any::<u32>().prop_map(|ms| Duration::from_millis(ms.into())).boxed()
    }
}

commented!(Set, 7);

impl Set {
    pub(crate) const KEY_BYTEORDER: u8 = 0;
    pub(crate) const DATA_BYTEORDER: u8 = 1;
    pub(crate) const MERGE_ELEMENTS: u8 = 2;
    pub(crate) const KEY_TYPEOF: u8 = 3;
    pub(crate) const DATA_TYPEOF: u8 = 4;
    pub(crate) const DATA_INTERVAL: u8 = 6;

    /// A number that nft left with it.
    pub(crate) fn note(&self, kind: u8) -> Option<u32> {
        Some(u32::from_ne_bytes(self.userdata.as_ref()?.entry(kind)?.try_into().ok()?))
    }

    /// Whether nft joins intervals that touch.
    pub(crate) fn merges(&self) -> bool {
        self.note(Self::MERGE_ELEMENTS).is_some_and(|note| note != 0)
    }

    /// Whether the values of the map are ranges.
    pub(crate) fn has_ranges(&self) -> bool {
        self.note(Self::DATA_INTERVAL).is_some_and(|note| note != 0)
    }

    /// The set `name` of `table`, whose keys are of this type and have this many bytes.
    pub fn new(table: &Table, name: impl Into<Name>, key_type: DataType, key_len: u32) -> Self {
        Self {
            key_type: Some(key_type),
            key_len: Some(key_len),
            ..Self::required(table.family, table.name.clone(), name.into())
        }
    }

    /// Sets flags.
    pub fn with_flags(mut self, flags: SetFlags) -> Self {
        self.flags = Some(flags);
        self
    }

    /// Sets the most elements that it takes.
    pub fn with_size(mut self, size: u32) -> Self {
        self.desc.get_or_insert_default().size = Some(size);
        self
    }

    /// Describes the fields of its keys by their bytes, without padding.
    pub fn with_fields(mut self, lengths: impl IntoIterator<Item = u32>) -> Self {
        self.desc.get_or_insert_default().concat = Some(lengths.into_iter().map(SetField::required).collect());
        self
    }

    /// Makes it a map to values of this type and of this many bytes.
    pub fn with_data(mut self, data_type: DataType, data_len: u32) -> Self {
        self.flags = Some(self.flags() | SetFlags::MAP);
        (self.data_type, self.data_len) = (Some(data_type), Some(data_len));
        self
    }

    /// Makes it a map to named objects of a type.
    pub fn with_objects(mut self, kind: ObjectType) -> Self {
        self.flags = Some(self.flags() | SetFlags::OBJECT);
        self.object_type = Some(kind);
        self
    }

    /// Flags, none if there are none.
    pub fn flags(&self) -> SetFlags {
        self.flags.unwrap_or_default()
    }

    /// Whether elements of this set are written as a start and an excluded end
    /// (`NFT_SET_ELEM_INTERVAL_END`).
    pub fn is_interval(&self) -> bool {
        self.flags().contains(SetFlags::INTERVAL) && !self.flags().contains(SetFlags::CONCAT)
    }

    /// The most elements it takes, if that is limited.
    pub fn size(&self) -> Option<u32> {
        self.desc.as_ref()?.size
    }

    /// The stateful expressions of every element.
    pub fn element_exprs(&self) -> &[Expr] {
        match (&self.exprs, &self.expr) {
            (Some(many), _) => many,
            (None, Some(one)) => std::slice::from_ref(one),
            (None, None) => &[],
        }
    }

    /// Where the fields of its keys are, if these are concatenated.
    pub(crate) fn fields(&self) -> Vec<std::ops::Range<usize>> {
        let mut at = 0;
        let lens = self.desc.iter().filter_map(|desc| desc.concat.as_ref()).flatten().map(|field| field.len as usize);
        lens.map(|len| {
            let field = at..at + len;
            at += len.next_multiple_of(4);
            field
        })
        .collect()
    }

    /// Whether two intervals of concatenated fields have keys in common.
    pub(crate) fn shares(&self, one: (&Value, &Value), other: (&Value, &Value)) -> bool {
        self.fields().into_iter().all(|field| {
            let of = |value: &Value| value.get(field.clone()).unwrap_or_default().to_vec();
            of(one.0) <= of(other.1) && of(other.0) <= of(one.1)
        })
    }
}
