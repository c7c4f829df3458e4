//! Chains.

use super::{CREATE, Case, Why, Witness, why};
use crate::{
    batch::Verb,
    data::{ChainType, Family, Hook},
    model::{Chain, Kind},
};
use nix::errno::Errno;

const REMAKE: &str = "type, hook and priority of a chain cannot be changed: delete and add it in the same batch";

impl Case<'_> {
    pub(super) fn chain(&self, world: &mut Witness<'_>) -> Why {
        let name = self.name();
        let chain = self.change.as_chain().ok();
        match (self.errno, &chain) {
            (Errno::ENOENT, _) if self.path.ends_at("table") => self.general(world),
            // Kernels before 6.2 do not point at what is missing.
            (Errno::ENOENT, Some(chain))
                if self.path.ends_at("kind")
                    || self.path.is_empty()
                        && self.makes()
                        && chain.kind.is_some()
                        && chain.devices().is_empty()
                        && self.has_table(world) =>
            {
                let kind = text(chain.kind.as_ref());
                why(
                    format!("this kernel has no chains of type {kind} in family {}", self.family()),
                    format!("load or build in nft_chain_{kind}"),
                )
            }
            (Errno::ENOENT, Some(chain)) if chain.hook.is_some() && self.makes() => {
                why("a device of the chain does not exist", "make the device first; kernels from 6.16 on wait for it")
            }
            (Errno::ENOENT, _) if self.verb == Verb::Rename => why(
                format!("the chain that is to be renamed to {name} is not there in {}", self.place()),
                "list the chains again: its handle may be gone",
            ),
            (Errno::ENOENT, _) => self.missing("chain", Kind::Chain, &name, world),
            (Errno::EEXIST, _) if self.verb == Verb::Rename => why(
                format!("{} has a chain {name} already", self.place()),
                "rename or delete that one first, in the same batch, or choose another name",
            ),
            (Errno::EEXIST, _) if self.verb == Verb::Create => why(format!("chain {name} exists already"), CREATE),
            (Errno::EBUSY, _) => why(
                format!("chain {name} is in use: a rule or a map jumps to it"),
                "delete what jumps to it first, in the same batch",
            ),
            (Errno::EEXIST | Errno::EOPNOTSUPP, Some(chain)) => self.other_chain(chain, world),
            (Errno::EINVAL, Some(chain)) if chain.hook.is_some() && chain.devices().is_empty() => {
                why("the kernel finds this chain invalid", "ingress and egress chains need a device")
            }
            _ => self.general(world),
        }
    }

    /// A chain that differs from the one there is, or that cannot be.
    fn other_chain(&self, chain: &Chain, world: &mut Witness<'_>) -> Why {
        let (name, family) = (&chain.name, self.family());
        if self.path.ends_at("policy") && chain.hook.is_none() {
            return why(
                format!("chain {name} has no hook, so it can have no policy"),
                "end it with a rule that decides",
            );
        }
        let present = world.world.chain(&self.home(), name).filter(|p| p.hook != chain.hook || p.kind != chain.kind);
        if let (Some(present), Some(hook)) = (present, &chain.hook) {
            let is = match present.base() {
                Some((hook, priority)) => {
                    format!("of type {}, hook {hook}, priority {priority}", text(present.kind.as_ref()))
                }
                None => "without a hook".into(),
            };
            let wanted = hook.number.flatten().and_then(|n| Hook::from_number(family, n)).map(|h| h.to_string());
            let (kind, hook) = (text(chain.kind.as_ref()), wanted.unwrap_or_default());
            let priority = chain.hook.as_ref().and_then(|h| h.priority).unwrap_or_default();
            return why(
                format!(
                    "chain {name} exists {is}; it cannot become one of type {kind}, hook {hook}, priority {priority}"
                ),
                REMAKE,
            );
        }
        match (&chain.kind, chain.base()) {
            (Some(ChainType::Nat), Some((_, priority))) if priority <= -200 => why(
                format!("a nat chain needs a priority above -200, this has {priority}"),
                "connection tracking, which it builds upon, comes at -200; the usual ones are dstnat (-100) and srcnat (100)",
            ),
            (Some(kind), Some((hook, _))) => why(
                format!("there are no chains of type {} at hook {hook} in family {family}", text(Some(kind))),
                match (kind, family) {
                    (ChainType::Nat, Family::Ip | Family::Ip6 | Family::Inet) => {
                        "nat is for prerouting, input, output and postrouting"
                    }
                    (ChainType::Route, Family::Ip | Family::Ip6 | Family::Inet) => "route is for output",
                    (ChainType::Nat | ChainType::Route, _) => "it is for families ip, ip6 and inet",
                    _ => "",
                },
            ),
            _ => why(format!("the kernel does not take this hook, type or policy for chain {name}"), REMAKE),
        }
    }
}

fn text(kind: Option<&ChainType>) -> String {
    String::from_utf8_lossy(kind.unwrap_or(&ChainType::Filter).as_ref()).into_owned()
}
