//! The few rtnetlink requests that a lab needs, over one socket that stays in the host's namespace.

use std::{
    io,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use ipnetwork::IpNetwork;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    link::{
        AfSpecInet6, AfSpecUnspec, Inet6IfaceFlags, InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags,
        LinkInfo, LinkMessage, State,
    },
    route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// The kernel's refusal: its errno, and its explanation where it gave one.
pub(super) struct Refusal {
    pub(super) cause: io::Error,
    pub(super) reason: Option<String>,
}

impl From<io::Error> for Refusal {
    fn from(cause: io::Error) -> Self {
        Self { cause, reason: None }
    }
}

/// A route socket; requests go one at a time.
pub(super) struct Rtnetlink {
    socket: Socket,
    sequence: u32,
}

impl Rtnetlink {
    /// Opens the socket in the calling thread's network namespace, to which it belongs for good.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Explanations arrive only when asked for; without the capped ack they would follow a copy of the request.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

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
        // Asking for it to be up would fail with ENOTCONN: the kernel opens this end before it joins the two.
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

    /// Looks an interface up by name.
    pub(super) fn link(&mut self, name: &str) -> Result<LinkMessage, Refusal> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.into()));
        match self.request(RouteNetlinkMessage::GetLink(link), 0)? {
            Some(RouteNetlinkMessage::NewLink(link)) => Ok(link),
            other => Err(io::Error::other(format!("the kernel answered a question for a link with {other:?}")).into()),
        }
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

    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Refusal> {
        self.request(message, flags | NLM_F_ACK).map(drop)
    }

    /// Sends one request and waits for its answer or acknowledgement.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<Option<RouteNetlinkMessage>, Refusal> {
        self.sequence += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).map_err(io::Error::other)?;
            if answer.header.sequence_number != self.sequence {
                continue;
            }
            return match answer.payload {
                NetlinkPayload::InnerMessage(message) => Ok(Some(message)),
                NetlinkPayload::Error(error) if error.code.is_none() => Ok(None),
                NetlinkPayload::Error(error) => {
                    Err(Refusal { cause: error.to_io(), reason: explanation(&error.header) })
                }
                other => Err(io::Error::other(format!("unexpected netlink message {other:?}")).into()),
            };
        }
    }
}

/// Whether a link passes traffic of both families. "Up" is not enough: the kernel settles the carrier in a work queue,
/// and until then IPv6 ignores the interface.
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

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The text of an extended ack: attribute 1 after the header of the refused request.
fn explanation(payload: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const NLMSGERR_ATTR_MSG: u16 = 1;
    NlasIterator::new(payload.get(HEADER..)?)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)
        .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())
}
