//! Everything here that has a name and a number in the kernel's header: for checks against it, and
//! for coverage reports.
//!
//! ```
//! let (_, set) = oxitables::uapi::tables().find(|(name, _)| *name == "set").unwrap();
//! assert!(set.iter().any(|row| row.name == "NFTA_SET_TIMEOUT" && row.number == 11));
//! ```

use crate::{
    data, expr, model,
    wire::{Constant, List, Nest, Spec},
};

/// The attributes of every object, and of every expression by the kernel's name for it.
pub fn tables() -> impl Iterator<Item = (&'static str, &'static [Spec])> {
    let nested = [
        ("data", data::Data::TABLE),
        ("verdict", data::Verdict::TABLE),
        ("list", List::<Nest>::TABLE),
        ("expression", expr::Expr::TABLE),
    ];
    model::TABLES.iter().copied().chain(nested).chain(expr::Expr::TABLES.iter().copied())
}

/// The named numbers of every enum and every set of flags, by the name of its type.
pub fn constants() -> impl Iterator<Item = (&'static str, &'static [Constant])> {
    macro_rules! list {
        ($($module:ident: $($name:ident)*;)*) => { [$($((stringify!($name), $module::$name::CONSTANTS),)*)*] };
    }
    let all: [(_, &[Constant]); _] = list! {
        data: Family Policy VerdictCode;
        expr: BitwiseOp ByteorderOp ChecksumFlags ChecksumType CmpOp ConnlimitFlags CtKey DynsetFlags DynsetOp ExthdrFlags ExthdrOp
            FibFlags FibResult HashType InnerFlags InnerType LimitFlags LimitType LogFlags LogLevel LookupFlags MetaKey NatFlags
            NatType NumgenType ObjectType OsfFlags OsfTtl PayloadBase QueueFlags QuotaFlags RangeOp RejectType RtKey SocketKey
            SynproxyFlags TunnelKey TunnelMode XfrmDirection XfrmKey;
        model: ChainFlags ElementFlags FlowtableFlags MessageType RuleCompatFlags SetFlags SetPolicy TableFlags TcpTimeout TraceType
            TunnelFlags UdpTimeout;
    };
    all.into_iter()
}
