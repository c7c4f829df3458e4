//! By which router packets leave, and by which the answers.

use super::lab::*;
use oxitables::{
    Batch, ChainType, Client, CtState, Family, Hook, Mark, Priority, Rule, Table,
    client::mark_socket,
    ct,
    data::{CtDirection, MarkBits},
    meta,
    route::{PolicyRule, Route, Routing},
    tcp,
    testing::{self, Host, packets, tcp as wire},
};
use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
};

const ROUTER: MarkBits = MarkBits::new(0x0f00);

/// Marked packets of `here` go by way of the second router.
fn second_router(lab: &Lab) -> oxitables::Result<oxitables::route::Held> {
    let net = lab.here.run(Routing::open)?;
    let rule = PolicyRule::new(1002).mark(ROUTER.value(2)?);
    net.add([Route::default_via(lab.at(2, 1)).table(1002).into(), rule.into()])
}

fn in_both_families(body: impl Fn(&Lab) -> Outcome + Clone + Send) {
    testing::isolated(move |sandbox| -> Outcome {
        for v6 in [false, true] {
            body(&Lab::new(sandbox, v6)?)?;
        }
        Ok(())
    });
}

#[test]
fn a_marked_socket_leaves_by_the_other_router() {
    in_both_families(|lab| {
        let held = second_router(lab)?;
        let (mut one, mut two) = (lab.meter(&lab.one), lab.meter(&lab.two));
        let to = SocketAddr::new(lab.far(), 7);
        let _echo = lab.far.run(|| packets::udp_echo(to))?;
        let any = SocketAddr::new(if to.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() }, 0);
        let open = || lab.here.run(|| UdpSocket::bind(any));

        let plain = open()?;
        plain.connect(to)?;
        ask(&plain);
        assert_eq!((one.packets(), two.packets()), (vec![1, 1], vec![0, 0]));

        let marked = open()?;
        // The rule looks at its bits only.
        mark_socket(&marked, Mark::from(0xab00_00cd))?;
        mark_socket(&marked, ROUTER.value(2)?)?;
        marked.connect(to)?;
        assert_eq!(marked.local_addr()?.ip(), lab.at(2, 2), "the route was chosen by the mark when it connected");
        ask(&marked);
        assert_eq!((one.packets(), two.packets()), (vec![1, 1], vec![1, 1]));

        // Without the rule the mark means nothing; the address is still the second router's, and so
        // is the way back.
        held.remove()?;
        ask(&marked);
        assert_eq!((one.packets(), two.packets()), (vec![2, 1], vec![1, 2]));
        Ok(())
    });
}

/// What passes a router: packets to the first port, from it, to the second, from it.
fn by_port(router: &Host, ports: [u16; 2]) -> Meter {
    let rules = ports.into_iter().flat_map(|port| [tcp::dport().is(port), tcp::sport().is(port)]);
    Meter::new(router, Hook::Forward, Priority::FILTER, rules.map(|rule| Rule::new().when(rule)))
}

#[test]
fn connections_marked_by_a_rule_leave_by_the_other_router() {
    in_both_families(|lab| {
        let _held = second_router(lab)?;
        let table = Table::new(Family::Inet, "marks");
        let output = table.chain("output").with_type(ChainType::Route).with_hook(Hook::Output, Priority::MANGLE);
        let nat = table.chain("nat").with_type(ChainType::Nat).with_hook(Hook::Postrouting, Priority::SRCNAT);
        let mut batch = Batch::new();
        batch.add(&table).add(&output).add(&nat);
        batch.add(output.rule(Rule::new().when(tcp::dport().is(8)).then(meta::mark().set(ROUTER.value(2)?))));
        // The program has chosen its address before.
        batch.add(nat.rule(Rule::new().when(meta::oifname().is("eth2")).masquerade()));
        lab.here.run(Client::open)?.apply(&batch)?;

        let (mut one, mut two) = (by_port(&lab.one, [7, 8]), by_port(&lab.two, [7, 8]));
        for port in [7, 8] {
            let to = SocketAddr::new(lab.far(), port);
            let _server = lab.far.run(|| wire::echo_server(to))?;
            let mut stream = lab.here.run(|| wire::connect(lab.at(1, 2), to, PATIENCE))?;
            wire::ping(&mut stream)?;
        }
        let (one, two) = (one.packets(), two.packets());
        assert!(one[..2].iter().all(|packets| *packets >= 2) && one[2..] == [0, 0], "{one:?}");
        assert!(two[2..].iter().all(|packets| *packets >= 2) && two[..2] == [0, 0], "{two:?}");
        Ok(())
    });
}

/// Who calls from far away by the second router is answered by it, and other bits of both marks
/// stay.
#[test]
fn answers_go_back_the_way_the_question_came() {
    in_both_families(|lab| {
        let (mut one, mut two) = (by_port(&lab.one, [21, 22]), by_port(&lab.two, [21, 22]));
        let call = |port| -> Outcome {
            let to = SocketAddr::new(lab.service(), port);
            let _server = lab.here.run(|| wire::echo_server(to))?;
            let mut stream = lab.far.run(|| wire::connect(lab.far(), to, PATIENCE))?;
            Ok(wire::ping(&mut stream)?)
        };

        // As it is: the question by the second, the answer by the first.
        call(21)?;

        let _held = second_router(lab)?;
        let table = Table::new(Family::Inet, "marks");
        let input = table.chain("input").with_hook(Hook::Prerouting, Priority::MANGLE);
        let output = table.chain("output").with_type(ChainType::Route).with_hook(Hook::Output, Priority::MANGLE);
        let mut batch = Batch::new();
        batch.add(&table).add(&input).add(&output);
        let new = || Rule::new().when(ct::state().any(CtState::NEW));
        // Bits of others, in both marks.
        batch.add(input.rule(new().then(ct::mark().set(0xc000_0001)).then(meta::mark().set(0x0080_0001))));
        batch.add(input.rule(new().when(meta::iifname().is("eth2")).then(meta::mark().set(ROUTER.value(2)?))));
        for rule in ROUTER.save(new()) {
            batch.add(input.rule(rule));
        }
        batch.add(output.rule(Rule::new().then(meta::mark().set(0x0040_0003))));
        for rule in ROUTER.restore(Rule::new().when(ct::direction().is(CtDirection::REPLY))) {
            batch.add(output.rule(rule));
        }
        lab.here.run(Client::open)?.apply(&batch)?;
        let answers = || Rule::new().when(tcp::sport().is(22));
        let exact = answers().when(ct::mark().is(0xc000_0201)).when(meta::mark().is(0x0040_0203));
        let mut bits = Meter::new(&lab.here, Hook::Postrouting, Priority::MANGLE, [exact, answers()]);
        call(22)?;

        let (one, two) = (one.packets(), two.packets());
        assert!(one[0] == 0 && one[1] >= 2 && one[2..] == [0, 0], "{one:?}");
        assert!(two[0] >= 2 && two[1] == 0 && two[2] >= 2 && two[3] >= 2, "{two:?}");
        let bits = bits.packets();
        assert!(bits[0] >= 2 && bits[0] == bits[1], "{bits:?}");
        Ok(())
    });
}

/// A table that ends with an unreachable route lets nothing out by the wrong door.
#[test]
fn an_unreachable_route_is_the_end_of_the_way() {
    in_both_families(|lab| {
        let net = lab.here.run(Routing::open)?;
        let anywhere = if lab.far().is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let way = Route::default_via(lab.at(2, 1)).table(1002);
        let end = Route::unreachable(anywhere.parse()?).table(1002).metric(u32::MAX);
        let held = net.add([way.clone().into(), end.into(), PolicyRule::new(1002).mark(ROUTER.value(2)?).into()])?;
        assert_eq!(held.added(), 4);
        let to = SocketAddr::new(lab.far(), 7);
        let any = SocketAddr::new(if to.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() }, 0);
        let marked = lab.here.run(|| UdpSocket::bind(any))?;
        mark_socket(&marked, ROUTER.value(2)?)?;
        marked.connect(to)?;
        // The way goes, as it does with its interface.
        assert_eq!(net.remove([way.into()])?, 1);
        let refused = lab.here.run(|| UdpSocket::bind(any))?;
        mark_socket(&refused, ROUTER.value(2)?)?;
        let error = refused.connect(to).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable), "{error}");
        Ok(())
    });
}
