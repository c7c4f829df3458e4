//! What the processes of a program may reach.

use super::{Recipe, Sender, fill};
use crate::{
    data::{CtDirection, MarkBits, MarkError},
    expr::{Counter, ObjectType},
    model::{Object, ObjectData},
    *,
};
use std::net::{IpAddr, SocketAddr};

/// What the processes of a program may reach, as [`process_marks`] makes it.
#[derive(Clone, Debug)]
pub struct ProcessMarks {
    bits: MarkBits,
    senders: Vec<Sender>,
    databases: Vec<SocketAddr>,
    ports: Vec<u16>,
    resolvers: Vec<IpAddr>,
    loopback: bool,
}

/// The processes of a web server, and all that is started from them, reach its database by TCP and
/// nothing else: the rest of what they send is dropped and counted. Others are not touched.
///
/// ```
/// use oxitables::{Client, data::Uid, recipes::{Recipe, process_marks}};
///
/// fn tame() -> oxitables::Result<()> {
///     // Better: Cgroup::at("web.slice")?, a group that stays.
///     let web = Uid::named("nobody")?;
///     let database = ["10.0.0.2:3306".parse().unwrap(), "[fd00::2]:3306".parse().unwrap()];
///     let tamed = process_marks(web, database).with_ports([80, 443]);
///     let mut nft = Client::open()?;
///     nft.apply(&tamed.batch())?;
///     println!("{} packets went nowhere", tamed.dropped(&mut nft)?.0);
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(tame);
/// ```
///
/// The mark is set in a chain of type route: your own rules and policy routes may use it, too. Not
/// theirs to reach without being told:
/// * **Clients.** What they ask is answered from [`with_ports`](ProcessMarks::with_ports); of a
///   shell that listens elsewhere they hear nothing, of one in a control group nothing but the
///   handshake, which the kernel makes.
/// * **DNS.** A name is a way to tell secrets to anybody: name the database by address, or
///   [`with_resolvers`](ProcessMarks::with_resolvers).
/// * **Loopback** and the host's own addresses: a proxy or a mail server there would be a way out.
///   [`with_loopback`](ProcessMarks::with_loopback).
/// * Connections from before: each packet is judged, whatever its connection; that of a client is
///   known when the client sends again.
///
/// A control group that is removed and made anew, as that of a service when it restarts, is
/// **another one, and free**: name the slice that it is in, or apply this again whenever it starts
/// (`ExecStartPre=`).
///
/// # The article
///
/// LIDS' NETMARK marked the packets of a protected program, and rules let packets with the web
/// server's mark go to mysql only. Better here: no patched kernel, a program is named by control
/// group, user or group, a shell that is spawned is in them as well, other bits of the mark stay,
/// both families. Different: the mark hangs on the socket's maker and not on the program's file.
///
/// # Kernel
///
/// Since 5.2 (chains of type route in inet tables), control groups since 5.13; conntrack. Programs
/// with CAP_NET_RAW send past netfilter (packet sockets), those with CAP_NET_ADMIN change its
/// rules: a web server needs neither.
pub fn process_marks(web: impl Into<Sender>, databases: impl IntoIterator<Item = SocketAddr>) -> ProcessMarks {
    ProcessMarks {
        bits: ProcessMarks::BITS,
        senders: vec![web.into()],
        databases: databases.into_iter().collect(),
        ports: Vec::new(),
        resolvers: Vec::new(),
        loopback: false,
    }
}

impl ProcessMarks {
    /// The bits of the mark, all set, unless [others](Self::with_mark) are wished for.
    pub const BITS: MarkBits = MarkBits::new(0x0800);

    /// With other processes that are treated alike.
    pub fn with_processes(mut self, more: impl Into<Sender>) -> Self {
        self.senders.push(more.into());
        self
    }

    /// With these bits, all set, as the mark; [`MarkRegistry`](crate::data::MarkRegistry) knows
    /// which are free.
    ///
    /// # Errors
    /// [`MarkError::Nothing`] for no bits, which every packet has.
    pub fn with_mark(mut self, bits: MarkBits) -> Result<Self, MarkError> {
        if bits.mask() == 0 {
            return Err(MarkError::Nothing { name: "process_marks".into() });
        }
        self.bits = bits;
        Ok(self)
    }

    /// With clients that are answered: from these ports, TCP and UDP, and only what they asked.
    pub fn with_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports.extend(ports);
        self
    }

    /// With DNS, at these servers.
    pub fn with_resolvers(mut self, resolvers: impl IntoIterator<Item = IpAddr>) -> Self {
        self.resolvers.extend(resolvers);
        self
    }

    /// With all that listens on this host.
    pub fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Where packets get their mark.
    pub fn mark(&self) -> Chain {
        self.table().chain("marking").with_type(ChainType::Route).with_hook(Hook::Output, Priority::MANGLE)
    }

    /// What leaves this host.
    pub fn output(&self) -> Chain {
        self.table().chain("output").with_hook(Hook::Output, Priority::FILTER)
    }

    /// What marked packets may; a rule that is [inserted](Batch::insert) is asked before the
    /// others.
    pub fn marked(&self) -> Chain {
        self.table().chain("marked")
    }

    /// How many packets were dropped, and their bytes.
    ///
    /// # Errors
    /// As of [`Client::object`].
    pub fn dropped(&self, nft: &mut Client) -> Result<(u64, u64)> {
        let counted = nft.object(&self.table(), ObjectType::Counter, DROPPED)?;
        Ok(match counted.and_then(|object| object.data) {
            Some(ObjectData::Counter(Counter { packets, bytes, .. })) => {
                (packets.unwrap_or_default(), bytes.unwrap_or_default())
            }
            _ => (0, 0),
        })
    }

    fn rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for to in &self.databases {
            rules.push(
                Rule::new().when(addr::daddr().is(to.ip().to_canonical())).when(tcp::dport().is(to.port())).accept(),
            );
        }
        if !self.ports.is_empty() {
            let answer = Rule::new().when(ct::direction().is(CtDirection::REPLY));
            let transport = answer.when(meta::l4proto().is_any([Protocol::TCP, Protocol::UDP]));
            rules.push(transport.when(th::sport().is_any(self.ports.iter().copied())).accept());
        }
        for resolver in &self.resolvers {
            for port in [udp::dport().is(53), tcp::dport().is(53)] {
                rules.push(Rule::new().when(addr::daddr().is(*resolver)).when(port).accept());
            }
        }
        if self.loopback {
            rules.push(Rule::new().when(meta::oifname().is("lo")).accept());
        }
        rules.push(Rule::new().then(counter_named(DROPPED)).drop());
        rules
    }
}

/// Name of the counter.
const DROPPED: &str = "dropped";

impl Recipe for ProcessMarks {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "process_marks")
    }

    fn add_to(&self, batch: &mut Batch) {
        let mark = Mark::bits(self.bits.mask(), self.bits.mask());
        batch.add(self.table()).add(Object::new(&self.table(), DROPPED, Counter::new()));
        fill(batch, &self.marked(), self.rules());
        let own = |sender: &Sender| Rule::new().when(sender.matches()).then(meta::mark().set(mark));
        fill(batch, &self.mark(), self.senders.iter().map(own));
        fill(batch, &self.output(), [Rule::new().when(meta::mark().is(mark)).goto("marked")]);
    }
}
