//! Steps of traced packets, as `nft monitor trace` prints them.

use super::Printer;
use crate::{
    data::{CtState, CtStatus, EtherType, Family, FieldType, Form, Style, Verdict, VerdictCode},
    lang::{
        field::{Load, Spec},
        fields,
    },
    model::{Rule, Ruleset, Trace, TraceType},
    print::{Index, Options},
};
use std::fmt;

/// A step of a packet as text, by [`Ruleset::trace`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it is printed with `{}` or `to_string()`"]
pub struct TraceText<'a> {
    ruleset: &'a Ruleset,
    step: &'a Trace,
}

impl Ruleset {
    /// A step of a packet in the words of `nft monitor trace`: a line, or several, since the first
    /// step at a hook tells of the packet as well.
    ///
    /// nft prints nothing for the end of a chain; here it is told. Of ICMP and ICMPv6, the fields
    /// are printed that the type has, where nft prints the same for all. A rule that came after
    /// this ruleset was read is told by its handle alone.
    ///
    /// ```
    /// use oxitables::{Family, model::{Ruleset, Trace}};
    /// // As the kernel tells it: table t, chain c, rule 7, verdict accept, packet 0x1234.
    /// let bytes = [
    ///     &[6, 0, 1, 0, b't', 0, 0, 0][..], &[6, 0, 2, 0, b'c', 0, 0, 0], &[12, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 7],
    ///     &[8, 0, 4, 0, 0, 0, 0, 3], &[12, 0, 5, 0, 8, 0, 1, 0, 0, 0, 0, 1], &[8, 0, 6, 0], &0x1234u32.to_be_bytes(),
    /// ].concat();
    /// let step = Trace::from_attributes(Family::Inet, &bytes).unwrap();
    /// let nothing = Ruleset::new(1.into());
    /// assert_eq!(nothing.trace(&step).to_string(), "trace id 00001234 inet t c unknown rule handle 7 (verdict accept)");
    /// ```
    pub fn trace<'a>(&'a self, step: &'a Trace) -> TraceText<'a> {
        TraceText { ruleset: self, step }
    }

    /// The rule of a step, if it has one, and if it was there when this ruleset was read.
    pub fn traced_rule(&self, step: &Trace) -> Option<&Rule> {
        self.rule(step.family, step.table.as_ref()?, step.rule?)
    }
}

impl fmt::Display for TraceText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ruleset, step } = self;
        let mut lines = Vec::new();
        if let Some(state) = step.ct_state {
            lines.push(format!("conntrack: {}", conntrack(step, state)));
        }
        if step.link_header.is_some() || step.network_header.is_some() {
            lines.push(format!("packet: {}", packet(step).join(" ")));
        }
        let verdict = |verdict: &Verdict| {
            let (options, index) = (Options::default(), Index::default());
            let mut printer = Printer::new(&options, &index);
            printer.verdict(verdict);
            format!("verdict {}", printer.out)
        };
        let said = step.verdict.as_ref().map(verdict).unwrap_or_default();
        lines.push(match (step.kind, step.rule) {
            (TraceType::Rule, Some(handle)) => match ruleset.traced_rule(step) {
                Some(rule) => format!("rule {} ({said})", ruleset.text_of(rule)),
                None => format!("unknown rule handle {handle} ({said})"),
            },
            (TraceType::Rule, None) => format!("end of chain ({said})"),
            (TraceType::Policy, _) => {
                let policy = match step.policy.map(|policy| VerdictCode::from(policy.cast_signed())) {
                    Some(VerdictCode::Drop) => "policy drop",
                    Some(VerdictCode::Accept) => "policy accept",
                    _ => "policy",
                };
                [policy.into(), mark(step)].concat()
            }
            _ => [said, mark(step)].concat(),
        });
        for (n, line) in lines.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "trace id {:08x} {}", step.id.unwrap_or_default(), step.family)?;
            for name in [&step.table, &step.chain].into_iter().flatten() {
                write!(f, " {}", name)?;
            }
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

fn mark(step: &Trace) -> String {
    step.mark.map(|mark| format!(" meta mark {mark:#010x}")).unwrap_or_default()
}

fn conntrack(step: &Trace, state: u32) -> String {
    let mut parts = Vec::new();
    match step.ct_direction {
        Some(0) => parts.push("ct direction original".into()),
        Some(1) => parts.push("ct direction reply".into()),
        Some(other) => parts.push(format!("ct direction {other}")),
        None => {}
    }
    parts.push(format!("ct state {}", CtState::from_bits_retain(state)));
    parts.extend(step.ct_status.map(|status| format!("ct status {}", CtStatus::from_bits_retain(status))));
    parts.extend(step.ct_id.map(|id| format!("ct id {id}")));
    parts.join(" ")
}

/// Fields of headers that nft prints, in its order.
const ETHER: &[&str] = &["saddr", "daddr"];
const IP: &[&str] = &["saddr", "daddr", "dscp", "ecn", "ttl", "id"];
const IP6: &[&str] = &["saddr", "daddr", "dscp", "ecn", "hoplimit", "flowlabel"];
/// By protocol.
const TRANSPORTS: &[(u8, &str, &[&str])] = &[
    (1, "icmp", &["type", "code", "id", "sequence", "gateway", "mtu"]),
    (6, "tcp", &["sport", "dport", "flags", "window"]),
    (17, "udp", &["sport", "dport", "length", "checksum"]),
    (33, "dccp", &["sport", "dport", "type"]),
    (58, "icmpv6", &["type", "code", "param-problem", "mtu", "id", "sequence", "max-delay", "taddr"]),
    (132, "sctp", &["sport", "dport", "vtag"]),
    (136, "udplite", &["sport", "dport", "checksum"]),
];

/// What the headers of a packet say.
fn packet(step: &Trace) -> Vec<String> {
    let mut parts = Vec::new();
    for (word, index) in [("iif", step.iif), ("oif", step.oif)] {
        if let (Some(index), Some(spec)) = (index, field("meta", word)) {
            parts.push(format!("{word} {}", show(&spec.ty, &index.to_be_bytes(), Style::LISTED)));
        }
    }
    let link = step.link_header.as_deref().unwrap_or_default();
    let layered = matches!(step.family, Family::Bridge | Family::Netdev);
    // Devices that are no Ethernet have other headers.
    let ether = link.len() >= 14 && (layered || step.iiftype == Some(1));
    let ethertype = link.get(12..14).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    if ether {
        header(&mut parts, "ether", ETHER, link);
    }
    let network = step.network_header.as_deref().unwrap_or_default();
    let protocol = match (step.family, step.nfproto, EtherType::from(ethertype)) {
        (Family::Arp, ..) => "arp",
        (Family::Ip, ..) | (Family::Inet, Some(2), _) => "ip",
        (Family::Ip6, ..) | (Family::Inet, Some(10), _) => "ip6",
        (Family::Bridge | Family::Netdev, _, EtherType::IP) => "ip",
        (Family::Bridge | Family::Netdev, _, EtherType::IP6) => "ip6",
        (Family::Bridge | Family::Netdev, _, EtherType::ARP) => "arp",
        _ => {
            if ether {
                header(&mut parts, "ether", &["type"], link);
            }
            return parts;
        }
    };
    let (addresses, above, at): (&[&str], _, _) = match protocol {
        "ip" => (IP, "protocol", 9),
        "ip6" => (IP6, "nexthdr", 6),
        _ => {
            header(&mut parts, "arp", &["operation"], network);
            return parts;
        }
    };
    header(&mut parts, protocol, addresses, network);
    let number = network.get(at).copied().unwrap_or(255);
    let transport = TRANSPORTS.iter().find(|(known, ..)| *known == number);
    // In these families the fields behind it say it, as in a listing.
    let implied = matches!(step.family, Family::Ip | Family::Ip6) && step.transport_header.is_some();
    if transport.is_none() || !implied {
        header(&mut parts, protocol, &[above], network);
    }
    header(&mut parts, protocol, &["length"], network);
    if let (Some((_, name, of)), Some(bytes)) = (transport, &step.transport_header) {
        header(&mut parts, name, of, bytes);
    }
    parts
}

fn field(header: &str, name: &str) -> Option<&'static Spec> {
    fields::all().find(|spec| (spec.header, spec.field) == (header, name))
}

/// Appends the fields of a header that are there.
fn header(parts: &mut Vec<String>, name: &str, of: &[&str], bytes: &[u8]) {
    for spec in of.iter().filter_map(|word| field(name, word)) {
        let Load::Packet(_, offset) = spec.load else { continue };
        let Some(value) = bits(bytes, offset.into(), spec.bits.into()) else { continue };
        if !spec.needs.is_empty() && !bytes.first().is_some_and(|kind| spec.needs.contains(kind)) {
            continue;
        }
        let code = name.starts_with("icmp") && spec.field == "code";
        let several = spec.ty.bits && value.iter().map(|byte| byte.count_ones()).sum::<u32>() > 1;
        let style = if code || several { Style::LISTED.with(Form::Bound) } else { Style::LISTED };
        let equal = if spec.ty.bits { " ==" } else { "" };
        let value = if code { value[0].to_string() } else { show(&spec.ty, &value, style) };
        parts.push(format!("{}{equal} {value}", spec.words));
    }
}

/// Names of devices are what somebody made them.
fn show(ty: &FieldType, value: &[u8], style: Style) -> String {
    crate::print::harmless(&ty.text(value, style), false)
}

/// Bits of a header, as a number of whole bytes.
fn bits(bytes: &[u8], offset: usize, len: usize) -> Option<Vec<u8>> {
    let taken = bytes.get(offset / 8..(offset + len).div_ceil(8))?;
    if offset.is_multiple_of(8) && len.is_multiple_of(8) {
        return Some(taken.to_vec());
    }
    // Fields that begin within a byte are short.
    let number = taken.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let below = taken.len() * 8 - offset % 8 - len;
    let number = number >> below & ((1 << len) - 1);
    Some(number.to_be_bytes()[8 - len.div_ceil(8)..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_step_makes_it_panic(
            step in Trace::any_attrs(Family::Inet), family: u8, version in prop::sample::select(vec![2u32, 10, 7]),
            network in prop::collection::vec(prop_oneof![Just(6u8), Just(17), Just(1), Just(58), any::<u8>()], 0..44),
        ) {
            let family = Family::from(family % 11);
            let step = Trace { family, nfproto: Some(version), network_header: Some(network), ..step };
            let text = Ruleset::new(1.into()).trace(&step).to_string();
            prop_assert!(text.lines().all(|line| line.starts_with("trace id ")));
        }

        #[test]
        fn bits_are_those_of_the_header(bytes in prop::collection::vec(any::<u8>(), 0..12), offset in 0usize..90, len in 1usize..40) {
            let bit = |at: usize| bytes.get(at / 8).map(|byte| byte >> (7 - at % 8) & 1);
            let wanted: Option<Vec<u8>> = (offset..offset + len).map(bit).collect();
            let found = bits(&bytes, offset, len);
            prop_assert_eq!(found.is_some(), wanted.is_some());
            if let (Some(found), Some(wanted)) = (found, wanted) {
                let number = found.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
                prop_assert_eq!(number, wanted.iter().fold(0u64, |n, bit| n << 1 | u64::from(*bit)));
            }
        }
    }
}
