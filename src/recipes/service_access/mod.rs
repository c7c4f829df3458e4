//! Who may use which service.

mod hours;
mod touch;

pub use hours::{BadHours, Hours};
pub use touch::{Touch, Touches};

use super::{Recipe, fill};
use crate::{
    data::{Uid, Weekday},
    *,
};
use ipnetwork::IpNetwork;

/// Who may use a service of this host, and whose programs may use it elsewhere.
#[derive(Clone, Debug)]
pub struct Service {
    name: String,
    tcp: Option<Vec<u16>>,
    udp: Option<Vec<u16>>,
    allowed: Vec<IpNetwork>,
    denied: Vec<IpNetwork>,
    others: bool,
    users: Option<Vec<Uid>>,
    hours: Option<Hours>,
    days: Option<Vec<Weekday>>,
}

impl Service {
    fn new(name: &str) -> Self {
        let none = Vec::new;
        let (tcp, udp, users, hours, days) = (None, None, None, None, None);
        Self { name: name.into(), tcp, udp, allowed: none(), denied: none(), others: true, users, hours, days }
    }

    /// The service at these TCP ports. Its name begins the names of its chains and the lines of its
    /// log: a letter, and more letters, digits, `_` and `-`.
    pub fn tcp(name: &str, ports: impl IntoIterator<Item = u16>) -> Self {
        Self { tcp: Some(ports.into_iter().collect()), ..Self::new(name) }
    }

    /// The service at these UDP ports.
    pub fn udp(name: &str, ports: impl IntoIterator<Item = u16>) -> Self {
        Self { udp: Some(ports.into_iter().collect()), ..Self::new(name) }
    }

    /// With these UDP ports besides.
    pub fn with_udp(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.udp.get_or_insert_default().extend(ports);
        self
    }

    /// With networks that may use it at its hours, whatever else is said: a line of hosts.allow.
    pub fn with_allowed(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        self.allowed.extend(networks);
        self
    }

    /// With networks that may not: a line of hosts.deny.
    pub fn with_denied(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        self.denied.extend(networks);
        self
    }

    /// With nobody else who may: `ALL` in hosts.deny. Of this host neither, unless 127.0.0.0/8 and ::1
    /// are allowed.
    pub fn with_others_denied(mut self) -> Self {
        self.others = false;
        self
    }

    /// With hours at which it may be used, by those who may.
    pub fn with_hours(mut self, hours: Hours) -> Self {
        self.hours = Some(hours);
        self
    }

    /// With days on which it may be used; they begin at midnight UTC.
    pub fn with_days(mut self, days: impl IntoIterator<Item = Weekday>) -> Self {
        self.days.get_or_insert_default().extend(days);
        self
    }

    /// With users whose programs may use it, here or anywhere, and no other's: the owner of the
    /// socket that connects is asked, when it does. (To a packet filter there are no other users:
    /// tcpd asked the client's host, which could lie.)
    pub fn with_users(mut self, users: impl IntoIterator<Item = Uid>) -> Self {
        self.users.get_or_insert_default().extend(users);
        self
    }

    fn chain(&self, way: &str) -> String {
        format!("{}_{way}", self.name)
    }

    /// A rule for each transport protocol that it has.
    fn at_its_ports(&self, chain: &str) -> Vec<Rule> {
        let tcp = self.tcp.iter().map(|ports| tcp::dport().is_any(ports.iter().copied()));
        let udp = self.udp.iter().map(|ports| udp::dport().is_any(ports.iter().copied()));
        tcp.chain(udp).map(|ports| Rule::new().when(ports).jump(chain)).collect()
    }

    /// Who comes in: the first rule that says something decides.
    fn incoming(&self) -> Vec<Rule> {
        let refused = self.chain("refused");
        let mut rules: Vec<Rule> = Vec::new();
        if let Some(days) = &self.days {
            rules.push(Rule::new().when(meta::day().is_none_of(days.iter().copied())).goto(refused.clone()));
        }
        if let Some(hours) = self.hours {
            rules.extend(hours.are_over().into_iter().map(|over| over.goto(refused.clone())));
        }
        if !self.allowed.is_empty() {
            rules.push(Rule::new().when(addr::saddr().is_any(widest(&self.allowed))).accept());
        }
        if !self.denied.is_empty() {
            rules.push(Rule::new().when(addr::saddr().is_any(widest(&self.denied))).goto(refused.clone()));
        }
        if !self.others {
            rules.push(Rule::new().goto(refused));
        }
        rules
    }
}

/// Without those that are in others of them.
fn widest(networks: &[IpNetwork]) -> Vec<IpNetwork> {
    let mut widest: Vec<IpNetwork> = Vec::new();
    let mut all = networks.to_vec();
    all.sort_by_key(IpNetwork::prefix);
    for network in all {
        if !widest.iter().any(|wide| wide.contains(network.ip())) {
            widest.push(network);
        }
    }
    widest
}

/// Who may use which service, as [`service_access`] makes it.
#[derive(Clone, Debug)]
pub struct ServiceAccess {
    services: Vec<Service>,
    log: Option<LogLevel>,
    group: Option<u16>,
}

/// Who may use which service, and when. For each, the first that says something decides: hours and
/// days, the allowed networks, the denied ones. Who is named nowhere may, as tcpd has it. It is
/// asked when a connection begins; and of one that nobody tracked so far, in its midst.
///
/// ```
/// use oxitables::{Client, LogLevel, data::Uid, recipes::{Recipe, Service, Touches, service_access}};
/// use std::{ops::ControlFlow, time::Duration};
///
/// fn protect() -> Result<(), Box<dyn std::error::Error>> {
///     let ssh = Service::tcp("sshd", [22])
///         .with_allowed(["192.0.2.0/24".parse()?, "2001:db8:7::/48".parse()?])
///         .with_hours("06:00-20:00".parse()?)
///         .with_others_denied();
///     let mail = Service::tcp("smtp", [25]).with_denied(["198.51.100.0/24".parse()?]).with_users([Uid::named("root")?]);
///     let access = service_access([ssh, mail]).with_log(LogLevel::Warning).with_group(7);
///     Client::open()?.apply(&access.batch())?;
///     Touches::bind(7)?.each(Duration::ZERO, |touch| {
///         println!("{} touched {}", touch.flow.saddr, touch.service);
///         ControlFlow::Continue(())
///     })?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// # The article
///
/// tcpd and its files hosts.allow and hosts.deny:
/// `sshd: 192.0.2.0/255.255.255.0: severity auth.warn: spawn …`. Better here: any program, whether
/// it knows of tcpd or not, and UDP; refused before the program hears of it; no name that an
/// attacker gives, and no shell: what `spawn` did is a closure. Different: networks and no host
/// names; refused is silence, for local users a closed port.
///
/// # Kernel
///
/// Since 5.4 with hours or days, else 3.18; conntrack; `nf_log_syslog` for the log (in network
/// namespaces of containers only with the sysctl `net.netfilter.nf_log_all_netns`), `nfnetlink_log`
/// for touches.
pub fn service_access(services: impl IntoIterator<Item = Service>) -> ServiceAccess {
    let access = ServiceAccess { services: Vec::new(), log: None, group: None };
    services.into_iter().fold(access, ServiceAccess::with_service)
}

impl ServiceAccess {
    /// With one more service; it takes the place of one of the same name.
    pub fn with_service(mut self, service: Service) -> Self {
        self.services.retain(|other| other.name != service.name);
        self.services.push(service);
        self
    }

    /// With a log line for who is refused, ten a minute for each service.
    pub fn with_log(mut self, severity: LogLevel) -> Self {
        self.log = Some(severity);
        self
    }

    /// With [`Touches`] that are told by this log group (NFLOG).
    pub fn with_group(mut self, group: u16) -> Self {
        self.group = Some(group);
        self
    }

    /// What comes in.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER)
    }

    /// What programs of this host send.
    pub fn output(&self) -> Chain {
        self.table().chain("output").with_hook(Hook::Output, Priority::FILTER)
    }

    /// Where it is decided who may use a service: the place for rules of your own.
    pub fn incoming(&self, service: &str) -> Chain {
        self.table().chain(Service::new(service).chain("in"))
    }

    /// Where those end who may not.
    pub fn refused(&self, service: &str) -> Chain {
        self.table().chain(Service::new(service).chain("refused"))
    }

    /// Says of a packet that it is refused.
    fn told(&self, service: &Service) -> Vec<Rule> {
        let line = |level| log().with_prefix(format!("{} refused: ", service.name)).with_level(level);
        let slowly = || limit(10).per_minute().burst(10);
        let severe = self.log.map(|level| Rule::new().when(slowly()).then(line(level)));
        let group = self.group.map(|group| Rule::new().then(log().with_prefix(service.name.as_str()).to_group(group)));
        severe.into_iter().chain(group).map(Rule::from).collect()
    }
}

/// What nft reads as a name of a chain, too.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Connections that were allowed are not asked again.
fn known() -> Rule {
    Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept()
}

impl Recipe for ServiceAccess {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "service_access")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let (mut input, mut output) = (vec![known()], vec![known()]);
        for service in &self.services {
            if !is_name(&service.name) {
                batch.invalid(format!("service {:?}: a letter, and more letters, digits, _ and -", service.name));
            }
            let mut refused = self.told(service);
            refused.push(Rule::new().then(counter()).drop());
            fill(batch, &self.refused(&service.name), refused);
            fill(batch, &self.incoming(&service.name), service.incoming());
            input.extend(service.at_its_ports(&service.chain("in")));
            let Some(users) = &service.users else { continue };
            let chain = self.table().chain(service.chain("users"));
            // What the kernel answers by itself: nobody outside is to make this host look like a
            // user.
            let reset = Rule::new().when(tcp::flags().any(TcpFlags::RST)).comment("of nobody").return_();
            let mut rules: Vec<Rule> = vec![reset];
            if !users.is_empty() {
                rules.push(Rule::new().when(meta::skuid().is_any(users.iter().copied())).return_());
            }
            rules.extend(self.told(service));
            // An ICMP error would come while the program still connects, and be ignored.
            let tcp = Rule::new().when(meta::l4proto().is(Protocol::TCP));
            rules.push(tcp.then(counter()).reject_with(RejectWith::TcpReset));
            rules.push(Rule::new().then(counter()).reject());
            fill(batch, &chain, rules);
            output.extend(service.at_its_ports(&service.chain("users")));
        }
        fill(batch, &self.input(), input);
        fill(batch, &self.output(), output);
    }
}
