//! What `/proc/net/xt_recent` gave: to see a list, to add to it, to remove from it, to empty it.

use super::Client;
use crate::{
    Batch,
    data::{Name, Value},
    error::Result,
    lang::field::IpVersion,
    model::{Element, Set, Table},
    rule::Recent,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// The administration of a [`Recent`] list; from [`Client::recent`].
#[derive(Debug)]
pub struct RecentAdmin<'a> {
    client: &'a mut Client,
    list: &'a Recent,
}

/// An address in a [`Recent`] list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RecentEntry {
    /// The address.
    pub address: IpAddr,
    /// Time since its latest stamp, to the kernel's tick.
    pub age: Duration,
}

/// How often a change is tried when elements expire between the look and the change.
const ATTEMPTS: usize = 5;

impl Client {
    /// Administers a list that a batch has made.
    ///
    /// The list has to be declared as it was made; [`Client::find_recent`] reads it from the
    /// kernel.
    ///
    /// ```no_run
    /// # use oxitables::{Client, Family, Recent, Table};
    /// # use std::time::Duration;
    /// let mobile = Recent::new(&Table::new(Family::Inet, "host"), "MOBILE").with_window(Duration::from_secs(60));
    /// let mut nft = Client::open()?;
    /// nft.recent(&mobile).add("192.0.2.7".parse().unwrap())?;
    /// for entry in nft.recent(&mobile).entries()? {
    ///     println!("{} {:?}", entry.address, entry.age);
    /// }
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    pub fn recent<'a>(&'a mut self, list: &'a Recent) -> RecentAdmin<'a> {
        RecentAdmin { client: self, list }
    }

    /// The list `name` of `table` with the windows and hits that it was made with; `None` if there
    /// is none.
    ///
    /// # Errors
    /// As of a [`Listing`](crate::client::Listing).
    pub fn find_recent(&mut self, table: &Table, name: &str) -> Result<Option<Recent>> {
        Ok(Recent::from_sets(table, name, &self.sets_if_any(table)?))
    }

    fn sets_if_any(&mut self, table: &Table) -> Result<Vec<Set>> {
        match self.sets(table).snapshot() {
            Err(e) if e.is_not_found() => Ok(Vec::new()),
            sets => sets,
        }
    }
}

fn key(address: IpAddr) -> Value {
    match address {
        IpAddr::V4(a) => Value::new(&a.octets()),
        IpAddr::V6(a) => Value::new(&a.octets()),
    }
    .unwrap_or_default()
}

fn address(key: &[u8]) -> Option<IpAddr> {
    match key.len() {
        4 => <[u8; 4]>::try_from(key).ok().map(|b| Ipv4Addr::from(b).into()),
        _ => <[u8; 16]>::try_from(key).ok().map(|b| Ipv6Addr::from(b).into()),
    }
}

impl RecentAdmin<'_> {
    fn set(&self, name: Name) -> Set {
        let table = self.list.table();
        Set::required(table.family, table.name.clone(), name)
    }

    /// The addresses of both families, those stamped last first.
    ///
    /// # Errors
    /// As [`Listing::snapshot`](crate::client::Listing::snapshot);
    /// [not found](crate::Error::is_not_found) without the list.
    pub fn entries(&mut self) -> Result<Vec<RecentEntry>> {
        let mut entries = Vec::new();
        for &version in self.list.versions() {
            let set = self.set(self.list.seen(version));
            for element in self.client.elements(&set).snapshot()? {
                let memory = element.timeout.unwrap_or(self.list.memory());
                let age = memory.saturating_sub(element.expiration.unwrap_or(memory));
                entries.extend(element.key.and_then(|k| address(&k)).map(|address| RecentEntry { address, age }));
            }
        }
        entries.sort_by_key(|e| (e.age, e.address));
        Ok(entries)
    }

    /// The sets that the list had when it was made with other windows or hits, and has no more.
    ///
    /// They are left behind when a list is added again; delete them after the rules that used them,
    /// in the same batch.
    ///
    /// # Errors
    /// As of a [`Listing`](crate::client::Listing).
    pub fn stale_sets(&mut self) -> Result<Vec<Set>> {
        let sets = self.client.sets_if_any(self.list.table())?;
        Ok(self.list.stale_sets(sets))
    }

    /// Whether the list knows the address, of whatever age.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn contains(&mut self, address: IpAddr) -> Result<bool> {
        let seen = self.list.seen(IpVersion::of(address));
        Ok(self.present(seen, address)?.is_some())
    }

    /// The set, if the address is in it.
    fn present(&mut self, name: Name, address: IpAddr) -> Result<Option<Set>> {
        let set = self.set(name);
        let found = self.client.get(&set, &[key(address)])?;
        Ok(found.into_iter().flatten().next().map(|_| set))
    }

    /// Stamps an address, as a packet through [`Recent::set`] would (`+address`).
    ///
    /// # Errors
    /// As [`Client::apply`]: the list is full, or not there, or the privilege is missing.
    pub fn add(&mut self, address: IpAddr) -> Result<()> {
        self.change(|admin, batch| {
            let version = IpVersion::of(address);
            let element = [Element::new(key(address))];
            for name in admin.list.plain(version) {
                admin.stamp(batch, name, address)?;
            }
            for (stamps, turns) in admin.list.rings(version) {
                let mut slot = 0;
                for (turn, name) in turns.iter().enumerate() {
                    if let Some(set) = admin.present(name.clone(), address)? {
                        slot = turn + 1;
                        batch.delete(set.elements(&element));
                        break;
                    }
                }
                admin.stamp(batch, stamps[slot].clone(), address)?;
                if let Some(next) = turns.get(slot) {
                    batch.add(admin.set(next.clone()).elements(&element));
                }
            }
            Ok(())
        })
        .map(|_| ())
    }

    /// Adds an element, or restarts its time: on kernels before 6.12 only a new element does.
    fn stamp(&mut self, batch: &mut Batch, name: Name, address: IpAddr) -> Result<()> {
        let element = [Element::new(key(address))];
        if let Some(set) = self.present(name.clone(), address)? {
            batch.delete(set.elements(&element));
        }
        batch.add(self.set(name).elements(&element));
        Ok(())
    }

    /// Removes an address (`-address`); false if it was not there.
    ///
    /// # Errors
    /// As [`Client::apply`].
    pub fn remove(&mut self, address: IpAddr) -> Result<bool> {
        self.change(|admin, batch| {
            for name in admin.list.all_sets(IpVersion::of(address)) {
                if let Some(set) = admin.present(name, address)? {
                    batch.delete(set.elements(&[Element::new(key(address))]));
                }
            }
            Ok(())
        })
    }

    /// Removes all addresses of both families (`/`).
    ///
    /// # Errors
    /// As [`Client::apply`].
    pub fn flush(&mut self) -> Result<()> {
        let mut batch = Batch::new();
        for &version in self.list.versions() {
            for name in self.list.all_sets(version) {
                batch.flush(self.set(name));
            }
        }
        self.client.apply(&batch).map(|_| ())
    }

    /// Looks and changes, again if an element expired or came in between; whether there was
    /// something to change.
    fn change(&mut self, mut plan: impl FnMut(&mut Self, &mut Batch) -> Result<()>) -> Result<bool> {
        let mut attempt = 1;
        loop {
            let mut batch = Batch::new();
            plan(self, &mut batch)?;
            match self.client.apply(&batch) {
                Ok(_) => return Ok(!batch.is_empty()),
                // The list itself is there: it was just read.
                Err(e) if e.is_not_found() && attempt < ATTEMPTS => attempt += 1,
                Err(e) => return Err(e),
            }
        }
    }
}
