//! Fields in registers.

use crate::{
    data::Register,
    expr::*,
    lang::{
        field::{Field, Load, Param},
        refused,
    },
    wire::Malformed,
};

/// The expression that reads `len` bytes from where a field begins.
pub(crate) fn fetch(field: &Field, register: Register, len: u32) -> Result<Expr, Malformed> {
    Ok(match field.load() {
        Load::Packet(header, offset) => {
            let first = header.place(offset) / 8;
            looked(field, Payload::load(header.base(), first.into(), len, register))
        }
        Load::Option(op, kind, offset) => Exthdr::load(op, kind, u32::from(offset) / 8, len, register).into(),
        Load::Exists(op, kind) => Exthdr::exists(op, kind, register).into(),
        Load::Meta(key) => looked(field, Meta::load(key, register)),
        Load::Ct(key) => Ct { direction: field.direction(), ..Ct::load(key, register) }.into(),
        Load::Rt(key) => Rt::load(key, register).into(),
        Load::Tunnel(key) => Tunnel::load(key, register).into(),
        Load::Socket(key) => match field.param {
            Param::Level(level) => Socket::cgroup(level, register).into(),
            _ => Socket::load(key, register).into(),
        },
        Load::Xfrm(key) => {
            let (direction, number) = match field.param {
                Param::Ipsec(direction, number) => (direction, number),
                _ => (XfrmDirection::In, 0),
            };
            Xfrm { number: Some(number), ..Xfrm::load(key, direction, register) }.into()
        }
        Load::Osf(version) => {
            let ttl = if let Param::Ttl(ttl) = field.param { ttl } else { OsfTtl::True };
            let osf = Osf::new(ttl, register);
            if version { osf.with_version() } else { osf }.into()
        }
        Load::Fib(result) => {
            let flags = if let Param::Fib(flags) = field.param { flags } else { FibFlags::empty() };
            Fib::new(result, flags, register).into()
        }
        Load::Numgen(_) | Load::Symhash | Load::Jhash | Load::Address(_) | Load::CtAddress(_) => {
            return refused(format!("{} is no field to read", field.words()));
        }
    })
}

/// The same inside of a tunnel, if the field is.
pub(crate) fn looked(field: &Field, expr: impl Into<Expr>) -> Expr {
    match field.tunnel() {
        Some(tunnel) => tunnel.look(expr.into()),
        None => expr.into(),
    }
}
