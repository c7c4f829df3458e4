//! Listings: streamed, typed, and never a mix of two rulesets.

use super::{
    Client, Received,
    beside::{Commits, pause},
};
use crate::{
    data::{Family, Name, Value},
    error::{Error, Result},
    model::{Chain, Element, Generation, Rule, Set, SetFlags, Table},
    proto::{Dump, DumpEvent, Get, refusal},
    wire::{Codec, DecodeError, Form, Malformed, Nest, Text, Writer, attrs, message::F_DUMP},
};
use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Objects as they come from the kernel.
///
/// The kernel marks some of the listings that a commit tears, not all: none where it comes while
/// the last piece is put together, and none where the listing began while the commit was still
/// taking out what it removed, which makes the kernel lose its place. So the generation is read
/// before and after, and a commit under way is waited for.
///
/// A listing of up to a mebibyte is read whole before its first item is handed out, and read again
/// when the ruleset changed meanwhile: such a listing is of one generation. A longer one is
/// streamed; if the ruleset changes under it, its last item is [`Error::Interrupted`], and what
/// came before must not be taken for the truth. [`Listing::snapshot`] reads a longer one whole,
/// too, and again if need be. Rules, sets and elements are listed of one table: there, what others
/// commit to other tables does not count, however much that is.
///
/// Dropping a listing half-way reads the rest of it off the socket.
#[derive(Debug)]
pub struct Listing<'c, T> {
    client: &'c mut Client,
    plan: Plan<T>,
    dump: Dump,
    pending: Pending,
    /// Goes out after the items.
    errors: VecDeque<Error>,
    state: State,
    /// Bytes to read before the first item goes out.
    window: usize,
    read: usize,
    attempts: u32,
    handed_out: bool,
    /// It ended with an error.
    broken: bool,
    /// Of the set whose elements are listed.
    set: Option<(Family, Name, Name)>,
    doubles: Option<Doubles>,
    /// That before the listing.
    generation: Option<Generation>,
    /// Somebody else compares generations: a snapshot of everything.
    guarded: bool,
    /// The table that all of it is of, if the kernel looks at no other.
    table: Option<Table>,
    /// Commits are heard by the caller: those that change the table count, and nothing else does.
    heard: bool,
    /// Commits that are heard, where the quick way has failed.
    commits: Option<Commits>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    New,
    Reading,
    Done,
}

/// What to ask for, and how to read the answer.
struct Plan<T> {
    kind: u8,
    family: Option<Family>,
    names: Vec<u8>,
    what: String,
    decode: fn(Family, &[u8]) -> Result<T, DecodeError>,
    keep: Box<dyn Fn(&T) -> bool + Send>,
    /// A reading that resets cannot be repeated: what was read is gone.
    repeatable: bool,
}

impl<T> std::fmt::Debug for Plan<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// Items that came and wait to be decoded when they are asked for: some are never, and as bytes
/// they are small.
#[derive(Debug, Default)]
struct Pending {
    /// Of each item the family, the length of its attributes, and these.
    bytes: Vec<u8>,
    at: usize,
}

impl Pending {
    fn push(&mut self, family: Family, attributes: &[u8]) {
        if self.is_empty() {
            self.clear();
        }
        let [a, b, c, d] = (attributes.len() as u32).to_ne_bytes();
        self.bytes.extend_from_slice(&[family.into(), a, b, c, d]);
        self.bytes.extend_from_slice(attributes);
    }

    fn pop(&mut self) -> Option<(Family, &[u8])> {
        let (&[family, ref len @ ..], rest) = self.bytes[self.at..].split_first_chunk::<5>()?;
        let len = u32::from_ne_bytes(*len) as usize;
        self.at += 5 + len;
        Some((Family::from(family), &rest[..len]))
    }

    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.at = 0;
    }
}

/// Watches a listing of elements for keys that come twice.
///
/// While the kernel still rearranges a set that grew, a listing has some elements twice and lacks
/// as many others, and nothing else tells.
#[derive(Debug, Default)]
struct Doubles {
    hasher: RandomState,
    seen: Vec<u64>,
    /// How many elements there should be, where the kernel says.
    count: Option<u32>,
}

impl Doubles {
    /// For a set whose listings have to be watched.
    fn expected_of(set: &Set) -> Option<Self> {
        let flags = set.flags();
        let moving = flags.intersects(SetFlags::TIMEOUT | SetFlags::EVAL);
        // Only the table that grows by itself is rearranged: not trees, not those of a given size.
        (!flags.contains(SetFlags::INTERVAL) && (moving || set.size().is_none())).then(|| Self {
            // Elements that packets add or that expire make any count stale.
            count: set.count.filter(|_| !moving),
            ..Self::default()
        })
    }

    fn watch(&mut self, element: &[u8]) {
        if let Some(key) = attrs(element).flatten().find(|a| a.kind == 1) {
            // Behind the header of the nested attribute. Keys of a set are of one length; those of
            // up to four bytes need no hash.
            self.seen.push(match key.payload.split_at_checked(4) {
                Some((_, &[a, b, c, d])) => u32::from_ne_bytes([a, b, c, d]).into(),
                _ => self.hasher.hash_one(key.payload),
            });
        }
    }

    fn is_wrong(&mut self) -> bool {
        self.seen.sort_unstable();
        self.seen.windows(2).any(|pair| pair[0] == pair[1])
            || self.count.is_some_and(|count| count as usize != self.seen.len())
    }
}

/// Listings up to this are checked whole before their first item goes out.
const WINDOW: usize = 1 << 20;
pub(super) const ATTEMPTS: u32 = 20;
/// A growing set was seen to be rearranged within 50 ms.
pub(super) const PAUSE: Duration = Duration::from_millis(10);
/// How often a listing is tried in which nothing may be committed.
pub(super) const QUICK: u32 = 2;
/// How often nothing may be there, or be lost, where the rest of a listing should be.
const TRIES: u32 = 8;

impl<'c, T> Listing<'c, T> {
    fn new(client: &'c mut Client, plan: Plan<T>) -> Self {
        let window = if plan.repeatable { WINDOW } else { 0 };
        Self {
            client,
            plan,
            dump: Dump::new(0),
            pending: Pending::default(),
            errors: VecDeque::new(),
            state: State::New,
            window,
            read: 0,
            attempts: 0,
            handed_out: false,
            broken: false,
            set: None,
            doubles: None,
            generation: None,
            guarded: false,
            table: None,
            heard: false,
            commits: None,
        }
    }

    /// All of it is of this table, and a commit that changes other tables does not disturb it.
    fn of(mut self, table: Table) -> Self {
        self.table = Some(table);
        self
    }

    /// Is not tried again if it is torn.
    pub(super) fn once(mut self) -> Self {
        self.attempts = ATTEMPTS;
        self
    }

    /// Leaves it to the caller to hear of commits; those that change other tables do not matter.
    pub(super) fn heard(mut self, set: Option<&Set>) -> Self {
        self = self.guarded(set);
        self.heard = true;
        self
    }

    /// Leaves it to the caller to wait for commits and to compare generations.
    pub(super) fn guarded(mut self, set: Option<&Set>) -> Self {
        self.guarded = true;
        self.set = None;
        self.doubles = set.and_then(Doubles::expected_of);
        self
    }

    /// Reads all of it, again if the ruleset changes meanwhile: what comes back is of one
    /// generation.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if it kept changing; else as of the listing's items.
    pub fn snapshot(mut self) -> Result<Vec<T>> {
        if self.plan.repeatable {
            self.window = usize::MAX;
        }
        self.by_ref().collect()
    }

    fn start(&mut self) -> Result<()> {
        self.pending.clear();
        self.errors.clear();
        self.read = 0;
        if self.guarded {
            return self.ask();
        }
        if let Some(table) = &self.table
            && self.attempts >= QUICK
        {
            match &mut self.commits {
                Some(commits) => drop(commits.left_alone(self.client, table)?),
                None => self.commits = self.client.commits()?,
            }
        }
        self.generation = Some(self.client.generation().map_err(|error| match error {
            Error::Request { errno, cause, .. } => Error::Request { what: self.plan.what.clone(), errno, cause },
            error => error,
        })?);
        // A commit that raised the generation may still be unlinking what it deleted. The kernel
        // counts that in the first piece of a listing and misses it in the next, which then begins
        // too late; nothing tells.
        self.client.wait_for_commits()?;
        if let Some((family, table, name)) = &self.set {
            // Anew for each attempt: the count has to be that of the listing.
            let set = self.client.set(&Table::new(*family, table), name)?;
            self.doubles = set.as_ref().and_then(Doubles::expected_of);
        }
        self.ask()
    }

    fn ask(&mut self) -> Result<()> {
        let Plan { kind, family, what, names, .. } = &self.plan;
        let get = Get::new(*kind, F_DUMP, *family, what.clone(), |out| out.bytes(names));
        self.dump = Dump::new(get.seq);
        // Whatever sending says: if the kernel has begun, the rest has to be read.
        self.state = State::Reading;
        self.client.socket.send(&[std::io::IoSlice::new(&get.request)])
    }

    /// Reads one datagram.
    fn step(&mut self) -> Result<()> {
        if self.state == State::New {
            self.start()?;
        }
        let Self { client, plan, dump, pending, errors, doubles, .. } = self;
        let event = match client.socket.receive()? {
            Received::Datagram(datagram) => {
                self.read += datagram.len();
                dump.handle(datagram, |kind, family, attributes| {
                    if kind != NEWSETELEM {
                        return pending.push(family, attributes);
                    }
                    for element in elements(attributes) {
                        match element {
                            Ok(element) => {
                                if let Some(doubles) = doubles {
                                    doubles.watch(element);
                                }
                                pending.push(family, element);
                            }
                            Err(why) => {
                                errors.push_back(Error::Malformed { what: plan.what.clone(), source: why.into() });
                            }
                        }
                    }
                })
            }
            Received::Overrun => {
                dump.handle_overrun();
                Ok(DumpEvent::More)
            }
            Received::Empty => {
                return Err(Error::Io { doing: "listing", source: std::io::ErrorKind::TimedOut.into() });
            }
        };
        if !matches!(event, Ok(DumpEvent::More) | Err(_)) {
            self.state = State::Done;
        }
        let whole = matches!(event, Ok(DumpEvent::Complete | DumpEvent::Torn)) && !self.dump.is_lost();
        let undisturbed = whole && self.is_undisturbed()?;
        let what = || self.plan.what.clone();
        let event = match event {
            Ok(DumpEvent::Complete | DumpEvent::Torn) if self.doubles.as_mut().is_some_and(Doubles::is_wrong) => {
                DumpEvent::Torn
            }
            Ok(_) if whole && self.heard => DumpEvent::Complete,
            Ok(_) if undisturbed => DumpEvent::Complete,
            Ok(DumpEvent::Complete) if !self.guarded && Some(self.client.generation()?) != self.generation => {
                DumpEvent::Torn
            }
            Ok(event) => event,
            Err(source) => return Err(Error::Malformed { what: what(), source }),
        };
        match event {
            DumpEvent::More => return Ok(()),
            DumpEvent::Complete => {}
            DumpEvent::Failed(errno) => {
                self.errors.push_back(refusal(what(), errno));
            }
            DumpEvent::Torn
                if !self.guarded && !self.handed_out && self.plan.repeatable && self.attempts < ATTEMPTS =>
            {
                self.attempts += 1;
                std::thread::sleep(pause(self.attempts));
                self.state = State::New;
                return Ok(());
            }
            DumpEvent::Torn => {
                if !self.handed_out && self.plan.repeatable {
                    self.pending.clear();
                }
                self.errors.push_back(Error::Interrupted { what: what() });
            }
        }
        Ok(())
    }
}

impl<T> Listing<'_, T> {
    /// Whether all that was committed meanwhile changed other tables.
    fn is_undisturbed(&mut self) -> Result<bool> {
        match (&mut self.commits, &self.table) {
            (Some(commits), Some(table)) => commits.left_alone(self.client, table),
            _ => Ok(false),
        }
    }
}

impl<T> Iterator for Listing<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while !self.broken && self.state != State::Done && (self.pending.is_empty() || self.read < self.window) {
                if let Err(error) = self.step() {
                    // What is left of it is read when this is dropped.
                    self.broken = true;
                    self.pending.clear();
                    self.errors.clear();
                    return Some(Err(error));
                }
            }
            self.handed_out = true;
            let Some((family, attributes)) = self.pending.pop() else {
                return self.errors.pop_front().map(Err);
            };
            match (self.plan.decode)(family, attributes) {
                Ok(item) if (self.plan.keep)(&item) => return Some(Ok(item)),
                Ok(_) => {}
                // One object that does not decode does not hide the others.
                Err(source) => return Some(Err(Error::Malformed { what: self.plan.what.clone(), source })),
            }
        }
    }
}

impl<T> Drop for Listing<'_, T> {
    fn drop(&mut self) {
        // The kernel refuses a second dump while the first is unread. It adds to the queue whenever
        // something is taken out, so the queue is never empty before the end.
        let mut tries = 0;
        while self.state == State::Reading && tries < TRIES {
            let over = match self.client.socket.try_receive() {
                Ok(Received::Datagram(datagram)) => {
                    !matches!(self.dump.handle(datagram, |_, _, _| ()), Ok(DumpEvent::More) | Err(_))
                }
                _ => {
                    tries += 1;
                    false
                }
            };
            if over {
                self.state = State::Done;
            }
        }
    }
}

pub(super) fn names(names: &[(u16, &Name)]) -> Vec<u8> {
    let mut out = Writer::new(Form::Request);
    for (kind, name) in names {
        out.attr(*kind, "name", |out| Text::<255>::put(*name, out));
    }
    out.into_parts().0
}

/// The attributes of each element in a message.
fn elements(attributes: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    let list = attrs(attributes).flatten().find(|a| a.kind == 3).map_or(&[][..], |a| a.payload);
    attrs(list).map(|entry| entry.map(|e| e.payload))
}

/// Kinds of requests; those that reset return the values from before.
pub(super) const GETTABLE: u8 = 1;
pub(super) const GETCHAIN: u8 = 4;
pub(super) const GETOBJ: u8 = 19;
pub(super) const GETOBJ_RESET: u8 = 21;
pub(super) const GETFLOWTABLE: u8 = 23;
pub(super) const GETRULE: u8 = 7;
const GETRULE_RESET: u8 = 25;
pub(super) const GETSET: u8 = 10;
const GETSETELEM: u8 = 13;
const GETSETELEM_RESET: u8 = 33;
/// The one answer that holds several items.
const NEWSETELEM: u8 = 12;

/// Keys for one request: their answers have to fit the receive buffer.
const KEYS: usize = 100;

impl Client {
    pub(super) fn listing<T>(
        &mut self,
        kind: u8,
        family: Option<Family>,
        names: Vec<u8>,
        what: String,
        decode: fn(Family, &[u8]) -> Result<T, DecodeError>,
        keep: impl Fn(&T) -> bool + Send + 'static,
    ) -> Listing<'_, T> {
        let repeatable = ![GETRULE_RESET, GETSETELEM_RESET, GETOBJ_RESET].contains(&kind);
        let plan = Plan { kind, family, names, what: format!("list {what}"), decode, keep: Box::new(keep), repeatable };
        Listing::new(self, plan)
    }

    /// All tables of all families.
    pub fn tables(&mut self) -> Listing<'_, Table> {
        self.listing(GETTABLE, None, Vec::new(), "tables".into(), Table::decode_attrs, |_| true)
    }

    /// The chains of a table, base and regular; none if there is no such table.
    pub fn chains(&mut self, table: &Table) -> Listing<'_, Chain> {
        // The kernel lists the chains of all tables of the family.
        let name = table.name.clone();
        let what = format!("chains of {} {}", table.family, table.name);
        self.listing(GETCHAIN, Some(table.family), Vec::new(), what, Chain::decode_attrs, move |c| c.table == name)
    }

    /// The rules of a chain, in order; none if there is no such chain.
    pub fn rules(&mut self, chain: &Chain) -> Listing<'_, Rule> {
        self.rules_by(GETRULE, chain)
    }

    /// The rules of a chain with their counters and quotas, which start again from zero. Since 6.2.
    ///
    /// What was read is reset: if the listing ends with an error, keep what came before.
    pub fn reset_rules(&mut self, chain: &Chain) -> Listing<'_, Rule> {
        self.rules_by(GETRULE_RESET, chain)
    }

    fn rules_by(&mut self, kind: u8, chain: &Chain) -> Listing<'_, Rule> {
        let what = format!("rules of {} {} {}", chain.family, chain.table, chain.name);
        // Rules of another chain of the name would come from another table: the kernel filters by
        // both.
        let names = names(&[(1, &chain.table), (2, &chain.name)]);
        self.listing(kind, Some(chain.family), names, what, Rule::decode_attrs, |_| true)
            .of(Table::new(chain.family, &chain.table))
    }

    /// The sets and maps of a table, anonymous ones too.
    pub fn sets(&mut self, table: &Table) -> Listing<'_, Set> {
        let what = format!("sets of {} {}", table.family, table.name);
        self.listing(GETSET, Some(table.family), names(&[(1, &table.name)]), what, Set::decode_attrs, |_| true)
            .of(Table::new(table.family, &table.name))
    }

    /// The elements of a set or map, as the kernel holds them.
    ///
    /// A listing right after many elements were added may have some twice and lack others; the
    /// kernel does not say so. That is noticed here, and treated like a change of the ruleset. To
    /// know whether elements are there, [`Client::get`] is faster and always right.
    pub fn elements(&mut self, set: &Set) -> Listing<'_, Element> {
        self.elements_by(GETSETELEM, set)
    }

    /// The elements with their counters and quotas, which start again from zero. Since 6.5.
    ///
    /// What was read is reset: if the listing ends with an error, keep what came before.
    pub fn reset_elements(&mut self, set: &Set) -> Listing<'_, Element> {
        self.elements_by(GETSETELEM_RESET, set)
    }

    fn elements_by(&mut self, kind: u8, set: &Set) -> Listing<'_, Element> {
        let what = format!("elements of {} {} {}", set.family, set.table, set.name);
        let names = names(&[(1, &set.table), (2, &set.name)]);
        let listing = self.listing(kind, Some(set.family), names, what, |_, e| Element::decode_attrs(e), |_| true);
        let mut listing = listing.of(Table::new(set.family, &set.table));
        listing.set = Some((set.family, set.table.clone(), set.name.clone()));
        listing
    }

    /// The elements with these keys, `None` for each that is not in the set.
    ///
    /// Takes some microseconds for a key, however large the set is. In an interval set a key finds
    /// the start of the interval it lies in.
    ///
    /// # Errors
    /// [`Error::Request`] if the set does not exist, or for lack of privilege.
    pub fn get(&mut self, set: &Set, keys: &[Value]) -> Result<Vec<Option<Element>>> {
        self.get_by(GETSETELEM, set, keys)
    }

    /// The same; their counters and quotas start again from zero. Since 6.5.
    ///
    /// # Errors
    /// As of [`Client::get`]. What was read before an error is reset and lost.
    pub fn reset(&mut self, set: &Set, keys: &[Value]) -> Result<Vec<Option<Element>>> {
        self.get_by(GETSETELEM_RESET, set, keys)
    }

    fn get_by(&mut self, kind: u8, set: &Set, keys: &[Value]) -> Result<Vec<Option<Element>>> {
        let mut found: Vec<Option<Element>> = Vec::with_capacity(keys.len());
        let mut exists = false;
        let what = format!("get elements of {} {} {}", set.family, set.table, set.name);
        while found.len() < keys.len() {
            let rest = &keys[found.len()..];
            let asked = &rest[..rest.len().min(KEYS)];
            let mut request = Get::new(kind, 0, Some(set.family), what.clone(), |out| {
                out.bytes(&names(&[(1, &set.table), (2, &set.name)]));
                out.nest(3, "elements", |out| {
                    for key in asked {
                        out.nest(1, "element", |out| out.nest(1, "key", |out| Nest::put(key, out)));
                    }
                });
            });
            request.answers = asked.len();
            let before = found.len();
            let answer = self.ask(&request, |_, _, attributes| {
                elements(attributes).try_for_each(|element| {
                    found.push(Some(Element::decode_attrs(element?)?));
                    Ok(())
                })
            });
            match answer {
                Ok(()) if found.len() > before => {}
                // The kernel answers key by key and stops at the first that is not there.
                Err(e) if e.is_not_found() => {
                    // Asked once, whatever becomes of it.
                    exists = exists || found.len() > before || self.exists(set)?;
                    if !exists {
                        return Err(e);
                    }
                    found.push(None);
                }
                Err(e) => return Err(e),
                Ok(()) => return Err(Error::Interrupted { what }),
            }
        }
        Ok(found)
    }

    fn exists(&mut self, set: &Set) -> Result<bool> {
        self.set(&Table::new(set.family, &set.table), &set.name).map(|set| set.is_some())
    }
}
