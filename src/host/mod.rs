//! What this machine says of itself.

mod holder;

pub(crate) use holder::Holder;
