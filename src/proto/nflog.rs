use crate::{
    data::{EtherType, Family, Hook, Protocol},
    wire::{
        Form, Writer, attrs,
        message::{self, F_ACK, F_REQUEST, NLMSG_ERROR, messages},
    },
};
use std::{
    collections::VecDeque,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, SystemTime},
};

/// `NFNL_SUBSYS_ULOG`
const SUBSYSTEM: u16 = 4;
const PACKET: u8 = 0;
const CONFIG: u16 = 1;

/// What is to be heard of a group of `log group N` statements, and how.
///
/// ```
/// use oxitables::proto::LogGroup;
/// let group = LogGroup::new(5).with_copy(96).with_queue(20, std::time::Duration::from_millis(100));
/// ```
///
/// Kernel: `nfulnl_recv_config` in `nfnetlink_log.c`; nftables has groups since 3.14.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogGroup {
    group: u16,
    copy: u32,
    queue: u32,
    wait: Duration,
}

impl LogGroup {
    /// The group with this number: 128 bytes of each packet, told at once.
    pub fn new(group: u16) -> Self {
        Self { group, copy: 128, queue: 1, wait: Duration::ZERO }
    }

    /// The number of the group.
    pub fn number(&self) -> u16 {
        self.group
    }

    /// Asks for so many bytes of each packet, from its network header on; 0 for none. The rule may
    /// say less (`snaplen`).
    pub fn with_copy(mut self, bytes: u32) -> Self {
        self.copy = bytes;
        self
    }

    /// Lets the kernel gather up to `packets` before it tells of them, but no longer than `wait`,
    /// in steps of 10 ms. A rule may say another number of packets (`queue-threshold`).
    pub fn with_queue(mut self, packets: u32, wait: Duration) -> Self {
        (self.queue, self.wait) = (packets, wait);
        self
    }
}

/// Reads a group's packets: sans-I/O.
///
/// Send [`request`](Self::request) and feed what arrives. The kernel numbers the packets of a
/// group, so what gets lost is counted.
///
/// ```
/// use oxitables::proto::{LogGroup, Logged, Nflog};
///
/// let mut log = Nflog::new(LogGroup::new(5));
/// assert_eq!(log.request().len() % 4, 0);
/// log.handle_overrun();
/// assert_eq!(log.poll(), Some(Logged::Lost(None)));
/// assert_eq!(log.bound(), None, "the kernel has not answered yet");
/// ```
#[derive(Debug)]
pub struct Nflog {
    config: LogGroup,
    bound: Option<Result<(), i32>>,
    /// Number of the next packet; they count from 0.
    next: u32,
    news: VecDeque<Logged>,
}

/// What an [`Nflog`] tells.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Logged {
    /// A packet.
    Packet(Box<LogRecord>),
    /// Packets got lost: so many, as the numbers of the kernel tell, or `None` where only the
    /// socket says so (`ENOBUFS`); how many it were is then told before the next packet.
    Lost(Option<u32>),
}

/// A packet that a rule logged.
///
/// Kernel: `__build_packet_message` in `nfnetlink_log.c`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogRecord {
    /// Family of the hook: [`Family::Ip`] or [`Family::Ip6`] in inet tables.
    pub family: Family,
    /// Number of the packet in its group; counts from 0.
    pub number: Option<u32>,
    /// What the rule says of it (`log prefix`).
    pub prefix: String,
    /// Where the rule's chain is hooked.
    pub hook: Option<Hook>,
    /// Protocol of the payload (`ETH_P_*`).
    pub protocol: u16,
    /// When it arrived, if that was noted.
    pub time: Option<SystemTime>,
    /// Mark; `None` if it has none.
    pub mark: Option<u32>,
    /// Index of the incoming device, of the bridge if it came through one.
    pub iif: Option<u32>,
    /// Index of the outgoing device.
    pub oif: Option<u32>,
    /// Index of the bridge's port that it came by.
    pub physiif: Option<u32>,
    /// Index of the bridge's port that it leaves by.
    pub physoif: Option<u32>,
    /// Hardware address of who sent it to this machine, up to 8 bytes.
    pub hwaddr: Vec<u8>,
    /// Hardware type of the incoming device (`ARPHRD_*`).
    pub hwtype: Option<u16>,
    /// Link-layer header.
    pub hwheader: Vec<u8>,
    /// User whose socket sent it; as the user namespace of the reader's socket knows him.
    pub uid: Option<u32>,
    /// His group.
    pub gid: Option<u32>,
    /// The packet from its network header on, as much as was asked for.
    pub payload: Vec<u8>,
}

/// Between whom a packet is: `tcp 192.0.2.7:4000 -> 198.51.100.1:22`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Flow {
    /// Source address.
    pub saddr: IpAddr,
    /// Destination address.
    pub daddr: IpAddr,
    /// Transport protocol, behind extension headers.
    pub protocol: Protocol,
    /// Source and destination port of TCP, UDP, UDP-Lite, SCTP and DCCP; not of later fragments.
    pub ports: Option<(u16, u16)>,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { saddr, daddr, protocol, ports } = self;
        match ports {
            Some((from, to)) => {
                write!(f, "{protocol} {} -> {}", SocketAddr::new(*saddr, *from), SocketAddr::new(*daddr, *to))
            }
            None => write!(f, "{protocol} {saddr} -> {daddr}"),
        }
    }
}

impl Nflog {
    /// To read this group.
    pub fn new(group: LogGroup) -> Self {
        Self { config: group, bound: None, next: 0, news: VecDeque::new() }
    }

    /// What to send first: binds the group to the socket, which is the only one that hears of it.
    pub fn request(&self) -> Vec<u8> {
        let LogGroup { group, copy, queue, wait } = self.config;
        let mut out = Writer::new(Form::Request);
        let start = message::begin(&mut out, SUBSYSTEM << 8 | CONFIG, F_REQUEST | F_ACK, 1, 0, group);
        // `NFULNL_CFG_CMD_BIND`; then `NFULNL_COPY_PACKET`, or `NFULNL_COPY_META` where nothing is
        // to be copied.
        out.number(1, [1]);
        let [a, b, c, d] = copy.to_be_bytes();
        out.leaf(2, "mode", &[a, b, c, d, if copy == 0 { 1 } else { 2 }, 0]);
        // Hundredths of a second. Without a wait there is nothing to wait for; zero would mean for
        // ever.
        let hundredths = u32::try_from(wait.as_millis().div_ceil(10)).unwrap_or(u32::MAX).max(1);
        out.number(4, hundredths.to_be_bytes());
        out.number(5, queue.max(1).to_be_bytes());
        // `NFULNL_CFG_F_SEQ`: packets are numbered.
        out.number(6, 1u16.to_be_bytes());
        message::finish(&mut out, start);
        out.into_parts().0
    }

    /// Whether the kernel has bound the group, or the error number that it refused with; `None` if
    /// it has not answered yet.
    pub fn bound(&self) -> Option<Result<(), i32>> {
        self.bound
    }

    /// Takes a datagram.
    pub fn handle(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            let Ok(message) = message else { return self.handle_overrun() };
            if message.kind == NLMSG_ERROR
                && message.seq == 1
                && let Ok(ack) = message.ack()
            {
                self.bound = Some(if ack.errno == 0 { Ok(()) } else { Err(ack.errno) });
            }
            if message.of(SUBSYSTEM) == Some(PACKET) && message.res_id() == self.config.group {
                self.packet(LogRecord::read(message.family(), message.attributes()));
            }
        }
    }

    fn packet(&mut self, record: LogRecord) {
        if let Some(number) = record.number {
            let lost = number.wrapping_sub(self.next);
            if lost > 0 {
                self.news.push_back(Logged::Lost(Some(lost)));
            }
            self.next = number.wrapping_add(1);
        }
        self.news.push_back(Logged::Packet(record.into()));
    }

    /// Notes that the socket lost datagrams (`ENOBUFS`).
    pub fn handle_overrun(&mut self) {
        self.news.push_back(Logged::Lost(None));
    }

    /// What comes next, if there is something.
    pub fn poll(&mut self) -> Option<Logged> {
        self.news.pop_front()
    }
}

/// A number in network order; `None` if there are not enough bytes.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk()?))
}

fn be64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.first_chunk()?))
}

impl LogRecord {
    /// What cannot be read is left out.
    fn read(family: u8, attributes: &[u8]) -> Self {
        let family = Family::from(family);
        let mut record = Self {
            family,
            number: None,
            prefix: String::new(),
            hook: None,
            protocol: 0,
            time: None,
            mark: None,
            iif: None,
            oif: None,
            physiif: None,
            physoif: None,
            hwaddr: Vec::new(),
            hwtype: None,
            hwheader: Vec::new(),
            uid: None,
            gid: None,
            payload: Vec::new(),
        };
        for attr in attrs(attributes).flatten() {
            let bytes = attr.payload;
            match attr.kind {
                1 => {
                    record.protocol = be16(bytes, 0).unwrap_or_default();
                    record.hook = bytes.get(2).and_then(|&hook| Hook::from_number(family, hook.into()));
                }
                2 => record.mark = be32(bytes),
                3 => record.time = moment(bytes),
                4 => record.iif = be32(bytes),
                5 => record.oif = be32(bytes),
                6 => record.physiif = be32(bytes),
                7 => record.physoif = be32(bytes),
                8 => {
                    let len = be16(bytes, 0).unwrap_or_default();
                    record.hwaddr = bytes.get(4..).and_then(|b| b.get(..len.into())).unwrap_or_default().to_vec();
                }
                9 => record.payload = bytes.to_vec(),
                10 => {
                    let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
                    record.prefix = String::from_utf8_lossy(text).into_owned();
                }
                11 => record.uid = be32(bytes),
                12 => record.number = be32(bytes),
                14 => record.gid = be32(bytes),
                15 => record.hwtype = be16(bytes, 0),
                16 => record.hwheader = bytes.to_vec(),
                _ => {}
            }
        }
        record
    }

    /// Between whom the packet is, as far as the payload has it: IPv4 and IPv6 alone.
    pub fn flow(&self) -> Option<Flow> {
        match (EtherType::from(self.protocol), self.payload.first()? >> 4) {
            (EtherType::IP, 4) => Flow::ip(&self.payload),
            (EtherType::IP6, 6) => Flow::ip6(&self.payload),
            _ => None,
        }
    }
}

/// `struct nfulnl_msg_packet_timestamp`: seconds and microseconds.
fn moment(bytes: &[u8]) -> Option<SystemTime> {
    let (seconds, micros) = (be64(bytes)?, be64(bytes.get(8..)?)?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?.checked_add(Duration::from_micros(micros))
}

impl Flow {
    fn ip(packet: &[u8]) -> Option<Self> {
        let address = |at: usize| Some(IpAddr::from(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?)));
        let first = be16(packet, 6)? & 0x1fff == 0;
        let transport = first.then(|| packet.get(usize::from(packet[0] & 15) * 4..)).flatten();
        Some(Self::new(address(12)?, address(16)?, *packet.get(9)?, transport))
    }

    fn ip6(packet: &[u8]) -> Option<Self> {
        let address = |at: usize| Some(IpAddr::from(Ipv6Addr::from(*packet.get(at..)?.first_chunk::<16>()?)));
        let (saddr, daddr) = (address(8)?, address(24)?);
        let (mut protocol, mut rest) = (*packet.get(6)?, packet.get(40..));
        // Extension headers: each names what follows it, and its own length. RFC 8200, 4; RFC 4302
        // for AH.
        while let Some(header @ [next, len, ..]) = rest {
            let len = usize::from(*len);
            let len = match protocol {
                0 | 43 | 60 | 135 => (len + 1) * 8,
                51 => (len + 2) * 4,
                44 if be16(header, 2).is_some_and(|field| field & 0xfff8 == 0) => 8,
                44 => {
                    protocol = *next;
                    rest = None;
                    break;
                }
                _ => break,
            };
            protocol = *next;
            rest = header.get(len..);
        }
        Some(Self::new(saddr, daddr, protocol, rest))
    }

    fn new(saddr: IpAddr, daddr: IpAddr, protocol: u8, transport: Option<&[u8]>) -> Self {
        let has_ports = matches!(protocol, 6 | 17 | 33 | 132 | 136);
        let ports = transport.filter(|_| has_ports).and_then(|header| Some((be16(header, 0)?, be16(header, 2)?)));
        Self { saddr, daddr, protocol: Protocol::from(protocol), ports }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(protocol: u16, payload: Vec<u8>) -> LogRecord {
        LogRecord { protocol, payload, ..LogRecord::read(2, &[]) }
    }

    #[test]
    fn extension_headers_stand_before_the_ports() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, 60, 1];
        packet.extend([0xfd; 16]);
        packet.extend([0xfe; 16]);
        // Destination options of 16 bytes, a first fragment, UDP.
        packet.extend([44, 1].into_iter().chain([0; 14]));
        packet.extend([17, 0, 0, 1, 0, 0, 0, 9]);
        packet.extend([0x12, 0x34, 0x00, 0x35, 0, 8, 0, 0]);
        let flow = record(0x86dd, packet.clone()).flow().unwrap();
        assert_eq!((flow.protocol, flow.ports), (Protocol::UDP, Some((0x1234, 53))));
        // A later fragment has no ports, and what is cut off neither.
        packet[40 + 16 + 3] = 8;
        assert_eq!(record(0x86dd, packet.clone()).flow().unwrap().ports, None);
        packet.truncate(50);
        assert_eq!(record(0x86dd, packet).flow().unwrap().ports, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_packet_makes_it_panic(
            version in prop::sample::select(vec![0x45u8, 0x4f, 0x40, 0x60]), ip6: bool,
            rest in prop::collection::vec(prop_oneof![Just(0u8), Just(44), Just(51), Just(60), any::<u8>()], 0..120),
        ) {
            let payload = [&[version][..], &rest].concat();
            let protocol = if ip6 { 0x86dd } else { 0x0800 };
            let _ = record(protocol, payload).flow();
        }
    }
}
