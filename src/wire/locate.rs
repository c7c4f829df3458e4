//! From the byte offset of an extended ack to the names of the attributes around it.

use super::{Path, Step, attrs};

/// What lies below an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// A plain payload.
    Leaf,
    /// The attributes of one table.
    Table(&'static [Spec]),
    /// `NFTA_LIST_ELEM`s, each of one scope.
    List(&'static Scope),
    /// What another attribute beside it says, given them all.
    Beside(fn(&[u8]) -> Scope),
    /// A named choice: its name selects the table of one attribute, as `NFTA_EXPR_NAME` does that
    /// of `NFTA_EXPR_DATA`.
    Choice(&'static Choice),
}

/// A name, and the table that it stands for if it is a known one.
pub type Named = (String, Option<&'static [Spec]>);

/// A nest that names what it holds.
#[derive(Debug)]
pub struct Choice {
    /// The attribute that holds what was chosen.
    pub data: u16,
    /// Reads the name from the nest.
    pub peek: fn(&[u8]) -> Option<Named>,
}

/// One row of an attribute table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Number in the kernel's header.
    pub number: u16,
    /// Name in the kernel's header.
    pub name: &'static str,
    /// Name of the field in this crate.
    pub field: &'static str,
    /// What lies below it.
    pub scope: Scope,
}

/// Names the attributes that enclose byte `offset` of `buf`, a run of attributes of `scope`.
///
/// The kernel points at the header of the attribute that it refuses.
pub fn locate(buf: &[u8], offset: usize, scope: Scope) -> Path {
    let mut path = Path::default();
    descend(buf, offset, scope, &mut path);
    path
}

fn descend(buf: &[u8], offset: usize, scope: Scope, path: &mut Path) {
    let Some((index, attr)) =
        attrs(buf).flatten().enumerate().find(|(_, a)| (a.offset..a.offset + a.raw.len()).contains(&offset))
    else {
        return;
    };
    let below = match scope {
        Scope::Leaf | Scope::Beside(_) => return,
        Scope::List(inner) => {
            path.inner(Step::Index(index));
            *inner
        }
        Scope::Table(rows) => match rows.iter().find(|row| row.number == attr.kind) {
            Some(row) => {
                path.inner(Step::Field(row.field));
                match row.scope {
                    Scope::Beside(scope_in) => scope_in(buf),
                    scope => scope,
                }
            }
            None => return,
        },
        Scope::Choice(choice) => {
            let Some((name, rows)) = (choice.peek)(buf) else {
                return;
            };
            path.inner(Step::Expr(name));
            match rows {
                Some(rows) if attr.kind == choice.data => Scope::Table(rows),
                _ => return,
            }
        }
    };
    if let Some(inside) = offset.checked_sub(attr.offset + 4) {
        descend(attr.payload, inside, below, path);
    } else if let Scope::Choice(choice) = below
        && let Some((name, _)) = (choice.peek)(attr.payload)
    {
        // The whole of it is meant: say which one it is.
        path.inner(Step::Expr(name));
    }
}
