//! All fields: by their words, and by what loads them.

use super::*;
#[cfg(feature = "json")]
use crate::lang::field::Object;

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
    those(|_| true)
}

/// The fields of all headers whose first one is such: the fields of a header are all of one object,
/// and of the packet's all of that header.
fn those(first: impl Fn(&Spec) -> bool) -> impl Iterator<Item = &'static Spec> {
    let rows = ALL.iter().chain(options::all()).filter(move |rows| rows.first().is_some_and(|spec| first(spec)));
    rows.flat_map(|rows| rows.iter().copied())
}

/// The field of such an object in nft's JSON: [`Object::TcpOption`] `maxseg` `size`. Without a
/// field, the existence of an extension header or an option.
#[cfg(feature = "json")]
pub(crate) fn find_in(object: Object, header: &str, field: &str) -> Option<&'static Spec> {
    those(|first| first.object() == object).find(|spec| spec.header == header && named(spec, field))
}

/// Whether a field has this name, or had it once.
#[cfg(feature = "json")]
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

/// The field that is loaded so, of so many bits; for lifting. Fields of packets and options have
/// their own ways: [`of`] and [`option_at`].
pub(crate) fn loaded(load: Load) -> Option<&'static Spec> {
    those(|first| first.object() == load.object()).find(|spec| spec.load == load)
}

/// The field of an extension header, option or chunk at a bit offset and of a length in bits.
pub(crate) fn option_at(op: ExthdrOp, kind: u8, offset: u16, bits: u16) -> Option<&'static Spec> {
    let load = Load::Option(op, kind, offset);
    those(|first| first.object() == load.object()).find(|spec| spec.load == load && spec.bits == bits)
}

/// All fields of a header.
pub(crate) fn of(header: Header) -> impl Iterator<Item = &'static Spec> {
    those(move |first| matches!(first.load, Load::Packet(own, _) if own == header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_of_one_kind() {
        let kind = |spec: &Spec| match spec.load {
            Load::Packet(header, _) => (spec.object(), Some(header)),
            _ => (spec.object(), None),
        };
        for rows in ALL.iter().chain(options::all()) {
            assert!(rows.iter().all(|spec| kind(spec) == kind(rows[0])), "{}", rows[0].words);
        }
    }

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
                    let mut same =
                        of(header).filter(|own| (own.load, own.bits) == (Load::Packet(header, offset), spec.bits));
                    assert!(same.next() == Some(spec) || !spec.needs.is_empty(), "{}", spec.words);
                    assert_eq!(spec.header, header.word());
                }
                Load::Option(op, kind, offset) => {
                    let found = option_at(op, kind, offset, spec.bits).unwrap();
                    assert!(found == spec || found.header == "srh", "{}", spec.words);
                }
                Load::Exists(..) => assert_eq!((spec.field, spec.bits), ("", 8)),
                load => assert!(loaded(load).is_some()),
            }
            assert!((1..=u16::from(spec.ty.len) * 8).contains(&spec.bits), "{}", spec.words);
        }
        assert!(words.len() > 250, "{} fields", words.len());
    }

    #[test]
    fn fields_by_name() {
        let words = |object, header, field| find_in(object, header, field).map(|spec| spec.words);
        assert_eq!(words(Object::Payload, "tcp", "dport"), Some("tcp dport"));
        assert_eq!(words(Object::Meta, "meta", "iif"), Some("iif"));
        assert_eq!(words(Object::Ct, "ct", "ip saddr"), Some("ct ip saddr"));
        assert_eq!(words(Object::Exthdr, "frag", ""), Some("exthdr frag"));
        assert_eq!(words(Object::Rt, "rt", "mtu"), Some("rt mtu"));
        assert_eq!(words(Object::Exthdr, "rt", "seg-left"), Some("rt seg-left"));
        assert_eq!(words(Object::TcpOption, "maxseg", "size"), Some("tcp option maxseg size"));
        assert_eq!(words(Object::IpOption, "ra", ""), Some("ip option ra"));
        assert_eq!(words(Object::SctpChunk, "data", "tsn"), Some("sctp chunk data tsn"));
        assert_eq!(words(Object::Payload, "icmpv6", "parameter-problem"), Some("icmpv6 param-problem"));
        assert_eq!(words(Object::Payload, "vlan", "cfi"), Some("vlan dei"));
        assert_eq!(words(Object::Payload, "tcp", "nonsense"), None);
    }
}
