//! Named objects.

use super::{
    super::{
        node::{Node, Result},
        words::FAMILIES,
    },
    declare::{Named, Wanted, named},
    stateful,
    statement::synproxy_of,
};
use crate::{
    data::{Family, unhex},
    expr::{Counter, Expr, ObjectType, Quota},
    model::{
        CtExpectation, CtHelper, CtTimeout, ErspanOption, GeneveOption, Object, ObjectData, Secmark, TunnelOption,
        TunnelTemplate, VxlanOption,
    },
    print::timeout_states,
};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};

/// A named object.
pub(in super::super) fn object(kind: ObjectType, node: &Node<'_>, wanted: Wanted) -> Result<Object> {
    let Named { table, name, handle } = named(node, wanted)?;
    let mut object = Object { handle, ..Object::named(&table, kind, name) };
    if wanted == Wanted::Whole {
        object.data = Some(data(kind, node)?);
        if let Some(comment) = node.get("comment")? {
            object = object.with_comment(comment.text()?);
        }
    }
    Ok(object)
}

fn data(kind: ObjectType, node: &Node<'_>) -> Result<ObjectData> {
    Ok(match kind {
        ObjectType::Counter => {
            Counter { packets: node.maybe_number("packets")?, bytes: node.maybe_number("bytes")?, ..Counter::new() }
                .into()
        }
        ObjectType::Quota => {
            let bytes = node.need("bytes")?.number()?;
            let quota = if node.truth("inv")? { Quota::over(bytes) } else { Quota::until(bytes) };
            Quota { consumed: node.maybe_number("used")?.filter(|used| *used > 0), ..quota }.into()
        }
        ObjectType::Limit => match stateful::limit(node)? {
            // nft gives a statement a burst of 5, and an object none.
            Some(Expr::Limit(limit)) if !node.has("burst") => limit.with_burst(0).into(),
            Some(Expr::Limit(limit)) => limit.into(),
            _ => return node.fault("`rate` is missing"),
        },
        ObjectType::CtHelper => {
            let helper = CtHelper::new(node.need("type")?.text()?, protocol(node)?);
            l3proto(node)?.map_or(helper.clone(), |family| helper.with_family(family)).into()
        }
        ObjectType::CtTimeout => timeouts(node)?.into(),
        ObjectType::CtExpect => {
            let (dport, size) = (node.need("dport")?.number()?, node.need("size")?.number()?);
            let timeout = Duration::from_millis(node.need("timeout")?.number()?);
            let expectation = CtExpectation::new(protocol(node)?, dport, timeout, size);
            l3proto(node)?.map_or(expectation.clone(), |family| expectation.with_family(family)).into()
        }
        ObjectType::Secmark => Secmark::new(node.need("context")?.text()?).into(),
        ObjectType::Synproxy => {
            node.need("mss")?;
            node.need("wscale")?;
            synproxy_of(node)?.into()
        }
        ObjectType::Tunnel => tunnel(node)?.into(),
        _ => return node.fault("no such object"),
    })
}

fn protocol(node: &Node<'_>) -> Result<u8> {
    node.need("protocol")?.choice(&[("tcp", 6), ("udp", 17)])
}

fn l3proto(node: &Node<'_>) -> Result<Option<Family>> {
    node.maybe("l3proto", |node| node.choice(FAMILIES))
}

fn timeouts(node: &Node<'_>) -> Result<CtTimeout> {
    let l4proto = protocol(node)?;
    let states = timeout_states(l4proto);
    let mut timeouts = CtTimeout::new(l4proto);
    if let Some(family) = l3proto(node)? {
        timeouts = timeouts.with_family(family);
    }
    let Some(policy) = node.get("policy")? else {
        return Ok(timeouts);
    };
    for (state, seconds) in policy.properties()? {
        let Some(number) = (1..).zip(states).find_map(|(number, (name, _))| (*name == state).then_some(number)) else {
            let names: Vec<_> = states.iter().map(|(name, _)| *name).collect();
            return seconds.fault(format!("`{state}` is none of {}", names.join(", ")));
        };
        timeouts = timeouts.with(number as u16, Duration::from_secs(seconds.number()?));
    }
    Ok(timeouts)
}

fn address<T: FromStr>(node: &Node<'_>) -> Result<T> {
    node.text()?.parse().or_else(|_| node.fault("expected an address"))
}

fn tunnel(node: &Node<'_>) -> Result<TunnelTemplate> {
    let id = node.maybe_number("id")?.unwrap_or_default();
    let mut tunnel = match (node.get("dst-ipv4")?, node.get("dst-ipv6")?) {
        (Some(destination), None) => {
            let source = address::<Ipv4Addr>(&node.need("src-ipv4")?)?;
            let mut tunnel = TunnelTemplate::to_ip(id, address(&destination)?);
            tunnel.ip.iter_mut().for_each(|ends| ends.source = Some(source));
            tunnel
        }
        (None, Some(destination)) => {
            let source = address::<Ipv6Addr>(&node.need("src-ipv6")?)?;
            let mut tunnel = TunnelTemplate::to_ip6(id, address(&destination)?);
            tunnel.ip6.iter_mut().for_each(|ends| ends.source = Some(source));
            tunnel
        }
        _ => return node.fault("one of `dst-ipv4` and `dst-ipv6` is needed"),
    };
    tunnel.sport = node.maybe_number("sport")?;
    tunnel.dport = node.maybe_number("dport")?;
    tunnel.tos = node.maybe_number("tos")?;
    tunnel.ttl = node.maybe_number("ttl")?;
    let Some(kind) = node.maybe("type", |node| node.choice(&[("erspan", 0), ("vxlan", 1), ("geneve", 2)]))? else {
        return Ok(tunnel);
    };
    let options = node.need("tunnel")?;
    Ok(tunnel.with_option(match kind {
        0 => TunnelOption::Erspan(erspan(&options)?),
        1 => TunnelOption::Vxlan(VxlanOption::new(options.need("gbp")?.number()?)),
        _ => TunnelOption::Geneve(options.each(geneve)?),
    }))
}

fn erspan(node: &Node<'_>) -> Result<ErspanOption> {
    let version = node.need("version")?;
    match version.number::<u32>()? {
        1 => Ok(ErspanOption::v1(node.need("index")?.number()?)),
        2 => {
            let direction = node.need("dir")?.choice(&[("ingress", 0), ("egress", 1)])?;
            Ok(ErspanOption::v2(node.need("hwid")?.number()?, direction))
        }
        _ => version.fault("expected 1 or 2"),
    }
}

fn geneve(node: &Node<'_>) -> Result<GeneveOption> {
    let data = node.need("data")?;
    let Some(bytes) = data.text()?.strip_prefix("0x").and_then(unhex) else {
        return data.fault("expected `0x` and pairs of hexadecimal digits");
    };
    Ok(GeneveOption::new(node.need("class")?.number()?, node.need("opt-type")?.number()?, bytes))
}
