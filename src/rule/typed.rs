//! Rules as people write them.

use super::{
    action::Action,
    condition::Match,
    forwarding::{Forward, ToQueue},
    nat::{To, Translate},
    recent::RecentOp,
    reject::RejectWith,
    statement::{Holds, Statement},
    verdict::Decision,
};
use crate::{
    compile::lower::{Lowered, Lowering},
    data::{Family, Name, Userdata, Verdict},
    expr::Expr,
    lang::{field::Twin, refused, tree::NatKind},
    wire::Malformed,
};
use std::{fmt, marker::PhantomData, sync::Arc};

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
/// What matches is said with [`when`](Rule::when), what is done with [`then`](Rule::then), in the order in which the
/// kernel goes through them: what stands behind a condition is done for the packets that meet it. A verdict ends the
/// rule, and the type with it:
///
/// ```compile_fail
/// # use oxitables::{Rule, tcp};
/// Rule::new().accept().when(tcp::dport().is(22));
/// ```
///
/// Protocols that a field needs are matched by themselves, as nft does.
pub struct Rule<S = Ended> {
    statements: Vec<Arc<dyn Statement>>,
    comment: Option<String>,
    /// The last statement is how it ends.
    ended: bool,
    /// A condition stands behind a list whose rings are stamped last.
    late: bool,
    state: PhantomData<S>,
}

impl Rule<Open> {
    /// A rule that matches every packet and does nothing.
    pub fn new() -> Self {
        Self { statements: Vec::new(), comment: None, ended: false, late: false, state: PhantomData }
    }

    /// Goes on only for packets that meet a condition.
    pub fn when(mut self, condition: impl Into<Match>) -> Self {
        self.late |= matches!(self.ring(), Ok(Some(_)));
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
        self.late |= matches!(self.ring(), Ok(Some(_)));
        self.statements.push(Arc::new(op));
        self
    }

    fn end(mut self, last: Arc<dyn Statement>) -> Rule<Ended> {
        self.statements.push(last);
        self.ended = true;
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
        self.end(Arc::new(reason.into()))
    }

    /// Lets a program decide about the packet.
    ///
    /// ```
    /// use oxitables::{Rule, tcp};
    /// assert_eq!(Rule::new().when(tcp::dport().is(25)).queue(3).to_string(), "tcp dport 25 queue to 3");
    /// ```
    pub fn queue(self, to: impl Into<ToQueue>) -> Rule<Ended> {
        self.end(Arc::new(to.into()))
    }

    /// Sends the packet out of an interface; for tables of family netdev.
    pub fn fwd(self, to: impl Into<Forward>) -> Rule<Ended> {
        self.end(Arc::new(to.into()))
    }

    fn translate(self, kind: NatKind, to: To) -> Rule<Ended> {
        self.end(Arc::new(Translate { kind, to }))
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
        Self {
            statements: rule.statements,
            comment: rule.comment,
            ended: rule.ended,
            late: rule.late,
            state: PhantomData,
        }
    }
}

impl<S> Rule<S> {
    /// Sets the comment, up to [`Userdata::MAX_COMMENT`] bytes.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }

    fn is_dual(&self) -> bool {
        self.statements.iter().any(|s| s.is_dual())
    }

    /// The families for each of which a rule is made; one that is no family for a rule that speaks of neither.
    fn twins(&self, family: Family) -> Result<&'static [Option<Twin>], Malformed> {
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
        let holds = |twin| !self.statements.iter().any(|s| s.holds(twin) == Holds::Never);
        Ok(match (v4 && holds(Twin::V4), v6 && holds(Twin::V6)) {
            (true, true) => &[Some(Twin::V4), Some(Twin::V6)],
            (true, false) => &[Some(Twin::V4)],
            (false, true) => &[Some(Twin::V6)],
            (false, false) => {
                return refused(format!("a rule that no packet of a table of family {family} can match"));
            }
        })
    }

    /// The registers of the rule in a table of `family`: one rule, or one for each IP family.
    pub(crate) fn lower(&self, family: Family) -> Result<Vec<Lowered>, Malformed> {
        let userdata = self.comment.as_ref().map(|comment| {
            let mut userdata = Userdata::default();
            userdata.set_text(0, comment);
            userdata
        });
        let ring = self.ring()?;
        let one = |twin| {
            let mut cx = self.walk(family, twin, |_, step| step)?;
            let mut chains = Vec::new();
            if let (Some(op), Some(twin)) = (ring, twin) {
                let verdict = if self.ended { cx.pop_act() } else { Vec::new() };
                if verdict.iter().any(|expr| matches!(expr, Expr::Lookup(e) if e.set_id.is_some())) {
                    // It would be used by every rule of the chain, and such a set belongs to one rule.
                    return refused(
                        "a recent list that counts hits is stamped before a map made for one rule: name the map",
                    );
                }
                chains = op.chains(twin, &verdict, &self.label(Some(twin)))?;
                cx.push_act([op.way(&chains, self.ended)]);
            }
            Ok(Lowered { chains, ..cx.finish(userdata.clone()) })
        };
        self.twins(family)?.iter().copied().map(one).collect()
    }

    /// The recent list whose rings the rule stamps, for which it goes through chains of their own.
    fn ring(&self) -> Result<Option<&RecentOp>, Malformed> {
        match self.statements.iter().find_map(|s| s.as_recent().filter(|op| op.stamps_rings())) {
            Some(_) if self.late => refused("a recent list that counts hits is stamped last: no condition behind it"),
            op => Ok(op),
        }
    }

    /// Lowers the statements one by one; `each` sees them with how that went.
    ///
    /// One of two rules has to say of which family it is before anything is done for a packet, and where a statement
    /// is left out that is true of the whole family: `each` then sees none.
    fn walk(
        &self,
        family: Family,
        twin: Option<Twin>,
        mut each: impl FnMut(Option<&dyn Statement>, Result<(), Malformed>) -> Result<(), Malformed>,
    ) -> Result<Lowering, Malformed> {
        let mut cx = Lowering::new(family, twin);
        for statement in &self.statements {
            let mut needed = true;
            if let Some(twin) = twin {
                needed = statement.holds(twin) != Holds::Always;
                // What is dual itself names the family by the address that it reads.
                if cx.net().is_none() && (!needed || statement.acts() && !statement.is_dual()) {
                    let step = cx.need_family(twin);
                    each(None, step)?;
                }
            }
            if needed {
                let step = statement.lower(&mut cx);
                each(Some(&**statement), step)?;
            }
        }
        Ok(cx)
    }

    /// How it ends, as part of a name.
    fn label(&self, twin: Option<Twin>) -> String {
        match self.statements.last() {
            // What the name of a chain may have stays, lest different verdicts get the same name.
            Some(last) if self.ended => {
                last.text(twin).replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.', "_")
            }
            _ => "continue".into(),
        }
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
        let twins = self.twins(family).unwrap_or_default();
        twins.iter().map(|twin| self.twin_text(family, *twin)).collect()
    }

    fn twin_text(&self, family: Family, twin: Option<Twin>) -> String {
        let mut parts = Vec::new();
        // What cannot be lowered is printed all the same.
        let _ = self.walk(family, twin, |statement, _| {
            parts.push(match (statement, family, twin) {
                (Some(statement), ..) => statement.text(twin),
                (None, Family::Inet, Some(Twin::V4)) => "meta nfproto ipv4".into(),
                (None, Family::Inet, _) => "meta nfproto ipv6".into(),
                (None, _, Some(Twin::V4)) => "meta protocol ip".into(),
                (None, ..) => "meta protocol ip6".into(),
            });
            Ok(())
        });
        if let (Ok(Some(op)), Some(twin)) = (self.ring(), twin) {
            let chains = op.chains(twin, &[], &self.label(Some(twin))).unwrap_or_default();
            if self.ended {
                parts.pop();
            }
            let verb = if self.ended { "goto" } else { "jump" };
            parts.extend(chains.last().map(|chain| format!("{verb} {}", chain.name)));
        }
        if let Some(comment) = &self.comment {
            // nft has no way to write a quote inside a comment.
            parts.push(format!("comment \"{}\"", comment.replace('"', "'")));
        }
        parts.join(" ")
    }
}

impl<S> Clone for Rule<S> {
    fn clone(&self) -> Self {
        Self {
            statements: self.statements.clone(),
            comment: self.comment.clone(),
            ended: self.ended,
            late: self.late,
            state: PhantomData,
        }
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
