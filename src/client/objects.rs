//! Named objects and flowtables.

use super::{
    Client, Listing,
    list::{GETFLOWTABLE, GETOBJ, GETOBJ_RESET, names},
};
use crate::{
    data::Name,
    error::Result,
    expr::ObjectType,
    model::{Flowtable, Object, Table},
    wire::{Be32, Codec, Text},
};

impl Client {
    /// The object of this type and name in `table`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) without privilege.
    pub fn object(&mut self, table: &Table, kind: ObjectType, name: impl Into<Name>) -> Result<Option<Object>> {
        self.object_by(GETOBJ, table, kind, name.into())
    }

    /// The same; a counter or quota starts again from zero. Since 4.10.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) without privilege.
    pub fn reset_object(&mut self, table: &Table, kind: ObjectType, name: impl Into<Name>) -> Result<Option<Object>> {
        self.object_by(GETOBJ_RESET, table, kind, name.into())
    }

    fn object_by(&mut self, message: u8, table: &Table, kind: ObjectType, name: Name) -> Result<Option<Object>> {
        let what = format!("{kind} {} {} {name}", table.family, table.name);
        let get = Self::request(message, Some(table.family), &what, |out| {
            out.attr(1, "table", |out| Text::<255>::put(&table.name, out));
            out.attr(2, "name", |out| Text::<255>::put(&name, out));
            out.attr(3, "kind", |out| Be32::put(&kind, out));
        });
        self.single(&get, Object::decode_attrs)
    }

    /// The flowtable of this name in `table`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) without privilege.
    pub fn flowtable(&mut self, table: &Table, name: impl Into<Name>) -> Result<Option<Flowtable>> {
        let name = name.into();
        let what = format!("flowtable {} {} {name}", table.family, table.name);
        self.one(GETFLOWTABLE, table.family, &what, &[(1, &table.name), (2, &name)], Flowtable::decode_attrs)
    }

    /// The named objects of a table, of all types.
    pub fn objects(&mut self, table: &Table) -> Listing<'_, Object> {
        self.objects_by(GETOBJ, table)
    }

    /// The named objects of a table; its counters and quotas start again from zero. Since 4.10.
    ///
    /// What was read is reset: if the listing ends with an error, keep what came before.
    pub fn reset_objects(&mut self, table: &Table) -> Listing<'_, Object> {
        self.objects_by(GETOBJ_RESET, table)
    }

    fn objects_by(&mut self, kind: u8, table: &Table) -> Listing<'_, Object> {
        let what = format!("objects of {} {}", table.family, table.name);
        self.listing(kind, Some(table.family), names(&[(1, &table.name)]), what, Object::decode_attrs, |_| true)
    }

    /// The flowtables of a table.
    pub fn flowtables(&mut self, table: &Table) -> Listing<'_, Flowtable> {
        let what = format!("flowtables of {} {}", table.family, table.name);
        self.listing(
            GETFLOWTABLE,
            Some(table.family),
            names(&[(1, &table.name)]),
            what,
            Flowtable::decode_attrs,
            |_| true,
        )
    }
}
