use crate::{
    data::{Data, Name, Userdata, UserdataCodec, Value},
    expr::{Counter, Expr, ExprList, ExprNest},
    wire::{Be32, Codec, DecodeError, Ms64, Nest, Scope, Spec, Text, Writer},
};
use std::time::Duration;

attributes! {
    /// A set element as the kernel holds it.
    ///
    /// In an interval set of one field, an interval is two elements: its start, and the first value
    /// after it with [`ElementFlags::INTERVAL_END`]. The typed layer and
    /// [`Client::elements`](crate::Client::elements) join them.
    ///
    /// Kernel: `nft_add_set_elem`, since 3.13.
    #[derive(Default)]
    pub struct Element {
        /// The key; absent for the catch-all element.
        opt key: Value = 1 "NFTA_SET_ELEM_KEY" as Nest,
        /// Upper end of an interval of concatenated fields. Since 5.6.
        opt key_end: Value = 10 "NFTA_SET_ELEM_KEY_END" as Nest,
        /// Maps: the value.
        opt data: Data = 2 "NFTA_SET_ELEM_DATA" as Nest,
        /// Stateful expression.
        opt expr: Box<Expr> = 7 "NFTA_SET_ELEM_EXPR" as ExprNest,
        /// Several of them. Since 5.11.
        opt exprs: Vec<Expr> = 11 "NFTA_SET_ELEM_EXPRESSIONS" as ExprList,
        /// Object maps: name of the object. Since 4.10.
        opt object: Name = 9 "NFTA_SET_ELEM_OBJREF" as Text<255>,
        /// Flags.
        opt flags: ElementFlags = 3 "NFTA_SET_ELEM_FLAGS" as Be32,
        /// Life; that of the set if `None`, for ever if zero. Since 4.1.
        opt timeout: Duration = 4 "NFTA_SET_ELEM_TIMEOUT" as Timeout,
        /// What is left of it. Since 4.1.
        opt expiration: Duration = 5 "NFTA_SET_ELEM_EXPIRATION" as Ms64,
        /// Notes of user space. Since 4.1.
        opt userdata: Userdata = 6 "NFTA_SET_ELEM_USERDATA" as UserdataCodec<254>,
    } pad 8 "NFTA_SET_ELEM_PAD"
}

flags! {
    /// Flags of an [`Element`].
    pub struct ElementFlags: u32 {
        /// The first value after an interval.
        INTERVAL_END = 1 "NFT_SET_ELEM_INTERVAL_END",
        /// Stands for every key that has no element. Since 5.13.
        CATCHALL = 2 "NFT_SET_ELEM_CATCHALL",
    }
}

/// Milliseconds where zero is a value: an element that never expires.
#[derive(Debug)]
pub enum Timeout {}

impl Codec<Duration> for Timeout {
    fn put(value: &Duration, out: &mut Writer) {
        Ms64::put(value, out);
    }
    fn get(payload: &[u8]) -> Result<Duration, DecodeError> {
        Ms64::get(payload)
    }
    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Duration> {
        Ms64::any()
    }
}

/// A list of elements, as its messages carry it.
pub(crate) const LIST: &[Spec] = &[
    Spec { number: 1, name: "NFTA_SET_ELEM_LIST_TABLE", field: "table", scope: Scope::Leaf },
    Spec { number: 2, name: "NFTA_SET_ELEM_LIST_SET", field: "set", scope: Scope::Leaf },
    Spec {
        number: 3,
        name: "NFTA_SET_ELEM_LIST_ELEMENTS",
        field: "elements",
        scope: Scope::List(&Scope::Table(Element::TABLE)),
    },
    Spec { number: 4, name: "NFTA_SET_ELEM_LIST_SET_ID", field: "set_id", scope: Scope::Leaf },
];

commented!(Element, 0);

impl Element {
    pub(crate) const KEY: u16 = Self::TABLE[0].number;
    pub(crate) const FLAGS: u16 = Self::TABLE[6].number;
    pub(crate) const TIMEOUT: u16 = Self::TABLE[7].number;
    /// An element with a key.
    #[inline]
    pub fn new(key: Value) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// The element for every key that has no other. Since 5.13.
    pub fn catch_all() -> Self {
        Self { flags: Some(ElementFlags::CATCHALL), ..Self::default() }
    }

    /// Whether it only marks the end of an interval.
    pub fn is_interval_end(&self) -> bool {
        self.flags.unwrap_or_default().contains(ElementFlags::INTERVAL_END)
    }

    /// The counter of the element: packets and bytes so far, in an element that was listed.
    pub fn counter(&self) -> Option<&Counter> {
        self.exprs.iter().flatten().chain(self.expr.as_deref()).find_map(Expr::as_counter)
    }

    /// Whether it stands for every key that has no other.
    pub fn is_catch_all(&self) -> bool {
        self.flags.unwrap_or_default().contains(ElementFlags::CATCHALL)
    }
}
