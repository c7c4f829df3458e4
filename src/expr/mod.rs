//! The kernel's expressions: what a rule is made of.
//!
//! nf_tables runs a small register machine: a rule is a list of [`Expr`]s that load packet fields
//! into registers, compare them, look them up, act. One file here is one expression, and its table
//! is all there is to know about it. What this version does not know is kept as [`Expr::Unknown`],
//! byte for byte.
//!
//! ```
//! use oxitables::{data::*, expr::*};
//!
//! // tcp dport 22 accept
//! let rule = [
//!     Expr::from(Meta::load(MetaKey::L4proto, Register::R1)),
//!     Cmp::new(Register::R1, CmpOp::Eq, Value::new(&[6]).unwrap()).into(),
//!     Payload::load(PayloadBase::Transport, 2, 2, Register::R1).into(),
//!     Cmp::new(Register::R1, CmpOp::Eq, Value::new(&22u16.to_be_bytes()).unwrap()).into(),
//!     Immediate::new(Register::VERDICT, Verdict::accept()).into(),
//! ];
//! assert_eq!(rule[2].name(), "payload");
//! ```

mod bitwise;
mod byteorder;
mod cmp;
mod compat;
mod connlimit;
mod counter;
mod ct;
mod dup;
mod dynset;
mod exthdr;
mod fib;
mod flow_offload;
mod fwd;
mod hash;
mod immediate;
mod inner;
mod last;
mod limit;
mod log;
mod lookup;
mod masq;
mod meta;
mod nat;
mod notrack;
mod numgen;
mod objref;
mod osf;
mod payload;
mod queue;
mod quota;
mod range;
mod redir;
mod reject;
mod rt;
mod socket;
mod synproxy;
mod tproxy;
mod tunnel;
mod xfrm;

pub use bitwise::{Bitwise, BitwiseOp};
pub use byteorder::{Byteorder, ByteorderOp};
pub use cmp::{Cmp, CmpOp};
pub use compat::{XtMatch, XtTarget};
pub use connlimit::{Connlimit, ConnlimitFlags};
pub use counter::Counter;
pub use ct::{Ct, CtKey};
pub use dup::Dup;
pub use dynset::{Dynset, DynsetFlags, DynsetOp};
pub use exthdr::{Exthdr, ExthdrFlags, ExthdrOp};
pub use fib::{Fib, FibFlags, FibResult};
pub use flow_offload::FlowOffload;
pub use fwd::Fwd;
pub use hash::{Hash, HashType};
pub use immediate::Immediate;
pub use inner::{Inner, InnerFlags, InnerType};
pub use last::Last;
pub use limit::{Limit, LimitFlags, LimitType};
pub use log::{Log, LogFlags, LogLevel};
pub use lookup::{Lookup, LookupFlags};
pub use masq::Masq;
pub use meta::{Meta, MetaKey};
pub use nat::{Nat, NatFlags, NatType};
pub use notrack::Notrack;
pub use numgen::{Numgen, NumgenType};
pub use objref::{ObjectType, Objref};
pub use osf::{Osf, OsfFlags, OsfTtl};
pub use payload::{ChecksumFlags, ChecksumType, Payload, PayloadBase};
pub use queue::{Queue, QueueFlags};
pub use quota::{Quota, QuotaFlags};
pub use range::{Range, RangeOp};
pub use redir::Redir;
pub use reject::{Reject, RejectType};
pub use rt::{Rt, RtKey};
pub use socket::{Socket, SocketKey};
pub use synproxy::{Synproxy, SynproxyFlags};
pub use tproxy::Tproxy;
pub use tunnel::{Tunnel, TunnelKey, TunnelMode};
pub use xfrm::{Xfrm, XfrmDirection, XfrmKey};

use crate::data::Name;
use crate::wire::{Choice, Codec, DecodeError, Form, Named, Scope, Spec, Table, Writer, aligned, attrs};
#[cfg(test)]
use proptest::prelude::*;
use std::borrow::Cow;

/// Large expressions are held in a box: rules are lists of expressions, and all take the room of
/// the largest.
macro_rules! expressions {
    ( $( $(#[$m:meta])* $name:literal => $variant:ident($held:ty), )* ) => {
        /// One nf_tables expression.
        #[non_exhaustive]
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub enum Expr {
            $( $(#[$m])* $variant($held), )*
            /// An expression that this version has no type for, or that does not decode; kept byte
            /// for byte.
            Unknown(UnknownExpr),
        }

        $( impl From<$variant> for Expr {
            fn from(e: $variant) -> Self {
                Self::$variant(e.into())
            }
        } )*

        impl Expr {
            /// Every expression that has a type here: the kernel's name and the attributes.
            pub const TABLES: &'static [(&'static str, &'static [Spec])] = &[$( ($name, $variant::TABLE), )*];

            /// The name the kernel knows it by.
            pub fn name(&self) -> Cow<'_, str> {
                match self {
                    $( Self::$variant(_) => Cow::Borrowed($name), )*
                    Self::Unknown(e) => e.name(),
                }
            }

            /// Whether it is more than this crate knows of.
            pub(crate) fn has_unknown(&self) -> bool {
                match self {
                    $( Self::$variant(e) => !e.unknown.is_empty(), )*
                    Self::Unknown(_) => true,
                }
            }

            fn encode(&self, out: &mut Writer) {
                if out.form() == Form::Request && let Some(other) = self.taken_back() {
                    return other.encode(out);
                }
                match self {
                    $( Self::$variant(e) => {
                        const NAME: [u8; aligned($name.len() + 5)] = Expr::name_attr($name);
                        out.bytes(&NAME);
                        // An expression without attributes (notrack) has no nest for them either.
                        if !$variant::TABLE.is_empty() {
                            out.nest(Self::DATA, $name, |out| e.encode(out));
                        }
                    } )*
                    Self::Unknown(e) => out.bytes(&e.raw),
                }
            }

            fn typed(name: &[u8], data: &[u8]) -> Option<Self> {
                $( if name == $name.as_bytes() {
                    return $variant::decode(data).ok().map(Self::from);
                } )*
                None
            }

            /// Any expression, except those that hold expressions themselves.
            #[cfg(test)]
            pub(crate) fn any_of(name: &str) -> BoxedStrategy<Self> {
                match name {
                    $( $name => $variant::any().prop_map(Self::from).boxed(), )*
                    _ => unreachable!(),
                }
            }
        }
    };
}

expressions! {
    /// Bit operations on registers.
    "bitwise" => Bitwise(Box<Bitwise>),
    /// Byte order conversion.
    "byteorder" => Byteorder(Byteorder),
    /// Comparison with a constant.
    "cmp" => Cmp(Cmp),
    /// Number of open connections.
    "connlimit" => Connlimit(Connlimit),
    /// Packet and byte counter.
    "counter" => Counter(Counter),
    /// Connection tracking: read or set.
    "ct" => Ct(Ct),
    /// Copy of the packet to somewhere.
    "dup" => Dup(Dup),
    /// Set update from the packet path.
    "dynset" => Dynset(Box<Dynset>),
    /// Extension headers and options: load, write, remove.
    "exthdr" => Exthdr(Exthdr),
    /// Routing table lookup.
    "fib" => Fib(Fib),
    /// Connection into a flowtable.
    "flow_offload" => FlowOffload(FlowOffload),
    /// Out of another device.
    "fwd" => Fwd(Fwd),
    /// Number from packet fields.
    "hash" => Hash(Hash),
    /// Constant or verdict into a register.
    "immediate" => Immediate(Immediate),
    /// Load from inside a tunnel.
    "inner" => Inner(Inner),
    /// When the last packet came.
    "last" => Last(Last),
    /// Token bucket.
    "limit" => Limit(Limit),
    /// Log message.
    "log" => Log(Log),
    /// Set membership, map value.
    "lookup" => Lookup(Lookup),
    /// Source NAT to the address of the outgoing interface.
    "masq" => Masq(Masq),
    /// Match of iptables.
    "match" => XtMatch(XtMatch),
    /// Packet metadata: read or set.
    "meta" => Meta(Meta),
    /// Address translation.
    "nat" => Nat(Nat),
    /// No connection tracking for this packet.
    "notrack" => Notrack(Notrack),
    /// Number that counts or is random.
    "numgen" => Numgen(Numgen),
    /// Use of a named object.
    "objref" => Objref(Objref),
    /// Operating system of the sender.
    "osf" => Osf(Osf),
    /// Packet bytes: load or store.
    "payload" => Payload(Payload),
    /// Decision of a program.
    "queue" => Queue(Queue),
    /// Byte quota.
    "quota" => Quota(Quota),
    /// Comparison with an interval.
    "range" => Range(Box<Range>),
    /// Destination NAT to this host.
    "redir" => Redir(Redir),
    /// Refusal with an answer to the sender.
    "reject" => Reject(Reject),
    /// Routing data of the packet.
    "rt" => Rt(Rt),
    /// Local socket of the packet.
    "socket" => Socket(Socket),
    /// Answer to TCP SYN packets.
    "synproxy" => Synproxy(Synproxy),
    /// Target of iptables.
    "target" => XtTarget(XtTarget),
    /// Transparent socket of this host.
    "tproxy" => Tproxy(Tproxy),
    /// Tunnel of the packet.
    "tunnel" => Tunnel(Tunnel),
    /// IPsec state of the packet.
    "xfrm" => Xfrm(Xfrm),
}

/// An expression kept as it came.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UnknownExpr {
    /// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA` and whatever else there is.
    raw: Vec<u8>,
}

impl UnknownExpr {
    /// The name the kernel knows it by; empty if it has none.
    pub fn name(&self) -> Cow<'_, str> {
        Expr::parts(&self.raw).map_or(Cow::Borrowed(""), |(name, _)| String::from_utf8_lossy(name))
    }

    /// Its attributes, undecoded.
    pub fn data(&self) -> &[u8] {
        Expr::parts(&self.raw).map_or(&[], |(_, data)| data)
    }
}

impl Expr {
    /// The counter, if it is one.
    pub(crate) fn as_counter(&self) -> Option<&Counter> {
        if let Self::Counter(counter) = self { Some(counter) } else { None }
    }

    const NAME: u16 = 1;
    const DATA: u16 = 2;

    /// The attributes of the nest that an expression stands in.
    pub const TABLE: &'static [Spec] = &[
        Spec { number: Self::NAME, name: "NFTA_EXPR_NAME", field: "name", scope: Scope::Leaf },
        Spec { number: Self::DATA, name: "NFTA_EXPR_DATA", field: "data", scope: Scope::Leaf },
    ];
    /// `NFTA_EXPR_NAME` of an expression.
    const fn name_attr<const N: usize>(name: &str) -> [u8; N] {
        let mut attr = [0; N];
        [attr[0], attr[1]] = (name.len() as u16 + 5).to_ne_bytes();
        [attr[2], attr[3]] = Self::NAME.to_ne_bytes();
        let (_, text) = attr.split_at_mut(4);
        text.split_at_mut(name.len()).0.copy_from_slice(name.as_bytes());
        attr
    }

    const SCOPE: Scope = Scope::Choice(&Choice { data: Self::DATA, peek: Self::peek });

    /// Its bytes as the kernel reports them: `NFTA_EXPR_NAME` and `NFTA_EXPR_DATA`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(Form::Exact);
        self.encode(&mut out);
        out.into_parts().0
    }

    /// The expression that has these bytes; [`Expr::Unknown`] if they do not decode.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::decode(bytes, false)
    }

    /// Whether it keeps a state: only such may stand with the elements of a set, in the packet path
    /// or by name.
    pub fn is_stateful(&self) -> bool {
        matches!(self, Self::Connlimit(_) | Self::Counter(_) | Self::Last(_) | Self::Limit(_) | Self::Quota(_))
    }

    /// What is sent instead of one that the kernel reports and does not take back so.
    fn taken_back(&self) -> Option<Self> {
        match self {
            Self::Dynset(e) => e.taken_back().map(Self::from),
            Self::Exthdr(e) => e.taken_back().map(Self::from),
            _ => None,
        }
    }

    /// The set or map that it uses: its name, and its number in a batch.
    pub(crate) fn set(&self) -> Option<(&Name, Option<u32>)> {
        match self {
            Self::Lookup(e) => Some((&e.set, e.set_id)),
            Self::Dynset(e) => Some((&e.set, e.set_id)),
            Self::Objref(e) => Some((e.set.as_ref()?, e.set_id)),
            _ => None,
        }
    }

    /// Name and data of an expression nest; `None` if it is not made of exactly these.
    fn parts(nest: &[u8]) -> Option<(&[u8], &[u8])> {
        let (mut name, mut data) = (None, &[][..]);
        for attr in attrs(nest) {
            let attr = attr.ok()?;
            match attr.kind {
                Self::NAME => name = Some(attr.payload.strip_suffix(&[0]).unwrap_or(attr.payload)),
                Self::DATA => data = attr.payload,
                _ => return None,
            }
        }
        Some((name?, data))
    }

    /// Name and table of an expression nest, for error paths.
    fn peek(nest: &[u8]) -> Option<Named> {
        let (name, _) = Self::parts(nest)?;
        let table = Self::TABLES.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, table)| *table);
        Some((String::from_utf8_lossy(name).into_owned(), table))
    }

    fn decode(nest: &[u8], inner: bool) -> Self {
        Self::parts(nest)
            .filter(|(name, _)| !(inner && (*name == b"dynset" || *name == b"inner")))
            .and_then(|(name, data)| Self::typed(name, data))
            .unwrap_or_else(|| Self::Unknown(UnknownExpr { raw: nest.to_vec() }))
    }
}

/// An expression in a nest of its own (`NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`). Decoding never fails.
///
/// An `INNER` one stands in another expression and is not one that holds expressions itself: the
/// kernel has none such, and a hostile message could go some thousand levels deep, which the stack
/// does not.
#[derive(Debug)]
pub enum ExprNest<const INNER: bool = false> {}

impl<const INNER: bool> Codec<Expr> for ExprNest<INNER> {
    const SCOPE: Scope = Expr::SCOPE;
    fn put(value: &Expr, out: &mut Writer) {
        value.encode(out);
    }
    fn get(payload: &[u8]) -> Result<Expr, DecodeError> {
        Ok(Expr::decode(payload, INNER))
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Expr> {
        // Stateful ones stand in sets, and two that read the packet in `inner`.
        const NAMES: &[&str] = &["connlimit", "counter", "last", "limit", "meta", "payload", "quota"];
        prop::sample::select(NAMES).prop_flat_map(Expr::any_of).boxed()
    }
}

impl<const INNER: bool> Codec<Box<Expr>> for ExprNest<INNER> {
    const SCOPE: Scope = Expr::SCOPE;
    fn put(value: &Box<Expr>, out: &mut Writer) {
        value.encode(out);
    }
    fn get(payload: &[u8]) -> Result<Box<Expr>, DecodeError> {
        <Self as Codec<Expr>>::get(payload).map(Box::new)
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Box<Expr>> {
        <Self as Codec<Expr>>::any().prop_map(Box::new).boxed()
    }
}

/// What `NFTA_RULE_EXPRESSIONS` holds.
pub(crate) type ExprList = crate::wire::List<ExprNest>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::Register,
        wire::{EncodeError, Step, locate},
    };

    const LIST: Scope = <ExprList as Codec<Vec<Expr>>>::SCOPE;

    fn any_expr() -> impl Strategy<Value = Expr> {
        prop::sample::select(Expr::TABLES).prop_flat_map(|(name, _)| Expr::any_of(name))
    }

    fn try_encoded(exprs: &Vec<Expr>, form: Form) -> Result<Vec<u8>, EncodeError> {
        let mut out = Writer::new(form);
        ExprList::put(exprs, &mut out);
        out.finish()
    }

    fn encoded(exprs: &Vec<Expr>, form: Form) -> Vec<u8> {
        try_encoded(exprs, form).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_expression_survives(exprs in prop::collection::vec(any_expr(), 1..4)) {
            let bytes = encoded(&exprs, Form::Exact);
            let back = <ExprList as Codec<Vec<Expr>>>::get(&bytes);
            prop_assert_eq!(back.as_ref(), Ok(&exprs));
            prop_assert_eq!(encoded(&exprs, Form::Request).len() % 4, 0);
        }

        #[test]
        fn damaged_expressions_never_panic_and_are_kept(
            exprs in prop::collection::vec(any_expr(), 1..3),
            at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>(), offset in 0usize..400,
        ) {
            let mut bytes = encoded(&exprs, Form::Exact);
            *at.get_mut(&mut bytes) = byte;
            locate(&bytes, offset, LIST);
            // What was read is written again; only alignment filler may go, and a name that damage
            // made too long is refused.
            if let Ok(back) = <ExprList as Codec<Vec<Expr>>>::get(&bytes)
                && let Ok(again) = try_encoded(&back, Form::Exact)
            {
                let again = <ExprList as Codec<Vec<Expr>>>::get(&again);
                prop_assert_eq!(again.as_ref(), Ok(&back));
            }
            let _ = <ExprList as Codec<Vec<Expr>>>::get(&bytes[..cut.index(bytes.len())]);
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), offset: usize) {
            let _ = <ExprList as Codec<Vec<Expr>>>::get(&bytes);
            let _ = Expr::decode(&bytes, false).name().len();
            for (name, _) in Expr::TABLES {
                let _ = Expr::typed(name.as_bytes(), &bytes);
            }
            locate(&bytes, offset, LIST);
        }
    }

    #[test]
    fn expressions_stay_small() {
        // A constant of 64 bytes sets the measure: nearly every rule has one. What is larger is
        // boxed.
        assert!(size_of::<Expr>() <= 96, "{}", size_of::<Expr>());
    }

    #[test]
    fn an_unknown_attribute_inside_a_known_expression_is_kept() {
        let mut out = Writer::new(Form::Exact);
        out.attr(Expr::NAME, "", |out| out.bytes(b"counter\0"));
        out.attr(Expr::DATA, "", |out| {
            out.attr(2, "", |out| out.bytes(&7u64.to_be_bytes()));
            out.attr(99, "", |out| out.bytes(b"new"));
        });
        let bytes = out.finish().unwrap();
        let Expr::Counter(counter) = Expr::decode(&bytes, false) else { panic!("typed") };
        assert_eq!(counter.packets, Some(7));
        assert_eq!(counter.unknown.iter().map(|a| (a.kind, a.payload)).collect::<Vec<_>>(), [(99, &b"new"[..])]);
        let mut again = Writer::new(Form::Exact);
        Expr::from(counter).encode(&mut again);
        assert_eq!(again.finish().unwrap(), bytes);
    }

    #[test]
    fn expressions_inside_expressions_inside_expressions_do_not_exhaust_the_stack() {
        let mut nest = Vec::new();
        while nest.len() < 65_000 {
            let mut out = Writer::new(Form::Exact);
            out.attr(Expr::NAME, "", |out| out.bytes(b"dynset\0"));
            // NFTA_DYNSET_EXPR
            out.attr(Expr::DATA, "", |out| out.attr(7, "", |out| out.bytes(&nest)));
            nest = out.finish().unwrap();
        }
        let Expr::Unknown(kept) = Expr::decode(&nest, false) else { panic!("it lacks what a dynset needs") };
        assert_eq!(kept.raw, nest);
    }

    #[test]
    fn extended_ack_offsets_become_names() {
        let dynset = Dynset::new("seen", DynsetOp::Update, Register::R1)
            .with_expr(Counter { bytes: Some(7), ..Counter::new() })
            .with_expr(Counter::new());
        let bytes = encoded(&vec![Notrack::new().into(), dynset.into()], Form::Request);
        let paths: Vec<_> = (0..bytes.len()).map(|at| locate(&bytes, at, LIST).to_string()).collect();
        for wanted in [
            "[0] > notrack",
            "[1] > dynset",
            "[1] > dynset > set",
            "[1] > dynset > exprs[0] > counter",
            "[1] > dynset > exprs[0] > counter > bytes",
        ] {
            assert!(paths.iter().any(|p| p == wanted), "{wanted} is not among {paths:#?}");
        }
        assert!(matches!(locate(&bytes, 0, LIST).steps(), [Step::Index(0), ..]));
    }
}
