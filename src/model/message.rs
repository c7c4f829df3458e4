use super::Kind;
use crate::wire::{Scope, Spec};

/// What the message that begins a batch may have: the generation that it is bound to.
pub(super) const BATCH: &[Spec] =
    &[Spec { number: 1, name: "NFNL_BATCH_GENID", field: "generation", scope: Scope::Leaf }];

numbers! {
    /// What a message is about and what it asks for: the lower byte of its type.
    pub enum MessageType: u8 {
        /// Makes a table, or tells of one.
        NewTable = 0 "NFT_MSG_NEWTABLE",
        /// Asks for tables.
        GetTable = 1 "NFT_MSG_GETTABLE",
        /// Deletes a table.
        DelTable = 2 "NFT_MSG_DELTABLE",
        /// Makes a chain, or tells of one.
        NewChain = 3 "NFT_MSG_NEWCHAIN",
        /// Asks for chains.
        GetChain = 4 "NFT_MSG_GETCHAIN",
        /// Deletes a chain.
        DelChain = 5 "NFT_MSG_DELCHAIN",
        /// Makes a rule, or tells of one.
        NewRule = 6 "NFT_MSG_NEWRULE",
        /// Asks for rules.
        GetRule = 7 "NFT_MSG_GETRULE",
        /// Deletes rules.
        DelRule = 8 "NFT_MSG_DELRULE",
        /// Makes a set, or tells of one.
        NewSet = 9 "NFT_MSG_NEWSET",
        /// Asks for sets.
        GetSet = 10 "NFT_MSG_GETSET",
        /// Deletes a set.
        DelSet = 11 "NFT_MSG_DELSET",
        /// Adds elements, or tells of them.
        NewSetElem = 12 "NFT_MSG_NEWSETELEM",
        /// Asks for elements.
        GetSetElem = 13 "NFT_MSG_GETSETELEM",
        /// Deletes elements.
        DelSetElem = 14 "NFT_MSG_DELSETELEM",
        /// Tells of a commit. Since 3.18.
        NewGen = 15 "NFT_MSG_NEWGEN",
        /// Asks for the generation. Since 3.18.
        GetGen = 16 "NFT_MSG_GETGEN",
        /// Tells of a step of a traced packet. Since 4.5.
        Trace = 17 "NFT_MSG_TRACE",
        /// Makes or changes an object, or tells of one. Since 4.10.
        NewObj = 18 "NFT_MSG_NEWOBJ",
        /// Asks for objects. Since 4.10.
        GetObj = 19 "NFT_MSG_GETOBJ",
        /// Deletes an object. Since 4.10.
        DelObj = 20 "NFT_MSG_DELOBJ",
        /// Asks for objects and resets them. Since 4.10.
        GetObjReset = 21 "NFT_MSG_GETOBJ_RESET",
        /// Makes a flowtable, or tells of one. Since 4.16.
        NewFlowtable = 22 "NFT_MSG_NEWFLOWTABLE",
        /// Asks for flowtables. Since 4.16.
        GetFlowtable = 23 "NFT_MSG_GETFLOWTABLE",
        /// Deletes a flowtable. Since 4.16.
        DelFlowtable = 24 "NFT_MSG_DELFLOWTABLE",
        /// Asks for rules and resets them. Since 6.2.
        GetRuleReset = 25 "NFT_MSG_GETRULE_RESET",
        /// Deletes a table if it is there. Since 6.3.
        DestroyTable = 26 "NFT_MSG_DESTROYTABLE",
        /// Deletes a chain if it is there. Since 6.3.
        DestroyChain = 27 "NFT_MSG_DESTROYCHAIN",
        /// Deletes rules if they are there. Since 6.3.
        DestroyRule = 28 "NFT_MSG_DESTROYRULE",
        /// Deletes a set if it is there. Since 6.3.
        DestroySet = 29 "NFT_MSG_DESTROYSET",
        /// Deletes elements if they are there. Since 6.3.
        DestroySetElem = 30 "NFT_MSG_DESTROYSETELEM",
        /// Deletes an object if it is there. Since 6.3.
        DestroyObj = 31 "NFT_MSG_DESTROYOBJ",
        /// Deletes a flowtable if it is there. Since 6.3.
        DestroyFlowtable = 32 "NFT_MSG_DESTROYFLOWTABLE",
        /// Asks for elements and resets them. Since 6.5.
        GetSetElemReset = 33 "NFT_MSG_GETSETELEM_RESET",
    }
}

/// What a message does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Does {
    /// Makes it, or changes it.
    New,
    /// Removes it, and fails if it is not there.
    Delete,
    /// Removes it if it is there.
    Destroy,
}

impl Does {
    pub(crate) fn removes(self) -> bool {
        self != Self::New
    }
}

impl MessageType {
    /// What a message of this type does, and to what; `None` if it changes nothing.
    pub(crate) fn change(self) -> Option<(Does, Kind)> {
        Some(match self {
            Self::NewTable => (Does::New, Kind::Table),
            Self::DelTable => (Does::Delete, Kind::Table),
            Self::DestroyTable => (Does::Destroy, Kind::Table),
            Self::NewChain => (Does::New, Kind::Chain),
            Self::DelChain => (Does::Delete, Kind::Chain),
            Self::DestroyChain => (Does::Destroy, Kind::Chain),
            Self::NewRule => (Does::New, Kind::Rule),
            Self::DelRule => (Does::Delete, Kind::Rule),
            Self::DestroyRule => (Does::Destroy, Kind::Rule),
            Self::NewSet => (Does::New, Kind::Set),
            Self::DelSet => (Does::Delete, Kind::Set),
            Self::DestroySet => (Does::Destroy, Kind::Set),
            Self::NewSetElem => (Does::New, Kind::Elements),
            Self::DelSetElem => (Does::Delete, Kind::Elements),
            Self::DestroySetElem => (Does::Destroy, Kind::Elements),
            Self::NewObj => (Does::New, Kind::Object),
            Self::DelObj => (Does::Delete, Kind::Object),
            Self::DestroyObj => (Does::Destroy, Kind::Object),
            Self::NewFlowtable => (Does::New, Kind::Flowtable),
            Self::DelFlowtable => (Does::Delete, Kind::Flowtable),
            Self::DestroyFlowtable => (Does::Destroy, Kind::Flowtable),
            _ => return None,
        })
    }
}
