use super::{
    build::build,
    command::{self, Action, Command},
    list,
    node::{Fault, Node},
};
use crate::{
    batch::Batch,
    client::Client,
    error::{Error, Result},
    model::{Generation, Ruleset},
};
use serde_json::Value;
use std::str::FromStr;

/// Commands in libnftables JSON, read and found to make sense.
///
/// ```
/// use oxitables::json::Document;
/// let error = r#"{"nftables": [{"add": {"table": {"family": "ipx", "name": "t"}}}]}"#.parse::<Document>().unwrap_err();
/// assert!(error.to_string().starts_with("nftables[0].add.table.family: `ipx` is none of ip, ip6, "));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub(super) commands: Vec<Command>,
}

impl From<Fault> for Error {
    fn from(Fault { path, why }: Fault) -> Self {
        Self::Document { path, why }
    }
}

impl FromStr for Document {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let whole = |error: serde_json::Error| Error::Document { path: "document".into(), why: error.to_string() };
        Self::from_value(&serde_json::from_str(text).map_err(whole)?)
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Error::Document`] says where and why.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse()
    }

    /// The same of JSON that is read already.
    ///
    /// # Errors
    /// [`Error::Document`] says where and why.
    pub fn from_value(value: &Value) -> Result<Self> {
        let commands = Node::root(value).need("nftables").and_then(|all| {
            let read = all.items()?.map(|node| command::command(&node?));
            read.filter_map(Result::transpose).collect::<Result<_, Fault>>()
        })?;
        Ok(Self { commands })
    }

    /// The changes as one batch. Commands that only show something have no part in it.
    ///
    /// `known` is what the kernel holds, without elements if need be. It tells what sets are that
    /// rules and elements name, which rule an index means, and which chain is to be renamed; where
    /// the document has all of that itself it may be empty.
    ///
    /// # Errors
    /// [`Error::Document`] says where and why: values that do not suit what they are compared with,
    /// sets that are not there, …
    pub fn batch(&self, known: &Ruleset) -> Result<Batch> {
        Ok(build(&self.commands, known).0?)
    }

    /// The same with what the kernel holds, if that counts.
    fn batch_for(&self, nft: &mut Client) -> Result<Batch> {
        let (batch, missed) = build(&self.commands, &Ruleset::new(Generation::from(0)));
        // Most documents speak of what they make themselves.
        if missed { self.batch(&nft.outline()?) } else { Ok(batch?) }
    }

    /// Makes all changes in one transaction, then answers `list` and `reset`: a document for each.
    ///
    /// # Errors
    /// [`Error::Document`] if something does not make sense, else as [`Client::apply`]. Nothing was
    /// changed then, unless it is an answer that failed.
    pub fn apply(&self, nft: &mut Client) -> Result<Vec<Value>> {
        let batch = self.batch_for(nft)?;
        nft.apply(&batch)?;
        let asked = self.commands.iter().filter_map(|command| match &command.action {
            Action::Show(show) => Some((command, show, false)),
            Action::Reset(show) => Some((command, show, true)),
            _ => None,
        });
        asked.map(|(command, show, reset)| list::answer(nft, show, reset, &command.path)).collect()
    }

    /// Lets the kernel check all changes without making them: see [`Client::check`].
    ///
    /// # Errors
    /// As [`Document::apply`].
    pub fn check(&self, nft: &mut Client) -> Result<()> {
        let batch = self.batch_for(nft)?;
        nft.check(&batch)
    }
}
