//! Named objects and flowtables.

use super::{Printer, priority::priority, sorted_devices, statement::object_word};
use crate::{
    data::{Family, Protocol, hex, show_address},
    expr::SynproxyFlags,
    model::{
        CtTimeout, ErspanOption, Flowtable, FlowtableFlags, GeneveOption, Object, ObjectData, TunnelOption,
        TunnelTemplate,
    },
};
use std::time::Duration;

/// States of a connection with the seconds that they last unless told otherwise.
type Timeouts = &'static [(&'static str, u64)];

const TCP: Timeouts = &[
    ("syn_sent", 120),
    ("syn_recv", 60),
    ("established", 432_000),
    ("fin_wait", 120),
    ("close_wait", 60),
    ("last_ack", 30),
    ("time_wait", 120),
    ("close", 10),
    ("syn_sent2", 120),
    ("retrans", 300),
    ("unack", 300),
];
const UDP: Timeouts = &[("unreplied", 30), ("replied", 120)];

/// The states of a transport protocol by the kernel's numbers, from 1 on.
pub(crate) fn timeout_states(l4proto: u8) -> Timeouts {
    match Protocol::from(l4proto) {
        Protocol::TCP => TCP,
        Protocol::UDP => UDP,
        _ => &[],
    }
}

impl Printer<'_> {
    pub fn object(&mut self, object: &Object) {
        self.family = Some(object.family);
        self.open(object.kind.map_or("unknown", object_word), &object.name, object.handle);
        if let Some(comment) = object.comment() {
            self.push("\n\t\tcomment ");
            self.quoted(&comment);
        }
        match &object.data {
            Some(ObjectData::Counter(_)) if self.stateless => {}
            Some(ObjectData::Counter(counter)) => {
                let (packets, bytes) = (counter.packets.unwrap_or_default(), counter.bytes.unwrap_or_default());
                self.line(format_args!("packets {packets} bytes {bytes}"));
            }
            Some(ObjectData::Quota(quota)) => {
                self.line("");
                self.quota(quota);
            }
            Some(ObjectData::Limit(limit)) => {
                self.line("");
                self.rate(limit, false);
            }
            Some(ObjectData::Secmark(secmark)) => {
                self.line("");
                self.quoted(&String::from_utf8_lossy(secmark.context.as_bytes()));
            }
            Some(ObjectData::CtHelper(helper)) => {
                self.line("type ");
                self.quoted(&String::from_utf8_lossy(helper.name.as_bytes()));
                self.print(format_args!(" protocol {}", Protocol::from(helper.l4proto)));
                self.l3proto(helper.l3proto);
            }
            Some(ObjectData::CtTimeout(timeout)) => self.timeouts(timeout),
            Some(ObjectData::CtExpectation(expected)) => {
                self.line(format_args!("protocol {}", Protocol::from(expected.l4proto)));
                self.line(format_args!("dport {}", expected.dport));
                self.lasting("\n\t\ttimeout ", Duration::from_millis(expected.timeout.into()), "");
                self.line(format_args!("size {}", expected.size));
                self.l3proto(expected.l3proto);
            }
            Some(ObjectData::Synproxy(synproxy)) => {
                let flags = synproxy.flags.unwrap_or_default();
                if flags.contains(SynproxyFlags::MSS) {
                    self.line(format_args!("mss {}", synproxy.mss.unwrap_or_default()));
                }
                if flags.contains(SynproxyFlags::WSCALE) {
                    self.line(format_args!("wscale {}", synproxy.wscale.unwrap_or_default()));
                }
                if flags.intersects(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM) {
                    let timestamp = if flags.contains(SynproxyFlags::TIMESTAMP) { "timestamp" } else { "" };
                    let sack = if flags.contains(SynproxyFlags::SACK_PERM) { "sack-perm" } else { "" };
                    // With a blank in any case, as nft has it.
                    self.line(format_args!("{timestamp} {sack}"));
                }
            }
            Some(ObjectData::Tunnel(tunnel)) => self.tunnel(tunnel),
            Some(ObjectData::Connlimit(limit)) => {
                self.line("");
                self.plain(&limit.clone().into());
            }
            // nft has no words for it, and takes none back.
            other => self.line(format_args!("[ {other:?} ]")),
        }
        self.push("\n\t}\n");
    }

    /// Begins a line in a block.
    fn line(&mut self, text: impl std::fmt::Display) {
        self.print(format_args!("\n\t\t{text}"));
    }

    fn l3proto(&mut self, family: Option<u16>) {
        let family = family.and_then(|family| u8::try_from(family).ok()).map(Family::from);
        match family {
            None | Some(Family::Unknown(_)) => self.line("l3proto unknown"),
            Some(family) => self.line(format_args!("l3proto {family}")),
        }
    }

    fn timeouts(&mut self, timeout: &CtTimeout) {
        self.line(format_args!("protocol {}", Protocol::from(timeout.l4proto)));
        self.l3proto(timeout.l3proto);
        self.line("policy = { ");
        let told = timeout_states(timeout.l4proto).iter().zip(1u16..).filter_map(|((word, usual), number)| {
            let (_, lasts) = timeout.timeouts.iter().find(|(state, _)| *state == number)?;
            (lasts.as_secs() != *usual).then_some((word, lasts))
        });
        self.join(told, ", ", |this, (word, lasts)| this.lasting(&format!("{word} : "), *lasts, ""));
        self.push(" }");
    }

    fn tunnel(&mut self, tunnel: &TunnelTemplate) {
        self.line(format_args!("id {}", tunnel.id));
        if let Some(ip) = &tunnel.ip {
            if let Some(source) = ip.source.filter(|source| !source.is_unspecified()) {
                self.line(format_args!("ip saddr {source}"));
            }
            self.line(format_args!("ip daddr {}", ip.destination));
        }
        if let Some(ip6) = &tunnel.ip6 {
            if let Some(source) = ip6.source.filter(|source| !source.is_unspecified()) {
                self.line(format_args!("ip6 saddr {}", show_address(source.into())));
            }
            self.line(format_args!("ip6 daddr {}", show_address(ip6.destination.into())));
        }
        let numbers = [
            ("sport", tunnel.sport.unwrap_or_default()),
            ("dport", tunnel.dport.unwrap_or_default()),
            ("tos", tunnel.tos.unwrap_or_default().into()),
            ("ttl", tunnel.ttl.unwrap_or_default().into()),
        ];
        for (word, n) in numbers.into_iter().filter(|(_, n)| *n > 0) {
            self.line(format_args!("{word} {n}"));
        }
        let options = || tunnel.options.iter().flat_map(|options| &options.0);
        // The kernel tells options of Geneve one by one, and nft takes one block.
        let geneve = |option: &&TunnelOption| matches!(option, TunnelOption::Geneve(_));
        for option in options().filter(|option| !geneve(option)) {
            self.tunnel_option(option);
        }
        if options().any(|option| geneve(&option)) {
            self.line("geneve {");
            options().for_each(|option| {
                if let TunnelOption::Geneve(all) = option {
                    self.geneve(all)
                }
            });
            self.line("}");
        }
    }

    fn geneve(&mut self, all: &[GeneveOption]) {
        for one in all {
            let data = hex(&one.data);
            self.line(format_args!("\tclass {:#x} opt-type {:#x} data \"0x{data}\"", one.class, one.kind));
        }
    }

    fn tunnel_option(&mut self, option: &TunnelOption) {
        match option {
            TunnelOption::Vxlan(vxlan) => {
                self.line("vxlan {");
                self.line(format_args!("\tgbp {}", vxlan.gbp));
            }
            TunnelOption::Erspan(erspan) => self.erspan(erspan),
            other => self.line(format_args!("[ {other:?} ] {{")),
        }
        self.line("}");
    }

    fn erspan(&mut self, erspan: &ErspanOption) {
        let version = erspan.version.unwrap_or_default();
        self.line("erspan {");
        self.line(format_args!("\tversion {version}"));
        if version == 1 {
            self.line(format_args!("\tindex {}", erspan.index.unwrap_or_default()));
        } else {
            let direction = if erspan.direction.unwrap_or_default() == 0 { "ingress" } else { "egress" };
            self.line(format_args!("\tdirection {direction}"));
            self.line(format_args!("\tid {}", erspan.hwid.unwrap_or_default()));
        }
    }

    pub fn flowtable(&mut self, flowtable: &Flowtable) {
        self.open("flowtable", &flowtable.name, flowtable.handle);
        self.push("\n");
        if let Some(hook) = &flowtable.hook
            && let Some(n) = hook.priority
        {
            let number = hook.number.unwrap_or_default();
            let named = !self.options.numeric_priority;
            let word = super::priority::hook(Family::Netdev, number);
            self.print(format_args!("\t\thook {word} priority {}\n", priority(Family::Netdev, number, n, named)));
        }
        if !flowtable.devices().is_empty() {
            self.push("\t\tdevices = { ");
            self.join(sorted_devices(flowtable.devices()), ", ", |this, device| this.quoted(&device));
            self.push(" }\n");
        }
        let flags = flowtable.flags.unwrap_or_default();
        if flags.contains(FlowtableFlags::HW_OFFLOAD) {
            self.push("\t\tflags offload\n");
        }
        if flags.contains(FlowtableFlags::COUNTER) {
            self.push("\t\tcounter\n");
        }
        self.push("\t}\n");
    }
}
