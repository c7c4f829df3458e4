//! Tables that belong to a value, and who else has one.

use super::Client;
use crate::{
    Batch,
    error::Result,
    model::{Table, TableFlags},
};
use std::ops::{Deref, DerefMut};

/// A table that is this program's own for as long as this value lives.
///
/// Nobody else may change it, root included. It goes with all that is in it when the value is
/// dropped, or the program ends, however it does; so a program that dies leaves no rules behind.
/// One that [persists](Self::persistent) stays instead, as it is, for its next owner.
///
/// It is a [`Client`] of its own, through which the table is changed. Since kernel 5.12.
///
/// ```no_run
/// use oxitables::{Batch, Family, Hook, Priority, Table, client::Owned};
///
/// let mut own = Owned::new(Table::new(Family::Inet, "agent"))?;
/// let input = own.table().chain("input").with_hook(Hook::Input, Priority::FILTER);
/// own.apply(Batch::new().add(&input))?;
/// drop(own); // and so does the table
/// # Ok::<(), oxitables::Error>(())
/// ```
#[derive(Debug)]
pub struct Owned {
    client: Client,
    table: Table,
}

impl Owned {
    /// Makes the table, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected):
    /// [for lack of permission](crate::Error::is_permission) where another process owns a table of
    /// this name, and says which; [unsupported](crate::Error::is_unsupported) where a table of this
    /// name is nobody's, which cannot be changed, or the kernel has no owners.
    pub fn new(table: Table) -> Result<Self> {
        Self::with_flags(table, TableFlags::OWNER)
    }

    /// The same of a table that stays when its owner goes: makes it, or takes it over from an owner
    /// that went. Since kernel 6.9.
    ///
    /// # Errors
    /// As [`Owned::new`].
    pub fn persistent(table: Table) -> Result<Self> {
        Self::with_flags(table, TableFlags::OWNER | TableFlags::PERSIST)
    }

    fn with_flags(mut table: Table, flags: TableFlags) -> Result<Self> {
        table.flags = Some(table.flags.unwrap_or_default() | flags);
        let mut client = Client::open()?;
        client.apply(Batch::new().add(&table))?;
        Ok(Self { client, table })
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

impl Deref for Owned {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Owned {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}
