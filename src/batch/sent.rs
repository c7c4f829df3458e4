//! What is sent of a batch, and what is found in it when the kernel has answered.

use super::{Batch, Change, Verb, describe};
use crate::{
    data::{Family, Name},
    model::{Chain, Does, Generation, Kind, MessageType, Set},
    wire::{
        Form, Writer, attrs,
        message::{self, F_ECHO, F_EXCL, F_REQUEST, SUBSYSTEM},
    },
};

/// What is known of a commit before it is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// It changes something, or fails.
    Sure,
    /// It adds elements, few enough to be tried twice. Those that are there already change nothing.
    Additions,
    /// It may change nothing.
    Unknown,
}

impl Batch {
    /// `NFNL_MSG_BATCH_BEGIN`; with `echo`, a sequence number, also what makes the kernel tell the
    /// generation of the commit.
    pub(crate) fn begin(&self, expected: Option<Generation>, seq: u32, echo: Option<u32>) -> Vec<u8> {
        let mut out = Writer::new(Form::Request);
        let begin = message::begin(&mut out, 0x10, F_REQUEST, seq, 0, SUBSYSTEM);
        if let Some(generation) = expected {
            out.attr(1, "generation", |out| out.bytes(&generation.0.to_be_bytes()));
        }
        message::finish(&mut out, begin);
        if let Some(seq) = echo {
            // The kernel sends the new generation to the sender of a batch whose first message asks
            // for an echo. To ask for that on a message of the caller's would also echo all that it
            // makes. This one makes nothing: it destroys the table with handle 0, and handles count
            // from 1. The handle is what counts; the name is there because a message without either
            // would mean every table.
            let (kind, flags) = (SUBSYSTEM << 8 | u16::from(u8::from(MessageType::DestroyTable)), F_REQUEST | F_ECHO);
            let destroy = message::begin(&mut out, kind, flags, seq, Family::Inet.into(), 0);
            out.attr(1, "name", |out| out.bytes(b"no table of this name\0"));
            out.attr(4, "handle", |out| out.bytes(&[0; 8]));
            message::finish(&mut out, destroy);
        }
        out.into_parts().0
    }

    /// The messages, and where the last one starts.
    pub(crate) fn body(&self) -> (&[u8], usize) {
        (&self.out, self.last)
    }

    /// The operation that a message belongs to, and the message.
    pub(crate) fn find(&self, seq: u32) -> Option<(usize, message::Message<'_>)> {
        let index = self.operations.partition_point(|op| op.seq <= seq).checked_sub(1)?;
        let from = &self.out[self.operations[index].offset..];
        let message = message::messages(from).flatten().find(|m| m.seq == seq)?;
        Some((index, message))
    }

    /// The operations: the verb and the messages of each.
    pub(crate) fn each_operation(&self) -> impl Iterator<Item = (Verb, impl Iterator<Item = message::Message<'_>>)> {
        let ends = self.operations.iter().skip(1).map(|next| next.offset).chain([self.out.len()]);
        self.operations
            .iter()
            .zip(ends)
            .map(|(op, end)| (op.verb, message::messages(&self.out[op.offset..end]).flatten()))
    }

    /// How many elements an operation has in its messages before this one.
    pub(crate) fn elements_before(&self, operation: usize, seq: u32) -> usize {
        let from = self.operations.get(operation).map_or(&[][..], |op| &self.out[op.offset..]);
        let earlier = message::messages(from).flatten().take_while(|m| m.seq < seq);
        earlier.filter_map(|m| Change::read(m)?.list()).map(|list| attrs(list).count()).sum()
    }

    /// Verb and object of an operation, in words.
    pub(crate) fn operation_text(&self, index: usize) -> (Verb, String) {
        let Some(op) = self.operations.get(index) else {
            return (Verb::Add, "nothing".into());
        };
        // What was refused may have no message at all.
        let end = self.operations.get(index + 1).map_or(self.out.len(), |next| next.offset);
        let object = message::messages(&self.out[op.offset..end]).flatten().next().map(|m| describe(&m));
        (op.verb, object.unwrap_or_default())
    }

    /// The sets that this batch makes, or finds there.
    pub(crate) fn made_sets(&self) -> Vec<Set> {
        let made = |change: &Change<'_>| (change.does, change.kind) == (Does::New, Kind::Set);
        self.changes().filter(made).filter_map(|change| change.as_set().ok()).collect()
    }

    /// The chains that this batch makes or changes, each with the operation.
    pub(crate) fn made_chains(&self) -> Vec<(usize, Chain)> {
        let mut chains = Vec::new();
        for (operation, (_, messages)) in self.each_operation().enumerate() {
            let made = |change: &Change<'_>| (change.does, change.kind) == (Does::New, Kind::Chain);
            let made = messages.filter_map(Change::read).filter(made);
            chains.extend(made.filter_map(|change| Some((operation, change.as_chain().ok()?))));
        }
        chains
    }

    /// Whether a commit of it makes a new generation.
    pub(crate) fn effect(&self) -> Effect {
        const SMALL: usize = 4096;
        let mut additions = self.out.len() <= SMALL;
        for change in self.changes() {
            match (change.does, change.kind) {
                (Does::New, Kind::Rule) | (Does::Delete, Kind::Elements) => return Effect::Sure,
                (Does::New, Kind::Elements) => {}
                _ => additions = false,
            }
        }
        if additions { Effect::Additions } else { Effect::Unknown }
    }

    /// The same additions of elements, refused by the kernel if one of them is there. Nobody is
    /// told why: it has the messages of the batch, and knows nothing of its operations.
    pub(crate) fn exclusive(&self) -> Self {
        let mut exclusive = Self { out: self.out.clone(), messages: self.messages, last: self.last, ..Self::new() };
        let mut at = 0;
        while let Some(&[a, b, c, d, _, _, low, high]) = exclusive.out.get(at..at + 8) {
            let flags = u16::from_ne_bytes([low, high]) | F_EXCL;
            exclusive.out[at + 6..at + 8].copy_from_slice(&flags.to_ne_bytes());
            at += (u32::from_ne_bytes([a, b, c, d]) as usize).next_multiple_of(4);
        }
        exclusive
    }

    /// Whether a set may be another one after it: sets, or the tables with them, are made or
    /// removed.
    pub(crate) fn changes_sets(&self) -> bool {
        self.changes().any(|change| matches!(change.kind, Kind::Table | Kind::Set))
    }

    /// The set of this batch with these names.
    pub(crate) fn set(&self, family: Family, table: &Name, name: &Name) -> Option<Set> {
        self.made_sets().into_iter().find(|set| set.family == family && set.table == *table && set.name == *name)
    }
}
