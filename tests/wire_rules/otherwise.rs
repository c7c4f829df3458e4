//! What some versions of nft make otherwise than we do, and why.
//!
//! Measured with 1.0.6 and 1.1.7; what lies between has one or the other behaviour, so there these
//! are allowed but not expected.

use super::held::{Attribute, HeldRule};

pub type Version = [u32; 3];

const MEASURED: [Version; 2] = [[1, 0, 6], [1, 1, 7]];

/// Whether it is known what this version does: there the table has to be exact.
pub fn is_measured(version: Version) -> bool {
    MEASURED.contains(&version)
}

/// What nft does with words for which we make other bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Makes {
    /// It does not take them.
    Nothing,
    /// The same in another way: it lists both alike.
    TheSame,
    /// Something else than the words say.
    Nonsense,
}

/// One reason to differ.
#[derive(Debug)]
pub struct Otherwise {
    /// The version that is known to make what we make, if there is one.
    pub mended: Option<Version>,
    /// Whether these words are concerned.
    pub concerns: fn(&str) -> bool,
    pub makes: Makes,
    pub why: &'static str,
}

/// All reasons that show in the words; every rule that one concerns has to differ.
pub const TABLE: &[Otherwise] = &[
    Otherwise {
        mended: Some([1, 1, 7]),
        concerns: |words| words.contains("icmpv6 taddr") || words.contains("icmpv6 daddr"),
        makes: Makes::Nothing,
        why: "1.0.6 does not know the addresses in neighbour discovery",
    },
    Otherwise {
        mended: Some([1, 1, 7]),
        concerns: |words| words.contains(" proto-src ") || words.contains(" proto-dst "),
        makes: Makes::Nothing,
        why: "1.0.6 wants to be told the protocol before it takes a connection's port",
    },
    Otherwise {
        mended: Some([1, 1, 7]),
        concerns: |words| words.starts_with("udp ") && words.contains(" set "),
        makes: Makes::TheSame,
        why: "1.0.6 mends UDP's checksum by its place, also where it is 0, which says that there is none",
    },
    Otherwise {
        mended: Some([1, 1, 7]),
        concerns: |words| words.contains(" 10.0.0.0/8 . 22") || words.starts_with("iifname . ip saddr { \"eth"),
        makes: Makes::TheSame,
        why: "1.0.6 notes to merge intervals with anonymous sets of concatenations, which nobody ever does",
    },
    Otherwise {
        mended: Some([1, 1, 7]),
        concerns: |words| words.contains("ip6 dscp @"),
        makes: Makes::Nonsense,
        why: "1.0.6 shifts the field without turning its bytes, and then finds nothing in the set",
    },
    Otherwise {
        mended: None,
        concerns: |words| words.contains("ip6 dscp & "),
        makes: Makes::Nonsense,
        why: "nft masks a field that is in two bytes without turning them: it masks other bits, or is refused",
    },
];

/// The row with the reason for these words, in this version.
pub fn reason(version: Version, words: &str) -> Option<usize> {
    TABLE.iter().position(|entry| entry.mended.is_none_or(|mended| version < mended) && (entry.concerns)(words))
}

const CMP_OP: u16 = 2;
const CMP_DATA: u16 = 3;
const RANGE_OP: u16 = 2;
const RANGE_FROM: u16 = 3;
const RANGE_TO: u16 = 4;
const LE: u32 = 3;
const GE: u32 = 5;

/// The rule as 1.0.6 would make it, which compares twice where we and later versions have one
/// expression for a range.
pub fn with_two_compares(rule: &HeldRule) -> HeldRule {
    let mut rule = rule.clone();
    rule.exprs = rule
        .exprs
        .into_iter()
        .flat_map(|(name, attributes)| {
            let find = |kind| attributes.iter().find(|(k, _)| *k == kind).map(|(_, payload)| payload.clone());
            // Outside of a range cannot be said in two: 1.0.6 has the range there, too.
            if name != "range" || find(RANGE_OP) != Some(vec![0; 4]) {
                return vec![(name, attributes)];
            }
            let cmp = |op: u32, data: u16| -> (String, Vec<Attribute>) {
                let attributes = [
                    attributes[0].clone(),
                    (CMP_OP, op.to_be_bytes().to_vec()),
                    (CMP_DATA, find(data).unwrap_or_default()),
                ];
                ("cmp".into(), attributes.to_vec())
            };
            vec![cmp(GE, RANGE_FROM), cmp(LE, RANGE_TO)]
        })
        .collect();
    rule
}

const PAYLOAD_DREG: u16 = 1;
const PAYLOAD_BASE: u16 = 2;
const META_SREG: u16 = 3;
const CT_SREG: u16 = 4;

/// Whether header fields are loaded both before and after a statement: 1.0.6 may join them into one
/// load, so that the statement acts on other packets than was said.
pub fn loads_around_statements(rule: &HeldRule) -> bool {
    let (mut loaded, mut since) = (Vec::new(), Vec::new());
    rule.exprs.iter().any(|(name, attributes)| {
        let find = |kind| attributes.iter().find(|(k, _)| *k == kind).map(|(_, payload)| payload.clone());
        match &name[..] {
            "payload" if find(PAYLOAD_DREG).is_some() => {
                let base = find(PAYLOAD_BASE);
                since.push(base.clone());
                return loaded.contains(&base);
            }
            "meta" if find(META_SREG).is_none() => {}
            "ct" if find(CT_SREG).is_none() => {}
            "cmp" | "range" | "bitwise" | "byteorder" | "lookup" => {}
            _ => loaded.append(&mut since),
        }
        false
    })
}
