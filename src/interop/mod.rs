//! Batches of other libraries, by their bytes.

#[cfg(feature = "rustables")]
pub mod rustables;
#[cfg(test)]
mod tests;

use crate::{
    Batch,
    batch::{Fields, SetName, Verb},
    data::Family,
    error::{Rejection, Result},
    model::{Chain, Element, Flowtable, Generation, Object, Rule, Set, Table},
    wire::{
        Codec, DecodeError, EncodeError, Malformed, Step, Text, aligned, attrs,
        message::{F_APPEND, F_CREATE, F_EXCL, F_REPLACE, Message, messages},
    },
};

/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`.
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;

/// Flags that say what is to be done; the others ask for answers, and which answers there are is the client's business.
const DEED: u16 = F_REPLACE | F_EXCL | F_CREATE | F_APPEND;

impl Batch {
    /// The batch that another library has encoded: what it would send, from `NFNL_MSG_BATCH_BEGIN` to `NFNL_MSG_BATCH_END`. To have it
    /// submitted, explained, checked, planned or confirmed here.
    ///
    /// Each message is an operation, in words of nft's and as the kernel takes it: one that makes a rule is `insert` without `NLM_F_APPEND`, one
    /// that deletes the rules of a chain without saying which is `flush`, and so is one that deletes tables without naming any. Attributes that
    /// this version does not know are sent as they came. Which messages are acknowledged is not taken over; a generation that the batch is
    /// bound to is.
    ///
    /// Bytes are all it takes, whoever made them: rustables' `Batch::finalize`, nftnl's `FinalizedBatch`.
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
    /// [`Error::Rejected`](crate::Error::Rejected), with every operation that does not decode, that the kernel would take for more than it says
    /// (no family, a rule without its handle), or that there is no verb for here: rules named by their number in the batch, devices that are
    /// taken from a chain or flowtable.
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
        let fields = Fields::of(message);
        let (Some(nft), Some(attributes)) = (message.nft(), message.body.get(4..)) else {
            self.operation(Verb::Add);
            return self.refuse(Malformed::Refused("it is no message of nf_tables".into()).into());
        };
        let Some(verb) = verb(nft, message.flags, &fields) else {
            self.operation(Verb::Add);
            let why = format!("messages of type {nft} change nothing that is known here");
            return self.refuse(Malformed::Refused(why.into()).into());
        };
        let family = Family::from(message.family());
        let all = matches!(nft, 2 | 26) && fields.get(1).or(fields.get(4)).is_none();
        if all && well_formed(attributes).is_ok() {
            self.flush_ruleset((message.family() != 0).then_some(family));
            return;
        }
        self.operation(verb);
        self.message(nft, message.flags & DEED, family, |out| {
            // All of this crate finds the name of the table in the first place, and ended by a zero byte.
            if let Some(name) = fields.name(1) {
                out.attr(1, "table", |out| Text::<255>::put(&name, out));
            }
            for attr in attrs(attributes).flatten().filter(|attr| attr.kind != 1) {
                out.bytes(attr.raw);
                out.bytes(&[0; 3][..aligned(attr.raw.len()) - attr.raw.len()]);
            }
        });
        let read = well_formed(attributes).and_then(|()| self.look(nft, family, attributes, &fields));
        if let Err(DecodeError { path, why }) = read {
            self.refuse(EncodeError { path, why });
        }
    }

    /// Whether a message decodes; notes what the batch has to know of it.
    fn look(&mut self, nft: u8, family: Family, attributes: &[u8], fields: &Fields<'_>) -> Result<(), DecodeError> {
        let refuse = |why: &'static str| Err(refusal(why.into()));
        let unnamed = || refuse("it does not say which: the kernel would destroy all");
        let devices = || refuse("devices are taken away: there is no verb for that here");
        match nft {
            0 => drop(Table::decode_attrs(family, attributes)?),
            3 => {
                let chain = Chain::decode_attrs(family, attributes)?;
                self.reserve_id(chain.id);
            }
            6 => {
                let rule = Rule::decode_attrs(family, attributes)?;
                if rule.position_id.is_some() {
                    return refuse("a rule has its place beside one of the same batch: there is no verb for that here");
                }
            }
            8 | 28 if fields.get(3).is_some() => {}
            8 | 28 if fields.get(9).is_some() => {
                return refuse("a rule is named by its number in the batch: there is no verb for that here");
            }
            8 if fields.get(4).is_some() => {
                return refuse(
                    "a rule is deleted by its handle: without one the kernel deletes all rules of the chain",
                );
            }
            28 => return unnamed(),
            9 => {
                let set = Set::decode_attrs(family, attributes)?;
                if set.id.is_none() {
                    let why = refusal("the kernel wants every set to have a number in its batch (NFTA_SET_ID)".into());
                    return Err(why.within(Step::Field("id")));
                }
                self.reserve_id(set.id);
            }
            12 | 14 | 30 => {
                let Some(list) = fields.get(3) else {
                    return if nft == 14 { Ok(()) } else { unnamed() };
                };
                let mut cuts = false;
                for (index, entry) in attrs(list).enumerate() {
                    let within = |e: DecodeError| e.within(Step::Index(index)).within(Step::Field("elements"));
                    let element =
                        Element::decode_attrs(entry.map_err(|e| within(e.into()))?.payload).map_err(within)?;
                    cuts |= element.is_interval_end() || element.key_end.is_some();
                }
                if let (true, Some(table), Some(name)) = (cuts && nft != 12, fields.name(1), fields.name(2)) {
                    self.cuts(&SetName { family, table: &table, name: &name, id: None });
                }
            }
            18 => drop(Object::decode_attrs(family, attributes)?),
            22 => drop(Flowtable::decode_attrs(family, attributes)?),
            // Of other hooks than those of devices the kernel does not look at it.
            5 | 27 if !Chain::decode_attrs(family, attributes)?.devices().is_empty() => return devices(),
            24 | 32 if fields.get(3).is_some() => return devices(),
            _ => {}
        }
        Ok(())
    }
}

/// What a message does, in nft's words; `None` if it changes nothing.
fn verb(nft: u8, flags: u16, fields: &Fields<'_>) -> Option<Verb> {
    Some(match nft {
        6 if flags & F_REPLACE != 0 => Verb::Replace,
        6 if flags & F_APPEND == 0 => Verb::Insert,
        0 | 3 | 9 | 12 | 18 | 22 if flags & F_EXCL != 0 => Verb::Create,
        0 | 3 | 6 | 9 | 12 | 18 | 22 => Verb::Add,
        8 if fields.get(3).or(fields.get(9)).is_none() => Verb::Flush,
        14 if fields.get(3).is_none() => Verb::Flush,
        2 | 5 | 8 | 11 | 14 | 20 | 24 => Verb::Delete,
        26..=32 => Verb::Destroy,
        _ => return None,
    })
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
