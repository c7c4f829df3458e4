//! Batches of other libraries, by their bytes.

#[cfg(feature = "rustables")]
pub mod rustables;
#[cfg(test)]
mod tests;

use crate::{
    Batch,
    batch::{Change, SetName, Verb},
    error::{Rejection, Result},
    model::{Does, Generation, Kind},
    wire::{
        Codec, DecodeError, EncodeError, Malformed, Step, Text, aligned, attrs,
        message::{F_APPEND, F_CREATE, F_EXCL, F_REPLACE, Message, messages},
    },
};

/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`.
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;

/// Flags that say what is to be done; the others ask for answers, and which answers there are is
/// the client's business.
const DEED: u16 = F_REPLACE | F_EXCL | F_CREATE | F_APPEND;

impl Batch {
    /// The batch that another library has encoded: what it would send, from `NFNL_MSG_BATCH_BEGIN`
    /// to `NFNL_MSG_BATCH_END`. To have it submitted, explained, checked, planned or confirmed
    /// here.
    ///
    /// Each message is an operation, in words of nft's and as the kernel takes it: one that makes a
    /// rule is `insert` without `NLM_F_APPEND`, one that deletes the rules of a chain without
    /// saying which is `flush`, and so is one that deletes tables without naming any. Attributes
    /// that this version does not know are sent as they came. Which messages are acknowledged is
    /// not taken over; a generation that the batch is bound to is.
    ///
    /// Bytes are all it takes, whoever made them: rustables' `Batch::finalize`, nftnl's
    /// `FinalizedBatch`.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Table, proto::Commit};
    ///
    /// let mut theirs = Batch::new();
    /// theirs.add(Table::new(Family::Inet, "host"));
    /// let bytes: Vec<u8> = Commit::new(&theirs).transmit().iter().flat_map(|part| part.to_vec()).collect();
    ///
    /// let batch = Batch::from_bytes(&bytes)?;
    /// assert_eq!(batch.len(), 1);
    /// let error = Batch::from_bytes(&bytes[..30]).unwrap_err();
    /// assert!(error.to_string().ends_with("attribute header does not fit: the batch ends within a message"), "{error}");
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// Kernel: `nfnetlink_rcv_batch`, since 3.13.
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected), with every operation that does not decode, that
    /// the kernel would take for more than it says (no family, a rule without its handle), or that
    /// there is no verb for here: rules named by their number in the batch, devices that are taken
    /// from a chain or flowtable.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut batch = Self::new();
        if let Err(why) = batch.read(bytes) {
            return Err(Rejection::whole(&batch, &why).into());
        }
        match Rejection::refused(&batch) {
            Some(rejection) => Err(rejection.into()),
            None => Ok(batch),
        }
    }

    /// Fails where it is not told any more what the messages are.
    fn read(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let mut messages =
            messages(bytes).map(|message| message.map_err(|e| format!("{e}: the batch ends within a message")));
        let begin = messages.next().ok_or("there is nothing in it")??;
        if begin.kind != BEGIN {
            return Err("it does not begin with NFNL_MSG_BATCH_BEGIN".into());
        }
        if let Some(generation) = attrs(begin.attributes()).flatten().find(|a| a.kind == 1) {
            let number = generation.payload.try_into().map_err(|_| "it is bound to a generation that is no number")?;
            self.expect(Generation::from(u32::from_be_bytes(number)));
        }
        loop {
            let message =
                messages.next().ok_or("it does not end with NFNL_MSG_BATCH_END: it would be checked only")??;
            if message.kind == END {
                break;
            }
            self.take(&message);
        }
        match messages.next() {
            None => Ok(()),
            Some(_) => Err("something comes after NFNL_MSG_BATCH_END, which the kernel would ignore".into()),
        }
    }

    /// Appends a message as an operation.
    fn take(&mut self, message: &Message<'_>) {
        let (Some(nft), Some(attributes)) = (message.nft(), message.body.get(4..)) else {
            self.operation(Verb::Add);
            return self.refuse(Malformed::Refused("it is no message of nf_tables".into()).into());
        };
        let Some(change) = Change::read(*message) else {
            self.operation(Verb::Add);
            let why = format!("messages of type {nft} change nothing that is known here");
            return self.refuse(Malformed::Refused(why.into()).into());
        };
        let family = change.family();
        if change.flushes_ruleset() && well_formed(attributes).is_ok() {
            self.flush_ruleset((message.family() != 0).then_some(family));
            return;
        }
        self.operation(verb(&change));
        self.message(nft, message.flags & DEED, family, |out| {
            // All of this crate finds the name of the table in the first place, and ended by a zero
            // byte.
            if let Some(name) = change.table() {
                out.attr(Change::TABLE, "table", |out| Text::<255>::put(&name, out));
            }
            for attr in attrs(attributes).flatten().filter(|attr| attr.kind != Change::TABLE) {
                out.bytes(attr.raw);
                out.bytes(&[0; 3][..aligned(attr.raw.len()) - attr.raw.len()]);
            }
        });
        if let Err(DecodeError { path, why }) = well_formed(attributes).and_then(|()| self.note(&change)) {
            self.refuse(EncodeError { path, why });
        }
    }

    /// Whether a message decodes; notes what the batch has to know of it.
    fn note(&mut self, change: &Change<'_>) -> Result<(), DecodeError> {
        let refuse = |why: &'static str| Err(refusal(why.into()));
        let unnamed = || refuse("it does not say which: the kernel would destroy all");
        let devices = || refuse("devices are taken away: there is no verb for that here");
        match (change.does, change.kind) {
            (Does::New, Kind::Table) => drop(change.as_table()?),
            (Does::New, Kind::Chain) => {
                let chain = change.as_chain()?;
                self.reserve_id(chain.id);
            }
            (Does::New, Kind::Rule) if change.as_rule()?.position_id.is_some() => {
                return refuse("a rule has its place beside one of the same batch: there is no verb for that here");
            }
            (Does::New, Kind::Rule) => {}
            (_, Kind::Rule) if change.handle().is_some() => {}
            (_, Kind::Rule) if change.rule_id().is_some() => {
                return refuse("a rule is named by its number in the batch: there is no verb for that here");
            }
            (Does::Delete, Kind::Rule) if change.has_exprs() => {
                return refuse(
                    "a rule is deleted by its handle: without one the kernel deletes all rules of the chain",
                );
            }
            (Does::Destroy, Kind::Rule) => return unnamed(),
            (Does::New, Kind::Set) => {
                let set = change.as_set()?;
                if set.id.is_none() {
                    let why = refusal("the kernel wants every set to have a number in its batch (NFTA_SET_ID)".into());
                    return Err(why.within(Step::Field("id")));
                }
                self.reserve_id(set.id);
            }
            (_, Kind::Elements) => {
                if change.list().is_none() {
                    return if change.flushes() { Ok(()) } else { unnamed() };
                }
                let mut cuts = false;
                for (index, element) in change.elements().enumerate() {
                    let within = |e: DecodeError| e.within(Step::Index(index)).within(Step::Field("elements"));
                    let element = element.map_err(within)?;
                    cuts |= element.is_interval_end() || element.key_end.is_some();
                }
                if let (true, Some(table), Some(name)) = (cuts && change.does.removes(), change.table(), change.name())
                {
                    self.cuts(&SetName { family: change.family(), table: &table, name: &name, id: None });
                }
            }
            (Does::New, Kind::Object) => drop(change.as_object()?),
            (Does::New, Kind::Flowtable) => drop(change.as_flowtable()?),
            // Of other hooks than those of devices the kernel does not look at it.
            (_, Kind::Chain) if !change.as_chain()?.devices().is_empty() => return devices(),
            (_, Kind::Flowtable) if change.has_hook() => return devices(),
            _ => {}
        }
        Ok(())
    }
}

/// What a message does, in nft's words.
fn verb(change: &Change<'_>) -> Verb {
    let flags = change.message.flags;
    match (change.does, change.kind) {
        (Does::New, Kind::Rule) if flags & F_REPLACE != 0 => Verb::Replace,
        (Does::New, Kind::Rule) if flags & F_APPEND == 0 => Verb::Insert,
        (Does::New, Kind::Rule) => Verb::Add,
        (Does::New, _) if change.is_exclusive() => Verb::Create,
        (Does::New, _) => Verb::Add,
        _ if change.flushes() => Verb::Flush,
        (Does::Delete, _) => Verb::Delete,
        (Does::Destroy, _) => Verb::Destroy,
    }
}

/// Attributes one after the other, none of them twice.
fn well_formed(attributes: &[u8]) -> Result<(), DecodeError> {
    let mut seen = 0_u64;
    for attr in attrs(attributes) {
        let bit = 1_u64.checked_shl(attr?.kind.into()).unwrap_or(0);
        if seen & bit != 0 {
            return Err(refusal(
                "an attribute is there twice: so it looks when a list was longer than 65531 bytes (4095 IPv4 addresses) and whoever \
wrote it did not notice; write several messages"
                    .into(),
            ));
        }
        seen |= bit;
    }
    Ok(())
}

fn refusal(why: std::borrow::Cow<'static, str>) -> DecodeError {
    Malformed::Refused(why).into()
}
