//! Kernel parameters: set, all or none of them, and restored exactly.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use oxitables::{
    Error,
    sysctl::{self, AcceptRa, Interface, RoutingHeaders, RpFilter, Setting, ipv4, ipv6},
    testing::{self, Host, Sandbox},
};
use std::{collections::BTreeMap, error::Error as StdError, fs, os::fd::AsRawFd, path::Path, process::Command, thread};

type Done<T = ()> = Result<T, Box<dyn StdError>>;

/// Everything below a folder of the namespace of the calling thread.
fn tree(at: &Path, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(at).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            tree(&path, into);
        } else if let Ok(value) = fs::read_to_string(&path) {
            into.insert(path.display().to_string(), value.trim().to_owned());
        }
    }
}

/// All parameters of interfaces, and whether packets are forwarded.
fn all(host: &Host) -> BTreeMap<String, String> {
    host.run(|| {
        let mut all = BTreeMap::new();
        for folder in ["ipv4/conf", "ipv6/conf"] {
            tree(&Path::new("/proc/sys/net").join(folder), &mut all);
        }
        all.insert("ip_forward".into(), fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap());
        // A random number that the kernel chooses when it is first read.
        all.retain(|path, _| !path.ends_with("/stable_secret"));
        all
    })
}

fn value(host: &Host, path: &str) -> String {
    host.run(|| fs::read_to_string(format!("/proc/sys/net/{path}"))).unwrap().trim().to_owned()
}

/// What a router that trusts nobody sets: every parameter there is.
fn everything() -> Vec<Setting> {
    vec![
        ipv4::ip_forward(true),
        ipv4::accept_source_route(Interface::Every, false),
        ipv4::accept_redirects(Interface::Every, false),
        ipv4::secure_redirects(Interface::Every, false),
        ipv4::send_redirects(Interface::Every, false),
        ipv4::rp_filter(Interface::Every, RpFilter::Loose),
        ipv4::log_martians("eth0.7", true),
        ipv6::forwarding(Interface::All, true),
        ipv6::accept_ra("eth0.7", AcceptRa::Always),
        ipv6::accept_redirects(Interface::Every, false),
        ipv6::accept_source_route(Interface::Every, RoutingHeaders::None),
    ]
}

fn lab(lab: &Sandbox) -> Done<Host> {
    let host = lab.host("host")?;
    host.dummy("eth0")?;
    host.dummy("eth0.7")?;
    Ok(host)
}

#[test]
fn what_was_there_is_restored_to_the_last_value() {
    testing::isolated(|sandbox| -> Done {
        let host = lab(sandbox)?;
        // Not what the kernel would make of it by itself.
        host.sysctl("net/ipv4/conf/eth0/forwarding", "1")?;
        host.sysctl("net/ipv6/conf/eth0.7/forwarding", "1")?;
        host.sysctl("net/ipv4/conf/all/accept_redirects", "0")?;
        host.sysctl("net/ipv4/conf/eth0/accept_redirects", "0")?;
        host.sysctl("net/ipv4/conf/default/send_redirects", "0")?;
        let before = all(&host);
        let held = host.run(|| sysctl::set(everything()))?;
        assert!(!held.is_empty());
        for setting in everything() {
            assert!(host.run(|| setting.holds())?, "{setting}");
        }
        assert_eq!(value(&host, "ipv4/conf/eth0.7/rp_filter"), "2");
        assert_eq!(value(&host, "ipv4/conf/eth0.7/log_martians"), "1");
        assert_eq!(value(&host, "ipv4/conf/eth0/log_martians"), "0", "not asked for");
        assert_eq!(value(&host, "ipv6/conf/eth0/forwarding"), "1", "as all");
        assert_eq!(value(&host, "ipv6/conf/lo/accept_source_route"), "-1");
        assert_ne!(all(&host), before);
        let set = all(&host);
        let again = host.run(|| sysctl::set(everything()))?;
        assert!(again.is_empty(), "there is nothing to do: {again:?}");
        drop(again);
        assert_eq!(all(&host), set);
        host.dummy("later")?;
        assert_eq!(value(&host, "ipv4/conf/later/rp_filter"), "2", "one that came later is as `default`");
        let mut after = {
            held.restore()?;
            all(&host)
        };
        after.retain(|path, _| !path.contains("/later/"));
        assert_eq!(after, before);
        Ok(())
    });
}

#[test]
fn what_is_kept_stays() {
    testing::isolated(|sandbox| -> Done {
        let host = lab(sandbox)?;
        host.run(|| sysctl::set(everything()))?.keep();
        assert!(host.run(|| everything().iter().all(|setting| setting.holds().unwrap())));
        // The last one of several counts.
        let held = host.run(|| sysctl::set([ipv4::ip_forward(false), ipv4::ip_forward(true)]))?;
        assert_eq!(value(&host, "ipv4/ip_forward"), "1");
        let set = all(&host);
        drop(held);
        assert_eq!(value(&host, "ipv4/ip_forward"), "1");
        assert_eq!(all(&host), set);
        Ok(())
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    testing::isolated(|sandbox| -> Done {
        let host = lab(sandbox)?;
        let before = all(&host);
        for (name, says) in [
            ("nowhere", "read /proc/sys/net/ipv4/conf/nowhere/rp_filter: ENOENT: there is no such interface"),
            ("", "set rp_filter of \"\": EINVAL: the name of an interface has 1 to 15 bytes"),
            ("..", "none of them a slash"),
            ("../../../kernel", "none of them a slash"),
            ("eth0/7", "none of them a slash"),
        ] {
            let settings = [ipv4::ip_forward(true), ipv4::rp_filter(name, RpFilter::Strict)];
            let error = host.run(|| sysctl::set(settings)).unwrap_err();
            assert!(matches!(error, Error::Request { .. }), "{error:?}");
            assert!(error.to_string().contains(says), "{error}\nsays nothing of: {says}");
            assert_eq!(all(&host), before, "{error}");
        }
        Ok(())
    });
}

/// The process may open so few files that it fails in the middle.
#[test]
fn what_fails_halfway_is_undone() {
    const MARK: &str = "OXITABLES_FEW_FILES";
    if std::env::var_os(MARK).is_none() {
        // The limit is one of the whole process.
        let test = ["--exact", "what_fails_halfway_is_undone", "--nocapture"];
        let child = Command::new(std::env::current_exe().unwrap()).args(test).env(MARK, "1").output().unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        return;
    }
    testing::isolated(|sandbox| -> Done {
        let host = lab(sandbox)?;
        let before = all(&host);
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let result = host.run(|| {
            let lowest_free = fs::File::open("/proc/self/stat").unwrap().as_raw_fd();
            setrlimit(Resource::RLIMIT_NOFILE, lowest_free as u64 + 9, hard).unwrap();
            let result = sysctl::set(everything());
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
            result.map(drop)
        });
        let error = result.unwrap_err();
        assert!(error.to_string().starts_with("change /proc/sys/net/ipv"), "{error}");
        assert!(error.to_string().contains("EMFILE"), "{error}");
        assert_eq!(all(&host), before);
        Ok(())
    });
}

#[test]
fn it_is_restored_where_it_was_set() {
    testing::isolated(|sandbox| -> Done {
        let (one, other) = (lab(sandbox)?, lab(sandbox)?);
        let before = (all(&one), all(&other));
        let held = one.run(|| sysctl::set(everything()))?;
        other.run(|| sysctl::set([ipv4::rp_filter("eth0", RpFilter::Strict)]))?.keep();
        other.run(move || drop(held));
        assert_eq!(all(&one), before.0);
        assert_eq!(value(&other, "ipv4/conf/eth0/rp_filter"), "1");
        other.run(|| sysctl::set([ipv4::rp_filter("eth0", RpFilter::Off)]))?.keep();
        assert_eq!(all(&other), before.1);
        Ok(())
    });
}

#[test]
fn an_interface_that_has_gone_took_its_values() {
    testing::isolated(|sandbox| -> Done {
        let (host, peer) = (lab(sandbox)?, sandbox.host("peer")?);
        let before = all(&host);
        sandbox.link((&host, "eth1"), (&peer, "eth0"))?;
        let held = host.run(|| sysctl::set(everything()))?;
        drop(peer);
        while host.index("eth1").is_ok() {
            thread::sleep(std::time::Duration::from_millis(5));
        }
        held.restore()?;
        assert_eq!(all(&host), before);
        Ok(())
    });
}
