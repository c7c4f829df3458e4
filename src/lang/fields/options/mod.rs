//! Options of TCP, IPv4 and DCCP, chunks of SCTP.

pub mod ip;
pub mod sctp;
pub mod tcp;

use super::*;

/// The existence of a TCP option by number.
pub(crate) static TCP_NUMBERED: Spec = numbered_option("tcp option", ExthdrOp::TcpOption);
/// The existence of a DCCP option by number.
pub(crate) static DCCP_NUMBERED: Spec = numbered_option("dccp option", ExthdrOp::DccpOption);

const fn numbered_option(words: &'static str, op: ExthdrOp) -> Spec {
    Spec {
        header: "",
        field: "",
        words,
        load: Load::Exists(op, 0),
        bits: 8,
        ty: bool::FIELD,
        needs: &[],
        pseudo: false,
    }
}

/// All rows, by option.
pub(super) fn all() -> impl Iterator<Item = &'static &'static [&'static Spec]> {
    tcp::ALL.iter().chain(ip::ALL).chain(sctp::ALL)
}
