use super::chain::ChainName;
use crate::{
    data::{Family, Name, Userdata, UserdataCodec},
    expr::{Counter, Expr, ExprList},
    wire::{Be32, Be64, Nest, Text},
};

attributes! {
    /// A rule as the kernel holds it: a list of expressions.
    ///
    /// To write one, use the typed [`Rule`](crate::Rule); this is what it becomes, and what
    /// listings return.
    ///
    /// ```
    /// use oxitables::{Family, Table, data::*, expr::*, model};
    /// let input = Table::new(Family::Inet, "host").chain("input");
    /// let rule = model::Rule::new(&input, [Immediate::new(Register::VERDICT, Verdict::accept())]).with_comment("all");
    /// assert_eq!(rule.comment().unwrap(), "all");
    /// ```
    ///
    /// Kernel: `nf_tables_newrule`, since 3.13; at most 128 expressions.
    pub struct Rule [
        /// Family of its table.
        family: Family
    ] {
        /// Name of its table.
        req table: Name = 1 "NFTA_RULE_TABLE" as Text<255>,
        /// Name of its chain.
        req chain: Name = 2 "NFTA_RULE_CHAIN" as ChainName,
        /// Number that the kernel gave it, unique in the table.
        out handle: u64 = 3 "NFTA_RULE_HANDLE" as Be64,
        /// Handle of the rule before it, in events.
        out position: u64 = 6 "NFTA_RULE_POSITION" as Be64,
        /// What it does.
        opt exprs: Vec<Expr> = 4 "NFTA_RULE_EXPRESSIONS" as ExprList,
        /// Protocol that iptables extensions see.
        opt compat: RuleCompat = 5 "NFTA_RULE_COMPAT" as Nest,
        /// Notes of user space. Since 3.15.
        opt userdata: Userdata = 7 "NFTA_RULE_USERDATA" as UserdataCodec,
        /// Number for other messages of this batch to name it by. Since 4.12; never reported.
        opt id: u32 = 9 "NFTA_RULE_ID" as Be32,
        /// Number of the rule of this batch that it stands next to. Since 5.1; never reported.
        opt position_id: u32 = 10 "NFTA_RULE_POSITION_ID" as Be32,
        /// Number of a chain of this batch that has no name yet. Since 5.9; never reported.
        opt chain_id: u32 = 11 "NFTA_RULE_CHAIN_ID" as Be32,
    } pad 8 "NFTA_RULE_PAD"
}

attributes! {
    /// What iptables extensions in a rule are told of it.
    pub struct RuleCompat {
        /// Transport protocol that the rule matches.
        opt protocol: u32 = 1 "NFTA_RULE_COMPAT_PROTO" as Be32,
        /// Flags.
        opt flags: RuleCompatFlags = 2 "NFTA_RULE_COMPAT_FLAGS" as Be32,
    }
}

flags! {
    /// Flags of a [`RuleCompat`].
    pub struct RuleCompatFlags: u32 {
        /// Means nothing.
        UNUSED = 1 "NFT_RULE_COMPAT_F_UNUSED",
        /// The rule matches every other protocol.
        INV = 2 "NFT_RULE_COMPAT_F_INV",
    }
}

commented!(Rule, 0);

impl Rule {
    /// A rule of `chain` made of expressions.
    pub fn new<E: Into<Expr>>(chain: &super::Chain, exprs: impl IntoIterator<Item = E>) -> Self {
        Self {
            exprs: Some(exprs.into_iter().map(Into::into).collect()),
            chain_id: chain.id.filter(|_| chain.is_nameless()),
            ..Self::required(chain.family, chain.table.clone(), chain.name.clone())
        }
    }

    /// What it does.
    pub fn exprs(&self) -> &[Expr] {
        self.exprs.as_deref().unwrap_or_default()
    }

    /// The first counter of the rule: packets and bytes so far, in a rule that was listed.
    ///
    /// ```
    /// use oxitables::{Family, Table, expr::{Counter, Expr, Notrack}, model::Rule};
    /// let chain = Table::new(Family::Inet, "host").chain("input");
    /// let rule = Rule::new(&chain, [Expr::from(Notrack::new()), Counter::new().into()]);
    /// assert!(rule.counter().is_some());
    /// ```
    pub fn counter(&self) -> Option<&Counter> {
        self.exprs().iter().find_map(Expr::as_counter)
    }
}
