//! Elements in nft's order, and what sets say that they are.

use super::ruleset;
use crate::{
    data::{Data, DataType, Family, Register, Userdata, Value, Verdict, hex},
    expr::*,
    lang::{
        declared,
        tree::{Expression, Statement},
        typeof_note,
    },
    lift,
    model::{Element, ElementFlags, Set, SetFlags, Table},
    rule::One,
    *,
};
use std::time::Duration;

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn element(key: &[u8]) -> Element {
    Element::new(Value::new(key).unwrap())
}

fn end(key: &[u8]) -> Element {
    Element { flags: Some(ElementFlags::INTERVAL_END), ..element(key) }
}

/// The elements of a set as nft lists them.
#[track_caller]
fn lists(set: Set, elements: impl Into<Vec<Element>>, expected: &[&str]) {
    let ruleset = ruleset([(set, elements.into())]);
    assert_eq!(ruleset.elements(&ruleset.sets[0]), expected);
}

/// nft's numbers of types.
const ADDRESS: u32 = 7;
const PORT: u32 = 13;
const NAME: u32 = 41;

fn set(key_type: u32, key_len: u32) -> Set {
    Set::new(&table(), "s", DataType::from(key_type), key_len)
}

fn addresses() -> Set {
    set(ADDRESS, 4)
}

fn ports() -> Set {
    set(PORT, 2)
}

#[test]
fn elements_are_sorted() {
    let any = Element::catch_all;
    let all = [any(), element(&[10, 0, 0, 2]), element(&[10, 0, 0, 1])];
    lists(addresses(), all, &["10.0.0.1", "10.0.0.2", "*"]);
    let name = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(16, 0);
        element(&bytes)
    };
    lists(set(NAME, 16), [name("b"), any(), name("a")], &["*", "\"a\"", "\"b\""]);
}

#[test]
fn intervals() {
    let set = addresses().with_flags(SetFlags::INTERVAL);
    let elements = [
        end(&[0, 0, 0, 0]),
        element(&[10, 0, 0, 0]),
        end(&[11, 0, 0, 0]),
        element(&[192, 0, 2, 1]),
        end(&[192, 0, 2, 2]),
        element(&[192, 0, 2, 5]),
        end(&[192, 0, 2, 8]),
        element(&[224, 0, 0, 0]),
    ];
    lists(set, elements, &["10.0.0.0/8", "192.0.2.1", "192.0.2.5-192.0.2.7", "224.0.0.0/3"]);
    let ports = ports().with_flags(SetFlags::INTERVAL);
    // One interval begins where the other ends; the last has no end.
    let elements = [element(&[0, 22]), element(&[0, 80]), element(&[0xff, 0xff])];
    lists(ports, elements, &["22-79", "80-65534", "65535"]);
}

#[test]
fn concatenations() {
    let set = set(ADDRESS << 6 | PORT, 8).with_fields([4, 2]).with_flags(SetFlags::INTERVAL | SetFlags::CONCAT);
    let to = |element: Element, end: &[u8]| Element { key_end: Value::new(end), ..element };
    let elements = [
        to(element(&[192, 0, 2, 0, 0, 22, 0, 0]), &[192, 0, 2, 255, 0, 22, 0, 0]),
        to(element(&[10, 0, 0, 1, 0, 80, 0, 0]), &[10, 0, 0, 3, 0, 90, 0, 0]),
    ];
    // As the kernel has them.
    lists(set, elements, &["192.0.2.0/24 . 22", "10.0.0.1-10.0.0.3 . 80-90"]);
}

#[test]
fn what_elements_bring() {
    let mut userdata = Userdata::default();
    userdata.set_text(0, "a host");
    let element = Element {
        timeout: Some(Duration::from_secs(90)),
        expiration: Some(Duration::from_secs(5)),
        userdata: Some(userdata),
        expr: Some(Box::new(Counter::new().into())),
        ..element(&[0, 22])
    };
    let text = "22 counter packets 0 bytes 0 timeout 1m30s expires 5s comment \"a host\"";
    lists(ports().with_flags(SetFlags::TIMEOUT), [element], &[text]);
    let map = ports().with_data(DataType::VERDICT, 0).with_flags(SetFlags::MAP);
    let to = |verdict: Verdict| Element { data: Some(Data::Verdict(verdict)), ..self::element(&[0, 22]) };
    lists(map, [to(Verdict::jump("other"))], &["22 : jump other"]);
}

#[test]
fn keys_that_are_no_such_values_are_bytes() {
    // Seven bytes are no port.
    lists(set(PORT, 7), [element(&[1, 2, 3, 4, 5, 6, 7])], &["0x1020304050607"]);
}

fn note(selector: impl One) -> Vec<u8> {
    typeof_note::note(&Expression::Field(selector.one().0.field)).unwrap()
}

/// From what nft 1.1.7 sends for `add set inet t s { typeof …; }`.
#[cfg(target_endian = "little")]
#[test]
fn notes_are_nfts() {
    let is = |note: Vec<u8>, expected: &str| assert_eq!(hex(&note), expected);
    let tail = |note: Vec<u8>, expected: &str| assert_eq!(hex(&note[8..]), expected);
    let (id, saddr) = (note(vlan::id()), note(ip::saddr()));
    is(id.clone(), "000407000000011200041000000001040400000004040c000000");
    is(saddr.clone(), "000407000000010c00040c00000001040b000000");
    let fields = [vlan::id().one().0.field, ip::saddr().one().0.field].map(Expression::Field);
    let parts = [&[0, 26][..], &id, &[1, 20], &saddr].concat();
    let both = [&[0, 4, 13, 0, 0, 0, 1, parts.len() as u8][..], &parts].concat();
    assert_eq!(typeof_note::note(&Expression::Concat(fields.to_vec())), Some(both));
    is(note(frag::id()), "000408000000010c010406000000000406000000");
    tail(note(tcp::option::sack1::left()), "010404000000020401000000000405000000");
    tail(note(tcp::option::maxseg::size()), "010402000000020401000000000402000000");
    tail(note(ip::option::ra::value()), "010403000000020402000000000494000000");
    tail(note(sctp::chunk::data::tsn()), "010403000000020403000000000400000000");
    tail(note(vxlan::vni()), "000412000000010401000000040418000000050412000000");
    tail(note(fib::saddr().with_iif().oif()), "000401000000010409000000");
    tail(note(ipsec::outbound().number(1).spi()), "000406000000010401000000020401000000");
    let raw = "0004000000000104000000000204020000000304600000000404200000".to_owned() + "00";
    tail(note(raw::network::<u32>(96)), &raw);
}

#[test]
fn notes_are_read() {
    use crate::lang::{
        field::{Field, Load, Object, Param},
        fields,
    };
    for spec in fields::all() {
        let param = match spec.object() {
            Object::Ipsec => Param::Ipsec(XfrmDirection::Out, 1),
            Object::Fib => Param::Fib(FibFlags::SADDR),
            Object::Ct => Param::Direction(1),
            _ => Param::None,
        };
        let field = Field::with(spec, param);
        let Some(note) = typeof_note::note(&Expression::Field(field)) else { continue };
        let Some((Expression::Field(back), _)) = typeof_note::parse(&note) else { panic!("{}", spec.words) };
        match spec.load {
            // Of these nft notes less.
            Load::Osf(_) | Load::Exists(..) | Load::Socket(SocketKey::CgroupV2) => {}
            load => assert_eq!(back.load(), load, "{}", spec.words),
        }
    }
}

#[test]
fn types_without_names_come_from_the_notes() {
    let mut userdata = Userdata::default();
    userdata.set(Set::KEY_TYPEOF, &note(vlan::id()));
    let set = Set { userdata: Some(userdata), ..Set::new(&table(), "s", DataType::INTEGER, 2) };
    let declared = declared::of(&set);
    assert_eq!(declared.key_of, Some(Expression::Field(vlan::id().one().0.field)));
    lists(set.clone(), [element(&[0, 5])], &["5"]);
    // A note of something of another length is none.
    assert_eq!(declared::of(&Set { key_len: Some(4), ..set }).key_of, None);
}

/// Elements of anonymous sets have the types of what is looked up.
#[test]
fn anonymous_sets() {
    let set = Set::new(&table(), "__set0", DataType::INTEGER, 1).with_flags(SetFlags::ANONYMOUS | SetFlags::CONSTANT);
    let exprs = [
        Expr::from(Meta::load(MetaKey::Nfproto, Register::R1)),
        Cmp::new(Register::R1, CmpOp::Eq, Value::new(&[2]).unwrap()).into(),
        Payload::load(PayloadBase::Network, 1, 1, Register::R1).into(),
        Bitwise::mask(Register::R1, Register::R1, Value::new(&[0xfc]).unwrap()).into(),
        Lookup::new("__set0", Register::R1).into(),
    ];
    let told = ruleset([(set, vec![element(&[0xb8]), element(&[0x20])])]);
    let rule = super::rule(Family::Inet, exprs);
    assert_eq!(told.statements(&rule), ["ip dscp { cs1, ef }"]);
    let index = told.sets.iter().map(|filled| (&filled.set, &filled.elements[..])).collect();
    assert!(
        matches!(&lift::rule(&rule, &index)[..], [Statement::Match { right: Expression::Set(items), .. }] if items.len() == 2)
    );
}
