//! What a typed statement is: a tree of nft's language, or one for each IP version.

use super::lookup::KnownSet;
use crate::{
    data::Name,
    lang::{
        field::IpVersion,
        tree::{Expression, Statement},
    },
    print,
    wire::Malformed,
};
use std::sync::Arc;

/// Something that is the same for every packet, or one thing for IPv4 and another one for IPv6.
#[derive(Clone, Debug)]
pub(crate) enum ByVersion<T> {
    Any(T),
    Each(Box<[T; 2]>),
}

impl<T> ByVersion<T> {
    /// Makes one, or one for each version.
    pub fn new(dual: bool, mut make: impl FnMut(Option<IpVersion>) -> T) -> Self {
        match dual {
            false => Self::Any(make(None)),
            true => Self::Each(Box::new(IpVersion::BOTH.map(|version| make(Some(version))))),
        }
    }

    pub fn is_dual(&self) -> bool {
        matches!(self, Self::Each(_))
    }

    /// That of a version.
    pub fn get(&self, version: Option<IpVersion>) -> &T {
        match self {
            Self::Any(one) => one,
            Self::Each(both) => &both[usize::from(version == Some(IpVersion::V6))],
        }
    }

    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> ByVersion<U> {
        match self {
            Self::Any(one) => ByVersion::Any(f(one)),
            Self::Each(both) => ByVersion::Each(Box::new(both.map(f))),
        }
    }
}

/// Whether a statement can hold for packets of an IP version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holds {
    /// As packets go.
    Maybe,
    /// For none: the rule is not needed for this version.
    Never,
    /// For all: the statement is not needed for this version.
    Always,
}

/// A piece of a rule's tree, and what the tree does not say.
#[derive(Clone, Debug)]
pub(crate) struct Piece<T> {
    pub tree: T,
    /// The named sets in it.
    pub sets: Vec<KnownSet>,
    pub holds: Holds,
    /// Why it cannot be meant so.
    pub wrong: Option<Malformed>,
}

impl<T> Piece<T> {
    pub fn new(tree: T) -> Self {
        Self { tree, sets: Vec::new(), holds: Holds::Maybe, wrong: None }
    }

    /// Notes a refusal, unless there is one.
    pub fn checked(mut self, check: Result<(), Malformed>) -> Self {
        self.wrong = self.wrong.or(check.err());
        self
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Piece<U> {
        Piece { tree: f(self.tree), sets: self.sets, holds: self.holds, wrong: self.wrong }
    }
}

/// An expression on its way into a statement.
pub(crate) type Operand = ByVersion<Piece<Expression>>;

impl From<Expression> for Operand {
    fn from(expression: Expression) -> Self {
        Self::Any(Piece::new(expression))
    }
}

/// What a statement is in its rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Condition,
    Action,
    Verdict,
}

/// Chains of its own that a statement has a rule go through, last of all.
pub(crate) trait Detour: std::fmt::Debug + Send + Sync {
    /// The chains, each of which leads to the one before it, and the first to what the rule ends
    /// with: `label` in words.
    fn chains(&self, version: IpVersion, label: &str) -> Vec<DetourChain>;
}

/// A chain on the way.
#[derive(Clone, Debug)]
pub(crate) struct DetourChain {
    pub name: Name,
    pub rules: Vec<Vec<Piece<Statement>>>,
}

/// A condition, an action or a verdict.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub pieces: ByVersion<Piece<Statement>>,
    pub role: Role,
    /// Whether it does or uses up something, so that packets of the other IP version must not get
    /// to it.
    pub acts: bool,
    pub detour: Option<Arc<dyn Detour>>,
}

impl Typed {
    pub fn new(role: Role, acts: bool, pieces: ByVersion<Piece<Statement>>) -> Self {
        Self { pieces, role, acts, detour: None }
    }

    /// One that is the same for every packet.
    pub fn plain(role: Role, acts: bool, tree: Statement) -> Self {
        Self::new(role, acts, ByVersion::Any(Piece::new(tree)))
    }

    /// nft's syntax; of one for each IP version, both.
    pub fn text(&self) -> String {
        let of = |version| {
            let piece = self.pieces.get(version);
            (version.is_none() || piece.holds == Holds::Maybe).then(|| print::statement(None, &piece.tree))
        };
        match self.pieces.is_dual() {
            false => of(None).unwrap_or_default(),
            true => {
                IpVersion::BOTH.into_iter().filter_map(|version| of(Some(version))).collect::<Vec<_>>().join(" or ")
            }
        }
    }
}

macro_rules! shown {
    ($($statement:ty)*) => { $(
        /// nft's syntax; a statement about addresses of either IP version as `ip … or ip6 …`.
        impl std::fmt::Display for $statement {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0.text())
            }
        }
    )* };
}

shown! { super::Match super::Action super::Decision }
