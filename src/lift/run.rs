//! Running through a rule: what each expression leaves in registers, and the statements that come
//! of it.

use super::{
    Sets,
    layers::Layers,
    node::{Held, Node, Packet, Registers, SetRef},
};
use crate::{
    data::{Data, Family, Name, Register},
    expr::{Bitwise, BitwiseOp, Expr, ExthdrOp, HashType, Inner, NumgenType, OsfFlags, OsfTtl, PayloadBase},
    lang::header::Layer,
    lang::{
        find,
        header::Tunnel,
        tree::{BinaryOp, Expression, Statement},
    },
};

/// A statement, and where it comes from.
#[derive(Debug)]
pub(super) struct Line {
    pub statement: Statement,
    /// The expressions that it is made of, by their places in the rule.
    pub made_by: Vec<usize>,
    /// The line that says the same and more, so that this one is left out.
    pub implied_by: Option<usize>,
}

impl Line {
    /// The first and the last expression that it is made of.
    fn span(&self) -> (usize, usize) {
        let at = || self.made_by.iter().copied();
        (at().min().unwrap_or_default(), at().max().unwrap_or_default())
    }
}

/// A rule on its way from registers.
#[derive(Debug)]
pub(super) struct Lifter<'a> {
    pub family: Family,
    pub table: &'a Name,
    pub sets: &'a Sets<'a>,
    registers: Registers<'a>,
    /// Of the packet, and of the packet in its tunnel.
    pub layers: [Layers; 2],
    pub lines: Vec<Line>,
    /// The last line, if it is a comparison with a bound that can become a range, and that bound.
    pub bound: Option<usize>,
    /// The place of the expression at hand.
    pub at: usize,
}

impl<'a> Lifter<'a> {
    pub fn new(family: Family, table: &'a Name, sets: &'a Sets<'a>) -> Self {
        Self {
            family,
            table,
            sets,
            registers: Registers::default(),
            layers: [Layers::new(family), Layers::inner()],
            lines: Vec::new(),
            bound: None,
            at: 0,
        }
    }

    /// The statements of a rule.
    pub fn run(mut self, exprs: &[Expr]) -> Vec<Statement> {
        let mut failed = Vec::new();
        for (at, expr) in exprs.iter().enumerate() {
            self.at = at;
            let next = self.lines.len();
            // What is not known of an expression may change what it says.
            if expr.has_unknown() || self.expr(expr).is_none() {
                self.lines.truncate(next);
                self.restore(next);
                let from = self.needs(expr).into_iter().min().unwrap_or(at);
                failed.push((from, at));
                self.bound = None;
                self.layers.iter_mut().for_each(Layers::forget);
                if writes(expr) {
                    self.registers.clear();
                }
            }
        }
        finish(self.lines, failed, exprs)
    }

    /// Puts back lines that were left out for one that is none.
    pub fn restore(&mut self, from: usize) {
        for line in &mut self.lines {
            line.implied_by = line.implied_by.filter(|by| *by < from);
        }
    }

    /// The expressions that made what an expression reads.
    fn needs(&self, expr: &Expr) -> Vec<usize> {
        let read = reads(expr).into_iter().filter_map(|register| self.registers.get(register));
        read.flat_map(|held| held.made_by.iter().copied()).collect()
    }

    /// The set of a name.
    pub fn set(&self, name: &Name) -> Option<SetRef<'a>> {
        let (set, elements) = self.sets.find(self.family, self.table, name)?;
        Some(SetRef { set, elements })
    }

    /// So many bytes of a register.
    pub fn read(&self, register: Register, len: usize) -> Option<Held<'a>> {
        self.registers.take(register, u32::try_from(len).ok()?)
    }

    /// What is in a register, however long.
    pub fn whole(&self, register: Register) -> Option<Held<'a>> {
        self.registers.get(register).cloned()
    }

    fn load(&mut self, register: Register, node: Node<'a>) -> Option<()> {
        self.store(register, node, Vec::new())
    }

    /// Loads a register with what came of others.
    pub fn store(&mut self, register: Register, node: Node<'a>, mut made_by: Vec<usize>) -> Option<()> {
        made_by.push(self.at);
        self.registers.set(register, Held { node, made_by })
    }

    /// Adds a statement made of this expression and of those.
    pub fn push(&mut self, statement: Statement, made_by: &[usize]) {
        let made_by = made_by.iter().copied().chain([self.at]).collect();
        self.lines.push(Line { statement, made_by, implied_by: None });
    }

    /// Adds a statement that acts: what was matched before it cannot be left out any more.
    pub fn act(&mut self, statement: Statement, made_by: &[usize]) -> Option<()> {
        self.push(statement, made_by);
        self.layers.iter_mut().for_each(Layers::forget);
        self.bound = None;
        Some(())
    }

    /// Leaves out a line that the next one implies.
    pub fn leave_out(&mut self, line: Option<usize>) {
        let by = self.lines.len();
        if let Some(line) = line.and_then(|line| self.lines.get_mut(line)) {
            line.implied_by = Some(by);
        }
        if line.is_some() && line == self.bound {
            self.bound = None;
        }
    }

    fn expr(&mut self, expr: &Expr) -> Option<()> {
        match expr {
            Expr::Payload(e) if e.sreg.is_some() => self.payload_store(e),
            Expr::Payload(e) => self.load(e.dreg?, Node::Packet(packet(e, None)?)),
            Expr::Inner(e) => self.inner(e),
            Expr::Meta(e) if e.sreg.is_some() => self.meta_store(e),
            Expr::Meta(e) => self.load(e.dreg?, Node::Field(find::meta(e.key, None)?)),
            Expr::Ct(e) if e.sreg.is_some() => self.ct_store(e),
            Expr::Ct(e) => self.load(e.dreg?, Node::Field(find::ct(e.key, e.direction)?)),
            Expr::Exthdr(e) if e.sreg.is_some() => self.exthdr_store(e),
            Expr::Exthdr(e) if e.is_reset() => {
                self.act(Statement::Reset(find::exists(ExthdrOp::TcpOption, e.kind)?), &[])
            }
            Expr::Exthdr(e) => self.load(e.dreg?, Node::Exthdr(e.clone(), find::exthdr(e))),
            Expr::Rt(e) => self.load(e.dreg, Node::Field(find::rt(e.key)?)),
            Expr::Socket(e) => self.load(e.dreg, Node::Field(find::socket(e.key, e.level)?)),
            Expr::Osf(e) => self.load(
                e.dreg,
                Node::Field(find::osf(
                    e.ttl.unwrap_or(OsfTtl::True),
                    e.flags.unwrap_or_default().contains(OsfFlags::VERSION),
                )?),
            ),
            Expr::Fib(e) => self.load(e.dreg, Node::Field(find::fib(e.result, e.flags)?)),
            Expr::Xfrm(e) => {
                self.load(e.dreg, Node::Field(find::xfrm(e.key, e.direction, e.number.unwrap_or_default())?))
            }
            Expr::Tunnel(e) => self.load(e.dreg, Node::Field(find::tunnel(e.key)?)),
            Expr::Numgen(e) => {
                let random = match e.kind {
                    NumgenType::Incremental => false,
                    NumgenType::Random => true,
                    NumgenType::Unknown(_) => return None,
                };
                let offset = e.offset.unwrap_or_default();
                self.load(e.dreg, Node::Numgen { random, modulus: e.modulus, offset })
            }
            Expr::Hash(e) => {
                let (of, made_by) = match e.kind.unwrap_or(HashType::Jenkins) {
                    HashType::Symmetric => (None, Vec::new()),
                    HashType::Jenkins => {
                        let held = self.read(e.sreg?, e.len? as usize)?;
                        (Some(Box::new(held.node)), held.made_by)
                    }
                    HashType::Unknown(_) => return None,
                };
                let node = Node::Hash { of, modulus: e.modulus, seed: e.seed, offset: e.offset.unwrap_or_default() };
                self.store(e.dreg, node, made_by)
            }
            Expr::Immediate(e) => match &e.data {
                Data::Verdict(verdict) if e.dreg == Register::VERDICT => {
                    self.act(Statement::Verdict(Expression::Verdict(verdict.clone())), &[])
                }
                Data::Value(value) if e.dreg != Register::VERDICT => self.load(e.dreg, Node::Constant(*value)),
                _ => None,
            },
            Expr::Byteorder(e) => {
                let held = self.read(e.sreg, e.len as usize)?;
                let whole = held.node.bytes() == e.len;
                whole.then_some(())?;
                self.store(e.dreg, Node::Swapped(Box::new(held.node)), held.made_by)
            }
            Expr::Bitwise(e) => self.bitwise(e),
            Expr::Cmp(e) => self.cmp(e),
            Expr::Range(e) => self.range(e),
            Expr::Lookup(e) => self.lookup(e),
            Expr::Counter(_)
            | Expr::Limit(_)
            | Expr::Quota(_)
            | Expr::Last(_)
            | Expr::Connlimit(_)
            | Expr::Log(_)
            | Expr::Notrack(_)
            | Expr::Synproxy(_)
            | Expr::FlowOffload(_)
            | Expr::XtMatch(_)
            | Expr::XtTarget(_) => self.act(Statement::Plain(expr.clone()), &[]),
            Expr::Queue(e) if e.sreg.is_none() => self.act(Statement::Plain(expr.clone()), &[]),
            Expr::Queue(e) => self.queue(e),
            Expr::Reject(e) => self.reject(e),
            Expr::Nat(e) => self.nat(e),
            Expr::Masq(e) => self.masquerade(e),
            Expr::Redir(e) => self.redirect(e),
            Expr::Tproxy(e) => self.tproxy(e),
            Expr::Dup(e) => self.dup(e),
            Expr::Fwd(e) => self.fwd(e),
            Expr::Dynset(e) => self.dynset(e),
            Expr::Objref(e) => self.objref(e),
            Expr::Unknown(_) => None,
        }
    }

    fn inner(&mut self, e: &Inner) -> Option<()> {
        let tunnel = find::inner(e)?;
        match &*e.expr {
            Expr::Payload(payload) => self.load(payload.dreg?, Node::Packet(packet(payload, Some(tunnel))?)),
            Expr::Meta(meta) => self.load(meta.dreg?, Node::Field(find::meta(meta.key, Some(tunnel))?)),
            _ => None,
        }
    }

    fn bitwise(&mut self, e: &Bitwise) -> Option<()> {
        let Held { node, mut made_by } = self.read(e.sreg, e.len as usize)?;
        if node.bytes() > e.len {
            return None;
        }
        let binary = |op, left, right| Node::Binary { op, left: Box::new(left), right: Box::new(right) };
        let op = match e.op.unwrap_or(BitwiseOp::MaskXor) {
            BitwiseOp::MaskXor => {
                let (mask, xor) = (e.mask?, e.xor?);
                let same = mask.len() == e.len as usize && xor.len() == e.len as usize;
                same.then_some(())?;
                let mut node = node;
                for (op, value) in unmixed(&mask, &xor) {
                    node = binary(op, node, Node::Constant(value));
                }
                return self.store(e.dreg, node, made_by);
            }
            BitwiseOp::Lshift => BinaryOp::Lshift,
            BitwiseOp::Rshift => BinaryOp::Rshift,
            BitwiseOp::And => BinaryOp::And,
            BitwiseOp::Or => BinaryOp::Or,
            BitwiseOp::Xor => BinaryOp::Xor,
            BitwiseOp::Unknown(_) => return None,
        };
        let right = match (&e.data, e.sreg2) {
            (Some(Data::Value(value)), None) => Node::Constant(*value),
            (None, Some(register)) => {
                let held = self.read(register, e.len as usize)?;
                made_by.extend(held.made_by);
                held.node
            }
            _ => return None,
        };
        self.store(e.dreg, binary(op, node, right), made_by)
    }
}

/// `(value & mask) ^ xor` as nft's and, xor, or.
fn unmixed(mask: &[u8], xor: &[u8]) -> Vec<(BinaryOp, crate::data::Value)> {
    use crate::lang::bits::{combine, is_zero, ones, width};
    let or = combine(mask, xor, |m, x| !m & x);
    let flip = combine(mask, xor, |m, x| m & x);
    let keep = combine(mask, &or, |m, o| m | o);
    let mut steps = Vec::new();
    if ones(&keep) < width(&keep) {
        steps.push((BinaryOp::And, keep));
    }
    if !is_zero(&flip) {
        steps.push((BinaryOp::Xor, flip));
    }
    if !is_zero(&or) {
        steps.push((BinaryOp::Or, or));
    }
    steps
}

pub(super) fn packet(e: &crate::expr::Payload, tunnel: Option<Tunnel>) -> Option<Packet> {
    // The bytes of a tunnel's own header.
    let own = e.base == PayloadBase::Tunnel;
    if own != (tunnel.is_some() && own) {
        return None;
    }
    let (offset, bits) = (e.offset.checked_mul(8)?, e.len.checked_mul(8)?);
    offset.checked_add(bits)?;
    Some(Packet { base: e.base, layer: Layer::of(e.base)?, offset, bits, tunnel })
}

/// The registers that an expression reads.
fn reads(expr: &Expr) -> Vec<Register> {
    let list: [Option<Register>; 4] = match expr {
        Expr::Bitwise(e) => [Some(e.sreg), e.sreg2, None, None],
        Expr::Byteorder(e) => [Some(e.sreg), None, None, None],
        Expr::Cmp(e) => [Some(e.sreg), None, None, None],
        Expr::Range(e) => [Some(e.sreg), None, None, None],
        Expr::Lookup(e) => [Some(e.sreg), None, None, None],
        Expr::Dynset(e) => [Some(e.key), e.data, None, None],
        Expr::Objref(e) => [e.sreg, None, None, None],
        Expr::Hash(e) => [e.sreg, None, None, None],
        Expr::Payload(e) => [e.sreg, None, None, None],
        Expr::Meta(e) => [e.sreg, None, None, None],
        Expr::Ct(e) => [e.sreg, None, None, None],
        Expr::Exthdr(e) => [e.sreg, None, None, None],
        Expr::Nat(e) => [e.addr_min, e.addr_max, e.port_min, e.port_max],
        Expr::Masq(e) => [e.port_min, e.port_max, None, None],
        Expr::Redir(e) => [e.port_min, e.port_max, None, None],
        Expr::Tproxy(e) => [e.address, e.port, None, None],
        Expr::Dup(e) => [e.address, e.device, None, None],
        Expr::Fwd(e) => [Some(e.device), e.address, None, None],
        Expr::Queue(e) => [e.sreg, None, None, None],
        _ => [None; 4],
    };
    list.into_iter().flatten().collect()
}

/// Whether an expression may leave something in registers.
fn writes(expr: &Expr) -> bool {
    match expr {
        Expr::Payload(e) => e.dreg.is_some(),
        Expr::Meta(e) => e.dreg.is_some(),
        Expr::Ct(e) => e.dreg.is_some(),
        Expr::Exthdr(e) => e.dreg.is_some(),
        Expr::Lookup(e) => e.dreg.is_some(),
        Expr::Cmp(_)
        | Expr::Range(_)
        | Expr::Dynset(_)
        | Expr::Objref(_)
        | Expr::Nat(_)
        | Expr::Masq(_)
        | Expr::Redir(_)
        | Expr::Tproxy(_)
        | Expr::Dup(_)
        | Expr::Fwd(_)
        | Expr::Queue(_) => false,
        _ => true,
    }
}

/// The statements in order, and as registers what is none: what failed, with what it reads and what
/// lies between, and what nothing has read.
fn finish(lines: Vec<Line>, failed: Vec<(usize, usize)>, exprs: &[Expr]) -> Vec<Statement> {
    let mut used = vec![false; exprs.len()];
    lines.iter().flat_map(|line| &line.made_by).for_each(|at| used[*at] = true);
    failed.iter().for_each(|(from, to)| used[*from..=*to].fill(true));
    let unread = used.iter().enumerate().filter(|(_, used)| !**used).map(|(at, _)| (at, at));
    let islands: Vec<_> = failed.into_iter().chain(unread).collect();
    let spans: Vec<_> = lines.iter().map(Line::span).collect();

    // What overlaps belongs together; if a part of it is no statement, all of it is none.
    let whole = spans.iter().map(|span| (*span, false));
    let mut all: Vec<_> = whole.chain(islands.into_iter().map(|span| (span, true))).collect();
    all.sort_unstable();
    let mut groups: Vec<((usize, usize), bool)> = Vec::new();
    for ((from, to), lost) in all {
        match groups.last_mut() {
            Some(((_, end), last)) if from <= *end || from == *end + 1 && lost && *last => {
                (*end, *last) = ((*end).max(to), *last || lost);
            }
            _ => groups.push(((from, to), lost)),
        }
    }
    let lost: Vec<_> = groups.into_iter().filter(|(_, lost)| *lost).map(|(span, _)| span).collect();
    let is_lost = |(from, to): (usize, usize)| lost.iter().any(|(start, end)| *start <= to && from <= *end);

    let islands = lost.iter().map(|(from, to)| (*to, Statement::Registers(exprs[*from..=*to].to_vec())));
    let implied = |line: &Line| line.implied_by.and_then(|by| spans.get(by)).is_some_and(|span| !is_lost(*span));
    let kept = lines.into_iter().filter(|line| !is_lost(line.span()) && !implied(line));
    let mut all: Vec<_> = kept.map(|line| (line.span().1, line.statement)).chain(islands).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, statement)| statement).collect()
}
