//! Who leaves by which router.

use super::{Recipe, Sender, fill};
#[cfg(feature = "route")]
use crate::route::{Entry, PolicyRule, Route};
use crate::{
    data::{CtDirection, FibAddrType, MarkBits, MarkError, Masked},
    *,
};
use std::net::IpAddr;

/// Some of the users of this host, and the router that they leave by.
#[derive(Clone, Debug)]
pub struct Login {
    senders: Vec<Sender>,
    table: u32,
    gateways: Vec<(IpAddr, Option<String>)>,
}

impl Login {
    /// A way out that has a routing table of its own: any number but 0, which is none, and 253 to
    /// 255, which are the kernel's.
    pub fn by_table(table: u32) -> Self {
        Self { senders: Vec::new(), table, gateways: Vec::new() }
    }

    /// With these users.
    pub fn with(mut self, senders: impl Into<Sender>) -> Self {
        self.senders.push(senders.into());
        self
    }

    /// With this router, for its family. A family that has none has no way out.
    pub fn via(mut self, router: IpAddr) -> Self {
        self.gateways.push((router, None));
        self
    }

    /// With this router, by an interface; a link-local address needs it said.
    pub fn via_dev(mut self, router: IpAddr, dev: impl Into<String>) -> Self {
        self.gateways.push((router, Some(dev.into())));
        self
    }

    /// Its routes, and the rules that lead to them.
    #[cfg(feature = "route")]
    fn entries(&self, mark: Masked<Mark>) -> Vec<Entry> {
        let way = |(router, dev): &(IpAddr, Option<String>)| {
            let route = Route::default_via(*router).table(self.table);
            if let Some(dev) = dev { route.dev(dev) } else { route }
        };
        let end = |anywhere: [IpAddr; 1]| {
            let anywhere = ipnetwork::IpNetwork::new(anywhere[0], 0);
            anywhere.ok().map(|anywhere| Route::unreachable(anywhere).table(self.table).metric(u32::MAX))
        };
        let ends = [[[0u8; 4].into()], [[0u16; 8].into()]].into_iter().filter_map(end);
        let mut entries: Vec<Entry> = self.gateways.iter().map(way).chain(ends).map(Entry::from).collect();
        // What the main table knows better than "anywhere": neighbours, tunnels.
        entries.push(PolicyRule::new(MAIN).mark(mark).suppress_prefixlength(0).into());
        entries.push(PolicyRule::new(self.table).mark(mark).priority(PolicyRule::PRIORITY + 1).into());
        entries
    }
}

#[cfg(feature = "route")]
const MAIN: u32 = 254;

/// Who leaves by which router, as [`route_by_login`] makes it.
#[derive(Clone, Debug)]
pub struct RouteByLogin {
    bits: MarkBits,
    logins: Vec<(Masked<Mark>, Login)>,
    masquerade: bool,
}

/// Users who came by ssh and local users leave by different routers: what their programs begin is
/// marked in packet and connection, and routed by the mark. The first of the logins that has a
/// sender counts; who is in none leaves as before.
///
/// Two halves, routes first: guards that hold them, and the table.
///
/// ```
/// use oxitables::{Client, data::Gid, recipes::{Login, Recipe, route_by_login}, route::{Held, Routing}};
///
/// fn two_ways() -> oxitables::Result<Held> {
///     // Better, where ssh has one: Cgroup::at("system.slice/ssh.service")?
///     let ssh = Login::by_table(102).with(Gid::named("root")?).via("192.0.2.1".parse().unwrap()).via("2001:db8::1".parse().unwrap());
///     let ways = route_by_login([ssh])?;
///     let held = Routing::open()?.add(ways.routes())?;
///     // If this fails, what is held goes.
///     Client::open()?.apply(&ways.batch())?;
///     Ok(held)
/// }
/// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
/// #     let host = lab.host("host")?;
/// #     host.dummy("wan")?;
/// #     host.address("wan", "192.0.2.7/24".parse()?)?;
/// #     host.address("wan", "2001:db8::7/64".parse()?)?;
/// #     host.run(two_ways)?.keep();
/// #     Ok(())
/// # });
/// ```
///
/// # Who came by ssh?
///
/// A packet's sender is known by user, group or control group.
/// * Users who have no other way in, by name; or a group of theirs. The group of a socket is the
///   one that its program runs as: the login group.
/// * Without logind, whatever an ssh session starts is in sshd's own control group,
///   `system.slice/ssh.service`.
/// * With logind, each session has its own, `user.slice/user-1000.slice/session-5.scope`
///   (`loginctl` says which are `Remote`). Apply again at each login (`pam_exec`), with the
///   sessions that there are: rules are replaced, connections keep their way.
///
/// # What goes which way
///
/// * Only connections that begin here, and later: an ssh session itself is answered the way it
///   came, also one from before. (Exchanges of datagrams have no beginning: those from before may
///   change sides, unless connections were tracked already.)
/// * A connection stays with its router: the mark is saved in it, for what is sent when its socket
///   is gone, and for answers, which a reverse path filter then lets in: `rp_filter` 2, or 1 with
///   `net.ipv4.conf.IF.src_valid_mark`.
/// * The mark is the number of the login, from 1: new ones belong at the end, lest connections
///   change sides.
/// * The address of a program is chosen before the mark: what leaves is masqueraded, unless
///   [told otherwise](RouteByLogin::without_masquerade).
/// * Networks that the main table has a route for, besides the default one, are reached by that.
/// * Without its router nothing leaves by another one: datagrams are "unreachable", TCP has no
///   answer. The kernel forgets the router when its interface goes down: add the routes again when
///   it is up.
/// * Before a packet is marked it has to have some route: keep a default route in the main table.
///
/// # The article
///
/// LIDS' NETMARK promised it: packets marked by program, routed by mark. Better here: other bits of
/// the marks stay, both families, connections do not change sides, and routes go with the program
/// that made them. Different: the marks hang on user, group or control group.
///
/// # Kernel
///
/// Since 5.2 (NAT in inet tables); control groups since 5.13; feature `route` for the routes.
///
/// # Errors
///
/// [`Error::Marks`] for more than seven logins, unless there are
/// [more bits](RouteByLogin::with_mark); [`Error::Request`], EINVAL, for a table that is none or
/// the kernel's (a way out that ends in "unreachable" there would be everybody's), and for a login
/// without a sender or without a router.
pub fn route_by_login(logins: impl IntoIterator<Item = Login>) -> Result<RouteByLogin> {
    let logins: Vec<Login> = logins.into_iter().collect();
    for Login { table, senders, gateways } in &logins {
        let cause = match table {
            0 | 253..=255 => "that number is none, or of one of the kernel's tables",
            _ if senders.is_empty() => "nobody is named who leaves by it",
            _ if gateways.is_empty() => "no router is named",
            _ => continue,
        };
        let what = format!("route by table {table}");
        return Err(Error::Request { what, errno: nix::errno::Errno::EINVAL as i32, cause: cause.into() });
    }
    Ok(RouteByLogin { bits: RouteByLogin::BITS, logins: Vec::new(), masquerade: true }.with_logins(logins)?)
}

impl RouteByLogin {
    /// The bits of the mark, unless [others](Self::with_mark) are wished for.
    pub const BITS: MarkBits = MarkBits::new(0x0700);

    fn with_logins(mut self, logins: impl IntoIterator<Item = Login>) -> Result<Self, MarkError> {
        // 0 is of nobody.
        let numbered = (1..).zip(logins).map(|(n, login)| Ok((self.bits.value(n)?, login)));
        self.logins = numbered.collect::<Result<_, MarkError>>()?;
        Ok(self)
    }

    /// With these bits of packet and connection marks; [`MarkRegistry`](crate::data::MarkRegistry)
    /// knows which are free.
    ///
    /// # Errors
    /// [`MarkError::Range`] if they hold no number for each login.
    pub fn with_mark(mut self, bits: MarkBits) -> Result<Self, MarkError> {
        self.bits = bits;
        let logins: Vec<Login> = self.logins.drain(..).map(|(_, login)| login).collect();
        self.with_logins(logins)
    }

    /// With source addresses as programs have chosen them: where answers to any of them come back
    /// by whichever router.
    pub fn without_masquerade(mut self) -> Self {
        self.masquerade = false;
        self
    }

    /// Routes and policy rules, for [`Routing::add`](crate::route::Routing::add); of feature
    /// `route`.
    #[cfg(feature = "route")]
    pub fn routes(&self) -> Vec<Entry> {
        self.logins.iter().flat_map(|(mark, login)| login.entries(*mark)).collect()
    }

    /// Whose connections are whose.
    pub fn login(&self) -> Chain {
        self.table().chain("login")
    }

    /// Where packets get their mark.
    pub fn output(&self) -> Chain {
        self.table().chain("output").with_type(ChainType::Route).with_hook(Hook::Output, Priority::MANGLE)
    }

    /// Where answers get it.
    pub fn prerouting(&self) -> Chain {
        self.table().chain("prerouting").with_hook(Hook::Prerouting, Priority::MANGLE)
    }

    /// Where they get another source address.
    pub fn postrouting(&self) -> Chain {
        self.table().chain("postrouting").with_type(ChainType::Nat).with_hook(Hook::Postrouting, Priority::SRCNAT)
    }
}

impl Recipe for RouteByLogin {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "route_by_login")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let senders = self.logins.iter().flat_map(|(mark, login)| login.senders.iter().map(|sender| (*mark, sender)));
        let login =
            senders.map(|(mark, sender)| Rule::new().when(sender.matches()).then(ct::mark().set(mark)).return_());
        // Conntrack takes it up in the middle, and would have it begin here.
        let before = Rule::new().when(tcp::flags().none(TcpFlags::SYN)).comment("a connection from before").return_();
        fill(batch, &self.login(), [before].into_iter().chain(login));
        let marks = || self.logins.iter().map(|(mark, _)| *mark);
        let restored = |start: Rule<rule::Open>| {
            marks().map(move |mark| Rule::from(start.clone().when(ct::mark().is(mark)).then(meta::mark().set(mark))))
        };
        let new = Rule::new().when(ct::state().any(CtState::NEW)).jump("login");
        fill(batch, &self.output(), [new].into_iter().chain(restored(Rule::new())));
        fill(batch, &self.prerouting(), restored(Rule::new().when(ct::direction().is(CtDirection::REPLY))));
        // What has an address of the way out keeps it.
        let other = || fib::saddr().with_oif().type_().is_not(FibAddrType::LOCAL);
        let masquerade = |mark| {
            Rule::new().when(meta::mark().is(mark)).when(meta::oifname().is_not("lo")).when(other()).masquerade()
        };
        fill(batch, &self.postrouting(), marks().filter(|_| self.masquerade).map(masquerade));
    }
}
