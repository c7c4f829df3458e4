//! Comparisons: what `when` takes.

use super::{
    hash::Hash,
    lookup::{KeyOf, Looked, Lookup},
    statement::{ByVersion, Holds, Piece, Role, Typed},
};
use crate::{
    data::Value,
    lang::{
        field::{IpVersion, Load},
        refused,
        selector::{Selected, Selector},
        tree::{Expression, Op, Statement},
        words::{OPS, word},
    },
    set::{
        pattern::{FieldPattern, RawPattern, Shape},
        stateful::{ByteQuota, ConnCount, RateLimit, Stateful},
    },
    wire::Malformed,
};

/// A condition of a rule. It never acts: all it can do is end the rule for a packet.
///
/// ```compile_fail
/// # use oxitables::{Rule, tcp};
/// Rule::new().then(tcp::dport().is(22));
/// ```
#[derive(Clone, Debug)]
pub struct Match(pub(crate) Typed);

impl Match {
    pub(crate) fn new(pieces: ByVersion<Piece<Statement>>) -> Self {
        Self(Typed::new(Role::Condition, false, pieces))
    }

    /// One field against one pattern.
    pub(crate) fn compare(part: &Selected, op: Op, pattern: &RawPattern) -> Self {
        Self::new(ByVersion::new(part.dual, |version| compare(part, None, version, op, pattern)))
    }

    /// A hash against one pattern.
    pub(crate) fn compare_hash(hash: &Hash, op: Op, pattern: &RawPattern) -> Self {
        Self::new(ByVersion::new(hash.is_dual(), |version| compare(&Hash::part(), Some(hash), version, op, pattern)))
    }

    /// Any or none of some bits.
    pub(crate) fn bits(part: &Selected, bits: &Value, none: bool) -> Self {
        let op = if none { Op::Neg } else { Op::Implicit };
        let right = Expression::list_of_bits(part.ty, bits);
        Self::new(ByVersion::Any(Piece::new(Statement::Match { op, left: Expression::Field(part.field), right })))
    }

    /// In a set, or not.
    pub(crate) fn member(lookup: Lookup, inverted: bool) -> Self {
        Self::new(lookup.map(|piece| in_set(piece, inverted)))
    }

    /// One of some patterns, or none of them. A set of one element is a comparison, as nft has it.
    pub(crate) fn any_of(key: &KeyOf, patterns: impl IntoIterator<Item = RawPattern>, inverted: bool) -> Self {
        let items: Vec<_> = patterns.into_iter().map(|pattern| (pattern, None)).collect();
        Self::new(ByVersion::new(key.is_dual(), |version| match (key.single(), &key.fitting(&items, version)[..]) {
            (Some(part), [(pattern, _)]) => {
                compare(part, key.hash.as_ref(), version, if inverted { Op::Ne } else { Op::Eq }, pattern)
            }
            (_, fitting) => in_set(key.anonymous(fitting, items.len(), version), inverted),
        }))
    }
}

fn in_set(piece: Piece<Looked>, inverted: bool) -> Piece<Statement> {
    let op = if inverted { Op::Ne } else { Op::Implicit };
    let holds = if inverted && piece.holds == Holds::Never { Holds::Always } else { piece.holds };
    Piece { holds, ..piece.map(|Looked { key, of }| Statement::Match { op, left: key, right: of }) }
}

/// Compares a field, or a hash.
fn compare(
    part: &Selected,
    hash: Option<&Hash>,
    version: Option<IpVersion>,
    op: Op,
    pattern: &RawPattern,
) -> Piece<Statement> {
    let part = if part.dual { part.resolve(version) } else { *part };
    let field = pattern.first();
    let mask = both_masks(&part, &field);
    // Of packet bytes nft lists several bits as a number.
    let number = mask.is_none() && matches!(part.field.load(), Load::Packet(..));
    let right = if number { field.expression(part.ty) } else { field.named(part.ty) };
    let left = match hash {
        Some(hash) => hash.expression(version),
        None => Selected { mask, ..part }.expression(),
    };
    let holds = match version {
        Some(version) if part.dual && field.lo.len() != version.address_len() => {
            if op == Op::Ne {
                Holds::Always
            } else {
                Holds::Never
            }
        }
        _ => Holds::Maybe,
    };
    let wrong = check(&part, op, pattern, &field, mask.is_some()).err();
    // Without an operator nft takes bits for "any of them".
    let op = if op == Op::Eq && mask.is_none() && !part.ty.bits { Op::Implicit } else { op };
    Piece { tree: Statement::Match { op, left, right }, sets: Vec::new(), holds, wrong }
}

fn check(
    part: &Selected,
    op: Op,
    pattern: &RawPattern,
    field: &FieldPattern<'_>,
    masked: bool,
) -> Result<(), Malformed> {
    if !pattern.is_sound() {
        return refused("a range whose ends are of different families");
    }
    pattern.check_prefixes()?;
    if field.lo > field.hi && field.shape != Shape::Masked {
        return refused(format!("{} with a range that ends before it starts", part.field.words()));
    }
    if !matches!(op, Op::Eq | Op::Ne) && field.shape != Shape::One {
        let sign = word(OPS, &op).unwrap_or_default();
        return refused(format!("{} {sign} takes a single value", part.field.words()));
    }
    if masked && matches!(field.shape, Shape::Prefix(_)) {
        return refused(format!("{} with a mask and a prefix: put both into the mask", part.field.words()));
    }
    Ok(())
}

/// The mask of the field and that of the pattern.
fn both_masks(part: &Selected, field: &FieldPattern<'_>) -> Option<Value> {
    let own = (field.shape == Shape::Masked).then(|| Value::new(field.hi)).flatten();
    match (part.mask, own) {
        (Some(a), Some(b)) => {
            let bytes: Vec<u8> = a.iter().zip(&*b).map(|(a, b)| a & b).collect();
            Value::new(&bytes)
        }
        (a, b) => a.or(b),
    }
}

/// Something exists.
impl From<Selector<bool>> for Match {
    fn from(exists: Selector<bool>) -> Self {
        exists.is(true)
    }
}

macro_rules! conditions {
    ($($stateful:ty)*) => { $(
        impl From<$stateful> for Match {
            fn from(condition: $stateful) -> Self {
                Self(Typed::plain(Role::Condition, true, Statement::Plain(condition.into_expr())))
            }
        }
    )* };
}

conditions! { RateLimit ByteQuota ConnCount }
