//! The table that marks a change which waits: who made it, of which tables, and what undoes it.
//!
//! It holds a chain for each table that the change touches, of the same name and with its families
//! for a comment, and a set `undo`: the notes of its elements, in their order, are the batch that
//! undoes the change. So everything that is needed to undo lies in the kernel, comes there in the
//! same commit as the change, and goes with the namespace.

use crate::{
    Batch, Client,
    data::{Family, Mark, Name, Userdata, Value, hex},
    error::{Error, Result},
    model::{Chain, Element, Table},
    proto::Commit,
    set::Set,
};
use std::{
    fmt, fs,
    io::{self, ErrorKind, Read},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// What names of markers begin with.
const PENDING: &str = "oxitables_pending_";
const UNDO: &str = "undo";
/// The type of notes that hold a piece of the undo: one that no nft shows.
const PIECE: u8 = 0xf0;
/// Bytes of such a piece, of which a note has two more, for type and length. Of elements, the
/// kernel loses notes of 255 and 256 bytes (seen on 6.18), which it takes.
const PIECE_LEN: usize = 252;

/// A change that waits to be confirmed, as the table that marks it says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiting {
    /// The table that marks it: `oxitables_pending_…`. Who deletes it confirms the change.
    pub marker: Table,
    /// The tables that it touches; none if the marker does not say, and then it may be any.
    pub tables: Vec<Table>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.marker.comment().unwrap_or_else(|| "the table does not say by whom".into());
        write!(f, "table {} {} ({})", self.marker.family, self.marker.name, said.escape_debug())
    }
}

impl Waiting {
    /// What markers among the tables say, of whose chains these are.
    pub(super) fn among(tables: &[Table], chains: &[Chain]) -> Vec<Self> {
        let markers = tables.iter().filter(|table| is_marker(table));
        let named = |marker: &Table| {
            let of = |chain: &&Chain| (chain.family, &chain.table) == (marker.family, &marker.name);
            let each = chains.iter().filter(of).map(|chain| {
                let comment = chain.comment()?;
                let families = comment.split(' ').map(|word| Some(Table::new(family(word)?, &chain.name)));
                families.collect::<Option<Vec<_>>>()
            });
            // What cannot be read may be about any.
            each.collect::<Option<Vec<_>>>().unwrap_or_default().concat()
        };
        markers.map(|marker| Self { marker: marker.clone(), tables: named(marker) }).collect()
    }

    /// Whether it touches a table.
    pub(super) fn concerns(&self, table: &Table) -> bool {
        self.tables.is_empty() || self.tables.iter().any(|touched| same(touched, table))
    }

    /// Whether a process is there to undo it, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::Io`] if that cannot be told.
    pub fn is_watched(&self) -> Result<bool> {
        let name = address(&self.marker.name);
        match name.and_then(|name| UnixDatagram::unbound()?.connect_addr(&name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(false),
            Err(source) => Err(Error::Io { doing: ASKING, source }),
        }
    }
}

/// The change that has the tables.
pub(super) fn conflict(what: String, waiting: &Waiting) -> Error {
    let unwatched =
        if matches!(waiting.is_watched(), Ok(false)) { ", which nobody watches: confirm::mend undoes it" } else { "" };
    Error::Pending { what, waiting: format!("{waiting}{unwatched}") }
}

pub(in crate::client) fn same(one: &Table, other: &Table) -> bool {
    (one.family, &one.name) == (other.family, &other.name)
}

/// Whether a flush of a family's tables takes markers.
pub(super) fn takes(family: Family) -> bool {
    family == Family::Inet
}

pub(super) fn is_marker(table: &Table) -> bool {
    table.family == Family::Inet && table.name.as_bytes().starts_with(PENDING.as_bytes())
}

/// The families that a marker may name.
fn family(word: &str) -> Option<Family> {
    let known = [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev];
    known.into_iter().find(|family| family.to_string() == word)
}

/// A table whose name nobody can guess.
pub(super) fn new() -> io::Result<Table> {
    let mut token = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut token)?;
    let read = |file: &str, most: usize| -> String {
        let text = fs::read_to_string(file).unwrap_or_default();
        let plain = |c: char| if c.is_ascii_graphic() && c != '"' { c } else { '?' };
        text.trim_end().chars().take(most).map(plain).collect()
    };
    let comment = format!(
        "made by {} (process {} on {}) at {}; undone unless confirmed",
        read("/proc/self/comm", 15),
        std::process::id(),
        read("/proc/sys/kernel/hostname", 24),
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    );
    Ok(Table::new(Family::Inet, format!("{PENDING}{}", hex(&token))).with_comment(&comment))
}

/// Adds the marker to a batch: with the tables that it touches, and the batch that undoes it.
pub(super) fn write(marker: &Table, tables: &[Table], undo: &[u8], batch: &mut Batch) {
    batch.create(marker);
    let mut named: Vec<(&Name, Vec<String>)> = Vec::new();
    for table in tables {
        match named.iter_mut().find(|(name, _)| *name == &table.name) {
            Some((_, families)) => families.push(table.family.to_string()),
            None => named.push((&table.name, vec![table.family.to_string()])),
        }
    }
    for (name, families) in named {
        // The table is there, and so its name need not be one that nft can read.
        let chain = Chain { handle: Some(0), ..marker.chain(name) };
        batch.add(chain.with_comment(&families.join(" ")));
    }
    let pieces = undo.chunks(PIECE_LEN).zip(0u32..).map(|(piece, n)| {
        let mut notes = Userdata::default();
        notes.set(PIECE, piece);
        let key = Value::new(&n.to_ne_bytes()).unwrap_or_default();
        Element { userdata: Some(notes), ..Element::new(key) }
    });
    let size = u32::try_from(undo.len().div_ceil(PIECE_LEN)).unwrap_or(u32::MAX);
    let set = Set::<Mark>::new(marker, UNDO).with_size(size).with_comment("what undoes it, in notes").model();
    batch.add(&set).add(set.elements(pieces));
}

/// The batch that a marker keeps, whole or not at all.
pub(super) fn undo(nft: &mut Client, marker: &Table) -> Result<Batch> {
    let broken = || Error::Io {
        doing: super::MENDING,
        source: io::Error::other(format!(
            "{} does not keep what undoes it, so it stays as it is; look at it and delete that table",
            Waiting { marker: marker.clone(), tables: Vec::new() }
        )),
    };
    let set = nft.set(marker, UNDO)?.ok_or_else(broken)?;
    let mut pieces = Vec::new();
    for element in nft.elements(&set).snapshot()? {
        let key: [u8; 4] = element.key.as_ref().and_then(|key| key[..].try_into().ok()).ok_or_else(broken)?;
        let piece = element.userdata.as_ref().and_then(|notes| notes.entry(PIECE)).ok_or_else(broken)?;
        pieces.push((u32::from_ne_bytes(key), piece.to_vec()));
    }
    pieces.sort();
    let whole = (0..set.size().unwrap_or_default()).eq(pieces.iter().map(|(n, _)| *n));
    if !whole {
        Err(broken())
    } else {
        Batch::from_bytes(&pieces.into_iter().flat_map(|(_, piece)| piece).collect::<Vec<_>>())
    }
}

/// What is sent for a batch.
pub(in crate::client) fn bytes(batch: &Batch) -> Vec<u8> {
    Commit::new(batch).transmit().iter().flat_map(|part| part.iter().copied()).collect()
}

const ASKING: &str = "asking whether somebody watches over a change";

/// The name of a socket by which a marker is watched.
fn address(marker: &Name) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(marker.as_bytes())
}

/// Shows that a process is there to undo a change, for as long as this lives.
///
/// It is the name of a socket that nobody talks to. Such names are of the network namespace, like
/// tables: processes that see the same tables see the same names, whatever else they share, and the
/// kernel takes the name back when the process is gone.
#[derive(Debug)]
pub(in crate::client) struct Guard {
    _name: UnixDatagram,
}

impl Guard {
    /// `None` if somebody else has it.
    pub(in crate::client) fn take(marker: &Name) -> Result<Option<Self>> {
        let taken = address(marker).and_then(|name| UnixDatagram::bind_addr(&name));
        match taken {
            Ok(_name) => Ok(Some(Self { _name })),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
            Err(source) => Err(Error::Io { doing: ASKING, source }),
        }
    }
}
