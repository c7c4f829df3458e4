//! The small nouns: names, registers, values, verdicts, hooks, types.

mod hook;
mod marks;
mod name;
mod named;
mod register;
mod typed;
mod userdata;
mod value;
mod verdict;

pub use hook::{ChainType, Family, Hook, ParseFamilyError, Policy, Priority};
pub use marks::{MarkBits, MarkError, MarkRegistry};
pub use name::Name;
pub use named::{Cgroup, Missing};
pub use register::Register;
pub use typed::*;
pub use userdata::Userdata;
pub(crate) use userdata::UserdataCodec;
pub use value::{Data, Value};
pub use verdict::{Verdict, VerdictCode};
