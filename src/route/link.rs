//! Links and their addresses, by name and by number.

use super::{Routing, is, no_interface, refused};
use crate::{
    data::{IfIndex, MacAddr},
    error::Result,
};
use ipnetwork::IpNetwork;
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{LinkAttribute, LinkFlags, LinkMessage},
};
use nix::errno::Errno;

/// An interface: `ip link`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// Its number. It changes when the interface is made anew, its name does not.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// Whether somebody has set it up; that it has a carrier is another matter.
    pub up: bool,
    /// Its hardware address, if it is one of six bytes.
    pub mac: Option<MacAddr>,
}

impl Link {
    fn read(message: &LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index.into(),
            name: String::new(),
            up: message.header.flags.contains(LinkFlags::Up),
            mac: None,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(bytes) => link.mac = <[u8; 6]>::try_from(&bytes[..]).ok().map(MacAddr::new),
                _ => {}
            }
        }
        link
    }
}

impl Routing {
    /// The interface with a name.
    ///
    /// ```
    /// # oxitables::testing::in_namespace(|| {
    /// let net = oxitables::route::Routing::open().unwrap();
    /// assert_eq!(net.link("lo").unwrap().index.number(), 1);
    /// assert!(net.link("wan7").unwrap_err().to_string().starts_with("there is no interface \"wan7\""));
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`Error::Missing`](crate::Error::Missing) if there is none (yet).
    pub fn link(&self, name: &str) -> Result<Link> {
        match self.lock().link(name) {
            Ok(message) => Ok(Link::read(&message)),
            // The latter of names that can be none.
            Err(refusal) if is(&refusal, &[Errno::ENODEV, Errno::ERANGE, Errno::EINVAL]) => Err(no_interface(name)),
            Err(refusal) => Err(refused(format!("find interface {name}"), refusal)),
        }
    }

    /// The interface with a number.
    ///
    /// # Errors
    /// [`Error::Missing`](crate::Error::Missing) if there is none.
    pub fn link_at(&self, index: IfIndex) -> Result<Link> {
        let found = self.links()?.into_iter().find(|link| link.index == index);
        found.ok_or_else(|| no_interface(format!("number {}", index.number())))
    }

    /// All interfaces of the network namespace.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if they kept changing.
    pub fn links(&self) -> Result<Vec<Link>> {
        let all = self.lock().dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()));
        let read = |message| match message {
            RouteNetlinkMessage::NewLink(link) => Some(Link::read(&link)),
            _ => None,
        };
        Ok(all.map_err(|refusal| refused("list interfaces".into(), refusal))?.into_iter().filter_map(read).collect())
    }

    /// The addresses of an interface, of both families, each with the prefix of its network:
    /// `ip addr`.
    ///
    /// ```
    /// # oxitables::testing::in_namespace(|| {
    /// let net = oxitables::route::Routing::open().unwrap();
    /// assert!(net.addresses("lo").unwrap().contains(&"127.0.0.1/8".parse().unwrap()));
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`Error::Missing`](crate::Error::Missing) if there is no such interface;
    /// [`Error::Io`](crate::Error::Io) if they kept changing.
    pub fn addresses(&self, name: &str) -> Result<Vec<IpNetwork>> {
        self.addresses_of(&self.link(name)?)
    }

    /// The addresses of the interface with a number.
    ///
    /// # Errors
    /// As of [`addresses`](Self::addresses).
    pub fn addresses_at(&self, index: IfIndex) -> Result<Vec<IpNetwork>> {
        self.addresses_of(&self.link_at(index)?)
    }

    fn addresses_of(&self, link: &Link) -> Result<Vec<IpNetwork>> {
        let index = link.index.number();
        let all = self.lock().dump(&RouteNetlinkMessage::GetAddress(AddressMessage::default()));
        let read = |message| match message {
            RouteNetlinkMessage::NewAddress(message) if message.header.index == index => network(&message),
            _ => None,
        };
        Ok(all.map_err(|refusal| refused("list addresses".into(), refusal))?.into_iter().filter_map(read).collect())
    }
}

/// The address of this end; where the kernel tells both ends, it calls the other one just address.
fn network(message: &AddressMessage) -> Option<IpNetwork> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let other = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    IpNetwork::new(local.or(other)?, message.header.prefix_len).ok()
}
