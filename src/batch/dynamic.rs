//! Sets that rules of the same batch change.

use super::Batch;
use crate::{
    data::Name,
    expr::Expr,
    model::{Rule, Set, SetFlags},
    wire::{attrs, message},
};

const NEWSET: u8 = 9;
const SET_FLAGS: u16 = 3;

impl Batch {
    /// Makes the sets dynamic that a rule changes and that are declared in this batch: as nft does,
    /// whether it is said or not.
    ///
    /// A map that declares no size needs no flag, and nft gives it none; with a size the kernel
    /// would refuse the rule.
    pub(crate) fn declare_dynamic(&mut self, rule: &Rule) {
        for expr in rule.exprs() {
            let Expr::Dynset(dynset) = expr else { continue };
            let id = (rule.family.into(), rule.table.clone(), dynset.set.clone());
            if dynset.set_id.is_some() || self.dynamic.contains(&id) {
                continue;
            }
            if let Some((place, flags)) = self.flags_of(rule, &dynset.set) {
                self.out[place..place + 4].copy_from_slice(&flags.bits().to_be_bytes());
            }
            self.dynamic.insert(id);
        }
    }

    /// Where the flags of a set of this batch are that has to be dynamic and is not, and what they
    /// have to be.
    fn flags_of(&self, rule: &Rule, name: &Name) -> Option<(usize, SetFlags)> {
        let mut start = 0;
        for message in message::messages(&self.out).flatten() {
            let attributes = start + message::ATTRIBUTES;
            start += message.body.len().next_multiple_of(4) + (message::ATTRIBUTES - 4);
            if message.nft() != Some(NEWSET) || message.family() != u8::from(rule.family) {
                continue;
            }
            let Ok(set) = Set::decode_attrs(rule.family, message.attributes()) else { continue };
            if (&set.table, &set.name) == (&rule.table, name) {
                let flags = attrs(message.attributes()).flatten().find(|attr| attr.kind == SET_FLAGS)?;
                let lacks = set.may_be_dynamic() && (!set.flags().contains(SetFlags::MAP) || set.size().is_some());
                return lacks.then_some((attributes + flags.offset + 4, set.flags() | SetFlags::EVAL));
            }
        }
        None
    }
}

impl Set {
    /// Whether rules may change it once it is made dynamic, which it is not.
    pub(crate) fn may_be_dynamic(&self) -> bool {
        !self.flags().intersects(SetFlags::EVAL | SetFlags::CONSTANT | SetFlags::INTERVAL | SetFlags::OBJECT)
    }
}
