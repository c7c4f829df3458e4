//! What is to be done, and what it costs.

use super::{
    elements::{Entry, is_moving},
    lines::{Detail, Elements, SHOWN, rule_name},
    normal,
    view::View,
};
use crate::{
    Batch,
    batch::Verb,
    data::{Family, Name},
    expr::{Counter, Expr, Quota},
    model::{Element, FilledSet, Generation, Kind, Object, ObjectData, Rule, Ruleset, Set, SetFlags},
    wire::message::Message,
};
use std::{collections::HashSet, fmt, ops::Deref, time::Duration};

/// What turns what is there into what is desired: a [`Batch`] that is bound to the generation it
/// was made on.
///
/// From [`Client::plan`](crate::Client::plan) or [`diff`](super::diff); for
/// [`Client::apply`](crate::Client::apply) and [`Client::check`](crate::Client::check) it is the
/// batch that it derefs to. It prints like a diff, in nft's syntax:
///
/// ```text
/// - rule inet host input handle 7 ip saddr @blocked drop
/// ~ chain inet host input { type filter hook input priority filter; policy drop; }
/// + element inet host blocked { 10.0.0.1 timeout 1h, 10.0.0.2 timeout 1h }
/// + rule inet host input tcp dport 22 counter accept
/// ```
#[derive(Debug)]
pub struct Plan {
    pub(super) batch: Batch,
    /// What goes that its message does not show, by operation.
    pub(super) gone: Vec<(usize, Detail)>,
    /// What that speaks of: sets, those with a name without their elements, and chains of rules.
    pub(crate) before: Ruleset,
    pub(super) destroyed: Vec<Destroyed>,
    pub(super) replaced: Vec<Replaced>,
    pub(super) due: Option<Duration>,
    /// What the kernel changes in place.
    pub(super) kernel: super::Kernel,
}

/// Something that the kernel cannot change in place: a [`Plan`] removes it and makes it again, with
/// what names it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Replaced {
    /// What: `chain inet host input`.
    pub what: String,
    /// What of it is to be another: `hook`.
    pub differs: &'static str,
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: another {}", self.what, self.differs)
    }
}

/// State that a [`Plan`] would destroy: what the kernel counted or learned, and no desired state
/// brings back.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Destroyed {
    /// What a counter has counted.
    Counter {
        /// Of what: `rule inet host input handle 7`.
        of: String,
        /// Packets.
        packets: u64,
        /// Bytes.
        bytes: u64,
    },
    /// What is used of a quota.
    Quota {
        /// Of what.
        of: String,
        /// Bytes.
        consumed: u64,
    },
    /// Elements that came by themselves.
    Learned {
        /// Of which set.
        of: String,
        /// How many; `None` if the kernel does not tell without a listing (before 6.16).
        elements: Option<u32>,
    },
}

impl fmt::Display for Destroyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter { of, packets, bytes } => write!(f, "counter of {of}: {packets} packets, {bytes} bytes"),
            Self::Quota { of, consumed } => write!(f, "quota of {of}: {consumed} bytes used"),
            Self::Learned { of, elements: Some(n) } => write!(f, "{n} learned elements of {of}"),
            Self::Learned { of, elements: None } => write!(f, "learned elements of {of}"),
        }
    }
}

pub(super) fn set_word(set: &Set) -> &'static str {
    if set.flags().intersects(SetFlags::MAP | SetFlags::OBJECT) { "map" } else { "set" }
}

pub(super) fn set_name(set: &Set) -> String {
    format!("{} {} {} {}", set_word(set), set.family, set.table, set.name)
}

/// A line of a plan without the numbers of rules, which are others each time.
fn without_numbers(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let place = |at: usize| matches!(words.get(at), Some(&("handle" | "position")));
    // `+ rule FAMILY TABLE CHAIN handle N`.
    let numbered = words.get(1) == Some(&"rule") && place(5);
    if numbered { [&words[..5], words.get(7..).unwrap_or_default()].concat().join(" ") } else { line.to_owned() }
}

/// Something of a table.
type Named<'a> = (Family, &'a Name, &'a Name);

impl Deref for Plan {
    type Target = Batch;
    fn deref(&self) -> &Batch {
        &self.batch
    }
}

impl From<Plan> for Batch {
    fn from(plan: Plan) -> Self {
        plan.batch
    }
}

impl Plan {
    pub(super) fn new(generation: Generation, kernel: super::Kernel) -> Self {
        let mut batch = Batch::new();
        batch.expect(generation);
        let before = Ruleset::new(generation);
        Self { batch, gone: Vec::new(), before, destroyed: Vec::new(), replaced: Vec::new(), due: None, kernel }
    }

    /// The state that would be lost. Empty for most plans: rules that stay keep their counters,
    /// sets what they learned.
    pub fn destroys(&self) -> &[Destroyed] {
        &self.destroyed
    }

    /// What would be removed and made again, because the kernel cannot change it in place.
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }

    /// After how long the next plan will not be empty, if this one is applied now and nobody
    /// changes anything: when the first of the elements that are desired with a timeout has less
    /// than half of it left. `None` if there is no such element.
    ///
    /// Who reconciles that often keeps them alive. Zero if this plan only makes room in a set that
    /// learns, for elements that the next plan adds: a larger size counts from the next batch on.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// What does not settle: what this plan makes or changes just as `applied` did, in the words of
    /// a plan.
    ///
    /// Ask it of the plan that comes after one that was applied, if nobody else has changed the
    /// tables since. What it names the kernel (or this version of the crate) does not make as it is
    /// desired, and the next plan will say it again: a program that reconciles in a loop tells it
    /// and waits, instead of trying at once. Elements that are given another life are left out:
    /// that is said again when it is [due](Self::due).
    ///
    /// ```
    /// use oxitables::{Batch, Family, Table, model::Ruleset, reconcile::diff};
    /// let host = Table::new(Family::Inet, "host");
    /// let desired = Ruleset::made_by(Batch::new().add(&host).add(host.chain("input")))?;
    /// let mut present = Ruleset::made_by(Batch::new().add(&host))?;
    /// let applied = diff(&present, &desired);
    /// // The kernel did nothing:
    /// assert_eq!(diff(&present, &desired).unsettled(&applied), ["+ chain inet host input"]);
    /// // It did what was asked for:
    /// present.change(&applied)?;
    /// assert!(diff(&present, &desired).unsettled(&applied).is_empty());
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    pub fn unsettled(&self, applied: &Self) -> Vec<String> {
        let made = |plan: &Self| -> Vec<String> {
            let text = plan.to_string();
            let lines = text.lines().filter(|line| !line.starts_with('-') && !line.starts_with("~ element "));
            lines.map(without_numbers).collect()
        };
        let before: HashSet<String> = made(applied).into_iter().collect();
        made(self).into_iter().filter(|line| before.contains(line)).collect()
    }

    /// Whether only another plan can do the rest.
    pub(crate) fn has_next(&self) -> bool {
        self.due == Some(Duration::ZERO)
    }

    /// What two plans did, one after the other.
    pub(crate) fn then(mut self, next: Self) -> Self {
        let done = self.batch.len();
        self.batch.append(next.batch);
        self.gone.extend(next.gone.into_iter().map(|(operation, detail)| (operation + done, detail)));
        self.before.sets.extend(next.before.sets);
        self.before.chains.extend(next.before.chains);
        self.before.rules.extend(next.before.rules);
        self.destroyed.extend(next.destroyed);
        self.replaced.extend(next.replaced);
        self.due = next.due;
        self
    }

    /// Whether elements are to live again.
    pub(crate) fn refreshes(&self) -> bool {
        self.batch.each_operation().any(|(verb, _)| verb == Verb::Refresh)
    }

    /// Whether sets or chains are changed in place, which old kernels do not do, or only in part.
    pub(crate) fn changes_in_place(&self) -> bool {
        let is_one = |message: Message<'_>| matches!(message.nft().and_then(Kind::of), Some(Kind::Set | Kind::Chain));
        self.batch.each_operation().any(|(verb, mut all)| verb == Verb::Update && all.any(is_one))
    }

    /// Notes something that is removed and made again.
    pub(super) fn replaces(
        &mut self,
        kind: impl fmt::Display,
        (family, table, name): Named<'_>,
        differs: &'static str,
    ) {
        self.replaced.push(Replaced { what: format!("{kind} {family} {table} {name}"), differs });
    }

    /// Notes a rule that the next operation removes.
    pub(super) fn goes(&mut self, rule: &Rule, old: &View<'_>) {
        self.loses_rule(rule);
        self.keep_belongings(rule, old);
        self.gone.push((self.batch.len(), Detail::Rule(rule.clone())));
    }

    /// Notes the elements of a set that the next operation removes.
    pub(super) fn elements_go(&mut self, set: &Set, gone: &[Entry<'_>]) {
        let first = gone.iter().take(SHOWN).flat_map(|entry| {
            let (start, end) = entry.whole();
            [Some(start.clone()), end].into_iter().flatten()
        });
        let mut shown = Elements::new((set.family, set.table.clone(), set.name.clone()), first);
        shown.more = gone.len().saturating_sub(SHOWN);
        self.gone.push((self.batch.len(), Detail::Elements(shown)));
    }

    /// Notes a set that the next operation removes.
    pub(super) fn set_goes(&mut self, set: &FilledSet) {
        self.loses_set(set);
        self.gone.push((self.batch.len(), Detail::Set(FilledSet::new(set.set.clone(), Vec::new()))));
    }

    /// Keeps what a rule that goes has for itself.
    fn keep_belongings(&mut self, rule: &Rule, old: &View<'_>) {
        for expr in rule.exprs() {
            self.before.sets.extend(old.own_set(expr).cloned());
            if let Some(own) = old.own_chain(expr).filter(|own| own.name != rule.chain) {
                self.before.chains.push(own.clone());
                for inner in old.rules(&own.name) {
                    self.keep_belongings(inner, old);
                    self.before.rules.push((*inner).clone());
                }
            }
        }
    }

    /// Notes what goes with a rule.
    pub(super) fn loses_rule(&mut self, rule: &Rule) {
        self.loses(rule.exprs(), &|| rule_name(rule));
    }

    /// Notes what goes with an object.
    pub(super) fn loses_object(&mut self, object: &Object) {
        let expr = match &object.data {
            Some(ObjectData::Counter(e)) => e.clone().into(),
            Some(ObjectData::Quota(e)) => e.clone().into(),
            _ => return,
        };
        let kind = object.kind.map_or(String::new(), |kind| kind.to_string());
        self.loses(&[expr], &|| format!("{kind} {} {} {}", object.family, object.table, object.name));
    }

    /// Notes what goes with a set.
    pub(super) fn loses_set(&mut self, set: &FilledSet) {
        let elements = set.set.count.or(u32::try_from(set.elements.len()).ok().filter(|n| *n > 0));
        if is_moving(&set.set) && elements != Some(0) {
            self.destroyed.push(Destroyed::Learned { of: set_name(&set.set), elements });
        }
        for element in &set.elements {
            self.loses_element(&set.set, element);
        }
    }

    /// Notes what goes with an element.
    pub(super) fn loses_element(&mut self, set: &Set, element: &Element) {
        self.loses(normal::counts(element), &|| format!("element of set {} {} {}", set.family, set.table, set.name));
    }

    /// Notes what expressions have counted.
    pub(super) fn loses(&mut self, exprs: &[Expr], of: &dyn Fn() -> String) {
        self.destroyed.extend(exprs.iter().filter_map(|expr| match expr {
            Expr::Counter(Counter { packets: Some(packets @ 1..), bytes, .. }) => {
                Some(Destroyed::Counter { of: of(), packets: *packets, bytes: bytes.unwrap_or(0) })
            }
            Expr::Quota(Quota { consumed: Some(consumed @ 1..), .. }) => {
                Some(Destroyed::Quota { of: of(), consumed: *consumed })
            }
            _ => None,
        }));
    }
}
