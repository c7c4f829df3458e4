//! What is not said: every expression and every object, with each optional attribute said, left
//! out, and zero, is planned empty once the kernel has it.

use crate::bytes::attribute;
use oxitables::{
    Batch, Chain, Client, Family, Hook, Priority, Table,
    data::{DataType, Register, Value, Verdict},
    expr::*,
    model::{
        self, CtExpectation, CtHelper, CtTimeout, Element, ErspanOption, GeneveOption, Object, ObjectData, Ruleset,
        Set, SetFlags, TcpTimeout, TunnelFlags, TunnelOption, TunnelTemplate, UdpTimeout, VxlanOption,
    },
    proto::Commit,
    reconcile::diff,
    testing,
};
use std::{collections::BTreeMap, time::Duration};

const R1: Register = Register::R1;
const R2: Register = Register::slot(4);
const R3: Register = Register::slot(8);

fn value(bytes: &[u8]) -> Value {
    Value::new(bytes).unwrap()
}

/// An expression with all that can be said of it at once.
macro_rules! full {
    ($base:expr $(, $field:ident = $value:expr)* $(,)?) => {{
        #[allow(unused_mut)]
        let mut expr = $base;
        $( expr.$field = Some($value); )*
        Expr::from(expr)
    }};
}

/// Expressions of every type, each with all its attributes.
fn expressions() -> Vec<Expr> {
    let (ip, ip6) = (Family::Ip, Family::Ip6);
    let word = value(&[1, 2, 3, 4]);
    let payload = || Payload::store(PayloadBase::Network, 12, 4, R1);
    vec![
        full!(Bitwise::mask_xor(R1, R2, word, word), op = BitwiseOp::MaskXor),
        full!(Bitwise::shift(R1, R2, 4, BitwiseOp::Lshift, 3)),
        full!(Bitwise::combine(R1, R2, R3, 4, BitwiseOp::Or)),
        full!(Byteorder::new(R1, ByteorderOp::Hton, 4, 4)),
        full!(Cmp::new(R1, CmpOp::Neq, word)),
        full!(Connlimit::over(7), flags = ConnlimitFlags::INV),
        full!(Connlimit::until(7)),
        full!(Counter::new(), packets = 12, bytes = 720),
        full!(Ct::load(CtKey::State, R1)),
        full!(Ct::load(CtKey::ProtoDst, R1), direction = 1),
        full!(Ct::load(CtKey::Protocol, R1), direction = 1),
        full!(Ct::load(CtKey::L3protocol, R1), direction = 0),
        full!(Ct::load(CtKey::Bytes, R1), direction = 0),
        full!(Ct::store(CtKey::Mark, R1)),
        full!(Ct::store(CtKey::Zone, R1), direction = 1),
        full!(Dup::to_address(R1), device = R2),
        full!(Dup::to_device(R1)),
        full!(
            Dynset::new("learned", DynsetOp::Update, R1).with_expr(Counter::new()),
            timeout = Duration::from_secs(60),
            flags = DynsetFlags::INV,
        ),
        full!(
            Dynset::new("learned", DynsetOp::Add, R1).with_expr(Counter::new()).with_expr(Last::new()),
            flags = DynsetFlags::EXPR,
        ),
        full!(Exthdr::load(ExthdrOp::Ipv6, 44, 0, 1, R1)),
        full!(Exthdr::load(ExthdrOp::TcpOption, 2, 2, 2, R1)),
        full!(Exthdr::exists(ExthdrOp::TcpOption, 2, R1)),
        full!(Exthdr::store(2, 2, 2, R1), flags = ExthdrFlags::empty()),
        full!(Exthdr::reset(2), flags = ExthdrFlags::empty()),
        full!(Fib::new(FibResult::Oif, FibFlags::DADDR, R1)),
        full!(Fib::new(FibResult::Addrtype, FibFlags::SADDR | FibFlags::PRESENT, R1)),
        full!(FlowOffload::new("fast")),
        full!(Fwd::to_device(R1)),
        full!(Fwd::to_device(R1).to_neighbour(ip, R2)),
        full!(Hash::jenkins(R1, 4, 7, R2), seed = 9, offset = 3),
        full!(Hash::symmetric(7, R1), offset = 3, sreg = R2, len = 4, seed = 9),
        full!(Immediate::new(R1, word)),
        full!(Immediate::new(Register::VERDICT, Verdict::drop())),
        full!(Inner::payload(InnerType::Vxlan, Payload::load(PayloadBase::Network, 12, 4, R1)).with_header(8)),
        full!(Inner::meta(InnerType::Vxlan, Meta::load(MetaKey::Protocol, R1)).with_header(8)),
        full!(Last::new()),
        full!(Limit::packets(5, Duration::from_secs(60)).with_burst(9).over(), kind = LimitType::Packets),
        full!(Limit::packets(5, Duration::from_secs(60)), burst = 5, flags = LimitFlags::empty()),
        full!(Limit::bytes(5000, Duration::from_secs(1)).with_burst(900)),
        full!(
            Log::new().with_prefix("x "),
            level = LogLevel::Debug,
            flags = LogFlags::TCP_OPTIONS,
            group = 3,
            snaplen = 40,
            queue_threshold = 2,
        ),
        full!(Log::new(), level = LogLevel::Warning),
        full!(Lookup::new("learned", R1), flags = LookupFlags::INV),
        full!(Lookup::new("marks", R1).into_register(R2)),
        full!(Masq::new(), flags = NatFlags::RANDOM, port_min = R1, port_max = R2),
        full!(XtMatch::new("comment", 0, vec![b'x'; 256])),
        full!(XtTarget::new("MARK", 2, vec![0; 8])),
        full!(Meta::load(MetaKey::Mark, R1)),
        full!(Meta::store(MetaKey::Mark, R1)),
        full!(
            Nat::new(NatType::Dnat, ip).to_address(R1).to_port(R2),
            addr_max = R1,
            port_max = R3,
            flags = NatFlags::RANDOM
        ),
        full!(Nat::new(NatType::Snat, ip).to_address(R1), flags = NatFlags::PERSISTENT),
        full!(Notrack::new()),
        full!(Numgen::new(NumgenType::Incremental, 7, R1).with_offset(3)),
        full!(Numgen::new(NumgenType::Random, 7, R1), offset = 0),
        full!(Objref::new(ObjectType::Counter, "hits")),
        full!(Objref::from_map("hit_by", R1)),
        full!(Osf::new(OsfTtl::Less, R1).with_version()),
        full!(Payload::load(PayloadBase::Network, 12, 4, R1)),
        full!(
            payload(),
            csum_type = ChecksumType::Inet,
            csum_offset = 10,
            csum_flags = ChecksumFlags::L4_PSEUDO_HEADER
        ),
        full!(Queue::new(3).with_total(2), flags = QueueFlags::BYPASS),
        full!(Queue::from_register(R1), flags = QueueFlags::BYPASS),
        full!(Quota::over(1 << 20), consumed = 512),
        full!(Quota::until(1 << 20), flags = QuotaFlags::empty()),
        full!(Range::new(R1, RangeOp::Eq, word, value(&[1, 2, 3, 9]))),
        full!(Redir::new().to_port(R1), port_max = R2, flags = NatFlags::RANDOM),
        full!(Redir::new(), flags = NatFlags::PERSISTENT),
        full!(Reject::tcp_reset(), code = 5),
        full!(Reject::icmp(RejectType::Icmp, 3)),
        full!(Reject::icmp(RejectType::Icmpx, 1)),
        full!(Rt::load(RtKey::ClassId, R1)),
        full!(Rt::load(RtKey::TcpMss, R1)),
        full!(Socket::cgroup(1, R1)),
        full!(Socket::load(SocketKey::Mark, R1), level = 0),
        full!(Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP)),
        full!(Tproxy::new(ip).to_address(R1).to_port(R2)),
        full!(Tproxy::new(ip6).to_port(R2)),
        full!(Tunnel::load(TunnelKey::Id, R1), mode = TunnelMode::Tx),
        full!(Xfrm::load(XfrmKey::Spi, XfrmDirection::In, R1), number = 2),
        full!(Xfrm::load(XfrmKey::ReqId, XfrmDirection::In, R1), number = 0),
    ]
}

/// Objects of every type, each with all its attributes.
fn objects() -> Vec<ObjectData> {
    let (ip, ip6) = ([192, 0, 2, 1].into(), "2001:db8::1".parse().unwrap());
    let mut limit = Limit::packets(5, Duration::from_secs(60)).with_burst(9).over();
    limit.kind = Some(LimitType::Packets);
    let mut tunnel = TunnelTemplate::to_ip(7, ip);
    tunnel.ip.as_mut().unwrap().source = Some([192, 0, 2, 2].into());
    (tunnel.sport, tunnel.dport) = (Some(1), Some(2));
    (tunnel.flags, tunnel.tos, tunnel.ttl) = (Some(TunnelFlags::DONT_FRAGMENT), Some(4), Some(64));
    let mut tunnel6 = TunnelTemplate::to_ip6(7, ip6);
    let to = tunnel6.ip6.as_mut().unwrap();
    (to.source, to.flow_label) = (Some(ip6), Some(5));
    let with = |option| TunnelTemplate::to_ip(7, ip).with_option(option);
    let mut counter = Counter::new();
    (counter.packets, counter.bytes) = (Some(12), Some(720));
    let mut quota = Quota::over(1 << 20);
    quota.consumed = Some(512);
    let mut connlimit = Connlimit::over(7);
    connlimit.flags = Some(ConnlimitFlags::INV);
    vec![
        counter.into(),
        quota.into(),
        limit.into(),
        connlimit.into(),
        CtHelper::new("ftp", 6).with_family(Family::Ip).into(),
        CtTimeout::tcp().with(TcpTimeout::Established, Duration::from_secs(100)).with_family(Family::Ip).into(),
        CtTimeout::udp().with(UdpTimeout::Replied, Duration::from_secs(10)).into(),
        CtExpectation::new(6, 21, Duration::from_secs(60), 5).with_family(Family::Ip).into(),
        Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP).into(),
        tunnel.into(),
        tunnel6.into(),
        with(TunnelOption::Vxlan(VxlanOption::new(3))).into(),
        with(TunnelOption::Erspan(ErspanOption::v1(3))).into(),
        with(TunnelOption::Erspan(ErspanOption::v2(3, 1))).into(),
        with(TunnelOption::Geneve(vec![GeneveOption::new(1, 2, [1, 2, 3, 4]), GeneveOption::new(1, 3, [5, 6, 7, 8])]))
            .into(),
        model::Secmark::new("system_u:object_r:ssh_server_packet_t:s0").into(),
    ]
}

/// Attributes, each with its number and its bytes.
fn attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while let [a, b, c, d, ..] = *rest {
        let len = usize::from(u16::from_ne_bytes([a, b]));
        all.push((u16::from_ne_bytes([c, d]), &rest[4..len]));
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    all
}

/// The same with each attribute said or left out, in all combinations; and with one of them zero,
/// or one of those below it another.
fn variants(bytes: &[u8]) -> Vec<Vec<u8>> {
    const NESTED: u16 = 1 << 15;
    let said = attributes(bytes);
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    for (kind, payload) in &said {
        let with: Vec<_> = all.iter().map(|before| [&before[..], &attribute(*kind, payload)].concat()).collect();
        all.splice(0..0, with);
    }
    for (at, (kind, payload)) in said.iter().enumerate() {
        let others = match payload.len() {
            _ if kind & NESTED != 0 => variants(payload),
            len @ (1 | 2 | 4 | 8) => vec![vec![0; len]],
            _ => Vec::new(),
        };
        for other in others {
            let one =
                |(n, (kind, payload)): (usize, &(u16, &[u8]))| attribute(*kind, if n == at { &other } else { payload });
            all.push(said.iter().enumerate().flat_map(one).collect());
        }
    }
    all
}

/// `NFTA_OBJ_DATA` of an object as it is sent.
fn data_of(object: &Object) -> Vec<u8> {
    const HEADERS: usize = 20;
    let mut batch = Batch::new();
    batch.add(object);
    let commit = Commit::new(&batch);
    let sent: Vec<u8> = commit.transmit().iter().flat_map(|part| part.iter().copied()).collect();
    // Behind the message that begins the batch, and the headers of its own.
    let begin = u32::from_ne_bytes(sent[..4].try_into().unwrap()) as usize;
    let message = &sent[begin..];
    let len = u32::from_ne_bytes(message[..4].try_into().unwrap()) as usize;
    attributes(&message[HEADERS..len])
        .into_iter()
        .find(|(kind, _)| kind & 0x7fff == 4)
        .map(|(_, data)| data.to_vec())
        .unwrap()
}

fn table(family: Family) -> Table {
    Table::new(family, "t")
}

fn chains() -> Vec<Chain> {
    let (ip, netdev) = (table(Family::Ip), table(Family::Netdev));
    vec![
        ip.chain("input").with_hook(Hook::Input, Priority::FILTER),
        ip.chain("pre").with_hook(Hook::Prerouting, Priority::RAW),
        ip.chain("to_dnat").with_hook(Hook::Prerouting, Priority::DSTNAT).with_type(oxitables::data::ChainType::Nat),
        ip.chain("to_snat").with_hook(Hook::Postrouting, Priority::SRCNAT).with_type(oxitables::data::ChainType::Nat),
        ip.chain("forward").with_hook(Hook::Forward, Priority::FILTER),
        netdev.chain("in").with_hook(Hook::Ingress, Priority::FILTER).with_device("lo"),
    ]
}

/// What rules name.
fn around() -> Batch {
    let mut batch = Batch::new();
    for family in [Family::Ip, Family::Netdev] {
        let table = table(family);
        let set = |name: &str| Set::new(&table, name, DataType::from(7), 4);
        let mut marks = set("marks").with_flags(SetFlags::MAP);
        (marks.data_type, marks.data_len) = (Some(DataType::from(19)), Some(4));
        let mut hits = set("hit_by").with_flags(SetFlags::OBJECT);
        hits.object_type = Some(ObjectType::Counter);
        let mut element = Element::new(value(&[192, 0, 2, 1]));
        element.data = Some(value(&[1, 0, 0, 0]).into());
        batch.add(&table).add(set("learned").with_flags(SetFlags::EVAL | SetFlags::TIMEOUT)).add(&marks);
        batch.add(marks.elements([element])).add(&hits).add(Object::new(&table, "hits", Counter::new()));
    }
    for chain in chains() {
        batch.add(chain);
    }
    batch
}

/// What one case makes, in both directions; `None` if the kernel does not take it.
fn differs(nft: &mut Client, all: &Batch, one: &Batch) -> Option<Option<String>> {
    nft.apply(one).ok()?;
    let desired = Ruleset::made_by(all).unwrap();
    let present = nft.ruleset().unwrap();
    let plan = diff(&present, &desired);
    let back = diff(&desired, &present);
    // What is not said of timeouts the kernel fills in: nothing that is there is missing.
    let filled = present.objects.iter().any(|object| object.kind == Some(ObjectType::CtTimeout));
    Some((!plan.is_empty() || !filled && !back.is_empty()).then(|| format!("{plan}{back}")))
}

#[test]
fn no_expression_is_seen_as_another_for_what_it_does_not_say() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let mut all: BTreeMap<&str, usize> = Expr::TABLES.iter().map(|(name, _)| (*name, 0)).collect();
        let mut missing: Vec<_> = all.keys().copied().collect();
        let mut wrong = Vec::new();
        nft.apply(&around()).unwrap();
        for expr in expressions() {
            let name = expr.name().into_owned();
            missing.retain(|other| *other != name);
            let bytes = expr.to_bytes();
            let [(_, called), data @ ..] = &attributes(&bytes)[..] else { unreachable!() };
            let cases = data.first().map_or(vec![Vec::new()], |(_, data)| variants(data));
            let mut works = chains();
            for case in cases {
                let data = if case.is_empty() && data.is_empty() { Vec::new() } else { attribute(2 | 1 << 15, &case) };
                let expr = Expr::from_bytes(&[attribute(1, called), data].concat());
                if matches!(expr, Expr::Unknown(_)) {
                    continue;
                }
                for chain in works.clone() {
                    let register = |at| Expr::from(Immediate::new(Register::slot(at), value(&[1; 16])));
                    let rule = model::Rule::new(&chain, [register(0), register(4), register(8), expr.clone()]);
                    let (mut whole, mut one) = (around(), Batch::new());
                    whole.add(&rule);
                    one.add(&rule);
                    let Some(said) = differs(&mut nft, &whole, &one) else { continue };
                    *all.get_mut(&*name).unwrap() += 1;
                    wrong.extend(said.map(|plan| format!("{expr:?}:\n{plan}")));
                    nft.apply(Batch::new().flush(&chain)).unwrap();
                    works = vec![chain];
                    break;
                }
            }
        }
        assert_eq!(missing, [""; 0], "expressions that are not tried here");
        assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
        let untaken: Vec<_> = all.iter().filter(|(_, taken)| **taken == 0).map(|(name, _)| *name).collect();
        eprintln!("{} cases; this kernel takes no {untaken:?}", all.values().sum::<usize>());
        // Kernels are built without some, none without these.
        for name in ["bitwise", "cmp", "counter", "hash", "log", "lookup", "meta", "payload", "range"] {
            assert!(all[name] > 0 || !cfg!(target_os = "linux"), "{name}");
        }
    });
}

#[test]
fn no_object_is_seen_as_another_for_what_it_does_not_say() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let mut wrong = Vec::new();
        nft.apply(&around()).unwrap();
        for data in objects() {
            let kind = data.kind().unwrap();
            let tried = taken.entry(kind.to_string()).or_default();
            // Tunnels are for tables of devices.
            let family = if kind == ObjectType::Tunnel { Family::Netdev } else { Family::Ip };
            let object = Object::new(&table(family), "one", data);
            for case in variants(&data_of(&object)) {
                let mut object = object.clone();
                object.data = Some(ObjectData::Unknown(case));
                let (mut whole, mut one) = (around(), Batch::new());
                whole.add(&object);
                one.add(&object);
                let Some(said) = differs(&mut nft, &whole, &one) else { continue };
                *tried += 1;
                wrong.extend(said.map(|plan| format!("{object:?}:\n{plan}")));
                nft.apply(Batch::new().delete(&object)).unwrap();
            }
        }
        assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
        for constant in ObjectType::CONSTANTS {
            let kind = ObjectType::from(constant.value as u32).to_string();
            assert!(taken.contains_key(&kind), "{kind} is not tried here");
        }
        eprintln!("{taken:?}");
        assert!(taken["counter"] > 0 && taken["limit"] > 0);
    });
}
