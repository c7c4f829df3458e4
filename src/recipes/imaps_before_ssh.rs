//! SSH for those who read their mail.

use super::{Recipe, fill, is_wrong, wrong_time};
use crate::*;
use std::{net::IpAddr, time::Duration};

/// IMAPS before SSH, as [`imaps_before_ssh`] makes it.
#[derive(Clone, Debug)]
pub struct ImapsBeforeSsh {
    mails: Vec<IpAddr>,
    window: Duration,
}

/// Lets an address open SSH to this router while its mail client holds an IMAPS connection through
/// it to one of these mail servers, and for a minute after; to everybody else the port looks
/// closed.
///
/// ```
/// use oxitables::{Client, Result, recipes::{Recipe, imaps_before_ssh}};
/// use std::{net::IpAddr, time::Duration};
///
/// fn protect() -> Result<()> {
///     let mail: [IpAddr; 2] = ["192.0.2.25".parse().unwrap(), "2001:db8::25".parse().unwrap()];
///     let guard = imaps_before_ssh(mail).with_window(Duration::from_secs(90));
///     let mut nft = Client::open()?;
///     nft.apply(&guard.batch())?;
///     // The list is administered as /proc/net/xt_recent/MOBILE was.
///     nft.recent(&guard.list()).add("198.51.100.7".parse().unwrap())?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// Each packet to the mail server stamps the sender's address. A session that is open lives on
/// however long it was idle, and stamps too; its end (FIN) makes the address forgotten, until the
/// mail client sends the next packet.
///
/// All TCP to this host that is not let in is reset, on every port, and on loopback as well: other
/// sessions of an address that is forgotten, and what answers connections that this host opens.
///
/// # The article
///
/// "IMAPS before SSH": iptables with its `recent` match, in the article's order: learn, forget,
/// renew, let in, look closed. Better here: both families in one table; the rules and what they
/// mean stay together in a typed list. A trace of packets has the same fate as with `xt_recent`,
/// which tests compare. Different: a request for a connection teaches nothing, even repeated, so
/// that forged addresses do not fill the list; and see [`Recent`].
///
/// What looks closed, looks so to `nmap -sT` and `-sS`: the same state, reason and time to live as
/// of a port without a listener, and the same to a FIN, to an ACK out of nowhere and to data in a
/// SYN. Whoever compares headers finds that the kernel's own reset repeats the question's type of
/// service and bears a flow label in IPv6, where that of a rule has zeros (6.18).
///
/// # Kernel
///
/// Since 5.4, as [`Recent`]; conntrack (`nf_conntrack`) and `nft_reject_inet`. No mail server at
/// all and a window of no time are refused by [`Client::apply`].
pub fn imaps_before_ssh(mails: impl IntoIterator<Item = IpAddr>) -> ImapsBeforeSsh {
    ImapsBeforeSsh { mails: mails.into_iter().collect(), window: Duration::from_secs(60) }
}

impl ImapsBeforeSsh {
    /// With another time than a minute, in which an address that was seen may open SSH.
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Addresses that hold an IMAPS connection, or a connection to this host.
    pub fn list(&self) -> Recent {
        Recent::new(&self.table(), "MOBILE").with_window(self.window)
    }

    /// What is sent on: here the mail clients are seen.
    pub fn forward(&self) -> Chain {
        self.table().chain("forward").with_hook(Hook::Forward, Priority::FILTER)
    }

    /// What comes in.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER)
    }

    /// Learn.
    pub fn forward_rules(&self) -> Vec<Rule> {
        let learn = |mail: &IpAddr| {
            Rule::new()
                .when(addr::daddr().is(*mail))
                .when(tcp::dport().is(993))
                .when(tcp::flags().any(TcpFlags::ACK))
                .when(ct::state().any(CtState::ESTABLISHED))
                .recent(self.list().set(Side::Source))
                .comment("its mail client holds an IMAPS connection")
                .accept()
        };
        self.mails.iter().map(learn).collect()
    }

    /// Forget, renew, let in, look closed.
    pub fn input_rules(&self) -> Vec<Rule> {
        let mobile = self.list();
        let established = || ct::state().any(CtState::ESTABLISHED);
        vec![
            Rule::new()
                .when(tcp::flags().any(TcpFlags::FIN))
                .when(established())
                .recent(mobile.remove(Side::Source))
                .comment("it says good-bye: forget it")
                .accept(),
            Rule::new()
                .when(meta::l4proto().is(Protocol::TCP))
                .when(established())
                .recent(mobile.update(Side::Source))
                .comment("a session lives on, however long it was idle")
                .accept(),
            Rule::new()
                .when(tcp::dport().is(22))
                .when(ct::state().any(CtState::NEW))
                .recent(mobile.rcheck(Side::Source).within(self.window))
                .comment("seen within the window: SSH opens")
                .accept(),
            Rule::new()
                .when(meta::l4proto().is(Protocol::TCP))
                .comment("to everybody else it looks closed")
                .reject_with(RejectWith::TcpReset),
        ]
    }

    /// A batch that also takes away what the kernel has of an earlier run with another window;
    /// addresses that are known stay known.
    ///
    /// # Errors
    ///
    /// As of a [`Listing`](crate::client::Listing).
    pub fn batch_over(&self, nft: &mut Client) -> Result<Batch> {
        let mut batch = self.batch();
        for stale in nft.recent(&self.list()).stale_sets()? {
            batch.delete(stale);
        }
        Ok(batch)
    }
}

impl Recipe for ImapsBeforeSsh {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "imaps_before_ssh")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let mails = self.mails.is_empty().then(|| "no mail server at all".into());
        if is_wrong(batch, [wrong_time("a window", self.window), mails]) {
            return;
        }
        batch.add(self.list());
        fill(batch, &self.forward(), self.forward_rules());
        fill(batch, &self.input(), self.input_rules());
    }
}
