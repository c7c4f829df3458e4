//! Rules as people write them: fields, conditions, actions, verdicts, typed sets.
//!
//! All of it is *lowered* onto the registers of the kernel's machine when it is put into a batch:
//! implied protocol matches, byte order, masks and the choice of registers are this layer's
//! business, and come out as nft would make them.

mod action;
mod assign;
mod condition;
mod forwarding;
mod hash;
mod item;
mod lookup;
mod marks;
mod nat;
mod object;
mod recent;
mod reject;
mod select;
pub mod selectors;
mod statement;
#[cfg(test)]
mod tests;
mod verdict;

pub use crate::lang::selector::{Reset, Selector, Settable, Target};
pub use action::{Action, Update, counter, log, notrack};
pub use assign::Source;
pub use condition::Match;
pub use forwarding::{Duplicate, Forward, Hop, ToQueue, dup, flow_add, queue, synproxy, tproxy};
pub use hash::{Generator, Hashed, jhash, numgen, symhash};
pub use item::ChainRule;
pub use nat::To;
pub use object::{
    Objects, counter_from, counter_named, expectation_from, expectation_named, helper_from, helper_named, limit_from,
    limit_named, quota_from, quota_named, secmark_from, secmark_named, synproxy_from, synproxy_named, timeout_from,
    timeout_named,
};
pub use recent::{Recent, RecentOp, Side};
pub use reject::RejectWith;
pub use select::{Keyed, Mapped, One};
pub use verdict::Decision;

use crate::{
    compile::{
        self, NoSets,
        lower::{Lowered, Lowering, OwnChain},
    },
    data::{EtherType, Family, Name, NfProto, Register, Typed as _, Userdata, Verdict},
    expr::{Expr, Immediate},
    lang::{
        field::{Field, IpVersion},
        fields::meta,
        refused,
        tree::{Expression, NatKind, Op, Statement},
    },
    print,
    wire::Malformed,
};
use statement::{Detour, DetourChain, Holds, Piece, Role, Typed};
use std::{fmt, marker::PhantomData};

/// State of a [`Rule`] that can still grow.
#[derive(Clone, Copy, Debug)]
pub enum Open {}

/// State of a [`Rule`] that has its verdict.
#[derive(Clone, Copy, Debug)]
pub enum Ended {}

/// A rule: conditions, actions, and how it ends.
///
/// ```
/// use oxitables::{Family, Mark, Rule, SetRef, ct, ip, tcp, data::CtState};
/// use std::net::Ipv4Addr;
///
/// let admins = SetRef::<Ipv4Addr>::new(Family::Inet, "host", "admins");
/// let rule = Rule::new()
///     .when(ct::state().any(CtState::NEW))
///     .when(tcp::dport().is(22))
///     .when(ip::saddr().is_in(&admins))
///     .then(ct::mark().set(Mark::from(0x10)))
///     .comment("admin ssh")
///     .accept();
/// assert_eq!(
///     rule.to_string(),
///     "ct state new tcp dport 22 ip saddr @admins ct mark set 0x00000010 accept comment \"admin ssh\"",
/// );
/// ```
///
/// What matches is said with [`when`](Rule::when), what is done with [`then`](Rule::then), in the
/// order in which the kernel goes through them: what stands behind a condition is done for the
/// packets that meet it. A verdict ends the rule, and the type with it:
///
/// ```compile_fail
/// # use oxitables::{Rule, tcp};
/// Rule::new().accept().when(tcp::dport().is(22));
/// ```
///
/// Protocols that a field needs are matched by themselves, as nft does.
pub struct Rule<S = Ended> {
    statements: Vec<Typed>,
    comment: Option<String>,
    state: PhantomData<S>,
}

impl Rule<Open> {
    /// A rule that matches every packet and does nothing.
    pub fn new() -> Self {
        Self { statements: Vec::new(), comment: None, state: PhantomData }
    }

    /// Goes on only for packets that meet a condition.
    pub fn when(mut self, condition: impl Into<Match>) -> Self {
        self.statements.push(condition.into().0);
        self
    }

    /// Does something and goes on.
    pub fn then(mut self, action: impl Into<Action>) -> Self {
        self.statements.push(action.into().0);
        self
    }

    /// Asks or changes a recent list; says which packets go on, as iptables' match does.
    pub fn recent(mut self, op: RecentOp) -> Self {
        self.statements.extend(op.statements());
        self
    }

    fn end(mut self, last: Typed) -> Rule<Ended> {
        self.statements.push(last);
        self.into()
    }

    /// Ends with a verdict, or with the one that a map has for the packet.
    pub fn verdict(self, decision: impl Into<Decision>) -> Rule<Ended> {
        self.end(decision.into().0)
    }

    /// Lets the packet pass this base chain.
    pub fn accept(self) -> Rule<Ended> {
        self.verdict(Verdict::accept())
    }

    /// Drops the packet.
    pub fn drop(self) -> Rule<Ended> {
        self.verdict(Verdict::drop())
    }

    /// Goes on with the next rule.
    pub fn continue_(self) -> Rule<Ended> {
        self.verdict(Verdict::continue_())
    }

    /// Goes back to the calling chain.
    pub fn return_(self) -> Rule<Ended> {
        self.verdict(Verdict::return_())
    }

    /// Goes into a chain, and comes back after it.
    pub fn jump(self, chain: impl Into<Name>) -> Rule<Ended> {
        self.verdict(Verdict::jump(chain))
    }

    /// Goes into a chain, and does not come back.
    pub fn goto(self, chain: impl Into<Name>) -> Rule<Ended> {
        self.verdict(Verdict::goto(chain))
    }

    /// Drops the packet and tells its sender that nothing listens on the port.
    pub fn reject(self) -> Rule<Ended> {
        self.reject_with(RejectWith::PortUnreachable)
    }

    /// Drops the packet and tells its sender why.
    pub fn reject_with(self, reason: impl Into<RejectWith>) -> Rule<Ended> {
        self.end(Typed::plain(Role::Verdict, false, reason.into().into()))
    }

    /// Lets a program decide about the packet.
    ///
    /// ```
    /// use oxitables::{Rule, tcp};
    /// assert_eq!(Rule::new().when(tcp::dport().is(25)).queue(3).to_string(), "tcp dport 25 queue to 3");
    /// ```
    pub fn queue(self, to: impl Into<ToQueue>) -> Rule<Ended> {
        self.end(to.into().typed())
    }

    /// Sends the packet out of an interface; for tables of family netdev.
    pub fn fwd(self, to: impl Into<Forward>) -> Rule<Ended> {
        self.end(to.into().typed())
    }

    fn translate(self, kind: NatKind, to: To) -> Rule<Ended> {
        self.end(to.translate(kind))
    }

    /// Translates the source of the connection.
    pub fn snat(self, to: impl Into<To>) -> Rule<Ended> {
        self.translate(NatKind::Snat, to.into())
    }

    /// Translates the destination of the connection.
    pub fn dnat(self, to: impl Into<To>) -> Rule<Ended> {
        self.translate(NatKind::Dnat, to.into())
    }

    /// Translates the source to the address of the outgoing interface.
    pub fn masquerade(self) -> Rule<Ended> {
        self.translate(NatKind::Masquerade, To::same())
    }

    /// The same with a choice of ports.
    pub fn masquerade_to(self, to: impl Into<To>) -> Rule<Ended> {
        self.translate(NatKind::Masquerade, to.into())
    }

    /// Translates the destination to this host.
    pub fn redirect(self) -> Rule<Ended> {
        self.translate(NatKind::Redirect, To::same())
    }

    /// Translates the destination to a port of this host.
    pub fn redirect_to(self, to: impl Into<To>) -> Rule<Ended> {
        self.translate(NatKind::Redirect, to.into())
    }
}

impl Default for Rule<Open> {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Rule<Open>> for Rule<Ended> {
    fn from(rule: Rule<Open>) -> Self {
        Self { statements: rule.statements, comment: rule.comment, state: PhantomData }
    }
}

impl<S> Rule<S> {
    /// Sets the comment, up to [`Userdata::MAX_COMMENT`] bytes.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }

    fn is_dual(&self) -> bool {
        self.statements.iter().any(|s| s.pieces.is_dual())
    }

    /// The families for each of which a rule is made; one that is no family for a rule that speaks
    /// of neither.
    fn versions(&self, family: Family) -> Result<&'static [Option<IpVersion>], Malformed> {
        if !self.is_dual() {
            return Ok(&[None]);
        }
        let (v4, v6) = match family {
            Family::Ip => (true, false),
            Family::Ip6 => (false, true),
            Family::Inet | Family::Bridge | Family::Netdev => (true, true),
            Family::Arp | Family::Unknown(_) => {
                return refused(format!("IP addresses in a table of family {family}"));
            }
        };
        let holds = |version| !self.statements.iter().any(|s| s.pieces.get(Some(version)).holds == Holds::Never);
        Ok(match (v4 && holds(IpVersion::V4), v6 && holds(IpVersion::V6)) {
            (true, true) => &[Some(IpVersion::V4), Some(IpVersion::V6)],
            (true, false) => &[Some(IpVersion::V4)],
            (false, true) => &[Some(IpVersion::V6)],
            (false, false) => {
                return refused(format!("a rule that no packet of a table of family {family} can match"));
            }
        })
    }

    /// The registers of the rule in a table of `family`: one rule, or one for each IP version.
    pub(crate) fn lower(&self, family: Family) -> Result<Vec<Lowered>, Malformed> {
        let userdata = self.comment.as_ref().map(|comment| {
            let mut userdata = Userdata::default();
            userdata.set_text(0, comment);
            userdata
        });
        let detour = self.detour()?;
        let one = |version| {
            let mut cx = Lowering::new(family);
            self.walk(family, version, &mut cx, |_, step| step)?;
            let mut chains = Vec::new();
            if let (Some(detour), Some(version)) = (detour, version) {
                let verdict = if self.ending().is_some() { cx.pop_act() } else { Vec::new() };
                let way = detour.chains(version, &self.label(version));
                chains = own_chains(family, version, way, verdict)?;
                cx.push_act(chains.last().map(|chain| go(self.way(&chain.name))));
            }
            Ok(Lowered { chains, ..cx.finish(userdata.clone()) })
        };
        self.versions(family)?.iter().copied().map(one).collect()
    }

    /// What it ends with.
    fn ending(&self) -> Option<&Typed> {
        self.statements.last().filter(|last| last.role == Role::Verdict)
    }

    /// The chains that a statement has it go through.
    fn detour(&self) -> Result<Option<&dyn Detour>, Malformed> {
        let mut rest = self.statements.iter();
        let detour = rest.find_map(|statement| statement.detour.as_deref());
        if detour.is_some() && rest.any(|later| later.role == Role::Condition) {
            return refused("a recent list that counts hits is stamped last: no condition behind it");
        }
        Ok(detour)
    }

    /// How it goes into chains of its own: for good if they do what it ended with, else to come
    /// back.
    fn way(&self, chain: &Name) -> Verdict {
        if self.ending().is_some() { Verdict::goto(chain) } else { Verdict::jump(chain) }
    }

    /// Compiles the statements one by one; `each` sees them with how that went.
    ///
    /// One of two rules has to say of which IP version it is before anything is done for a packet,
    /// and where a statement is left out that is true of the whole version.
    fn walk(
        &self,
        family: Family,
        version: Option<IpVersion>,
        cx: &mut Lowering,
        mut each: impl FnMut(&Statement, Result<(), Malformed>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for typed in &self.statements {
            let piece = typed.pieces.get(version);
            let needed = version.is_none() || piece.holds != Holds::Always;
            if let Some(version) = version
                && cx.net().is_none()
                && (!needed || typed.acts && !typed.pieces.is_dual())
            {
                let is = version_match(family, version);
                each(&is, compile::statement(cx, &NoSets, &is))?;
            }
            if needed {
                each(&piece.tree, piece.compile(cx))?;
            }
        }
        Ok(())
    }

    /// How it ends, as part of a name.
    fn label(&self, version: IpVersion) -> String {
        let Some(last) = self.ending() else { return "continue".into() };
        // What the name of a chain may have stays, lest different verdicts get the same name.
        let text = print::statement(None, &last.pieces.get(Some(version)).tree);
        text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.', "_")
    }

    /// The rule in nft's syntax in a table of `family`: one text for each rule that it becomes.
    ///
    /// ```
    /// use oxitables::{Family, Rule, addr, tcp};
    /// let local = Rule::new().when(addr::saddr().is_not(std::net::Ipv4Addr::LOCALHOST)).drop();
    /// assert_eq!(local.text(Family::Inet), ["ip saddr != 127.0.0.1 drop", "meta nfproto ipv6 drop"]);
    /// assert_eq!(local.text(Family::Ip), ["ip saddr != 127.0.0.1 drop"]);
    /// ```
    ///
    /// Of a rule that has no meaning in the family there is none.
    pub fn text(&self, family: Family) -> Vec<String> {
        let versions = self.versions(family).unwrap_or_default();
        versions.iter().map(|version| self.one_text(family, *version)).collect()
    }

    fn one_text(&self, family: Family, version: Option<IpVersion>) -> String {
        let mut parts = Vec::new();
        // What cannot be compiled is printed all the same.
        let _ = self.walk(family, version, &mut Lowering::new(family), |statement, _| {
            parts.push(print::statement(Some(family), statement));
            Ok(())
        });
        if let (Ok(Some(detour)), Some(version)) = (self.detour(), version) {
            if self.ending().is_some() {
                parts.pop();
            }
            let last = detour.chains(version, &self.label(version)).pop();
            let way = last.map(|chain| Statement::Verdict(Expression::Verdict(self.way(&chain.name))));
            parts.extend(way.map(|way| print::statement(Some(family), &way)));
        }
        parts.extend(self.comment.as_ref().map(|comment| print::comment(comment)));
        parts.join(" ")
    }
}

impl Piece<Statement> {
    fn compile(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        match &self.wrong {
            Some(why) => Err(why.clone()),
            None => compile::statement(cx, &self.sets, &self.tree),
        }
    }
}

/// The match of an IP version.
fn version_match(family: Family, version: IpVersion) -> Statement {
    let (row, right) = match family {
        Family::Inet => (&meta::rows::nfproto, Expression::constant(NfProto::FIELD, &[version.number() as u8])),
        _ => (&meta::rows::protocol, Expression::constant(EtherType::FIELD, &version.ethertype().to_be_bytes())),
    };
    Statement::Match { op: Op::Implicit, left: Expression::Field(Field::new(row)), right }
}

fn go(verdict: Verdict) -> Expr {
    Immediate::new(Register::VERDICT, verdict).into()
}

/// The chains of a detour, the last of which is the one to begin with; the first ends with a
/// verdict, or comes back.
fn own_chains(
    family: Family,
    _version: IpVersion,
    way: Vec<DetourChain>,
    verdict: Vec<Expr>,
) -> Result<Vec<OwnChain>, Malformed> {
    if verdict.iter().any(|expr| matches!(expr, Expr::Lookup(e) if e.set_id.is_some())) {
        // It would be used by every rule of the chain, and such a set belongs to one rule.
        return refused("a recent list that counts hits is stamped before a map made for one rule: name the map");
    }
    let mut then = if verdict.is_empty() { vec![go(Verdict::return_())] } else { verdict };
    let mut chains = Vec::with_capacity(way.len());
    for DetourChain { name, rules } in way {
        let rules = rules.iter().map(|pieces| {
            let mut cx = Lowering::new(family);
            pieces.iter().try_for_each(|piece| piece.compile(&mut cx))?;
            cx.push_act(then.clone());
            Ok(cx.finish(None).exprs)
        });
        let rules = rules.collect::<Result<_, Malformed>>()?;
        then = vec![go(Verdict::goto(&name))];
        chains.push(OwnChain { name, rules });
    }
    Ok(chains)
}

impl<S> Clone for Rule<S> {
    fn clone(&self) -> Self {
        Self { statements: self.statements.clone(), comment: self.comment.clone(), state: PhantomData }
    }
}

impl<S> fmt::Debug for Rule<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("statements", &self.statements).field("comment", &self.comment).finish()
    }
}

/// nft's syntax; a rule for both families as the two that it becomes in an inet table, a line each.
impl<S> fmt::Display for Rule<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Family::Inet).join("\n"))
    }
}
