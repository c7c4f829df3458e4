//! nftnl: as its examples send, and in one page over a socket with room for it.

use super::{Job, Result, errno, roomy::Roomy};
use crate::{
    lab::{address, port},
    work::Task,
};
use ::nftnl::{
    Batch, Chain, FinalizedBatch, MsgType, ProtoFamily, Rule, Table, default_batch_page_size, nft_expr,
    nft_nlmsg_maxsize, set::Set,
};
use std::{io, net::Ipv4Addr};

pub(super) const CANNOT: &[Task] =
    &[Task::Sized, Task::Ranges, Task::Timed, Task::Rewrite, Task::ListElements, Task::ListRules];

pub(super) fn open(task: Task, _: usize) -> Result<Job> {
    let socket = mnl::Socket::new(mnl::Bus::Netfilter)?;
    let mut buffer = vec![0; nft_nlmsg_maxsize() as usize];
    Ok(job(task, default_batch_page_size(), move |batch| {
        send_and_process(&socket, &mut buffer, batch).map_err(|e| e.raw_os_error().map_or_else(|| e.into(), errno))
    }))
}

/// What its example `add-rules` does.
fn send_and_process(socket: &mnl::Socket, buffer: &mut [u8], batch: &FinalizedBatch) -> io::Result<()> {
    socket.send_all(batch)?;
    let mut expected = batch.sequence_numbers();
    while !expected.is_empty() {
        for message in socket.recv(buffer)? {
            let next = expected.next().ok_or_else(|| io::Error::other("unexpected ack"))?;
            mnl::cb_run(message?, next, socket.portid())?;
        }
    }
    Ok(())
}

pub(super) fn open_roomy(task: Task, n: usize) -> Result<Job> {
    let mut socket = Roomy::open()?;
    let each = if task == Task::Rules { 512 } else { 24 };
    let page = if task.steps() { 0 } else { n as u32 * each };
    Ok(job(task, page + default_batch_page_size(), move |batch| batch.iter().try_for_each(|page| socket.commit(page))))
}

fn job(task: Task, page: u32, mut send: impl FnMut(&FinalizedBatch) -> Result<()> + 'static) -> Job {
    Box::new(move |n| {
        let mut batch = Batch::with_page_size(page);
        let table = Table::new(c"bench", ProtoFamily::Ipv4);
        let chain = Chain::new(c"input", &table);
        if task == Task::Rules {
            (0..n).for_each(|i| batch.add(&rule(&chain, i), MsgType::Add));
        } else {
            let change = task.change(n);
            for (verb, elements) in [(MsgType::Del, change.delete), (MsgType::Add, change.add)] {
                let mut set = Set::<Ipv4Addr>::new_named(c"addresses", 0, &table, ProtoFamily::Ipv4);
                elements.for_each(|i| set.add(&address(i)));
                batch.add_iter(set.elems_iter(), verb);
            }
        }
        send(&batch.finalize()).map(|()| 0)
    })
}

fn rule<'a>(chain: &'a Chain<'a>, i: usize) -> Rule<'a> {
    let mut rule = Rule::new(chain);
    rule.add_expr(&nft_expr!(payload ipv4 saddr));
    rule.add_expr(&nft_expr!(cmp == address(i)));
    rule.add_expr(&nft_expr!(meta l4proto));
    rule.add_expr(&nft_expr!(cmp == 6_u8));
    rule.add_expr(&nft_expr!(payload tcp dport));
    rule.add_expr(&nft_expr!(cmp == port(i).to_be()));
    rule.add_expr(&nft_expr!(counter));
    rule.add_expr(&nft_expr!(verdict accept));
    rule
}
