//! What rules do with packets, connections and sets.

use super::{
    items,
    layers::Layers,
    node::{Held, Node},
    run::Lifter,
};
use crate::{
    data::{Family, IfIndex, Port, Register, Typed},
    expr::{self, Dynset, DynsetFlags, Fwd, Masq, NatFlags, NatType, Objref, Queue, Redir, Reject, RejectType, Tproxy},
    lang::header::Layer,
    lang::{
        repr::{Known, Repr},
        tree::{Expression, IPV4, IPV6, Nat, NatKind, NatShape, Statement, Update},
    },
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What nft has words for; the rest is the kernel's own note.
const SAID: NatFlags = NatFlags::RANDOM.union(NatFlags::PERSISTENT).union(NatFlags::FULLY_RANDOM);
const NOTED: NatFlags = NatFlags::MAP_IPS.union(NatFlags::PROTO_SPECIFIED).union(NatFlags::NETMAP);

fn address(family: u32) -> Option<Repr> {
    Some(Repr::of(match family {
        IPV4 => Ipv4Addr::FIELD,
        IPV6 => Ipv6Addr::FIELD,
        _ => return None,
    }))
}

fn said(flags: Option<NatFlags>) -> Option<NatFlags> {
    let flags = flags.unwrap_or_default();
    SAID.union(NOTED).contains(flags).then_some(flags & SAID)
}

impl<'a> Lifter<'a> {
    /// The value in a register, of a known type.
    fn of_type(&mut self, register: Register, part: &Repr, made_by: &mut Vec<usize>) -> Option<Expression> {
        let held = self.whole(register)?;
        made_by.extend(held.made_by);
        if let Node::Map { of, .. } = &held.node
            && of.data_len() != part.bytes()
        {
            return None;
        }
        self.value(held.node, part)
    }

    /// One value, or the range between two registers.
    fn span(
        &mut self,
        from: Option<Register>,
        to: Option<Register>,
        part: &Repr,
        made_by: &mut Vec<usize>,
    ) -> Option<Option<Expression>> {
        let Some(first) = from.or(to) else { return Some(None) };
        let lower = self.of_type(first, part, made_by)?;
        let Some(last) = to.filter(|last| *last != first) else { return Some(Some(lower)) };
        let constants = match (self.whole(first)?.node, self.whole(last)?.node) {
            (Node::Constant(from), Node::Constant(to)) => Some((from, to)),
            _ => None,
        };
        let upper = self.of_type(last, part, made_by)?;
        Some(Some(match constants {
            Some((from, to)) if part.is_address() => items::between(part, &from, &to, true)?,
            _ => Expression::Range(Box::new((lower, upper))),
        }))
    }

    pub fn nat(&mut self, e: &expr::Nat) -> Option<()> {
        let kind = match e.kind {
            NatType::Snat => NatKind::Snat,
            NatType::Dnat => NatKind::Dnat,
            NatType::Unknown(_) => return None,
        };
        let flags = said(e.flags)?;
        let part = match e.addr_min.or(e.addr_max) {
            Some(_) => Some(address(e.family)?),
            // Of a port alone the family may be either.
            None => None,
        };
        let mut shape =
            NatShape { prefix: e.flags.unwrap_or_default().contains(NatFlags::NETMAP), ..NatShape::default() };
        let mut family = (self.family == Family::Inet).then_some(e.family);
        let mut made_by = Vec::new();
        if let Some(held) = e.addr_min.and_then(|register| self.whole(register))
            && let Node::Map { key, of } = held.node
            && let Some(part) = part.filter(|part| of.data_len() != part.bytes())
        {
            // One value of the map is in all the registers.
            shape = self.shape(e, of.set, part.bytes(), shape)?;
            let addr = Some(self.map(*key, of)?.expression);
            let nat = Nat { kind, family: Some(e.family), addr, port: None, flags, shape };
            return self.act(Statement::Nat(nat), &held.made_by);
        }
        let addr = match part {
            Some(part) => self.span(e.addr_min, e.addr_max, &part, &mut made_by)?,
            None => None,
        };
        let port = self.span(e.port_min, e.port_max, &Repr::of(Port::FIELD), &mut made_by)?;
        if addr.is_none() && port.is_none() {
            family = None;
        }
        self.act(Statement::Nat(Nat { kind, family, addr, port, flags, shape }), &made_by)
    }

    /// What the values of a map are that gives a translation more than an address.
    fn shape(&self, e: &expr::Nat, set: &crate::model::Set, address: u32, shape: NatShape) -> Option<NatShape> {
        let start = e.addr_min?.as_slot()?;
        let slot = |words: u32| Some(Register::slot(start.checked_add(u8::try_from(words).ok()?)?));
        let (words, len) = (address / 4, set.data_len?);
        let same = |at: Option<Register>, to: Option<Register>| to.is_none_or(|to| Some(to) == at);
        let interval = set.has_ranges();
        let fits = match (interval, len.checked_sub(address)?) {
            (false, 4) => same(e.addr_min, e.addr_max) && e.port_min == slot(words) && same(e.port_min, e.port_max),
            (true, rest) if rest == address => e.addr_max == slot(words) && (e.port_min, e.port_max) == (None, None),
            (true, rest) if rest == address + 8 => {
                e.addr_max == slot(words + 1) && e.port_min == slot(words) && e.port_max == slot(2 * words + 1)
            }
            _ => false,
        };
        let concat = len != 2 * address || !interval;
        fits.then_some(NatShape { interval, concat, ..shape })
    }

    pub fn masquerade(&mut self, e: &Masq) -> Option<()> {
        self.at_port(NatKind::Masquerade, e.flags, e.port_min, e.port_max)
    }

    pub fn redirect(&mut self, e: &Redir) -> Option<()> {
        self.at_port(NatKind::Redirect, e.flags, e.port_min, e.port_max)
    }

    fn at_port(
        &mut self,
        kind: NatKind,
        flags: Option<NatFlags>,
        from: Option<Register>,
        to: Option<Register>,
    ) -> Option<()> {
        let flags = said(flags)?;
        let mut made_by = Vec::new();
        let port = self.span(from, to, &Repr::of(Port::FIELD), &mut made_by)?;
        let nat = Nat { kind, family: None, addr: None, port, flags, shape: NatShape::default() };
        self.act(Statement::Nat(nat), &made_by)
    }

    pub fn tproxy(&mut self, e: &Tproxy) -> Option<()> {
        let mut made_by = Vec::new();
        let addr = match e.address {
            Some(register) => Some(self.of_type(register, &address(e.family)?, &mut made_by)?),
            None => None,
        };
        if e.port.is_some() {
            self.layers.iter_mut().for_each(Layers::forget);
        }
        let port = match e.port {
            Some(register) => Some(self.of_type(register, &Repr::of(Port::FIELD), &mut made_by)?),
            None => None,
        };
        let family = (self.family == Family::Inet && e.family != 0).then_some(e.family);
        self.act(Statement::Tproxy { family, addr, port }, &made_by)
    }

    pub fn dup(&mut self, e: &expr::Dup) -> Option<()> {
        let mut made_by = Vec::new();
        let family = match self.family {
            Family::Ip => IPV4,
            Family::Ip6 => IPV6,
            _ => 0,
        };
        let addr = match e.address {
            Some(register) => Some(self.of_type(register, &address(family)?, &mut made_by)?),
            None => None,
        };
        let dev = match e.device {
            Some(register) => Some(self.of_type(register, &Repr::of(IfIndex::FIELD), &mut made_by)?),
            None => None,
        };
        if addr.is_none() && dev.is_none() {
            return None;
        }
        self.act(Statement::Dup { addr, dev }, &made_by)
    }

    pub fn fwd(&mut self, e: &Fwd) -> Option<()> {
        let mut made_by = Vec::new();
        let dev = self.of_type(e.device, &Repr::of(IfIndex::FIELD), &mut made_by)?;
        let addr = match e.address {
            Some(register) => Some(self.of_type(register, &address(e.family?)?, &mut made_by)?),
            None => None,
        };
        let family = addr.is_some().then_some(e.family).flatten();
        self.act(Statement::Fwd { family, addr, dev }, &made_by)
    }

    pub fn queue(&mut self, e: &Queue) -> Option<()> {
        let held = self.whole(e.sreg?)?;
        if e.number.is_some_and(|n| n != 0) || e.total.is_some_and(|n| n != 0) {
            return None;
        }
        let number = self.value(held.node, &Repr::number(16))?;
        let flags = e.flags.unwrap_or_default().bits();
        self.act(Statement::Queue { number, flags }, &held.made_by)
    }

    pub fn reject(&mut self, e: &Reject) -> Option<()> {
        let own = match self.family {
            Family::Ip => Some(IPV4),
            Family::Ip6 => Some(IPV6),
            _ => None,
        };
        let reset = e.kind == RejectType::TcpReset;
        let (layer, family) = match (own, e.kind) {
            (_, RejectType::Unknown(_)) => return None,
            (Some(_), RejectType::TcpReset) => (Some(Layer::Transport), None),
            (Some(own), _) => (None, Some(own)),
            (None, RejectType::Icmpx) => (None, None),
            (None, _) => (Some(Layer::Network), self.layers[0].ip().filter(|_| !reset)),
        };
        if e.kind == RejectType::Icmp && family.is_none() {
            return None;
        }
        let line = layer.and_then(|layer| self.layers[0].take(layer));
        self.leave_out(line);
        self.act(Statement::Reject { family: family.filter(|_| e.kind == RejectType::Icmp), with: e.clone() }, &[])
    }

    pub fn objref(&mut self, e: &Objref) -> Option<()> {
        if let Some(name) = &e.name {
            let object = Expression::Object(name.clone());
            return self.act(Statement::Objref { kind: e.kind?, object }, &[]);
        }
        let of = self.set(e.set.as_ref()?)?;
        let held = self.read(e.sreg?, of.key_len() as usize)?;
        let object = self.map(held.node, of)?.expression;
        self.act(Statement::Objref { kind: of.set.object_type?, object }, &held.made_by)
    }

    pub fn dynset(&mut self, e: &Dynset) -> Option<()> {
        if e.flags.unwrap_or_default().contains(DynsetFlags::INV) {
            return None;
        }
        let of = self.set(&e.set)?;
        let Held { node, mut made_by } = self.read(e.key, of.key_len() as usize)?;
        let keys = self.keys(node, of, false)?;
        let key = Known::joined(keys);
        let data = match e.data {
            Some(register) => {
                let held = self.read(register, of.data_len() as usize)?;
                made_by.extend(held.made_by);
                Some(self.data(held.node, &items::data_parts(of.set))?)
            }
            None => None,
        };
        let exprs = match (&e.exprs, &e.expr) {
            (Some(many), _) => many,
            (None, Some(one)) => std::slice::from_ref(&**one),
            (None, None) => &[],
        };
        let update = Update {
            op: e.op,
            set: e.set.clone(),
            key,
            data,
            timeout: e.timeout.filter(|timeout| !timeout.is_zero()),
            statements: exprs.iter().map(items::plain).collect(),
        };
        self.act(Statement::Update(Box::new(update)), &made_by)
    }

    /// The value for a map: of these types, where it is constant.
    fn data(&mut self, node: Node<'a>, parts: &[Repr]) -> Option<Expression> {
        match node {
            Node::Concat(nodes) if nodes.len() == parts.len() => {
                let fields = nodes.into_iter().zip(parts).map(|(node, part)| self.value(node, part));
                Some(Expression::Concat(fields.collect::<Option<_>>()?))
            }
            Node::Concat(_) => None,
            node => self.value(node, parts.first()?),
        }
    }
}
