//! What the kernel holds, dumped raw: no decoder of the crate is trusted here.

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use oxitables::Family;
use std::collections::BTreeMap;

const GETRULE: u8 = 7;
const GETSET: u8 = 10;
const GETSETELEM: u8 = 13;

/// An attribute: its number and what is in it.
pub type Attribute = (u16, Vec<u8>);

fn attributes(mut bytes: &[u8]) -> Vec<Attribute> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let len = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let kind = u16::from_ne_bytes([bytes[2], bytes[3]]) & 0x3fff;
        found.push((kind, bytes[4..len].to_vec()));
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
    }
    found
}

fn attribute(all: &[Attribute], kind: u16) -> Option<&[u8]> {
    all.iter().find(|(k, _)| *k == kind).map(|(_, payload)| &payload[..])
}

/// A name, out of an attribute.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
}

fn name(kind: u16, text: &str) -> Vec<u8> {
    let mut attribute = ((text.len() + 5) as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(text.as_bytes());
    attribute.push(0);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// Dumps one kind of object: the attributes of each.
fn dump(socket: &Socket, kind: u8, family: Family, names: &[u8]) -> Vec<Vec<Attribute>> {
    let mut request = (20 + names.len() as u32).to_ne_bytes().to_vec();
    request.extend((10 << 8 | u16::from(kind)).to_ne_bytes());
    request.extend(0x301u16.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([u8::from(family), 0, 0, 0]);
    request.extend(names);
    socket.send(&request, 0).unwrap();
    let mut objects = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().unwrap();
        let mut rest = &datagram[..];
        while rest.len() >= 16 {
            let len = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
            match u16::from_ne_bytes([rest[4], rest[5]]) {
                3 => return objects,
                2 => panic!("the kernel refuses to dump {kind}"),
                _ => objects.push(attributes(&rest[20..len])),
            }
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// A rule: its expressions by name, its userdata, and the sets that it brought along.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldRule {
    pub exprs: Vec<(String, Vec<Attribute>)>,
    pub userdata: Option<Vec<u8>>,
    pub sets: Vec<HeldSet>,
}

/// A set and its elements, in no order: a hash table has none.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldSet {
    pub attributes: Vec<Attribute>,
    pub elements: Vec<Vec<Attribute>>,
}

const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_DESC: u16 = 9;
const SET_USERDATA: u16 = 13;
const SET_HANDLE: u16 = 16;
const SET_BACKEND: u16 = 19;
const SET_COUNT: u16 = 20;
const FLAG_ANONYMOUS: u8 = 1;
const FLAG_CONSTANT: u8 = 2;
const FLAG_INTERVAL: u8 = 4;
const DESC_SIZE: u16 = 1;
const NOTE_KEY_TYPEOF: u8 = 3;
const NOTE_DATA_TYPEOF: u8 = 4;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_FLAGS: u16 = 3;
const ELEMENT_IS_END: u8 = 1;
const ELEMENT_EXPIRATION: u16 = 5;

impl HeldSet {
    fn of(attributes: Vec<Attribute>, lists: Vec<Vec<Attribute>>) -> Self {
        let elements = lists.iter().filter_map(|list| attribute(list, 3)).flat_map(self::attributes);
        let mut elements: Vec<_> = elements.map(|(_, element)| self::attributes(&element)).collect();
        for (kind, payload) in elements.iter_mut().flatten() {
            if *kind == ELEMENT_EXPIRATION {
                // It runs: that there is one is all that two dumps can share.
                payload.clear();
            }
        }
        elements.sort();
        let mut set = Self { attributes, elements };
        // Numbers that the kernel hands out, the backend's address in it, and what it counted: not
        // what anybody sent.
        set.attributes.retain(|(kind, _)| ![SET_HANDLE, SET_BACKEND, SET_COUNT].contains(kind));
        set
    }

    fn name(&self) -> String {
        text(attribute(&self.attributes, SET_NAME).unwrap_or_default())
    }

    fn has(&self, flag: u8) -> bool {
        attribute(&self.attributes, SET_FLAGS).is_some_and(|flags| flags[3] & flag != 0)
    }

    fn map(mut self, kind: u16, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        if let Some((_, payload)) = self.attributes.iter_mut().find(|(k, _)| *k == kind) {
            *payload = change(payload);
        }
        self
    }

    /// Without what we leave out on purpose, or what versions of nft do not agree on.
    fn agreed(self) -> Self {
        // Numbered in the order of making; which rule has which set is compared instead.
        let anonymous = self.has(FLAG_ANONYMOUS);
        let set = if anonymous { self.map(SET_NAME, |_| Vec::new()) } else { self };
        // We never say typeof: nft before 1.1.3 crashes when it lists what a newer nft (or we)
        // wrote there.
        let mut set = set.map(SET_USERDATA, |notes| {
            let mut kept = Vec::new();
            let mut rest = notes;
            while let [kind, len, tail @ ..] = rest {
                let (content, tail) = tail.split_at(usize::from(*len));
                if ![NOTE_KEY_TYPEOF, NOTE_DATA_TYPEOF].contains(kind) {
                    kept.extend([*kind, *len]);
                    kept.extend(content);
                }
                rest = tail;
            }
            kept
        });
        if set.has(FLAG_INTERVAL) && !anonymous {
            // nft ends nothing at zero, before the first interval; who adds one cannot know whether
            // it is the first.
            let nothing_ends = |element: &Vec<Attribute>| {
                let key = attribute(element, ELEMENT_KEY).map(attributes).unwrap_or_default();
                let is_end = attribute(element, ELEMENT_FLAGS).is_some_and(|flags| flags[3] & ELEMENT_IS_END != 0);
                is_end && key.iter().all(|(_, value)| value.iter().all(|byte| *byte == 0))
            };
            set.elements.retain(|element| !nothing_ends(element));
        }
        if !set.has(FLAG_CONSTANT) {
            return set;
        }
        // The size of a set that is filled once: nft takes what it counts, whatever it is told:
        // 1.0.6 also the ends of intervals, 1.1.7 no intervals.
        set.map(SET_DESC, |desc| {
            let kept = attributes(desc).into_iter().filter(|(kind, _)| *kind != DESC_SIZE);
            kept.flat_map(|(kind, payload)| [&kind.to_ne_bytes()[..], &payload].concat()).collect()
        })
    }
}

const LOOKUP_SET: u16 = 1;
const OBJREF_SET: u16 = 4;

fn expressions(list: &[u8]) -> Vec<(String, Vec<Attribute>)> {
    let exprs = attributes(list).into_iter().map(|(_, expr)| {
        let expr = attributes(&expr);
        (text(attribute(&expr, 1).unwrap_or_default()), attributes(attribute(&expr, 2).unwrap_or_default()))
    });
    exprs.collect()
}

/// What the kernel holds of the table `t` of a family: rules by chain, and named sets.
#[derive(Debug, Default)]
pub struct Held {
    pub rules: BTreeMap<String, Vec<HeldRule>>,
    pub sets: BTreeMap<String, HeldSet>,
}

impl Held {
    pub fn of(family: Family) -> Self {
        let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
        socket.bind_auto().unwrap();
        socket.connect(&SocketAddr::new(0, 0)).unwrap();
        let (mut named, mut anonymous) = (BTreeMap::new(), BTreeMap::new());
        for set in dump(&socket, GETSET, family, &name(1, "t")) {
            let names = [name(1, "t"), name(2, &text(attribute(&set, SET_NAME).unwrap()))].concat();
            let set = HeldSet::of(set, dump(&socket, GETSETELEM, family, &names));
            let own = set.name();
            if set.has(FLAG_ANONYMOUS) { &mut anonymous } else { &mut named }.insert(own, set.agreed());
        }
        let mut held = Self { rules: BTreeMap::new(), sets: named };
        for rule in dump(&socket, GETRULE, family, &name(1, "t")) {
            let mut exprs = expressions(attribute(&rule, 4).unwrap_or_default());
            let mut sets = Vec::new();
            for (name, attributes) in &mut exprs {
                let kind = match &name[..] {
                    "lookup" => LOOKUP_SET,
                    "objref" => OBJREF_SET,
                    _ => continue,
                };
                let at = attributes.iter_mut().find(|(own, _)| *own == kind);
                if let Some((_, own)) = at
                    && let Some(set) = anonymous.remove(&text(own))
                {
                    own.clear();
                    sets.push(set);
                }
            }
            let userdata = attribute(&rule, 7).map(<[u8]>::to_vec);
            let chain = text(attribute(&rule, 2).unwrap());
            held.rules.entry(chain).or_default().push(HeldRule { exprs, userdata, sets });
        }
        assert!(anonymous.is_empty(), "sets that no rule looks into: {:?}", anonymous.keys());
        held
    }
}
