use std::{borrow::Cow, fmt};
use thiserror::Error;

/// Why one payload does not decode, or cannot be written.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Malformed {
    /// An attribute header does not fit its container.
    #[error("attribute header does not fit")]
    Header,
    /// The payload has another width than its type.
    #[error("{got} bytes, expected {want}")]
    Length {
        /// Bytes there.
        got: usize,
        /// Bytes the type has.
        want: usize,
    },
    /// More bytes than the kernel, or the 16-bit length, takes.
    #[error("{got} bytes, at most {most} fit")]
    TooLong {
        /// Bytes there.
        got: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// A name without a single byte; the kernel would take it for "any".
    #[error("the name is empty")]
    Empty,
    /// A text with a NUL inside.
    #[error("NUL byte inside a text")]
    Text,
    /// A mandatory attribute is absent.
    #[error("attribute is missing")]
    Missing,
    /// Refused by this crate before the kernel would misread it.
    #[error("{0}")]
    Refused(Cow<'static, str>),
}

/// One step of a [`Path`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// An attribute, by the field name that this crate gives it.
    Field(&'static str),
    /// A list entry, counted from 0.
    Index(usize),
    /// An expression, by the name the kernel knows it by.
    Expr(String),
}

/// The attributes that lead to a place in a message, outermost first.
///
/// Displayed as `expressions[2] > dynset > timeout`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Path(Vec<Step>);

impl Path {
    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn outer(&mut self, step: Step) {
        self.0.insert(0, step);
    }

    /// Puts a number in the place of the outermost step.
    pub(crate) fn number(&mut self, index: usize) {
        if let Some(step) = self.0.first_mut() {
            *step = Step::Index(index);
        }
    }

    pub(crate) fn inner(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Whether `field` is the last attribute named.
    pub(crate) fn ends_at(&self, field: &str) -> bool {
        matches!(self.0.last(), Some(Step::Field(f)) if *f == field)
    }

    /// Adds to the list index directly below `field`.
    pub(crate) fn shift(&mut self, field: &str, by: usize) {
        let below = self.0.iter().position(|step| matches!(step, Step::Field(f) if *f == field));
        if let Some(Step::Index(n)) = below.and_then(|at| self.0.get_mut(at + 1)) {
            *n += by;
        }
    }

    /// The list index directly below `field`.
    pub(crate) fn index_in(&self, field: &str) -> Option<usize> {
        self.0.windows(2).find_map(|w| match w {
            [Step::Field(f), Step::Index(i)] if *f == field => Some(*i),
            _ => None,
        })
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(n) => write!(f, "[{n}]")?,
                _ if i > 0 => f.write_str(" > ")?,
                _ => {}
            }
            match step {
                Step::Field(name) => f.write_str(name)?,
                Step::Expr(name) => f.write_str(name)?,
                Step::Index(_) => {}
            }
        }
        Ok(())
    }
}

/// A message that does not decode: which attribute, and why.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{path}: {why}")]
pub struct DecodeError {
    /// Where.
    pub path: Path,
    /// Why.
    pub why: Malformed,
}

impl DecodeError {
    pub(crate) fn within(mut self, step: Step) -> Self {
        self.path.outer(step);
        self
    }
}

impl From<Malformed> for DecodeError {
    fn from(why: Malformed) -> Self {
        Self { path: Path::default(), why }
    }
}

/// A value that has no form on the wire: which attribute, and why.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{path}: {why}")]
pub struct EncodeError {
    /// Where.
    pub path: Path,
    /// Why.
    pub why: Malformed,
}

impl EncodeError {
    pub(crate) fn within(mut self, step: Step) -> Self {
        self.path.outer(step);
        self
    }
}

impl From<Malformed> for EncodeError {
    fn from(why: Malformed) -> Self {
        Self { path: Path::default(), why }
    }
}
