//! Services that are never to be seen from outside.

use super::{Recipe, fill};
use crate::{data::CtDirection, expr::Counter, model::Object, *};
use std::ops::RangeInclusive;

/// finger, portmapper, NetBIOS, snmp, what Windows does without NetBIOS, exec with login and shell,
/// X.
const TCP: [RangeInclusive<u16>; 7] = [79..=79, 111..=111, 137..=139, 161..=162, 445..=445, 512..=514, 6000..=6063];

/// tftp, portmapper, NetBIOS, snmp, what Windows does without NetBIOS, biff with who and syslog.
const UDP: [RangeInclusive<u16>; 6] = [69..=69, 111..=111, 137..=139, 161..=162, 445..=445, 512..=514];

/// Services that are never to be seen from outside, as [`closed_services`] hides them.
#[derive(Clone, Debug)]
pub struct ClosedServices {
    outside: IfName,
    tcp: Vec<Pattern<Port>>,
    udp: Vec<Pattern<Port>>,
}

/// From outside nobody sees tftp, finger, the portmapper, NetBIOS, snmp, exec, login, shell and X,
/// neither of this host nor of those behind it: their ports look as if nobody were there. Inside
/// they are as they were.
///
/// ```
/// use oxitables::{Client, recipes::{Recipe, closed_services}};
///
/// fn protect() -> oxitables::Result<()> {
///     let closed = closed_services("eth0").with_tcp([9100]).with_udp([5353]);
///     let mut batch = closed.batch();
///     // The sets are there to be changed, now or later: whoever comes with 6063 is let in.
///     batch.delete(closed.tcp().elements([closed.tcp().element(6000..=6063)]));
///     batch.add(closed.tcp().elements([closed.tcp().element(6000..=6062)]));
///     Client::open()?.apply(&batch)?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// It is decided before anything is routed or translated, so it holds for the port that a packet
/// comes with: what is published on purpose under another port is reached. Whoever asks from
/// within, be it from one of these ports, gets the answers; where to they ask is not the concern of
/// this. What is dropped is counted as `closed`. Who can forge addresses of inside from the outer
/// link can forge a question, too, and then send the "answer":
/// [`strict_source`](super::strict_source()) drops such.
///
/// Applied again, it closes what it names and nothing else: changes of its sets are made again
/// afterwards, as above.
///
/// # The article
///
/// A rule of ipchains or iptables for each port, on the outer interface, for the host itself.
/// Better here: what is forwarded and IPv6 are covered; two sets say what is closed; and clients
/// whose own port is among 6000 to 6063 are not cut off from the answers, because connections are
/// known. A TCP segment of no known connection is not an answer. Added: `445`, by which Windows
/// does since what it did by NetBIOS, and the UDP halves of 512 to 514.
///
/// # Kernel
///
/// Since 4.1; conntrack (`nf_conntrack`).
pub fn closed_services(outside: impl Into<IfName>) -> ClosedServices {
    ClosedServices {
        outside: outside.into(),
        tcp: TCP.map(Pattern::from).to_vec(),
        udp: UDP.map(Pattern::from).to_vec(),
    }
}

impl ClosedServices {
    /// With more TCP ports, or ranges of them. Those that overlap are refused.
    pub fn with_tcp<P: Into<Pattern<Port>>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.tcp.extend(ports.into_iter().map(Into::into));
        self
    }

    /// With more UDP ports.
    pub fn with_udp<P: Into<Pattern<Port>>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.udp.extend(ports.into_iter().map(Into::into));
        self
    }

    /// The TCP ports that are closed.
    pub fn tcp(&self) -> Set<Port> {
        Set::new(&self.table(), "closed_tcp").interval()
    }

    /// The UDP ports that are closed.
    pub fn udp(&self) -> Set<Port> {
        Set::new(&self.table(), "closed_udp").interval()
    }

    /// What comes in.
    pub fn incoming(&self) -> Chain {
        self.table().chain("incoming").with_hook(Hook::Prerouting, Priority::MANGLE)
    }
}

impl Recipe for ClosedServices {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "closed_services")
    }

    fn add_to(&self, batch: &mut Batch) {
        let (tcp, udp) = (self.tcp(), self.udp());
        batch.add(self.table()).add(Object::new(&self.table(), "closed", Counter::new())).add(&tcp).add(&udp);
        for (set, ports) in [(&tcp, &self.tcp), (&udp, &self.udp)] {
            batch.flush(set).add(set.elements(ports.iter().map(|ports| set.element(*ports))));
        }
        let closed = |port: Match| Rule::new().when(port).then(counter_named("closed")).drop();
        fill(
            batch,
            &self.incoming(),
            [
                Rule::new().when(meta::iifname().is_not(self.outside)).accept(),
                Rule::new()
                    .when(ct::direction().is(CtDirection::REPLY))
                    .comment("answers to whoever asks within")
                    .accept(),
                closed(crate::tcp::dport().is_in(&tcp)),
                closed(crate::udp::dport().is_in(&udp)),
            ],
        );
    }
}
