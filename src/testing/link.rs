//! The interfaces of a host and the wires between hosts.

use std::{
    io,
    os::fd::AsFd,
    sync::PoisonError,
    thread,
    time::{Duration, Instant},
};

use super::{
    Host, SandboxError,
    rtnetlink::{Refusal, Rtnetlink, is_ready},
};

/// How long a link may take to come up. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

impl Host {
    /// The index of an interface, by which rules and sockets may name it.
    ///
    /// # Errors
    ///
    /// [`Network`](SandboxError::Network): ENODEV no such interface.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| {
    /// assert_eq!(lab.host("client").unwrap().index("lo").unwrap(), 1);
    /// # });
    /// ```
    pub fn index(&self, interface: &str) -> Result<u32, SandboxError> {
        self.ask(|| format!("find {interface} on {}", self.name()), |route| Ok(route.link(interface)?.header.index))
    }

    /// Adds an interface, up, that swallows whatever is sent through it: for rules that need an
    /// interface to exist, and for networks in which nobody answers.
    ///
    /// # Errors
    ///
    /// [`Network`](SandboxError::Network): EEXIST there is an interface of this name, ERANGE or
    /// EINVAL the name is none.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| {
    /// let host = lab.host("router").unwrap();
    /// host.dummy("wan").unwrap();
    /// assert!(host.index("wan").unwrap() > 1);
    /// # });
    /// ```
    pub fn dummy(&self, name: &str) -> Result<(), SandboxError> {
        // Not the dummy driver, which many a small kernel lacks, but a wire to a place where nobody
        // is.
        let void = Host::new("void")?;
        let attempted = || format!("add the dummy {name} on {}", self.name());
        self.veth(name, &void, "void", attempted)?;
        self.ask(attempted, |route| {
            let index = route.link(name)?.header.index;
            route.without_arp(index)
        })?;
        self.wait_until_ready(name)?;
        self.voids.lock().unwrap_or_else(PoisonError::into_inner).push(void);
        Ok(())
    }

    /// Adds a bridge, up, over interfaces of this host; traffic passes at once.
    ///
    /// # Errors
    ///
    /// [`Network`](SandboxError::Network): EEXIST there is an interface of this name, ENODEV no
    /// such port, EBUSY the port is in another bridge, EOPNOTSUPP the kernel has no bridges.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
    /// let (a, switch, b) = (lab.host("a")?, lab.host("switch")?, lab.host("b")?);
    /// lab.link((&a, "eth0"), (&switch, "port1"))?;
    /// lab.link((&b, "eth0"), (&switch, "port2"))?;
    /// switch.bridge("br0", &["port1", "port2"])?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn bridge(&self, name: &str, ports: &[&str]) -> Result<(), SandboxError> {
        let attempted = || format!("add the bridge {name} over {} on {}", ports.join(", "), self.name());
        self.ask(attempted, |route| {
            route.bridge(name)?;
            let bridge = route.link(name)?.header.index;
            for port in ports {
                let port = route.link(port)?.header.index;
                route.enslave(port, bridge)?;
            }
            Ok(())
        })
    }

    /// Makes a veth pair between this host and another one, both ends up, and does not wait for
    /// them.
    pub(super) fn veth(
        &self,
        interface: &str,
        peer: &Host,
        peer_interface: &str,
        attempted: impl Fn() -> String,
    ) -> Result<(), SandboxError> {
        self.ask(&attempted, |route| route.veth(interface, peer_interface, peer.as_fd()))?;
        peer.ask(attempted, |route| {
            let index = route.link(peer_interface)?.header.index;
            route.up(index)
        })
    }

    /// Waits until an end of a link passes traffic of both families.
    pub(super) fn wait_until_ready(&self, interface: &str) -> Result<(), SandboxError> {
        let attempted = || format!("wait for {interface} on {} to come up", self.name());
        self.wait_until(attempted, |route| Ok(is_ready(&route.link(interface)?)))
    }

    /// Waits for what the kernel does in a work queue.
    pub(super) fn wait_until(
        &self,
        attempted: impl Fn() -> String,
        done: impl Fn(&mut Rtnetlink) -> Result<bool, Refusal>,
    ) -> Result<(), SandboxError> {
        let give_up = Instant::now() + PATIENCE;
        while !self.ask(&attempted, &done)? {
            if Instant::now() > give_up {
                return Err(SandboxError::system(attempted(), io::ErrorKind::TimedOut));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}
