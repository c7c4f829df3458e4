//! Sets and their elements as typed values.

use super::Client;
use crate::{
    data::Name,
    error::{Error, Result},
    model::{SetFlags, Table},
    set::{Element, Pattern, SetKey, SetRef},
};

impl Client {
    /// The set `name` of `table`, if its keys are of type `K`; `None` if there is none.
    ///
    /// This is the safe way to a set that somebody else made: whether it holds single values or
    /// intervals, and of what type, is read from the kernel instead of believed.
    ///
    /// ```no_run
    /// # use oxitables::{Batch, Client, Family, Table};
    /// # use std::{net::Ipv4Addr, time::Duration};
    /// let mut nft = Client::open()?;
    /// let agent = Table::new(Family::Inet, "agent");
    /// if let Some(blocked) = nft.find_set::<Ipv4Addr>(&agent, "blocked")? {
    ///     nft.apply(Batch::new().refresh(&blocked, [192, 0, 2, 7], Duration::from_secs(600)))?;
    /// }
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Type`] if its keys are of another type; [`Error::Request`] without privilege.
    pub fn find_set<K: SetKey>(&mut self, table: &Table, name: impl Into<Name>) -> Result<Option<SetRef<K>>> {
        let set = SetRef::<K>::new(table.family, table.name.clone(), name);
        let mut interval = false;
        for (name, expected) in set.names().into_iter().zip(set.types()) {
            let Some(found) = self.set(table, name)? else { return Ok(None) };
            let key_type = found.key_type.unwrap_or_default();
            if key_type != expected {
                return Err(Error::Type {
                    what: format!("set {} {} {}", found.family, found.table, found.name),
                    found: key_type.words(),
                    expected: expected.words(),
                });
            }
            interval = found.flags().contains(SetFlags::INTERVAL);
        }
        Ok(Some(set.found(interval)))
    }

    /// The elements of a set, typed and in one piece; starts and ends of intervals are put
    /// together.
    ///
    /// For a set of millions, [`Client::elements`] streams.
    ///
    /// # Errors
    /// As of [`Listing::snapshot`](super::Listing::snapshot).
    pub fn members<K: SetKey>(&mut self, set: &SetRef<K>) -> Result<Vec<Element<K>>> {
        let mut members = Vec::new();
        let table = Table::new(set.family(), set.table());
        for name in set.names() {
            let Some(model) = self.set(&table, name.clone())? else {
                let what = format!("list elements of {} {} {name}", table.family, table.name);
                return Err(crate::proto::refusal(what, nix::errno::Errno::ENOENT as i32));
            };
            let set = set.clone().found(model.flags().contains(SetFlags::INTERVAL));
            members.extend(set.read(&self.elements(&model).snapshot()?));
        }
        Ok(members)
    }

    /// Whether a set has an element for a key; of a range or prefix, whether a single element
    /// covers all of it. Takes some microseconds, however large the set is.
    ///
    /// # Errors
    /// [`Error::Request`] if the set does not exist, or for lack of privilege, or if no set of the
    /// type can hold the key.
    pub fn has<K: SetKey>(&mut self, set: &SetRef<K>, key: impl Into<Pattern<K>>) -> Result<bool> {
        let (name, first, last) = set.element(key).ends().map_err(|why| Error::Request {
            what: format!("get element of {set:?}"),
            errno: nix::errno::Errno::EINVAL as i32,
            cause: why.to_string(),
        })?;
        let model = crate::model::Set::required(set.family(), set.table().clone(), name);
        let keys = [first, last];
        let found = self.get(&model, &keys[..if first == last { 1 } else { 2 }])?;
        let place = |element: &Option<crate::model::Element>| {
            element.as_ref().filter(|e| !e.is_interval_end()).map(|e| (e.key, e.key_end))
        };
        let first = found.first().and_then(place);
        Ok(first.is_some() && found.iter().all(|element| place(element) == first))
    }
}
