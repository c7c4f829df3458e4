//! All fields: by their words, and by what loads them.

use super::*;

/// All rows, by header.
static ALL: &[&[&Spec]] = &[
    ether::rows::ALL,
    vlan::rows::ALL,
    arp::rows::ALL,
    ip::rows::ALL,
    ip6::rows::ALL,
    icmp::rows::ALL,
    icmpv6::rows::ALL,
    igmp::rows::ALL,
    tcp::rows::ALL,
    udp::rows::ALL,
    udplite::rows::ALL,
    sctp::rows::ALL,
    dccp::rows::ALL,
    th::rows::ALL,
    ah::rows::ALL,
    esp::rows::ALL,
    comp::rows::ALL,
    gre::rows::ALL,
    vxlan::rows::ALL,
    geneve::rows::ALL,
    hbh::rows::ALL,
    exthdr::rt::rows::ALL,
    // Before the other routing headers: what they share is listed as its.
    srh::rows::ALL,
    rt0::rows::ALL,
    rt2::rows::ALL,
    frag::rows::ALL,
    dst::rows::ALL,
    mh::rows::ALL,
    exthdr::rt::route::ALL,
    meta::rows::ALL,
    ct::rows::ALL,
    ct::directed::ALL,
    socket::rows::ALL,
    ipsec::rows::ALL,
    osf::rows::ALL,
    tunnel::rows::ALL,
    fib::rows::ALL,
    numgen::ALL,
    symhash_rows::ALL,
    jhash_rows::ALL,
    addr::rows::ALL,
];

/// All fields there are. Raw ones and options by number are not among them.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    ALL.iter().chain(options::all()).flat_map(|rows| rows.iter().copied())
}

/// The field that nft calls so: `tcp` `dport`, `meta` `mark`, `ct` `ip saddr`, `frag` `id`; of options and chunks the header
/// is all that stands before: `tcp option maxseg` `size`. Without a field the existence of an extension header or an option:
/// `frag` and nothing, `tcp option sack` and nothing.
pub(crate) fn find(header: &str, field: &str) -> Option<&'static Spec> {
    let options = [Object::TcpOption, Object::IpOption, Object::SctpChunk, Object::DccpOption];
    for object in options {
        if let Some(name) = header.strip_prefix(object.word()) {
            return find_in(object, name.trim_start(), field);
        }
    }
    all().find(|spec| spec.header == header && named(spec, field) && !options.contains(&spec.object()))
}

/// The field of such an object in nft's JSON: [`Object::TcpOption`] `maxseg` `size`.
pub(crate) fn find_in(object: Object, header: &str, field: &str) -> Option<&'static Spec> {
    all().find(|spec| spec.object() == object && spec.header == header && named(spec, field))
}

/// Whether a field has this name, or had it once.
fn named(spec: &Spec, field: &str) -> bool {
    let old = match (spec.header, field) {
        ("vlan", "cfi") => "dei",
        ("meta", "secpath") => "ipsec",
        ("meta", "ibridgename") => "ibrname",
        ("meta", "obridgename") => "obrname",
        ("meta", "ibriport") => "ibrname",
        ("meta", "obriport") => "obrname",
        (_, field) => field,
    };
    spec.field == old || spec.json_field() == old
}

/// The existence of an option that has no name here, by number: give it [`Param::Kind`].
pub(crate) fn numbered(op: ExthdrOp) -> Option<&'static Spec> {
    match op {
        ExthdrOp::TcpOption => Some(&options::TCP_NUMBERED),
        ExthdrOp::DccpOption => Some(&options::DCCP_NUMBERED),
        _ => None,
    }
}

/// The field that is loaded so, of so many bits; for lifting. Fields of packets and options have their own ways: [`at`].
pub(crate) fn loaded(load: Load) -> Option<&'static Spec> {
    all().find(|spec| spec.load == load)
}

/// The field of a header at a bit offset and of a length in bits.
pub(crate) fn at(header: Header, offset: u16, bits: u16) -> Option<&'static Spec> {
    all().find(|spec| spec.load == Load::Packet(header, offset) && spec.bits == bits)
}

/// The field of an extension header, option or chunk at a bit offset and of a length in bits.
pub(crate) fn option_at(op: ExthdrOp, kind: u8, offset: u16, bits: u16) -> Option<&'static Spec> {
    all().find(|spec| spec.load == Load::Option(op, kind, offset) && spec.bits == bits)
}

/// Which of the fields of its header it is: rows stand in nft's order.
pub(crate) fn index(spec: &'static Spec) -> usize {
    let same = |other: &&Spec| other.object() == spec.object() && other.header == spec.header;
    all().filter(same).position(|other| other == spec).unwrap_or_default()
}

/// All fields of a header.
pub(crate) fn of(header: Header) -> impl Iterator<Item = &'static Spec> {
    all().filter(move |spec| matches!(spec.load, Load::Packet(own, _) if own == header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_what_they_say() {
        let mut words = std::collections::HashSet::new();
        for spec in all() {
            assert!(words.insert(spec.words), "{} twice", spec.words);
            let object = spec.object();
            assert_eq!(find_in(object, spec.header, spec.field), Some(spec), "{}", spec.words);
            match spec.load {
                Load::Packet(header, offset) => {
                    // Fields that lie upon each other belong to different types of ICMP.
                    let found = at(header, offset, spec.bits).unwrap();
                    assert!(found == spec || !spec.needs.is_empty(), "{}", spec.words);
                    assert!(of(header).any(|own| own == spec));
                    assert_eq!(find(spec.header, spec.field), Some(spec));
                    assert_eq!(spec.header, header.word());
                }
                Load::Option(op, kind, offset) => {
                    let found = option_at(op, kind, offset, spec.bits).unwrap();
                    assert!(found == spec || found.header == "srh", "{}", spec.words);
                }
                Load::Exists(..) => assert_eq!((spec.field, spec.bits), ("", 8)),
                load => assert!(loaded(load).is_some()),
            }
            assert!(spec.bits <= u16::from(spec.ty.len) * 8, "{}", spec.words);
        }
        assert!(words.len() > 250, "{} fields", words.len());
    }

    #[test]
    fn fields_by_name() {
        let words = |header, field| find(header, field).map(|spec| spec.words);
        assert_eq!(words("tcp", "dport"), Some("tcp dport"));
        assert_eq!(words("meta", "iif"), Some("iif"));
        assert_eq!(words("ct", "ip saddr"), Some("ct ip saddr"));
        assert_eq!(words("frag", ""), Some("exthdr frag"));
        assert_eq!(words("rt", "mtu"), Some("rt mtu"));
        assert_eq!(words("rt", "seg-left"), Some("rt seg-left"));
        assert_eq!(words("tcp option maxseg", "size"), Some("tcp option maxseg size"));
        assert_eq!(words("ip option ra", ""), Some("ip option ra"));
        assert_eq!(words("sctp chunk data", "tsn"), Some("sctp chunk data tsn"));
        assert_eq!(words("icmpv6", "parameter-problem"), Some("icmpv6 param-problem"));
        assert_eq!(words("vlan", "cfi"), Some("vlan dei"));
        assert_eq!(words("tcp", "nonsense"), None);
    }
}
