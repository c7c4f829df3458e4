//! A sandbox of network namespaces, for tests and examples: hosts, wires and real packets, without
//! touching the machine.
//!
//! ```
//! use oxitables::testing::{self, tcp};
//! use std::time::Duration;
//!
//! testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
//!     let client = lab.host("client")?;
//!     let server = lab.host("server")?;
//!     lab.link((&client, "eth0"), (&server, "eth0"))?;
//!     client.address("eth0", "10.77.1.10/24".parse()?)?;
//!     server.address("eth0", "10.77.1.1/24".parse()?)?;
//!
//!     let (from, ssh) = ("10.77.1.10".parse()?, "10.77.1.1:22".parse()?);
//!     let _echo = server.run(|| tcp::echo_server(ssh))?;
//!     let mut stream = client.run(|| tcp::connect(from, ssh, Duration::from_secs(2)))?;
//!     tcp::ping(&mut stream)?;
//!     Ok(())
//! });
//! ```
//!
//! * In a `#[test]`: [`isolated`], or [`in_namespace`] when one empty namespace is enough.
//! * In a program: [`Sandbox::new`], before it starts any thread.
//! * What happens on a host happens in [`Host::run`]: sockets made and programs started there
//!   belong to it.
//!
//! # Which user
//!
//! Any. Root, or rather CAP_SYS_ADMIN and CAP_NET_ADMIN, makes network namespaces as it is. Anybody
//! else first becomes root of a user namespace, which most distributions allow and containers
//! mostly do not. Where neither is possible a test is skipped with a line on standard error that
//! says so; `OXITABLES_REQUIRE_KERNEL=1` in the environment makes it fail instead, and belongs in
//! every CI.
//!
//! # What is left behind
//!
//! Nothing. A host is held by a file descriptor, has no name on the machine, and goes when it is
//! dropped, with its interfaces, rules and connections; at the latest when the process ends,
//! however it ends.

mod error;
mod harness;
mod host;
mod link;
pub mod packets;
mod rerun;
mod rtnetlink;
mod sandbox;
pub mod tcp;
mod userns;

pub use error::SandboxError;
pub use harness::{in_namespace, isolated, program, skip, skip_anyway};
pub use host::Host;
pub use sandbox::Sandbox;
pub use userns::enter_user_namespace;
