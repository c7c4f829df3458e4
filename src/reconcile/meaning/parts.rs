//! Expressions without their registers: what each reads, what it writes, and whether it acts.

use crate::{
    data::{Name, Register},
    expr::{
        Ct, CtKey, Dup, Dynset, Expr, Exthdr, ExthdrFlags, Fib, FibFlags, FibResult, Fwd, Hash, HashType, Masq, Meta,
        MetaKey, Nat, Numgen, Objref, Osf, Payload, Queue, Redir, Rt, RtKey, Socket, SocketKey, Tproxy, Tunnel,
        TunnelKey, Xfrm, XfrmKey,
    },
    model::FilledSet,
};

/// What an expression does besides reading and writing registers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// Nothing: it may be made earlier or later.
    None,
    /// It counts or tells, and changes nothing that rules read.
    Counts,
    /// It may change what is read after it.
    Changes,
}

/// An expression taken apart.
pub(super) struct Parts {
    /// With [`Register::R1`] in the place of each register.
    pub bare: Expr,
    /// What it reads: where, and how many bytes.
    pub reads: Vec<(Register, u32)>,
    /// What it writes.
    pub writes: Option<(Register, u32)>,
    pub effect: Effect,
}

const R1: Register = Register::R1;

fn act(effect: Effect, bare: impl Into<Expr>, reads: impl IntoIterator<Item = (Option<Register>, u32)>) -> Parts {
    let reads = reads.into_iter().filter_map(|(register, len)| Some((register?, len))).collect();
    Parts { bare: bare.into(), reads, writes: None, effect }
}

fn load(bare: impl Into<Expr>, dreg: Register, len: u32) -> Parts {
    Parts { bare: bare.into(), reads: Vec::new(), writes: Some((dreg, len)), effect: Effect::None }
}

/// Bytes of an address of a family, as statements have it.
fn address(family: u32) -> Option<u32> {
    match family {
        2 => Some(4),
        10 => Some(16),
        _ => None,
    }
}

/// How many bytes a load of metadata writes; `None` if that is not known.
pub(super) fn meta_len(key: MetaKey) -> Option<u32> {
    use MetaKey::*;
    Some(match key {
        Nfproto | L4proto | Pkttype | Secpath | TimeDay | BriBroute | Nftrace => 1,
        Protocol | Iiftype | Oiftype | BriIifpvid | BriIifvproto => 2,
        BriIifhwaddr => 6,
        TimeNs => 8,
        Iifname | Oifname | BriIifname | BriOifname | Iifkind | Oifkind | Sdifname => 16,
        Len | Priority | Mark | Iif | Oif | Skuid | Skgid | Rtclassid | Secmark | Cpu | Iifgroup | Oifgroup
        | Cgroup | Prandom | TimeHour | Sdif => 4,
        Unknown(_) => return None,
    })
}

fn ct_len(key: CtKey) -> Option<u32> {
    use CtKey::*;
    Some(match key {
        Direction | L3protocol | Protocol => 1,
        ProtoSrc | ProtoDst | Zone => 2,
        Pkts | Bytes | Avgpkt => 8,
        Helper | Labels | SrcIp6 | DstIp6 => 16,
        State | Status | Mark | Secmark | Expiration | SrcIp | DstIp | Eventmask | Id => 4,
        // As long as the connection's addresses are.
        Src | Dst | Unknown(_) => return None,
    })
}

/// Takes an expression apart; `None` of one that this is not known of. `set` finds sets.
pub(super) fn of<'r>(expr: &Expr, set: &dyn Fn(&Name) -> Option<&'r FilledSet>) -> Option<Parts> {
    Some(match expr {
        Expr::Counter(_) | Expr::Limit(_) | Expr::Quota(_) | Expr::Last(_) | Expr::Connlimit(_) | Expr::Log(_) => {
            act(Effect::Counts, expr.clone(), [])
        }
        Expr::Notrack(_)
        | Expr::FlowOffload(_)
        | Expr::Synproxy(_)
        | Expr::Reject(_)
        | Expr::XtMatch(_)
        | Expr::XtTarget(_) => act(Effect::Changes, expr.clone(), []),
        Expr::Meta(e) if e.sreg.is_some() => {
            act(Effect::Changes, Meta { sreg: Some(R1), ..e.clone() }, [(e.sreg, meta_len(e.key)?)])
        }
        Expr::Ct(e) if e.sreg.is_some() => {
            act(Effect::Changes, Ct { sreg: Some(R1), ..e.clone() }, [(e.sreg, ct_len(e.key)?)])
        }
        Expr::Exthdr(e) if e.dreg.is_none() => {
            act(Effect::Changes, Exthdr { sreg: at(e.sreg), ..e.clone() }, [(e.sreg, e.len.unwrap_or_default())])
        }
        Expr::Payload(e) => act(Effect::Changes, Payload { sreg: Some(R1), ..e.clone() }, [(e.sreg, e.len)]),
        Expr::Queue(e) => act(Effect::Changes, Queue { sreg: at(e.sreg), ..e.clone() }, [(e.sreg, 2)]),
        Expr::Objref(e) => {
            let len = e.set.as_ref().map_or(Some(0), |name| set(name)?.set.key_len)?;
            act(Effect::Changes, Objref { sreg: at(e.sreg), ..e.clone() }, [(e.sreg, len)])
        }
        Expr::Dynset(e) => {
            let of = &set(&e.set)?.set;
            let len = e.data.map_or(Some(0), |_| of.data_len)?;
            let bare = Dynset { key: R1, data: at(e.data), ..(**e).clone() };
            act(Effect::Changes, bare, [(Some(e.key), of.key_len?), (e.data, len)])
        }
        Expr::Nat(_) | Expr::Masq(_) | Expr::Redir(_) | Expr::Tproxy(_) | Expr::Dup(_) | Expr::Fwd(_) => {
            return divert(expr);
        }
        Expr::Ct(_)
        | Expr::Exthdr(_)
        | Expr::Fib(_)
        | Expr::Hash(_)
        | Expr::Meta(_)
        | Expr::Numgen(_)
        | Expr::Osf(_)
        | Expr::Rt(_)
        | Expr::Socket(_)
        | Expr::Tunnel(_)
        | Expr::Xfrm(_) => return loads(expr),
        // What is done with registers themselves, and what is not known.
        Expr::Bitwise(_)
        | Expr::Byteorder(_)
        | Expr::Cmp(_)
        | Expr::Immediate(_)
        | Expr::Inner(_)
        | Expr::Lookup(_)
        | Expr::Range(_)
        | Expr::Unknown(_) => return None,
    })
}

fn at(register: Option<Register>) -> Option<Register> {
    register.map(|_| R1)
}

/// Packets that go elsewhere.
fn divert(expr: &Expr) -> Option<Parts> {
    Some(match expr {
        Expr::Nat(e) => {
            let len = address(e.family)?;
            let bare = Nat {
                addr_min: at(e.addr_min),
                addr_max: at(e.addr_max),
                port_min: at(e.port_min),
                port_max: at(e.port_max),
                ..e.clone()
            };
            let reads = [(e.addr_min, len), (e.addr_max, len), (e.port_min, 2), (e.port_max, 2)];
            act(Effect::Changes, bare, reads)
        }
        Expr::Masq(e) => {
            let bare = Masq { port_min: at(e.port_min), port_max: at(e.port_max), ..e.clone() };
            act(Effect::Changes, bare, [(e.port_min, 2), (e.port_max, 2)])
        }
        Expr::Redir(e) => {
            let bare = Redir { port_min: at(e.port_min), port_max: at(e.port_max), ..e.clone() };
            act(Effect::Changes, bare, [(e.port_min, 2), (e.port_max, 2)])
        }
        Expr::Tproxy(e) => {
            let len = e.address.map_or(Some(0), |_| address(e.family))?;
            let bare = Tproxy { address: at(e.address), port: at(e.port), ..e.clone() };
            act(Effect::Changes, bare, [(e.address, len), (e.port, 2)])
        }
        // How long the address is, is a matter of the table's family.
        Expr::Dup(e) if e.address.is_some() => return None,
        Expr::Dup(e) => act(Effect::Changes, Dup { device: at(e.device), ..e.clone() }, [(e.device, 4)]),
        Expr::Fwd(e) => {
            let len = e.address.map_or(Some(0), |_| address(e.family?))?;
            let bare = Fwd { device: R1, address: at(e.address), ..e.clone() };
            act(Effect::Changes, bare, [(Some(e.device), 4), (e.address, len)])
        }
        _ => return None,
    })
}

/// What only puts a value into a register.
fn loads(expr: &Expr) -> Option<Parts> {
    Some(match expr {
        Expr::Meta(e) => {
            let load = load(Meta { dreg: Some(R1), ..e.clone() }, e.dreg?, meta_len(e.key)?);
            // Another value each time.
            let effect = if e.key == MetaKey::Prandom { Effect::Counts } else { load.effect };
            Parts { effect, ..load }
        }
        Expr::Ct(e) => load(Ct { dreg: Some(R1), ..e.clone() }, e.dreg?, ct_len(e.key)?),
        Expr::Exthdr(e) => {
            let present = e.flags.unwrap_or_default().contains(ExthdrFlags::PRESENT);
            load(Exthdr { dreg: Some(R1), ..e.clone() }, e.dreg?, if present { 1 } else { e.len? })
        }
        Expr::Fib(e) => {
            let name = e.result == FibResult::Oifname && !e.flags.contains(FibFlags::PRESENT);
            let len = if name { 16 } else { 4 };
            load(Fib { dreg: R1, ..e.clone() }, e.dreg, len)
        }
        Expr::Rt(e) => {
            let len = match e.key {
                RtKey::Nexthop6 => 16,
                RtKey::TcpMss => 2,
                RtKey::Xfrm => 1,
                RtKey::ClassId | RtKey::Nexthop4 => 4,
                RtKey::Unknown(_) => return None,
            };
            load(Rt { dreg: R1, ..e.clone() }, e.dreg, len)
        }
        Expr::Socket(e) => {
            let len = match e.key {
                SocketKey::Transparent | SocketKey::Wildcard => 1,
                SocketKey::Mark => 4,
                SocketKey::CgroupV2 => 8,
                SocketKey::Unknown(_) => return None,
            };
            load(Socket { dreg: R1, ..e.clone() }, e.dreg, len)
        }
        Expr::Osf(e) => load(Osf { dreg: R1, ..e.clone() }, e.dreg, 16),
        Expr::Tunnel(e) => load(Tunnel { dreg: R1, ..e.clone() }, e.dreg, if e.key == TunnelKey::Path { 1 } else { 4 }),
        Expr::Xfrm(e) => {
            let long = matches!(e.key, XfrmKey::DaddrIp6 | XfrmKey::SaddrIp6);
            load(Xfrm { dreg: R1, ..e.clone() }, e.dreg, if long { 16 } else { 4 })
        }
        Expr::Numgen(e) => Parts { effect: Effect::Counts, ..load(Numgen { dreg: R1, ..e.clone() }, e.dreg, 4) },
        Expr::Hash(e) => {
            let reads = match e.kind {
                Some(HashType::Symmetric) => Vec::new(),
                _ => vec![(e.sreg?, e.len?)],
            };
            Parts { reads, ..load(Hash { sreg: at(e.sreg), dreg: R1, ..e.clone() }, e.dreg, 4) }
        }
        _ => return None,
    })
}
