//! The set of hosts and the links between them.

use std::sync::OnceLock;

use super::{Host, SandboxError, enter_user_namespace};

/// A lab of hosts joined by links, none of which touches the machine's own network.
///
/// Works as root and, where the system allows user namespaces, as any user.
///
/// ```
/// use oxitables::testing::{self, tcp};
/// use std::time::Duration;
///
/// testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
///     let (client, router, mail) = (lab.host("client")?, lab.host("router")?, lab.host("mail")?);
///     lab.link((&client, "eth0"), (&router, "lan"))?;
///     lab.link((&mail, "eth0"), (&router, "dmz"))?;
///     client.address("eth0", "10.77.1.10/24".parse()?)?;
///     router.address("lan", "10.77.1.1/24".parse()?)?;
///     router.address("dmz", "10.77.2.1/24".parse()?)?;
///     mail.address("eth0", "10.77.2.2/24".parse()?)?;
///     client.default_route("10.77.1.1".parse()?)?;
///     mail.default_route("10.77.2.1".parse()?)?;
///     router.forward()?;
///
///     let imaps = "10.77.2.2:993".parse()?;
///     let _server = mail.run(|| tcp::echo_server(imaps))?;
///     let from = "10.77.1.10".parse()?;
///     let mut stream = client.run(|| tcp::connect(from, imaps, Duration::from_secs(2)))?;
///     Ok(tcp::ping(&mut stream)?)
/// });
/// ```
#[derive(Debug)]
pub struct Sandbox(());

impl Sandbox {
    /// Prepares the process for making hosts, and makes sure, once in a process, that hosts and
    /// links can be made here.
    ///
    /// Calls [`enter_user_namespace`], which matters to an unprivileged process with several
    /// threads: a `#[test]` uses [`isolated`](super::isolated) instead, which gets round that.
    ///
    /// # Errors
    ///
    /// Those of [`enter_user_namespace`]; [`Forbidden`](SandboxError::Forbidden) when no network
    /// namespace can be made; [`Network`](SandboxError::Network) when the kernel has no veth.
    ///
    /// ```
    /// use oxitables::testing::Sandbox;
    ///
    /// match Sandbox::new() {
    ///     Ok(lab) => println!("{:?}", lab.host("client")),
    ///     Err(error) => println!("no lab: {error}"),
    /// }
    /// ```
    pub fn new() -> Result<Self, SandboxError> {
        static TRIED: OnceLock<()> = OnceLock::new();
        enter_user_namespace()?;
        if TRIED.get().is_none() {
            let host = Host::new("trial")?;
            host.veth("a", &host, "b", || "make a veth pair".into())?;
            TRIED.get_or_init(|| ());
        }
        Ok(Self(()))
    }

    /// Adds a host: a network namespace of its own with nothing in it but loopback.
    ///
    /// The name appears in error messages and as the name of the host's threads, nothing else
    /// depends on it.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](SandboxError::Forbidden): ENOSPC this user has too many namespaces.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| {
    /// let client = lab.host("client").unwrap();
    /// assert!(client.index("eth0").is_err());
    /// # });
    /// ```
    pub fn host(&self, name: &str) -> Result<Host, SandboxError> {
        Host::new(name)
    }

    /// Joins two hosts by a wire: an interface on each, both up, and traffic of both families
    /// passes on return.
    ///
    /// Each end has a link-local IPv6 address from the start; give it others with
    /// [`Host::address`].
    ///
    /// # Errors
    ///
    /// [`Network`](SandboxError::Network): EEXIST there is an interface of this name, ERANGE or
    /// EINVAL the name is none.
    ///
    /// ```
    /// # oxitables::testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, router) = (lab.host("client")?, lab.host("router")?);
    /// lab.link((&client, "eth0"), (&router, "lan"))?;
    /// router.address("lan", "10.77.1.1/24".parse()?)?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn link(&self, one: (&Host, &str), other: (&Host, &str)) -> Result<(), SandboxError> {
        let ((host, interface), (peer, peer_interface)) = (one, other);
        host.veth(interface, peer, peer_interface, || {
            format!("link {interface} on {} with {peer_interface} on {}", host.name(), peer.name())
        })?;
        host.wait_until_ready(interface)?;
        peer.wait_until_ready(peer_interface)
    }
}
