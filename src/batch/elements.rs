//! Lists of elements, which one message may be too short for.

use super::{Batch, SetName, Verb};
use crate::wire::{
    EncodeError, Form, Malformed, Step, Writer,
    message::{self, F_CREATE, F_EXCL},
};

/// `NFTA_SET_ELEM_LIST_ELEMENTS` is an attribute: its length has 16 bits.
const LIST_MAX: usize = u16::MAX as usize - 4;

/// Where the parts of a message with a list of elements start.
#[derive(Clone, Copy)]
struct List {
    message: usize,
    list: usize,
    first: usize,
}

impl List {
    fn close(self, out: &mut Writer) {
        out.close(self.list);
        message::finish(out, self.message);
    }
}

impl Batch {
    /// Writes elements as one operation: as many messages as the 16-bit length of a list asks for,
    /// split between items.
    ///
    /// `write` appends the list entries of one item; an error is reported as that of the item.
    pub(crate) fn elements<T>(
        &mut self,
        verb: Verb,
        set: &SetName<'_>,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&T, &mut Writer) -> Result<(), Malformed>,
    ) {
        self.operation(verb);
        self.element_messages(verb, set, items, write);
    }

    /// The same within the current operation.
    pub(crate) fn element_messages<T>(
        &mut self,
        verb: Verb,
        set: &SetName<'_>,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&T, &mut Writer) -> Result<(), Malformed>,
    ) {
        let (kind, flags) = match verb {
            Verb::Create => (12, F_CREATE | F_EXCL),
            Verb::Delete => (14, 0),
            Verb::Destroy => (30, 0),
            _ => (12, F_CREATE),
        };
        let before = (self.messages, self.last);
        let mut out = Writer::reuse(std::mem::take(&mut self.out), Form::Request);
        let mut wrong = Vec::new();
        let mut open = |out: &mut Writer, wrong: &mut Vec<EncodeError>| {
            let message = self.begin_message(out, kind, flags, set.family);
            set.write(out);
            wrong.extend(out.take_error());
            let list = out.open(out.nested(3));
            List { message, list, first: out.len() }
        };
        let mut list = None;
        for (index, item) in items.into_iter().enumerate() {
            let current = list.unwrap_or_else(|| open(&mut out, &mut wrong));
            list = Some(current);
            let start = out.len();
            let written = write(&item, &mut out);
            if let Some(error) = written.err().map(EncodeError::from).or_else(|| out.take_error()) {
                out.truncate(start);
                wrong.push(error.within(Step::Index(index)).within(Step::Field("elements")));
            } else if out.len() - current.first > LIST_MAX && start > current.first {
                // Full: this item starts the next message.
                let item = out.split_off(start);
                current.close(&mut out);
                list = Some(open(&mut out, &mut wrong));
                out.bytes(&item);
            }
        }
        match list {
            // No item is for this set, as where a pair of them shares a list. One that is refused
            // keeps its message: the error names the set by it.
            Some(list) if out.len() == list.first && wrong.is_empty() => {
                out.truncate(list.message);
                (self.messages, self.last) = before;
            }
            Some(list) => list.close(&mut out),
            None => {}
        }
        let (buf, error) = out.into_parts();
        self.out = buf;
        if before.0 < self.messages {
            self.note_classic(set.family, self.last);
        }
        wrong.into_iter().chain(error).for_each(|error| self.refuse(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::{DataType, Family, Value},
        model::{Element, Set, Table},
        wire::attrs,
    };

    fn set() -> Set {
        Set::new(&Table::new(Family::Ip, "t"), "s", DataType::from(7), 4)
    }

    fn element(i: u32) -> Element {
        Element::new(Value::new(&i.to_be_bytes()).unwrap())
    }

    #[test]
    fn element_lists_are_as_full_as_their_length_allows_and_lose_nothing() {
        let (set, mut batch) = (set(), Batch::new());
        batch.add(set.elements((0..10_000).map(element)));
        assert_eq!((batch.len(), batch.messages()), (1, 3));
        let mut keys = Vec::new();
        for (message, wanted) in message::messages(batch.body().0).zip([4095, 4095, 1810]) {
            let message = message.unwrap();
            assert_eq!(message.seq as usize, keys.len() / 4095 + 1);
            let list = attrs(message.attributes()).flatten().find(|a| a.kind == 3).unwrap();
            let before = keys.len();
            keys.extend(attrs(list.payload).map(|e| Element::decode_attrs(e.unwrap().payload).unwrap().key.unwrap()));
            assert_eq!(keys.len() - before, wanted);
        }
        assert!(keys.iter().zip(0_u32..).all(|(key, i)| **key == i.to_be_bytes()));
    }

    #[test]
    fn elements_that_have_no_form_are_named_and_left_out() {
        let (set, mut batch) = (set(), Batch::new());
        let wrong = |i| if i % 3000 == 2999 { element(i).with_comment(&"x".repeat(252)) } else { element(i) };
        batch.add(set.elements((0..5000).map(wrong)));
        let paths: Vec<_> = batch.refused().iter().map(|(_, error)| error.path.to_string()).collect();
        assert_eq!(paths, ["elements[2999] > userdata"]);
        let lists = message::messages(batch.body().0).map(|m| m.unwrap().attributes());
        let elements = |list| attrs(attrs(list).flatten().find(|a| a.kind == 3).unwrap().payload).flatten().count();
        assert_eq!(lists.map(elements).sum::<usize>(), 4999);
    }
}
