//! Named objects.

use super::{
    super::words::{FAMILIES, OBJECTS},
    model::{comment, handled},
    one,
    stateful::limit_object,
    statement::synproxy,
    word,
};
use crate::{
    data::{Protocol, Typed, hex, show_address},
    expr::QuotaFlags,
    model::{CtTimeout, Object, ObjectData, TunnelOption, TunnelTemplate},
    print::timeout_states,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A named object.
pub(in super::super) fn object(object: &Object) -> Value {
    let mut properties = handled(object.family, Some(&object.table), &object.name, object.handle, true);
    comment(&mut properties, object.comment());
    if let Some(data) = &object.data {
        self::data(data, &mut properties);
    }
    one(object.kind.and_then(|kind| word(OBJECTS, &kind)).unwrap_or("unknown"), properties)
}

fn data(data: &ObjectData, properties: &mut Map<String, Value>) {
    let mut add = |key: &str, value: Value| drop(properties.insert(key.into(), value));
    match data {
        ObjectData::Counter(counter) => {
            add("packets", counter.packets.unwrap_or_default().into());
            add("bytes", counter.bytes.unwrap_or_default().into());
        }
        ObjectData::Quota(quota) => {
            add("bytes", quota.bytes.into());
            add("used", quota.consumed.unwrap_or_default().into());
            add("inv", quota.flags.unwrap_or_default().contains(QuotaFlags::INV).into());
        }
        ObjectData::Secmark(secmark) => add("context", secmark.context.to_string_lossy().into()),
        ObjectData::CtHelper(helper) => {
            add("type", helper.name.to_string_lossy().into());
            add("protocol", protocol(helper.l4proto));
            add("l3proto", l3proto(helper.l3proto));
        }
        ObjectData::CtTimeout(timeout) => {
            add("protocol", protocol(timeout.l4proto));
            add("l3proto", l3proto(timeout.l3proto));
            add("policy", policy(timeout));
        }
        ObjectData::CtExpectation(expectation) => {
            add("protocol", protocol(expectation.l4proto));
            add("dport", expectation.dport.into());
            add("timeout", expectation.timeout.into());
            add("size", expectation.size.into());
            add("l3proto", l3proto(expectation.l3proto));
        }
        ObjectData::Limit(limit) => limit_object(limit, properties),
        ObjectData::Synproxy(offer) => properties.extend(synproxy(offer)),
        ObjectData::Tunnel(template) => tunnel(template, properties),
        // nft has no such objects.
        ObjectData::Connlimit(connlimit) => add("val", connlimit.count.into()),
        ObjectData::Unknown(raw) => add("data", hex(raw).into()),
    }
}

fn protocol(number: u8) -> Value {
    Protocol::FIELD.symbol(&[number]).map_or_else(|| number.into(), Value::from)
}

fn l3proto(number: Option<u16>) -> Value {
    let known = FAMILIES.iter().find(|(_, family)| Some(u16::from(u8::from(*family))) == number);
    known.map_or("unknown", |(name, _)| *name).into()
}

/// What differs from the kernel's settings as they come; null if nothing does.
fn policy(timeout: &CtTimeout) -> Value {
    let other = (1..).zip(timeout_states(timeout.l4proto)).filter_map(|(state, (name, usual))| {
        let (_, set) = timeout.timeouts.iter().find(|(known, _)| *known == state)?;
        (*set != Duration::from_secs(*usual)).then(|| ((*name).into(), set.as_secs().into()))
    });
    super::object_or_null(other.collect())
}

fn tunnel(template: &TunnelTemplate, properties: &mut Map<String, Value>) {
    let mut add = |key: &str, value: Value| drop(properties.insert(key.into(), value));
    let text = |address: Option<String>| address.map_or(Value::Null, Value::from);
    add("id", template.id.into());
    if let Some(ends) = &template.ip {
        add("src-ipv4", text(ends.source.map(|source| source.to_string())));
        add("dst-ipv4", ends.destination.to_string().into());
    }
    if let Some(ends) = &template.ip6 {
        add("src-ipv6", text(ends.source.map(|source| show_address(source.into()))));
        add("dst-ipv6", show_address(ends.destination.into()).into());
    }
    add("sport", template.sport.unwrap_or_default().into());
    add("dport", template.dport.unwrap_or_default().into());
    add("tos", template.tos.unwrap_or_default().into());
    add("ttl", template.ttl.unwrap_or_default().into());
    match template.options.as_ref().and_then(|options| options.0.first()) {
        Some(TunnelOption::Vxlan(vxlan)) => {
            add("type", "vxlan".into());
            add("tunnel", json!({"gbp": vxlan.gbp}));
        }
        Some(TunnelOption::Erspan(erspan)) => {
            add("type", "erspan".into());
            add(
                "tunnel",
                match (erspan.index, erspan.version) {
                    (Some(index), version) if version != Some(2) => json!({"version": 1, "index": index}),
                    _ => json!({
                        "version": 2,
                        "dir": if erspan.direction == Some(1) { "egress" } else { "ingress" },
                        "hwid": erspan.hwid.unwrap_or_default(),
                    }),
                },
            );
        }
        Some(TunnelOption::Geneve(_)) => {
            let all = template.options.iter().flat_map(|options| &options.0);
            let options: Vec<_> = all
                .filter_map(|option| if let TunnelOption::Geneve(options) = option { Some(options) } else { None })
                .flatten()
                .map(|option| {
                    json!({"class": option.class, "opt-type": option.kind, "data": format!("0x{}", hex(&option.data))})
                })
                .collect();
            add("type", "geneve".into());
            add("tunnel", options.into());
        }
        Some(TunnelOption::Unknown(_)) | None => {}
    }
}
