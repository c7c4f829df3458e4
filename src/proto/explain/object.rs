//! Objects and flowtables.

use super::{CREATE, Case, Why, Witness, why};
use crate::{
    batch::Verb,
    data::Family,
    expr::ObjectType,
    model::{Device, Flowtable, Kind, ObjectData},
};
use nix::errno::Errno;

impl Case<'_> {
    pub(super) fn object(&self, world: &mut Witness<'_>) -> Why {
        let name = self.name();
        let kind = self.change.object_type();
        let noun = kind.map_or("object".into(), |kind| kind.to_string());
        let object = self.change.as_object().ok();
        match (self.errno, object.and_then(|o| o.data)) {
            (Errno::ENOENT, _) if self.path.ends_at("table") => self.general(world),
            (Errno::ENOENT, Some(ObjectData::CtHelper(helper))) if !self.path.ends_at("kind") => {
                let module = format!("nf_conntrack_{}", helper.name);
                why(format!("this kernel has no helper {} for that protocol", helper.name), format!("load {module}"))
            }
            (Errno::ENOENT, Some(ObjectData::Secmark(_))) if !self.path.ends_at("kind") => {
                why("no security module knows this context", "secmark needs SELinux, and a context of its policy")
            }
            (Errno::ENOENT, _) if self.makes() => why(
                format!("this kernel has no {noun} objects in family {}", self.family()),
                kind.map_or(String::new(), |kind| {
                    format!("load the module {}, or use a kernel that has it", module(kind))
                }),
            ),
            (Errno::ENOENT, _) => self.missing(&noun, Kind::Object, &name, world),
            (Errno::EEXIST, _) if self.verb == Verb::Create => why(format!("{noun} {name} exists already"), CREATE),
            (Errno::EBUSY, _) => why(
                format!("{noun} {name} is in use by a rule or a map"),
                "delete the rule or the element first, in the same batch",
            ),
            (Errno::EOPNOTSUPP | Errno::EINVAL | Errno::EPROTONOSUPPORT, Some(data)) => {
                let cause = wrong(self.family(), &data);
                why(cause.unwrap_or_else(|| format!("the kernel does not take {noun} {name} like this")), "")
            }
            _ => self.general(world),
        }
    }

    pub(super) fn flowtable(&self, world: &mut Witness<'_>) -> Why {
        let name = self.name();
        let flowtable = self.change.as_flowtable().ok();
        match self.errno {
            Errno::ENOENT if self.path.ends_at("table") => self.general(world),
            Errno::ENOENT if self.makes() => {
                let names = flowtable.iter().flat_map(Flowtable::devices).map(|device| match device {
                    Device::Name(name) => name.to_string(),
                    Device::Prefix(name) => format!("{name}*"),
                });
                let devices = names.collect::<Vec<_>>().join(", ");
                why(
                    format!(
                        "this kernel has no flowtables for family {}, or not all of the devices: {devices}",
                        self.family()
                    ),
                    "load nf_flow_table and nf_flow_table_inet; make the devices first (kernels from 6.16 on wait for them)",
                )
            }
            Errno::ENOENT => self.missing("flowtable", Kind::Flowtable, &name, world),
            Errno::EEXIST if self.verb == Verb::Create => why(format!("flowtable {name} exists already"), CREATE),
            Errno::EEXIST => why("a device is in another flowtable already", ""),
            Errno::EBUSY => {
                why(format!("flowtable {name} is in use by a rule"), "delete the rule first, in the same batch")
            }
            Errno::EOPNOTSUPP if !matches!(self.family(), Family::Ip | Family::Ip6 | Family::Inet) => {
                why("flowtables are for the families ip, ip6 and inet", "")
            }
            Errno::EOPNOTSUPP if self.makes() => why(
                "flags and hook of a flowtable cannot be changed, or a device cannot offload",
                "delete and add it in the same batch",
            ),
            _ => self.general(world),
        }
    }
}

/// What is wrong with an object as such.
fn wrong(family: Family, data: &ObjectData) -> Option<String> {
    Some(match data {
        ObjectData::Tunnel(_) if family != Family::Netdev => "tunnels are for family netdev".into(),
        ObjectData::CtHelper(_)
        | ObjectData::CtTimeout(_)
        | ObjectData::CtExpectation(_)
        | ObjectData::Connlimit(_)
            if !matches!(family, Family::Ip | Family::Ip6 | Family::Inet) =>
        {
            format!("connection tracking does not work in family {family}")
        }
        ObjectData::CtTimeout(timeout) => format!("this kernel has no timeouts for protocol {}", timeout.l4proto),
        ObjectData::Limit(limit) if limit.rate == 0 => "a limit of rate 0 would never pass anything".into(),
        _ => return None,
    })
}

/// The module with an object.
fn module(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::Quota => "nft_quota",
        ObjectType::CtHelper | ObjectType::CtTimeout | ObjectType::CtExpect => "nft_ct",
        ObjectType::Limit => "nft_limit",
        ObjectType::Connlimit => "nft_connlimit",
        ObjectType::Tunnel => "nft_tunnel",
        ObjectType::Synproxy => "nft_synproxy",
        _ => "nf_tables",
    }
}
