//! A route socket: requests go one at a time. What is asked, `route` and `testing` say, each for
//! itself.

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, NlasIterator};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::{io, net::IpAddr};

/// The kernel's refusal: its errno, and its explanation where it gave one.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) cause: io::Error,
    pub(crate) reason: Option<String>,
}

impl From<io::Error> for Refusal {
    fn from(cause: io::Error) -> Self {
        Self { cause, reason: None }
    }
}

pub(crate) struct Rtnetlink {
    socket: Socket,
    sequence: u32,
}

impl Rtnetlink {
    /// Opens the socket in the calling thread's network namespace, to which it belongs for good.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Explanations arrive only when asked for; without the capped ack they would follow a copy
        // of the request.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Looks an interface up by name.
    pub(crate) fn link(&mut self, name: &str) -> Result<LinkMessage, Refusal> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.into()));
        match self.request(RouteNetlinkMessage::GetLink(link), 0)? {
            Some(RouteNetlinkMessage::NewLink(link)) => Ok(link),
            other => Err(io::Error::other(format!("the kernel answered a question for a link with {other:?}")).into()),
        }
    }

    /// Changes something.
    pub(crate) fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Refusal> {
        self.request(message, flags | NLM_F_ACK).map(drop)
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    /// Sends one request and waits for its answer or acknowledgement.
    pub(crate) fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Option<RouteNetlinkMessage>, Refusal> {
        self.send(message, flags)?;
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).map_err(io::Error::other)?;
            if answer.header.sequence_number != self.sequence {
                continue;
            }
            return match answer.payload {
                NetlinkPayload::InnerMessage(message) => Ok(Some(message)),
                NetlinkPayload::Error(error) if error.code.is_none() => Ok(None),
                NetlinkPayload::Error(error) => {
                    Err(Refusal { cause: error.to_io(), reason: explanation(&error.header) })
                }
                other => Err(io::Error::other(format!("unexpected netlink message {other:?}")).into()),
            };
        }
    }
}

#[cfg(feature = "route")]
mod listing {
    use super::*;
    use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR};

    const HEADER: usize = 16;
    /// How often a listing is begun again that a change has torn.
    const ATTEMPTS: usize = 10;

    impl Rtnetlink {
        /// Asks for all of a kind. What does not decode is left out, with a warning in the log.
        pub(crate) fn dump(&mut self, message: &RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
            for _ in 0..ATTEMPTS {
                if let Some(all) = self.dump_once(message.clone())? {
                    return Ok(all);
                }
            }
            Err(io::Error::other("it kept changing while it was listed").into())
        }

        /// `None` if a change has torn it.
        fn dump_once(&mut self, message: RouteNetlinkMessage) -> Result<Option<Vec<RouteNetlinkMessage>>, Refusal> {
            self.send(message, NLM_F_DUMP)?;
            let mut listing = Listing { sequence: self.sequence, all: Vec::new(), torn: false };
            while !listing.take(&self.socket.recv_from_full()?.0)? {}
            Ok((!listing.torn).then_some(listing.all))
        }
    }

    /// What has come of a listing.
    struct Listing {
        sequence: u32,
        all: Vec<RouteNetlinkMessage>,
        torn: bool,
    }

    impl Listing {
        /// Takes a datagram; true if it was the last.
        fn take(&mut self, mut rest: &[u8]) -> Result<bool, Refusal> {
            while let Some(head) = rest.first_chunk().map(|head| u32::from_ne_bytes(*head) as usize) {
                let Some(one) = rest.get(..head).filter(|one| one.len() >= HEADER) else {
                    return Err(io::Error::from(io::ErrorKind::InvalidData).into());
                };
                rest = rest.get(head.next_multiple_of(4)..).unwrap_or_default();
                let answer = match NetlinkMessage::<RouteNetlinkMessage>::deserialize(one) {
                    Ok(answer) if answer.header.sequence_number == self.sequence => answer,
                    Ok(_) => continue,
                    Err(error) => {
                        log::warn!("left out of a listing of routes, rules or links: {error}");
                        continue;
                    }
                };
                self.torn |= answer.header.flags & NLM_F_DUMP_INTR != 0;
                match answer.payload {
                    NetlinkPayload::InnerMessage(message) => self.all.push(message),
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(done.code.saturating_neg()).into());
                    }
                    NetlinkPayload::Done(_) => return Ok(true),
                    NetlinkPayload::Error(error) => {
                        return Err(Refusal { cause: error.to_io(), reason: explanation(&error.header) });
                    }
                    _ => {}
                }
            }
            Ok(false)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use proptest::{prelude::*, sample::Index};

        /// Kinds of messages, and lengths of their headers: links, addresses, routes, rules,
        /// errors, ends.
        const KINDS: [(u16, usize); 6] = [(16, 16), (20, 8), (24, 12), (32, 12), (2, 20), (3, 4)];

        fn message(kind: Index, head: [u8; 20], attributes: Vec<(u16, Vec<u8>)>) -> Vec<u8> {
            let (kind, length) = *kind.get(&KINDS);
            let mut bytes =
                [&[0; 4][..], &kind.to_ne_bytes(), &[2, 0, 1, 0, 0, 0, 0, 0, 0, 0], &head[..length]].concat();
            for (kind, payload) in attributes {
                bytes.extend((4 + payload.len() as u16).to_ne_bytes());
                bytes.extend(kind.to_ne_bytes());
                bytes.extend(payload);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            bytes
        }

        fn any_message() -> impl Strategy<Value = Vec<u8>> {
            let attribute = (0u16..60, prop::collection::vec(any::<u8>(), 0..40));
            (any::<Index>(), any::<[u8; 20]>(), prop::collection::vec(attribute, 0..6))
                .prop_map(|(kind, head, attributes)| message(kind, head, attributes))
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(3000))]

            #[test]
            fn no_answer_makes_it_panic(
                messages in prop::collection::vec(any_message(), 1..4),
                bends in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
            ) {
                let mut bytes = messages.concat();
                bends.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
                let mut listing = Listing { sequence: 1, all: Vec::new(), torn: false };
                let _ = listing.take(&bytes);
                prop_assert!(listing.all.len() * HEADER <= bytes.len());
            }
        }
    }
}

pub(crate) fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The text of an extended ack: attribute 1 after the header of the refused request.
fn explanation(payload: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const NLMSGERR_ATTR_MSG: u16 = 1;
    NlasIterator::new(payload.get(HEADER..)?)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)
        .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())
}
