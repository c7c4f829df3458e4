//! Typed sets and maps, their keys and their elements.

mod bulk;
mod disjoint;
pub(crate) mod element;
mod item;
pub(crate) mod key;
pub(crate) mod pattern;
pub(crate) mod stateful;
pub(crate) mod typed;

pub use bulk::{Filled, Keys};
pub use element::Element;
pub use item::Elements;
pub use key::{Key, MapValue, SetKey};
pub use pattern::Pattern;
pub use stateful::{ByteQuota, ConnCount, Rate, RateLimit, Stateful, conn_count, last, limit, quota};
pub use typed::{AddrSet, Map, MapRef, Set, SetRef};
