//! Sets and maps.

use super::{Printer, statement::object_word};
use crate::{
    data::DataType,
    lang::{
        declared,
        tree::Item,
        words::{SET_POLICIES, word},
    },
    lift,
    model::{FilledSet, Set, SetFlags, SetPolicy},
};

/// Whether a set stands in the one rule that uses it.
pub(super) fn is_hidden(set: &Set) -> bool {
    set.flags().contains(SetFlags::ANONYMOUS)
}

/// How many elements of a type nft puts into a line.
fn per_line(key: DataType) -> usize {
    match u32::from(key) {
        // nf_proto, integer, arp_op, inet_proto, inet_service, tcp_flag, dccp_pkttype, mark,
        // iface_index, classid, uid, gid, ct_dir
        2 | 4 | 11..=13 | 15 | 16 | 19 | 20 | 23..=25 | 27 => 5,
        // ipv4_addr, ct_state, ct_status, pkt_type
        7 | 26 | 28 | 31 => 2,
        _ => 1,
    }
}

impl<'a> Printer<'a> {
    pub fn set(&mut self, filled: &'a FilledSet) {
        let set = &filled.set;
        let flags = set.flags();
        self.family = Some(set.family);
        self.table = Some(&set.table);
        let is_map = flags.intersects(SetFlags::MAP | SetFlags::OBJECT);
        self.open(if is_map { "map" } else { "set" }, &set.name, set.handle);
        self.push("\n\t\t");
        self.set_types(set);
        self.push("\n");
        self.set_limits(set, flags);
        if !self.options.terse {
            let items = lift::items(set, &filled.elements);
            if !items.is_empty() {
                self.set_elements(set, flags, &items);
            }
        }
        self.push("\t}\n");
    }

    pub fn each_element(&mut self, filled: &'a FilledSet) -> Vec<String> {
        let items = lift::items(&filled.set, &filled.elements);
        items.iter().map(|item| self.taken(|this| this.item(item))).collect()
    }

    fn set_types(&mut self, set: &Set) {
        let flags = set.flags();
        let declared = declared::of(set);
        match &declared.key_of {
            Some(of) => {
                self.push("typeof ");
                self.expression(of);
            }
            None => {
                self.push("type ");
                self.push(&set.key_type.unwrap_or_default().words());
            }
        }
        if flags.contains(SetFlags::OBJECT) {
            self.print(format_args!(" : {}", set.object_type.map_or("unknown", object_word)));
        } else if flags.contains(SetFlags::MAP) {
            self.push(" : ");
            if set.has_ranges() {
                self.push("interval ");
            }
            match (&declared.data_of, set.data_type) {
                (Some(of), _) => self.expression(of),
                (_, Some(DataType::VERDICT)) => self.push("verdict"),
                (_, data) => self.push(&data.unwrap_or_default().words()),
            }
        }
    }

    /// What stands between the types and the elements.
    fn set_limits(&mut self, set: &Set, flags: SetFlags) {
        if !flags.contains(SetFlags::CONSTANT) {
            if let Some(policy) = set.policy.filter(|policy| *policy != SetPolicy::Performance) {
                self.print(format_args!("\t\tpolicy {}\n", word(SET_POLICIES, &policy).unwrap_or("unknown")));
            }
            if let Some(size @ 1..) = set.size() {
                self.print(format_args!("\t\tsize {size}"));
                if let Some(count @ 1..) = set.count {
                    self.print(format_args!("\t# count {count}"));
                }
                self.push("\n");
            }
        }
        // A time says that there are times.
        let timeout = set.timeout.filter(|timeout| !timeout.is_zero());
        let told = flags - if timeout.is_some() { SetFlags::TIMEOUT } else { SetFlags::empty() };
        let words = [
            (SetFlags::CONSTANT, "constant"),
            (SetFlags::EVAL, "dynamic"),
            (SetFlags::INTERVAL, "interval"),
            (SetFlags::TIMEOUT, "timeout"),
        ];
        if words.iter().any(|(flag, _)| told.contains(*flag)) {
            let words = words.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| word);
            self.words("\t\tflags ", words, "\n");
        }
        let statements: Vec<_> = set.element_exprs().iter().filter_map(lift::statement).collect();
        if !statements.is_empty() {
            let stateless = std::mem::replace(&mut self.stateless, true);
            self.push("\t\t");
            self.statements(&statements);
            self.push("\n");
            self.stateless = stateless;
        }
        if set.merges() {
            self.push("\t\tauto-merge\n");
        }
        if let Some(timeout) = timeout {
            self.lasting("\t\ttimeout ", timeout, "\n");
        }
        if let Some(interval) = set.gc_interval.filter(|interval| !interval.is_zero()) {
            self.lasting("\t\tgc-interval ", interval, "\n");
        }
        if let Some(comment) = set.comment() {
            self.push("\t\tcomment ");
            self.quoted(&comment);
            self.push("\n");
        }
    }

    fn set_elements(&mut self, set: &Set, flags: SetFlags, items: &[Item]) {
        let long = SetFlags::MAP | SetFlags::OBJECT | SetFlags::TIMEOUT | SetFlags::CONCAT;
        let one_each = flags.intersects(long)
            || set.timeout.is_some_and(|timeout| !timeout.is_zero())
            || !set.element_exprs().is_empty()
            || items.iter().any(|item| item.comment.is_some());
        let per_line = if one_each { 1 } else { per_line(set.key_type.unwrap_or_default()) };
        self.push("\t\telements = { ");
        let last = items.len().saturating_sub(1);
        for (index, item) in items.iter().enumerate() {
            self.item(item);
            if index < last {
                self.push(if (index + 1).is_multiple_of(per_line) { ",\n\t\t\t     " } else { ", " });
            }
        }
        self.push(" }\n");
    }
}
