//! The firewall: a mail client with an established IMAPS connection may open SSH for a while.

use oxitables::{
    Batch, Chain, Client, Family, Hook, Priority, Recent, Result, Rule, Side, Table, addr, ct,
    data::{CtState, Protocol, TcpFlags},
    meta, tcp,
};
use std::{net::IpAddr, time::Duration};

/// Addresses that hold an IMAPS connection, or a connection to this host.
const LIST: &str = "MOBILE";

pub fn table() -> Table {
    Table::new(Family::Inet, "imaps_before_ssh")
}

/// The list as `apply` left it in the kernel.
pub fn installed(nft: &mut Client) -> Result<Option<Recent>> {
    nft.find_recent(&table(), LIST)
}

fn chains() -> [Chain; 2] {
    let table = table();
    [
        table.chain("forward").with_hook(Hook::Forward, Priority::FILTER),
        table.chain("input").with_hook(Hook::Input, Priority::FILTER),
    ]
}

/// The rules, in the article's order: learn, forget, renew, let in, look closed.
pub fn rules(mails: &[IpAddr], window: Duration) -> Vec<(Chain, Rule)> {
    let [forward, input] = chains();
    let mobile = Recent::new(&table(), LIST).with_window(window);
    let established = || ct::state().any(CtState::ESTABLISHED);

    let learn = mails.iter().map(|mail| {
        let rule = Rule::new()
            .when(addr::daddr().is(*mail))
            .when(tcp::dport().is(993))
            .when(established())
            .recent(mobile.set(Side::Source))
            .comment("its mail client holds an IMAPS connection")
            .accept();
        (forward.clone(), rule)
    });
    let local = [
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
            .recent(mobile.rcheck(Side::Source).within(window))
            .comment("seen within the window: SSH opens")
            .accept(),
        Rule::new()
            .when(meta::l4proto().is(Protocol::TCP))
            .comment("to everybody else it looks closed")
            .reject_with(oxitables::RejectWith::TcpReset),
    ];
    learn.chain(local.map(|rule| (input.clone(), rule))).collect()
}

/// Everything as one batch, that can be applied again and again: addresses that are known stay known.
pub fn batch(nft: &mut Client, mails: &[IpAddr], window: Duration) -> Result<Batch> {
    let mobile = Recent::new(&table(), LIST).with_window(window);
    let mut batch = Batch::new();
    batch.add(table()).add(&mobile);
    for chain in chains() {
        batch.add(&chain).flush(&chain);
    }
    for (chain, rule) in rules(mails, window) {
        batch.add(chain.rule(rule));
    }
    // Windows of an earlier run that no rule asks about any more.
    for stale in nft.recent(&mobile).stale_sets()? {
        batch.delete(stale);
    }
    Ok(batch)
}
