//! Values of a document that know where they are, so that every complaint names its place.

use serde_json::Value;
use std::fmt;

/// What is wrong with a document, and where: `nftables[3].add.rule.expr[1].match.right`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub path: String,
    pub why: String,
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// A value and the way to it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    value: &'a Value,
    step: Step<'a>,
    up: Option<&'a Node<'a>>,
    depth: u8,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Deeper documents are refused: they are read by recursion. As deep as `serde_json` reads.
const DEEPEST: u8 = 127;

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self { value, step: Step::Key(""), up: None, depth: 0 }
    }

    fn child<'s>(&'s self, step: Step<'s>, value: &'s Value) -> Result<Node<'s>> {
        let child = Node { value, step, up: Some(self), depth: self.depth.saturating_add(1) };
        if child.depth > DEEPEST { child.fault("nested too deeply") } else { Ok(child) }
    }

    /// The same where what is read of it will stand so many levels deeper than it does itself.
    pub fn deeper(self, levels: usize) -> Self {
        Self { depth: self.depth.saturating_add(u8::try_from(levels).unwrap_or(u8::MAX)), ..self }
    }

    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// A complaint about this value.
    pub fn fault<T>(&self, why: impl Into<String>) -> Result<T> {
        Err(Fault { path: self.to_string(), why: why.into() })
    }

    /// The complaint that it is not what is needed here.
    fn expected<T>(&self, what: &str) -> Result<T> {
        let found = match self.value {
            Value::Null => "null".into(),
            Value::Array(_) => "a list".into(),
            Value::Object(_) => "an object".into(),
            scalar => scalar.to_string(),
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    pub fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// A property, unless it is not there, or null.
    pub fn get<'s>(&'s self, key: &'s str) -> Result<Option<Node<'s>>> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.child(Step::Key(key), value).map(Some),
        }
    }

    /// Whether there is a property, null or not.
    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    /// A property that must be there.
    pub fn need<'s>(&'s self, key: &'s str) -> Result<Node<'s>> {
        match self.value {
            Value::Object(all) => match all.get(key) {
                Some(value) => self.child(Step::Key(key), value),
                None => self.fault(format!("`{key}` is missing")),
            },
            _ => self.expected(&format!("an object with `{key}`")),
        }
    }

    /// Name and value of the only property.
    pub fn only<'s>(&'s self) -> Result<(&'s str, Node<'s>)> {
        let Value::Object(all) = self.value else {
            return self.expected("an object");
        };
        match all.iter().next() {
            Some((key, value)) if all.len() == 1 => Ok((key, self.child(Step::Key(key), value)?)),
            _ => self.fault(format!("expected an object with one property, found {}", all.len())),
        }
    }

    /// All properties.
    pub fn properties<'s>(&'s self) -> Result<Vec<(&'s str, Node<'s>)>> {
        let Value::Object(all) = self.value else {
            return self.expected("an object");
        };
        all.iter().map(|(key, value)| Ok((key.as_str(), self.child(Step::Key(key), value)?))).collect()
    }

    /// The items of a list.
    pub fn items<'s>(&'s self) -> Result<impl ExactSizeIterator<Item = Result<Node<'s>>>> {
        match self.value {
            Value::Array(all) => Ok(all.iter().enumerate().map(|(i, value)| self.child(Step::Index(i), value))),
            _ => self.expected("a list"),
        }
    }

    /// What each item of a list is.
    pub fn each<T>(&self, mut read: impl FnMut(&Node<'_>) -> Result<T>) -> Result<Vec<T>> {
        self.items()?.map(|item| read(&item?)).collect()
    }

    /// The same, or of the one value that stands for a list of one.
    pub fn one_or_each<T>(&self, mut read: impl FnMut(&Node<'_>) -> Result<T>) -> Result<Vec<T>> {
        if self.value.is_array() { self.each(read) } else { Ok(vec![read(self)?]) }
    }

    /// The two items of a list of two.
    pub fn pair<'s>(&'s self) -> Result<(Node<'s>, Node<'s>)> {
        match self.value.as_array().map(Vec::as_slice) {
            Some([left, right]) => Ok((self.child(Step::Index(0), left)?, self.child(Step::Index(1), right)?)),
            _ => self.expected("a list of two"),
        }
    }

    pub fn is_pair(&self) -> bool {
        self.value.as_array().is_some_and(|items| items.len() == 2)
    }

    pub fn text(&self) -> Result<&'a str> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => self.expected("a text"),
        }
    }

    pub fn number<T: TryFrom<u64>>(&self) -> Result<T> {
        match self.value.as_u64() {
            Some(number) => number.try_into().or_else(|_| self.fault(format!("{number} is too large"))),
            None => self.expected("a number from 0 on"),
        }
    }

    pub fn integer(&self) -> Result<i32> {
        match self.value.as_i64().map(i32::try_from) {
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => self.expected("a number of 32 bits"),
            None => self.expected("a whole number"),
        }
    }

    /// A property that may be missing.
    pub fn maybe<T>(&self, key: &str, read: impl FnOnce(&Node<'_>) -> Result<T>) -> Result<Option<T>> {
        self.get(key)?.map(|node| read(&node)).transpose()
    }

    pub fn maybe_number<T: TryFrom<u64>>(&self, key: &str) -> Result<Option<T>> {
        self.maybe(key, |node| node.number())
    }

    /// A property that is true or false; false if missing.
    pub fn truth(&self, key: &str) -> Result<bool> {
        self.maybe(key, |node| node.value.as_bool().map_or_else(|| node.expected("true or false"), Ok))
            .map(Option::unwrap_or_default)
    }

    /// The item of a table that has this name.
    pub fn choice<T: Copy>(&self, table: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        match table.iter().find(|(name, _)| *name == text) {
            Some((_, item)) => Ok(*item),
            None => {
                let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
                self.fault(format!("`{text}` is none of {}", names.join(", ")))
            }
        }
    }
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(up) = self.up else {
            return f.write_str("document");
        };
        if up.up.is_some() {
            up.fmt(f)?;
        }
        match self.step {
            Step::Key(key) if up.up.is_none() => write!(f, "{key}"),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
