//! Elements of named sets and maps.

use super::{
    key::{Key, MapValue, SetKey, swapped},
    pattern::{FieldPattern, Pattern, Shape},
    typed::SetRef,
};
use crate::{
    compile::{interval_end, mark_open, stretched},
    data::*,
    expr::{Counter, Expr},
    lang::{field::IpVersion, refused},
    model,
    model::intervals,
    set::{
        key::{len_in, version_name},
        stateful::Stateful,
    },
    wire::Malformed,
};
use std::{marker::PhantomData, time::Duration};

/// An element of a set or a map.
///
/// ```
/// use oxitables::{Family, Set, Table};
/// use std::{net::Ipv4Addr, time::Duration};
/// let blocked = Set::<Ipv4Addr>::new(&Table::new(Family::Inet, "agent"), "blocked").timeouts();
/// let ban = blocked.element([192, 0, 2, 1]).timeout(Duration::from_secs(600)).comment("too many tries");
/// ```
#[derive(Clone, Debug)]
pub struct Element<K> {
    set: Name,
    interval: bool,
    key: Option<Pattern<K>>,
    data: Option<Data>,
    timeout: Option<Duration>,
    permanent: bool,
    expires: Option<Duration>,
    exprs: Vec<Expr>,
    comment: Option<String>,
    kind: PhantomData<K>,
}

/// An element as the kernel takes it: in a set of intervals of one field, its start and the first
/// value after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoweredElement {
    pub set: Name,
    pub element: model::Element,
    /// The end of the interval, or the same element for the other set of a pair.
    pub second: Option<(Name, model::Element)>,
}

impl<K: Key> Element<K> {
    pub(crate) fn new(set: &SetRef<K>, key: Pattern<K>) -> Self {
        Self { key: Some(key), ..Self::catch_all(set) }
    }

    pub(crate) fn catch_all(set: &SetRef<K>) -> Self {
        Self {
            set: set.name.clone(),
            interval: set.interval,
            key: None,
            data: None,
            timeout: None,
            permanent: false,
            expires: None,
            exprs: Vec::new(),
            comment: None,
            kind: PhantomData,
        }
    }

    pub(crate) fn with_data(mut self, data: Data) -> Self {
        self.data = Some(data);
        self
    }

    /// How long it lives; that of the set if not given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets it live for ever, whatever the set says.
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// What is left of its life, if that is not all of it.
    pub fn expires(mut self, left: Duration) -> Self {
        self.expires = Some(left);
        self
    }

    /// Sets the comment, up to [`Userdata::MAX_COMMENT`] bytes.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }

    /// Gives it something to count; as many and of the same kinds as the set has, if it has some.
    pub fn with_expr(mut self, stateful: impl Stateful) -> Self {
        self.exprs.push(stateful.into_expr());
        self
    }

    /// What it stands for; `None` for the catch-all element.
    pub fn pattern(&self) -> Option<Pattern<K>> {
        self.key
    }

    /// The lowest and the highest key it stands for; `None` for the catch-all element.
    pub fn bounds(&self) -> Option<(K, K)> {
        self.key?.bounds()
    }

    /// The key, if it stands for a single one.
    pub fn key(&self) -> Option<K> {
        let pattern = self.key?;
        let single = pattern.raw.fields().all(|f| f.shape == Shape::One);
        pattern.bounds().filter(|_| single).map(|(key, _)| key)
    }

    /// What a map has for it.
    pub fn value<V: MapValue>(&self) -> Option<V> {
        V::from_data(self.data.as_ref()?)
    }

    /// Its comment.
    pub fn comment_text(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Its own timeout, if it has one.
    pub fn timeout_value(&self) -> Option<Duration> {
        self.timeout
    }

    /// What is left of its life, if it ends.
    pub fn expires_value(&self) -> Option<Duration> {
        self.expires
    }

    /// Its counter: packets and bytes so far, in an element that was listed.
    ///
    /// ```
    /// use oxitables::{Family, SetRef, expr::Counter};
    /// use std::net::Ipv4Addr;
    /// let seen = SetRef::<Ipv4Addr>::new(Family::Inet, "host", "seen");
    /// let element = seen.element([192, 0, 2, 1]).with_expr(Counter::new());
    /// assert!(element.counter().is_some());
    /// ```
    pub fn counter(&self) -> Option<&Counter> {
        self.exprs.iter().find_map(Expr::as_counter)
    }

    /// Its stateful expressions.
    pub fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    /// The family whose set of a pair it belongs to; `None` if there is no pair, or for both.
    fn version(&self) -> Option<IpVersion> {
        let raw = self.key?.raw;
        let v4 = K::FIELDS.iter().zip(raw.fields()).find_map(|(field, part)| {
            (K::DUAL && field.datatype == std::net::Ipv6Addr::FIELD.datatype).then_some(part.lo.len() == 4)
        })?;
        Some(if v4 { IpVersion::V4 } else { IpVersion::V6 })
    }

    /// What it has besides key and value.
    fn dressed(&self, mut element: model::Element) -> Result<model::Element, Malformed> {
        if self.timeout.is_some_and(|t| t.is_zero()) || self.expires.is_some_and(|t| t.is_zero()) {
            return refused("a zero timeout would never expire: use permanent()");
        }
        element.timeout = if self.permanent { Some(Duration::ZERO) } else { self.timeout };
        element.expiration = self.expires;
        element.data = self.data.clone();
        match &self.exprs[..] {
            [] => {}
            [one] => element.expr = Some(Box::new(one.clone())),
            many => element.exprs = Some(many.to_vec()),
        }
        Ok(match &self.comment {
            Some(comment) => element.with_comment(comment),
            None => element,
        })
    }

    /// The element as the kernel takes it.
    pub(crate) fn lower(&self) -> Result<LoweredElement, Malformed> {
        let name = |version| version_name(&self.set, K::DUAL, version);
        let Some(key) = &self.key else {
            let element = self.dressed(model::Element::catch_all())?;
            let second = K::DUAL.then(|| (name(Some(IpVersion::V6)), element.clone()));
            return Ok(LoweredElement { set: name(Some(IpVersion::V4)), element, second });
        };
        let version = self.version();
        if !key.raw.is_sound() || key.raw.len() != K::FIELDS.len() {
            return refused("an element whose bounds do not belong together");
        }
        key.raw.check_prefixes()?;
        let concat = K::FIELDS.len() > 1;
        let (mut lo, mut hi) = (Value::default(), Value::default());
        for (field, part) in K::FIELDS.iter().zip(key.raw.fields()) {
            let (l, h) = bounds(field, len_in(field, K::DUAL, version), &part, &self.set)?;
            if l != h && !self.interval {
                let (mut from, mut to) = (String::new(), String::new());
                field.show(&l, Style::NUMBER, &mut from);
                field.show(&h, Style::NUMBER, &mut to);
                return refused(format!(
                    "{from}-{to} is a range, and set {} holds single values: make it with interval()",
                    self.set
                ));
            }
            let (l, h) = (swapped(field, &l, self.interval), swapped(field, &h, self.interval));
            if lo.append(&l).and(hi.append(&h)).is_none() {
                return refused("the fields together are longer than 64 bytes");
            }
            if concat {
                lo.align();
                hi.align();
            }
        }
        let mut element = model::Element::new(lo);
        let mut second = None;
        match (self.interval, concat) {
            (false, _) => {}
            (true, true) => element.key_end = Some(hi),
            (true, false) => match hi.after() {
                Some(end) => second = Some((name(version), interval_end(end))),
                None => mark_open(element.userdata.get_or_insert_default()),
            },
        }
        Ok(LoweredElement { set: name(version), element: self.dressed(element)?, second })
    }

    /// The set it is in, of a pair, and its lowest and its highest key.
    pub(crate) fn ends(&self) -> Result<(Name, Value, Value), Malformed> {
        let LoweredElement { set, element, second } = self.lower()?;
        let Some(lo) = element.key else { return refused("the catch-all element has no key") };
        let hi = match (element.key_end, second.and_then(|(_, end)| end.key)) {
            (Some(hi), _) => hi,
            (None, Some(end)) => end.before().unwrap_or(lo),
            (None, None) if self.interval => stretched(&[], 0xff, lo.len()),
            (None, None) => lo,
        };
        Ok((set, lo, hi))
    }

    /// An element as the kernel holds it, from `lo` to `hi`.
    fn read(set: &SetRef<K>, element: &model::Element, lo: &Value, hi: &Value) -> Option<Self> {
        let key = Pattern::from_registers(lo, hi, set.interval)?;
        // What no value of the type looks like is none of its elements.
        key.bounds()?;
        Some(Self { key: Some(key), ..Self::undressed(set, element) })
    }

    fn undressed(set: &SetRef<K>, element: &model::Element) -> Self {
        let exprs = match (&element.exprs, &element.expr) {
            (Some(many), _) => many.clone(),
            (None, one) => one.iter().map(|e| (**e).clone()).collect(),
        };
        Self {
            data: element.data.clone(),
            permanent: element.timeout.is_some_and(|t| t.is_zero()),
            timeout: element.timeout.filter(|t| !t.is_zero()),
            expires: element.expiration.filter(|t| !t.is_zero()),
            exprs,
            comment: element.comment(),
            ..Self::catch_all(set)
        }
    }
}

/// Bounds of a field, most significant byte first.
fn bounds(field: &FieldType, len: usize, part: &FieldPattern<'_>, set: &Name) -> Result<(Value, Value), Malformed> {
    if part.shape == Shape::Masked {
        return refused(format!("masked bits cannot stand in set {set}"));
    }
    if part.lo > part.hi {
        let mut range = String::new();
        part.text(field, Style::NUMBER, &mut range);
        return refused(format!("{range} ends before it starts: the lower value comes first"));
    }
    if field.order == ByteOrder::Text {
        // A name of 16 bytes ends with a zero; a shorter one is the start of names.
        return match part.lo.len() {
            1..16 => Ok((stretched(part.lo, 0, len), stretched(part.lo, 0xff, len))),
            16 if part.lo[0] != 0 && (part.lo[15] == 0 || part.lo != part.hi) => Ok((image(part.lo), image(part.hi))),
            _ => refused("a name has 1 to 15 bytes"),
        };
    }
    if part.lo.len() != len {
        return refused("an element of another width than the set's key");
    }
    Ok((image(part.lo), image(part.hi)))
}

impl<K: SetKey> SetRef<K> {
    /// The elements out of a listing of the set, in the order of their keys: what the kernel holds
    /// as starts and ends is put together again. Elements that are none of this type are left out,
    /// and so are ends without a start.
    pub fn read(&self, elements: &[model::Element]) -> Vec<Element<K>> {
        let mut all: Vec<Element<K>> =
            elements.iter().filter(|e| e.is_catch_all()).map(|e| Element::undressed(self, e)).collect();
        if self.interval && K::FIELDS.len() == 1 {
            all.extend(intervals(elements).filter_map(|i| Element::read(self, i.start, &i.lo, &i.hi)));
        } else {
            let read =
                |e: &model::Element| Element::read(self, e, e.key.as_ref()?, e.key_end.as_ref().or(e.key.as_ref())?);
            all.extend(elements.iter().filter_map(read));
        }
        all
    }

    /// Makes one of those intervals that overlap or follow one another and are alike in all else:
    /// timeout, value, comment.
    ///
    /// What overlaps and is not alike stays as it is; a batch refuses it and names both. Elements
    /// of concatenated fields are left alone, except for those that are there twice.
    ///
    /// ```
    /// use oxitables::{Family, SetRef};
    /// use std::{net::Ipv4Addr, time::Duration};
    /// let nets = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "nets").interval();
    /// let range = |from: u8, to: u8| nets.element(Ipv4Addr::new(10, 0, 0, from)..=Ipv4Addr::new(10, 0, 0, to));
    /// let hour = Duration::from_secs(3600);
    /// let merged = nets.merged([range(0, 9), range(10, 20), range(15, 30), range(31, 40).timeout(hour)]);
    /// let last = |at: usize| merged[at].bounds().unwrap().1;
    /// assert_eq!((merged.len(), last(0)), (2, Ipv4Addr::new(10, 0, 0, 30)));
    /// ```
    pub fn merged(&self, elements: impl IntoIterator<Item = Element<K>>) -> Vec<Element<K>> {
        type Placed<K> = (Name, Value, Value, model::Element, Element<K>);
        let mut rest = Vec::new();
        let mut placed: Vec<Placed<K>> = Vec::new();
        for element in elements {
            // What has no form stays, for the batch to say so.
            match (element.ends(), element.dressed(model::Element::default())) {
                (Ok((set, lo, hi)), Ok(dress)) => placed.push((set, lo, hi, dress, element)),
                _ => rest.push(element),
            }
        }
        placed.sort_by(|a, b| (a.0.as_bytes(), &*a.1, &*a.2).cmp(&(b.0.as_bytes(), &*b.1, &*b.2)));
        let single = K::FIELDS.len() == 1;
        let mut merged: Vec<Placed<K>> = Vec::new();
        for (set, lo, hi, dress, element) in placed {
            if let Some((name, first, last, same, kept)) = merged.last_mut()
                && (&*name, &*same) == (&set, &dress)
            {
                let twice = (lo, hi) == (*first, *last);
                let joins = self.interval && single && last.after().is_none_or(|next| *lo <= *next);
                let longer = *hi > **last;
                match Pattern::from_registers(first, if longer { &hi } else { last }, self.interval) {
                    _ if twice => continue,
                    Some(key) if joins => {
                        *last = if longer { hi } else { *last };
                        kept.key = Some(key);
                        continue;
                    }
                    _ => {}
                }
            }
            merged.push((set, lo, hi, dress, element));
        }
        merged.into_iter().map(|(.., element)| element).chain(rest).collect()
    }
}
