//! What marks are for: policy rules that choose a routing table by mark, and the routes in it. And
//! links and addresses.
//!
//! ```
//! use oxitables::{data::MarkBits, route::{PolicyRule, Route, Routing}};
//!
//! fn second_uplink() -> oxitables::Result<()> {
//!     let uplink = MarkBits::new(0x0f00);
//!     let net = Routing::open()?;
//!     // Packets with 2 in these bits of their mark go by way of table 102; all of it goes when `held` is dropped.
//!     let held = net.add([
//!         Route::default_via("192.0.2.1".parse().unwrap()).table(102).into(),
//!         Route::default_via("2001:db8::1".parse().unwrap()).table(102).into(),
//!         PolicyRule::new(102).mark(uplink.value(2)?).into(),
//!     ])?;
//!     assert_eq!(held.added(), 4); // The rule is one for each family.
//!     held.keep(); // Or not.
//!     Ok(())
//! }
//! # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
//! #     let host = lab.host("host")?;
//! #     host.dummy("wan")?;
//! #     host.address("wan", "192.0.2.7/24".parse()?)?;
//! #     host.address("wan", "2001:db8::7/64".parse()?)?;
//! #     Ok(host.run(second_uplink)?)
//! # });
//! ```
//!
//! `rule`, `route`, `link` and `addr` are ip(8)'s words:
//! `ip rule add fwmark 0x200/0xf00 lookup 102 pref 10000`.
//!
//! * A packet's mark counts where the route is chosen: set it in prerouting, in an output chain of
//!   type [route](crate::ChainType::Route), or on the socket
//!   ([`mark_socket`](crate::client::mark_socket)).
//! * Answers come in without it: [save](crate::data::MarkBits::save) it in the connection and
//!   restore it.
//! * A strict reverse path filter (`rp_filter` 1) drops answers that come by another interface than
//!   unmarked packets would leave by; the sysctl `net.ipv4.conf.IF.src_valid_mark` makes it look at
//!   the mark.
//!
//! Linux 2.6.19 and later have rules by mark and mask in both families
//! (`CONFIG_IP_MULTIPLE_TABLES`, `CONFIG_IPV6_MULTIPLE_TABLES`).

mod entry;
mod held;
mod link;
mod path;
mod rule;

pub use entry::Entry;
pub use held::Held;
pub use link::Link;
pub use path::Route;
pub use rule::PolicyRule;

use crate::{
    data::Missing,
    error::{Error, Result},
    rtnetlink::{Refusal, Rtnetlink},
};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A connection to the kernel's routing, in one network namespace. Clones share it.
#[derive(Clone)]
pub struct Routing(Arc<Mutex<Rtnetlink>>);

impl Routing {
    /// Opens a connection in the network namespace of the calling thread.
    ///
    /// Any user may; what needs `CAP_NET_ADMIN` says so when it is done.
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel has no netlink socket to give.
    pub fn open() -> Result<Self> {
        let socket = Rtnetlink::open().map_err(|source| Error::Io { doing: "opening a route socket", source })?;
        Ok(Self(Arc::new(Mutex::new(socket))))
    }

    /// Adds rules and routes in their order, all or none of them; what is there already stays as it
    /// is.
    ///
    /// Unlike a batch of nftables this is not one transaction: others see one after the other. So
    /// name a table's routes before the rules that lead to it. When one is refused, those before it
    /// that were new are removed again.
    ///
    /// # Errors
    /// * [`Error::Missing`]: a route leaves by an interface that does not exist (yet). Rules may
    ///   name such.
    /// * [`Error::Request`]: EEXIST another route to the same network is in the table, with the
    ///   same metric; ENETUNREACH or EHOSTUNREACH the gateway is in no network of this host;
    ///   ENETDOWN the interface is down; EPERM `CAP_NET_ADMIN` is missing; EAFNOSUPPORT or
    ///   EOPNOTSUPP the kernel has no policy rules, or IPv6 is off; EINVAL table 0, or a gateway of
    ///   another family.
    pub fn add(&self, entries: impl IntoIterator<Item = Entry>) -> Result<Held> {
        let mut held = Held::new(self.clone());
        for entry in entries {
            for message in entry.messages(self)? {
                match self.change(message.clone(), NLM_F_CREATE | NLM_F_EXCL) {
                    Ok(()) => held.push(entry.to_string(), message),
                    Err(refusal) => self.forgive(&entry, &message, refusal)?,
                }
            }
        }
        Ok(held)
    }

    /// Removes rules and routes, whoever added them, and says how many were there; a rule for both
    /// families counts twice.
    ///
    /// # Errors
    /// [`Error::Request`]: EPERM; EEXIST another rule would go instead, because the kernel takes the first one that has what is said,
    /// whatever else it has. Some of them may be gone by then.
    pub fn remove(&self, entries: impl IntoIterator<Item = Entry>) -> Result<usize> {
        let mut all = Vec::new();
        for entry in entries {
            // Where the interface has gone, its routes have.
            let messages = match entry.messages(self) {
                Err(Error::Missing(_)) => continue,
                messages => messages?,
            };
            all.extend(messages.into_iter().map(|message| (entry.to_string(), message)));
        }
        let mut gone = 0;
        entry::specific_first(&mut all);
        for (what, message) in all {
            gone += usize::from(self.take(&what, message)?);
        }
        Ok(gone)
    }

    /// Whether a rule or a route is there, just so; a rule for both families in both.
    ///
    /// Lists the rules or the routes of the family, of all tables.
    ///
    /// # Errors
    /// [`Error::Request`] if the kernel refuses the listing; [`Error::Io`] if it kept changing.
    pub fn has(&self, entry: &Entry) -> Result<bool> {
        let messages = match entry.messages(self) {
            Err(Error::Missing(_)) => return Ok(false),
            messages => messages?,
        };
        for message in messages {
            if !self.rivals(&message)?.iter().any(|there| entry::is_same(&message, there)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A refusal of what is there already is none.
    ///
    /// The kernel may have another reason than EEXIST: it looks at a gateway first, with the rules
    /// that are there.
    fn forgive(&self, entry: &Entry, message: &RouteNetlinkMessage, refusal: Refusal) -> Result<()> {
        let there = self.rivals(message).unwrap_or_default();
        if there.iter().any(|there| entry::is_same(message, there)) {
            return Ok(());
        }
        let what = format!("add {entry}");
        if !is(&refusal, &[Errno::EEXIST]) || there.is_empty() {
            return Err(refused(what, refusal));
        }
        let others = there.iter().map(entry::text).collect::<Vec<_>>().join(" and ");
        let cause = format!("there is already {others}; remove that first, or give one of them another metric");
        Err(Error::Request { what, errno: Errno::EEXIST as i32, cause })
    }

    /// All of the kind and family of a message.
    fn kin(&self, message: &RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>> {
        self.lock().dump(&entry::question(message)).map_err(|refusal| refused("list rules and routes".into(), refusal))
    }

    /// What is where a rule or a route would be.
    fn rivals(&self, message: &RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>> {
        Ok(self.kin(message)?.into_iter().filter(|there| entry::is_rival(message, there)).collect())
    }

    /// Removes one; false if it was not there.
    fn take(&self, what: &str, message: RouteNetlinkMessage) -> Result<bool> {
        if let RouteNetlinkMessage::NewRule(_) = message {
            // The kernel takes the first rule that has what is said (`rule_find`), whatever else it
            // has.
            let all = self.kin(&message)?;
            if !all.iter().any(|there| entry::is_same(&message, there)) {
                return Ok(false);
            }
            let first = all.iter().find(|there| entry::is_hit(&message, there));
            if !first.is_some_and(|first| entry::is_same(&message, first)) {
                return Err(Error::Request {
                    what: format!("remove {what}"),
                    errno: Errno::EEXIST as i32,
                    cause: "the kernel would remove another rule, which has all of its conditions and more: remove that first, or \
                            give it another priority"
                        .into(),
                });
            }
        }
        match self.change(entry::removal(message), 0) {
            Ok(()) => Ok(true),
            Err(refusal) if is(&refusal, &[Errno::ENOENT, Errno::ESRCH, Errno::ENODEV]) => Ok(false),
            Err(refusal) => Err(refused(format!("remove {what}"), refusal)),
        }
    }

    fn change(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Refusal> {
        self.lock().change(message, flags)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rtnetlink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routing")
    }
}

fn is(refusal: &Refusal, errnos: &[Errno]) -> bool {
    refusal.cause.raw_os_error().is_some_and(|errno| errnos.contains(&Errno::from_raw(errno)))
}

fn no_interface(name: impl Into<String>) -> Error {
    Missing::new("interface", name, "make it first, or wait for it: routes need it, rules do not".to_owned()).into()
}

/// A refusal in words.
fn refused(what: String, Refusal { cause, reason }: Refusal) -> Error {
    let Some(errno) = cause.raw_os_error() else {
        return Error::Io { doing: "talking to the kernel's routing", source: cause };
    };
    let meaning = match Errno::from_raw(errno) {
        Errno::EPERM => "CAP_NET_ADMIN is missing in the user namespace that owns the network namespace",
        Errno::ENETUNREACH | Errno::EHOSTUNREACH => "the gateway is in no network of this host",
        Errno::ENETDOWN => "the interface is down",
        Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP => {
            "the kernel lacks it: CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES, or IPv6 is off"
        }
        Errno::EINVAL => "it makes no sense to the kernel: a gateway of another family, table 0, a name that is none",
        other => other.desc(),
    };
    let cause = reason.map_or_else(|| meaning.to_owned(), |reason| format!("{meaning} ({reason})"));
    Error::Request { what, errno, cause }
}
