//! Rulesets as documents: desired states that are read and written.

use super::{Document, build::build, to_value};
use crate::{
    error::{Error, Result},
    model::{Generation, Ruleset},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

impl Document {
    /// What the document makes of nothing: a desired state for
    /// [`Client::plan`](crate::Client::plan). A listing is one, and so is a list of commands.
    ///
    /// ```
    /// use oxitables::json::Document;
    /// let text = r#"{"nftables": [
    ///     {"table": {"family": "inet", "name": "host", "handle": 1}},
    ///     {"chain": {"family": "inet", "table": "hosts", "name": "input", "handle": 1}}
    /// ]}"#;
    /// let error = Document::parse(text)?.ruleset().unwrap_err();
    /// assert_eq!(error.to_string(), "nftables[1].chain: there is no table hosts");
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Document`] says where and why: what does not suit, and what is named and not there.
    pub fn ruleset(&self) -> Result<Ruleset> {
        let nothing = Ruleset::new(Generation::from(0));
        Ruleset::made_by(&self.batch(&nothing)?).map_err(|error| match error.failures().first() {
            Some(failure) if let Some(operation) = failure.operation => {
                // The first command with which there are as many operations.
                let parts: Vec<usize> = (0..self.commands.len()).collect();
                let len = |last: usize| build(&self.commands[..=last], &nothing).0.map_or(0, |batch| batch.len());
                let command = parts.partition_point(|last| len(*last) <= operation);
                let path = self.commands.get(command).map_or_else(String::new, |command| command.path.clone());
                Error::Document { path, why: failure.cause.clone() }
            }
            _ => error,
        })
    }
}

/// As libnftables JSON, like `nft -j list ruleset`: what [`to_value`] gives.
impl Serialize for Ruleset {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        to_value(self).serialize(serializer)
    }
}

/// From libnftables JSON: what a document makes of nothing, see [`Document::ruleset`].
///
/// A listing that is read back is what was listed, as far as JSON can say it: times of less than a
/// second are not in it, nor types of values that were declared by `typeof`; and the chain of a
/// single rule comes back as one with a name.
///
/// ```
/// use oxitables::model::Ruleset;
/// let desired: Ruleset = serde_json::from_str(r#"{"nftables": [
///     {"add": {"table": {"family": "inet", "name": "host"}}},
///     {"add": {"set": {"family": "inet", "table": "host", "name": "blocked", "type": "ipv4_addr", "elem": ["192.0.2.1"]}}}
/// ]}"#)?;
/// assert_eq!(desired.sets[0].elements.len(), 1);
/// let wrong = r#"{"nftables": [{"add": {"table": {"family": "ipx", "name": "t"}}}]}"#;
/// let error = serde_json::from_str::<Ruleset>(wrong).unwrap_err();
/// assert!(error.to_string().starts_with("nftables[0].add.table.family: "));
/// # Ok::<(), serde_json::Error>(())
/// ```
impl<'de> Deserialize<'de> for Ruleset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Document::from_value(&value).and_then(|document| document.ruleset()).map_err(de::Error::custom)
    }
}
