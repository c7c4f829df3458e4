//! The few rtnetlink requests that a lab needs.

use std::{
    io,
    net::{IpAddr, Ipv6Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

use ipnetwork::IpNetwork;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    link::{
        AfSpecInet6, AfSpecUnspec, Inet6IfaceFlags, InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags,
        LinkInfo, LinkMessage, State,
    },
    route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType},
};

use crate::rtnetlink::family;
pub(super) use crate::rtnetlink::{Refusal, Rtnetlink};

impl Rtnetlink {
    /// Brings an interface up.
    pub(super) fn up(&mut self, index: u32) -> Result<(), Refusal> {
        let mut link = up_link();
        link.header.index = index;
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Makes an interface send without asking who is there.
    pub(super) fn without_arp(&mut self, index: u32) -> Result<(), Refusal> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Noarp;
        link.header.change_mask = LinkFlags::Noarp;
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Creates a veth pair: one end here, up, the other in the namespace `elsewhere`, down.
    pub(super) fn veth(&mut self, name: &str, peer: &str, elsewhere: BorrowedFd<'_>) -> Result<(), Refusal> {
        // Asking for it to be up would fail with ENOTCONN: the kernel opens this end before it
        // joins the two.
        let mut other = LinkMessage::default();
        other.attributes.push(LinkAttribute::IfName(peer.into()));
        other.attributes.push(LinkAttribute::NetNsFd(elsewhere.as_raw_fd()));
        self.create(name, InfoKind::Veth, InfoData::Veth(InfoVeth::Peer(other)))
    }

    /// Creates a bridge, up, whose ports forward from the first packet.
    pub(super) fn bridge(&mut self, name: &str) -> Result<(), Refusal> {
        let data = InfoData::Bridge(vec![InfoBridge::ForwardDelay(0)]);
        self.create(name, InfoKind::Bridge, data)
    }

    /// Makes an interface a port of a bridge.
    pub(super) fn enslave(&mut self, port: u32, bridge: u32) -> Result<(), Refusal> {
        let mut link = LinkMessage::default();
        link.header.index = port;
        link.attributes.push(LinkAttribute::Controller(bridge));
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    fn create(&mut self, name: &str, kind: InfoKind, data: InfoData) -> Result<(), Refusal> {
        let mut link = up_link();
        link.attributes.push(LinkAttribute::IfName(name.into()));
        let info = vec![LinkInfo::Kind(kind), LinkInfo::Data(data)];
        link.attributes.push(LinkAttribute::LinkInfo(info));
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Adds an address.
    pub(super) fn address(&mut self, index: u32, network: IpNetwork) -> Result<(), Refusal> {
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.family = family(network.ip());
        message.header.prefix_len = network.prefix();
        if network.is_ipv6() {
            // Without this the address serves nobody for the second that duplicate detection takes.
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        message.attributes.push(AddressAttribute::Local(network.ip()));
        message.attributes.push(AddressAttribute::Address(network.ip()));
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Whether packets to an address are for this host. The kernel makes the route to a new IPv6
    /// address in a work queue (`addrconf_dad_work`), whatever is said of duplicates; until then
    /// such packets are refused, though sockets may be bound to it.
    pub(super) fn is_local(&mut self, address: Ipv6Addr) -> Result<bool, Refusal> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet6;
        message.header.destination_prefix_length = 128;
        message.attributes.push(RouteAttribute::Destination(address.into()));
        match self.request(RouteNetlinkMessage::GetRoute(message), 0) {
            Ok(Some(RouteNetlinkMessage::NewRoute(route))) => Ok(route.header.kind == RouteType::Local),
            Err(Refusal { cause, .. }) if cause.kind() == io::ErrorKind::NetworkUnreachable => Ok(false),
            other => other.map(|_| false),
        }
    }

    /// Adds a route.
    pub(super) fn route(&mut self, network: IpNetwork, gateway: IpAddr) -> Result<(), Refusal> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(network.ip());
        message.header.destination_prefix_length = network.prefix();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.kind = RouteType::Unicast;
        message.attributes.push(RouteAttribute::Destination(network.network().into()));
        message.attributes.push(RouteAttribute::Gateway(gateway.into()));
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
    }
}

/// Whether a link passes traffic of both families. "Up" is not enough: the kernel settles the
/// carrier in a work queue, and until then IPv6 ignores the interface.
pub(super) fn is_ready(link: &LinkMessage) -> bool {
    link.attributes.iter().all(|attribute| match attribute {
        LinkAttribute::OperState(state) => *state == State::Up,
        LinkAttribute::AfSpecUnspec(families) => families.iter().all(|family| match family {
            AfSpecUnspec::Inet6(inet6) => ipv6_is_ready(inet6),
            _ => true,
        }),
        _ => true,
    })
}

fn ipv6_is_ready(inet6: &[AfSpecInet6]) -> bool {
    inet6.iter().any(|item| match item {
        AfSpecInet6::Flags(flags) => flags.contains(Inet6IfaceFlags::Ready),
        AfSpecInet6::DevConf(conf) => conf.disable_ipv6 != 0,
        _ => false,
    })
}

fn up_link() -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link
}
