//! Where packets are sent instead: address translation, proxies, copies, other devices.

use super::{
    Compiler,
    emit::Machine,
    known::{How, Known, Slot, Slots, Want, ones},
    lower::Net,
    sets::Values,
};
use crate::{
    data::{Family, IfIndex, Port, Typed},
    expr::{Dup, Fwd, Masq, Nat as NatExpr, NatFlags, NatType, Redir, Tproxy},
    lang::{
        field::Load,
        header::Header,
        refused,
        tree::{Expression, Item, Nat, NatKind},
    },
    wire::Malformed,
};
use std::net::{Ipv4Addr, Ipv6Addr};

type Result<T> = std::result::Result<T, Malformed>;

/// Addresses of a family in a register.
fn address_slot(family: Family) -> Result<Slot> {
    match family {
        Family::Ip => Ok(Slot::of(Ipv4Addr::FIELD)),
        Family::Ip6 => Ok(Slot::of(Ipv6Addr::FIELD)),
        _ => refused("nothing says whether the address is of ip or ip6: say it in the statement"),
    }
}

fn device_slot() -> Slot {
    Slot::of(IfIndex::FIELD)
}

fn family_of(number: u32) -> Result<Family> {
    u8::try_from(number).map(Family::from).or_else(|_| refused(format!("there is no family {number}")))
}

/// The lowest and the highest value of a range or a prefix.
fn ends(known: &Known) -> Option<(Known, Known)> {
    let (lo, hi) = match known.how {
        How::Range(lo, hi) => (lo, hi),
        How::Prefix(n, bits) => (n, n | ones(known.slot.bits.saturating_sub(bits))),
        _ => return None,
    };
    Some((Known::number(known.slot, lo), Known::number(known.slot, hi)))
}

impl Compiler<'_, '_> {
    /// The family of an address, as the statement or the rule says.
    fn address_family(&self, said: Option<u32>, addr: &Expression) -> Result<Family> {
        let known = match (self.cx.family, said) {
            (own @ (Family::Ip | Family::Ip6), None) => own,
            (_, Some(number)) => family_of(number)?,
            _ => match self.cx.net() {
                Some(Net::Ip) => Family::Ip,
                Some(Net::Ip6) => Family::Ip6,
                _ => inferred(addr).unwrap_or(Family::Inet),
            },
        };
        let other = match self.cx.net() {
            Some(Net::Ip) => known == Family::Ip6,
            Some(Net::Ip6) => known == Family::Ip,
            _ => false,
        };
        if other { refused(format!("an address of family {known} in a rule for the other one")) } else { Ok(known) }
    }

    fn port(&mut self, port: &Expression) -> Result<Known> {
        let port = self.argument(port, Slot::of(Port::FIELD))?;
        // What is looked up for it may be what says so.
        match self.cx.transport() {
            Some(_) => Ok(port),
            None => refused("a port needs a transport protocol: match tcp, udp or meta l4proto before"),
        }
    }

    /// `snat`, `dnat`, `masquerade`, `redirect`.
    pub(super) fn nat(&mut self, nat: &Nat) -> Result<()> {
        if !matches!(self.cx.family, Family::Ip | Family::Ip6 | Family::Inet) {
            return refused(format!("address translation in a table of family {}", self.cx.family));
        }
        let local = matches!(nat.kind, NatKind::Masquerade | NatKind::Redirect);
        if local && nat.addr.is_some() {
            return refused("masquerade and redirect choose the address themselves");
        }
        let mut machine = Machine::default();
        let mut flags = nat.flags;
        let (mut addr_min, mut addr_max, mut port_min, mut port_max) = (None, None, None, None);
        let mut family = match (self.cx.family, nat.family) {
            (Family::Inet, _) | (_, None) => self.cx.family,
            (_, Some(number)) => family_of(number)?,
        };
        if nat.shape.prefix {
            flags |= NatFlags::NETMAP;
        }
        if let Some(addr) = &nat.addr {
            family = self.address_family(nat.family, addr)?;
            let slot = address_slot(family)?;
            let known = match nat.shape.concat || self.maps_to_fields(addr)? {
                true if nat.port.is_some() => {
                    return refused("a map of addresses and ports together with a port");
                }
                true => {
                    let slots = Slots::Many(vec![slot, Slot::of(Port::FIELD)]);
                    self.evaluate(addr, &mut Want { slots, ..Want::default() })?
                }
                false => self.argument(addr, slot)?,
            };
            if let Some((lo, hi)) = ends(&known) {
                addr_min = Some(machine.load(&lo)?.register());
                addr_max = Some(machine.load(&hi)?.register());
            } else {
                let place = machine.load(&known)?;
                addr_min = Some(place.register());
                let (fields, ranges) = match &known.how {
                    How::Map(_, map) => (map.fields, map.ranges),
                    How::Concat(parts) => (parts.len(), false),
                    _ => (1, false),
                };
                // The values: address, port; then the same of the upper bounds.
                let port = place.after(slot.bytes());
                let upper = if fields > 1 { port.after(4) } else { port };
                port_min = (fields > 1).then(|| port.register());
                addr_max = ranges.then(|| upper.register());
                port_max = (ranges && fields > 1).then(|| upper.after(slot.bytes()).register());
            }
        }
        if let Some(port) = &nat.port {
            let known = self.port(port)?;
            match ends(&known) {
                Some((lo, hi)) => {
                    port_min = Some(machine.load(&lo)?.register());
                    port_max = Some(machine.load(&hi)?.register());
                }
                None => port_min = Some(machine.load(&known)?.register()),
            }
            flags |= NatFlags::PROTO_SPECIFIED;
        }
        let flags = (!flags.is_empty()).then_some(flags);
        match nat.kind {
            NatKind::Masquerade => machine.push(Masq { port_min, port_max, flags, ..Masq::new() }),
            NatKind::Redirect => machine.push(Redir { port_min, port_max, flags, ..Redir::new() }),
            NatKind::Snat | NatKind::Dnat => {
                let kind = if nat.kind == NatKind::Snat { NatType::Snat } else { NatType::Dnat };
                machine.push(NatExpr { addr_min, addr_max, port_min, port_max, flags, ..NatExpr::new(kind, family) });
            }
        }
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    /// Whether the values of a map are addresses together with ports.
    fn maps_to_fields(&self, addr: &Expression) -> Result<bool> {
        let Expression::Map { of, .. } = addr else { return Ok(matches!(addr, Expression::Concat(_))) };
        Ok(match &**of {
            Expression::Set(items) => items.iter().any(|Item { data, .. }| matches!(data, Some(Expression::Concat(_)))),
            Expression::Named(name) => {
                matches!(self.sets.named(name)?.values, Some(Values::Slots(slots, _)) if slots.len() > 1)
            }
            _ => false,
        })
    }

    /// `tproxy`.
    pub(super) fn tproxy(
        &mut self,
        family: Option<u32>,
        addr: Option<&Expression>,
        port: Option<&Expression>,
    ) -> Result<()> {
        if self.cx.transport().is_none() {
            return refused("tproxy needs a transport protocol: match tcp or udp before");
        }
        let mut machine = Machine::default();
        let (mut address, mut at_port) = (None, None);
        let mut number = match (self.cx.family, family) {
            (own @ (Family::Ip | Family::Ip6), None) => u8::from(own).into(),
            (Family::Ip | Family::Ip6 | Family::Inet, family) => family.unwrap_or(0),
            (other, _) => return refused(format!("tproxy in a table of family {other}")),
        };
        if let Some(addr) = addr {
            let family = self.address_family(family, addr)?;
            number = u8::from(family).into();
            let known = self.argument(addr, address_slot(family)?)?;
            address = Some(machine.load(&known)?.register());
        }
        if let Some(port) = port {
            let known = self.port(port)?;
            at_port = Some(machine.load(&known)?.register());
        }
        if address.is_none() && at_port.is_none() {
            return refused("tproxy to neither address nor port");
        }
        machine.push(Tproxy { family: number, address, port: at_port, ..Tproxy::any_family() });
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    /// `dup`.
    pub(super) fn dup(&mut self, addr: Option<&Expression>, dev: Option<&Expression>) -> Result<()> {
        let mut machine = Machine::default();
        let mut dup = Dup::default();
        match (self.cx.family, addr, dev) {
            (family @ (Family::Ip | Family::Ip6), Some(addr), dev) => {
                let known = self.argument(addr, address_slot(family)?)?;
                dup.address = Some(machine.load(&known)?.register());
                if let Some(dev) = dev {
                    let known = self.argument(dev, device_slot())?;
                    dup.device = Some(machine.load(&known)?.register());
                }
            }
            // The only thing it is told is the device there.
            (Family::Netdev, Some(dev), None) | (Family::Netdev, None, Some(dev)) => {
                let known = self.argument(dev, device_slot())?;
                dup.device = Some(machine.load(&known)?.register());
            }
            (Family::Ip | Family::Ip6, None, _) => return refused("dup to no address"),
            (Family::Netdev, ..) => return refused("dup in a table of family netdev takes a device"),
            (other, ..) => return refused(format!("dup in a table of family {other}")),
        }
        machine.push(dup);
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    /// `fwd`.
    pub(super) fn fwd(&mut self, family: Option<u32>, addr: Option<&Expression>, dev: &Expression) -> Result<()> {
        if self.cx.family != Family::Netdev {
            return refused(format!("fwd in a table of family {}", self.cx.family));
        }
        let mut machine = Machine::default();
        let known = self.argument(dev, device_slot())?;
        let mut fwd = Fwd::to_device(machine.load(&known)?.register());
        if let Some(addr) = addr {
            let Some(number) = family else { return refused("fwd to an address of an unknown family") };
            let known = self.argument(addr, address_slot(family_of(number)?)?)?;
            fwd.address = Some(machine.load(&known)?.register());
        }
        fwd.family = family;
        machine.push(fwd);
        self.cx.push_act(machine.exprs);
        Ok(())
    }
}

/// The family that a map's key speaks of.
fn inferred(addr: &Expression) -> Option<Family> {
    let Expression::Map { key, .. } = addr else { return None };
    let parts = match &**key {
        Expression::Concat(parts) => &parts[..],
        one => std::slice::from_ref(one),
    };
    parts.iter().rev().find_map(|part| match part {
        Expression::Field(field) => match field.load() {
            Load::Packet(Header::Ip, _) => Some(Family::Ip),
            Load::Packet(Header::Ip6, _) => Some(Family::Ip6),
            _ => None,
        },
        _ => None,
    })
}
