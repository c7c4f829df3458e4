use super::Masked;

number_types! {
    /// Port of TCP, UDP and their like.
    ///
    /// ```
    /// use oxitables::data::Port;
    /// assert_eq!(Port::from(22).to_string(), "22");
    /// ```
    Port(u16) = 13 "inet_service", Network, Service {}

    /// Transport protocol, as IPv4 and IPv6 number it.
    Protocol(u8) = 12 "inet_proto", Byte, Protocol, file PROTOCOLS {
        /// Internet Control Message Protocol.
        ICMP = 1 "icmp",
        /// Internet Group Management Protocol.
        IGMP = 2 "igmp",
        /// Transmission Control Protocol.
        TCP = 6 "tcp",
        /// User Datagram Protocol.
        UDP = 17 "udp",
        /// Datagram Congestion Control Protocol.
        DCCP = 33 "dccp",
        /// Generic routing encapsulation.
        GRE = 47 "gre",
        /// IPsec, encrypted.
        ESP = 50 "esp",
        /// IPsec, authenticated.
        AH = 51 "ah",
        /// ICMP for IPv6.
        ICMPV6 = 58 "ipv6-icmp",
        /// IPsec, compressed.
        COMP = 108 "ipcomp",
        /// Stream Control Transmission Protocol.
        SCTP = 132 "sctp",
        /// UDP with a partial checksum.
        UDPLITE = 136 "udplite",
        /// Hop-by-hop options of IPv6; the same number stands for no protocol in IPv4.
        IP = 0 "ip",
        /// IPv4 in IP.
        IPIP = 4 "ipencap",
        /// IPv6 in IP.
        IPV6 = 41 "ipv6",
        /// Routing header of IPv6.
        IPV6_ROUTE = 43 "ipv6-route",
        /// Fragment header of IPv6.
        IPV6_FRAG = 44 "ipv6-frag",
        /// Nothing follows an IPv6 header.
        IPV6_NO_NEXT = 59 "ipv6-nonxt",
        /// Destination options of IPv6.
        IPV6_OPTS = 60 "ipv6-opts",
        /// Routing: OSPF.
        OSPF = 89 "ospf",
        /// Multicast routing.
        PIM = 103 "pim",
        /// Routers that stand in for each other.
        VRRP = 112 "vrrp",
        /// Layer two tunnels.
        L2TP = 115 "l2tp",
        /// Mobility header of IPv6.
        MOBILITY = 135 "mobility-header",
    } + {
        58 "icmpv6", 108 "comp",
    }

    /// Protocol above Ethernet.
    EtherType(u16) = 10 "ether_type", Network, Hex(4) {
        /// IPv4.
        IP = 0x0800 "ip",
        /// Address resolution for IPv4.
        ARP = 0x0806 "arp",
        /// IPv6.
        IP6 = 0x86dd "ip6",
        /// A VLAN tag follows, 802.1Q.
        VLAN = 0x8100 "8021q",
        /// An outer VLAN tag follows, 802.1ad.
        VLAN_OUTER = 0x88a8 "8021ad",
    } + {
        0x8100 "vlan",
    }

    /// Address family of a packet, as netfilter numbers it.
    NfProto(u8) = 2 "nf_proto", Byte, Decimal {
        /// IPv4.
        IPV4 = 2 "ipv4",
        /// IPv6.
        IPV6 = 10 "ipv6",
    }

    /// What an ARP packet wants.
    ArpOp(u16) = 11 "arp_op", Network, Decimal {
        /// Who has this address?
        REQUEST = 1 "request",
        /// I have it.
        REPLY = 2 "reply",
        /// Reverse ARP: which address have I?
        RREQUEST = 3 "rrequest",
        /// Reverse ARP: you have this one.
        RREPLY = 4 "rreply",
        /// Inverse ARP: who is at this circuit?
        INREQUEST = 8 "inrequest",
        /// Inverse ARP: I am.
        INREPLY = 9 "inreply",
        /// Refused.
        NAK = 10 "nak",
    }

    /// Type of an ICMP message.
    IcmpType(u8) = 14 "icmp_type", Network, Decimal {
        /// Answer to a ping.
        ECHO_REPLY = 0 "echo-reply",
        /// The packet did not arrive; the code says why.
        DESTINATION_UNREACHABLE = 3 "destination-unreachable",
        /// Send slower; obsolete.
        SOURCE_QUENCH = 4 "source-quench",
        /// There is a better gateway.
        REDIRECT = 5 "redirect",
        /// Ping.
        ECHO_REQUEST = 8 "echo-request",
        /// A router says that it is there.
        ROUTER_ADVERTISEMENT = 9 "router-advertisement",
        /// Is a router there?
        ROUTER_SOLICITATION = 10 "router-solicitation",
        /// Too many hops, or fragments that never came.
        TIME_EXCEEDED = 11 "time-exceeded",
        /// A header makes no sense.
        PARAMETER_PROBLEM = 12 "parameter-problem",
        /// What time is it?
        TIMESTAMP_REQUEST = 13 "timestamp-request",
        /// The time.
        TIMESTAMP_REPLY = 14 "timestamp-reply",
        /// Which network is this? Obsolete.
        INFO_REQUEST = 15 "info-request",
        /// This one. Obsolete.
        INFO_REPLY = 16 "info-reply",
        /// Which mask has this network? Obsolete.
        ADDRESS_MASK_REQUEST = 17 "address-mask-request",
        /// This one. Obsolete.
        ADDRESS_MASK_REPLY = 18 "address-mask-reply",
    }

    /// Type of an ICMPv6 message.
    Icmpv6Type(u8) = 29 "icmpv6_type", Network, Decimal {
        /// The packet did not arrive; the code says why.
        DESTINATION_UNREACHABLE = 1 "destination-unreachable",
        /// Send smaller packets. Never drop these.
        PACKET_TOO_BIG = 2 "packet-too-big",
        /// Too many hops, or fragments that never came.
        TIME_EXCEEDED = 3 "time-exceeded",
        /// A header makes no sense.
        PARAMETER_PROBLEM = 4 "parameter-problem",
        /// Ping.
        ECHO_REQUEST = 128 "echo-request",
        /// Answer to a ping.
        ECHO_REPLY = 129 "echo-reply",
        /// Who listens to which group?
        MLD_LISTENER_QUERY = 130 "mld-listener-query",
        /// I listen.
        MLD_LISTENER_REPORT = 131 "mld-listener-report",
        /// I listen no more.
        MLD_LISTENER_DONE = 132 "mld-listener-done",
        /// Is a router there?
        ND_ROUTER_SOLICIT = 133 "nd-router-solicit",
        /// A router says that it is there, with the prefixes of the link.
        ND_ROUTER_ADVERT = 134 "nd-router-advert",
        /// Who has this address? IPv6's ARP request.
        ND_NEIGHBOR_SOLICIT = 135 "nd-neighbor-solicit",
        /// I have it. IPv6's ARP reply.
        ND_NEIGHBOR_ADVERT = 136 "nd-neighbor-advert",
        /// There is a better gateway.
        ND_REDIRECT = 137 "nd-redirect",
        /// Routers change their prefixes.
        ROUTER_RENUMBERING = 138 "router-renumbering",
        /// Which address has this link address?
        IND_NEIGHBOR_SOLICIT = 141 "ind-neighbor-solicit",
        /// This one.
        IND_NEIGHBOR_ADVERT = 142 "ind-neighbor-advert",
        /// I listen, version 2.
        MLD2_LISTENER_REPORT = 143 "mld2-listener-report",
    } + {
        132 "mld-listener-reduction",
    }

    /// Code of an ICMP message; it means something together with the type only. The names are those
    /// of [`IcmpType::DESTINATION_UNREACHABLE`].
    IcmpCode(u8) = 32 "icmp_code", Network, Decimal as nameless {
        /// No way to the network.
        NET_UNREACHABLE = 0 "net-unreachable",
        /// No way to the host.
        HOST_UNREACHABLE = 1 "host-unreachable",
        /// The host does not speak the protocol.
        PROT_UNREACHABLE = 2 "prot-unreachable",
        /// Nothing listens on the port.
        PORT_UNREACHABLE = 3 "port-unreachable",
        /// Too big, and not to be fragmented.
        FRAG_NEEDED = 4 "frag-needed",
        /// The network is forbidden.
        NET_PROHIBITED = 9 "net-prohibited",
        /// The host is forbidden.
        HOST_PROHIBITED = 10 "host-prohibited",
        /// A firewall forbids it.
        ADMIN_PROHIBITED = 13 "admin-prohibited",
    }

    /// Code of an ICMPv6 message; the names are those of [`Icmpv6Type::DESTINATION_UNREACHABLE`].
    Icmpv6Code(u8) = 33 "icmpv6_code", Network, Decimal as nameless {
        /// No route.
        NO_ROUTE = 0 "no-route",
        /// A firewall forbids it.
        ADMIN_PROHIBITED = 1 "admin-prohibited",
        /// Nobody has the address.
        ADDR_UNREACHABLE = 3 "addr-unreachable",
        /// Nothing listens on the port.
        PORT_UNREACHABLE = 4 "port-unreachable",
        /// The source address is forbidden.
        POLICY_FAIL = 5 "policy-fail",
        /// The route says so.
        REJECT_ROUTE = 6 "reject-route",
    }

    /// Why a packet of either family was rejected; the kernel translates it to the code of the
    /// packet's family.
    IcmpxCode(u8) = 34 "icmpx_code", Network, Decimal {
        /// No route.
        NO_ROUTE = 0 "no-route",
        /// Nothing listens on the port.
        PORT_UNREACHABLE = 1 "port-unreachable",
        /// No way to the host.
        HOST_UNREACHABLE = 2 "host-unreachable",
        /// A firewall forbids it.
        ADMIN_PROHIBITED = 3 "admin-prohibited",
    }

    /// Packet mark or connection mark: 32 bits that mean what the rules make them mean.
    ///
    /// ```
    /// use oxitables::{Mark, meta};
    /// let alone = meta::mark().set(Mark::from(0x10));
    /// let some_bits = meta::mark().set(Mark::bits(0x0100, 0xff00));
    /// assert_eq!(some_bits.to_string(), "meta mark set meta mark & 0xffff00ff | 0x00000100");
    /// ```
    Mark(u32) = 19 "mark", Host, Hex(8) as quoted, file MARKS {}

    /// Index of an interface, as `ip link` numbers it. It changes when the interface is made anew;
    /// its name does not.
    IfIndex(u32) = 20 "iface_index", Host, Interface {}

    /// Hardware type of an interface.
    IfType(u16) = 21 "iface_type", Host, Decimal {
        /// Ethernet and what looks like it, such as veth and Wi-Fi.
        ETHER = 1 "ether",
        /// PPP.
        PPP = 512 "ppp",
        /// Tunnel over IPv4.
        IPIP = 768 "ipip",
        /// Tunnel over IPv6.
        IPIP6 = 769 "ipip6",
        /// Loopback.
        LOOPBACK = 772 "loopback",
        /// IPv6 over IPv4.
        SIT = 776 "sit",
        /// GRE over IPv4.
        IPGRE = 778 "ipgre",
    }

    /// Group of interfaces, as `ip link set group` sets it.
    IfGroup(u32) = 35 "devgroup", Host, Decimal as quoted, file GROUPS {}

    /// Routing realm.
    Realm(u32) = 22 "realm", Host, Decimal as quoted, file REALMS {}

    /// User that owns the socket of a packet sent here.
    Uid(u32) = 24 "uid", Host, User {}

    /// Group that owns the socket of a packet sent here.
    Gid(u32) = 25 "gid", Host, Group {}

    /// Direction of a packet in its connection.
    CtDirection(u8) = 27 "ct_dir", Byte, Decimal {
        /// That of the first packet.
        ORIGINAL = 0 "original",
        /// The other.
        REPLY = 1 "reply",
    }

    /// Who a packet is for, on its link.
    PktType(u8) = 31 "pkt_type", Host, Decimal {
        /// For this host.
        HOST = 0 "host",
        /// For all.
        BROADCAST = 1 "broadcast",
        /// For a group.
        MULTICAST = 2 "multicast",
        /// For somebody else.
        OTHER = 3 "other",
    } + {
        0 "unicast",
    }

    /// Differentiated services code point: how routers shall treat a packet; 6 bits.
    Dscp(u8) = 36 "dscp", Network, Hex(2), bits 6 {
        /// Best effort.
        CS0 = 0x00 "cs0",
        /// Lower effort.
        LEPHB = 0x01 "lephb",
        /// Class 1.
        CS1 = 0x08 "cs1",
        /// Assured forwarding, class 1, low drop.
        AF11 = 0x0a "af11",
        /// Assured forwarding, class 1, medium drop.
        AF12 = 0x0c "af12",
        /// Assured forwarding, class 1, high drop.
        AF13 = 0x0e "af13",
        /// Class 2.
        CS2 = 0x10 "cs2",
        /// Assured forwarding, class 2, low drop.
        AF21 = 0x12 "af21",
        /// Assured forwarding, class 2, medium drop.
        AF22 = 0x14 "af22",
        /// Assured forwarding, class 2, high drop.
        AF23 = 0x16 "af23",
        /// Class 3.
        CS3 = 0x18 "cs3",
        /// Assured forwarding, class 3, low drop.
        AF31 = 0x1a "af31",
        /// Assured forwarding, class 3, medium drop.
        AF32 = 0x1c "af32",
        /// Assured forwarding, class 3, high drop.
        AF33 = 0x1e "af33",
        /// Class 4.
        CS4 = 0x20 "cs4",
        /// Assured forwarding, class 4, low drop.
        AF41 = 0x22 "af41",
        /// Assured forwarding, class 4, medium drop.
        AF42 = 0x24 "af42",
        /// Assured forwarding, class 4, high drop.
        AF43 = 0x26 "af43",
        /// Class 5.
        CS5 = 0x28 "cs5",
        /// Voice, admitted. The word is newer than some nft.
        VOICE_ADMIT = 0x2c "va",
        /// Expedited forwarding.
        EF = 0x2e "ef",
        /// Class 6: routing protocols.
        CS6 = 0x30 "cs6",
        /// Class 7.
        CS7 = 0x38 "cs7",
    } + {
        0 "df", 0 "be",
    }

    /// Explicit congestion notification; 2 bits.
    Ecn(u8) = 37 "ecn", Network, Hex(1), bits 2 {
        /// The ends do not speak it.
        NOT_ECT = 0 "not-ect",
        /// The ends speak it, code 1.
        ECT1 = 1 "ect1",
        /// The ends speak it, code 0.
        ECT0 = 2 "ect0",
        /// Congestion was met.
        CE = 3 "ce",
    }

    /// Day of the week, in UTC.
    Weekday(u8) = 45 "day", Host, Weekday as quoted {
        /// Sunday.
        SUNDAY = 0 "Sunday",
        /// Monday.
        MONDAY = 1 "Monday",
        /// Tuesday.
        TUESDAY = 2 "Tuesday",
        /// Wednesday.
        WEDNESDAY = 3 "Wednesday",
        /// Thursday.
        THURSDAY = 4 "Thursday",
        /// Friday.
        FRIDAY = 5 "Friday",
        /// Saturday.
        SATURDAY = 6 "Saturday",
    }

    /// Second of the day, in UTC. nft shows and reads it in local time, but as a plain number it
    /// stays what it is.
    SecondOfDay(u32) = 44 "hour", Host, Hour {}

    /// Type of an IGMP message.
    IgmpType(u8) = 42 "igmp_type", Network, Decimal {
        /// Who listens to which group?
        MEMBERSHIP_QUERY = 17 "membership-query",
        /// I listen, version 1.
        MEMBERSHIP_REPORT_V1 = 18 "membership-report-v1",
        /// I listen, version 2.
        MEMBERSHIP_REPORT_V2 = 22 "membership-report-v2",
        /// I listen, version 3.
        MEMBERSHIP_REPORT_V3 = 34 "membership-report-v3",
        /// I listen no more.
        LEAVE_GROUP = 23 "leave-group",
    }

    /// Type of a DCCP packet; 4 bits.
    DccpType(u8) = 16 "dccp_pkttype", Byte, Decimal, bits 4 {
        /// Opens the connection.
        REQUEST = 0 "request",
        /// Agrees to it.
        RESPONSE = 1 "response",
        /// Data.
        DATA = 2 "data",
        /// Acknowledges.
        ACK = 3 "ack",
        /// Both.
        DATA_ACK = 4 "dataack",
        /// The server wants to close.
        CLOSE_REQUEST = 5 "closereq",
        /// Closes.
        CLOSE = 6 "close",
        /// Breaks the connection.
        RESET = 7 "reset",
        /// Finds the sequence number again.
        SYNC = 8 "sync",
        /// Here it is.
        SYNC_ACK = 9 "syncack",
    }

    /// Type of a mobility header.
    MhType(u8) = 17 "mh_type", Network, Decimal {
        /// Renew the binding.
        BINDING_REFRESH_REQUEST = 0 "binding-refresh-request",
        /// Test by way of the home address begins.
        HOME_TEST_INIT = 1 "home-test-init",
        /// Test of the care-of address begins.
        CAREOF_TEST_INIT = 2 "careof-test-init",
        /// Test by way of the home address.
        HOME_TEST = 3 "home-test",
        /// Test of the care-of address.
        CAREOF_TEST = 4 "careof-test",
        /// I am here now.
        BINDING_UPDATE = 5 "binding-update",
        /// Noted.
        BINDING_ACKNOWLEDGEMENT = 6 "binding-acknowledgement",
        /// That went wrong.
        BINDING_ERROR = 7 "binding-error",
        /// I shall be there soon.
        FAST_BINDING_UPDATE = 8 "fast-binding-update",
        /// Noted.
        FAST_BINDING_ACKNOWLEDGEMENT = 9 "fast-binding-acknowledgement",
        /// I have arrived.
        FAST_BINDING_ADVERTISEMENT = 10 "fast-binding-advertisement",
        /// For experiments.
        EXPERIMENTAL = 11 "experimental-mobility-header",
        /// Take another home agent.
        HOME_AGENT_SWITCH = 12 "home-agent-switch-message",
    }

    /// What an address is to this host's routes.
    FibAddrType(u32) = 38 "fib_addrtype", Host, Decimal {
        /// Nothing is known.
        UNSPEC = 0 "unspec",
        /// By way of a gateway, or on a link.
        UNICAST = 1 "unicast",
        /// This host.
        LOCAL = 2 "local",
        /// All on a link.
        BROADCAST = 3 "broadcast",
        /// One of several.
        ANYCAST = 4 "anycast",
        /// A group.
        MULTICAST = 5 "multicast",
        /// Dropped.
        BLACKHOLE = 6 "blackhole",
        /// Refused: no way.
        UNREACHABLE = 7 "unreachable",
        /// Refused: forbidden.
        PROHIBIT = 8 "prohibit",
    }

    /// What a multipath TCP option is for; 4 bits.
    MptcpSubtype(u8) = 4 "integer", Network, Decimal, bits 4 {
        /// Opens a connection of several paths.
        MP_CAPABLE = 0 "mp-capable",
        /// Adds a path.
        MP_JOIN = 1 "mp-join",
        /// Where the data belongs.
        DSS = 2 "dss",
        /// I have this address, too.
        ADD_ADDR = 3 "add-addr",
        /// No more.
        REMOVE_ADDR = 4 "remove-addr",
        /// Which path to prefer.
        MP_PRIO = 5 "mp-prio",
        /// Fall back to one path.
        MP_FAIL = 6 "mp-fail",
        /// Break the connection.
        MP_FASTCLOSE = 7 "mp-fastclose",
        /// Break a path.
        MP_TCPRST = 8 "mp-tcprst",
    }

    /// A version 2 control group, by the number of its directory below `/sys/fs/cgroup`.
    CgroupId(u64) = 46 "cgroupsv2", Host, Cgroup {}
}

impl IfGroup {
    /// Where every interface starts.
    pub const DEFAULT: Self = Self(0);
}

impl Mark {
    /// Some bits of a mark: those in `mask` have the value `value`, the others do not matter (or
    /// stay as they are).
    pub fn bits(value: u32, mask: u32) -> Masked<Self> {
        Masked::new(Self(value), Self(mask))
    }
}
