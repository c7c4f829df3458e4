//! Kernel parameters of a network namespace: what no rule can do, such as to forward packets or to
//! ignore source routes.
//!
//! ```
//! use oxitables::sysctl::{self, Interface::Every, RpFilter, ipv4, ipv6};
//!
//! fn be_a_router() -> oxitables::Result<()> {
//!     let held = sysctl::set([
//!         ipv4::ip_forward(true),
//!         ipv6::forwarding(sysctl::Interface::All, true),
//!         ipv4::rp_filter("lo", RpFilter::Strict),
//!         ipv4::accept_redirects(Every, false),
//!     ])?;
//!     // All of it is as it was when `held` is dropped.
//!     held.keep(); // Or not.
//!     Ok(())
//! }
//! # oxitables::testing::in_namespace(be_a_router);
//! ```
//!
//! The names are those of `ip-sysctl.rst` in the kernel's documentation. Set is what differs, all
//! or none of it, in the network namespace of the calling thread.
//!
//! Linux 2.4 and later; since 4.14 all of these are per namespace. `CAP_NET_ADMIN` in the user
//! namespace that owns the network namespace is needed (`net_ctl_permissions`), and a `/proc/sys`
//! that is not mounted read-only, as containers have it.

use crate::error::{Error, Result};
use nix::errno::Errno;
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const ROOT: &str = "/proc/sys/net";

/// Whose parameter it is.
///
/// How `all` and an interface's own value go together differs from parameter to parameter and is
/// said there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Interface {
    /// `all`.
    All,
    /// `default`: what interfaces begin with that come later. In IPv4, interfaces follow it for
    /// which nobody has set the parameter (`devinet_copy_dflt_conf`).
    Default,
    /// One by name, which may have dots in it.
    Named(String),
    /// `all`, `default` and each interface there is: the same, whatever the kernel makes of `all`.
    /// Without the family nothing is to be set.
    Every,
}

impl From<&str> for Interface {
    fn from(name: &str) -> Self {
        match name {
            "all" => Self::All,
            "default" => Self::Default,
            name => Self::Named(name.to_owned()),
        }
    }
}

/// A value that a parameter is to have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    place: Place,
    value: i32,
    /// Changing it changes these, too.
    drags: &'static [Place],
}

/// Where a parameter is, below [`ROOT`].
#[derive(Clone, Debug, Eq, PartialEq)]
enum Place {
    One(&'static str),
    Of { family: &'static str, interface: Interface, name: &'static str },
}

impl Place {
    /// The files.
    fn paths(&self) -> Result<Vec<PathBuf>> {
        let (family, interface, name) = match self {
            Self::One(path) => return Ok(vec![Path::new(ROOT).join(path)]),
            Self::Of { family, interface, name } => (family, interface, name),
        };
        let conf = Path::new(ROOT).join(family).join("conf");
        let one = |interface: &str| conf.join(interface).join(name);
        match interface {
            Interface::All => Ok(vec![one("all")]),
            Interface::Default => Ok(vec![one("default")]),
            Interface::Named(interface) => {
                // What would lead elsewhere.
                if interface.is_empty() || interface.contains(['/', '\0']) || [".", ".."].contains(&interface.as_str())
                {
                    let what = format!("set {name} of {interface:?}");
                    let cause = "the name of an interface has 1 to 15 bytes, none of them a slash".to_owned();
                    return Err(Error::Request { what, errno: Errno::EINVAL as i32, cause });
                }
                Ok(vec![one(interface)])
            }
            Interface::Every => match fs::read_dir(&conf) {
                Ok(all) => {
                    let mut paths: Vec<PathBuf> = all.filter_map(|entry| Some(entry.ok()?.path().join(name))).collect();
                    paths.sort();
                    Ok(paths)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(refused("list", &conf, &error)),
            },
        }
    }

    /// What there is now.
    fn values(&self) -> Result<Values> {
        let mut values = Values::new();
        for path in self.paths()? {
            match read(&path)? {
                Some(value) => values.push((path, value)),
                // An interface that went in between.
                None if matches!(self, Self::Of { interface: Interface::Every, .. }) => {}
                None => return Err(refused("read", &path, &Errno::ENOENT.into())),
            }
        }
        Ok(values)
    }
}

/// Files, and what they say.
type Values = Vec<(PathBuf, String)>;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(path) => write!(f, "net/{path}"),
            Self::Of { family, interface, name } => {
                let interface = match interface {
                    Interface::All => "all",
                    Interface::Default => "default",
                    Interface::Named(name) => name,
                    Interface::Every => "*",
                };
                write!(f, "net/{family}/conf/{interface}/{name}")
            }
        }
    }
}

/// As sysctl(8) takes it: `net/ipv4/conf/eth0.7/rp_filter = 1`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.place, self.value)
    }
}

impl Setting {
    fn new(place: Place, value: i32) -> Self {
        Self { place, value, drags: &[] }
    }

    fn of(family: &'static str, interface: impl Into<Interface>, name: &'static str, value: i32) -> Self {
        Self::new(Place::Of { family, interface: interface.into(), name }, value)
    }

    /// Whether it is so already.
    ///
    /// # Errors
    /// As of [`set`], as far as reading goes.
    pub fn holds(&self) -> Result<bool> {
        Ok(self.place.values()?.iter().all(|(_, value)| *value == self.value.to_string()))
    }

    /// What is there before it is set: of what it changes besides, and of its own.
    fn before(&self) -> Result<(Values, Values)> {
        let mut dragged = Values::new();
        for place in self.drags {
            dragged.extend(place.values()?);
        }
        Ok((dragged, self.place.values()?))
    }
}

/// How the source of a packet is checked by the routes to it (RFC 3704).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RpFilter {
    /// Not at all.
    Off = 0,
    /// The way back leads by the interface that it came by.
    Strict = 1,
    /// There is a way back.
    Loose = 2,
}

/// Which router advertisements are believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AcceptRa {
    /// None.
    Never = 0,
    /// All, as long as nothing is forwarded.
    UnlessForwarding = 1,
    /// All, also by a router: one that has its own default route from them.
    Always = 2,
}

/// Which routing headers are followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RoutingHeaders {
    /// None.
    None = -1,
    /// Type 2 only, of mobile IPv6.
    MobileIp = 0,
}

/// Parameters of IPv4.
pub mod ipv4 {
    use super::{Interface, Place, RpFilter, Setting};

    const FAMILY: &str = "ipv4";

    /// Whether packets are forwarded.
    ///
    /// Changing it changes `forwarding` of every interface, and `accept_redirects` of `all`
    /// (`inet_forward_change`); these are restored with it.
    pub fn ip_forward(on: bool) -> Setting {
        const DRAGS: &[Place] = &[
            Place::Of { family: FAMILY, interface: Interface::All, name: "accept_redirects" },
            Place::Of { family: FAMILY, interface: Interface::Every, name: "forwarding" },
        ];
        Setting { drags: DRAGS, ..Setting::new(Place::One("ipv4/ip_forward"), on.into()) }
    }

    /// Whether source routes (LSRR, SSRR) are followed; by those interfaces that have it set, if
    /// `all` has.
    pub fn accept_source_route(of: impl Into<Interface>, on: bool) -> Setting {
        Setting::of(FAMILY, of, "accept_source_route", on.into())
    }

    /// Whether ICMP redirects are believed: by a router if the interface and `all` have it set, by
    /// others if either has.
    pub fn accept_redirects(of: impl Into<Interface>, on: bool) -> Setting {
        Setting::of(FAMILY, of, "accept_redirects", on.into())
    }

    /// Whether only those redirects are believed that name a known gateway; if either the interface
    /// or `all` has it set.
    pub fn secure_redirects(of: impl Into<Interface>, on: bool) -> Setting {
        Setting::of(FAMILY, of, "secure_redirects", on.into())
    }

    /// Whether redirects are sent; if either the interface or `all` has it set.
    pub fn send_redirects(of: impl Into<Interface>, on: bool) -> Setting {
        Setting::of(FAMILY, of, "send_redirects", on.into())
    }

    /// How sources are checked; the higher number of the interface's and `all`'s counts.
    /// [`strict_source`](crate::recipes::strict_source) does it for both families.
    pub fn rp_filter(of: impl Into<Interface>, how: RpFilter) -> Setting {
        Setting::of(FAMILY, of, "rp_filter", how as i32)
    }

    /// Whether packets with impossible sources are logged; if either the interface or `all` has it
    /// set.
    pub fn log_martians(of: impl Into<Interface>, on: bool) -> Setting {
        Setting::of(FAMILY, of, "log_martians", on.into())
    }
}

/// Parameters of IPv6. Those of an interface are its own; `all` is for none of them, except for
/// `forwarding`.
pub mod ipv6 {
    use super::{AcceptRa, Interface, Place, RoutingHeaders, Setting};

    const FAMILY: &str = "ipv6";

    /// Whether packets are forwarded: with [`All`](Interface::All), by every interface
    /// (`addrconf_fixup_forwarding`), and all are restored with it. A router believes no router
    /// advertisements unless [`accept_ra`] says so.
    pub fn forwarding(of: impl Into<Interface>, on: bool) -> Setting {
        const DRAGS: &[Place] = &[Place::Of { family: FAMILY, interface: Interface::Every, name: "forwarding" }];
        Setting { drags: DRAGS, ..Setting::of(FAMILY, of, "forwarding", on.into()) }
    }

    /// Which router advertisements are believed.
    pub fn accept_ra(of: impl Into<Interface>, which: AcceptRa) -> Setting {
        Setting::of(FAMILY, of, "accept_ra", which as i32)
    }

    /// Whether ICMPv6 redirects are believed.
    pub fn accept_redirects(of: impl Into<Interface>, on: bool) -> Setting {
        Setting::of(FAMILY, of, "accept_redirects", on.into())
    }

    /// Which routing headers are followed, if the interface and `all` have it so. Type 0 none has
    /// followed since 2.6.21.
    pub fn accept_source_route(of: impl Into<Interface>, which: RoutingHeaders) -> Setting {
        Setting::of(FAMILY, of, "accept_source_route", which as i32)
    }
}

/// Sets parameters in their order, all or none of them, in the network namespace of the calling
/// thread; what is so already stays untouched.
///
/// # Errors
/// [`Error::Request`], with the path: ENOENT there is no such interface (yet), or the kernel lacks
/// the family; EACCES or EPERM `CAP_NET_ADMIN` is missing; EROFS `/proc/sys` is read-only; EMFILE
/// more values are changed than this process may have files open. What was changed before it is as
/// it was.
pub fn set(settings: impl IntoIterator<Item = Setting>) -> Result<Held> {
    let settings: Vec<Setting> = settings.into_iter().collect();
    // One may change others: what there was is read before any is set.
    let before = settings.iter().map(Setting::before).collect::<Result<Vec<_>>>()?;
    // Undone when one fails.
    let mut held = Held { changed: Vec::new() };
    for (setting, (dragged, own)) in settings.iter().zip(before) {
        let value = setting.value.to_string();
        let mut differing = Vec::new();
        for (path, old) in own {
            if read(&path)?.is_some_and(|now| now != value) {
                differing.push((path, old));
            }
        }
        // Restored the other way round: first what changes others, then these.
        if !differing.is_empty() {
            dragged.into_iter().try_for_each(|(path, old)| held.hold(path, old, None))?;
            differing.into_iter().try_for_each(|(path, old)| held.hold(path, old, Some(&value)))?;
        }
    }
    Ok(held)
}

/// The values that [`set`] has changed: dropping it writes back what was there before, the latest
/// first.
///
/// It holds the files, and so writes where it was set, whichever thread drops it. What others have
/// written meanwhile is overwritten. An interface that has gone, or has been renamed, has taken its
/// values along. A process that is killed leaves everything.
#[derive(Debug)]
#[must_use = "what it holds is restored when it is dropped; `keep` leaves it"]
pub struct Held {
    changed: Vec<Changed>,
}

#[derive(Debug)]
struct Changed {
    path: PathBuf,
    file: File,
    old: String,
}

impl Held {
    /// Leaves everything as it is now.
    pub fn keep(mut self) {
        self.changed.clear();
    }

    /// Whether nothing had to be changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// Writes back what was there before, and says what went wrong.
    ///
    /// # Errors
    /// As of [`set`]; the rest is restored all the same.
    pub fn restore(mut self) -> Result<()> {
        self.undo()
    }

    /// Takes what was there before into its care, then writes what is to be.
    fn hold(&mut self, path: PathBuf, old: String, new: Option<&str>) -> Result<()> {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            // Its interface went in between.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file.map_err(|error| refused("change", &path, &error))?,
        };
        self.changed.push(Changed { path, file, old });
        match (new, self.changed.last()) {
            (Some(new), Some(changed)) => changed.write(new),
            _ => Ok(()),
        }
    }

    fn undo(&mut self) -> Result<()> {
        let mut result = Ok(());
        while let Some(value) = self.changed.pop() {
            result = result.and(value.restore());
        }
        result
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::warn!("{error}");
        }
    }
}

impl Changed {
    fn write(&self, value: &str) -> Result<()> {
        match self.file.write_all_at(value.as_bytes(), 0) {
            // Its interface has gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            written => written.map_err(|error| refused(&format!("write {value} to"), &self.path, &error)),
        }
    }

    fn restore(&self) -> Result<()> {
        let mut now = [0; 32];
        match self.file.read_at(&mut now, 0) {
            Ok(length) if now[..length].trim_ascii() == self.old.as_bytes() => Ok(()),
            _ => self.write(&self.old),
        }
    }
}

/// What a file says, if it is there.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused("read", path, &error)),
    }
}

fn refused(doing: &str, path: &Path, error: &io::Error) -> Error {
    let errno = error.raw_os_error().unwrap_or_default();
    let cause = match Errno::from_raw(errno) {
        Errno::ENOENT => "there is no such interface, or the kernel lacks this".into(),
        Errno::EACCES | Errno::EPERM => "CAP_NET_ADMIN is missing in the user namespace of this network".into(),
        Errno::EROFS => "/proc/sys is read-only, as containers have it unless they are privileged".into(),
        Errno::EINVAL => "the kernel does not take this value".into(),
        _ => error.to_string(),
    };
    Error::Request { what: format!("{doing} {}", path.display()), errno, cause }
}
