//! The sandbox itself: packets pass where they should, nothing leaks out, and it works for any
//! user.

mod common;

use common::{Copy, NOBODY, is_root};
use std::{
    env,
    error::Error,
    fs,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    panic::catch_unwind,
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use oxitables::testing::{self, Host, Sandbox, SandboxError, tcp};

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(3);

/// Connects and exchanges a byte.
fn talk(client: &Host, from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    let (from, to): (IpAddr, SocketAddr) = (from.parse()?, to.parse()?);
    let mut stream = client.run(|| tcp::connect(from, to, PATIENCE))?;
    assert_eq!(stream.local_addr()?.ip(), from);
    Ok(tcp::ping(&mut stream)?)
}

fn serve(host: &Host, address: &str) -> Result<tcp::EchoServer, Box<dyn Error>> {
    let address = address.parse()?;
    Ok(host.run(|| tcp::echo_server(address))?)
}

#[test]
fn two_hosts_talk_over_both_families_at_once() {
    testing::isolated(|lab| -> Outcome {
        // Again and again, because the danger is a race with the kernel's work queues.
        for _ in 0..10 {
            let (a, b) = (lab.host("a")?, lab.host("b")?);
            lab.link((&a, "eth0"), (&b, "eth0"))?;
            for (host, addresses) in [
                (&a, ["fd77::10/64", "10.77.1.10/24", "10.77.1.11/24"]),
                (&b, ["fd77::1/64", "10.77.1.1/24", "10.77.1.2/24"]),
            ] {
                for address in addresses {
                    host.address("eth0", address.parse()?)?;
                }
            }
            let _v6 = serve(&b, "[fd77::1]:22")?;
            let _v4 = serve(&b, "10.77.1.2:22")?;
            talk(&a, "fd77::10", "[fd77::1]:22")?;
            talk(&a, "10.77.1.10", "10.77.1.2:22")?;
            talk(&a, "10.77.1.11", "10.77.1.2:22")?;
        }
        Ok(())
    });
}

#[test]
fn a_router_forwards_when_told_to() {
    testing::isolated(|lab| -> Outcome {
        let (client, router, mail) = (lab.host("client")?, lab.host("router")?, lab.host("mail")?);
        lab.link((&client, "eth0"), (&router, "lan"))?;
        lab.link((&mail, "eth0"), (&router, "dmz"))?;
        for (host, interface, address) in [
            (&client, "eth0", "10.77.1.10/24"),
            (&router, "lan", "10.77.1.1/24"),
            (&router, "dmz", "10.77.2.1/24"),
            (&mail, "eth0", "10.77.2.2/24"),
            (&client, "eth0", "fd77:1::10/64"),
            (&router, "lan", "fd77:1::1/64"),
            (&router, "dmz", "fd77:2::1/64"),
            (&mail, "eth0", "fd77:2::2/64"),
        ] {
            host.address(interface, address.parse()?)?;
        }
        client.default_route("10.77.1.1".parse()?)?;
        client.default_route("fd77:1::1".parse()?)?;
        mail.default_route("10.77.2.1".parse()?)?;
        mail.route("fd77:1::/64".parse()?, "fd77:2::1".parse()?)?;
        let _v4 = serve(&mail, "10.77.2.2:993")?;
        let _v6 = serve(&mail, "[fd77:2::2]:993")?;

        let (from, to) = ("10.77.1.10".parse()?, "10.77.2.2:993".parse()?);
        let lost = client.run(|| tcp::connect(from, to, Duration::from_millis(200)));
        assert_eq!(lost.unwrap_err().kind(), ErrorKind::TimedOut, "nobody forwards yet");

        router.forward()?;
        talk(&client, "10.77.1.10", "10.77.2.2:993")?;
        talk(&client, "fd77:1::10", "[fd77:2::2]:993")
    });
}

#[test]
fn a_bridge_passes_traffic_at_once() {
    testing::isolated(|lab| -> Outcome {
        let (a, switch, b) = (lab.host("a")?, lab.host("switch")?, lab.host("b")?);
        lab.link((&a, "eth0"), (&switch, "port1"))?;
        lab.link((&b, "eth0"), (&switch, "port2"))?;
        switch.bridge("br0", &["port1", "port2"])?;
        a.address("eth0", "10.77.1.1/24".parse()?)?;
        b.address("eth0", "10.77.1.2/24".parse()?)?;
        let _server = serve(&b, "10.77.1.2:80")?;
        talk(&a, "10.77.1.1", "10.77.1.2:80")
    });
}

#[test]
fn a_reset_is_refused_and_silence_times_out() {
    testing::isolated(|lab| -> Outcome {
        let host = lab.host("host")?;
        host.dummy("void")?;
        host.address("void", "10.77.1.1/24".parse()?)?;
        let from = "10.77.1.1".parse()?;
        for (to, timeout, kind) in [
            ("10.77.1.1:22", PATIENCE, ErrorKind::ConnectionRefused),
            ("10.77.1.2:22", Duration::from_millis(100), ErrorKind::TimedOut),
        ] {
            let to = to.parse()?;
            assert_eq!(host.run(|| tcp::connect(from, to, timeout)).unwrap_err().kind(), kind);
        }
        let elsewhere = "10.99.9.9".parse()?;
        let error = host.run(|| tcp::connect(elsewhere, "10.77.1.1:22".parse().unwrap(), PATIENCE)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        Ok(())
    });
}

/// The calling thread's network namespace.
fn namespace() -> PathBuf {
    fs::read_link("/proc/thread-self/ns/net").unwrap()
}

fn interfaces() -> Vec<String> {
    let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

#[test]
fn the_caller_and_the_machine_stay_as_they_are() {
    testing::isolated(|lab| -> Outcome {
        let before = (namespace(), interfaces());
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        lab.link((&a, "eth0"), (&b, "eth0"))?;
        let inside = [&a, &b].map(|host| host.run(|| (namespace(), interfaces())));
        for (namespace, interfaces) in &inside {
            assert_ne!(*namespace, before.0);
            assert!(interfaces.contains(&"eth0".into()) && interfaces.contains(&"lo".into()));
        }
        assert_ne!(inside[0].0, inside[1].0);
        assert_eq!(a.spawn(namespace)?.join().unwrap(), inside[0].0);
        assert_eq!((namespace(), interfaces()), before);
        drop((a, b));
        assert_eq!((namespace(), interfaces()), before);
        Ok(())
    });
}

#[test]
fn a_host_goes_with_its_links_when_dropped() {
    testing::isolated(|lab| -> Outcome {
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        lab.link((&a, "eth0"), (&b, "eth0"))?;
        a.address("eth0", "10.77.1.1/24".parse()?)?;
        b.address("eth0", "10.77.1.2/24".parse()?)?;
        let server = serve(&a, "10.77.1.1:80")?;
        talk(&b, "10.77.1.2", "10.77.1.1:80")?;
        // A connection that is still open would keep the namespace, and with it the link.
        let (from, to) = ("10.77.1.2".parse()?, server.address());
        let _open = b.run(|| tcp::connect(from, to, PATIENCE))?;
        drop((server, a));
        let started = Instant::now();
        while b.index("eth0").is_ok() {
            assert!(started.elapsed() < Duration::from_secs(600), "the namespace is still there");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
}

#[test]
fn errors_say_what_and_why() {
    testing::isolated(|lab| -> Outcome {
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        lab.link((&a, "eth0"), (&b, "eth0"))?;
        for (error, text) in [
            (lab.link((&a, "eth0"), (&b, "eth1")), "cannot link eth0 on a with eth1 on b: EEXIST: File exists"),
            (
                a.address("eth9", "10.0.0.1/8".parse()?),
                "cannot give eth9 on a the address 10.0.0.1/8: ENODEV: No such device",
            ),
            (
                a.default_route("10.0.0.1".parse()?),
                "cannot route 0.0.0.0/0 via 10.0.0.1 on a: ENETUNREACH: Network is unreachable \
                 (Nexthop has invalid gateway): the gateway is not in any network of this host",
            ),
            (
                a.sysctl("net/ipv4/nonsense", "1"),
                "cannot set net/ipv4/nonsense to 1 on a: ENOENT: No such file or directory",
            ),
            (
                a.sysctl("kernel/hostname", "a"),
                "cannot set kernel/hostname to a on a: only what is under net/ belongs to one host",
            ),
            (
                a.dummy("sixteen-bytes-xx"),
                "cannot add the dummy sixteen-bytes-xx on a: ERANGE: Numerical result out of range \
                 (Attribute failed policy validation): a name of an interface has 1 to 15 bytes",
            ),
        ] {
            assert_eq!(error.unwrap_err().to_string(), text);
        }
        Ok(())
    });
}

#[test]
fn a_panic_inside_goes_on_outside() {
    testing::isolated(|lab| -> Outcome {
        let host = lab.host("host")?;
        let panic = catch_unwind(|| host.run(|| panic!("inside"))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"inside"));
        Ok(())
    });
}

#[test]
fn an_error_that_the_body_returns_fails_the_test() {
    testing::isolated(|lab| -> Outcome {
        let lab: &Sandbox = lab;
        let host = lab.host("host")?;
        let failed = catch_unwind(|| testing::isolated(|_| Err::<(), _>("expected: nothing is wrong")));
        assert!(failed.is_err());
        assert!(matches!(host.index("none"), Err(SandboxError::Network { .. })));
        Ok(())
    });
}

fn text(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn all_of_this_works_as_an_ordinary_user() -> Outcome {
    if !is_root() {
        // Then all of this just did.
        return Ok(());
    }
    let copy = Copy::new()?;
    let as_nobody = |arguments: &[&str]| copy.as_nobody().args(arguments).env("RUST_MIN_STACK", "3000000").output();
    let output = match as_nobody(&["--skip", "all_of_this_works", "--nocapture"]) {
        Ok(output) => output,
        Err(error) => {
            testing::skip(&format!("cannot become an ordinary user: {error}: run as root outside of a user namespace"));
            return Ok(());
        }
    };
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    if let Some(line) = stderr.lines().find(|line| line.starts_with("SKIPPED ") && line.contains("no sandbox")) {
        testing::skip(&format!("as an ordinary user: {line}"));
        return Ok(());
    }
    let own = fs::read_link("/proc/self/ns/user")?;
    let seen: Vec<&str> = stdout.lines().filter_map(|line| line.split_once("I am in ")).map(|(_, rest)| rest).collect();
    assert_eq!(seen.len(), 1, "{stdout}{stderr}");
    assert!(!seen[0].starts_with(own.to_str().unwrap()), "{seen:?}");
    assert!(seen[0].ends_with(&format!("0 {NOBODY} 1 stack {:?}", Some("3000000"))), "{seen:?}");

    // Tests that should panic, and pass only if the panic gets out of the second process.
    let output = as_nobody(&["--ignored", "--exact", "panics_as_it_should"])?;
    let (stdout, stderr) = text(&output);
    assert!(output.status.success() && stdout.contains(" 1 passed;"), "{stdout}{stderr}");
    Ok(())
}

/// Tells the test above where it ran.
#[test]
fn tells_where_it_runs() {
    testing::isolated(|_| {
        let namespace = fs::read_link("/proc/self/ns/user").unwrap();
        let map = fs::read_to_string("/proc/self/uid_map").unwrap();
        let map: Vec<&str> = map.split_whitespace().collect();
        let stack = env::var("RUST_MIN_STACK").ok();
        println!("I am in {} {} stack {:?}", namespace.display(), map.join(" "), stack.as_deref());
    });
}

#[test]
#[ignore = "run by a test above"]
#[should_panic(expected = "on the host")]
fn panics_as_it_should() {
    testing::in_namespace(|| panic!("on the host"));
}

#[test]
#[ignore = "run by the test below"]
fn needs_a_program_that_nobody_has() {
    assert_eq!(testing::program("oxitables-no-such-program"), None);
}

#[test]
fn a_missing_program_is_told_loudly_or_fails() -> Outcome {
    let copy = env::current_exe()?;
    let run = |require: &str| {
        Command::new(&copy)
            .args(["--exact", "needs_a_program_that_nobody_has", "--ignored"])
            .env("OXITABLES_REQUIRE_KERNEL", require)
            .output()
    };
    let lenient = run("0")?;
    let (_, stderr) = text(&lenient);
    assert!(lenient.status.success());
    assert!(stderr.starts_with("SKIPPED needs_a_program_that_nobody_has (tests/sandbox.rs:"), "{stderr}");
    assert!(
        stderr.ends_with("oxitables-no-such-program is not installed: apt-get install oxitables-no-such-program\n"),
        "{stderr}"
    );
    assert!(!run("1")?.status.success());
    assert!(testing::program("sh").is_some());
    Ok(())
}
