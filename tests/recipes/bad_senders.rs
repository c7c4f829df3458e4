//! What cannot be meant is refused in words, and nothing is applied.

use crate::bad_input::refused_here as refused;
use oxitables::{
    Batch, Client, LogLevel, Result,
    data::{Cgroup, Gid, MarkBits, MarkRegistry, Uid},
    recipes::*,
    route::Routing,
    testing,
};
use std::error::Error as StdError;

type Outcome = std::result::Result<(), Box<dyn StdError>>;

#[test]
fn process_marks_of_nobody() {
    testing::in_namespace(|| -> Outcome {
        let database = || ["10.0.0.2:3306".parse().unwrap()];
        refused(|| Ok(process_marks(Uid::named("no-one-here")?, database()).batch()), "no user \"no-one-here\"")?;
        refused(|| Ok(process_marks(Gid::named("no-one-here")?, database()).batch()), "no group \"no-one-here\"")?;
        refused(|| Ok(process_marks(Cgroup::at("no/such.service")?, database()).batch()), "no control group")?;
        let root = || process_marks(Uid::from(0), database());
        refused(|| Ok(root().with_mark(MarkBits::new(0))?.batch()), "no mark bits are asked for")?;
        let taken = || -> Result<Batch> {
            let mut marks = MarkRegistry::new();
            marks.claim("router", 0x0ff0)?;
            Ok(root().with_mark(marks.claim("web", ProcessMarks::BITS.mask())?)?.batch())
        };
        refused(taken, "mark bits 0x00000800 of web collide with 0x00000ff0 of router")?;

        // Lists of nothing let nothing through.
        let mut nft = Client::open()?;
        let none = process_marks(Uid::from(0), []).with_ports([]).with_resolvers([]);
        nft.apply(&none.batch())?;
        assert_eq!(nft.rules(&none.marked()).snapshot()?.len(), 1, "{}", nft.ruleset()?);
        Ok::<_, Box<dyn StdError>>(())
    });
}

#[test]
fn service_access_to_nothing() {
    testing::in_namespace(|| -> Outcome {
        let one = |service: Service| Ok(service_access([service]).with_log(LogLevel::Info).with_group(7).batch());
        refused(|| one(Service::tcp("sshd", [])), "without elements")?;
        refused(|| one(Service::tcp("dns", [53]).with_udp([])), "without elements")?;
        refused(|| one(Service::tcp("sshd", [22]).with_days([])), "without elements")?;
        refused(|| one(Service::tcp(&"x".repeat(250), [22])), "255")?;
        refused(|| one(Service::tcp(&"x".repeat(200), [22])), "127")?;
        for name in ["a\"b", "", "1st", "a b", "a/b", "\u{e4}"] {
            refused(|| one(Service::tcp(name, [22])), "a letter, and more letters")?;
        }
        refused(|| one(Service::tcp("smtp", [25]).with_users([Uid::named("no-one-here")?])), "no user")?;
        assert!("08:00-08:00".parse::<Hours>().is_err());

        // Networks within others, all of them, and none.
        let networks =
            |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<ipnetwork::IpNetwork>>();
        let all = ["10.0.1.0/24", "10.0.0.0/8", "10.0.0.0/8", "10.9.9.9/8", "::/0", "fd00::/8", "0.0.0.0/0"];
        let mut nft = Client::open()?;
        let services = [
            Service::tcp("some", [1]).with_allowed(networks(&all[..4])),
            Service::tcp("all", [2]).with_allowed(networks(&all)),
            Service::tcp("none", [3]).with_allowed([]).with_denied([]),
            Service::tcp("again", [4]).with_denied(networks(&all)),
            Service::tcp("again", [5]).with_others_denied(),
        ];
        let access = service_access(services);
        nft.apply(&access.batch())?;
        let mut rules = |service: &str| -> Result<usize> { Ok(nft.rules(&access.incoming(service)).snapshot()?.len()) };
        assert_eq!((rules("some")?, rules("all")?, rules("none")?, rules("again")?), (1, 2, 0, 1));
        Ok::<_, Box<dyn StdError>>(())
    });
}

#[test]
fn route_by_login_to_nowhere() {
    testing::isolated(|lab| -> Outcome {
        let host = lab.host("host")?;
        host.dummy("wan")?;
        host.address("wan", "10.0.1.2/24".parse()?)?;
        host.run(|| -> Result<()> {
            let login = |table, router: &str| Login::by_table(table).with(Uid::from(0)).via(router.parse().unwrap());
            let near = || login(101, "10.0.1.1");
            let batch = |ways: RouteByLogin| Ok(ways.batch());
            let refused =
                |install: &dyn Fn() -> Result<Batch>, words| refused(install, words).map_err(|e| e.to_string());
            refused(&|| batch(route_by_login([near().with(Uid::named("no-one-here")?)])?), "no user").unwrap();
            refused(&|| batch(route_by_login([near().with(Cgroup::at("no/such")?)])?), "no control group").unwrap();
            refused(&|| batch(route_by_login((1..9).map(|table| login(table, "10.0.1.1")))?), "does not fit mark bits")
                .unwrap();
            for table in [0, 253, 254, 255] {
                refused(&|| batch(route_by_login([near(), Login::by_table(table)])?), "the kernel's tables").unwrap();
            }
            let nobody = || Login::by_table(101).via("10.0.1.1".parse().unwrap());
            refused(&|| batch(route_by_login([nobody()])?), "nobody is named").unwrap();
            let nowhere = || Login::by_table(101).with(Uid::from(0));
            refused(&|| batch(route_by_login([nowhere()])?), "no router is named").unwrap();
            refused(&|| batch(route_by_login([near()])?.with_mark(MarkBits::new(0))?), "does not fit").unwrap();
            refused(&|| batch(route_by_login([near(), near()])?.with_mark(MarkBits::new(8))?), "does not fit").unwrap();
            let taken = || {
                let mut marks = MarkRegistry::new();
                marks.claim("web", ProcessMarks::BITS.mask())?;
                marks.claim("login", RouteByLogin::BITS.mask())?;
                batch(route_by_login([near()])?.with_mark(marks.claim("more", 0x0f00)?)?)
            };
            refused(&taken, "collide with").unwrap();

            // Routes: what is refused takes back what went before it.
            let routing = Routing::open()?;
            let far = || vec![near(), login(102, "172.16.0.1")];
            for (logins, words) in [
                (far(), "the gateway is in no network of this host"),
                (vec![near(), login(101, "10.0.1.9")], "there is already"),
                (
                    vec![near(), Login::by_table(102).with(Uid::from(0)).via_dev("fe80::1".parse().unwrap(), "wan9")],
                    "no interface \"wan9\"",
                ),
            ] {
                let error = routing.add(route_by_login(logins)?.routes()).expect_err(words).to_string();
                assert!(error.contains(words), "{error:?} does not say {words:?}");
                for entry in route_by_login(far())?.routes() {
                    assert!(!routing.has(&entry)?, "{words}: {entry} is left");
                }
            }
            // Held once, whoever asks again.
            let all = || route_by_login([near()]).map(|ways| ways.routes());
            let held = routing.add(all()?)?;
            assert_eq!((held.added(), routing.add(all()?)?.added()), (7, 0));
            held.remove()?;
            for entry in all()? {
                assert!(!routing.has(&entry)?, "{entry} is left");
            }
            Ok(())
        })?;
        Ok(())
    });
}
