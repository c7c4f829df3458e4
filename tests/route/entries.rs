//! Rules and routes: added once, removed by who added them, refused in words.

use super::lab::Outcome;
use crate::{common::is_root, ordinary::this_as_an_ordinary_user};
use oxitables::{
    Error, Mark,
    data::{IfIndex, MarkBits},
    route::{Entry, PolicyRule, Route, Routing},
    testing::{self, Host},
};

/// A host with an interface, and its routing.
fn with_routing(body: impl FnOnce(&Host, Routing) -> Outcome) {
    testing::isolated(|lab| -> Outcome {
        let host = lab.host("host")?;
        host.dummy("wan")?;
        host.address("wan", "10.1.0.2/24".parse()?)?;
        host.address("wan", "fd00:1::2/64".parse()?)?;
        let net = host.run(Routing::open)?;
        body(&host, net)
    });
}

fn uplink() -> Vec<Entry> {
    let table = 70_000;
    vec![
        Route::default_via("10.1.0.1".parse().unwrap()).table(table).into(),
        Route::default_via("fd00:1::1".parse().unwrap()).dev("wan").table(table).into(),
        Route::new("10.9.0.0/16".parse().unwrap())
            .dev("wan")
            .source("10.1.0.2".parse().unwrap())
            .table(table)
            .metric(7)
            .into(),
        Route::unreachable("fd09::/16".parse().unwrap()).table(table).into(),
        PolicyRule::new(table).mark(MarkBits::new(0xf00).value(3).unwrap()).priority(7).into(),
        PolicyRule::new(table).mark(Mark::from(0)).iif("not-yet").v4_only().into(),
        PolicyRule::new(table).mark(Mark::bits(0, 0xf0)).v6_only().into(),
        PolicyRule::new(table).into(),
    ]
}

fn all_there(net: &Routing) -> Vec<bool> {
    uplink().iter().map(|entry| net.has(entry).unwrap()).collect()
}

#[test]
fn what_is_there_is_not_added_again() {
    with_routing(|_, net| {
        assert_eq!(all_there(&net), [false; 8]);
        let first = net.add(uplink())?;
        assert_eq!((first.added(), all_there(&net)), (10, vec![true; 8]));

        // Again, in part and in whole: nothing new, so nothing goes with it.
        for again in [uplink(), uplink().split_off(3)] {
            let again = net.add(again)?;
            assert_eq!(again.added(), 0);
        }
        assert_eq!(all_there(&net), [true; 8]);

        // What has gone is made anew, and only that is the second one's.
        assert_eq!(net.remove(uplink().split_off(4))?, 6);
        assert_eq!(all_there(&net), [true, true, true, true, false, false, false, false]);
        let second = net.add(uplink())?;
        assert_eq!(second.added(), 6);
        drop(first);
        // The rules that the first one made are the second one's by now, but nobody can tell them
        // apart.
        assert_eq!(all_there(&net), [false; 8]);
        second.remove()?;

        net.add(uplink())?.keep();
        assert_eq!(all_there(&net), [true; 8]);
        assert_eq!((net.remove(uplink())?, net.remove(uplink())?), (10, 0));
        Ok(())
    });
}

#[test]
fn dropping_it_removes_it() {
    with_routing(|_, net| {
        let held = net.add(uplink())?;
        assert_eq!(all_there(&net), [true; 8]);
        drop(held);
        assert_eq!(all_there(&net), [false; 8]);
        Ok(())
    });
}

/// The kernel removes the first rule that has what is said, whatever else it has.
#[test]
fn no_other_rule_is_removed_instead() {
    with_routing(|_, net| {
        let loose = || Entry::from(PolicyRule::new(5).v4_only());
        let tight = || Entry::from(PolicyRule::new(5).v4_only().mark(Mark::from(5)));
        let tight = net.add([tight()]).map(|held| (held, tight()))?;
        let held = net.add([loose()])?;
        let error = net.remove([loose()]).unwrap_err();
        assert!(error.to_string().contains("EEXIST: the kernel would remove another rule"), "{error}");
        assert!(net.has(&loose())? && net.has(&tight.1)?);
        // Both together it can.
        assert_eq!(net.remove([loose(), tight.1.clone()])?, 2);
        assert!(!net.has(&loose())? && !net.has(&tight.1)?);
        held.remove()?;
        tight.0.remove()?;
        Ok(())
    });
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    with_routing(|_, net| {
        let first = || Entry::from(PolicyRule::new(5).mark(Mark::from(5)));
        let refused = |entry: Entry| {
            let error = net.add([first(), entry]).unwrap_err();
            assert!(!net.has(&first()).unwrap(), "half of it was left");
            error
        };
        let route = |to: &str| Route::new(to.parse().unwrap()).table(5);

        let error = refused(route("10.9.0.0/16").dev("wan7").into());
        assert!(error.is_not_found());
        assert_eq!(
            error.to_string(),
            "there is no interface \"wan7\": make it first, or wait for it: routes need it, rules do not"
        );
        let error = refused(route("10.9.0.0/16").dev("a-name-that-is-too-long").into());
        assert!(matches!(error, Error::Missing(_)), "{error}");

        let _there = net.add([route("10.9.0.0/16").via("10.1.0.1".parse()?).into()])?;
        let error = refused(route("10.9.0.0/16").via("10.1.0.9".parse()?).into());
        assert!(error.is_exists());
        let text = "add route 10.9.0.0/16 via 10.1.0.9 table 5: EEXIST: there is already a route (Unicast) via 10.1.0.1 by interface";
        assert!(error.to_string().starts_with(text), "{error}");
        // With another metric it is another route.
        assert_eq!(net.add([route("10.9.0.0/16").via("10.1.0.9".parse()?).metric(9).into()])?.added(), 1);

        let error = refused(route("10.8.0.0/16").via("172.16.0.1".parse()?).into());
        assert!(error.to_string().contains("ENETUNREACH: the gateway is in no network of this host"), "{error}");
        let error = refused(route("10.8.0.0/16").via("fd00:1::1".parse()?).into());
        assert!(error.to_string().contains("EINVAL"), "{error}");
        let error = refused(Route::default_via("fd00:1::1".parse()?).table(5).dev("lo").into());
        assert!(matches!(error, Error::Request { .. }), "{error}");
        Ok(())
    });
}

#[test]
fn links_and_addresses_by_name_and_number() {
    with_routing(|host, net| {
        let wan = net.link("wan")?;
        assert_eq!((wan.index.number(), wan.name.as_str(), wan.up), (host.index("wan")?, "wan", true));
        assert!(wan.mac.is_some());
        assert_eq!(net.link_at(wan.index)?, wan);
        assert_eq!(host.run(|| IfIndex::named("wan"))?, wan.index);
        let names: Vec<String> = net.links()?.into_iter().map(|link| link.name).collect();
        assert!(names.contains(&"lo".into()) && names.contains(&"wan".into()), "{names:?}");
        let addresses = net.addresses("wan")?;
        for address in ["10.1.0.2/24", "fd00:1::2/64"] {
            assert!(addresses.contains(&address.parse()?), "{addresses:?}");
        }
        assert_eq!(net.addresses_at(wan.index)?, addresses);
        assert!(net.addresses_at(9999.into()).unwrap_err().is_not_found());
        assert!(net.link_at(9999.into()).unwrap_err().is_not_found());
        assert!(net.addresses("wan7").unwrap_err().is_not_found());
        Ok(())
    });
}

#[test]
fn an_ordinary_user_is_told_what_he_lacks() {
    this_as_an_ordinary_user("route::entries::without_privilege", without_privilege);
}

/// Outside of any sandbox, as somebody who may change nothing.
#[test]
#[ignore = "for an ordinary user"]
fn without_privilege() {
    assert!(!is_root());
    let net = Routing::open().unwrap();
    let error = net.add([PolicyRule::new(5).mark(Mark::from(5)).into()]).unwrap_err();
    assert!(error.is_permission());
    assert_eq!(
        error.to_string(),
        "add rule fwmark 0x5/0xffffffff lookup 5 pref 10000: EPERM: CAP_NET_ADMIN is missing in the user namespace that owns \
         the network namespace"
    );
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = oxitables::client::mark_socket(&socket, Mark::from(1)).unwrap_err();
    assert!(error.is_permission(), "{error}");
}

/// Whether the network or the address is meant, nobody can tell: nothing is added.
#[test]
fn an_address_in_a_network_is_no_route() {
    with_routing(|_, net| {
        let route = Route::new("10.9.8.7/16".parse()?).dev("wan").table(70_000);
        let said = net.add(vec![route.into()]).unwrap_err().to_string();
        assert!(said.contains("10.9.8.7/16") && said.contains("10.9.0.0/16"), "{said}");
        Ok(())
    });
}
