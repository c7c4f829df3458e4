//! One host of a lab: a network namespace and what one does to it.

use std::{
    fmt,
    fs::{self, File},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsFd, BorrowedFd},
    panic,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use ipnetwork::IpNetwork;
use nix::sched::{CloneFlags, setns, unshare};

use super::{
    SandboxError,
    rtnetlink::{Refusal, Rtnetlink},
};

/// What a new host does differently from the machine it runs on, so that a test behaves the same
/// everywhere.
///
/// The kernel copies the machine's IPv4 settings into a new namespace: on a router or a container
/// host it would forward, and filter by reverse path. The IPv6 ones keep a lab quiet, and
/// link-local addresses usable at once.
const SETTINGS: [(&str, &str); 8] = [
    ("net/ipv4/ip_forward", "0"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/all/accept_ra", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
    ("net/ipv4/ping_group_range", "0 0"),
];

/// One host of a [`Sandbox`](super::Sandbox): a network namespace of its own, with its loopback
/// interface up.
///
/// It lasts as long as this value and whatever lives in it: sockets made there, threads of
/// [`spawn`](Host::spawn). Its interfaces, and the other ends of its [links](super::Sandbox::link),
/// go with it. [`as_fd`](AsFd::as_fd) is the namespace.
///
/// Programs follow the thread that starts them:
/// `host.run(|| Command::new("nft").arg("list").arg("ruleset").output())`.
pub struct Host {
    name: String,
    namespace: File,
    route: Mutex<Rtnetlink>,
    /// The far ends of its dummies.
    pub(super) voids: Mutex<Vec<Host>>,
}

impl Host {
    pub(super) fn new(name: &str) -> Result<Self, SandboxError> {
        // Only the thread that calls it moves into the new namespace, so a thread that ends here
        // makes it.
        let made = within_thread(name, || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Ok::<_, io::Error>((File::open("/proc/thread-self/ns/net")?, Rtnetlink::open()?))
        });
        let (namespace, route) =
            made.map_err(|error| SandboxError::forbidden(format!("make a network namespace for {name}"), error))?;
        let host = Self { name: name.to_owned(), namespace, route: Mutex::new(route), voids: Mutex::default() };
        for (setting, value) in SETTINGS {
            // Not every kernel has IPv6, not every container a writable /proc/sys, and most labs do
            // without.
            if let Err(error) = host.sysctl(setting, value) {
                log::debug!("{error}");
            }
        }
        let lo = host.index("lo")?;
        host.ask(|| format!("bring up lo on {name}"), |route| route.up(lo))?;
        Ok(host)
    }

    /// The name that the host was given.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| {
    /// assert_eq!(lab.host("mail").unwrap().name(), "mail");
    /// # });
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a closure inside the host and returns its value.
    ///
    /// The closure runs on a thread of its own, which has entered the namespace; the calling thread
    /// waits and stays where it is. Sockets made in the closure belong to the host for good and
    /// work from any thread afterwards, programs started in it run there. A panic in the closure
    /// goes on in the caller.
    ///
    /// `/sys` still shows the interfaces of the namespace it was mounted from;
    /// `/proc/thread-self/net` those of the host.
    ///
    /// # Panics
    ///
    /// As the closure does; and when no thread can be started.
    ///
    /// ```
    /// use std::net::UdpSocket;
    ///
    /// # oxitables::testing::isolated(|lab| {
    /// let host = lab.host("dns").unwrap();
    /// let socket = host.run(|| UdpSocket::bind("127.0.0.1:53")).unwrap();
    /// assert_eq!(socket.local_addr().unwrap().port(), 53);
    /// # });
    /// ```
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        within_thread(&self.name, || {
            enter(self.namespace.as_fd());
            body()
        })
    }

    /// Starts a thread inside the host, for servers and whatever else runs beside the test.
    ///
    /// The namespace lasts at least until the thread ends.
    ///
    /// # Errors
    ///
    /// [`System`](SandboxError::System) when the system cannot start one more thread or open one
    /// more file.
    ///
    /// ```
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
    /// let host = lab.host("web")?;
    /// let listener = host.run(|| TcpListener::bind("127.0.0.1:80"))?;
    /// let server = host.spawn(move || listener.accept().map(|(_, peer)| peer))?;
    /// let client = host.run(|| TcpStream::connect("127.0.0.1:80"))?;
    /// assert_eq!(server.join().unwrap()?, client.local_addr()?);
    /// # Ok(())
    /// # });
    /// ```
    pub fn spawn<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, SandboxError> {
        let attempted = || format!("start a thread on {}", self.name);
        let namespace = self.namespace.try_clone().map_err(|error| SandboxError::system(attempted(), error))?;
        thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                enter(namespace.as_fd());
                body()
            })
            .map_err(|error| SandboxError::system(attempted(), error))
    }

    /// Gives an interface an address, of either family, usable at once; it may have many.
    ///
    /// # Errors
    ///
    /// [`Network`](SandboxError::Network): ENODEV no such interface, EEXIST it has this address
    /// already.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
    /// let host = lab.host("mail")?;
    /// host.address("lo", "10.77.2.2/32".parse()?)?;
    /// host.address("lo", "fd77:2::2/128".parse()?)?;
    /// host.run(|| std::net::TcpListener::bind("[fd77:2::2]:25"))?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn address(&self, interface: &str, address: IpNetwork) -> Result<(), SandboxError> {
        let attempted = || format!("give {interface} on {} the address {address}", self.name);
        self.ask(attempted, |route| {
            let index = route.link(interface)?.header.index;
            route.address(index, address)
        })?;
        match address.ip() {
            IpAddr::V4(_) => Ok(()),
            IpAddr::V6(address) => self.wait_until(attempted, |route| route.is_local(address)),
        }
    }

    /// Sends packets for a network by way of a gateway.
    ///
    /// # Errors
    ///
    /// [`Network`](SandboxError::Network): ENETUNREACH or EHOSTUNREACH when the gateway is in no
    /// network of this host, EEXIST when there is such a route, EINVAL when the two are of
    /// different families.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
    /// let host = lab.host("client")?;
    /// host.dummy("eth0")?;
    /// host.address("eth0", "10.77.1.10/24".parse()?)?;
    /// host.route("10.77.2.0/24".parse()?, "10.77.1.1".parse()?)?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn route(&self, network: IpNetwork, gateway: IpAddr) -> Result<(), SandboxError> {
        self.ask(|| format!("route {network} via {gateway} on {}", self.name), |route| route.route(network, gateway))
    }

    /// Sends whatever no other route covers by way of a gateway, for the gateway's family.
    ///
    /// # Errors
    ///
    /// As for [`route`](Host::route).
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
    /// let host = lab.host("client")?;
    /// host.dummy("eth0")?;
    /// host.address("eth0", "fd77:1::10/64".parse()?)?;
    /// host.default_route("fd77:1::1".parse()?)?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn default_route(&self, gateway: IpAddr) -> Result<(), SandboxError> {
        let anywhere = match gateway {
            IpAddr::V4(_) => IpNetwork::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            IpAddr::V6(_) => IpNetwork::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        };
        self.route(anywhere.expect("0 is a prefix length"), gateway)
    }

    /// Makes the host a router, for IPv4 and, where the kernel has it, IPv6.
    ///
    /// # Errors
    ///
    /// As for [`sysctl`](Host::sysctl).
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| {
    /// lab.host("router").unwrap().forward().unwrap();
    /// # });
    /// ```
    pub fn forward(&self) -> Result<(), SandboxError> {
        self.sysctl("net/ipv4/ip_forward", "1")?;
        match self.sysctl("net/ipv6/conf/all/forwarding", "1") {
            Err(SandboxError::System { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Sets a kernel parameter of this host, named as a path under `/proc/sys`.
    ///
    /// # Errors
    ///
    /// [`System`](SandboxError::System): ENOENT no such parameter, EINVAL the kernel does not take
    /// this value, EROFS `/proc/sys` is read-only. Parameters outside `net/` are refused, because
    /// they belong to the whole machine.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| {
    /// let host = lab.host("client").unwrap();
    /// host.sysctl("net/ipv4/ip_default_ttl", "7").unwrap();
    /// assert!(host.sysctl("kernel/hostname", "client").is_err());
    /// # });
    /// ```
    pub fn sysctl(&self, name: &str, value: &str) -> Result<(), SandboxError> {
        let written = if name.starts_with("net/") && !name.contains("..") {
            self.run(|| fs::write(format!("/proc/sys/{name}"), value))
        } else {
            Err(io::Error::other("only what is under net/ belongs to one host"))
        };
        written.map_err(|error| SandboxError::system(format!("set {name} to {value} on {}", self.name), error))
    }

    pub(super) fn ask<T>(
        &self,
        attempted: impl FnOnce() -> String,
        request: impl FnOnce(&mut Rtnetlink) -> Result<T, Refusal>,
    ) -> Result<T, SandboxError> {
        let mut route = self.route.lock().unwrap_or_else(PoisonError::into_inner);
        request(&mut route).map_err(|Refusal { cause, reason }| SandboxError::Network {
            attempted: attempted(),
            cause,
            reason,
        })
    }
}

impl AsFd for Host {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Runs a closure on a thread of its own and waits for it.
fn within_thread<T: Send>(name: &str, body: impl FnOnce() -> T + Send) -> T {
    let joined = thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, body);
        thread.expect("the system starts a thread").join()
    });
    joined.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

fn enter(namespace: BorrowedFd<'_>) {
    setns(namespace, CloneFlags::CLONE_NEWNET).expect("who made a namespace may enter it");
}
