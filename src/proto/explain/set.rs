//! Sets and elements.

use super::{CREATE, Case, DESTROY, Why, Witness, why};
use crate::{
    batch::Verb,
    data::{Data, DataType, Value},
    expr::Expr,
    model::{Element, Kind, Set, SetFlags},
};
use nix::errno::Errno;

impl Case<'_> {
    pub(super) fn set(&self, world: &mut Witness<'_>) -> Why {
        let name = self.name();
        let set = self.change.as_set().ok();
        match (self.errno, &set) {
            (Errno::ENOENT, _) if self.path.ends_at("table") => self.general(world),
            (Errno::ENOENT, _) => self.missing("set", Kind::Set, &name, world),
            (Errno::EEXIST, _) if self.verb == Verb::Create => why(format!("set {name} exists already"), CREATE),
            (Errno::EEXIST, Some(set)) => {
                let present = world.world.set(&self.home(), &name);
                let differs = present.map_or(String::new(), |present| differences(&present, set));
                why(
                    format!("set {name} exists already and is another{differs}"),
                    "what a set holds cannot be changed: delete and add it, and the rules that use it, in the same batch",
                )
            }
            (Errno::EBUSY, _) => {
                why(format!("set {name} is in use by a rule"), "delete the rule first, in the same batch")
            }
            (Errno::EOPNOTSUPP | Errno::EINVAL, Some(set)) => wrong(set),
            (Errno::E2BIG, _) => why("an element takes two stateful expressions at the most", ""),
            _ => self.general(world),
        }
    }

    pub(super) fn elements(&self, world: &mut Witness<'_>) -> Why {
        let name = self.name();
        // Kernels before 6.2 do not point at what is missing.
        let unsaid = self.errno == Errno::ENOENT && self.path.is_empty();
        if unsaid && self.has_table(world) && world.set(self.batch, &self.home(), &name).is_none() {
            return self.missing("set", Kind::Set, &name, world);
        }
        let Some((element, next)) = self.element() else {
            return match self.errno {
                Errno::ENOENT if self.path.ends_at("set") => self.missing("set", Kind::Set, &name, world),
                Errno::EMLINK | Errno::EOPNOTSUPP => self.graph(world).unwrap_or_else(|| self.general(world)),
                Errno::EBUSY => {
                    why(format!("set {name} is anonymous, and its rule is there already: it does not change"), "")
                }
                _ => self.general(world),
            };
        };
        let set = world.set(self.batch, &self.home(), &name);
        let key = show(&element, next.as_ref(), set.as_ref());
        let flags = set.as_ref().map(Set::flags).unwrap_or_default();
        let to = match &element.data {
            Some(Data::Verdict(verdict)) => verdict.chain.as_ref(),
            _ => None,
        };
        match (self.errno, to) {
            (Errno::ENOENT, Some(chain)) if self.makes() => self.missing("chain", Kind::Chain, chain, world),
            (Errno::ENOENT, _) if self.makes() && element.object.is_some() => {
                let noun = set.as_ref().and_then(|s| s.object_type).map_or("object".into(), |kind| kind.to_string());
                self.missing(&noun, Kind::Object, element.object.as_ref().unwrap_or(&name), world)
            }
            (Errno::ENOENT, _) if element.is_interval_end() => {
                let last = element.key.and_then(|end| end.before());
                let last = last.map_or(key, |last| show(&Element::new(last), None, set.as_ref()));
                why(format!("set {name} has no interval that ends with {last}"), "delete intervals as they were added")
            }
            (Errno::ENOENT, _) => {
                let what = if self.verb == Verb::Flush { "" } else { DESTROY };
                why(format!("set {name} has no element {key}"), what)
            }
            (Errno::EMLINK, _) => {
                self.graph(world).unwrap_or_else(|| why("the jump closes a loop, or goes too deep", ""))
            }
            (Errno::EOPNOTSUPP, Some(chain)) => {
                why(format!("chain {chain} has a hook: it cannot be jumped to"), "jump to a chain without a hook")
            }
            (Errno::EEXIST, _) if flags.contains(SetFlags::MAP) && !flags.contains(SetFlags::INTERVAL) => why(
                format!(
                    "map {name} has {key} already{}",
                    if self.verb == Verb::Create { "" } else { ", with another value" }
                ),
                "delete and add it in the same batch",
            ),
            (Errno::EEXIST, _) if flags.contains(SetFlags::INTERVAL) => {
                let there = set.as_ref().zip(ends(&element, next.as_ref()));
                let there = there.and_then(|(set, (lo, hi))| Some((set, world.overlapped(set, &lo, &hi)?)));
                let there = there.map_or("an element".into(), |(set, (lo, hi))| {
                    let end = Element { key_end: Some(hi), ..Element::new(lo) };
                    show(&end, None, Some(set))
                });
                why(
                    format!("{key} overlaps {there} of set {name}"),
                    "delete what it overlaps first, in the same batch, or merge the two",
                )
            }
            (Errno::EEXIST, _) => why(format!("set {name} has {key} already"), CREATE),
            (Errno::ENFILE, _) => {
                let size = set.as_ref().and_then(Set::size).map_or(String::new(), |n| format!(" of {n}"));
                why(
                    format!("set {name} is full: its size{size} leaves no room for {key}"),
                    "add the set again with a larger size, or delete elements; expired ones count until they are collected",
                )
            }
            (Errno::ERANGE, _) => match (element.timeout, element.expiration) {
                (Some(timeout), Some(left)) if left > timeout => {
                    why(format!("{key} cannot have {left:?} left of a timeout of {timeout:?}"), "")
                }
                _ => why(
                    format!("the timeout of {key} is too long"),
                    "it can be 584 years; for ever is a timeout of zero",
                ),
            },
            (Errno::EBUSY, _) => why(format!("set {name} does not change: it is constant or bound"), ""),
            (Errno::EOPNOTSUPP | Errno::EINVAL, _) => match set.as_ref().and_then(|set| misfit(&element, set)) {
                Some(cause) => why(format!("set {name} does not take {key}: {cause}"), ""),
                None => why(format!("set {name} does not take {key} like this"), ""),
            },
            _ => self.general(world),
        }
    }

    /// The element that the kernel points at, and the one after it.
    fn element(&self) -> Option<(Element, Option<Element>)> {
        // A kernel that does not point at the element (before 6.2) can only mean the one that there
        // is.
        let only = || (self.change.elements().count() == 1 && self.path.is_empty()).then_some(0);
        let index = self.path.index_in("elements").or_else(only)?;
        let entries = |from| self.change.elements().skip(from).map(Result::ok);
        let mut entries = match entries(index).next()?? {
            // The end of an interval that overlaps: it is spoken of by its start.
            end if end.is_interval_end() && self.errno == Errno::EEXIST => entries(index.saturating_sub(1)),
            _ => entries(index),
        };
        Some((entries.next()??, entries.next().flatten()))
    }
}

/// What a redeclared set differs in.
fn differences(present: &Set, wanted: &Set) -> String {
    // What says what a set is, rather than how it does it.
    let kind = |set: &Set| set.flags() - (SetFlags::EXPR | SetFlags::MAP | SetFlags::OBJECT);
    let differs = [
        ("bytes of a key", present.key_len.map(u64::from), wanted.key_len.map(u64::from)),
        ("bytes of a value", present.data_len.map(u64::from), wanted.data_len.map(u64::from)),
    ];
    let mut words: Vec<String> = differs
        .into_iter()
        .filter(|(_, is, wants)| is != wants)
        .map(|(what, is, wants)| {
            let n = |n: Option<u64>| n.map_or("none".into(), |n| n.to_string());
            format!("{what}: {}, here {}", n(is), n(wants))
        })
        .collect();
    if kind(present) != kind(wanted) {
        words.push(format!("flags: {}, here {}", flags(kind(present)), flags(kind(wanted))));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
}

fn flags(flags: SetFlags) -> String {
    let names: Vec<String> = flags.iter_names().map(|(name, _)| name.to_lowercase()).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// What is wrong with a set as such.
fn wrong(set: &Set) -> Why {
    let (flags, key) = (set.flags(), set.key_len.unwrap_or_default());
    let fields = set.desc.iter().filter_map(|d| d.concat.as_ref()).flatten().count();
    let exprs = set.element_exprs();
    let stateful = |e: &Expr| e.is_stateful() || matches!(e, Expr::Unknown(_));
    let cause = if !(1..=Value::MAX as u32).contains(&key) {
        format!("keys have 1 to {} bytes, not {key}", Value::MAX)
    } else if flags.contains(SetFlags::CONCAT) && fields < 2 {
        "the concat flag needs a description of at least two fields".into()
    } else if fields > 0 && !flags.contains(SetFlags::CONCAT) {
        "fields are described for the concat flag only".into()
    } else if flags.contains(SetFlags::INTERVAL | SetFlags::EVAL) {
        "a set that rules change cannot hold intervals".into()
    } else if let Some(other) = exprs.iter().find(|e| !stateful(e)) {
        format!("elements cannot have {}; they can have counter, limit, quota, connlimit and last", other.name())
    } else if set.exprs.is_some() && !flags.contains(SetFlags::EXPR) {
        "several stateful expressions need the expr flag".into()
    } else if (set.timeout.is_some() || set.gc_interval.is_some()) && !flags.contains(SetFlags::TIMEOUT) {
        "a timeout or a gc interval needs the timeout flag".into()
    } else if set.data_type.is_some() && !flags.intersects(SetFlags::MAP | SetFlags::OBJECT) {
        "values need the map flag".into()
    } else {
        return why("this kernel has no set with this combination of flags, key length and fields", "");
    };
    why(cause, "")
}

/// Why a set does not take an element.
fn misfit(element: &Element, set: &Set) -> Option<String> {
    let flags = set.flags();
    let wrong_len = |value: Option<&Value>, want: Option<u32>| match (value, want) {
        (Some(value), Some(want)) if value.len() != want as usize => Some((value.len(), want)),
        _ => None,
    };
    let data = match &element.data {
        Some(Data::Value(value)) => Some(value),
        _ => None,
    };
    Some(if let Some((got, want)) = wrong_len(element.key.as_ref(), set.key_len) {
        format!("its key has {got} bytes, and keys of the set have {want}")
    } else if let Some((got, want)) = wrong_len(element.key_end.as_ref(), set.key_len) {
        format!("its upper end has {got} bytes, and keys of the set have {want}")
    } else if let Some((got, want)) = wrong_len(data, set.data_len) {
        format!("its value has {got} bytes, and values of the map have {want}")
    } else if element.data.is_some() && !flags.contains(SetFlags::MAP) {
        "it is no map and has no values".into()
    } else if element.data.is_none() && flags.contains(SetFlags::MAP) && !element.is_interval_end() {
        "it is a map, and there is no value".into()
    } else if element.timeout.is_some() && !flags.contains(SetFlags::TIMEOUT) {
        "its elements have no timeouts; make it with the timeout flag".into()
    } else if element.expiration.is_some() && element.timeout.is_none() && set.timeout.is_none() {
        "what is left of a timeout needs a timeout".into()
    } else if element.key_end.is_some() && !flags.contains(SetFlags::CONCAT) {
        "an interval of one field is a start and an end, two elements".into()
    } else if element.key.is_some() && element.key.as_deref() > element.key_end.as_deref() && element.key_end.is_some()
    {
        "its upper end comes before its lower one".into()
    } else if element.is_interval_end() && !flags.contains(SetFlags::INTERVAL) {
        "it holds no intervals".into()
    } else if element.expr.is_some() || element.exprs.is_some() {
        "the stateful expressions have to be those of the set".into()
    } else {
        return None;
    })
}

/// The lowest and the highest key of an element of an interval set.
fn ends(element: &Element, next: Option<&Element>) -> Option<(Value, Value)> {
    let lo = element.key?;
    Some((lo, element.last_before(next).unwrap_or(lo)))
}

/// An element in the words of its set, or in hexadecimal; the end of an interval is the element
/// after it.
fn show(element: &Element, next: Option<&Element>, set: Option<&Set>) -> String {
    let kind = set.and_then(|s| s.key_type).unwrap_or(DataType::from(0));
    match (&element.key, element.last_before(next)) {
        (Some(key), Some(end)) => kind.show_range(key, &end),
        (Some(key), None) => kind.show(key, set.is_some_and(Set::is_interval)),
        (None, _) => "*".into(),
    }
}
